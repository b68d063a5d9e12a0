package people

import "slices"

// Right says who may use one route of the hub.
type Right struct {
	Route  string // method and path as registered, "GET /v1/orders/:id"
	Public bool   // answers anybody, also without a session
	Roles  []Role // who else may use it
	// Own names, for roles that may only see what is their own, the query or path parameter that has to be their place.
	Own map[Role]string
	// Act is true where a use changes something, which is then recorded with the person.
	Act bool
	// Half is true for what a session may use that still owes the second factor: what it takes to give it, and to leave.
	Half bool
	// Sign says which uses a person has to answer for: they have shown within ConfirmFor that it is they, and how is kept with the act.
	// nil for none.
	Sign *Signing
	// Scope is what a token has to be for; empty where no token is taken.
	Scope Scope
}

// Signing is which uses of a route a person has to answer for.
type Signing struct {
	Field  string   // of the body that says what is done; empty when all uses are to be signed
	Values []string // of the field, that are to be signed
}

// always is for routes of which every use is to be signed.
var always = &Signing{}

func when(field string, values ...string) *Signing { return &Signing{field, values} }

// Needs says whether a use is to be signed. field gives the value of a field of its body: one that is not there, or that nobody can
// read, may be anything, so such a use is to be signed as well.
func (s *Signing) Needs(field func(string) string) bool {
	if s == nil || s.Field == "" {
		return s != nil
	}
	value := field(s.Field)
	return value == "" || slices.Contains(s.Values, value)
}

// Caller is who asks, and how sure it is that it is they.
type Caller struct {
	Person
	Whole bool // they owe no second factor
	Fresh bool // they have shown within ConfirmFor that it is they
	// Token is true for who comes with a token for Scopes and no session of a person.
	Token  bool
	Scopes []Scope
}

// Call is what somebody asks for: the values of its query and path parameters, and of the fields of its body.
type Call struct {
	Param, Field func(name string) string
	// Elsewhere says whether it names anything that belongs to another business than the caller's, or to another warehouse; nil where they
	// see all.
	Elsewhere func() bool
}

// Sets of roles that the table is made of.
var (
	staff  = []Role{Admin, Dispatcher, Quality, Warehouse, Kitting, Support}
	office = []Role{Admin, Dispatcher, Support}
	all    = Roles()
)

func with(set []Role, more ...Role) []Role { return append(slices.Clone(set), more...) }

// Rights is the one table of who may do what. A route that is not in it answers nobody.
func Rights() []Right {
	return scoped(slices.Concat(publicRights(), apiRights(), pageRights(), alarmRights(), accountRights(), rentalRights(), registerRights(), entryRights(), clientRights(), businessRights()))
}

func publicRights() []Right {
	public := func(route string) Right { return Right{Route: route, Public: true} }
	return []Right{
		public("GET /healthz"),
		public("GET /openapi.json"),
		public("GET /openapi.yaml"),
		public("POST /v1/login"),
		public("POST /v1/payments/webhook"), // by its signature
		public("GET /login"),
		public("POST /login"),
		public("GET /static/*"),
	}
}

