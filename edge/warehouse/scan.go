package warehouse

import (
	"slices"
	"strings"
	"time"

	"meguri/edge/phrase"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Menu codes, behind the identifier (95). Digits of a PIN are the codes 0 to 9; damages and stations have the codes of the plan.
const (
	MenuOK          = "ok"         // an error was seen; the PIN is whole
	MenuClose       = "close"      // the bag or the shelf is done
	MenuOff         = "off"        // the person goes
	MenuPass        = "pass"       // the piece may go on
	MenuFail        = "fail"       // it may not
	MenuGrade       = "grade-"     // + a, b, c or d
	MenuDirty       = "dirty"      // it has to be cleaned
	MenuAt          = "at-"        // + where the damage noted last is
	MenuPhoto       = "photo-"     // + reference of a photo of it
	MenuWhy         = "why-"       // + the reason of a quarantine or retirement
	MenuBelongings  = "belongings" // something of the customer's is in the bag
	MenuForeign     = "foreign"    // another company's garment
	MenuNoLabel     = "unlabelled" // a piece without a label
	MenuBagNoLabel  = "no-label"   // a bag without a label
	scanStep        = "warehouse"  // of scans that mean nothing
	whyWithoutBadge = "nobody is signed on"
)

// Scan decides about one scan. It reads the book and changes nothing: what the verdict holds has to be made durable first, and is then
// handed to the book. What was done with a piece or a bag is recorded whatever the rules say; a scan that is no act of the step is
// answered, and recorded as one that meant nothing.
func Scan(s State, b *Book, scan string, now time.Time) Verdict {
	t := &turn{s: s, b: b, now: now}
	t.idle()
	c, err := read(scan)
	v := t.scan(c, err)
	t.s.At = now.UnixMilli()
	return t.end(v)
}

// IsOK says whether a scan is the card OK.
func IsOK(scan string) bool {
	c, err := read(scan)
	return err == nil && c.kind == menu && c.value == MenuOK
}

// Tick signs off who has not scanned for a while. Without a change the verdict holds no records.
func Tick(s State, b *Book, now time.Time) Verdict {
	t := &turn{s: s, b: b, now: now}
	v := t.accept(phrase.SignedOff)
	t.idle()
	return t.end(v)
}

// Next says what to do next, as after a start or when the lists have changed.
func Next(s State, b *Book) phrase.Phrase { return Facing(s, b).Next }

// Facing is what the display has to show to whoever takes the device in hand: what to do next, and before it an error that nobody has
// seen, whatever has happened to the device since.
func Facing(s State, b *Book) Verdict {
	t := &turn{s: s, b: b}
	return t.end(Verdict{})
}

// turn is one scan on its way to a verdict.
type turn struct {
	s       State
	b       *Book
	now     time.Time
	changes []Note
	bags    []BagNote
	records []protocol.Body
}

// end gives the verdict. An error that nobody has confirmed stays on the display, and the device sounds with each scan until somebody
// looks; what is scanned meanwhile is judged and recorded as ever.
func (t *turn) end(v Verdict) Verdict {
	v.State, v.Changes, v.Bags, v.Records = t.s, t.changes, t.bags, t.records
	v.Next = t.next()
	if len(t.s.Held) > 0 {
		first := t.s.Held[0]
		v.Is, v.Line, v.Next = protocol.VerdictRefuse, speak(rental.Rule(first.Rule), first.Args...), phrase.New(phrase.AskOK)
	}
	return v
}

func (t *turn) scan(c code, err error) Verdict {
	switch {
	case len(t.s.Held) > 0 && c.kind == menu && c.value == MenuOK: // first: the display asks for it, whoever is signed on
		return t.seen()
	case t.s.Asked != "" && c.kind != badge:
		return t.pin(c)
	case c.kind == badge:
		return t.badge(c.value)
	case t.s.Badge == "":
		return t.nothing(c, whyWithoutBadge, phrase.AskBadge)
	case c.kind == menu && c.value == MenuOK:
		return t.seen()
	case c.kind == menu && c.value == MenuOff:
		return t.signOff()
	}
	if c.kind == menu || c.kind == place {
		if w, ok := t.b.stations[c.value]; ok {
			return t.station(w)
		}
	}
	do := actOf(t.s.Step)
	switch {
	case do == nil:
		return t.nothing(c, "no step is chosen", phrase.AskStep)
	case c.kind == place && t.s.Step != protocol.StepCount: // a dock or a table
		t.s.Place = c.value
		return t.accept(phrase.AtShelf, c.value)
	case err != nil && !t.takesForeign():
		return t.nothing(c, err.Error(), phrase.NotOurs)
	}
	return do(t, c)
}

// takesForeign says whether codes that are not ours mean something now: a waybill, or what is in a bag besides.
func (t *turn) takesForeign() bool {
	unpacking := t.s.Step == protocol.StepReceive || t.s.Step == protocol.StepUnpack
	return t.s.Step == protocol.StepShip || unpacking && t.s.Bag.open()
}

// actOf is what a scan does at a step. Selling, losses and what happens at the customer's are not scanned.
func actOf(s protocol.Step) func(*turn, code) Verdict {
	switch s {
	case protocol.StepRegister:
		return (*turn).register
	case protocol.StepPutAway:
		return (*turn).putAway
	case protocol.StepPick:
		return (*turn).pick
	case protocol.StepPack:
		return (*turn).pack
	case protocol.StepShip, protocol.StepVoidShip:
		return (*turn).ship
	case protocol.StepReceive, protocol.StepUnpack:
		return (*turn).unpack
	case protocol.StepInspectIn, protocol.StepInspectReturn, protocol.StepInspectFinal:
		return (*turn).inspect
	case protocol.StepClean, protocol.StepCleaned, protocol.StepRepair, protocol.StepRepaired:
		return (*turn).work
	case protocol.StepQuarantine, protocol.StepRetire:
		return (*turn).aside
	case protocol.StepCount:
		return (*turn).count
	}
	return nil
}

func (t *turn) accept(k phrase.Key, args ...string) Verdict {
	return Verdict{Is: protocol.VerdictAccept, Line: phrase.New(k, args...)}
}

func (t *turn) warn(k phrase.Key, args ...string) Verdict {
	return Verdict{Is: protocol.VerdictWarn, Line: phrase.New(k, args...)}
}

// nothing refuses a scan that was no act: nothing has to be put right, so it is not held until somebody has seen it.
func (t *turn) nothing(c code, reason string, k phrase.Key, args ...string) Verdict {
	scan := c.scan
	if digits(c.value) && len(c.value) <= mostPIN {
		scan = "digits" // it may be somebody's PIN
	}
	t.records = append(t.records, protocol.NewScanRefused(scanStep, scan, reason))
	return Verdict{Is: protocol.VerdictRefuse, Line: phrase.New(k, args...)}
}

// hold says what is wrong with something that was done, until it has been seen.
func (t *turn) hold(rule rental.Rule, args ...string) Verdict {
	if len(t.s.Held) < maxHeld {
		t.s.Held = append(slices.Clip(t.s.Held), Held{string(rule), args})
	} else {
		t.s.More++
	}
	return Verdict{Is: protocol.VerdictRefuse, Line: speak(rule, args...)}
}

// seen confirms the oldest error. Of those that were only counted the number is said at last.
func (t *turn) seen() Verdict {
	if len(t.s.Held) == 0 {
		return t.accept(phrase.NothingToSee)
	}
	t.s.Held = t.s.Held[1:]
	switch {
	case len(t.s.Held) == 0 && t.s.More > 0:
		t.s.Held, t.s.More = []Held{{string(Others), []string{number(int(t.s.More))}}}, 0
	case len(t.s.Held) == 0:
		t.s.Held = nil
	}
	return t.accept(phrase.ErrorSeen)
}

// did records a step that was done to a piece, and says what the rules think of it. odd is what the lists say besides; the
// stronger of the two is told.
func (t *turn) did(e protocol.ItemScanned, right phrase.Phrase, odd rental.Rule, args ...string) Verdict {
	if t.repeated(e) {
		return t.warn(phrase.PieceAgain, name(e.Item))
	}
	e.Operator = t.s.Badge
	v, rule := t.judge(e, odd)
	e.Verdict, e.Rule = v, string(rule)
	t.records = append(t.records, e)
	args = append([]string{name(e.Item)}, args...)
	switch v {
	case protocol.VerdictAccept:
		return Verdict{Is: v, Line: right}
	case protocol.VerdictWarn:
		return Verdict{Is: v, Line: speak(rule, args...)}
	}
	return t.hold(rule, args...)
}

// repeated says whether this was scanned within this step, bag, batch or shelf already.
func (t *turn) repeated(e protocol.ItemScanned) bool {
	n, ok := t.noted(e.Item)
	return ok && n.Step == e.Step && n.Visit == t.s.Visit && (e.Step != protocol.StepPutAway || n.Item.Place == e.Place)
}

// noted is the note of a piece, also one of this scan.
func (t *turn) noted(item string) (Note, bool) {
	for _, n := range slices.Backward(t.changes) {
		if n.Item.Item == item {
			return n, true
		}
	}
	return t.b.note(item)
}

// judge asks the rules, and notes how the piece is from now on.
func (t *turn) judge(e protocol.ItemScanned, odd rental.Rule) (protocol.ScanVerdict, rental.Rule) {
	v := t.b.view(e.Item)
	if e.Batch != "" && v.batch == "" {
		v.batch = e.Batch // the lists do not say which one it went into
	}
	n := Note{Step: e.Step, Visit: t.s.Visit, At: t.now.UnixMilli()}
	if v.unknown && e.Step != protocol.StepRegister {
		n.Item = guess(e)
		t.changes = append(t.changes, n)
		return protocol.VerdictWarn, Unknown
	}
	event := rental.Scanned(e)
	event.At = t.now
	after, breach := rental.Apply(v.piece(), event)
	n.set(e.Item, after)
	if old, ok := t.b.note(e.Item); ok && old.Item.Order == n.Item.Order && n.away() {
		n.For = old.For
	}
	t.changes = append(t.changes, n)
	switch is := breach.Verdict(); {
	case is == protocol.VerdictRefuse, is == protocol.VerdictWarn && odd == "":
		return is, breach.Rule
	case odd != "":
		return protocol.VerdictWarn, odd
	}
	return protocol.VerdictAccept, ""
}

// guess is what may be said of a piece that is in no list after a step.
func guess(e protocol.ItemScanned) protocol.KnownItem {
	return protocol.KnownItem{Item: e.Item, Custody: entered(e.Step), Order: e.Order, Place: e.Place, Bag: e.Bag, Grade: e.Grade,
		Fit: e.Conformant && e.Step != protocol.StepInspectReturn, Clean: !e.Dirty, Damaged: len(e.Damages) > 0}
}

// entered is the state of custody that a step leads to.
func entered(s protocol.Step) protocol.Custody {
	switch s {
	case protocol.StepCleaned:
		return protocol.Cleaning
	case protocol.StepRepaired:
		return protocol.Repairing
	case protocol.StepCount:
		return protocol.Shelved
	case protocol.StepVoidShip:
		return protocol.Packed
	}
	return protocol.Custody(s)
}

// tail is the end of a long number, as people read it out.
func tail(number string) string { return number[max(0, len(number)-6):] }

// pieceOf wants a piece, and answers everything else.
func (t *turn) pieceOf(c code) (item string, v Verdict, ok bool) {
	switch c.kind {
	case piece:
		return c.value, v, true
	case product:
		return "", t.nothing(c, "no single piece", phrase.NoPiece), false
	case menu:
		return "", t.nothing(c, "no card of this step", phrase.CardUnknown), false
	case foreign:
		return "", t.nothing(c, "no code of ours", phrase.NotOurs), false
	}
	return "", t.nothing(c, "no code of this step", phrase.NotThisStep), false
}

// argument cuts a menu code that carries a word.
func argument(c code, prefix string) (string, bool) {
	if c.kind != menu {
		return "", false
	}
	rest, ok := strings.CutPrefix(c.value, prefix)
	return rest, ok && rest != ""
}
