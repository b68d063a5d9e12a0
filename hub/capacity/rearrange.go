package capacity

import (
	"cmp"
	"slices"
)

// leaveAlone changes a plan that is good so that fewer containers are closed: a group keeps the ones that it has when slots, places
// and addresses suffice for that, too. Groups with many items come first.
func (b *Book) leaveAlone(plan []choice) {
	need := b.needNow()
	for _, p := range plan {
		p.location.ask(need, p.option)
	}
	for i := range plan {
		l := plan[i].location
		plan[i].option.mixes = slices.Clone(plan[i].option.mixes)
		order := make([]int, len(l.groups))
		for g := range order {
			order[g] = g
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(l.groups[b].items), len(l.groups[a].items)) })
		for _, g := range order {
			b.keepContainers(l, plan[i].option.mixes, g, need)
		}
	}
}

// keepContainers gives a group at least the containers that it has, if that is possible.
func (b *Book) keepContainers(l *location, mixes []mix, g int, need []int) {
	want := l.groups[g].now()
	if slices.ContainsFunc(l.groups[g].items, func(it *item) bool { return it.in == nil }) {
		for c := range want {
			want[c] = max(want[c], mixes[g][c])
		}
	}
	was, way := mixes[g], l.groups[g].way.index
	if slices.Equal(want, was) {
		return
	}
	mixes[g] = want
	need[way] += want.total() - was.total()
	if l.fits(mixes) && b.rides(need) && b.shelved(need) == nil {
		return
	}
	mixes[g] = was
	need[way] -= want.total() - was.total()
}

// fits says whether the location has the slots for a mix of each group.
func (l *location) fits(mixes []mix) bool {
	for _, c := range l.classes {
		n := 0
		for _, m := range mixes {
			n += m[c.index]
		}
		if n > len(c.slots) {
			return false
		}
	}
	return true
}

// now is the mix of the containers that a group has.
func (g *groupState) now() mix {
	m := make(mix, len(g.way.location.classes))
	for _, c := range g.containers {
		m[c.slot.class.index]++
	}
	return m
}

// berth is a container in a group's new arrangement: one that stays in its slot, one that gets another, or one that is to be opened.
type berth struct {
	class *class
	c     *container // nil until it is opened
}

// rearrange gives each group of a location the containers of its mix and puts all of its items into them. Containers that stay
// keep what is in them as far as possible. It returns false when the search for that has no end.
func (t *trial) rearrange(l *location, mixes []mix, bound *budget) bool {
	type change struct {
		g      *groupState
		berths []berth
		going  []*container
	}
	var changes []change
	for i, g := range l.groups {
		if slices.Equal(g.now(), mixes[i]) && !slices.ContainsFunc(g.items, func(it *item) bool { return it.in == nil }) {
			continue
		}
		berths, going := g.berths(l, mixes[i])
		changes = append(changes, change{g, berths, going})
	}
	// All who leave their slots do so before anybody takes a new one.
	for _, ch := range changes {
		for _, b := range ch.berths {
			if b.c != nil && b.c.slot.class != b.class {
				t.stand(b.c, nil)
			}
		}
		for _, c := range ch.going {
			t.stand(c, nil)
		}
	}
	for _, ch := range changes {
		for i := range ch.berths {
			if b := &ch.berths[i]; b.c == nil {
				b.c = t.open(ch.g, b.class.free(ch.g))
			} else if b.c.slot == nil {
				t.stand(b.c, b.class.free(ch.g))
			}
		}
		if !t.repack(ch.g, ch.berths, bound) {
			return false
		}
		for _, c := range ch.going {
			t.close(c)
		}
	}
	return true
}

// berths matches a group's containers with the mix: those of a class that is wanted stay, the fullest first; others get a slot of
// a class that is wanted, where one is, or go.
func (g *groupState) berths(l *location, m mix) (berths []berth, going []*container) {
	left := slices.Clone(m)
	containers := slices.Clone(g.containers)
	slices.SortStableFunc(containers, func(a, b *container) int { return cmp.Compare(b.items, a.items) })
	var homeless []*container
	for _, c := range containers {
		if k := c.slot.class; left[k.index] > 0 {
			left[k.index]--
			berths = append(berths, berth{k, c})
		} else {
			homeless = append(homeless, c)
		}
	}
	for _, k := range l.classes {
		for range left[k.index] {
			b := berth{class: k}
			if len(homeless) > 0 {
				b.c, homeless = homeless[0], homeless[1:]
			}
			berths = append(berths, b)
		}
	}
	// In the order in which minimalMixes looked at them, so that the same search finds the same way.
	slices.SortStableFunc(berths, func(a, b berth) int { return cmp.Compare(a.class.index, b.class.index) })
	return berths, homeless
}

// free finds a free slot of the class: in a fridge where orders of the group that wait for a place have goods, else the first in
// unloading order.
func (k *class) free(g *groupState) *slot {
	used := uint64(0)
	for _, it := range g.items {
		if it.in != nil {
			continue
		}
		for _, other := range g.way.location.groups {
			for _, o := range other.items {
				if o.order == it.order && o.in != nil && o.in.slot != nil {
					used |= bit(o.in.slot.fridge)
				}
			}
		}
		break // one order at a time waits, but after a breakdown
	}
	var first *slot
	for _, s := range k.slots {
		if s.inUse != nil {
			continue
		}
		if used&bit(s.fridge) != 0 {
			return s
		}
		if first == nil {
			first = s
		}
	}
	return first
}

