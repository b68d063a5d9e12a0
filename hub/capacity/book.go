// Package capacity numbers order items: it gives each unit of an order a place in a dated container, and each dated
// container a slot, a shipper and an address, so that no physical limit is exceeded. An order is refused only when no numbering
// exists that holds it together with all others. The package knows one delivery date at a time.
package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limit is a limit that can refuse an order, as stored and shown.
type Limit string

// The limits, in the order in which they are looked at.
const (
	SalesLimit  Limit = "sales_limit" // units of a product a date, over all locations
	NoContainer Limit = "container"   // room in the shop's and category's containers, with all slots that there are
	NoShipper   Limit = "shipper"     // a place in a shipper of the category, aboard a run that calls at spot and location
	NoAddress   Limit = "address"     // an address at the shop's spot
	SearchBound Limit = "search_bound"
)

// Limits gives all limits, in the order in which they are looked at. SearchBound is none of the physical world: whether there is
// a numbering was not found out within the bound on the search, and so the order was refused.
func Limits() []Limit { return []Limit{SalesLimit, NoContainer, NoShipper, NoAddress, SearchBound} }

// Refused is the error of an order that the limits do not allow.
type Refused struct {
	Limit Limit
	What  string // the product of a sales limit, the shop of a container or shipper, the spot of an address, the location of a search
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
	Sequence   int64       // the highest that a container of the date ever had
}

// SearchNodes bounds the search for a numbering of one order. The hardest order of a year of real baskets takes about a hundredth.
const SearchNodes = 200_000

// Book is the numbering of one delivery date. It is not safe for use by several goroutines at once.
type Book struct {
	network   Network
	nodes     int // bound of a search
	products  map[string]*product
	locations map[string]*location
	spots     []*spot
	shippers  []*shipper
	pools     []*pool
	ways      []*way
	orders    map[string][]*item
	sequence  int64 // of the container that was opened last; no id is used twice
	version   int   // raised by every change
}

type product struct {
	Product
	size size
	spot string
	sold int64
}

// item is one unit of an order.
type item struct {
	order      string
	line, unit int32
	product    *product
	group      *groupState
	in         *container
	mark       *trial // that has kept where it was before
}

func (i *item) view() Item {
	v := Item{Order: i.order, Line: int64(i.line), Unit: int64(i.unit), Product: i.product.ID, Shop: i.product.ShopID,
		Category: i.product.Category}
	if i.in != nil {
		v.ContainerID = i.in.ID
	}
	return v
}

// hardFirst orders items for packing, the same whatever order they were stored in.
func hardFirst(a, b *item) int {
	return cmp.Or(a.product.size.before(b.product.size), strings.Compare(a.order, b.order), cmp.Compare(a.line, b.line),
		cmp.Compare(a.unit, b.unit))
}

type location struct {
	id      string
	slots   []*slot // in unloading order
	fridges []string
	classes []*class
	groups  []*groupState // by shop and category
	byGroup map[group]*groupState
	ways    []*way
	cached  []option           // for the groups as they are; nil when not reckoned since the last change
	refused map[string]Refused // what was refused since the last change, by lines
}

// group is whose goods one container may hold; the location is given.
type group struct{ shop, category string }

// groupState is what a group holds at a location.
type groupState struct {
	group
	way        *way
	containers []*container // by sequence
	items      []*item
	mixes      []candidate // that may hold items; nil when not reckoned since the last change
	mark       *trial      // that has kept what was reckoned before
}

type slot struct {
	Slot
	class  *class
	fridge int // index in the location's fridges
	inUse  *container
}

// container is a dated container with what it takes. What is nil it does not have yet.
type container struct {
	Container
	group   *groupState
	load    load
	items   int
	slot    *slot
	shipper *shipper
	place   int
	address *address
	listed  bool   // it is in its group
	mark    *trial // that has kept how it was before
}

// NewBook makes the book of a date from its network and what is numbered already. The error is a *BrokenError, which says which
// stored rows do not fit the network; numbering on top of them would sell what is not there.
func NewBook(n Network, s State) (*Book, error) {
	b := &Book{network: n, nodes: SearchNodes, products: map[string]*product{}, locations: map[string]*location{},
		orders: map[string][]*item{}, sequence: s.Sequence}
	if err := b.build(n); err != nil {
		return nil, &BrokenError{Date: n.Date, Why: err.Error()}
	}
	if err := b.restoreAll(s); err != nil {
		return nil, err
	}
	return b, nil
}

