package station

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Code decides about a code that was entered at a position's keypad.
func Code(s State, p Plan, position, code string, now time.Time) Decision {
	t := begin(s, p, now)
	t.overdue(position)
	if t.outOfService(position) {
		return t.Decision
	}
	if t.rests(position) {
		t.record(protocol.GrantRefused{Position: position, Reason: "the keypad rests"})
		t.refuse(position, phrase.TooManyWrongCodes)
		return t.Decision
	}
	selector := t.selector(code)
	if t.locked(selector) { // a right code, too: it may be the guess that hit
		t.record(protocol.GrantRefused{Position: position, Reason: "codes with these first digits are locked after wrong ones"})
		t.refuse(position, phrase.CodeLocked)
		return t.Decision
	}
	g, o, ok := t.grantOf(position, code)
	if !ok {
		t.wrongCode(position, selector)
		return t.Decision
	}
	delete(t.State.Tries, selector)
	if o.reason != "" {
		t.record(protocol.GrantRefused{Position: position, Grant: g.ID, Reason: o.reason})
		t.refuse(position, o.line.Key, o.line.Args...)
		return t.Decision
	}
	t.open(position, g)
	return t.Decision
}

// grantOf finds the grant of a code, and what stands against it now. Several dates' grants may carry the same code: the one
// with the best chance to open is meant.
func (t *turn) grantOf(position, code string) (protocol.Grant, objection, bool) {
	var best protocol.Grant
	var why objection
	found := false
	for _, g := range t.plan[position].Grants {
		if !g.HasPIN(code) {
			continue
		}
		t.unanswered(position, g.ID)
		if o := t.objection(position, g, 0); !found || o.rank < why.rank {
			best, why, found = g, o, true
		}
	}
	return best, why, found
}

// objection is why a grant does not open its door now, for the record and for the person.
type objection struct {
	reason string // empty when nothing stands against it
	line   phrase.Phrase
	rank   int // of two grants with one code, the lower is meant
}

// Ranks of objections.
const (
	rankNone = iota
	rankGoods
	rankUsed
	rankEarly
	rankLate
	rankUnknown
)

func object(rank int, reason string, k phrase.Key, args ...string) objection {
	return objection{reason: reason, line: phrase.New(k, args...), rank: rank}
}

// objection says what stands against a grant; signed is when the hub signed the token that was shown, 0 for a code.
func (t *turn) objection(position string, g protocol.Grant, signed int64) objection {
	if o := t.timely(position, g); o.reason != "" {
		return o
	}
	if o := t.vouched(position, g, signed); o.reason != "" {
		return o
	}
	switch {
	case g.Uses > 0 && t.State.Uses[g.ID].Count >= g.Uses && !t.again(g.ID):
		return object(rankUsed, "used up", phrase.CodeUsedUp)
	case g.Holder == protocol.HolderEngineer && g.Uses == 0:
		return object(rankUnknown, "an engineer's grant has to be counted", phrase.NothingForYou)
	case g.Holder == protocol.HolderCourier, g.Holder == protocol.HolderShop, g.Holder == protocol.HolderStaff, g.Holder == protocol.HolderEngineer:
		return objection{}
	case g.Holder != protocol.HolderCustomer: // of a newer hub: what it asks for is not known here
		return object(rankUnknown, fmt.Sprintf("holder of kind %d is unknown to this version", g.Holder), phrase.NothingForYou)
	}
	return t.missing(position, g)
}

// missing says what of an order is not in yet.
func (t *turn) missing(position string, g protocol.Grant) objection {
	if len(g.Containers) == 0 {
		if len(g.Elsewhere) > 0 {
			return object(rankGoods, "goods are in another fridge", phrase.OrderElsewhere, phrase.List(g.Elsewhere))
		}
		return object(rankGoods, "nothing was delivered for the order", phrase.NothingForYou)
	}
	var out []string
	for _, id := range g.Containers {
		if !t.isIn(id) {
			out = append(out, id)
		}
	}
	in := len(g.Containers) - len(out)
	switch {
	case t.heldOf(position, g):
		return object(rankGoods, "goods are held until quality has decided", phrase.GoodsHeld)
	case len(out) == 0:
		return objection{}
	case in == 0:
		return object(rankGoods, "not delivered yet", phrase.NotDelivered)
	}
	return object(rankGoods,
		fmt.Sprintf("%d of %d containers delivered, not %s", in, len(g.Containers), phrase.List(out)),
		phrase.PartlyDelivered, strconv.Itoa(in), strconv.Itoa(len(g.Containers)), phrase.List(t.slots(position, out)))
}

