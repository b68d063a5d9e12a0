package warehouse

import (
	"meguri/edge/phrase"
	"meguri/protocol"
)

// next says what to do next.
func (t *turn) next() phrase.Phrase {
	switch {
	case t.s.Asked != "":
		return phrase.New(phrase.AskPIN)
	case t.s.Badge == "":
		return phrase.New(phrase.AskBadge)
	}
	switch t.s.Step {
	case protocol.StepRegister:
		return phrase.New(phrase.AskPiece)
	case protocol.StepPutAway:
		return t.nextShelf()
	case protocol.StepPick:
		return t.nextPick()
	case protocol.StepPack:
		return t.nextPack()
	case protocol.StepShip, protocol.StepVoidShip:
		return phrase.New(phrase.AskBag)
	case protocol.StepReceive, protocol.StepUnpack:
		return t.nextOut()
	case protocol.StepInspectIn, protocol.StepInspectReturn, protocol.StepInspectFinal:
		return unless(t.s.Inspected.Item == "", phrase.InspectNext, phrase.AskPiece)
	case protocol.StepClean, protocol.StepRepair:
		return unless(t.s.Batch == "", phrase.AskPiece, phrase.AskBatch)
	case protocol.StepCleaned, protocol.StepRepaired:
		return phrase.New(phrase.AskPiece)
	case protocol.StepQuarantine, protocol.StepRetire:
		return unless(t.s.Why == "", phrase.AskPiece, phrase.AskReason)
	case protocol.StepCount:
		if t.s.Count.Place != "" {
			return phrase.New(phrase.CountNext, t.s.Count.Place)
		}
		return phrase.New(phrase.AskShelf)
	}
	return phrase.New(phrase.AskStep)
}

func unless(not bool, k, other phrase.Key) phrase.Phrase {
	if not {
		return phrase.New(other)
	}
	return phrase.New(k)
}

func (t *turn) nextShelf() phrase.Phrase {
	n := len(t.s.Pending)
	if n == 0 {
		return phrase.New(phrase.AskPiece)
	}
	place, ok := t.b.shelfFor(t.s.Pending[n-1], n)
	if !ok {
		return phrase.New(phrase.AnyShelf)
	}
	return phrase.New(phrase.PutOnShelf, place)
}

// nextPick sees the book as it was before this scan: the piece that was just picked is left out.
func (t *turn) nextPick() phrase.Phrase {
	picked := map[*line]bool{}
	for _, n := range t.changes {
		if l := t.b.lineOf[n.Item.Item]; l != nil && n.Item.Custody == protocol.Picked {
			picked[l] = true
		}
		if l := t.b.lineOf[n.For]; l != nil {
			picked[l] = true
		}
	}
	l := t.b.nextLine(t.s.Place, picked)
	if l == nil {
		return phrase.New(phrase.AllPicked)
	}
	return phrase.New(phrase.GoTo, l.Shelf, name(l.Item))
}

func (t *turn) nextPack() phrase.Phrase {
	switch {
	case !t.s.Bag.open():
		return phrase.New(phrase.AskBag)
	case t.s.Bag.Order == "":
		return phrase.New(phrase.AskPiece)
	}
	if left := t.toPack(); left > 0 {
		return phrase.New(phrase.PackNext, number(left))
	}
	return phrase.New(phrase.AllPacked)
}

func (t *turn) nextOut() phrase.Phrase {
	switch {
	case !t.s.Bag.open():
		return phrase.New(phrase.AskBag)
	case t.s.Bag.Closing:
		return phrase.New(phrase.CloseAgain)
	}
	return phrase.New(phrase.UnpackNext, number(t.stillIn()))
}
