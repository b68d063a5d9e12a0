package capacity

import (
	"cmp"
	"slices"
)

// mix says how many containers of each class of the location a group gets.
type mix []int

func (m mix) total() int {
	n := 0
	for _, k := range m {
		n += k
	}
	return n
}

// covers says whether m has at least as many of each class as o.
func (m mix) covers(o mix) bool {
	for c := range m {
		if m[c] < o[c] {
			return false
		}
	}
	return true
}

// parcelsOf gathers items by size, the largest first.
func parcelsOf(items []*item) []parcels {
	var all []parcels
	at := map[size]int{}
	for _, it := range items {
		s := it.product.size
		i, met := at[s]
		if !met {
			i = len(all)
			at[s] = i
			all = append(all, parcels{size: s})
		}
		all[i].n++
	}
	slices.SortFunc(all, func(a, b parcels) int { return a.size.before(b.size) })
	return all
}

// candidate is a mix that may hold a group's items: a proven one does, for a packing was found. Of every candidate it is known that
// no container can be left out.
type candidate struct {
	mix
	proven bool
}

// glance is how many nodes a mix gets before it counts as not proven. Most are decided within.
const glance = 48

// reckon finds the group's candidates: together they cover every mix that holds its items, the fewest containers first. There are
// none when the location's slots do not hold them, or when the budget is spent.
func (g *groupState) reckon(b *budget) {
	if g.mixes != nil {
		return
	}
	if len(g.items) == 0 {
		g.mixes = []candidate{{make(mix, len(g.way.location.classes)), true}}
		return
	}
	s := g.search(b)
	if len(s.classes) == 0 {
		return
	}
	// Mixes with one container more are made of those that do not hold the items and cover none that may. Below the least number
	// of containers that water would need there is nothing to try.
	frontier := s.ofTotal(s.least())
	for len(frontier) > 0 && !b.spent() {
		frontier = s.oneMore(s.judge(frontier))
	}
	if !b.spent() {
		g.mixes = s.found
	}
}

// prove finds out whether a candidate holds the group's items. If it does not, the mixes with one container more take its place, as
// far as they cover no other candidate.
func (g *groupState) prove(m mix, b *budget) bool {
	at := slices.IndexFunc(g.mixes, func(c candidate) bool { return slices.Equal(c.mix, m) })
	if g.mixes[at].proven {
		return true
	}
	s := g.search(b)
	holds := s.holds(m, b)
	if b.spent() {
		return false
	}
	if holds {
		g.mixes = slices.Clone(g.mixes)
		g.mixes[at].proven = true
		return true
	}
	s.found = slices.Delete(slices.Clone(g.mixes), at, at+1)
	for frontier := s.oneMore([]mix{m}); len(frontier) > 0 && !b.spent(); {
		frontier = s.oneMore(s.judge(frontier))
	}
	slices.SortStableFunc(s.found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.total(), b.total()), slices.Compare(b.mix, a.mix))
	})
	g.changed()
	g.mixes = s.found
	return false
}

func (g *groupState) search(b *budget) *mixSearch {
	l := g.way.location
	s := &mixSearch{parcels: parcelsOf(g.items), budget: b, width: len(l.classes)}
	for _, c := range l.classes {
		if c.categories[g.category] {
			s.classes = append(s.classes, c)
		}
	}
	return s
}

type mixSearch struct {
	parcels []parcels
	classes []*class // that the category may stand in
	width   int
	found   []candidate
	budget  *budget
}

// judge looks at mixes that cover no candidate, and gives those that certainly do not hold the items.
func (s *mixSearch) judge(mixes []mix) (open []mix) {
	for _, m := range mixes {
		if !s.budget.spend() {
			return nil
		}
		if slices.ContainsFunc(s.found, func(c candidate) bool { return m.covers(c.mix) }) {
			continue
		}
		short := &budget{min(glance, s.budget.nodes)}
		begun := short.nodes
		holds := s.holds(m, short)
		s.budget.nodes -= begun - max(0, short.nodes)
		if holds || short.spent() {
			s.found = append(s.found, candidate{m, holds})
		} else {
			open = append(open, m)
		}
	}
	return open
}

// least is a number of containers below which no mix holds the items.
func (s *mixSearch) least() int {
	var all, most load
	for _, p := range s.parcels {
		all = all.plus(p.times(p.n))
	}
	for _, c := range s.classes {
		most = load{max(most.ml, c.room.ml), max(most.g, c.room.g), max(most.mm2, c.room.mm2)}
	}
	least := int64(1)
	for _, d := range [][2]int64{{all.ml, most.ml}, {all.g, most.g}, {all.mm2, most.mm2}} {
		if d[1] > 0 {
			least = max(least, (d[0]+d[1]-1)/d[1])
		}
	}
	return int(least)
}

// ofTotal gives all mixes of so many containers that the location's slots allow.
func (s *mixSearch) ofTotal(n int) []mix {
	var all []mix
	m := make(mix, s.width)
	var fill func(c, n int)
	fill = func(c, n int) {
		if s.budget.spent() {
			return
		}
		if c == len(s.classes)-1 {
			if n <= len(s.classes[c].slots) && s.budget.spend() {
				m[s.classes[c].index] = n
				all = append(all, slices.Clone(m))
			}
			return
		}
		for k := min(n, len(s.classes[c].slots)); k >= 0; k-- {
			m[s.classes[c].index] = k
			fill(c+1, n-k)
		}
		m[s.classes[c].index] = 0
	}
	fill(0, n)
	return all
}