// Bounds on the search for a packing with few moves; the one with all moves allowed comes after it.
const (
	fewMovesNodes = 5_000
	fewMovesPairs = 12 // containers of a group
)

// repack puts all items of a group into its berths. What is in a berth stays there if the others then find room, or the contents of
// one or two may move; only then all may.
func (t *trial) repack(g *groupState, berths []berth, bound *budget) bool {
	fixed := make([]bool, len(berths))
	for i, b := range berths {
		fixed[i] = b.c.load.within(b.class.room) && !slices.ContainsFunc(g.items, func(it *item) bool {
			return it.in == b.c && !b.class.takes(it.product.size)
		})
	}
	tryWith := func(nodes *budget, loose ...int) bool {
		f := slices.Clone(fixed)
		for _, i := range loose {
			f[i] = false
		}
		return t.repackLoose(g, berths, f, nodes)
	}
	if tryWith(&budget{fewMovesNodes}) {
		return true
	}
	var held []int // berths whose contents may stay, those with the fewest items first
	for i, b := range berths {
		if fixed[i] && b.c.items > 0 {
			held = append(held, i)
		}
	}
	slices.SortStableFunc(held, func(a, b int) int { return cmp.Compare(berths[a].c.items, berths[b].c.items) })
	for _, i := range held {
		if tryWith(&budget{fewMovesNodes}, i) {
			return true
		}
	}
	if len(held) <= fewMovesPairs {
		for n, i := range held {
			for _, j := range held[:n] {
				if tryWith(&budget{fewMovesNodes}, i, j) {
					return true
				}
			}
		}
	}
	return tryWith(bound, held...)
}

// repackLoose packs the items that are in no fixed berth.
func (t *trial) repackLoose(g *groupState, berths []berth, fixed []bool, bound *budget) bool {
	at := map[*container]int{}
	bins := make([]bin, len(berths))
	for i, b := range berths {
		bins[i] = bin{b.class, b.class.room}
		if fixed[i] {
			bins[i].room = b.class.room.minus(b.c.load)
		}
		at[b.c] = i
	}
	var loose []*item
	for _, it := range g.items {
		if i, in := at[it.in]; !in || !fixed[i] {
			loose = append(loose, it)
		}
	}
	slices.SortFunc(loose, hardFirst)
	all := parcelsOf(loose)
	put := pack(all, bins, bound)
	if put == nil {
		return false
	}
	t.putEach(loose, all, put, berths, at, bins)
	return true
}

// putEach says which item goes into which berth. Of alike units those stay that are there, and of alike berths each gets the
// contents that are most like its own.
func (t *trial) putEach(loose []*item, all []parcels, put [][]int, berths []berth, at map[*container]int, bins []bin) {
	has := make([][]int, len(all)) // units of a size that are in a berth now
	bySize := make([][]*item, len(all))
	for n := range all {
		has[n] = make([]int, len(berths))
		for _, it := range loose {
			if it.product.size != all[n].size {
				continue
			}
			bySize[n] = append(bySize[n], it)
			if i, in := at[it.in]; in {
				has[n][i]++
			}
		}
	}
	exchangeAlike(put, has, bins)
	for n := range all {
		room := make([]int, len(berths))
		for i := range berths {
			room[i] = put[n][i]
		}
		var moving []*item
		for _, it := range bySize[n] {
			if i, in := at[it.in]; in && room[i] > 0 {
				room[i]--
			} else {
				moving = append(moving, it)
			}
		}
		for i := range berths {
			for range room[i] {
				t.put(moving[0], berths[i].c)
				moving = moving[1:]
			}
		}
	}
}

// exchangeAlike exchanges the contents of bins that were alike before packing as long as more units then stay where they are.
func exchangeAlike(put, has [][]int, bins []bin) {
	stay := func(contents, berth int) (units int) {
		for n := range put {
			units += min(put[n][contents], has[n][berth])
		}
		return units
	}
	for again := true; again; {
		again = false
		for i := range bins {
			for j := range i {
				if bins[i] == bins[j] && stay(i, j)+stay(j, i) > stay(i, i)+stay(j, j) {
					for n := range put {
						put[n][i], put[n][j] = put[n][j], put[n][i]
					}
					again = true
				}
			}
		}
	}
}

// send gives each container of a location that has none a place in a shipper and an address. That there are enough is known; who
// rides elsewhere for it is found by the shortest chain.
func (t *trial) send(l *location) {
	for _, g := range l.groups {
		for _, c := range g.containers {
			if c.shipper == nil {
				t.findPlace(c)
			}
			if c.address == nil {
				t.shelve(c, g.way.spot.address())
			}
		}
	}
}

func (t *trial) findPlace(c *container) {
	type link struct {
		c      *container
		pool   *pool
		before int // index of the link whose pool gets a free place by this one
	}
	var links []link
	met := map[*pool]bool{}
	reach := func(c *container, before int) {
		for _, p := range c.group.way.pools {
			if !met[p] {
				met[p] = true
				links = append(links, link{c, p, before})
			}
		}
	}
	reach(c, -1)
	for i := 0; i < len(links); i++ {
		if links[i].pool.free == 0 {
			for _, s := range links[i].pool.shippers {
				for _, other := range s.inUse {
					reach(other, i)
				}
			}
			continue
		}
		for at := i; at >= 0; at = links[at].before {
			t.ride(links[at].c, links[at].pool)
		}
		return
	}
}
