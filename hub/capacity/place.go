package capacity

import (
	"errors"
	"slices"
	"strconv"
)

// Place numbers an order, all of it or nothing. Where the order fits without moving anything it does; else places are found by
// search, with as few moves as is found, and Change says what has moved. It returns *Refused with the first limit that cannot
// be held together with all that is numbered already, looked at in the order of the constants for the whole order each, or
// *Unknown; the book is then as before.
func (b *Book) Place(orderID, locationID string, lines []Line) (Change, error) {
	t := b.begin()
	if err := t.order(orderID, locationID, lines, true); err != nil {
		t.undo()
		return Change{}, err
	}
	return t.done(), nil
}

// Replace numbers other lines in the place of an order's; when they are refused, the order is as before. What stays the same of a
// product may be in another container than before.
func (b *Book) Replace(orderID, locationID string, lines []Line) (Change, error) {
	t := b.begin()
	t.withdraw(b.orders[orderID])
	if err := t.order(orderID, locationID, lines, true); err != nil {
		t.undo()
		return Change{}, err
	}
	return t.done(), nil
}

// Units counts an order's items by product.
func (b *Book) Units(orderID string) map[string]int64 {
	units := map[string]int64{}
	for _, it := range b.orders[orderID] {
		units[it.product.ID]++
	}
	return units
}

// Remove takes an order's items out. What nothing is in any more is closed, and its slot, place and address are free again.
// An order that has none changes nothing.
func (b *Book) Remove(orderID string) Change {
	t := b.begin()
	t.withdraw(b.orders[orderID])
	return t.done()
}

// Withdraw takes single items out, known by order, line and unit; those that are not numbered change nothing.
func (b *Book) Withdraw(items []Item) Change {
	t := b.begin()
	for _, i := range items {
		of := b.orders[i.Order]
		if n := slices.IndexFunc(of, func(o *item) bool { return int64(o.line) == i.Line && int64(o.unit) == i.Unit }); n >= 0 {
			t.withdraw(of[n : n+1])
		}
	}
	return t.done()
}

func (t *trial) withdraw(items []*item) {
	for _, it := range slices.Clone(items) {
		c := it.in
		t.remove(it)
		if c.items == 0 {
			t.close(c)
		}
	}
}

// order numbers an order's lines.
func (t *trial) order(id, locationID string, lines []Line, limited bool) error {
	b := t.book
	l := b.locations[locationID]
	if l == nil {
		return &Unknown{Kind: "location", ID: locationID}
	}
	if err := b.checkSales(lines, limited); err != nil {
		return err
	}
	var fresh []*item
	for i, line := range lines {
		p := b.products[line.Product]
		g := b.groupOf(l, group{p.ShopID, p.Category}, p.spot)
		if g == nil {
			return &Refused{NoContainer, p.ShopID} // no fridge kind takes the category
		}
		for unit := range line.Quantity {
			it := &item{order: id, line: int32(i) + 1, unit: int32(unit) + 1, product: p, group: g}
			t.add(it)
			fresh = append(fresh, it)
		}
	}
	return t.settle(l, fresh)
}

// settle gives items that are in no container a place: without moves if that is possible. What was refused is refused again as
// long as nothing has changed: in a flash sale many ask for the same.
func (t *trial) settle(l *location, fresh []*item) error {
	inLines := slices.Clone(fresh)
	slices.SortFunc(fresh, hardFirst)
	if t.extend(l, fresh) {
		return nil
	}
	key := t.book.question(inLines)
	if refused, known := l.refused[key]; known {
		return &refused
	}
	err := t.solve(l, inLines)
	if refused := (*Refused)(nil); errors.As(err, &refused) && len(l.refused) < maxRefused {
		if l.refused == nil {
			l.refused = map[string]Refused{}
		}
		l.refused[key] = *refused
	}
	return err
}

// maxRefused bounds what a location remembers to have been refused.
const maxRefused = 1000

// question names what is asked for, in the book as it is now.
func (b *Book) question(items []*item) string {
	key := strconv.AppendInt(nil, int64(b.version), 36)
	for _, it := range items {
		key = append(append(key, ' '), it.product.ID...)
	}
	return string(key)
}

// checkSales takes several lines of one product as their sum.
func (b *Book) checkSales(lines []Line, limited bool) error {
	for i, line := range lines {
		if b.products[line.Product] == nil {
			return &Unknown{Kind: "product", ID: line.Product, Line: i}
		}
	}
	units := map[string]int64{}
	for _, line := range lines {
		p := b.products[line.Product]
		left := p.SalesLimit - p.sold
		if !limited {
			left = maxUnits
		}
		// Compared by subtraction: a sum of absurd quantities must not pass the limit by overflowing.
		if line.Quantity <= 0 || line.Quantity > left-units[line.Product] {
			return &Refused{SalesLimit, line.Product}
		}
		units[line.Product] += line.Quantity
	}
	return nil
}

// maxUnits bounds what one order may ask for of a product whatever its limit.
const maxUnits = 1 << 30
