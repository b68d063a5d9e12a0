package rental

import (
	"slices"
	"time"

	"meguri/protocol"
)

// missLimit is how many counts in a row have to miss a piece on a shelf before it is missing: one alone is as often a piece that
// somebody holds in their hand.
const missLimit = 2

// round is one row of the table of steps: where a piece may be before it, what else must be so, and what it does.
type round struct {
	from []protocol.Custody
	also func(Item) bool // beyond from, of the piece alone
	do   func(*Item, Event) (Rule, Effect)
	// otherwise is what becomes of the step when the piece is not where it begins. nil: it is held.
	otherwise func(*Item, Event) (Rule, Effect)
}

func in(c ...protocol.Custody) []protocol.Custody { return c }

// rounds is the table of steps.
var rounds = map[protocol.Step]round{
	protocol.StepRegister: {from: in(0), do: register, otherwise: ignored(Again)},
	protocol.StepInspectIn: {from: in(protocol.Registered, protocol.InspectedIn, protocol.Quarantined), also: neverOut,
		do: inspectIn},
	protocol.StepPutAway: {from: in(protocol.InspectedIn, protocol.FinalInspected, protocol.Shelved, protocol.Picked, protocol.Unpacked,
		protocol.Missing), also: func(i Item) bool { return i.Fit() && i.inHouse() }, do: putAway},
	protocol.StepPick: {from: in(protocol.Shelved), also: Item.Fit, do: pick, otherwise: pickAgain},
	protocol.StepPack: {from: in(protocol.Shelved, protocol.Picked, protocol.Unpacked), also: Item.promised, do: pack},
	protocol.StepUnpack: {from: in(protocol.Packed, protocol.ReturnReceived, protocol.InTransitBack, protocol.OnRent, protocol.InTransitOut,
		protocol.Missing), do: unpack},
	protocol.StepShip:     {from: in(protocol.Packed), do: to(protocol.InTransitOut)},
	protocol.StepVoidShip: {from: in(protocol.InTransitOut), do: to(protocol.Packed)},
	protocol.StepDeliver:  {from: in(protocol.InTransitOut, protocol.Packed), do: deliver},
	protocol.StepSendBack: {from: in(protocol.OnRent, protocol.InTransitOut), do: to(protocol.InTransitBack)},
	protocol.StepReceive: {from: in(protocol.OnRent, protocol.InTransitBack, protocol.InTransitOut, protocol.Packed, protocol.Missing),
		do: receive},
	protocol.StepInspectReturn: {from: in(protocol.Unpacked, protocol.ReturnReceived, protocol.ReturnInspected, protocol.Quarantined),
		also: Item.wasOut, do: inspectReturn},
	protocol.StepClean: {from: in(protocol.ReturnInspected, protocol.InspectedIn, protocol.FinalInspected, protocol.Cleaning,
		protocol.Repairing), also: waiting, do: clean},
	protocol.StepCleaned: {from: in(protocol.Cleaning), also: inWork, do: cleaned},
	protocol.StepRepair: {from: in(protocol.ReturnInspected, protocol.InspectedIn, protocol.FinalInspected, protocol.Cleaning,
		protocol.Repairing), also: waiting, do: repair},
	protocol.StepRepaired: {from: in(protocol.Repairing), also: inWork, do: repaired},
	protocol.StepInspectFinal: {from: in(protocol.Cleaning, protocol.Repairing, protocol.FinalInspected, protocol.ReturnInspected,
		protocol.Quarantined), also: waiting, do: inspectFinal},
	protocol.StepQuarantine: {from: all(0, protocol.Sold, protocol.Retired), do: quarantine},
	protocol.StepCount:      {from: in(protocol.Shelved, protocol.Missing), do: count, otherwise: countElsewhere},
	protocol.StepMiss:       {from: all(0, protocol.Missing, protocol.Sold, protocol.Retired), do: miss},
	protocol.StepSell:       {from: in(protocol.OnRent), do: sell, otherwise: ignored(WrongState)},
	protocol.StepRetire: {from: all(0, protocol.Packed, protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack, protocol.Sold,
		protocol.Retired), do: retire, otherwise: ignored(WrongState)},
}

// custodies are all states of custody.
var custodies = in(0, protocol.Registered, protocol.InspectedIn, protocol.Shelved, protocol.Picked, protocol.Packed, protocol.Unpacked,
	protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack, protocol.ReturnReceived, protocol.ReturnInspected, protocol.Cleaning,
	protocol.Repairing, protocol.FinalInspected, protocol.Quarantined, protocol.Missing, protocol.Sold, protocol.Retired)

