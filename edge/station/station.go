// Package station holds the rules of a pickup station: which code opens which door and when, what a door did, and which
// container stands where. One state covers all locks of a location, because an order may lie in several fridges and the
// driver scans at one reader. See ../DESIGN.md for how rules are run.
package station

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Bounds of a station's patience.
const (
	OpenWithin    = 10 * time.Second // after the relay fired, else the lock is jammed
	OpensLate     = time.Minute      // after it was called jammed: a door that sticks and gives way at last
	Bounce        = time.Second      // a door that opens again so soon after it shut has not been shut
	ScanPairedFor = 2 * time.Minute  // between the scan of a box and of its slot
)

// Bounds of a station's memory.
const (
	// Remembered is how many boxes, and how many used grants, are kept that the plan does not speak of any more: it may speak
	// of them again, and then a counted grant must not start anew.
	Remembered = 200
	// most is how many of each are kept in all. A state of this size can still be read back.
	most = 4000
)

// farAway is longer than anything that is waited for. A time so long ago is of a clock that was not set.
const farAway = 30 * 24 * time.Hour

// State is what a station remembers across a restart.
type State struct {
	Locks   map[string]Lock  `cbor:"1,keyasint"` // by position
	Uses    map[string]Use   `cbor:"2,keyasint"` // of grants
	In      map[string]Box   `cbor:"3,keyasint"` // dated container → the box that stands here
	Scanned Box              `cbor:"4,keyasint"` // a box that waits for its slot
	Tries   map[string]Tries `cbor:"5,keyasint"` // wrong codes, by selector

	Unproven  bool              `cbor:"10,keyasint,omitempty"` // the time is no earlier than what it is taken for, and may be later
	NotBefore int64             `cbor:"11,keyasint,omitempty"` // it is no earlier than this, also after a restart; Unix milliseconds
	Confirmed int64             `cbor:"12,keyasint,omitempty"` // when the hub last said that the plan here is its newest, Unix milliseconds
	Goods     map[string]Goods  `cbor:"20,keyasint,omitempty"` // dated container → how warm or cold it has stood
	Displaced map[string]Goods  `cbor:"22,keyasint,omitempty"` // box → what was known of its goods when another one was scanned into its slot
	Stated    map[string]Stated `cbor:"21,keyasint,omitempty"` // shipper → the newest that it has said of itself
}

// Use is how often a grant was used.
type Use struct {
	Count uint32 `cbor:"1,keyasint"`
	Until int64  `cbor:"2,keyasint"` // of the grant, Unix milliseconds: what ended first is forgotten first

	Returned uint32 `cbor:"3,keyasint,omitempty"` // how often uses were given back
	Again    int64  `cbor:"4,keyasint,omitempty"` // Unix milliseconds: until then it opens once more for the use in doubt
	Doubted  uint32 `cbor:"5,keyasint,omitempty"` // the newest use that was in doubt: each is so once
}

// Box is a box that was scanned.
type Box struct {
	GRAI string `cbor:"1,keyasint,omitempty"`
	At   int64  `cbor:"2,keyasint,omitempty"` // Unix milliseconds
}

// Lock is the state of one door.
type Lock struct {
	Door       Door    `cbor:"1,keyasint"`
	Grants     []InUse `cbor:"2,keyasint,omitempty"` // the door is open for them, or the relay has fired; else none
	FiredAt    int64   `cbor:"3,keyasint,omitempty"` // Unix milliseconds; 0 when the relay is not waiting for the door
	OpenedAt   int64   `cbor:"4,keyasint,omitempty"` // Unix milliseconds; 0 when the door is not open
	Ajar       bool    `cbor:"5,keyasint,omitempty"` // said so already
	Wrong      int     `cbor:"6,keyasint,omitempty"` // wrong codes
	RestsUntil int64   `cbor:"7,keyasint,omitempty"` // Unix milliseconds
	WrongAt    int64   `cbor:"8,keyasint,omitempty"` // of the last wrong code, Unix milliseconds
	ShutAt     int64   `cbor:"9,keyasint,omitempty"` // Unix milliseconds
	ShutAfter  []InUse `cbor:"10,keyasint,omitempty"`
	JammedAt   int64   `cbor:"11,keyasint,omitempty"` // Unix milliseconds
	JammedFor  []InUse `cbor:"12,keyasint,omitempty"`

	Sense    Sense   `cbor:"20,keyasint"`           // what bolt, leaf and key say
	Wait     Wait    `cbor:"21,keyasint"`           // for the door, since the relay fired
	Silent   []InUse `cbor:"22,keyasint,omitempty"` // the relay should have fired for them, and said that it could not
	Inside   Warmth  `cbor:"23,keyasint"`           // too warm; zero when it is not
	Unbolted bool    `cbor:"25,keyasint,omitempty"` // said that it is shut and not bolted, and nothing has ended that
	Warned   int64   `cbor:"24,keyasint,omitempty"` // that it stands open and is warm: the last time, Unix milliseconds
}

