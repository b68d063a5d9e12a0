package capacity

import "slices"

// Place numbers an order by first-fit, all of it or nothing: its lines in their order and units one by one, each into the
// first dated container of its shop and category at the location that has room, else into the first free slot that it may
// stand in and fits; then each opened container into the first place of the first shipper that goes the way, and onto the
// first free address. It returns *Refused with the first limit that does not hold, looked at in the order of the constants
// for the whole order each, or *Unknown; the book is then as before.
func (b *Book) Place(orderID, locationID string, lines []Line) (Change, error) {
	l := b.locations[locationID]
	if l == nil {
		return Change{}, &Unknown{Kind: "location", ID: locationID}
	}
	if err := b.checkSales(lines); err != nil {
		return Change{}, err
	}
	t := &trial{book: b, order: orderID, location: l, added: map[*container]int64{}}
	if err := t.number(lines); err != nil {
		t.undo()
		return Change{}, err
	}
	for _, line := range lines {
		b.products[line.Product].sold += line.Quantity
	}
	b.items[orderID] = t.items
	return t.change(), nil
}

// checkSales takes several lines of one product as their sum.
func (b *Book) checkSales(lines []Line) error {
	for i, line := range lines {
		if b.products[line.Product] == nil {
			return &Unknown{Kind: "product", ID: line.Product, Line: i}
		}
	}
	units := map[string]int64{}
	for _, line := range lines {
		p := b.products[line.Product]
		// Compared by subtraction: a sum of absurd quantities must not pass the limit by overflowing.
		if line.Quantity <= 0 || line.Quantity > p.SalesLimit-p.sold-units[line.Product] {
			return &Refused{SalesLimit, line.Product}
		}
		units[line.Product] += line.Quantity
	}
	return nil
}

// trial is an order that is being numbered. It changes the book, and can undo what it did.
type trial struct {
	book     *Book
	order    string
	location *location
	items    []Item
	opened   []*container
	added    map[*container]int64 // ml
	filled   []*container         // that had been there before, in the order of use
}

func (t *trial) number(lines []Line) error {
	for i, line := range lines {
		p := t.book.products[line.Product]
		for unit := range line.Quantity {
			c := t.containerFor(p)
			if c == nil {
				return &Refused{NoContainer, p.ShopID}
			}
			t.items = append(t.items, Item{Order: t.order, Line: int64(i) + 1, Unit: unit + 1, Product: p.ID, Shop: p.ShopID, Category: p.Category,
				ContainerID: c.ID})
		}
	}
	for _, c := range t.opened {
		if !t.board(c) {
			return &Refused{NoShipper, c.Shop}
		}
	}
	for _, c := range t.opened {
		if !t.shelve(c) {
			return &Refused{NoAddress, c.Spot}
		}
	}
	return nil
}

// containerFor puts one unit into a container, opening one if it must. It returns nil when there is no room.
func (t *trial) containerFor(p *product) *container {
	g := group{p.ShopID, p.Category}
	for _, c := range t.location.groups[g] {
		if c.UsedML+p.VolumeML <= c.slot.CapacityML {
			t.put(c, p.VolumeML)
			return c
		}
	}
	i := slices.IndexFunc(t.location.slots, func(s *slot) bool {
		return !s.taken && s.categories[p.Category] && p.VolumeML <= s.CapacityML
	})
	if i < 0 {
		return nil
	}
	c := t.open(t.location.slots[i], p)
	t.location.groups[g] = append(t.location.groups[g], c)
	t.put(c, p.VolumeML)
	return c
}

func (t *trial) put(c *container, ml int64) {
	if _, used := t.added[c]; !used && !slices.Contains(t.opened, c) {
		t.filled = append(t.filled, c)
	}
	t.added[c] += ml
	c.UsedML += ml
}

func (t *trial) open(s *slot, p *product) *container {
	t.book.sequence++
	c := &container{slot: s, Container: Container{ID: containerID(t.book.network.Date, t.book.sequence), Sequence: t.book.sequence, Slot: s.Slot,
		Shop: p.ShopID, Spot: p.spot, Category: p.Category}}
	s.taken = true
	t.book.containers = append(t.book.containers, c)
	t.opened = append(t.opened, c)
	return c
}

