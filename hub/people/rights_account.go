package people

// accountRights is what everybody may do with what lets themselves in. Most of it is for sessions that still owe the second factor, too:
// which of it a half session may do is for the service to say, since it depends on what the person has. Of sessions it ends only itself.
func accountRights() []Right {
	return []Right{
		{Route: "POST /v1/logout", Roles: all, Act: true, Half: true},
		{Route: "GET /v1/me", Roles: all, Half: true},
		{Route: "POST /v1/me/confirm", Roles: all, Act: true, Half: true},
		{Route: "PUT /v1/me/password", Roles: all, Act: true, Half: true},
		{Route: "GET /v1/me/sessions", Roles: all},
		{Route: "DELETE /v1/me/sessions", Roles: all, Act: true},
		{Route: "DELETE /v1/me/sessions/:id", Roles: all, Act: true},

		{Route: "POST /logout", Roles: all, Act: true, Half: true},
		{Route: "GET /account", Roles: all, Half: true},
		{Route: "POST /account/confirm", Roles: all, Act: true, Half: true},
		{Route: "POST /account/password", Roles: all, Act: true, Half: true},
		{Route: "POST /account/totp", Roles: all, Act: true, Half: true},
		{Route: "POST /account/recovery", Roles: all, Act: true},
		{Route: "POST /account/sessions", Roles: all, Act: true},
	}
}