// all are all states but some.
func all(but ...protocol.Custody) []protocol.Custody {
	return slices.DeleteFunc(slices.Clone(custodies), func(c protocol.Custody) bool { return slices.Contains(but, c) })
}

func neverOut(i Item) bool  { return i.Returned == 0 }
func (i Item) wasOut() bool { return i.Returned > 0 }
func waiting(i Item) bool   { return !i.InWork }
func inWork(i Item) bool    { return i.InWork }

// promised says that the piece is promised to an order, or off the shelf for it.
func (i Item) promised() bool { return i.Commitment.State == Allocated || i.Commitment.State == Taken }

// inHouse says that the piece is in the house, as far as anybody knows: one that was lost on its way or with a customer is not.
func (i Item) inHouse() bool {
	c := i.Custody
	if c == protocol.Missing {
		c = i.Was
	}
	return c != protocol.InTransitOut && c != protocol.OnRent && c != protocol.InTransitBack
}

func ignored(r Rule) func(*Item, Event) (Rule, Effect) {
	return func(*Item, Event) (Rule, Effect) { return r, Ignored }
}

// step does a step, or says what it is against.
func step(i *Item, e Event) (Rule, Effect) {
	r, ok := rounds[e.Step]
	switch {
	case !ok:
		return UnknownStep, Ignored
	case e.ByBag && !i.Inside(e.Bag): // by what is known now it was not in it
		return "", 0
	case i.Custody == 0 && e.Step != protocol.StepRegister:
		return Unregistered, Ignored
	case (i.Custody == protocol.Sold || i.Custody == protocol.Retired) && e.Step != protocol.StepRegister:
		return Gone, Ignored
	case repeats(*i, e):
		return "", 0
	case !slices.Contains(r.from, i.Custody):
		switch {
		case r.otherwise != nil:
			return r.otherwise(i, e)
		case e.ByBag: // nobody has the piece in their hand
			return WrongState, Ignored
		}
		return WrongState, Held
	}
	return r.do(i, e)
}

// repeats says that a step says no more than what is so: the same act, scanned or sent twice.
func repeats(i Item, e Event) bool {
	switch e.Step {
	case protocol.StepPack:
		return i.Custody == protocol.Packed && i.Bag == e.Bag
	case protocol.StepUnpack:
		return i.Custody == protocol.Unpacked
	case protocol.StepShip:
		return i.Custody == protocol.InTransitOut
	case protocol.StepVoidShip:
		return i.Custody == protocol.Packed
	case protocol.StepDeliver:
		return i.Custody == protocol.OnRent
	case protocol.StepSendBack:
		return i.Custody == protocol.InTransitBack
	case protocol.StepReceive: // of a bag whose pieces are on the table already
		return i.Custody == protocol.ReturnReceived || i.Custody == protocol.Unpacked && i.Bag == e.Bag && !i.Fit()
	case protocol.StepClean:
		return i.Custody == protocol.Cleaning && i.InWork && i.Batch == e.Batch
	case protocol.StepCleaned:
		return i.Custody == protocol.Cleaning && !i.InWork
	case protocol.StepRepair:
		return i.Custody == protocol.Repairing && i.InWork && i.Batch == e.Batch
	case protocol.StepRepaired:
		return i.Custody == protocol.Repairing && !i.InWork && slices.Contains(i.RepairedBy, e.Operator)
	case protocol.StepMiss:
		return i.Custody == protocol.Missing
	}
	return false
}

// to moves a piece on and changes nothing else.
func to(c protocol.Custody) func(*Item, Event) (Rule, Effect) {
	return func(i *Item, e Event) (Rule, Effect) {
		i.at(c, e)
		return "", 0
	}
}

// at is where a piece is from now on. A piece that is out of sight keeps the place where it was seen last.
func (i *Item) at(c protocol.Custody, e Event) {
	i.Custody, i.InWork, i.Misses, i.Reason = c, false, 0, ""
	if e.Place != "" {
		i.Place = e.Place
	}
}

func register(i *Item, e Event) (Rule, Effect) {
	i.at(protocol.Registered, e)
	i.Grade = e.Grade
	return "", 0
}

func inspectIn(i *Item, e Event) (Rule, Effect) {
	if i.wasOut() {
		return WrongState, Ignored
	}
	if rule, effect := i.inspected(e, e.Conformant); rule != "" {
		return rule, effect
	}
	i.at(protocol.InspectedIn, e)
	i.Dirty = e.Dirty
	i.Inspected, i.Passed = i.Events, e.Conformant
	i.mould(e)
	return "", 0
}

