package capacity

import (
	"cmp"
	"slices"
)

// trial is a change of the book that is being made. It can go back to any point, and says at the end what is different.
type trial struct {
	book   *Book
	steps  []step
	before []image // of all that was touched, as it was at first
	moved  []moved
	memos  []memo
}

// step is what has to be done to go back by one.
type step struct {
	kind stepKind
	c    *container // of a placing
	was  *container
	it   *item      // of the others
	from *container // of a putting
}

type stepKind int

const (
	placing stepKind = iota // a container was opened or closed, or has another slot, place or address
	putting
	adding
	removing
)

// image is a container as it was before. One that is new has not existed.
type image struct {
	c       *container
	existed bool
	was     container
}

// moved is an item that was in another container, or in none.
type moved struct {
	it   *item
	from *container
	kind stepKind // adding, removing, or putting
}

// memo is what was reckoned of a group.
type memo struct {
	g     *groupState
	mixes []candidate
}

func (b *Book) begin() *trial { return &trial{book: b} }

// touch keeps how a container is before it is changed for the first time.
func (t *trial) touch(c *container, existed bool) {
	if c.mark != t {
		c.mark = t
		t.before = append(t.before, image{c, existed, *c})
	}
	t.change(c.group)
}

// change keeps what is reckoned of a group, for the case that the trial goes back, and forgets it.
func (t *trial) change(g *groupState) {
	if g.mark != t {
		g.mark = t
		t.memos = append(t.memos, memo{g, g.mixes})
	}
	g.changed()
}

// place is a step that changes what a container takes.
func (t *trial) place(c *container) {
	t.touch(c, true)
	was := *c
	t.steps = append(t.steps, step{kind: placing, c: c, was: &was})
}

// changed forgets what was reckoned of the group and its location.
func (g *groupState) changed() {
	g.mixes = nil
	g.way.location.cached = nil
}

// add makes an item known. It is in no container yet.
func (t *trial) add(it *item) {
	t.change(it.group)
	t.book.know(it)
	t.steps = append(t.steps, step{kind: adding, it: it})
	t.moved = append(t.moved, moved{it, nil, adding})
	it.mark = t
}

// remove takes an item out for good.
func (t *trial) remove(it *item) {
	t.put(it, nil)
	t.book.forget(it)
	t.steps = append(t.steps, step{kind: removing, it: it})
	for i := range t.moved {
		if t.moved[i].it == it {
			t.moved[i].kind = removing
		}
	}
}

func (b *Book) know(it *item) {
	it.product.sold++
	it.group.items = append(it.group.items, it)
	it.group.changed()
	b.orders[it.order] = append(b.orders[it.order], it)
}

func (b *Book) forget(it *item) {
	it.product.sold--
	it.group.items = without(it.group.items, it)
	it.group.changed()
	if left := without(b.orders[it.order], it); len(left) > 0 {
		b.orders[it.order] = left
	} else {
		delete(b.orders, it.order)
	}
}

// without gives a list without one of its elements.
func without(items []*item, it *item) []*item {
	if n := len(items); items[n-1] == it {
		return items[:n-1] // the one that came last is most often the first to go
	}
	i := slices.Index(items, it)
	return slices.Delete(items, i, i+1)
}

// put puts an item into a container, out of the one in which it is. A nil container only takes it out.
func (t *trial) put(it *item, c *container) {
	if it.in == c {
		return
	}
	if it.mark != t {
		it.mark = t
		t.moved = append(t.moved, moved{it, it.in, putting})
	}
	for _, touched := range [...]*container{it.in, c} {
		if touched != nil {
			t.touch(touched, true)
		}
	}
	t.steps = append(t.steps, step{kind: putting, it: it, from: it.in})
	it.move(c)
}

func (i *item) move(c *container) {
	if was := i.in; was != nil {
		was.load, was.items = was.load.minus(i.product.size.load), was.items-1
		was.UsedML = was.load.ml
	}
	if i.in = c; c != nil {
		c.load, c.items = c.load.plus(i.product.size.load), c.items+1
		c.UsedML = c.load.ml
	}
}

