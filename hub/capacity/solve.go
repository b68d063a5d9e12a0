package capacity

import "slices"

// solve finds places for items that are in no container when some that are numbered have to move for them, or refuses them. It
// looks at all that is numbered on the date at once:
//
//   - at the location, which mixes of containers its groups may have, and which of them share out its slots;
//   - over all locations, whether the containers of one option each have places in shippers and addresses.
//
// Mixes count as if they held the items until a plan rests on them; then it is found out, and if they do not, another plan is made.
// Other locations are left alone if that is possible.
func (t *trial) solve(l *location, fresh []*item) error {
	b := t.book
	bound := &budget{b.nodes}
	for {
		options := l.reckon(bound)
		if len(options) == 0 {
			return l.refuse(bound, NoContainer, func() string { return l.firstTooMany(fresh, bound) })
		}
		plan, refused := b.choose(l, options, fresh, bound)
		switch {
		case bound.spent():
			return &Refused{SearchBound, l.id}
		case !prove(plan, bound):
			continue
		case refused != nil:
			return refused
		}
		return t.carryOut(plan, l, bound)
	}
}

// prove finds out whether all mixes of a plan hold what they are for.
func prove(plan []choice, bound *budget) bool {
	for _, p := range plan {
		for i, g := range p.location.groups {
			if !g.prove(p.option.mixes[i], bound) {
				return false
			}
		}
	}
	return true
}

func (t *trial) carryOut(plan []choice, l *location, bound *budget) error {
	t.book.leaveAlone(plan)
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

func (l *location) refuse(bound *budget, limit Limit, what func() string) *Refused {
	if !bound.spent() {
		if named := what(); !bound.spent() {
			return &Refused{limit, named}
		}
	}
	return &Refused{SearchBound, l.id}
}

// reckon gives the options of the location's groups as they are, and remembers them.
func (l *location) reckon(bound *budget) []option {
	if l.cached != nil {
		return l.cached
	}
	for _, g := range l.groups {
		if g.reckon(bound); len(g.mixes) == 0 {
			return nil
		}
	}
	l.cached = l.share(bound)
	return l.cached
}

// firstTooMany names the shop with whose goods, in the order of the lines, the slots no longer suffice.
func (l *location) firstTooMany(fresh []*item, bound *budget) string {
	var order []*groupState
	for _, it := range fresh {
		if !slices.Contains(order, it.group) {
			order = append(order, it.group)
		}
	}
	last := len(order) - 1
	for ; last > 0; last-- { // without the goods of the last shop, then of the last two, and so on
		g := order[last]
		all := g.items
		g.items = slices.DeleteFunc(slices.Clone(all), func(it *item) bool { return slices.Contains(fresh, it) })
		g.changed()
		defer func() { g.items = all; g.changed() }()
		if l.holds(bound) {
			break
		}
	}
	return order[last].shop
}

// holds says whether the slots suffice for all groups.
func (l *location) holds(bound *budget) bool {
	for {
		options := l.reckon(bound)
		if len(options) == 0 {
			return false
		}
		if proven := prove([]choice{{l, options[0]}}, bound); proven || bound.spent() {
			return proven
		}
	}
}

// choice is the option that a location is to take.
type choice struct {
	location *location
	option   option
}

// choose picks an option for the location and, where others have to give way, for those: containers of one way then need fewer
// places or addresses. The plan names the locations that change. Together with a refusal it is what the limits before are held by.
func (b *Book) choose(l *location, options []option, fresh []*item, bound *budget) ([]choice, *Refused) {
	need := b.needNow()
	for _, o := range options {
		l.ask(need, o)
		if b.rides(need) && b.shelved(need) == nil {
			return []choice{{l, o}}, nil
		}
	}
	s := compaction{book: b, bound: bound, need: need}
	s.gather(l, options)
	if bound.spent() {
		return nil, nil
	}
	if !s.search(0, false) {
		return []choice{{l, options[0]}}, &Refused{NoShipper, s.shopWithoutPlace(fresh)}
	}
	with := s.plan()
	s.startAgain()
	if !s.search(0, true) {
		return with, &Refused{NoAddress, s.spotWithoutAddress(fresh)}
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

// gather reckons the options of all locations; their needs are set to the least.
func (s *compaction) gather(l *location, options []option) {
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
		if s.bound.spent() {
			return
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
}

// plan is what was found, of all locations.
func (s *compaction) plan() []choice {
	var all []choice
	for i, p := range s.places {
		all = append(all, choice{p.location, s.best[i]})
	}
	return all
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
