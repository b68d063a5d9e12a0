package warehouse

import (
	"meguri/edge/phrase"
	"meguri/protocol"
)

// register makes a new piece known.
func (t *turn) register(c code) Verdict {
	item, v, ok := t.pieceOf(c)
	if !ok {
		return v
	}
	return t.did(protocol.ItemScanned{Item: item, Step: protocol.StepRegister, Place: t.s.Place}, phrase.New(phrase.PieceRight, name(item)), "")
}

// work puts pieces into a cleaning batch or on a repair work order, or takes them out. Going in they need its number.
func (t *turn) work(c code) Verdict {
	if c.kind == batch {
		t.s.Batch = c.value
		t.s.Visit++
		return t.accept(phrase.BatchBegun, c.value)
	}
	item, v, ok := t.pieceOf(c)
	switch {
	case !ok:
		return v
	case t.s.Batch == "" && (t.s.Step == protocol.StepClean || t.s.Step == protocol.StepRepair):
		return t.nothing(c, "a piece without a batch", phrase.AskBatch)
	}
	return t.did(protocol.ItemScanned{Item: item, Step: t.s.Step, Place: t.s.Place, Batch: t.s.Batch},
		phrase.New(phrase.PieceRight, name(item)), "")
}

// aside puts pieces into quarantine, or retires them, for a reason.
func (t *turn) aside(c code) Verdict {
	why, ok := argument(c, MenuWhy)
	if kind, damage := t.b.damages[c.value]; c.kind == menu && damage {
		why, ok = kind, true
	}
	if ok {
		t.s.Why = why
		t.s.Visit++
		return t.accept(phrase.ReasonNoted, why)
	}
	item, v, ok := t.pieceOf(c)
	switch {
	case !ok:
		return v
	case t.s.Why == "":
		return t.nothing(c, "a piece without a reason", phrase.AskReason)
	}
	return t.did(protocol.ItemScanned{Item: item, Step: t.s.Step, Place: t.s.Place, Reason: t.s.Why},
		phrase.New(phrase.PieceRight, name(item)), "")
}

// count counts a shelf: each piece on it, then the card that closes it, or the next shelf.
func (t *turn) count(c code) Verdict {
	switch {
	case c.kind == shelf || c.kind == place:
		return t.beginCount(c)
	case t.s.Count.Place == "":
		return t.nothing(c, "no shelf is counted", phrase.AskShelf)
	case c.kind == menu && c.value == MenuClose:
		return t.endCount()
	}
	item, v, ok := t.pieceOf(c)
	if !ok {
		return v
	}
	i := t.b.view(item)
	before := len(t.records)
	v = t.did(protocol.ItemScanned{Item: item, Step: protocol.StepCount, Place: t.s.Count.Place}, phrase.New(phrase.PieceRight, name(item)),
		"", i.Place)
	if len(t.records) > before {
		switch {
		case i.unknown:
			t.s.Count.Unknown++
		case i.Custody == protocol.Shelved && i.Place == t.s.Count.Place:
			t.s.Count.Right++
		default:
			t.s.Count.Elsewhere++
		}
	}
	return v
}

// beginCount begins the count of a shelf. Whoever goes on to another one has counted the one before, unless they have scanned nothing there
// (it was the wrong label), or somebody else had begun it: who went away in the middle has not said that the rest is missing.
func (t *turn) beginCount(c code) Verdict {
	if t.s.Count.Place == c.value {
		return t.warn(phrase.CountBegun, c.value, number(int(t.s.Count.Expected)))
	}
	ended := Verdict{Is: protocol.VerdictAccept}
	switch was := t.s.Count; {
	case was.Place == "":
	case was.scanned() > 0 && was.Begun >= t.s.Since:
		ended = t.endCount()
	case was.scanned() > 0 || was.Expected > 0: // nothing is said of what is missing there: it may be empty, and nobody has said so
		ended = t.warn(phrase.NotCounted, was.Place)
	}
	t.s.Visit++
	t.s.Count = Count{Place: c.value, Begun: t.now.UnixMilli(), Expected: uint32(max(0, t.b.onShelf(c.value)))}
	if ended.Is != protocol.VerdictAccept {
		return ended
	}
	return t.accept(phrase.CountBegun, c.value, number(int(t.s.Count.Expected)))
}

// scanned is how many pieces were scanned on the shelf.
func (c Count) scanned() uint32 { return c.Right + c.Elsewhere + c.Unknown }

func (t *turn) endCount() Verdict {
	c := t.s.Count
	t.s.Count = Count{}
	t.records = append(t.records, protocol.ShelfCounted{Place: c.Place, Operator: t.s.Badge, Begun: c.Begun,
		Pieces: c.scanned()})
	missing := max(0, int(c.Expected)-int(c.Right))
	args := []string{number(int(c.Right)), number(int(c.Elsewhere)), number(missing), number(int(c.Unknown))}
	if missing > 0 || c.Elsewhere > 0 || c.Unknown > 0 {
		return t.warn(phrase.CountDone, args...)
	}
	return t.accept(phrase.CountDone, args...)
}
