package people

import "slices"

// Scope is a part of the API that a token may be for.
type Scope = string

// scopes says which routes belong to which scope. A route that stands in none is closed to tokens, whatever their role: what lets
// persons in, what they sign, and what they do at a page.
var scopes = []struct {
	scope  Scope
	routes []string
}{
	{"orders:read", []string{"GET /v1/orders/:id"}},
	{"orders:write", []string{"POST /v1/orders", "POST /v1/orders/:id/cancel", "PUT /v1/orders/:id/lines"}},
	{"payments:read", []string{"GET /v1/payments"}},
	{"payments:write", []string{"POST /v1/orders/:id/confirm", "POST /v1/orders/:id/refunds"}}, // who confirms says that it is paid
	{"notices:read", []string{"GET /v1/notices"}},
	{"network:read", []string{"GET /v1/locations", "GET /v1/products", "GET /v1/deliveries", "GET /v1/capacity"}},
	{"limits:write", []string{"PUT /v1/products/:id/limit"}},
	{"dispatch:read", []string{"GET /v1/packing", "GET /v1/sheets", "GET /v1/sheets/:id/versions", "GET /v1/outages", "GET /v1/history",
		"GET /v1/findings", "GET /v1/summary", "GET /v1/work-items"}},
	{"quality:read", []string{"GET /v1/quality/holds", "GET /v1/containers/:id/coldchain", "GET /v1/containers/:id/report",
		"GET /v1/readings", "GET /v1/readings/chart", "GET /v1/readings/csv"}},
	{"alarms:read", []string{"GET /v1/alarms", "GET /v1/alarms/:id", "GET /v1/maintenance"}},
	{"devices:read", []string{"GET /v1/devices", "GET /v1/devices/:id", "GET /v1/devices/:id/completeness", "GET /v1/events"}},
	{"rental:read", []string{"GET /v1/rental/items/:id", "GET /v1/rental/stages", "GET /v1/rental/today", "GET /v1/rental/orders",
		"GET /v1/rental/orders/:id", "GET /v1/rental/bags", "GET /v1/rental/batches", "GET /v1/rental/repairs"}},
	{"rental:write", []string{"POST /v1/rental/orders", "POST /v1/rental/orders/:id/allocate", "POST /v1/rental/orders/:id/release",
		"POST /v1/rental/orders/:id/deliver", "POST /v1/rental/bags/:id/carrier", "POST /v1/rental/orders/:id/end", "POST /v1/rental/items/:id/end", "POST /v1/rental/batches",
		"POST /v1/rental/repairs"}},
	{"customers:read", []string{"GET /v1/customers/:id", "POST /v1/customers/search"}}, // a search by telephone number stands in no address
	{"customers:write", []string{"POST /v1/customers", "PUT /v1/customers/:id"}},
}

// Scopes lists all scopes in the order in which people read them.
func Scopes() []Scope {
	var all []Scope
	for _, s := range scopes {
		all = append(all, s.scope)
	}
	return all
}

// scoped writes into each right the scope that a token needs for it.
func scoped(rights []Right) []Right {
	of := map[string]Scope{}
	for _, s := range scopes {
		for _, route := range s.routes {
			of[route] = s.scope
		}
	}
	for i := range rights {
		rights[i].Scope = of[rights[i].Route]
	}
	return rights
}

// Opens says whether a scope lets a token of a role use any route.
func Opens(scope Scope, role Role) bool {
	return slices.ContainsFunc(Rights(), func(r Right) bool { return r.Scope == scope && slices.Contains(r.Roles, role) })
}