// board gives a container its place in a shipper, if one is free.
func (t *trial) board(c *container) bool {
	for _, s := range t.book.byWay[way{c.Spot, c.slot.LocationID, c.Category}] {
		place := slices.Index(s.places, false)
		if place < 0 {
			continue
		}
		s.places[place] = true
		c.shipper = s
		c.Run, c.Shipper, c.ShipperCapacity, c.ShipperPlace = s.RunID, s.ShipperID, s.Containers, int64(place)+1
		return true
	}
	return false
}

// shelve gives a container its address at the spot, if one is free.
func (t *trial) shelve(c *container) bool {
	at := t.book.spots[c.Spot]
	if at == nil {
		return false
	}
	for _, a := range at.addresses {
		if !a.taken {
			a.taken = true
			c.address, c.Address = a, a.id
			return true
		}
	}
	return false
}

func (t *trial) undo() {
	for c, ml := range t.added {
		c.UsedML -= ml
	}
	for _, c := range t.opened {
		c.slot.taken = false
		if c.shipper != nil {
			c.shipper.places[c.ShipperPlace-1] = false
		}
		if c.address != nil {
			c.address.taken = false
		}
	}
	// Opened containers are the last ones of the book and of their groups.
	t.book.containers = t.book.containers[:len(t.book.containers)-len(t.opened)]
	t.book.sequence -= int64(len(t.opened))
	for _, c := range t.opened {
		g := group{c.Shop, c.Category}
		t.location.groups[g] = slices.DeleteFunc(t.location.groups[g], func(other *container) bool { return other == c })
	}
}

func (t *trial) change() Change {
	c := Change{Added: slices.Clone(t.items)}
	for _, opened := range t.opened {
		c.Opened = append(c.Opened, opened.Container)
	}
	for _, filled := range t.filled {
		c.Filled = append(c.Filled, filled.Container)
	}
	return c
}

// Remove takes an order's items out. What nothing is in any more is closed, and its slot, place and address are free again.
// An order that has none changes nothing.
func (b *Book) Remove(orderID string) Change { return b.Withdraw(b.items[orderID]) }

// Withdraw takes single items out, known by order, line and unit; those that are not numbered change nothing.
func (b *Book) Withdraw(items []Item) Change {
	w := &withdrawal{book: b, was: map[string]Container{}}
	for _, i := range slices.Clone(items) {
		w.take(i)
	}
	return w.change()
}

type withdrawal struct {
	book    *Book
	was     map[string]Container // as they were, by id
	touched []*container
	removed []Item
}

func (w *withdrawal) take(i Item) {
	of := w.book.items[i.Order]
	n := slices.IndexFunc(of, func(o Item) bool { return o.Line == i.Line && o.Unit == i.Unit })
	if n < 0 {
		return
	}
	i = of[n]
	if w.book.items[i.Order] = slices.Delete(of, n, n+1); len(of) == 1 {
		delete(w.book.items, i.Order)
	}
	p := w.book.products[i.Product]
	p.sold--
	c := w.book.containers[slices.IndexFunc(w.book.containers, func(c *container) bool { return c.ID == i.ContainerID })]
	if _, met := w.was[c.ID]; !met {
		w.was[c.ID] = c.Container
		w.touched = append(w.touched, c)
	}
	c.UsedML -= p.VolumeML
	w.removed = append(w.removed, i)
}

func (w *withdrawal) change() Change {
	c := Change{Removed: w.removed}
	for _, t := range w.touched {
		if t.UsedML > 0 {
			c.Filled = append(c.Filled, t.Container)
			continue
		}
		t.slot.taken, t.shipper.places[t.ShipperPlace-1], t.address.taken = false, false, false
		l, g := w.book.locations[t.Slot.LocationID], group{t.Shop, t.Category}
		same := func(other *container) bool { return other == t }
		l.groups[g] = slices.DeleteFunc(l.groups[g], same)
		w.book.containers = slices.DeleteFunc(w.book.containers, same)
		c.Closed = append(c.Closed, w.was[t.ID])
	}
	return c
}
