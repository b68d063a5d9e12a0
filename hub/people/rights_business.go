package people

// businessRights are for choosing the business that one works for now. Who has one role only has nothing to choose.
func businessRights() []Right {
	return []Right{
		{Route: "POST /v1/me/business", Roles: all, Act: true, Half: true},
		{Route: "GET /businesses", Roles: all, Half: true},
		{Route: "POST /businesses", Roles: all, Act: true, Half: true},
	}
}
