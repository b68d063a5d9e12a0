package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// finder knows what of a date is free, and gives it away once. It tries things in the network's order and takes the first that
// is allowed: a repair need not be the best, it has to be right.
type finder struct {
	*look
	slots, addresses map[string]string // by which container it is taken
	places           map[place]string
	pending          map[string]added // what proposals put into containers
	news             []*box           // that proposals open; not among the look's
	sequence         int64
}

// added is what is in a container, or comes into it.
type added struct {
	ml, weightG, footprint int64
	products               []Product // that have to go into the slot to which it is moved, where they are known
}

// newFinder takes what the date's containers take: of several the one that was opened first. What a misdated container says
// it takes, it does take on the date that its row names.
func newFinder(l *look) *finder {
	f := &finder{l, map[string]string{}, map[string]string{}, map[place]string{}, map[string]added{}, nil, l.LastSequence}
	for _, b := range l.inOrder {
		f.take(b.Container)
	}
	return f
}

func (f *finder) take(c Container) {
	first := func(m map[string]string, id string) {
		if _, taken := m[id]; !taken {
			m[id] = c.ID
		}
	}
	first(f.slots, c.Slot)
	first(f.addresses, c.Address)
	if p := (place{c.Run, c.Shipper, c.ShipperPlace}); f.places[p] == "" {
		f.places[p] = c.ID
	}
}

// movable says what of a container can still be changed. Before a box is bound, all; after that the box stands where it stands.
func movable(c Container) (address, rest bool) {
	return c.State == "planned", c.State != "loaded" && c.State != "placed"
}

// settle gives a container all that it needs, and keeps what it has where that is allowed. The text says why it cannot.
func (f *finder) settle(c Container, load added) (Container, Why) {
	changes, rest := movable(c)
	after := c
	after.Spot = f.net.Spots[c.Shop]
	if after.Spot == "" {
		return c, because(NoShop, c.Shop)
	}
	for _, find := range []func(*Container, added) Why{f.findSlot, f.findRide, f.findAddress} {
		if why := find(&after, load); why.yes() {
			return c, why
		}
	}
	if after != c && !rest {
		return c, because(BoxGoneOn, c.State)
	}
	if (after.Address != c.Address || after.Spot != c.Spot) && !changes {
		return c, because(BoxOnAddress, c.State)
	}
	f.take(after)
	return after, Why{}
}

func (f *finder) findSlot(c *Container, load added) Why {
	if _, ok := f.Cutoffs[c.Location]; !ok {
		return because(NotDelivered, c.Location, f.Date)
	}
	if f.Out[Thing{"location", c.Location}] != "" {
		return because(LocationOut, c.Location)
	}
	suits := func(s Slot) bool {
		fridge := f.net.Fridges[s.Fridge]
		return fridge.Location == c.Location && slices.Contains(f.net.Kinds[c.Category], fridge.Kind) &&
			f.Out[Thing{"slot", s.ID}] == "" && f.Out[Thing{"fridge", s.Fridge}] == "" && holds(s, load)
	}
	small := func(s Slot) bool {
		return slices.ContainsFunc(load.products, func(p Product) bool { return !goesInto(p, s) })
	}
	use := func(s Slot) {
		c.Slot, c.Fridge, c.FridgeKind, c.CapacityML = s.ID, s.Fridge, f.net.Fridges[s.Fridge].Kind, s.CapacityML
	}
	if s, known := f.net.slots[c.Slot]; known && free(f.slots[s.ID], c.ID) && suits(s) {
		use(s)
		return Why{}
	}
	for _, s := range f.net.Slots {
		if free(f.slots[s.ID], c.ID) && suits(s) && !small(s) {
			use(s)
			return Why{}
		}
	}
	return because(NoSlotFree, c.Location, c.Category)
}

// free says whether a thing is nobody's, or this container's own: two findings about one container get the same repair.
func free(taken, id string) bool { return taken == "" || taken == id }

// holds says whether a slot's container has room and strength for a load.
func holds(s Slot, load added) bool {
	area := s.LengthMM * s.WidthMM
	return load.ml <= s.roomML() && (s.MaxWeightG == 0 || load.weightG <= s.MaxWeightG) && (area == 0 || load.footprint <= area)
}

