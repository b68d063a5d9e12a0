package capacity

import "slices"

// solve finds places for items that are in no container when some that are numbered have to move for them, or refuses them. It
// looks at all that is numbered on the date at once:
//
//   - at the location, each group's minimal mixes of containers, and which of them share out its slots;
//   - over all locations, whether the containers of one option each have places in shippers and addresses.
//
// Other locations are left alone if that is possible.
func (t *trial) solve(l *location, fresh []*item) error {
	b := t.book
	bound := &budget{b.nodes}
	options, refused := l.optionsFor(fresh, bound)
	if refused != nil {
		return refused
	}
	plan, refused := b.choose(l, options, fresh, bound)
	if refused != nil {
		return refused
	}
	b.leaveAlone(plan)
	for _, p := range plan {
		if !t.rearrange(p.location, p.option.mixes, bound) {
			return &Refused{SearchBound, l.id}
		}
	}
	for _, p := range plan {
		t.send(p.location)
	}
	return nil
}

// optionsFor gives the location's options with the fresh items, or says which shop's goods find no containers.
func (l *location) optionsFor(fresh []*item, bound *budget) ([]option, *Refused) {
	all := l.reckon(bound)
	switch {
	case bound.spent():
		return nil, &Refused{SearchBound, l.id}
	case len(all) > 0:
		return all, nil
	}
	return nil, &Refused{NoContainer, l.firstTooMany(fresh, bound)}
}

// reckon gives the options of the location's groups as they are, and remembers them.
func (l *location) reckon(bound *budget) []option {
	if l.cached != nil {
		return l.cached
	}
	var mixes [][]mix
	for _, g := range l.groups {
		if g.mixes == nil {
			g.mixes = minimalMixes(l, g.category, g.items, bound)
		}
		if len(g.mixes) == 0 {
			return nil
		}
		mixes = append(mixes, g.mixes)
	}
	l.cached = l.options(l.groups, mixes, bound)
	return l.cached
}

// firstTooMany names the shop with whose goods, in the order of the lines, the slots no longer suffice.
func (l *location) firstTooMany(fresh []*item, bound *budget) string {
	waiting := map[*groupState][]*item{} // all that are fresh, by group
	var order []*groupState
	for _, it := range fresh {
		if waiting[it.group] == nil {
			order = append(order, it.group)
		}
		waiting[it.group] = append(waiting[it.group], it)
	}
	for i, last := range order[:len(order)-1] {
		var mixes [][]mix
		for _, g := range l.groups {
			have := g.mixes
			if slices.Contains(order[i+1:], g) {
				have = minimalMixes(l, g.category, slices.DeleteFunc(slices.Clone(g.items), func(it *item) bool {
					return slices.Contains(waiting[g], it)
				}), bound)
			} else if have == nil {
				have = minimalMixes(l, g.category, g.items, bound)
			}
			if len(have) == 0 {
				return last.shop
			}
			mixes = append(mixes, have)
		}
		if len(l.options(l.groups, mixes, bound)) == 0 {
			return last.shop
		}
	}
	return order[len(order)-1].shop
}

// choice is the option that a location is to take.
type choice struct {
	location *location
	option   option
}

// choose picks an option for the location and, where others have to give way, for those: containers of one way then need fewer
// places or addresses. The plan names the locations that change.
func (b *Book) choose(l *location, options []option, fresh []*item, bound *budget) ([]choice, *Refused) {
	need := b.needNow()
	for _, o := range options {
		l.ask(need, o)
		if b.rides(need) && b.shelved(need) == nil {
			return []choice{{l, o}}, nil
		}
	}
	s := compaction{book: b, bound: bound, need: need}
	if refused := s.gather(l, options); refused != nil {
		return nil, refused
	}
	if !s.search(0, false) {
		return nil, s.refuse(l, NoShipper, s.shopWithoutPlace(fresh))
	}
	s.startAgain()
	if !s.search(0, true) {
		return nil, s.refuse(l, NoAddress, s.spotWithoutAddress(fresh))
	}
	return s.fewest(l), nil
}

// needNow is how many containers are on each way.
func (b *Book) needNow() []int {
	need := make([]int, len(b.ways))
	for i, w := range b.ways {
		need[i] = w.count
	}
	return need
}