// isIn says whether the box of a dated container stands here. A box that was taken at its word before the plan knew which one
// the shop had filled does not count when it turns out to be another.
func (t *turn) isIn(container string) bool {
	box, ok := t.State.In[container]
	if !ok {
		return false
	}
	for _, lock := range t.plan {
		for _, c := range lock.Containers {
			if c.DatedContainer == container {
				return c.GRAI == "" || c.GRAI == box.GRAI
			}
		}
	}
	return true
}

// slots names the slots of containers behind a door, in the plan's order.
func (t *turn) slots(position string, containers []string) []string {
	var slots []string
	for _, c := range t.plan[position].Containers {
		if slices.Contains(containers, c.DatedContainer) {
			slots = append(slots, c.Slot)
		}
	}
	return slots
}

// open uses a grant. While the door stands open nothing is counted and nothing fires: both persons' goods are taken through
// the same opening. So they are when the second code comes before the first person has pulled the door.
func (t *turn) open(position string, g protocol.Grant) {
	l := t.State.Locks[position]
	if l.Door == DoorOpen {
		l.Grants = with(l.Grants, g)
		t.State.Locks[position] = l
		t.record(protocol.DoorFault{Position: position, Grant: g.ID, Fault: protocol.DoorAlreadyOpen})
		t.show(position, phrase.DoorIsOpen)
		return
	}
	use, known := t.State.Uses[g.ID]
	if !known && len(t.State.Uses) >= most {
		t.record(protocol.GrantRefused{Position: position, Grant: g.ID, Reason: "no room to count its use"})
		t.refuse(position, phrase.OutOfService)
		return
	}
	l.Grants = with(l.Grants, g)
	t.fires(&l)
	use.Until = g.Until
	again := g.Uses > 0 && t.again(g.ID)
	if again {
		l.Grants = forDoubt(l.Grants, g.ID, use.Again)
	} else {
		use.Count++
		l.Grants = counted(l.Grants, g.ID)
	}
	use.Again = 0
	t.State.Locks[position] = l
	t.State.Uses[g.ID] = use
	t.record(protocol.GrantUsed{Position: position, Grant: g.ID, Use: use.Count, Again: again})
	t.welcome(position, g) // first: when the lock does not answer, that is the last word
	t.Actions = append(t.Actions, Fire{Position: position, Grant: g.ID})
}

// with is grants with one more; grants itself stays as it is.
func with(grants []InUse, g protocol.Grant) []InUse {
	u := InUse{Grant: g.ID}
	if g.Holder == protocol.HolderCustomer {
		u.Order = g.Order
	}
	if slices.ContainsFunc(grants, func(other InUse) bool { return other.Grant == u.Grant }) {
		return grants
	}
	return append(slices.Clone(grants), u)
}

// counted is grants with one more use of one of them, which its opening is counted as.
func counted(grants []InUse, id string) []InUse {
	grants = slices.Clone(grants)
	for i := range grants {
		if grants[i].Grant == id {
			grants[i].Uses++
		}
	}
	return grants
}

// forDoubt is grants of which one opens for its use in doubt, as it may until a time.
func forDoubt(grants []InUse, id string, until int64) []InUse {
	grants = slices.Clone(grants)
	for i := range grants {
		if grants[i].Grant == id {
			grants[i].Again = until
		}
	}
	return grants
}

func (t *turn) welcome(position string, g protocol.Grant) {
	slots, elsewhere := phrase.List(t.slots(position, g.Containers)), phrase.List(g.Elsewhere)
	switch {
	case g.Holder == protocol.HolderCourier:
		t.show(position, phrase.OpenCourier)
	case g.Holder == protocol.HolderShop:
		t.show(position, phrase.OpenShop)
	case g.Holder != protocol.HolderCustomer:
		t.show(position, phrase.OpenStaff)
	case slots == "" && elsewhere == "":
		t.show(position, phrase.Open)
	case slots == "":
		t.show(position, phrase.OpenElsewhere, elsewhere)
	case elsewhere == "":
		t.show(position, phrase.OpenSlots, slots)
	default:
		t.show(position, phrase.OpenSlotsElsewhere, slots, elsewhere)
	}
}
