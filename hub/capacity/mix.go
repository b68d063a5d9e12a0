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

// minimalMixes gives every mix that holds the items and of which no container can be left out, the fewest containers first. It
// is empty when the location's slots do not hold them, or when the budget is spent.
func minimalMixes(l *location, category string, items []*item, b *budget) []mix {
	if len(items) == 0 {
		return []mix{make(mix, len(l.classes))}
	}
	s := mixSearch{parcels: parcelsOf(items), budget: b, width: len(l.classes)}
	for _, c := range l.classes {
		if c.categories[category] {
			s.classes = append(s.classes, c)
		}
	}
	if len(s.classes) == 0 {
		return nil
	}
	// Mixes with one container more are made of those that do not hold the items and cover none that does. Below the least
	// number of containers that water would need there is nothing to try.
	frontier := s.ofTotal(s.least())
	for len(frontier) > 0 && !b.spent() {
		var open []mix
		for _, m := range frontier {
			if !b.spend() {
				return nil
			}
			if slices.ContainsFunc(s.found, m.covers) {
				continue
			}
			if s.holds(m) {
				s.found = append(s.found, m)
			} else {
				open = append(open, m)
			}
		}
		frontier = s.oneMore(open)
	}
	if b.spent() {
		return nil
	}
	return s.found
}

type mixSearch struct {
	parcels []parcels
	classes []*class // that the category may stand in
	width   int
	found   []mix
	budget  *budget
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

func (s *mixSearch) holds(m mix) bool { return pack(s.parcels, s.bins(m), s.budget) != nil }

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

// options gives the ways to share out a location's slots, of which none needs at most as many containers as another on every
// way. It is empty when the slots do not suffice, or when the budget is spent.
func (l *location) options(groups []*groupState, mixes [][]mix, b *budget) []option {
	s := shareOut{location: l, groups: groups, mixes: mixes, budget: b, picked: make([]mix, len(groups)),
		free: make([]int, len(l.classes)), need: make([]int, len(l.ways)), least: make([]int, len(l.ways))}
	for c, class := range l.classes {
		s.free[c] = len(class.slots)
	}
	for g := range groups {
		s.order = append(s.order, g)
		fewest := slices.MinFunc(mixes[g], func(a, b mix) int { return cmp.Compare(a.total(), b.total()) }).total()
		s.fewest = append(s.fewest, fewest)
		s.least[groups[g].way.local] += fewest
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(len(mixes[a]), len(mixes[b])) })
	s.pick(0)
	if b.spent() {
		return nil
	}
	return s.found
}

type shareOut struct {
	location *location
	groups   []*groupState
	mixes    [][]mix
	order    []int // groups with few mixes first
	fewest   []int // containers, by group
	budget   *budget

	picked []mix
	free   []int // slots, by class
	need   []int // of the groups picked, by way
	least  []int // of the groups not picked, by way
	found  []option
	done   bool // an option needs as little on every way as is possible at all
}

func (s *shareOut) pick(i int) {
	if s.done || !s.budget.spend() || s.pointless() {
		return
	}
	if i == len(s.order) {
		s.keep()
		return
	}
	g := s.order[i]
	way := s.groups[g].way.local
	s.least[way] -= s.fewest[g]
	for _, m := range s.mixes[g] { // the fewest containers first
		if !s.take(m) {
			continue
		}
		s.picked[g] = m
		s.need[way] += m.total()
		s.pick(i + 1)
		s.need[way] -= m.total()
		s.give(m)
	}
	s.least[way] += s.fewest[g]
}

func (s *shareOut) take(m mix) bool {
	for c, n := range m {
		if n > s.free[c] {
			return false
		}
	}
	for c, n := range m {
		s.free[c] -= n
	}
	return true
}

func (s *shareOut) give(m mix) {
	for c, n := range m {
		s.free[c] += n
	}
}

// pointless says whether all that can come of this needs at least as much as what was found.
func (s *shareOut) pointless() bool {
	return slices.ContainsFunc(s.found, func(o option) bool {
		for w := range o.need {
			if o.need[w] > s.need[w]+s.least[w] {
				return false
			}
		}
		return true
	})
}

func (s *shareOut) keep() {
	o := option{slices.Clone(s.picked), slices.Clone(s.need)}
	s.found = slices.DeleteFunc(s.found, func(f option) bool {
		for w := range f.need {
			if f.need[w] < o.need[w] {
				return false
			}
		}
		return true
	})
	s.found = append(s.found, o)
	for w := range o.need {
		total := 0
		for g, group := range s.groups {
			if group.way.local == w {
				total += s.fewest[g]
			}
		}
		if o.need[w] > total {
			return
		}
	}
	s.done = true
}
