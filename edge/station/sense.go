package station

import (
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Bounds of what stands open.
const (
	AjarAfter     = 2 * time.Minute  // a door that stands open longer is an alarm
	AjarWarmAfter = time.Minute      // so early, when it is too warm inside
	WarnEvery     = 10 * time.Second // and then the buzzer goes on and on
	KeyOpens      = 10 * time.Second // after the key was turned a door may open by it
)

// Sense is what a lock's other contacts said last, in this boot.
type Sense struct {
	Bolt     BoltState `cbor:"1,keyasint,omitempty"`
	BackAt   int64     `cbor:"2,keyasint,omitempty"` // the bolt is back since then, Unix milliseconds
	LeafShut bool      `cbor:"3,keyasint,omitempty"` // the leaf is shut, whatever the bolt does
	Key      bool      `cbor:"5,keyasint,omitempty"` // the cylinder is turned
	KeyAt    int64     `cbor:"6,keyasint,omitempty"` // it was turned last, Unix milliseconds
}

// BoltState is what the bolt's contact said last. Unknown is not out.
type BoltState uint8

// States of a bolt.
const (
	BoltUnknown BoltState = 0
	BoltOut     BoltState = 1 // it holds the door
	BoltIsBack  BoltState = 2 // it is back
)

// Warmth is a reading inside that is over its limit.
type Warmth struct {
	Sensor      string `cbor:"1,keyasint,omitempty"`
	MilliC      int64  `cbor:"2,keyasint,omitempty"`
	LimitMilliC int64  `cbor:"3,keyasint,omitempty"`
}

// Bolt notes what the bolt's contact says, and whether the leaf is shut at that moment.
func Bolt(s State, p Plan, position string, out, leafShut bool, now time.Time) Decision {
	t := begin(s, p, now)
	l := t.State.Locks[position]
	l.Sense.LeafShut = leafShut
	switch {
	case out && l.Sense.Bolt != BoltOut:
		if d, known := t.since(l.Sense.BackAt); l.FiredAt != 0 && l.Sense.Bolt == BoltIsBack && (!known || d > BoltBack) {
			l.Wait.Held = true
		}
		l.Sense.Bolt, l.Sense.BackAt = BoltOut, 0
	case !out && l.Sense.Bolt != BoltIsBack:
		l.Sense.Bolt, l.Sense.BackAt = BoltIsBack, now.UnixMilli()
		l.Wait.Moved = l.FiredAt != 0
	}
	if out && leafShut && l.Unbolted { // a door that was opened meanwhile has ended that as it shut
		t.record(protocol.Bolted{Position: position})
		l.Unbolted = false
	}
	t.State.Locks[position] = l
	return t.Decision
}

// Key notes that the door's cylinder was turned by the staff's key, or turned back.
func Key(s State, p Plan, position string, turned bool, now time.Time) Decision {
	t := begin(s, p, now)
	l := t.State.Locks[position]
	if turned && !l.Sense.Key {
		t.record(protocol.KeyUsed{Position: position})
	}
	if turned || l.Sense.Key {
		l.Sense.KeyAt = now.UnixMilli()
	}
	l.Sense.Key = turned
	t.State.Locks[position] = l
	return t.Decision
}

// byKey says whether an opening is the staff's.
func (t *turn) byKey(l *Lock) bool {
	d, known := t.since(l.Sense.KeyAt)
	return l.Sense.Key || known && d <= KeyOpens
}

// Inside notes how warm it is behind a door; the zero Warmth is warm enough for nobody.
func Inside(s State, p Plan, position string, w Warmth, now time.Time) Decision {
	t := begin(s, p, now)
	l := t.State.Locks[position]
	l.Inside = w
	t.State.Locks[position] = l
	return t.Decision
}

// leftOpen is the alarm of a door that stands open: once after a while, and earlier and louder when it gets warm inside.
func (t *turn) leftOpen(position string, l *Lock) {
	if l.Door != DoorOpen || l.Sense.LeafShut && l.Sense.Bolt == BoltIsBack {
		return
	}
	open, known := t.since(l.OpenedAt)
	if !known {
		l.OpenedAt, open = t.now.UnixMilli(), 0
	}
	if open > AjarAfter && !l.Ajar {
		t.record(protocol.DoorFault{Position: position, Grant: first(l.Grants), Fault: protocol.DoorAjar})
		t.refuse(position, phrase.ShutDoor)
		l.Ajar = true
	}
	if l.Inside.Sensor == "" || open <= AjarWarmAfter {
		return
	}
	if l.Warned == 0 {
		t.record(protocol.DoorWarm{Position: position, Grant: first(l.Grants), Sensor: l.Inside.Sensor, MilliC: l.Inside.MilliC,
			LimitMilliC: l.Inside.LimitMilliC})
	}
	if d, known := t.since(l.Warned); !known || d >= WarnEvery {
		t.refuse(position, phrase.ShutWarmDoor)
		l.Warned = t.now.UnixMilli()
	}
}

// leftUnbolted is the alarm of a door that is shut and does not bolt.
func (t *turn) leftUnbolted(position string, l *Lock) {
	if l.Sense.Bolt != BoltIsBack || !l.Sense.LeafShut || l.Unbolted || l.Sense.Key || l.FiredAt != 0 {
		return
	}
	back, known := t.since(l.Sense.BackAt)
	switch {
	case !known:
		l.Sense.BackAt = t.now.UnixMilli()
	case back > AjarAfter:
		t.record(protocol.Unbolted{Position: position, Grant: first(l.Grants)})
		t.refuse(position, phrase.PushDoor)
		l.Unbolted = true
	}
}
