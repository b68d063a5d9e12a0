package station

import (
	"slices"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Bounds of what is made of a use whose door did not open.
const (
	// BoltBack is how long the bolt stays back for a pulse that nobody answers. One that was back for longer was held by an open
	// door, whatever the door's contact says.
	BoltBack = 3 * time.Second
	// MostReturned is how often uses of a grant are given back: so much a contact that lies can cost.
	MostReturned = 3
	// AgainFor is how long a counted grant opens once more for a use in doubt.
	AgainFor = 5 * time.Minute
)

// Wait is what was sensed between the relay and the outcome.
type Wait struct {
	Moved bool `cbor:"1,keyasint,omitempty"` // the bolt was back
	Held  bool `cbor:"2,keyasint,omitempty"` // for longer than a pulse holds it
	Blind bool `cbor:"3,keyasint,omitempty"` // for some of the time nothing was sensed
}

// Started notes that the power was away, or the agent: nobody saw what the doors did meanwhile. What they are now is told by Contact
// and Bolt; until then a lock that had fired waits anew.
func Started(s State, now time.Time) State {
	t := begin(s, nil, now)
	for position, l := range t.State.Locks {
		l.Sense = Sense{}
		t.State.Locks[position] = t.blinded(l)
	}
	return t.State
}

// Unseen notes that the contacts of a door have failed for a while.
func Unseen(s State, position string, now time.Time) State {
	t := begin(s, nil, now)
	t.State.Locks[position] = t.blinded(t.State.Locks[position])
	return t.State
}

func (t *turn) blinded(l Lock) Lock {
	if l.FiredAt != 0 {
		l.FiredAt, l.Wait.Blind = t.now.UnixMilli(), true
	}
	return l
}

// fires begins the wait for a door, or goes on with it.
func (t *turn) fires(l *Lock) {
	if l.FiredAt == 0 {
		l.Wait = Wait{}
	}
	l.FiredAt = t.now.UnixMilli()
}

// overdue ends the wait for a door whose relay fired too long ago, and gives the line that says what came of it.
func (t *turn) overdue(position string) (line phrase.Key, over bool) {
	l := t.State.Locks[position]
	if l.FiredAt == 0 {
		return 0, false
	}
	waited, known := t.since(l.FiredAt)
	if known && waited <= OpenWithin {
		return 0, false
	}
	if !known { // wait once more, by the clock as it is now
		l.FiredAt = t.now.UnixMilli()
		t.State.Locks[position] = l
		return 0, false
	}
	return t.ended(position, l), true
}

// ended ends the wait for a door that did not open.
func (t *turn) ended(position string, l Lock) phrase.Key {
	line := t.notOpened(position, &l)
	l.JammedAt, l.JammedFor = t.now.UnixMilli(), slices.Concat(l.Grants, l.Silent)
	l.FiredAt, l.Grants, l.Silent, l.Wait = 0, nil, nil, Wait{}
	t.State.Locks[position] = l
	return line
}

// unanswered ends a wait of which nothing was seen for a while, when whoever it is for asks again before a door that is shut: that says
// what the rest of the wait would. Else the last use would count as used up until then.
func (t *turn) unanswered(position, grant string) {
	l := t.State.Locks[position]
	mine := func(u InUse) bool { return u.Grant == grant }
	if l.FiredAt != 0 && l.Wait.Blind && l.Door == DoorClosed && l.Sense.Bolt == BoltOut &&
		slices.ContainsFunc(slices.Concat(l.Grants, l.Silent), mine) {
		t.ended(position, l)
	}
}

// notOpened says why a door did not open, and gives uses back where that is sure.
func (t *turn) notOpened(position string, l *Lock) phrase.Key {
	line := phrase.DoorDidNotOpen
	l.Grants, l.Silent = slices.Clone(l.Grants), slices.Clone(l.Silent)
	switch {
	case l.Wait.Blind:
		t.doubt(position, l)
		return line
	case l.Sense.Bolt == BoltIsBack:
		t.record(protocol.NotOpened{Position: position, Grant: first(l.Grants)})
		return phrase.PushDoor // and no use is given back: whoever pulls comes in
	case l.Wait.Moved:
		t.record(protocol.NotOpened{Position: position, Grant: first(l.Grants)})
		line = phrase.DoorNotPulled
	case len(l.Grants) > 0 || len(l.Silent) == 0: // else it was said when the relay did not answer
		t.record(protocol.DoorFault{Position: position, Grant: first(l.Grants), Fault: protocol.DoorJammed})
	}
	if l.Door == DoorClosed && l.Sense.Bolt == BoltOut && !l.Wait.Held {
		t.giveBack(position, l.Grants)
		t.giveBack(position, l.Silent)
	}
	return line
}

// giveBack returns the uses of an opening that was seen not to happen. One that was for a use in doubt leaves it in doubt, as long as it was.
func (t *turn) giveBack(position string, grants []InUse) {
	for i, u := range grants {
		use := t.State.Uses[u.Grant]
		if u.Uses == 0 && u.Again == 0 || use.Returned >= MostReturned {
			continue
		}
		use.Count -= min(use.Count, u.Uses)
		use.Again = u.Again
		use.Returned++
		t.State.Uses[u.Grant] = use
		if u.Uses > 0 {
			t.record(protocol.UseReturned{Position: position, Grant: u.Grant, Use: use.Count})
		}
		grants[i].Back = true
	}
}

// takeBack counts a use again that was given back, for a door that gave way at last.
func (t *turn) takeBack(position string, grants []InUse) {
	for _, u := range grants {
		if !u.Back {
			continue
		}
		use := t.State.Uses[u.Grant]
		if u.Uses > 0 {
			use.Count++
		}
		if u.Again != 0 {
			use.Again = 0
		}
		t.State.Uses[u.Grant] = use
		t.record(protocol.GrantUsed{Position: position, Grant: u.Grant, Use: use.Count, Again: u.Uses == 0, Late: true})
	}
}

// doubt keeps the uses of an opening that nobody saw, and lets a counted grant open once more for a while: whoever holds it may have
// stood before a door that did not move. A use is in doubt once, so that power that comes and goes opens nothing for ever.
func (t *turn) doubt(position string, l *Lock) {
	for _, u := range slices.Concat(l.Grants, l.Silent) {
		use, counted := t.State.Uses[u.Grant]
		if !counted || u.Uses == 0 {
			continue
		}
		b := protocol.UseUncertain{Position: position, Grant: u.Grant, Use: use.Count}
		if use.Doubted < use.Count {
			use.Doubted, use.Again = use.Count, t.now.Add(AgainFor).UnixMilli()
			b.Again = use.Again
		}
		t.State.Uses[u.Grant] = use
		t.record(b)
	}
}

// again says whether a grant may open once more for a use in doubt.
func (t *turn) again(grant string) bool { return t.ahead(t.State.Uses[grant].Again, AgainFor) }