// inspected takes over what an inspection has found. Fit with damages is a slip of somebody's finger; and nobody says of their own
// repair that it is good.
func (i *Item) inspected(e Event, fit bool) (Rule, Effect) {
	grade := i.Grade
	if e.Grade != 0 {
		grade = e.Grade
	}
	switch {
	case fit && (len(e.Damages) > 0 || grade == protocol.GradeD || e.Dirty):
		return StillDamaged, Ignored
	case fit && len(i.RepairedBy) > 0 && (e.Operator == "" || slices.Contains(i.RepairedBy, e.Operator)):
		return SamePerson, Ignored
	case fit:
		i.RepairedBy = nil
	}
	i.Grade, i.Damages = grade, slices.Clone(e.Damages)
	return "", 0
}

// Mould is the kind of damage that other pieces catch.
const Mould = "mould"

// mould puts a piece on which an inspection has found mould where it touches no other.
func (i *Item) mould(e Event) {
	if slices.ContainsFunc(e.Damages, func(d protocol.Damage) bool { return d.Kind == Mould }) {
		*i = hold(*i, e, Mould)
	}
}

func putAway(i *Item, e Event) (Rule, Effect) {
	switch {
	case !i.Fit():
		return NotFit, Held
	case !i.inHouse():
		return StillOut, Held
	}
	if i.Commitment.State == Taken { // back on the shelf, and still promised
		i.Commitment.State = Allocated
	}
	i.at(protocol.Shelved, e)
	i.Order, i.Bag = "", ""
	return "", 0
}

// pick takes a piece for an order: the one that was allocated, or another that is free. One that is promised to another order is to stay for
// that; whoever has taken it by what a scanner without a network knew has it all the same, and the promise is at an end.
func pick(i *Item, e Event) (Rule, Effect) {
	switch {
	case e.Order == "":
		return NoOrder, Held
	case !i.Fit():
		return NotFit, Held
	}
	others := !i.free(e.At) && i.Commitment.Order != e.Order
	if others && !e.went() {
		return Promised, Ignored
	}
	i.at(protocol.Picked, e)
	i.Order = e.Order
	if others { // until when that was promised says nothing of this order: put back, the piece is free
		i.Commitment = Commitment{Taken, e.Order, time.Time{}}
		return Promised, Told
	}
	i.Commitment = Commitment{Taken, e.Order, i.Commitment.Until}
	return "", 0
}

// pickAgain: two scanners say that they have picked a piece. The first one has it until a person has looked.
func pickAgain(i *Item, e Event) (Rule, Effect) {
	switch i.Custody {
	case protocol.Picked, protocol.Packed, protocol.InTransitOut:
	default:
		return WrongState, Held
	}
	if i.Order != e.Order {
		return OtherOrder, Ignored
	}
	return PickedTwice, Ignored
}

func pack(i *Item, e Event) (Rule, Effect) {
	was := i.Custody
	switch {
	case !i.promised() || !i.Fit():
		return WrongState, Held
	case e.Bag == "":
		return NoBag, Ignored
	}
	others := e.Order != "" && e.Order != i.Commitment.Order
	if others && !e.went() {
		return OtherOrder, Ignored
	}
	i.at(protocol.Packed, e)
	i.Bag, i.Commitment.State = e.Bag, Taken
	if others {
		i.Commitment = Commitment{Taken, e.Order, time.Time{}}
	}
	i.Order = i.Commitment.Order
	switch {
	case others:
		return OtherOrder, Told
	case was == protocol.Shelved:
		return StepSkipped, Told
	}
	return "", 0
}

// unpack takes a piece out of a bag: one that has come back, or one that does not leave after all.
func unpack(i *Item, e Event) (Rule, Effect) {
	was, bag := i.Custody, i.Bag
	i.at(protocol.Unpacked, e)
	i.Bag = e.Bag
	other := e.Bag != "" && bag != "" && bag != e.Bag
	switch was {
	case protocol.Packed:
		i.Bag = ""
	case protocol.ReturnReceived:
		i.Order = ""
	default:
		i.Order = ""
		i.back()
		return StepSkipped, Told
	}
	if other {
		return OtherBag, Told
	}
	return "", 0
}

func deliver(i *Item, e Event) (Rule, Effect) {
	was := i.Custody
	i.at(protocol.OnRent, e)
	i.Commitment.State = Fulfilled
	if was == protocol.Packed {
		return StepSkipped, Told
	}
	return "", 0
}

func receive(i *Item, e Event) (Rule, Effect) {
	was := i.Custody
	i.at(protocol.ReturnReceived, e)
	i.Bag = e.Bag
	i.back()
	if was == protocol.Packed {
		return StepSkipped, Told
	}
	return "", 0
}

