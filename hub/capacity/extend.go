package capacity

import (
	"math/bits"
	"slices"
)

// extend places items that are in no container without moving any that is: into containers of their group that have room, else
// into new ones. An order stands in as few fridges as this allows without opening more containers. It returns false, and has
// changed nothing, when it does not find a way; then there may be one all the same.
func (t *trial) extend(l *location, fresh []*item) bool {
	begun, before := len(t.steps), t.book.sequence
	fridges, ok := t.extendInto(l, fresh, ^uint64(0))
	if !ok {
		t.back(begun)
		return false
	}
	if len(l.fridges) > maxFridges || bits.OnesCount64(fridges) < 2 {
		return true
	}
	opened := t.book.sequence - before
	for _, few := range fewer(len(l.fridges), bits.OnesCount64(fridges)) {
		t.back(begun)
		if _, ok := t.extendInto(l, fresh, few); ok && t.book.sequence-before <= opened {
			return true
		}
	}
	t.back(begun)
	_, ok = t.extendInto(l, fresh, ^uint64(0))
	return ok
}

// maxFridges bounds the search for fewer fridges.
const maxFridges = 6

// fewer gives the sets of fewer than so many of n fridges, the smallest first.
func fewer(n, than int) []uint64 {
	var all []uint64
	for set := uint64(1); set < 1<<n; set++ {
		if bits.OnesCount64(set) < than {
			all = append(all, set)
		}
	}
	slices.SortStableFunc(all, func(a, b uint64) int { return bits.OnesCount64(a) - bits.OnesCount64(b) })
	return all
}

// extendInto extends with containers in a set of fridges only, and says which of them the items are in.
func (t *trial) extendInto(l *location, fresh []*item, allowed uint64) (used uint64, ok bool) {
	for i, it := range fresh {
		c := t.roomFor(it, allowed, used)
		if c == nil {
			if c = t.another(l, fresh[i:], allowed, used); c == nil {
				return used, false
			}
		}
		t.put(it, c)
		used |= bit(c.slot.fridge)
	}
	return used, true
}

func bit(fridge int) uint64 { return 1 << min(fridge, 63) }

// roomFor finds the container of an item's group that takes it: in a fridge where the order has goods already, else the one that
// it fills up most.
func (t *trial) roomFor(it *item, allowed, used uint64) *container {
	var best *container
	s := it.product.size
	for _, c := range it.group.containers {
		if allowed&bit(c.slot.fridge) == 0 || !c.load.plus(s.load).within(c.slot.class.room) || !c.slot.class.takes(s) {
			continue
		}
		if best == nil || c.better(best, used) {
			best = c
		}
	}
	return best
}

func (c *container) better(than *container, used uint64) bool {
	if here, there := used&bit(c.slot.fridge) != 0, used&bit(than.slot.fridge) != 0; here != there {
		return here
	}
	return c.slot.class.room.ml-c.load.ml < than.slot.class.room.ml-than.load.ml
}

// another opens a container for the first of the items, with a place and an address; nil when one of them is not free.
func (t *trial) another(l *location, items []*item, allowed, used uint64) *container {
	g := items[0].group
	if g.way.spot.free == 0 {
		return nil
	}
	i := slices.IndexFunc(g.way.pools, func(p *pool) bool { return p.free > 0 })
	if i < 0 {
		return nil
	}
	var together load // what the order has left for this group
	for _, it := range items {
		if it.group == g {
			together = together.plus(it.product.size.load)
		}
	}
	s := l.freeSlot(items[0], together, allowed, used)
	if s == nil {
		return nil
	}
	c := t.open(g, s)
	t.ride(c, g.way.pools[i])
	t.shelve(c, g.way.spot.address())
	return c
}

// freeSlot finds a free slot for an item: in a fridge where the order has goods already, then the smallest that holds all that the
// order has for it, else the largest, then the first in unloading order.
func (l *location) freeSlot(it *item, together load, allowed, used uint64) *slot {
	var best *slot
	better := func(s *slot) bool {
		if here, there := used&bit(s.fridge) != 0, used&bit(best.fridge) != 0; here != there {
			return here
		}
		all, allBest := together.within(s.class.room), together.within(best.class.room)
		if all != allBest {
			return all
		}
		if all {
			return s.class.room.ml < best.class.room.ml
		}
		return s.class.room.ml > best.class.room.ml
	}
	for _, s := range l.slots {
		if s.inUse == nil && allowed&bit(s.fridge) != 0 && s.class.categories[it.product.Category] && s.class.takes(it.product.size) &&
			(best == nil || better(s)) {
			best = s
		}
	}
	return best
}
