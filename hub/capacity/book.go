// Package capacity numbers order items: it gives each unit of an order a place in a dated container, and each dated
// container a slot, a shipper and an address, so that no physical limit is exceeded. It knows one delivery date at a time.
package capacity

import (
	"fmt"
	"slices"
	"strings"
)

// Limit is a limit that can refuse an order, as stored and shown.
type Limit string

// The limits, in the order in which they are looked at.
const (
	SalesLimit  Limit = "sales_limit" // units of a product a date, over all locations
	NoContainer Limit = "container"   // room in the shop's and category's containers, or a free slot for another
	NoShipper   Limit = "shipper"     // a place in a shipper of the category, aboard a run that calls at spot and location
	NoAddress   Limit = "address"     // a free address at the shop's spot
)

// Limits gives all limits, in the order in which they are looked at.
func Limits() []Limit { return []Limit{SalesLimit, NoContainer, NoShipper, NoAddress} }

// Refused is the error of an order that the limits do not allow.
type Refused struct {
	Limit Limit
	What  string // the product of a sales limit, the shop of a container or shipper, the spot of an address
}

func (r *Refused) Error() string { return fmt.Sprintf("refused: %s of %s", r.Limit, r.What) }

// Unknown is the error of an order that names something that the date's network lacks.
type Unknown struct {
	Kind string // "location" or "product"
	ID   string
	Line int // the line that names it, from 0; of a product
}

func (u *Unknown) Error() string { return fmt.Sprintf("unknown %s %q", u.Kind, u.ID) }

// Line asks for units of a product.
type Line struct {
	Product  string
	Quantity int64 // above 0
}

// Item is one unit of an order in its dated container. Line and Unit count from 1.
type Item struct {
	Order       string
	Line, Unit  int64
	Product     string
	Shop        string
	Category    string
	ContainerID string
}

// Container is a dated container: the plan for one place in a fridge on one date, with the way it takes to get there.
type Container struct {
	ID              string
	Sequence        int64 // in order of opening within the date, from 1
	Slot            Slot
	UsedML          int64
	Shop            string
	Spot            string
	Category        string
	Run             string
	Shipper         string
	ShipperCapacity int64
	ShipperPlace    int64 // from 1 to ShipperCapacity
	Address         string
}

// State is what is numbered on a date already: what held and accepted orders take.
type State struct {
	Containers []Container // in the order of their sequence
	Items      []Item      // in the order in which their orders were decided, then by line and unit
	Sequence   int64       // the highest that a container of the date ever had; at least that of Containers
}

// Book is the numbering of one delivery date. It is not safe for use by several goroutines at once.
type Book struct {
	network    Network
	products   map[string]*product
	locations  map[string]*location
	spots      map[string]*spot
	spotOrder  []string
	shippers   []*shipper
	byWay      map[way][]*shipper // in the order in which they are tried
	containers []*container
	items      map[string][]Item // by order
	sequence   int64             // of the container that was opened last; no id is used twice
}

type product struct {
	Product
	spot string
	sold int64
}

type location struct {
	slots  []*slot
	groups map[group][]*container
}

// group is whose goods one container may hold; the location is given.
type group struct{ shop, category string }

type slot struct {
	Slot
	categories map[string]bool // shared by all slots of the kind
	taken      bool
}

type spot struct{ addresses []*address }

type address struct {
	id    string
	taken bool
}

type shipper struct {
	Aboard
	places []bool // taken
}

// way is what a shipper has to serve to take a container.
type way struct{ spot, location, category string }

type container struct {
	Container
	slot    *slot
	shipper *shipper
	address *address
}

// NewBook makes the book of a date from its network and what is numbered already. An error says which stored row does not
// fit the network; numbering on top of it would sell what is not there.
func NewBook(n Network, s State) (*Book, error) {
	b := &Book{network: n, products: map[string]*product{}, locations: map[string]*location{}, spots: map[string]*spot{},
		byWay: map[way][]*shipper{}, items: map[string][]Item{}}
	if err := b.addProducts(n); err != nil {
		return nil, err
	}
	if err := b.addSlots(n); err != nil {
		return nil, err
	}
	for _, a := range n.Addresses {
		if b.spots[a.SpotID] == nil {
			b.spots[a.SpotID] = &spot{}
			b.spotOrder = append(b.spotOrder, a.SpotID)
		}
		b.spots[a.SpotID].addresses = append(b.spots[a.SpotID].addresses, &address{id: a.ID})
	}
	b.addShippers(n)
	b.sequence = s.Sequence
	for _, c := range s.Containers {
		b.sequence = max(b.sequence, c.Sequence)
		if err := b.restore(c); err != nil {
			return nil, fmt.Errorf("dated container %s: %w", c.ID, err)
		}
	}
	for _, i := range s.Items {
		p := b.products[i.Product]
		if p == nil {
			return nil, fmt.Errorf("item %d.%d of order %s: %w", i.Line, i.Unit, i.Order, &Unknown{Kind: "product", ID: i.Product})
		}
		p.sold++
		b.items[i.Order] = append(b.items[i.Order], i)
	}
	return b, nil
}