func inspectReturn(i *Item, e Event) (Rule, Effect) {
	was := i.Custody
	if !i.wasOut() {
		return WrongState, Ignored
	}
	if rule, effect := i.inspected(e, false); rule != "" {
		return rule, effect
	}
	i.at(protocol.ReturnInspected, e)
	i.Bag, i.Order, i.Dirty, i.Passed = "", "", true, false
	i.mould(e)
	if was == protocol.ReturnReceived {
		return StepSkipped, Told
	}
	return "", 0
}

func clean(i *Item, e Event) (Rule, Effect) {
	if i.InWork {
		return WrongState, Held
	}
	i.at(protocol.Cleaning, e)
	i.Batch, i.InWork, i.Dirty, i.Passed = e.Batch, true, true, false
	return "", 0
}

func cleaned(i *Item, e Event) (Rule, Effect) {
	batch := i.Batch
	if !i.InWork {
		return WrongState, Ignored
	}
	i.at(protocol.Cleaning, e)
	i.Dirty = false
	if e.Batch != "" && e.Batch != batch {
		return OtherBatch, Told
	}
	return "", 0
}

func repair(i *Item, e Event) (Rule, Effect) {
	if i.InWork {
		return WrongState, Held
	}
	i.at(protocol.Repairing, e)
	i.Batch, i.InWork, i.Passed = e.Batch, true, false
	if len(i.Damages) == 0 {
		return NothingBroken, Told
	}
	return "", 0
}

// repaired: whoever says so has repaired it, also after another has said so.
func repaired(i *Item, e Event) (Rule, Effect) {
	batch, back := i.Batch, i.InWork
	if n, already := slices.BinarySearch(i.RepairedBy, e.Operator); !already {
		i.RepairedBy = slices.Insert(slices.Clone(i.RepairedBy), n, e.Operator)
	}
	if !back {
		return "", 0
	}
	i.at(protocol.Repairing, e)
	i.Damages = slices.Clone(e.Damages)
	if e.Batch != "" && e.Batch != batch {
		return OtherBatch, Told
	}
	return "", 0
}

// inspectFinal decides whether a piece may be let again. One that was repaired is looked at by somebody else.
func inspectFinal(i *Item, e Event) (Rule, Effect) {
	switch {
	case i.InWork:
		return WrongState, Held
	case e.Conformant && i.Dirty:
		return StillDirty, Ignored
	}
	if rule, effect := i.inspected(e, e.Conformant); rule != "" {
		return rule, effect
	}
	i.at(protocol.FinalInspected, e)
	i.Inspected, i.Passed = i.Events, e.Conformant
	i.Dirty = i.Dirty || e.Dirty
	i.mould(e)
	return "", 0
}

func quarantine(i *Item, e Event) (Rule, Effect) {
	promised := i.promised()
	*i = hold(*i, e, e.Reason)
	if promised {
		return Promised, Told
	}
	return "", 0
}

// count sees a piece where shelves are counted.
func count(i *Item, e Event) (Rule, Effect) {
	if i.Custody == protocol.Missing && i.Was != protocol.Shelved { // nobody knows where it has been
		return StillOut, Held
	}
	was := i.Place
	i.at(protocol.Shelved, e)
	if e.Place != "" && was != "" && e.Place != was {
		return Elsewhere, Told
	}
	return "", 0
}

// countElsewhere sees a piece that should not be on a shelf. In the house it may lie there for a moment; out of the house it cannot.
func countElsewhere(i *Item, e Event) (Rule, Effect) {
	switch i.Custody {
	case protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack:
		return StillOut, Held
	}
	i.Place = e.Place
	return WrongState, Told
}

// miss says that a piece is not where it was looked for. A count does so of what should be on its shelf; when it turns out by what is
// heard later that the piece was not to be there any more, the count says nothing of it.
func miss(i *Item, e Event) (Rule, Effect) {
	if e.Place != "" && (i.Custody != protocol.Shelved || i.Place != e.Place) {
		return "", 0
	}
	if i.Misses++; i.Custody == protocol.Shelved && i.Misses < missLimit {
		return "", 0
	}
	promised := i.promised()
	i.Was, i.Custody, i.Reason, i.InWork = i.Custody, protocol.Missing, e.Reason, false
	if promised {
		return Promised, Told
	}
	return "", 0
}

func sell(i *Item, e Event) (Rule, Effect) {
	i.at(protocol.Sold, e)
	return "", 0
}

func retire(i *Item, e Event) (Rule, Effect) {
	if !i.free(e.At) && i.Commitment.State != Fulfilled {
		return Promised, Ignored
	}
	i.at(protocol.Retired, e)
	i.Reason, i.Commitment = e.Reason, Commitment{}
	return "", 0
}
