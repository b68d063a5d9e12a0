package people

// clientRights is what programs get their tokens by. They are public: a client shows its secret there, and everybody may check tokens.
func clientRights() []Right {
	return []Right{
		{Route: "POST /oauth/token", Public: true},
		{Route: "GET /.well-known/oauth-authorization-server", Public: true},
		{Route: "GET /.well-known/jwks.json", Public: true},
	}
}
