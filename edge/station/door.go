package station

import (
	"fmt"
	"slices"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Unlock opens a door at a person's command from the hub. A door that stands open is a refusal: no action follows.
func Unlock(s State, p Plan, position, command string, now time.Time) Decision {
	t := begin(s, p, now)
	t.overdue(position)
	l := t.State.Locks[position]
	if l.Door == DoorOpen {
		t.record(protocol.DoorFault{Position: position, Fault: protocol.DoorAlreadyOpen})
		return t.Decision
	}
	t.fires(&l) // whoever's code fired just before comes in by the same opening
	t.State.Locks[position] = l
	t.Actions = append(t.Actions, Fire{Position: position, Command: command})
	return t.Decision
}

// Fired notes that the relay has pulsed, or why it could not.
func Fired(s State, p Plan, f Fire, failure error, now time.Time) Decision {
	t := begin(s, p, now)
	if failure == nil {
		if l := t.State.Locks[f.Position]; l.FiredAt != 0 { // the door has its time from now on, however slow the storage was
			l.FiredAt = now.UnixMilli()
			t.State.Locks[f.Position] = l
		}
		t.record(protocol.RelayFired{Position: f.Position, Grant: f.Grant, Command: f.Command})
		return t.Decision
	}
	if l := t.State.Locks[f.Position]; l.Door != DoorOpen { // else it has opened all the same
		t.silent(&l, f.Grant)
		t.State.Locks[f.Position] = l
	}
	t.record(protocol.DoorFault{Position: f.Position, Grant: f.Grant, Fault: protocol.DoorJammed})
	t.refuse(f.Position, phrase.LockSilent)
	return t.Decision
}

// silent sets apart whoever a relay did not answer for. It may have moved all the same, so the wait goes on for them, too.
func (t *turn) silent(l *Lock, grant string) {
	mine := func(u InUse) bool { return u.Grant == grant }
	if i := slices.IndexFunc(l.Grants, mine); i >= 0 {
		l.Silent = append(slices.Clone(l.Silent), l.Grants[i])
	}
	if l.Grants = slices.DeleteFunc(slices.Clone(l.Grants), mine); len(l.Grants) == 0 {
		l.Grants = nil
	}
	if len(l.Grants) == 0 && len(l.Silent) == 0 {
		l.FiredAt = 0
	}
}

// Contact notes what the door contact says, at a start and whenever it changes. What it said last is kept across a restart,
// so a door that moved without power is noted too; the first word of all only tells the state.
func Contact(s State, p Plan, position string, closed bool, now time.Time) Decision {
	t := begin(s, p, now)
	l := t.State.Locks[position]
	switch {
	case closed && l.Door == DoorOpen:
		t.shut(position, &l)
	case !closed && l.Door != DoorOpen:
		t.opened(position, &l)
	}
	l.Door = DoorOpen
	if closed {
		l.Door = DoorClosed
	}
	t.State.Locks[position] = l
	return t.Decision
}

// opened gives the opening to whoever the relay fired for last, however long ago: when the power was away in between, that is
// the likeliest. Time ends the wait in Tick.
func (t *turn) opened(position string, l *Lock) {
	uncommanded := false
	if l.FiredAt == 0 {
		uncommanded = !t.explained(position, l) && l.Door == DoorClosed
	} else if len(l.Grants) == 0 {
		l.Grants = l.Silent
	}
	t.record(protocol.DoorOpened{Position: position, Grant: first(l.Grants)})
	if uncommanded {
		t.record(protocol.DoorFault{Position: position, Fault: protocol.DoorUncommanded})
	}
	l.FiredAt, l.OpenedAt, l.Ajar, l.Warned = 0, t.now.UnixMilli(), false, 0
	l.ShutAt, l.ShutAfter, l.JammedAt, l.JammedFor = 0, nil, 0, nil
	l.Silent, l.Wait = nil, Wait{}
}

// explained finds whose opening this is that no relay fired for just now: the staff's key, a door that had not really shut, or one that
// stuck and gives way.
func (t *turn) explained(position string, l *Lock) bool {
	if t.byKey(l) {
		return true
	}
	if d, known := t.since(l.ShutAt); known && d <= Bounce {
		l.Grants = l.ShutAfter
		return true
	}
	if d, known := t.since(l.JammedAt); known && d <= OpensLate {
		l.Grants = l.JammedFor
		t.takeBack(position, l.Grants)
		return true
	}
	return false
}

func (t *turn) shut(position string, l *Lock) {
	open, known := t.since(l.OpenedAt)
	if !known {
		open = 0
	}
	t.record(protocol.DoorClosed{Position: position, Grant: first(l.Grants), OpenMS: open.Milliseconds()})
	l.Unbolted = false
	for _, u := range l.Grants {
		if u.Order == "" {
			continue
		}
		t.record(protocol.PickupInferred{Position: position, Grant: u.Grant, Order: u.Order,
			Basis: fmt.Sprintf("the order's code, then the door stood open for %d s; nobody saw it", int64(open.Seconds()))})
	}
	if len(l.Grants) > 0 {
		t.show(position, phrase.ThankYou)
	}
	l.ShutAt, l.ShutAfter = t.now.UnixMilli(), l.Grants
	l.Grants, l.OpenedAt, l.Ajar, l.Warned = nil, 0, false, 0
}