func apiRights() []Right {
	return []Right{
		{Route: "POST /v1/orders", Roles: []Role{Admin, Dispatcher, Support, Customer, System}, Act: true},
		{Route: "GET /v1/orders/:id", Roles: []Role{Admin, Dispatcher, Support, Customer, System}},
		{Route: "POST /v1/orders/:id/refunds", Roles: []Role{Admin, Dispatcher, Support, System}, Act: true},
		{Route: "POST /v1/orders/:id/risk", Roles: []Role{Admin, Dispatcher, Support}, Act: true},
		{Route: "GET /v1/payments", Roles: []Role{Admin, Dispatcher, Support, System}},
		// Not the customer: whoever confirms says that it is paid.
		{Route: "POST /v1/orders/:id/confirm", Roles: []Role{Admin, Support, System}, Act: true},
		{Route: "POST /v1/orders/:id/cancel", Roles: []Role{Admin, Dispatcher, Support, Customer, System}, Act: true},
		{Route: "PUT /v1/orders/:id/lines", Roles: []Role{Admin, Dispatcher, Support, Customer, System}, Act: true},
		{Route: "GET /v1/locations", Roles: all},
		{Route: "GET /v1/products", Roles: all},
		{Route: "GET /v1/deliveries", Roles: all},
		{Route: "GET /v1/capacity", Roles: []Role{Admin, Dispatcher, Support, Customer, System}},

		{Route: "GET /v1/packing", Roles: []Role{Admin, Dispatcher, Shop, System}, Own: map[Role]string{Shop: "shop"}},
		{Route: "GET /v1/sheets", Roles: []Role{Admin, Dispatcher, Driver, System}, Own: map[Role]string{Driver: "route"}},

		{Route: "GET /v1/history", Roles: with(staff, System)},
		{Route: "GET /v1/outages", Roles: with(staff, System)},
		{Route: "POST /v1/outages", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "DELETE /v1/outages", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "POST /v1/calloffs", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "PUT /v1/products/:id/limit", Roles: []Role{Admin, Dispatcher, Shop}, Act: true}, // a shop its own products' only
		{Route: "POST /v1/exceptions", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "GET /v1/sheets/:id/versions", Roles: []Role{Admin, Dispatcher, Driver, System}}, // a driver their own only
		{Route: "POST /v1/sheets/:id/confirm", Roles: []Role{Driver}, Act: true},                 // their own only
		{Route: "GET /v1/notices", Roles: []Role{Admin, Dispatcher, Support, Customer, System}},  // a customer their own only

		{Route: "GET /v1/quality/holds", Roles: with(staff, System)},
		{Route: "POST /v1/quality/holds", Roles: []Role{Admin, Dispatcher, Quality}, Act: true},
		{Route: "POST /v1/quality/decisions", Roles: []Role{Quality}, Act: true, Sign: always},
		{Route: "POST /v1/probings", Roles: []Role{Admin, Dispatcher, Quality, Kitting, Driver}, Act: true},
		{Route: "GET /v1/containers/:id/coldchain", Roles: with(staff, System)},
		{Route: "GET /v1/devices", Roles: []Role{Admin, Dispatcher, Quality, Warehouse, Kitting, System}},
		{Route: "GET /v1/devices/:id", Roles: []Role{Admin, Dispatcher, Quality, Warehouse, Kitting, System}},
		{Route: "GET /v1/devices/:id/completeness", Roles: []Role{Admin, Dispatcher, Quality, Warehouse, Kitting, System}},
		{Route: "POST /v1/devices/:id/commands", Roles: []Role{Admin, Dispatcher, Kitting}, Act: true},
		{Route: "GET /v1/devices/:id/commissioning", Roles: []Role{Admin, Dispatcher, Kitting}},
		{Route: "POST /v1/devices/:id/commissioning", Roles: []Role{Kitting}, Act: true, Sign: when("do", "sign")},
		{Route: "POST /v1/devices/:id/stolen", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "GET /v1/fridges/:id/openings", Roles: []Role{Admin, Dispatcher}},
		{Route: "POST /v1/fridges/:id/openings", Roles: []Role{Admin, Dispatcher}, Act: true, Sign: always},
		{Route: "POST /v1/openings/:id/confirm", Roles: []Role{Admin, Dispatcher}, Act: true, Sign: always},
		{Route: "GET /v1/readings", Roles: with(staff, System)},
		{Route: "GET /v1/readings/chart", Roles: with(staff, System)},
		{Route: "GET /v1/readings/csv", Roles: with(staff, System)},
		{Route: "GET /v1/containers/:id/report", Roles: []Role{Admin, Dispatcher, Quality, Support, System}},
		{Route: "GET /v1/events", Roles: with(staff, System)},
		{Route: "GET /v1/alarms", Roles: with(staff, System)},
		{Route: "GET /v1/work-items", Roles: with(staff, System)},
		{Route: "POST /v1/work-items/:id/close", Roles: staff, Act: true},
		{Route: "GET /v1/findings", Roles: []Role{Admin, Dispatcher, System}},
		{Route: "GET /v1/summary", Roles: with(staff, System)},
	}
}