func (f *finder) findRide(c *Container, _ added) Why {
	suits := func(a Aboard) bool {
		r, ok := f.runs[a.Run]
		return ok && f.net.Routes[r.Route] && r.calls(c.Spot, c.Location) && f.aboards[a.Shipper][0] == a.Run &&
			f.net.Shippers[a.Shipper].Category == c.Category && f.Out[Thing{"run", a.Run}] == "" && f.Out[Thing{"shipper", a.Shipper}] == ""
	}
	use := func(a Aboard, n int64) {
		c.Run, c.Shipper, c.ShipperPlace, c.ShipperCapacity = a.Run, a.Shipper, n, f.net.Shippers[a.Shipper].Containers
	}
	now := Aboard{c.Run, c.Shipper}
	inside := c.ShipperPlace >= 1 && c.ShipperPlace <= f.net.Shippers[c.Shipper].Containers
	if f.aboard[now] && inside && suits(now) && free(f.places[place{c.Run, c.Shipper, c.ShipperPlace}], c.ID) {
		use(now, c.ShipperPlace)
		return Why{}
	}
	for _, a := range f.Aboard {
		if !suits(a) {
			continue
		}
		for n := int64(1); n <= f.net.Shippers[a.Shipper].Containers; n++ {
			if free(f.places[place{a.Run, a.Shipper, n}], c.ID) {
				use(a, n)
				return Why{}
			}
		}
	}
	return because(NoRunFree, c.Spot, c.Location, c.Category)
}

func (f *finder) findAddress(c *Container, _ added) Why {
	suits := func(a Address) bool {
		return a.Spot == c.Spot && f.Out[Thing{"address", a.ID}] == "" && f.Out[Thing{"fridge", a.Fridge}] == ""
	}
	if a, known := f.net.addresses[c.Address]; known && free(f.addresses[a.ID], c.ID) && suits(a) {
		return Why{}
	}
	for _, a := range f.net.Addresses {
		if free(f.addresses[a.ID], c.ID) && suits(a) {
			c.Address = a.ID
			return Why{}
		}
	}
	return because(NoAddressFree, c.Spot)
}

// load is what is in a container and what proposals have added to it.
func (f *finder) load(b *box) added {
	return added{b.ml, b.weightG, b.footprint, nil}.plus(f.pending[b.ID])
}

func (a added) plus(b added) added {
	return added{a.ml + b.ml, a.weightG + b.weightG, a.footprint + b.footprint, nil}
}

func (a added) with(p Product) added {
	a.ml += p.VolumeML
	a.weightG += p.WeightG
	if p.NoStacking {
		a.footprint += p.LengthMM * p.WidthMM
	}
	return a
}

func (a added) without(p Product) added {
	a.ml -= p.VolumeML
	a.weightG -= p.WeightG
	if p.NoStacking {
		a.footprint -= p.LengthMM * p.WidthMM
	}
	return a
}

// sound says whether nothing was found about a container by which a unit could not travel in it.
func (f *finder) sound(b *box, broken map[string]bool) bool {
	return !b.misdated && !broken[b.ID] && b.State == "planned"
}

// opened makes a container for a shop and category that goes to a location, with the next number of the date.
func (f *finder) opened(location string, p Product) (Container, Why) {
	next := f.sequence + 1
	c := Container{ID: fmt.Sprintf("C-%s-%04d", strings.ReplaceAll(f.Date, "-", ""), next), Sequence: next, Date: f.Date,
		Location: location, Shop: p.Shop, Category: p.Category, State: "planned"}
	c, why := f.settle(c, added{}.with(p))
	if !why.yes() {
		f.sequence = next
	}
	return c, why
}

// copyOf is a finder that may be thrown away: a proposal that comes to nothing must not keep what it took.
func (f *finder) copyOf() *finder {
	g := *f
	g.slots, g.addresses, g.places, g.pending = maps.Clone(f.slots), maps.Clone(f.addresses), maps.Clone(f.places), maps.Clone(f.pending)
	return &g
}
