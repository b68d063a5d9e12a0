package warehouse

import (
	"cmp"

	"meguri/edge/phrase"
	"meguri/internal/rental"
	"meguri/protocol"
)

// called is what a bag is called on a display.
func (b Bag) called() string {
	if b.ID == "" {
		return b.Alias
	}
	return tail(b.ID)
}

// pack puts pieces into a bag until all of its order are in.
func (t *turn) pack(c code) Verdict {
	switch {
	case c.kind == bag:
		return t.openToPack(c)
	case c.kind == menu && c.value == MenuClose:
		return t.closePacked(c)
	}
	item, v, ok := t.pieceOf(c)
	switch {
	case !ok:
		return v
	case !t.s.Bag.open():
		return t.nothing(c, "a piece without a bag", phrase.AskBag)
	}
	// Of a bag that has no order yet only this scanner's list tells: it is not said that the piece goes to that one.
	e := protocol.ItemScanned{Item: item, Step: protocol.StepPack, Bag: t.s.Bag.ID, Order: t.s.Bag.Order, Place: t.s.Place}
	order, before := cmp.Or(e.Order, t.b.view(item).Order), len(t.records)
	v = t.did(e, phrase.New(phrase.PieceRight, name(item)), "")
	if len(t.records) > before && v.Is != protocol.VerdictRefuse {
		t.s.Bag.Order, t.s.Bag.Pieces = order, t.s.Bag.Pieces+1
	}
	return v
}

func (t *turn) openToPack(c code) Verdict {
	if c.value == t.s.Bag.ID {
		return t.warn(phrase.BagAgain)
	}
	if left := t.toPack(); t.s.Bag.Pieces > 0 && left > 0 {
		return t.nothing(c, string(Short), phrase.CloseFirst, t.s.Bag.called())
	}
	if t.s.Bag.Pieces > 0 { // all of its order are in: it is closed, and known with its order when it leaves
		t.notePacked()
	}
	t.s.Visit++
	t.s.Bag = Bag{ID: c.value, Order: t.b.orderOf(c.value)}
	return t.accept(phrase.BagOpened, t.s.Bag.called())
}

// closePacked ends a bag. With pieces missing it stays open; who packs on another day scans another station's card.
func (t *turn) closePacked(c code) Verdict {
	if !t.s.Bag.open() {
		return t.nothing(c, "no bag is open", phrase.AskBag)
	}
	left := t.toPack()
	closed := t.s.Bag
	t.notePacked()
	t.s.Bag = Bag{}
	if left > 0 { // it is closed all the same: somebody has to look, and the bag does not leave unnoticed
		t.records = append(t.records, protocol.NewScanRefused(scanStep, c.scan, string(Short)+", bag "+closed.ID))
		return t.hold(Short, number(left))
	}
	return t.accept(phrase.BagClosed, number(int(closed.Pieces)))
}

func (t *turn) notePacked() {
	t.bags = append(t.bags, BagNote{Bag: t.s.Bag.ID, Step: protocol.StepPack, At: t.now.UnixMilli(), Visit: t.s.Visit, Order: t.s.Bag.Order})
}

// orderOf is the order of a bag, as the list or whoever packed it here says.
func (b *Book) orderOf(sscc string) string {
	if n, ok := b.bags[sscc]; ok && n.Order != "" {
		return n.Order
	}
	return b.byBag[sscc]
}

// toPack is how many pieces of the open bag's order are not in a bag yet, as the book has it and with this turn's changes.
func (t *turn) toPack() int {
	o := t.b.orders[t.s.Bag.Order]
	if o == nil {
		return 0
	}
	left := t.b.unpacked(o)
	for _, n := range t.changes {
		if n.Step == protocol.StepPack && n.Item.Custody == protocol.Packed && n.Item.Order == o.Order {
			left--
		}
	}
	return max(0, left)
}

// unpacked is how many lines of an order have no piece in a bag.
func (b *Book) unpacked(o *order) (left int) {
	for _, l := range o.lines {
		id := l.Item
		if by := b.swapped[id]; by != "" {
			id = by
		}
		i, _ := b.item(id)
		in := (i.Custody == protocol.Packed || i.Custody == protocol.InTransitOut) && i.Order == o.Order
		if l.State < 2 && !in {
			left++
		}
	}
	return left
}

// ship hands a bag over, or says that it has not left after all.
func (t *turn) ship(c code) Verdict {
	switch c.kind {
	case bag:
	case foreign:
		if c.value == "" || t.s.Step != protocol.StepShip {
			return t.nothing(c, "no code of ours", phrase.NotOurs)
		}
		before := t.s.Waybill
		t.s.Waybill = c.value
		if before != "" && before != c.value { // a bag has left without one, or this is another bag's
			return t.warn(phrase.WaybillReplaced, c.value, before)
		}
		return t.accept(phrase.WaybillNoted, c.value)
	default:
		return t.nothing(c, "no bag", phrase.AskBag)
	}
	if n := t.b.bags[c.value]; n.Step == t.s.Step && n.Visit == t.s.Visit {
		return t.warn(phrase.BagAgain)
	}
	e := protocol.BagScanned{Bag: c.value, Step: t.s.Step, Operator: t.s.Badge, Place: t.s.Place, Order: t.b.orderOf(c.value),
		Waybill: t.s.Waybill, Verdict: protocol.VerdictAccept}
	t.s.Waybill = ""
	v := t.accept(phrase.BagShipped, tail(c.value))
	left := 0
	if o := t.b.orders[e.Order]; o != nil {
		left = t.b.unpacked(o)
	}
	switch {
	case t.s.Step == protocol.StepVoidShip:
		v = t.accept(phrase.BagVoided, tail(c.value))
	case left > 0:
		v = t.bagOdd(&e, protocol.VerdictRefuse, Short, number(left))
	case e.Order == "":
		v = t.bagOdd(&e, protocol.VerdictWarn, NoBag, tail(c.value))
	}
	t.records = append(t.records, e)
	t.bags = append(t.bags, BagNote{Bag: c.value, Step: e.Step, At: t.now.UnixMilli(), Visit: t.s.Visit, Order: e.Order})
	return v
}

// bagOdd says what is odd about a bag, in its record too.
func (t *turn) bagOdd(e *protocol.BagScanned, is protocol.ScanVerdict, rule rental.Rule, args ...string) Verdict {
	e.Verdict, e.Rule = is, string(rule)
	if is == protocol.VerdictRefuse {
		return t.hold(rule, args...)
	}
	return Verdict{Is: is, Line: speak(rule, args...)}
}
