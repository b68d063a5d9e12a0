package people

// rentalRights says who works with pieces. Nothing in them names a customer: orders carry pseudonyms.
func rentalRights() []Right {
	look := []Role{Admin, Dispatcher, Warehouse, Support}
	lead := []Role{Admin, Warehouse}
	return []Right{
		{Route: "GET /v1/rental/items/:id", Roles: with(look, System)},
		{Route: "GET /v1/rental/stages", Roles: with(look, System)},
		{Route: "GET /v1/rental/today", Roles: with(look, System)},
		{Route: "GET /v1/rental/orders", Roles: with(look, Customer, System)},     // a customer their own only
		{Route: "GET /v1/rental/orders/:id", Roles: with(look, Customer, System)}, // a customer their own only
		{Route: "GET /v1/rental/bags", Roles: with(look, System)},
		{Route: "POST /v1/rental/orders", Roles: with(lead, Support, System), Act: true},
		{Route: "POST /v1/rental/orders/:id/allocate", Roles: with(lead, System), Act: true},
		{Route: "POST /v1/rental/orders/:id/release", Roles: with(lead, Support, System), Act: true},
		{Route: "POST /v1/rental/orders/:id/deliver", Roles: with(lead, Support, System), Act: true},
		{Route: "POST /v1/rental/orders/:id/end", Roles: with(lead, Support, System), Act: true},
		{Route: "POST /v1/rental/items/:id/end", Roles: with(lead, Support, System), Act: true},
		{Route: "GET /v1/rental/batches", Roles: with(look, System)},
		{Route: "POST /v1/rental/batches", Roles: with(lead, System), Act: true},
		{Route: "GET /v1/rental/repairs", Roles: with(look, System)},
		{Route: "POST /v1/rental/repairs", Roles: with(lead, System), Act: true},
		{Route: "POST /v1/rental/bags/:id/carrier", Roles: with(lead, Support, System), Act: true},
		{Route: "GET /rental/orders", Roles: look},
		{Route: "GET /rental/orders/:id", Roles: look},
		{Route: "POST /rental/orders/:id", Roles: with(lead, Support), Act: true},
		{Route: "POST /rental/items/:id", Roles: with(lead, Support), Act: true},
		{Route: "GET /rental/cleaning", Roles: look},
		{Route: "POST /rental/cleaning", Roles: lead, Act: true},
		{Route: "GET /rental/repairs", Roles: look},
		{Route: "POST /rental/repairs", Roles: lead, Act: true},
		{Route: "GET /rental", Roles: look},
		{Route: "GET /rental/items/:id", Roles: look},
	}
}