func (b *Book) addProducts(n Network) error {
	spots := map[string]string{}
	for _, s := range n.Shops {
		spots[s.ID] = s.SpotID
	}
	for _, p := range n.Products {
		at, ok := spots[p.ShopID]
		if !ok || p.VolumeML <= 0 {
			return fmt.Errorf("product %s: want a known shop and a volume above 0, have %q and %d", p.ID, p.ShopID, p.VolumeML)
		}
		b.products[p.ID] = &product{Product: p, spot: at}
	}
	return nil
}

func (b *Book) addSlots(n Network) error {
	mayStand := map[string]map[string]bool{} // fridge kind to categories
	for _, c := range n.Categories {
		for _, kind := range c.FridgeKinds {
			if mayStand[kind] == nil {
				mayStand[kind] = map[string]bool{}
			}
			mayStand[kind][c.ID] = true
		}
	}
	for _, id := range n.Locations {
		b.locations[id] = &location{groups: map[group][]*container{}}
	}
	for _, s := range n.Slots {
		if s.CapacityML <= 0 {
			return fmt.Errorf("slot %s: want a capacity above 0, have %d", s.ID, s.CapacityML)
		}
		if l := b.locations[s.LocationID]; l != nil { // a location may have no delivery on this date
			l.slots = append(l.slots, &slot{Slot: s, categories: mayStand[s.FridgeKind]})
		}
	}
	return nil
}

func (b *Book) addShippers(n Network) {
	calls := map[string][]Call{}
	for _, c := range n.Calls {
		calls[c.RunID] = append(calls[c.RunID], c)
	}
	for _, a := range n.Aboard {
		s := &shipper{Aboard: a, places: make([]bool, a.Containers)}
		b.shippers = append(b.shippers, s)
		for _, c := range calls[a.RunID] {
			w := way{c.SpotID, c.LocationID, a.Category}
			b.byWay[w] = append(b.byWay[w], s)
		}
	}
}

// restore takes the places of a stored container.
func (b *Book) restore(stored Container) error {
	c := &container{Container: stored}
	l := b.locations[stored.Slot.LocationID]
	if l == nil {
		return &Unknown{Kind: "location", ID: stored.Slot.LocationID}
	}
	if i := slices.IndexFunc(l.slots, func(s *slot) bool { return s.ID == stored.Slot.ID }); i >= 0 {
		c.slot = l.slots[i]
	}
	ways := b.byWay[way{stored.Spot, stored.Slot.LocationID, stored.Category}]
	if i := slices.IndexFunc(ways, func(s *shipper) bool { return s.ShipperID == stored.Shipper && s.RunID == stored.Run }); i >= 0 {
		c.shipper = ways[i]
	}
	if at := b.spots[stored.Spot]; at != nil {
		if i := slices.IndexFunc(at.addresses, func(a *address) bool { return a.id == stored.Address }); i >= 0 {
			c.address = at.addresses[i]
		}
	}
	place := stored.ShipperPlace - 1
	switch {
	case c.slot == nil || c.slot.taken || !c.slot.categories[stored.Category]:
		return fmt.Errorf("slot %q is unknown, taken or not for %s", stored.Slot.ID, stored.Category)
	case c.shipper == nil || place < 0 || place >= int64(len(c.shipper.places)) || c.shipper.places[place]:
		return fmt.Errorf("place %d of shipper %q in run %q is unknown, taken or not on the way",
			stored.ShipperPlace, stored.Shipper, stored.Run)
	case c.address == nil || c.address.taken:
		return fmt.Errorf("address %q is unknown, taken or at another spot", stored.Address)
	case stored.UsedML < 0 || stored.UsedML > c.slot.CapacityML:
		return fmt.Errorf("holds %d ml, want 0 to %d", stored.UsedML, c.slot.CapacityML)
	}
	c.slot.taken, c.shipper.places[place], c.address.taken = true, true, true
	b.containers = append(b.containers, c)
	g := group{stored.Shop, stored.Category}
	l.groups[g] = append(l.groups[g], c)
	return nil
}

// containerID is the id of a date's container, short enough for a label.
func containerID(date string, sequence int64) string {
	return fmt.Sprintf("C-%s-%04d", strings.ReplaceAll(date, "-", ""), sequence)
}
