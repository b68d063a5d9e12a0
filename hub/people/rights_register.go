package people

// registerRights is who may see who stands behind a pseudonym, and what is kept about that.
func registerRights() []Right {
	see := []Role{Admin, Support, System}
	watch := []Role{Admin, Quality, Support}
	return []Right{
		{Route: "POST /v1/customers", Roles: see, Act: true},
		{Route: "POST /v1/customers/search", Roles: see, Act: true}, // a look is kept
		{Route: "GET /v1/customers/:id", Roles: see},
		{Route: "PUT /v1/customers/:id", Roles: see, Act: true},
		{Route: "GET /v1/customers/:id/looks", Roles: watch},
		{Route: "GET /v1/customers/:id/export", Roles: []Role{Admin, Support}},
		{Route: "POST /v1/customers/:id/erasure", Roles: []Role{Admin, Support}, Act: true, Sign: always},
		{Route: "GET /v1/exposures", Roles: []Role{Admin, Quality}},
		{Route: "GET /v1/retention", Roles: watch},

		{Route: "GET /customers", Roles: watch},
		{Route: "POST /customers", Roles: []Role{Admin, Support}, Act: true},
		{Route: "GET /customers/exposures", Roles: []Role{Admin, Quality}},
		{Route: "GET /audit", Roles: []Role{Admin, Quality}},
		{Route: "GET /retention", Roles: watch},
	}
}