// open makes a container of a group, in a slot; it has neither place nor address yet.
func (t *trial) open(g *groupState, s *slot) *container {
	t.book.sequence++
	n := t.book.sequence
	c := &container{group: g, Container: Container{ID: containerID(t.book.network.Date, n), Sequence: n, Slot: s.Slot,
		Shop: g.shop, Spot: g.way.spot.id, Category: g.category}}
	t.touch(c, false)
	t.place(c)
	c.slot = s
	t.book.attach(c)
	return c
}

// close takes a container that holds nothing out of the plan.
func (t *trial) close(c *container) {
	t.place(c)
	t.book.detach(c)
}

// stand puts a container into a slot. A nil slot only frees the one that it had.
func (t *trial) stand(c *container, s *slot) {
	t.place(c)
	c.leaveSlot()
	if s != nil {
		c.slot, c.Slot = s, s.Slot
		s.inUse = c
	}
}

// ride gives a container a free place in a pool. A nil pool only frees the place that it had.
func (t *trial) ride(c *container, p *pool) {
	t.place(c)
	c.leaveShipper()
	if p == nil {
		return
	}
	s, place := p.place()
	s.inUse[place] = c
	p.free--
	c.shipper, c.place = s, place
	c.Run, c.Shipper, c.ShipperCapacity, c.ShipperPlace = s.RunID, s.ShipperID, s.Containers, int64(place)+1
}

// shelve gives a container a free address of its spot.
func (t *trial) shelve(c *container, a *address) {
	t.place(c)
	c.address, c.Address = a, a.id
	a.inUse = c
	a.spot.free--
}

// back undoes all steps but the first n.
func (t *trial) back(n int) {
	for _, s := range slices.Backward(t.steps[n:]) {
		switch s.kind {
		case placing:
			t.book.replace(s.c, *s.was)
		case putting:
			s.it.move(s.from)
			s.it.group.changed()
		case adding:
			t.book.forget(s.it)
		case removing:
			t.book.know(s.it)
			slices.SortFunc(t.book.orders[s.it.order], inLine)
		}
	}
	t.steps = t.steps[:n]
}

// replace makes a container what it was, with what it took.
func (b *Book) replace(c *container, was container) {
	if c.listed {
		b.detach(c)
	}
	c.group.changed()
	*c = was
	switch {
	case was.listed:
		b.attach(c)
	case c.Sequence == b.sequence:
		b.sequence-- // it was opened by the step that is undone
	}
}

// undo makes the book what it was when the trial began.
func (t *trial) undo() {
	t.back(0)
	for _, m := range t.memos {
		m.g.changed()
		m.g.mixes = m.mixes
	}
	t.end()
}

func (t *trial) end() {
	for _, i := range t.before {
		i.c.mark = nil
	}
	for _, m := range t.moved {
		m.it.mark = nil
	}
	for _, m := range t.memos {
		m.g.mark = nil
	}
}

// inLine is the order of an order's own items.
func inLine(a, b *item) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.unit, b.unit)) }

// done ends the trial and says what it has changed.
func (t *trial) done() Change {
	t.end()
	if len(t.memos) > 0 {
		t.book.version++
	}
	for _, m := range t.memos {
		m.g.way.location.refused = nil
	}
	var c Change
	for _, m := range t.moved {
		switch now := m.it.view(); {
		case m.kind == adding:
			c.Added = append(c.Added, now)
		case m.kind == removing:
			now.ContainerID = m.from.ID
			c.Removed = append(c.Removed, now)
		case m.it.in != m.from:
			c.Moved = append(c.Moved, Move{now, m.from.ID})
		}
	}
	for _, i := range t.before {
		i.compare(&c)
	}
	slices.SortFunc(c.Opened, func(a, b Container) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return c
}

// compare adds what became of one container.
func (i image) compare(c *Change) {
	was, is := i.was.Container, i.c.Container
	switch {
	case !i.existed && i.c.listed:
		c.Opened = append(c.Opened, is)
	case !i.existed:
	case !i.c.listed:
		c.Closed = append(c.Closed, was)
	case was.Slot.ID != is.Slot.ID || was.Run != is.Run || was.Shipper != is.Shipper || was.ShipperPlace != is.ShipperPlace ||
		was.Address != is.Address:
		c.Relocated = append(c.Relocated, Relocation{was, is})
	case was.UsedML != is.UsedML || i.was.items != i.c.items:
		c.Filled = append(c.Filled, is)
	}
}
