package capacity

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// State is all that is numbered, as it can be stored and loaded.
func (b *Book) State(orders []string) State {
	s := State{Sequence: b.sequence}
	for _, l := range b.locations {
		for _, g := range l.groups {
			for _, c := range g.containers {
				s.Containers = append(s.Containers, c.Container)
			}
		}
	}
	slices.SortFunc(s.Containers, func(a, b Container) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for _, id := range orders {
		for _, it := range b.orders[id] {
			s.Items = append(s.Items, it.view())
		}
	}
	return s
}

// Renumber makes the book that of another network of the same date: something broke, was called off or came back. What can stay
// where it is stays; the rest is placed as an order would be. When not all fits, those who were accepted first keep their right:
// orders, given in the order of their decision, are taken one after the other as long as all that were taken fit together, whole
// orders; it returns those that no longer fit. Sales limits are left aside: what is sold is sold. An error says that the search
// for a numbering was too long; the book is then as before.
func (b *Book) Renumber(n Network, orders []string) (Change, []string, error) {
	next, err := NewBook(n, State{Sequence: b.sequence})
	if err != nil {
		return Change{}, nil, err
	}
	var gone []string // orders of which something has no place in the new network at all
	for _, id := range orders {
		if !next.takeOver(b.orders[id]) {
			gone = append(gone, id)
		}
	}
	t := next.begin()
	if len(gone) > 0 || !t.settleAll() {
		t.undo()
		gone = next.firstServed(n, orders)
		for _, id := range gone {
			next.drop(id)
		}
		t = next.begin()
		if !t.settleAll() {
			return Change{}, nil, fmt.Errorf("renumber %s: %w", n.Date, &Refused{SearchBound, n.Date})
		}
	}
	t.end()
	change := difference(b.State(orders), next.State(orders))
	*b = *next
	return change, gone, nil
}

// takeOver makes an order's items known, and puts those into their container whose container can stay as it is. It returns false
// when the network lacks the location or a product of one.
func (b *Book) takeOver(items []*item) bool {
	for _, it := range items {
		l, p := b.locations[it.group.way.location.id], b.products[it.product.ID]
		if l == nil || p == nil {
			return false
		}
		if b.groupOf(l, group{p.ShopID, p.Category}, p.spot) == nil {
			return false
		}
	}
	for _, it := range items {
		l, p := b.locations[it.group.way.location.id], b.products[it.product.ID]
		g := l.byGroup[group{p.ShopID, p.Category}]
		own := &item{order: it.order, line: it.line, unit: it.unit, product: p, group: g}
		b.know(own)
		i := slices.IndexFunc(g.containers, func(c *container) bool { return c.ID == it.in.ID })
		var c *container
		if i >= 0 {
			c = g.containers[i]
		} else if was := it.in.Container; was.Shop == g.shop && was.Category == g.category && was.Spot == g.way.spot.id {
			c, _ = b.restore(was)
		}
		if c != nil && c.load.plus(p.size.load).within(c.slot.class.room) && c.slot.class.takes(p.size) {
			own.move(c)
		}
	}
	return true
}

// settleAll places all items that are in no container, location by location, and closes containers that hold nothing.
func (t *trial) settleAll() bool {
	for _, id := range t.book.network.Locations {
		l := t.book.locations[id]
		var homeless []*item
		for _, g := range l.groups {
			for _, c := range slices.Clone(g.containers) {
				if c.items == 0 {
					t.close(c)
				}
			}
			for _, it := range g.items {
				if it.in == nil {
					homeless = append(homeless, it)
				}
			}
		}
		if len(homeless) > 0 && t.settle(l, homeless) != nil {
			return false
		}
	}
	return true
}

// firstServed gives the orders that do not fit when each is placed in its turn.
func (b *Book) firstServed(n Network, orders []string) []string {
	var gone []string
	fresh, err := NewBook(n, State{})
	if err != nil {
		return orders // NewBook has made the same before
	}
	for _, id := range orders {
		items := b.orders[id]
		if len(items) == 0 {
			gone = append(gone, id)
			continue
		}
		var lines []Line
		for _, it := range items {
			lines = append(lines, Line{it.product.ID, 1})
		}
		t := fresh.begin()
		var refused *Refused
		if err := t.order(id, items[0].group.way.location.id, lines, false); errors.As(err, &refused) {
			t.undo()
			gone = append(gone, id)
			continue
		}
		t.end()
	}
	return gone
}

// drop forgets an order.
func (b *Book) drop(id string) {
	for _, it := range slices.Clone(b.orders[id]) {
		it.move(nil)
		b.forget(it)
	}
}

// difference is the change that leads from one state to another.
func difference(from, to State) Change {
	var c Change
	is := map[string]Container{}
	for _, now := range to.Containers {
		is[now.ID] = now
	}
	was := map[string]Container{}
	units := map[string]int{}
	for _, it := range from.Items {
		units[it.ContainerID]++
	}
	for _, it := range to.Items {
		units[it.ContainerID]--
	}
	for _, old := range from.Containers {
		was[old.ID] = old
		now, stays := is[old.ID]
		(image{&container{Container: now, listed: stays, items: -units[old.ID]}, true, container{Container: old}}).compare(&c)
	}
	for _, now := range to.Containers {
		if _, old := was[now.ID]; !old {
			c.Opened = append(c.Opened, now)
		}
	}
	type key struct {
		order      string
		line, unit int64
	}
	at := map[key]Item{}
	for _, it := range to.Items {
		at[key{it.Order, it.Line, it.Unit}] = it
	}
	for _, it := range from.Items {
		switch now, stays := at[key{it.Order, it.Line, it.Unit}]; {
		case !stays:
			c.Removed = append(c.Removed, it)
		case now.ContainerID != it.ContainerID:
			c.Moved = append(c.Moved, Move{now, it.ContainerID})
		}
	}
	return c
}