// oneMore gives the mixes with one container more than one of those given, each once.
func (s *mixSearch) oneMore(of []mix) []mix {
	var all []mix
	for _, m := range of {
		for _, c := range s.classes {
			if m[c.index] < len(c.slots) {
				more := slices.Clone(m)
				more[c.index]++
				all = append(all, more)
			}
		}
	}
	slices.SortFunc(all, func(a, b mix) int { return slices.Compare(b, a) })
	return slices.CompactFunc(all, slices.Equal)
}

func (s *mixSearch) holds(m mix, b *budget) bool { return pack(s.parcels, s.bins(m), b) != nil }

func (s *mixSearch) bins(m mix) []bin {
	var bins []bin
	for _, c := range s.classes {
		for range m[c.index] {
			bins = append(bins, bin{c, c.room})
		}
	}
	return bins
}

// option is a way for all groups of a location to have their slots: a mix each, and how many containers that makes on each of
// the location's ways.
type option struct {
	mixes []mix // by group, in the order of the groups given
	need  []int // by way, as in location.ways
}

// share gives the ways to share out a location's slots, of which none needs at most as many containers as another on every
// way. It is empty when the slots do not suffice, or when the budget is spent.
func (l *location) share(b *budget) []option {
	groups := l.groups
	s := shareOut{location: l, groups: groups, budget: b}
	for _, g := range groups {
		s.mixes = append(s.mixes, g.mixes)
	}
	for g := range groups {
		s.order = append(s.order, g)
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(len(s.mixes[a]), len(s.mixes[b])) })
	s.reckonRest()
	shares := []*share{{used: make(mix, len(l.classes)), need: make([]int, len(l.ways))}}
	for i := range s.order {
		if shares = s.next(i, shares); b.spent() {
			return nil
		}
	}
	var found []option
	for _, one := range shares { // those that use few slots first
		if !slices.ContainsFunc(found, func(o option) bool { return atMost(o.need, one.need) }) {
			found = append(found, one.option(len(groups)))
		}
	}
	return slices.DeleteFunc(found, func(o option) bool {
		return slices.ContainsFunc(found, func(p option) bool { return atMost(p.need, o.need) && !slices.Equal(p.need, o.need) })
	})
}

// shareOut goes through a location's groups, those with few mixes first, and keeps for those so far every share of slots that is
// not worse than another.
type shareOut struct {
	location *location
	groups   []*groupState
	mixes    [][]candidate
	order    []int
	budget   *budget
	rest     []rest // of the groups order[i:]
}

// rest is what the groups that have no share yet need at least.
type rest struct {
	slots mix // of each class
	total int
	load  load
}

// share is a mix of each group so far.
type share struct {
	used   mix
	need   []int // by way
	group  int
	mix    mix // of the group
	before *share
}

func (s *share) option(groups int) option {
	o := option{make([]mix, groups), s.need}
	for ; s.before != nil; s = s.before {
		o.mixes[s.group] = s.mix
	}
	return o
}

// atMost says whether a is nowhere more than b.
func atMost(a, b []int) bool {
	for i := range a {
		if a[i] > b[i] {
			return false
		}
	}
	return true
}

func (s *shareOut) reckonRest() {
	s.rest = make([]rest, len(s.order)+1)
	s.rest[len(s.order)].slots = make(mix, len(s.location.classes))
	for i := len(s.order) - 1; i >= 0; i-- {
		g := s.order[i]
		r := rest{slots: slices.Clone(s.rest[i+1].slots), total: s.rest[i+1].total, load: s.rest[i+1].load}
		for c := range r.slots {
			r.slots[c] += slices.MinFunc(s.mixes[g], func(a, b candidate) int { return cmp.Compare(a.mix[c], b.mix[c]) }).mix[c]
		}
		r.total += slices.MinFunc(s.mixes[g], func(a, b candidate) int { return cmp.Compare(a.total(), b.total()) }).total()
		for _, it := range s.groups[g].items {
			r.load = r.load.plus(it.product.size.load)
		}
		s.rest[i] = r
	}
}

// next gives the shares with each mix of one group more.
func (s *shareOut) next(i int, shares []*share) []*share {
	g, way := s.order[i], s.groups[s.order[i]].way.local
	var all []*share
	for _, one := range shares {
		for _, m := range s.mixes[g] {
			if !s.budget.spend() {
				return nil
			}
			used := make(mix, len(m.mix))
			for c := range used {
				used[c] = one.used[c] + m.mix[c]
			}
			if !s.leavesEnough(used, i+1) {
				continue
			}
			more := &share{used, slices.Clone(one.need), g, m.mix, one}
			more.need[way] += m.total()
			all = append(all, more)
		}
	}
	slices.SortStableFunc(all, func(a, b *share) int {
		return cmp.Or(cmp.Compare(a.used.total(), b.used.total()), slices.Compare(a.used, b.used), slices.Compare(a.need, b.need))
	})
	var kept []*share
	for n, one := range all {
		if n > 0 && slices.Equal(one.used, all[n-1].used) && slices.Equal(one.need, all[n-1].need) {
			continue
		}
		if !slices.ContainsFunc(kept, func(k *share) bool { return atMost(k.used, one.used) && atMost(k.need, one.need) }) {
			kept = append(kept, one)
		}
	}
	return kept
}

// leavesEnough is a bound: whether the slots left may hold the groups that have none yet.
func (s *shareOut) leavesEnough(used mix, i int) bool {
	r := s.rest[i]
	total, room := 0, load{}
	for c, k := range s.location.classes {
		free := len(k.slots) - used[c]
		if free < r.slots[c] {
			return false
		}
		total += free
		room = room.plus(load{k.room.ml * int64(free), k.room.g * int64(free), k.room.mm2 * int64(free)})
	}
	return total >= r.total && r.load.within(room)
}
