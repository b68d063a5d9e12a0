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
	t.jammed(position)
	l := t.State.Locks[position]
	if l.Door == DoorOpen {
		t.record(protocol.DoorFault{Position: position, Fault: protocol.DoorAlreadyOpen})
		return t.Decision
	}
	l.FiredAt = now.UnixMilli() // whoever's code fired just before comes in by the same opening
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
		l.Grants = slices.DeleteFunc(slices.Clone(l.Grants), func(u InUse) bool { return u.Grant == f.Grant })
		if len(l.Grants) == 0 {
			l.FiredAt, l.Grants = 0, nil
		}
		t.State.Locks[f.Position] = l
	}
	t.record(protocol.DoorFault{Position: f.Position, Grant: f.Grant, Fault: protocol.DoorJammed})
	t.refuse(f.Position, phrase.LockSilent)
	return t.Decision
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
		if d, known := t.since(l.ShutAt); known && d <= Bounce {
			l.Grants = l.ShutAfter
		} else if d, known := t.since(l.JammedAt); known && d <= OpensLate {
			l.Grants = l.JammedFor
		} else {
			uncommanded = l.Door == DoorClosed
		}
	}
	t.record(protocol.DoorOpened{Position: position, Grant: first(l.Grants)})
	if uncommanded {
		t.record(protocol.DoorFault{Position: position, Fault: protocol.DoorUncommanded})
	}
	l.FiredAt, l.OpenedAt, l.Ajar = 0, t.now.UnixMilli(), false
	l.ShutAt, l.ShutAfter, l.JammedAt, l.JammedFor = 0, nil, 0, nil
}

func (t *turn) shut(position string, l *Lock) {
	open, known := t.since(l.OpenedAt)
	if !known {
		open = 0
	}
	t.record(protocol.DoorClosed{Position: position, Grant: first(l.Grants), OpenMS: open.Milliseconds()})
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
	l.Grants, l.OpenedAt, l.Ajar = nil, 0, false
}
