package app

import (
	"slices"
	"time"

	"meguri/edge/station"
	"meguri/protocol"
)

// commandState is the newest command that was taken. It is durable before the command is carried out; a command that was
// under way when the power went is answered as refused, for what became of it stands in the door's own records.
type commandState struct {
	Counter  uint64 `cbor:"1,keyasint"`
	ID       string `cbor:"2,keyasint"`
	Deadline int64  `cbor:"3,keyasint"`
	Answered bool   `cbor:"4,keyasint"`
}

// Command takes a command from the hub. The hub sends it again until it is answered.
func (a *agent) Command(c protocol.Command) { a.do(func() { a.takeCommand(c) }) }

func (a *agent) takeCommand(c protocol.Command) {
	if c.Incarnation != a.log.Incarnation() || c.Counter < a.command.Counter {
		return
	}
	if c.Counter == a.command.Counter {
		if !a.command.Answered && c.ID == a.command.ID {
			a.answerCommand(protocol.CommandRefused, "interrupted; see the records of the door")
		}
		return
	}
	if c.PlanAtLeast > a.planVersion.Load() && !a.late(c.Deadline) {
		return // the plan is on its way, and the command comes again
	}
	next := commandState{Counter: c.Counter, ID: c.ID, Deadline: c.Deadline}
	if a.commit(nil, map[string]any{keyCommand: next}) != nil {
		return
	}
	a.command = next
	a.commandCounter.Store(next.Counter)
	switch {
	case a.late(c.Deadline):
		a.answerCommand(protocol.CommandExpired, "")
	case c.Kind == protocol.CommandIdentify:
		a.hardware.identify()
		a.answerCommand(protocol.CommandDone, "")
	case c.Kind == protocol.CommandUnlock && a.hasLock(c.Target):
		a.unlock(c)
	case c.Kind == protocol.CommandUnlock:
		a.answerCommand(protocol.CommandRefused, "no lock "+c.Target+" here")
	default:
		a.answerCommand(protocol.CommandRefused, "this version does not know the command")
	}
}

func (a *agent) late(deadline int64) bool { return a.now().UnixMilli() > deadline }

func (a *agent) hasLock(position string) bool {
	return slices.ContainsFunc(a.cfg.Kit.Locks, func(l Lock) bool { return l.Position == position })
}

func (a *agent) unlock(c protocol.Command) {
	d := station.Unlock(a.station, a.plan.locks, c.Target, c.ID, a.now())
	if !a.decide(d) {
		a.answerCommand(protocol.CommandRefused, "cannot record")
		return
	}
	if len(d.Actions) == 0 {
		a.answerCommand(protocol.CommandRefused, "the door stands open")
	}
}

// unlocked answers an unlock command when its relay has fired.
func (a *agent) unlocked(f station.Fire, failure error) {
	switch {
	case f.Command == "" || f.Command != a.command.ID:
	case failure != nil:
		a.answerCommand(protocol.CommandRefused, "the lock does not answer")
	default:
		a.answerCommand(protocol.CommandDone, "")
	}
}

func (a *agent) answerCommand(o protocol.CommandOutcome, reason string) {
	next := a.command
	next.Answered = true
	record := protocol.CommandAnswered{ID: next.ID, Counter: next.Counter, Outcome: o, Reason: reason}
	if a.commit([]protocol.Body{record}, map[string]any{keyCommand: next}) == nil {
		a.command = next
	}
}

// expireCommand answers a command that was interrupted by a power cut once its deadline is over.
func (a *agent) expireCommand() {
	if a.command.ID != "" && !a.command.Answered && a.now().After(time.UnixMilli(a.command.Deadline)) {
		a.answerCommand(protocol.CommandRefused, "interrupted; see the records of the door")
	}
}
