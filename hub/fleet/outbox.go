package fleet

import (
	"bytes"
	"errors"
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

// CommandState is how far a command has come, in one word.
type CommandState string

// States of a command. Applied: the device has taken it and is carrying it out. Unknown: the power went in the middle, and the
// device finds out by sensing what became of it; the final answer is still to come.
const (
	StateSent    CommandState = "sent"
	StateApplied CommandState = "applied"
	StateDone    CommandState = "done"
	StateRefused CommandState = "refused"
	StateExpired CommandState = "expired"
	StateUnknown CommandState = "unknown"
)

// Bounds of commands.
const (
	// MaxOpenCommands is how many commands may wait for one device.
	MaxOpenCommands = 20
	// SettleWithin is how long after its deadline a command that is being settled waits before a person is asked to look.
	SettleWithin = time.Hour
)

// ErrTooManyCommands: a device that does not answer gets no more.
var ErrTooManyCommands = errors.New("too many commands wait for the device already")

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
	TakenAt     time.Time // the device is about to carry it out; zero before
	Settling    time.Time // since then the device finds out by sensing what became of it; zero when it does not
}

// State says how far the command has come.
func (c Command) State() CommandState {
	switch {
	case c.Outcome != CommandOpen:
		return CommandState(c.Outcome)
	case !c.Settling.IsZero():
		return StateUnknown
	case !c.TakenAt.IsZero():
		return StateApplied
	}
	return StateSent
}

// Owed says whether the command still has to be sent: one that the device is settling it has.
func (c Command) Owed() bool { return c.Outcome == CommandOpen && c.Settling.IsZero() }

// Take notes that the device has taken the command. Word of that may come after the answer.
func (c Command) Take(at time.Time) Command {
	if c.TakenAt.IsZero() {
		c.TakenAt = at
	}
	return c
}

// Settle notes that the device does not know what became of the command, and finds out. Once there is an answer that says less.
func (c Command) Settle(at time.Time) Command {
	if c.Outcome == CommandExpired && c.Reason == NoAnswer {
		c.Outcome, c.Reason, c.AnsweredAt = CommandOpen, "", time.Time{}
	}
	if c.Outcome == CommandOpen && c.Settling.IsZero() {
		c.Settling = at
	}
	return c
}

// GiveUp is what the hub makes of a command that is overdue: one that the device has not taken has expired, what became of one
// that it has taken is unknown.
func (c Command) GiveUp(now time.Time) Command {
	if !c.TakenAt.IsZero() {
		return c.Settle(now)
	}
	c.Outcome, c.Reason, c.AnsweredAt = CommandExpired, NoAnswer, now
	return c
}

// Unsettled says whether a person has to look what became of the command.
func (c Command) Unsettled(now time.Time) bool {
	return c.State() == StateUnknown && now.After(c.Deadline.Add(SettleWithin))
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
	return c.Owed() && now.After(c.Deadline.Add(CommandGrace))
}
