// Package rental holds the rules of a rental item's round, for the hub, which folds what happened into what is so, and for scanners,
// which say beside the piece whether a step is right. DESIGN.md has the table of steps.
package rental

import (
	"slices"
	"strings"
	"time"

	"meguri/protocol"
)

// Item is one piece: where it is, what it is promised to, and how it is. The zero Item is a piece that nobody has registered.
type Item struct {
	Custody protocol.Custody
	Was     protocol.Custody // before it was quarantined or missing
	InWork  bool             // while Cleaning or Repairing: it is in the batch or on the work order, not back from it
	Place   string           // shelf, dock or table at which it was seen last
	Bag     string           // SSCC of the bag that it is in, went out in, or came out of and was not inspected since
	Batch   string           // cleaning batch or repair work order, the last one
	Order   string           // for which it is picked, packed or out
	Reason  string           // why it is quarantined, missing or retired
	Misses  int              // counts in a row that did not find it

	Commitment Commitment

	Grade      protocol.Grade
	Dirty      bool // it has been out since it was cleaned last
	Damages    []protocol.Damage
	RepairedBy []string // badges, sorted, since the last final inspection that it passed; another person has to make that

	// Places in the piece's history, from 1; 0 is never.
	Events    int // that were folded
	Inspected int // the last inspection that lets it be let: the incoming one, or a final one
	Returned  int // when it came back last
	Passed    bool
}

// Repairers is RepairedBy as scanners are told and a column has it: one badge a line, for what is typed has no line breaks.
func (i Item) Repairers() string { return strings.Join(i.RepairedBy, "\n") }

// RepairersOf reads what Repairers has written.
func RepairersOf(lines string) []string {
	if lines == "" {
		return nil
	}
	return strings.Split(lines, "\n")
}

// Commitment is what a piece is promised to. Only the hub gives it; a scan moves it on.
type Commitment struct {
	State Promise
	Order string
	Until time.Time // of Allocated: then it is free again
}

// Promise is how far a commitment has come.
type Promise uint8

// Promises. Free again after Fulfilled when the piece has come back.
const (
	Free      Promise = 0
	Allocated Promise = 1
	Taken     Promise = 2 // off the shelf for its order
	Fulfilled Promise = 3 // with the customer
)

// Fit says that the piece may be let as far as its condition goes: its last qualifying inspection is passed and newer than its last
// return (P5).
func (i Item) Fit() bool { return i.Passed && i.Inspected > i.Returned }

// Available says that the piece may be promised to an order at now.
func (i Item) Available(now time.Time) bool {
	return i.Custody == protocol.Shelved && i.Fit() && i.free(now)
}

// free says that nothing is promised any more at now. Who holds an allocation that has run out has lost it, also when nobody said so.
func (i Item) free(now time.Time) bool {
	c := i.Commitment
	return c.State == Free || c.State == Allocated && !now.Before(c.Until)
}

// Event is one thing that happened to a piece: a step that a device has recorded, or an act of the hub.
type Event struct {
	Device string // that recorded it; empty for the hub
	Number uint64 // orders the events of a device, whatever its clock said

	At     time.Time     // when it happened
	Within time.Duration // At may be off by so much either way

	Step protocol.Step // or
	Act  Act

	Verdict protocol.ScanVerdict // what its person was told; 0 while they are not told yet

	Operator, Place, Bag, Order, Batch, Reason string
	ByBag                                      bool      // its bag was scanned, not the piece
	Until                                      time.Time // of Allocate

	// Of inspections, and of StepRepaired: the damages that are left.
	Conformant, Dirty bool
	Grade             protocol.Grade
	Damages           []protocol.Damage
}

// went says that the person was told to go on: by what their scanner knew then it was right, and it is done.
func (e Event) went() bool {
	return e.Verdict == protocol.VerdictAccept || e.Verdict == protocol.VerdictWarn
}

// Act is what the hub does to a commitment.
type Act uint8

// Acts.
const (
	Allocate Act = 1 // promise to Order until Until
	Release  Act = 2 // take the promise to Order back
)

// Scanned is the event of a record.
func Scanned(b protocol.ItemScanned) Event {
	return Event{Step: b.Step, Verdict: b.Verdict, Operator: b.Operator, Place: b.Place, Bag: b.Bag, Order: b.Order, Batch: b.Batch, Reason: b.Reason,
		Conformant: b.Conformant, Dirty: b.Dirty, Grade: b.Grade, Damages: b.Damages}
}