func pageRights() []Right {
	return []Right{
		{Route: "GET /", Roles: staff},
		{Route: "GET /live", Roles: staff},
		{Route: "GET /locations/:id", Roles: staff},
		{Route: "GET /locations/:id/live", Roles: staff},
		{Route: "GET /locations/:id/chart.json", Roles: staff},
		{Route: "GET /readings", Roles: staff},
		{Route: "GET /devices", Roles: staff},
		{Route: "GET /devices/:id", Roles: staff},
		{Route: "GET /packing", Roles: []Role{Admin, Dispatcher, Shop}, Own: map[Role]string{Shop: "shop"}},
		{Route: "GET /sheet", Roles: []Role{Admin, Dispatcher, Driver}, Own: map[Role]string{Driver: "route"}},
		{Route: "GET /orders/:id", Roles: office},
		{Route: "POST /orders/:id/risk", Roles: office, Act: true},
		{Route: "GET /devices/:id/commissioning", Roles: []Role{Admin, Dispatcher, Kitting}},
		{Route: "POST /devices/:id/commissioning", Roles: []Role{Kitting}, Act: true, Sign: when("do", "sign")},
		{Route: "POST /devices/:id/stolen", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "GET /doors/:id", Roles: []Role{Admin, Dispatcher}},
		{Route: "POST /doors/:id", Roles: []Role{Admin, Dispatcher}, Act: true, Sign: always},
		{Route: "GET /outages", Roles: []Role{Admin, Dispatcher}},
		{Route: "POST /outages", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "GET /exceptions", Roles: []Role{Admin, Dispatcher}},
		{Route: "POST /exceptions", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "POST /sheet/:id/confirm", Roles: []Role{Driver}, Act: true}, // their own only
		{Route: "GET /payments", Roles: office},
		{Route: "GET /payments/live", Roles: office},
		{Route: "GET /history", Roles: staff},
		{Route: "GET /quality", Roles: staff},
		{Route: "POST /quality", Roles: []Role{Admin, Dispatcher, Quality}, Act: true, Sign: when("do", "released", "condemned")}, // only quality decides
		{Route: "GET /work-items", Roles: staff},
		{Route: "POST /work-items/:id/close", Roles: staff, Act: true},
		{Route: "GET /check", Roles: []Role{Admin, Dispatcher}},
		{Route: "POST /check/:id/repair", Roles: []Role{Admin, Dispatcher}, Act: true},
		{Route: "GET /people", Roles: []Role{Admin}},
		{Route: "GET /rights", Roles: []Role{Admin}},
		// Signed, or a stolen session of an administrator would make itself an account that outlives it.
		{Route: "POST /people", Roles: []Role{Admin}, Act: true, Sign: always},
		{Route: "POST /people/colleagues", Roles: []Role{Admin}, Act: true, Sign: always}, // of other businesses that they administer, too
		{Route: "POST /people/:id/link", Roles: []Role{Admin}, Act: true, Sign: always},
		{Route: "POST /people/:id/remove", Roles: []Role{Admin}, Act: true, Sign: always},
		{Route: "POST /people/:id/role", Roles: []Role{Admin}, Act: true, Sign: always},
		{Route: "POST /people/:id/reset", Roles: []Role{Admin}, Act: true, Sign: always},
		{Route: "GET /me", Roles: all},
	}
}

// Table finds rights by route.
type Table map[string]Right

// NewTable indexes rights. It is nil when a route stands in it twice.
func NewTable(rights []Right) Table {
	t := Table{}
	for _, r := range rights {
		if _, twice := t[r.Route]; twice {
			return nil
		}
		t[r.Route] = r
	}
	return t
}

// Verdict is what the table says to a person who wants to use a route.
type Verdict int

// Verdicts.
const (
	Refused    Verdict = iota // not with this role, or nobody may
	NotOwn                    // with this role, and only for what is their own
	Allowed                   // go ahead
	Login                     // only with a session
	ForPublic                 // go ahead, whoever it is
	Owes                      // once the second factor is given
	Unsigned                  // once the person has shown that it is they
	OutOfScope                // with this role, and not with this token
	Elsewhere                 // it names what the person does not see, which is as if it were not there
)

// Judge says whether somebody, nil for one without a session, may use a route.
func (t Table) Judge(route string, who *Caller, call Call) Verdict {
	right, known := t[route]
	switch {
	case known && right.Public:
		return ForPublic
	case who == nil:
		return Login
	case !known || !slices.Contains(right.Roles, who.Role):
		return Refused
	case who.Token && (right.Scope == "" || !slices.Contains(who.Scopes, right.Scope)):
		return OutOfScope
	case !who.Whole && !right.Half:
		return Owes
	}
	if name, own := right.Own[who.Role]; own && call.Param(name) != who.Place {
		return NotOwn
	}
	if call.Elsewhere != nil && call.Elsewhere() {
		return Elsewhere
	}
	if !who.Fresh && right.Sign.Needs(call.Field) {
		return Unsigned
	}
	return Allowed
}

// SeesPickupCode says whether the role may read the code that opens a fridge for an order's customer.
func (r Role) SeesPickupCode() bool { return r == Customer || r == Support || r == System }

// SeesCustomer says whether the role may read which customer, by pseudonym, an order is for.
func (r Role) SeesCustomer() bool { return r != Shop && r != Driver }

// Owns says whether what belongs to the customer is the person's own to see: always, but for a customer.
func (p Person) Owns(customer string) bool { return p.Role != Customer || p.Place == customer }

// SeesCourierCode says whether the role may read the codes that open stations for a driver.
func (r Role) SeesCourierCode() bool { return r == Driver || r == System }
