package fleet

import (
	"bytes"
	"fmt"
	"time"
)

// Plan is one version of what a device should do, for one incarnation of it.
type Plan struct {
	Version     uint64
	Incarnation string
	MadeAt      time.Time
	AnsweredAt  time.Time // zero before
	Refused     string    // why, if it was
	Parts       []Part    // by name
}

// Part is one named part of a plan.
type Part struct {
	Name string
	Hash Hash
	Size int
}

// Serves says whether a plan is already what these parts for this incarnation ask for. Parts are sorted by name. newest is
// the highest version that anybody has seen: after a restored backup it may be above the newest plan known here, and then
// the device holds something else.
func (p Plan) Serves(incarnation string, parts []Part, newest uint64) bool {
	if p.Incarnation != incarnation || p.Version != newest || len(p.Parts) != len(parts) {
		return false
	}
	for i, part := range parts {
		if p.Parts[i].Name != part.Name || !bytes.Equal(p.Parts[i].Hash[:], part.Hash[:]) {
			return false
		}
	}
	return true
}

// Owed says whether a plan still has to reach the device.
func (p Plan) Owed(d Device) bool {
	return p.Version > d.PlanActive && p.Incarnation == d.Incarnation && p.Refused == "" && !d.Revoked()
}

// CommandOutcome is how a command ended.
type CommandOutcome string

// Outcomes of a command; Open while there is none.
const (
	CommandOpen    CommandOutcome = ""
	CommandDone    CommandOutcome = "done"
	CommandRefused CommandOutcome = "refused"
	CommandExpired CommandOutcome = "expired"
)

// CommandGrace is how long after its deadline a command waits for the device's own answer before the hub calls it expired.
const CommandGrace = 2 * time.Minute

// Command is one act asked of a device.
type Command struct {
	ID          string
	Device      string
	Counter     uint64
	Kind        uint8
	Target      string // the position concerned
	PlanAtLeast uint64
	Deadline    time.Time
	AskedBy     string
	AskedAt     time.Time
	Outcome     CommandOutcome
	Reason      string
	AnsweredAt  time.Time // zero before
}

// Answer takes the device's answer. It stands above what the hub has assumed, and is the same when it comes twice; another
// answer than the first one is an error.
func (c Command) Answer(outcome CommandOutcome, reason string, at time.Time) (Command, error) {
	if c.Outcome == outcome && c.Reason == reason {
		return c, nil
	}
	if c.Outcome != CommandOpen && (c.Outcome != CommandExpired || c.Reason != NoAnswer) {
		return c, fmt.Errorf("command %s: answered %s, and was %s already", c.ID, outcome, c.Outcome)
	}
	c.Outcome, c.Reason, c.AnsweredAt = outcome, reason, at
	return c, nil
}

// NoAnswer is the reason of a command that the hub itself calls expired. It may have been done all the same.
const NoAnswer = "no answer from the device"

// Overdue says whether the hub may call a command expired.
func (c Command) Overdue(now time.Time) bool {
	return c.Outcome == CommandOpen && now.After(c.Deadline.Add(CommandGrace))
}
