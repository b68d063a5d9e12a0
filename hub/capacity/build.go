package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// build makes an empty book of a network.
func (b *Book) build(n Network) error {
	if err := b.addProducts(n); err != nil {
		return err
	}
	if err := b.addSlots(n); err != nil {
		return err
	}
	spots := map[string]*spot{}
	for _, a := range n.Addresses {
		s := spots[a.SpotID]
		if s == nil {
			s = &spot{id: a.SpotID}
			spots[a.SpotID], b.spots = s, append(b.spots, s)
		}
		s.addresses = append(s.addresses, &address{id: a.ID, spot: s})
		s.free++
	}
	for _, shop := range n.Shops { // a shop may hand in at a spot where no address is left
		if spots[shop.SpotID] == nil {
			spots[shop.SpotID] = &spot{id: shop.SpotID}
			b.spots = append(b.spots, spots[shop.SpotID])
		}
	}
	b.addPools(n)
	b.addWays(n)
	return nil
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
		b.products[p.ID] = &product{Product: p, size: sizeOf(p), spot: at}
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
		b.locations[id] = &location{id: id, byGroup: map[group]*groupState{}}
	}
	classes := map[*location]map[classKey]*class{}
	for _, s := range n.Slots {
		if s.CapacityML <= 0 {
			return fmt.Errorf("slot %s: want a capacity above 0, have %d", s.ID, s.CapacityML)
		}
		l := b.locations[s.LocationID]
		if l == nil {
			continue // a location may have no delivery on this date
		}
		if classes[l] == nil {
			classes[l] = map[classKey]*class{}
		}
		key := keyOf(s, mayStand[s.FridgeKind])
		c := classes[l][key]
		if c == nil {
			c = &class{index: len(l.classes), categories: mayStand[s.FridgeKind], room: key.room, inner: key.inner}
			classes[l][key], l.classes = c, append(l.classes, c)
		}
		l.addSlot(s, c)
	}
	return nil
}

func (l *location) addSlot(s Slot, c *class) {
	f := slices.Index(l.fridges, s.FridgeID)
	if f < 0 {
		f = len(l.fridges)
		l.fridges = append(l.fridges, s.FridgeID)
	}
	one := &slot{Slot: s, class: c, fridge: f}
	l.slots, c.slots = append(l.slots, one), append(c.slots, one)
}

func (b *Book) addPools(n Network) {
	type key struct{ run, category string }
	pools := map[key]*pool{}
	for _, a := range n.Aboard {
		p := pools[key{a.RunID, a.Category}]
		if p == nil {
			p = &pool{index: len(b.pools)}
			pools[key{a.RunID, a.Category}], b.pools = p, append(b.pools, p)
		}
		s := &shipper{Aboard: a, pool: p, inUse: make([]*container, a.Containers)}
		p.shippers, b.shippers = append(p.shippers, s), append(b.shippers, s)
		p.places, p.free = p.places+int(a.Containers), p.free+int(a.Containers)
	}
}

// addWays makes a way for each spot, location and category, with the pools of the runs that call at both.
func (b *Book) addWays(n Network) {
	byRun := map[string][]*pool{}
	for _, p := range b.pools {
		run := p.shippers[0].RunID
		byRun[run] = append(byRun[run], p)
	}
	type key struct{ spot, location, category string }
	pools := map[key][]*pool{}
	for _, c := range n.Calls {
		for _, p := range byRun[c.RunID] {
			k := key{c.SpotID, c.LocationID, p.shippers[0].Category}
			pools[k] = append(pools[k], p)
		}
	}
	for _, id := range n.Locations {
		l := b.locations[id]
		for _, s := range b.spots {
			for _, c := range n.Categories {
				w := &way{spot: s, location: l, category: c.ID, local: len(l.ways), index: len(b.ways), pools: pools[key{s.id, id, c.ID}]}
				slices.SortFunc(w.pools, func(a, b *pool) int { return cmp.Compare(a.index, b.index) })
				w.pools = slices.Compact(w.pools)
				l.ways, b.ways = append(l.ways, w), append(b.ways, w)
			}
		}
	}
}

// groupOf gives a group's state at a location, made if need be; nil when its spot or category has no way there.
func (b *Book) groupOf(l *location, g group, spotID string) *groupState {
	if have := l.byGroup[g]; have != nil {
		return have
	}
	i := slices.IndexFunc(l.ways, func(w *way) bool { return w.spot.id == spotID && w.category == g.category })
	if i < 0 {
		return nil
	}
	have := &groupState{group: g, way: l.ways[i]}
	at, _ := slices.BinarySearchFunc(l.groups, g, func(o *groupState, g group) int { return o.compare(g) })
	l.byGroup[g], l.groups = have, slices.Insert(l.groups, at, have)
	have.changed()
	return have
}

func (g group) compare(o group) int {
	return cmp.Or(strings.Compare(g.shop, o.shop), strings.Compare(g.category, o.category))
}
