package people

// Kind is what kind of thing a place is.
type Kind string

// Kinds of places.
const (
	AWarehouse Kind = "warehouse"
	ARoute     Kind = "route"
	AShop      Kind = "shop"
	ACustomer  Kind = "customer"
)

// Own is the place that is a role's own, and that it is bound to.
type Own struct {
	Kind Kind   // empty for a role that has no place
	Must bool   // nobody has the role without a place; else who has none is bound to none
	Want string // what to give, for people
}

// places is the one table of which place goes with which role. Pickers and whoever else works with scanners only have no role here: their
// badges are of a warehouse (hub badge).
var places = map[Role]Own{
	Warehouse: {AWarehouse, false, "the id of the warehouse that they lead"},
	Driver:    {ARoute, true, "the id of the driver's route"},
	Shop:      {AShop, true, "the id of the shop"},
	Customer:  {ACustomer, true, "the customer's pseudonym"},
}

// Own is the place that goes with the role.
func (r Role) Own() Own { return places[r] }

// Warehouse is the one that the person sees and changes of all; empty where they are not bound to one.
func (p Person) Warehouse() string {
	if p.Role.Own().Kind != AWarehouse {
		return ""
	}
	return p.Place
}
