package warehouse

import (
	"cmp"
	"slices"

	"meguri/edge/phrase"
	"meguri/internal/rental"
	"meguri/protocol"
)

// pick takes the pieces of all orders of the wave in one walk along the shelves, each into its order's tote.
func (t *turn) pick(c code) Verdict {
	switch c.kind {
	case shelf:
		t.s.Place = c.value
		return t.accept(phrase.AtShelf, c.value)
	case tote:
		return t.intoTote(c)
	}
	item, v, ok := t.pieceOf(c)
	if !ok {
		return v
	}
	e := protocol.ItemScanned{Item: item, Step: protocol.StepPick, Place: t.s.Place}
	if t.repeated(e) {
		return t.warn(phrase.PieceAgain, name(item))
	}
	if e.Place == "" {
		e.Place = t.b.view(item).Place
	}
	if l := t.b.lineOf[item]; l != nil && !t.b.done(l) {
		return t.picked(e, l, phrase.New(phrase.IntoTote, name(item), l.order.Tote))
	}
	if l := t.b.equivalent(item); l != nil {
		v := t.picked(e, l, phrase.New(phrase.InsteadIntoTote, name(item), l.order.Tote, name(l.Item)))
		if last := len(t.changes) - 1; v.Is != protocol.VerdictRefuse && last >= 0 {
			t.changes[last].For = l.Item
		}
		return v
	}
	known := t.b.view(item)
	if known.Custody == protocol.Shelved { // it goes back to where it was: nothing was picked
		rule := NotListed
		if known.Order != "" {
			rule = rental.Promised
		}
		t.records = append(t.records, protocol.NewScanRefused(scanStep, c.scan, string(rule)))
		return t.hold(rule, name(item))
	}
	e.Order = known.Order
	return t.did(e, phrase.New(phrase.PieceRight, name(item)), NotListed)
}

func (t *turn) picked(e protocol.ItemScanned, l *line, right phrase.Phrase) Verdict {
	e.Order = l.order.Order
	v := t.did(e, right, "")
	t.s.Tote = ""
	if v.Is != protocol.VerdictRefuse {
		t.s.Tote = l.order.Tote
	}
	return v
}

// intoTote checks the tote that somebody has put the last piece into. Nobody has to scan it.
func (t *turn) intoTote(c code) Verdict {
	switch t.s.Tote {
	case "":
		return t.nothing(c, "a tote without a piece", phrase.AskPiece)
	case c.value:
		t.s.Tote = ""
		return t.accept(phrase.ToteRight, c.value)
	}
	t.records = append(t.records, protocol.NewScanRefused(scanStep, c.scan, string(WrongTote)))
	return t.hold(WrongTote, t.s.Tote)
}

// done says whether a line is picked.
func (b *Book) done(l *line) bool {
	if l.State > 0 || b.swapped[l.Item] != "" {
		return true
	}
	i, _ := b.item(l.Item)
	switch i.Custody {
	case protocol.Picked, protocol.Packed, protocol.InTransitOut:
		return i.Order == l.order.Order
	}
	return false
}

// equivalent is a line that this piece may be picked for in place of the one that was allocated, nil for none. It is one of this shelf if
// there is any: there somebody stands and does not find theirs.
func (b *Book) equivalent(item string) *line {
	v := b.view(item)
	if !b.Plan.Swaps.SameGarment || v.unknown || v.Custody != protocol.Shelved || !v.Fit || v.Order != "" || gtinOf(item) == "" {
		return nil
	}
	var found *line
	for _, l := range b.byGarment[gtinOf(item)] {
		worst := b.Plan.Swaps.Worst
		if worst == 0 {
			worst = b.view(l.Item).Grade
		}
		if b.done(l) || v.Grade != worst && (v.Grade == 0 || v.Grade > worst) {
			continue
		}
		if l.Shelf == v.Place {
			return l
		}
		if found == nil {
			found = l
		}
	}
	return found
}

// byWalk sorts lines by where their shelves are in the walk; those without a shelf of the list come last.
func (l *Lists) byWalk(lines []*line) {
	at := func(x *line) int {
		if n := l.walk[x.Shelf]; n > 0 {
			return n
		}
		return len(l.walk) + 1
	}
	slices.SortStableFunc(lines, func(x, y *line) int { return cmp.Or(cmp.Compare(at(x), at(y)), cmp.Compare(x.Shelf, y.Shelf)) })
}

// nextLine is the line to be picked next, going on from a place in the walk, but those; nil when all is picked.
func (b *Book) nextLine(place string, but map[*line]bool) *line {
	var first *line
	for _, l := range b.toWalk {
		if but[l] || b.done(l) {
			continue
		}
		if b.walk[l.Shelf] >= b.walk[place] || l.Shelf == place {
			return l
		}
		if first == nil {
			first = l
		}
	}
	return first
}
