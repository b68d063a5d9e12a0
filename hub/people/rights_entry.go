package people

// entryRights is passkeys and the company's login. A half session may use what it takes to give the second factor or to enrol one; whether
// it may is for the service to say.
func entryRights() []Right {
	return []Right{
		{Route: "GET /login/passkey", Public: true},
		{Route: "GET /login/company", Public: true},
		{Route: "GET /login/company/back", Public: true}, // by its state
		{Route: "GET /account/passkey", Roles: all, Half: true},
		{Route: "POST /account/passkeys", Roles: all, Act: true, Half: true},
	}
}
