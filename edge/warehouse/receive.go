package warehouse

import (
	"fmt"
	"slices"

	"meguri/edge/phrase"
	"meguri/internal/rental"
	"meguri/protocol"
)

// unpack receives a bag at the dock and takes its pieces out one by one: at the step of receiving each bag is received and opened, at
// that of unpacking one that was received before is opened.
func (t *turn) unpack(c code) Verdict {
	switch {
	case c.kind == bag:
		return t.bagComes(c)
	case c.kind == menu && c.value == MenuBagNoLabel:
		return t.bagWithoutLabel(c)
	case !t.s.Bag.open():
		return t.nothing(c, "no bag is open", phrase.AskBag)
	case c.kind == menu && c.value == MenuClose:
		return t.closeUnpacked(c)
	case c.kind == menu && (c.value == MenuBelongings || c.value == MenuForeign || c.value == MenuNoLabel):
		return t.find(c, protocol.BagFind{Kind: c.value})
	case c.kind == foreign, c.kind == product:
		return t.find(c, protocol.BagFind{Kind: MenuForeign, Scan: plain(c.scan)})
	}
	item, v, ok := t.pieceOf(c)
	if !ok {
		return v
	}
	return t.outOfBag(item)
}

// bagComes receives a bag, or opens one.
func (t *turn) bagComes(c code) Verdict {
	n := t.b.bags[c.value]
	here := n.Step == protocol.StepReceive && n.Visit >= t.s.Begun && t.s.Step == n.Step // it has arrived in this step already
	if c.value == t.s.Bag.ID || here && t.busyWithBag() {
		return t.warn(phrase.BagAgain)
	}
	expected, known := t.b.expected[c.value]
	e := protocol.BagScanned{Bag: c.value, Step: protocol.StepReceive, Operator: t.s.Badge, Place: t.s.Place, Order: expected.Order,
		Verdict: protocol.VerdictAccept}
	v := t.accept(phrase.BagReceived, number(len(expected.Items)))
	if !known {
		v = t.bagOdd(&e, protocol.VerdictWarn, NotComingBack, tail(c.value))
	}
	visit := t.s.Visit
	if !t.busyWithBag() {
		t.openBag(Bag{ID: c.value, Order: expected.Order})
	} else { // it has arrived all the same
		v = t.warn(phrase.CloseFirst, t.s.Bag.called())
	}
	if here || t.s.Step == protocol.StepUnpack {
		if t.s.Bag.ID == c.value && known {
			return t.accept(phrase.BagOpened, tail(c.value))
		}
		return v
	}
	t.records = append(t.records, e)
	t.bags = append(t.bags, BagNote{Bag: c.value, Step: e.Step, At: t.now.UnixMilli(), Visit: visit})
	return v
}

func (t *turn) busyWithBag() bool {
	return t.s.Bag.open() && (t.s.Bag.Pieces > 0 || len(t.s.Bag.Found) > 0)
}

// openBag begins a bag. What came out of it before counts still, also for a scanner that was used for another bag meanwhile.
func (t *turn) openBag(b Bag) {
	t.s.Visit++
	t.s.Bag = b
	for _, item := range t.b.expected[b.ID].Items {
		if t.b.isOut(item, b.ID) {
			t.s.Bag.Right++
		}
	}
}

// isOut says whether an expected piece is out of its bag.
func (b *Book) isOut(item, sscc string) bool {
	i, _ := b.item(item)
	return i.Custody == protocol.Unpacked && i.Bag == sscc
}

// bagWithoutLabel names a bag that has no label, so that what is in it can be told from others.
func (t *turn) bagWithoutLabel(c code) Verdict {
	if t.busyWithBag() {
		return t.nothing(c, "a bag is open", phrase.CloseFirst, t.s.Bag.called())
	}
	t.s.Aliases++
	alias := fmt.Sprintf("X-%s-%d", t.now.UTC().Format("0102"), t.s.Aliases)
	t.openBag(Bag{Alias: alias})
	t.records = append(t.records, protocol.BagScanned{Alias: alias, Step: protocol.StepReceive, Operator: t.s.Badge, Place: t.s.Place,
		Verdict: protocol.VerdictWarn, Rule: string(Unlabelled)})
	return t.warn(phrase.BagNamed, alias)
}

// outOfBag takes a piece out and says whose it is, as far as that is odd.
func (t *turn) outOfBag(item string) Verdict {
	e := protocol.ItemScanned{Item: item, Step: protocol.StepUnpack, Bag: t.s.Bag.ID, Place: t.s.Place}
	if e.Bag == "" {
		e.Bag = t.s.Bag.Alias
	}
	odd := rental.Rule("")
	in := t.b.bagOf[item]
	switch i := t.b.view(item); {
	case in != "" && in == t.s.Bag.ID:
	case in != "", i.Order != "" && i.Order != t.s.Bag.Order:
		odd = OtherOwner
	case t.s.Bag.ID != "" || !i.unknown:
		odd = NotExpected
	}
	before := len(t.records)
	again := t.b.isOut(item, t.s.Bag.ID)
	v := t.did(e, phrase.New(phrase.PieceRight, name(item)), odd)
	if len(t.records) > before {
		t.s.Bag.Pieces, t.s.Bag.Closing = t.s.Bag.Pieces+1, false
		if in == t.s.Bag.ID && in != "" && !again {
			t.s.Bag.Right++
		}
	}
	return v
}

// find notes something that is no piece of ours.
func (t *turn) find(c code, f protocol.BagFind) Verdict {
	if len(t.s.Bag.Found) >= protocol.MaxBagFinds {
		return t.nothing(c, "too many finds in one bag", phrase.FindsFull)
	}
	t.s.Bag.Found, t.s.Bag.Closing = append(slices.Clip(t.s.Bag.Found), f), false
	return t.warn(phrase.FindNoted)
}

// stillIn is how many expected pieces have not come out of the open bag.
func (t *turn) stillIn() int {
	return max(0, len(t.b.expected[t.s.Bag.ID].Items)-int(t.s.Bag.Right))
}

// closeUnpacked says what is missing, and takes it for missing when somebody says so again.
func (t *turn) closeUnpacked(_ code) Verdict {
	open, left := t.s.Bag, t.stillIn()
	var missing []string
	for _, item := range t.b.expected[open.ID].Items {
		if !t.b.isOut(item, open.ID) {
			missing = append(missing, name(item))
		}
	}
	if left > 0 && !open.Closing {
		t.s.Bag.Closing = true
		return t.warn(phrase.BagMissing, number(left), phrase.List(missing))
	}
	e := protocol.BagScanned{Bag: open.ID, Alias: open.Alias, Step: protocol.StepUnpack, Operator: t.s.Badge, Place: t.s.Place,
		Order: open.Order, Found: open.Found, Verdict: protocol.VerdictAccept}
	v := t.accept(phrase.BagClosed, number(int(open.Pieces)))
	if left > 0 {
		v = t.bagOdd(&e, protocol.VerdictWarn, Missing, number(left), phrase.List(missing))
	}
	t.records = append(t.records, e)
	if open.ID != "" {
		t.bags = append(t.bags, BagNote{Bag: open.ID, Step: protocol.StepUnpack, At: t.now.UnixMilli(), Visit: t.s.Visit})
	}
	t.s.Bag = Bag{}
	return v
}
