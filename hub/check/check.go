package check

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Report is what one look found, the most urgent first.
type Report struct {
	Findings []Finding
	Omitted  int // more findings than are kept
	Count    Count
}

// Clean says whether nothing was found.
func (r Report) Clean() bool { return len(r.Findings) == 0 }

// Look looks at dates of a source and proposes a repair for whatever it finds. Memory is bounded by what one date holds.
func Look(ctx context.Context, src Source, dates []string, now time.Time) (Report, error) {
	n, err := src.Network(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read the network: %w", err)
	}
	s := &survey{net: indexed(n), now: now}
	for _, date := range dates {
		if err := s.date(ctx, src, date); err != nil {
			return Report{}, err
		}
	}
	return s.report(), nil
}

// survey is a look at several dates, each perhaps in a view of its own.
type survey struct {
	net   *network
	now   time.Time
	found findings
	count Count
}

func (s *survey) report() Report {
	slices.SortFunc(s.found.list, byUrgency)
	r := Report{Omitted: s.found.omitted, Count: s.count}
	for _, f := range s.found.list {
		f.close()
		r.Findings = append(r.Findings, *f)
	}
	return r
}

// date looks at one date and adds what it finds.
func (s *survey) date(ctx context.Context, src Source, date string) error {
	l := newLook(s.net, src, s.now, &s.found)
	before := len(s.found.list)
	if err := l.all(ctx, date); err != nil {
		return fmt.Errorf("check %s: %w", date, err)
	}
	news := slices.Clone(s.found.list[before:])
	for _, f := range s.found.list[:before] { // found on the date that it is wrongly of, and to be repaired here
		if f.Kind == WrongDate && len(f.boxes)+len(f.units) > 0 && f.Args[2] == date && f.Repair.ID == "" {
			news = append(news, f)
		}
	}
	if err := l.propose(ctx, news); err != nil {
		return fmt.Errorf("propose repairs for %s: %w", date, err)
	}
	s.count.Dates++
	s.count.Containers += l.count.Containers
	s.count.Orders += l.count.Orders
	s.count.Items += l.count.Items
	return nil
}

func (l *look) all(ctx context.Context, date string) error {
	if err := l.open(ctx, date); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{l.read, l.judge, l.settle, l.recount, l.judgeOrders, l.judgeSales} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	l.clashes()
	return nil
}

// Mark says that a container must stay off the van.
type Mark struct {
	Kind Kind
	Text string // in English
}

// Marks are what a sheet or packing list has to say of broken rows: whole containers, and single units in containers that are
// whole otherwise.
type Marks struct {
	Containers map[string]Mark
	Units      []UnitMark
}

// UnitMark is a unit that must not be packed.
type UnitMark struct {
	Item
	Mark
}

// Judge looks at some containers of a date, at what is in them and at all that they share places with, for a sheet or a packing
// list. It takes no longer than reading the date's containers and these ones' items.
func Judge(ctx context.Context, src Source, date string, ids []string) (Marks, error) {
	m := Marks{Containers: map[string]Mark{}}
	n, err := src.Network(ctx)
	if err != nil {
		return m, fmt.Errorf("read the network: %w", err)
	}
	l := newLook(indexed(n), src, time.Time{}, &findings{}) // nothing here depends on the time
	if err := l.judgeSome(ctx, date, ids); err != nil {
		return m, fmt.Errorf("check containers of %s: %w", date, err)
	}
	slices.SortFunc(l.found.list, byUrgency)
	seen := map[itemKey]bool{}
	for _, f := range l.found.list {
		m.note(f, seen)
	}
	return m, nil
}

func (l *look) judgeSome(ctx context.Context, date string, ids []string) error {
	if err := l.open(ctx, date); err != nil {
		return err
	}
	units, err := l.src.ItemsIn(ctx, ids)
	if err != nil {
		return err
	}
	for _, u := range units {
		o := l.orders[u.Order]
		if o == nil {
			stored, found, err := l.src.Order(ctx, u.Order)
			if err != nil {
				return err
			}
			if found {
				o = &taking{Order: stored}
				l.orders[u.Order] = o
			}
		}
		l.item(u, o, l.boxes[u.Container])
		if o != nil && ended[o.State] {
			l.wrong(StillHolds, u.Order, o.State, u)
		}
	}
	if err := l.judge(ctx); err != nil {
		return err
	}
	for _, u := range l.strays {
		l.wrong(NoOrder, u.Order, "", u)
	}
	for _, k := range l.badSeen {
		l.tell(k, l.bad[k])
	}
	l.clashes()
	for _, id := range ids {
		if err := l.judgeOne(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// judgeOne looks at what only a container that was asked for is looked at for.
func (l *look) judgeOne(ctx context.Context, id string) error {
	b := l.boxes[id]
	switch {
	case b == nil: // it is dated otherwise than the run or shop that it was found by
		c, found, err := l.src.Container(ctx, id)
		if err != nil || !found {
			return err
		}
		l.misdated(&box{Container: c}, l.Date)
	case b.units == 0 && !b.unknown && !b.misdated:
		l.about(b, EmptyContainer)
	}
	return nil
}

// note takes from a finding what must not be loaded. The first, and so the worst, that is said of a row stays.
func (m *Marks) note(f *Finding, seen map[itemKey]bool) {
	mark := Mark{f.Kind, f.Text()}
	for _, b := range f.boxes {
		if _, has := m.Containers[b.ID]; rules[f.Kind].doNotLoad && !has {
			m.Containers[b.ID] = mark
		}
	}
	if f.Kind == StaleCopy {
		return // the unit is what it is
	}
	for _, u := range f.units {
		if !seen[u.key()] {
			seen[u.key()] = true
			m.Units = append(m.Units, UnitMark{u, mark})
		}
	}
}