// restore takes the places of a stored container.
func (b *Book) restore(stored Container) (*container, error) {
	l := b.locations[stored.Slot.LocationID]
	if l == nil {
		return nil, &Unknown{Kind: "location", ID: stored.Slot.LocationID}
	}
	c := &container{Container: stored, place: int(stored.ShipperPlace) - 1}
	if i := slices.IndexFunc(l.slots, func(s *slot) bool { return s.ID == stored.Slot.ID }); i >= 0 {
		c.slot = l.slots[i]
	}
	if c.slot == nil || c.slot.inUse != nil || !c.slot.class.categories[stored.Category] {
		return nil, fmt.Errorf("slot %q is unknown, out of service, taken or not for %s", stored.Slot.ID, stored.Category)
	}
	if c.group = b.groupOf(l, group{stored.Shop, stored.Category}, stored.Spot); c.group == nil {
		return nil, fmt.Errorf("spot %q or category %q is unknown", stored.Spot, stored.Category)
	}
	for _, p := range c.group.way.pools {
		if i := slices.IndexFunc(p.shippers, func(s *shipper) bool { return s.ShipperID == stored.Shipper && s.RunID == stored.Run }); i >= 0 {
			c.shipper = p.shippers[i]
		}
	}
	if c.shipper == nil || c.place < 0 || c.place >= len(c.shipper.inUse) || c.shipper.inUse[c.place] != nil {
		return nil, fmt.Errorf("place %d of shipper %q in run %q is unknown, taken or not on the way", stored.ShipperPlace,
			stored.Shipper, stored.Run)
	}
	at := c.group.way.spot.addresses
	if i := slices.IndexFunc(at, func(a *address) bool { return a.id == stored.Address }); i >= 0 {
		c.address = at[i]
	}
	if c.address == nil || c.address.inUse != nil {
		return nil, fmt.Errorf("address %q is unknown, taken or at another spot", stored.Address)
	}
	b.attach(c)
	return c, nil
}

func (b *Book) restoreItem(stored Item, c *container) error {
	p := b.products[stored.Product]
	switch {
	case p == nil:
		return &Unknown{Kind: "product", ID: stored.Product}
	case c == nil:
		return fmt.Errorf("dated container %q is unknown", stored.ContainerID)
	case !c.slot.class.takes(p.size):
		return fmt.Errorf("%s does not go into dated container %s", p.ID, c.ID)
	case c.Shop != p.ShopID || c.Category != p.Category:
		return fmt.Errorf("%s of %s, %s, is in dated container %s of %s, %s", p.ID, p.ShopID, p.Category, c.ID, c.Shop, c.Category)
	}
	used := c.UsedML // as stored
	it := &item{order: stored.Order, line: int32(stored.Line), unit: int32(stored.Unit), product: p, group: c.group}
	b.know(it)
	it.move(c)
	c.UsedML = used
	return nil
}

// attach takes a container's slot, place and address, and puts it into its group.
func (b *Book) attach(c *container) {
	if c.slot != nil {
		c.slot.inUse = c
	}
	if c.shipper != nil {
		c.shipper.inUse[c.place] = c
		c.shipper.pool.free--
	}
	if c.address != nil {
		c.address.inUse = c
		c.address.spot.free--
	}
	g := c.group
	i, _ := slices.BinarySearchFunc(g.containers, c.Sequence, func(o *container, s int64) int { return cmp.Compare(o.Sequence, s) })
	g.containers = slices.Insert(g.containers, i, c)
	g.way.count++
	c.listed = true
}

// detach is the opposite of attach.
func (b *Book) detach(c *container) {
	c.leaveSlot()
	c.leaveShipper()
	c.leaveAddress()
	g := c.group
	i := slices.Index(g.containers, c)
	g.containers = slices.Delete(g.containers, i, i+1)
	g.way.count--
	c.listed = false
}

func (c *container) leaveSlot() {
	if c.slot != nil {
		c.slot.inUse, c.slot = nil, nil
	}
}

func (c *container) leaveShipper() {
	if c.shipper != nil {
		c.shipper.inUse[c.place] = nil
		c.shipper.pool.free++
		c.shipper = nil
	}
}

func (c *container) leaveAddress() {
	if c.address != nil {
		c.address.inUse = nil
		c.address.spot.free++
		c.address = nil
	}
}

// containerID is the id of a date's container, short enough for a label.
func containerID(date string, sequence int64) string {
	return fmt.Sprintf("C-%s-%04d", strings.ReplaceAll(date, "-", ""), sequence)
}