// InUse is a grant that a door is open for. The order is kept with it: the plan may change while the door stands open.
type InUse struct {
	Grant string `cbor:"1,keyasint"`
	Order string `cbor:"2,keyasint,omitempty"` // of a customer
	Uses  uint32 `cbor:"3,keyasint,omitempty"` // counted for this opening: more than one when the code was entered again
	Back  bool   `cbor:"4,keyasint,omitempty"` // they were given back
	Again int64  `cbor:"5,keyasint,omitempty"` // it was for a use in doubt, which could be made again until then; Unix milliseconds
}

// Door is what the contact said last. Unknown is not closed.
type Door uint8

// States of a door.
const (
	DoorUnknown Door = 0
	DoorClosed  Door = 1
	DoorOpen    Door = 2
)

// Plan is what the hub wants of the station: one part for each lock, by position.
type Plan map[string]protocol.LockPlan

// Decision is what follows from an input.
type Decision struct {
	State   State
	Records []protocol.Body
	Actions []Action
}

// Action is one of Fire and Show.
type Action interface{ action() }

// Fire pulses the lock at Position. What became of it comes back through Fired.
type Fire struct{ Position, Grant, Command string }

// Show tells the person at Position, or at the reader when it is empty, in one line; Refused adds the sound of a refusal.
type Show struct {
	Position string
	Line     phrase.Phrase
	Refused  bool
}

func (Fire) action() {}
func (Show) action() {}

// turn collects a decision.
type turn struct {
	Decision
	plan Plan
	now  time.Time
}

func begin(s State, p Plan, now time.Time) *turn {
	s.Locks = cloned(s.Locks)
	s.Uses = cloned(s.Uses)
	s.In = cloned(s.In)
	s.Tries = cloned(s.Tries)
	return &turn{Decision: Decision{State: s}, plan: p, now: now}
}

func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

func (t *turn) record(b ...protocol.Body) { t.Records = append(t.Records, b...) }

func (t *turn) show(position string, k phrase.Key, args ...string) {
	t.Actions = append(t.Actions, Show{Position: position, Line: phrase.New(k, args...)})
}

func (t *turn) refuse(position string, k phrase.Key, args ...string) {
	t.Actions = append(t.Actions, Show{Position: position, Line: phrase.New(k, args...), Refused: true})
}

// since is how long ago a stored time was. It is unknown when the clock has been set back before it, or was not set when it
// was stored: such a time must neither hold a rule for ever nor end it at once.
func (t *turn) since(at int64) (d time.Duration, known bool) {
	d = t.now.Sub(time.UnixMilli(at))
	return d, d >= 0 && d <= farAway
}

// PlanChanged takes over what the hub knows of boxes that this station has no word on, as a board that replaces another has
// not, and bounds the state: of the boxes and used grants that a new plan does not speak of, only some are kept.
func PlanChanged(s State, p Plan) State {
	t := begin(s, p, time.Time{})
	t.takeOver()
	grants, containers, selectors, shippers := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, lock := range p {
		for _, g := range lock.Grants {
			grants[g.ID], selectors[g.Selector] = true, true
		}
		for _, c := range lock.Containers {
			containers[c.DatedContainer], shippers[c.Ride.Shipper] = true, true
		}
	}
	if len(t.State.Stated) > 0 {
		t.State.Stated = cloned(s.Stated)
		maps.DeleteFunc(t.State.Stated, func(shipper string, _ Stated) bool { return !shippers[shipper] })
	}
	maps.DeleteFunc(t.State.Tries, func(selector string, _ Tries) bool { return !selectors[selector] })
	forget(t.State.Uses, grants, func(u Use) int64 { return u.Until })
	forget(t.State.In, containers, func(b Box) int64 { return b.At })
	return t.State
}

// takeOver believes the hub about containers that stand here. The station's own word is newer: about a container, and about a
// box, which may have been put elsewhere since.
func (t *turn) takeOver() {
	here := map[string]bool{}
	for _, box := range t.State.In {
		here[box.GRAI] = true
	}
	for _, c := range t.containers() {
		_, known := t.State.In[c.DatedContainer]
		if c.Placed && c.GRAI != "" && !known && !here[c.GRAI] && len(t.State.In) < most {
			t.State.In[c.DatedContainer] = Box{GRAI: c.GRAI}
			here[c.GRAI] = true
		}
	}
}

// forget drops what is not planned, the oldest first, until only so much of it is left as is to be remembered.
func forget[V any](m map[string]V, planned map[string]bool, age func(V) int64) {
	var others []string
	for key := range m {
		if !planned[key] {
			others = append(others, key)
		}
	}
	slices.SortFunc(others, func(a, b string) int {
		return cmp.Or(cmp.Compare(age(m[a]), age(m[b])), cmp.Compare(a, b))
	})
	for _, key := range others[:max(0, len(others)-Remembered)] {
		delete(m, key)
	}
}

// Tick looks at what time has brought about: a relay that fired for nothing, a door that stands open.
func Tick(s State, p Plan, now time.Time) Decision {
	t := begin(s, p, now)
	for _, position := range slices.Sorted(maps.Keys(t.State.Locks)) {
		if line, over := t.overdue(position); over {
			t.refuse(position, line)
		}
		l := t.State.Locks[position]
		t.leftOpen(position, &l)
		t.leftUnbolted(position, &l)
		t.State.Locks[position] = l
	}
	return t.Decision
}

func first(grants []InUse) string {
	if len(grants) == 0 {
		return ""
	}
	return grants[0].Grant
}
