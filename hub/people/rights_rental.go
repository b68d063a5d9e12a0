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
		{Route: "GET /rental", Roles: look},
		{Route: "GET /rental/items/:id", Roles: look},
	}
}