// ask writes what a location needs with an option.
func (l *location) ask(need []int, o option) {
	for i, w := range l.ways {
		need[w.index] = o.need[i]
	}
}

// compaction looks for options of all locations that go together.
type compaction struct {
	book   *Book
	bound  *budget
	need   []int // by way
	places []choices
	best   []option // of the places, once found
}

// choices are a location's options, and the least that it needs on each way with any of them.
type choices struct {
	location *location
	options  []option
	least    option
	now      option // what it needs as it is; of the location of the order it is the option that was picked
}

// gather reckons the options of all locations that have something to choose; the others' needs are set to the least.
func (s *compaction) gather(l *location, options []option) *Refused {
	for _, id := range s.book.network.Locations {
		other := s.book.locations[id]
		c := choices{location: other, options: options}
		if other != l {
			c.options = other.reckon(s.bound)
			c.now = option{need: make([]int, len(other.ways))}
			for i, w := range other.ways {
				c.now.need[i] = w.count
			}
		}
		if s.bound.spent() || len(c.options) == 0 {
			return &Refused{SearchBound, l.id}
		}
		c.least = option{need: slices.Clone(c.options[0].need)}
		for _, o := range c.options {
			for i := range o.need {
				c.least.need[i] = min(c.least.need[i], o.need[i])
			}
		}
		other.ask(s.need, c.least)
		s.places = append(s.places, c)
	}
	// Locations with a real choice last: until then every step is sure.
	slices.SortStableFunc(s.places, func(a, b choices) int { return len(a.options) - len(b.options) })
	s.best = make([]option, len(s.places))
	return nil
}

// search picks options from place i on. What is not picked yet counts with the least that it may need.
func (s *compaction) search(i int, addresses bool) bool {
	for ; i < len(s.places) && len(s.places[i].options) == 1; i++ {
		s.best[i] = s.places[i].options[0]
	}
	if !s.bound.spend() || !s.book.rides(s.need) || addresses && s.book.shelved(s.need) != nil {
		return false
	}
	if i == len(s.places) {
		return true
	}
	p := s.places[i]
	for _, o := range p.options {
		p.location.ask(s.need, o)
		if s.best[i] = o; s.search(i+1, addresses) {
			return true
		}
	}
	p.location.ask(s.need, p.least)
	return false
}

// startAgain forgets what was picked.
func (s *compaction) startAgain() {
	for _, p := range s.places {
		p.location.ask(s.need, p.least)
	}
}

func (s *compaction) refuse(l *location, limit Limit, what string) *Refused {
	if s.bound.spent() {
		return &Refused{SearchBound, l.id}
	}
	return &Refused{limit, what}
}

// shopWithoutPlace names the shop whose goods, in the order of the lines, are on a way that has too few places by itself or, when
// it takes several together, the last one.
func (s *compaction) shopWithoutPlace(fresh []*item) string {
	alone := make([]int, len(s.need))
	for _, it := range fresh {
		w := it.group.way
		if alone[w.index] = s.need[w.index]; !s.book.rides(alone) {
			return it.group.shop
		}
	}
	for _, it := range fresh {
		if it.group.way.count < s.need[it.group.way.index] {
			return it.group.shop
		}
	}
	return fresh[len(fresh)-1].group.shop
}

// spotWithoutAddress names the spot that has too few addresses.
func (s *compaction) spotWithoutAddress(fresh []*item) string {
	if at := s.book.shelved(s.need); at != nil {
		return at.id
	}
	return fresh[len(fresh)-1].group.way.spot.id // which one depends on what others choose
}

// fewest lets as many locations as possible stay as they are.
func (s *compaction) fewest(l *location) []choice {
	var plan []choice
	for i, p := range s.places {
		if p.location != l && slices.Equal(s.best[i].need, p.now.need) {
			continue // it is there already
		}
		if p.location != l {
			p.location.ask(s.need, p.now)
			if s.book.rides(s.need) && s.book.shelved(s.need) == nil {
				continue
			}
			p.location.ask(s.need, s.best[i])
		}
		plan = append(plan, choice{p.location, s.best[i]})
	}
	return plan
}