// Breach is an event that a rule is against.
type Breach struct {
	Rule   Rule
	Effect Effect
	Next   []protocol.Step // what may be done with the piece instead, as it was before
}

// Effect is what became of an event that a rule is against. A step that was done is never refused away: it is in the history, and a
// person looks at it.
type Effect uint8

// Effects.
const (
	Told    Effect = 1 // it counts, and somebody should know
	Ignored Effect = 2 // it changes nothing
	Held    Effect = 3 // the piece is quarantined, for nobody knows how it is
)

// Verdict is what a scanner says to a breach; nil is accepted.
func (b *Breach) Verdict() protocol.ScanVerdict {
	switch {
	case b == nil:
		return protocol.VerdictAccept
	case b.Effect == Told:
		return protocol.VerdictWarn
	}
	return protocol.VerdictRefuse
}

// Apply does an event to a piece. An event that says what is so already, from the same device, is no breach and no change. Apply
// changes nothing that the given Item points to.
func Apply(i Item, e Event) (Item, *Breach) {
	i.Events++
	before := i
	rule, effect := Rule(""), Effect(0)
	if e.Act != 0 {
		rule, effect = act(&i, e)
	} else {
		rule, effect = step(&i, e)
	}
	if rule == "" {
		return i, nil
	}
	b := &Breach{Rule: rule, Effect: effect, Next: Next(before)}
	switch effect {
	case Ignored:
		return before, b
	case Held:
		return hold(before, e, string(rule)), b
	}
	return i, b
}

// hold quarantines a piece of which nobody knows how it is. What it is promised to stays, for a person to see.
func hold(i Item, e Event, reason string) Item {
	out := !i.inHouse()
	if i.Custody != protocol.Quarantined {
		i.Was = i.Custody
	}
	i.Custody, i.Reason, i.InWork, i.Passed = protocol.Quarantined, reason, false, false
	if e.Place != "" {
		i.Place = e.Place
	}
	i.Bag = e.Bag
	// Whoever takes a piece in from outside is believed: nobody may have scanned how it left.
	if out || e.Step == protocol.StepReceive || e.Step == protocol.StepUnpack {
		i.back()
	}
	return i
}

// Out says that the piece is with a customer or on the way, or was when it got lost.
func (i Item) Out() bool { return !i.inHouse() }

// Inside says that the piece is in a bag, as far as anybody knows: what is done to the bag is done to it. A bag that a customer has is
// the one that their pieces went out in. A piece that got lost is in no bag until somebody has seen it there.
func (i Item) Inside(bag string) bool {
	switch i.Custody {
	case protocol.Packed, protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack, protocol.ReturnReceived:
		return bag != "" && i.Bag == bag
	}
	return false
}

// back says that the piece has come back from somebody: whoever had it, it is to be inspected and cleaned before it is let again.
func (i *Item) back() {
	i.Returned, i.Dirty = i.Events, true
	if i.Commitment.State == Taken || i.Commitment.State == Fulfilled {
		i.Commitment = Commitment{}
	}
}

func act(i *Item, e Event) (Rule, Effect) {
	c := i.Commitment
	switch e.Act {
	case Allocate:
		switch {
		case c.State == Allocated && c.Order == e.Order: // promised longer, or again
		case !i.free(e.At):
			return Promised, Ignored
		case i.Custody != protocol.Shelved:
			return NotOnShelf, Ignored
		case !i.Fit():
			return NotFit, Ignored
		}
		i.Commitment = Commitment{Allocated, e.Order, e.Until}
	case Release:
		switch {
		case c.State == Free || c.Order != e.Order: // it is so already
		case c.State != Allocated && i.Custody != protocol.Missing && i.Custody != protocol.Quarantined:
			return OffShelf, Ignored
		default:
			i.Commitment = Commitment{}
		}
	default:
		return UnknownStep, Ignored
	}
	return "", 0
}

// Next lists the steps that may be done with a piece as it is, in the order of the round.
func Next(i Item) (steps []protocol.Step) {
	for s := protocol.StepRegister; s <= protocol.StepRetire; s++ {
		r := rounds[s]
		if slices.Contains(r.from, i.Custody) && (r.also == nil || r.also(i)) {
			steps = append(steps, s)
		}
	}
	return steps
}
