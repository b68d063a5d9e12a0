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

const interrupted = "interrupted; see the records of the door"

// Command takes a command from the hub. The hub sends it again until it is answered.
func (a *agent) Command(c protocol.Command) { a.do(func() { a.takeCommand(c) }) }

func (a *agent) takeCommand(c protocol.Command) {
	if c.Incarnation != a.log.Incarnation() || c.Counter < a.command.Counter {
		return
	}
	if c.Counter == a.command.Counter {
		if !a.command.Answered && c.ID == a.command.ID {
			a.endCommand(protocol.CommandRefused, interrupted)
		}
		return
	}
	if c.PlanAtLeast > a.planVersion.Load() && !a.late(c.Deadline) {
		return // the plan is on its way, and the command comes again
	}
	next := commandState{Counter: c.Counter, ID: c.ID, Deadline: c.Deadline}
	switch {
	case a.late(c.Deadline):
		a.answerCommand(next, protocol.CommandExpired, "")
	case c.Kind == protocol.CommandIdentify:
		if a.answerCommand(next, protocol.CommandDone, "") {
			a.hardware.identify()
		}
	case c.Kind == protocol.CommandUnlock && a.hasLock(c.Target):
		a.unlock(next, c.Target)
	case c.Kind == protocol.CommandUnlock:
		a.answerCommand(next, protocol.CommandRefused, "no lock "+c.Target+" here")
	default:
		a.answerCommand(next, protocol.CommandRefused, "this version does not know the command")
	}
}

func (a *agent) late(deadline int64) bool { return a.now().UnixMilli() > deadline }

func (a *agent) hasLock(position string) bool {
	return slices.ContainsFunc(a.cfg.Kit.Locks, func(l Lock) bool { return l.Position == position })
}

// unlock fires a lock once it is durable that the command was taken. When that cannot be recorded the door stays shut, and the
// hub hears of it as soon as there is room.
func (a *agent) unlock(next commandState, position string) {
	d := station.Unlock(a.station, a.locks(), position, next.ID, a.now())
	first := protocol.Body(protocol.CommandTaken{ID: next.ID, Counter: next.Counter})
	if len(d.Actions) == 0 {
		next.Answered = true
		first = answered(next, protocol.CommandRefused, "the door stands open")
	}
	records := append([]protocol.Body{first}, d.Records...)
	if a.commit(records, map[string]any{keyStation: d.State, keyCommand: next}) != nil {
		a.useCommand(next)
		a.endCommand(protocol.CommandRefused, "storage is full: nothing was done")
		return
	}
	a.station = d.State
	a.useCommand(next)
	a.perform(d.Actions)
}

func (a *agent) useCommand(c commandState) {
	a.command = c
	a.commandCounter.Store(c.Counter)
}

// unlocked ends an unlock command when its relay has fired.
func (a *agent) unlocked(f station.Fire, failure error) {
	switch {
	case f.Command == "" || f.Command != a.command.ID:
	case failure != nil:
		a.endCommand(protocol.CommandRefused, "the lock does not answer")
	default:
		a.endCommand(protocol.CommandDone, "")
	}
}

func answered(c commandState, o protocol.CommandOutcome, reason string) protocol.Body {
	return protocol.CommandAnswered{ID: c.ID, Counter: c.Counter, Outcome: o, Reason: reason}
}

// answerCommand takes a command and answers it at once. When that cannot be recorded it is not taken, and comes again.
func (a *agent) answerCommand(c commandState, o protocol.CommandOutcome, reason string) bool {
	c.Answered = true
	if a.commit([]protocol.Body{answered(c, o, reason)}, map[string]any{keyCommand: c}) != nil {
		return false
	}
	a.useCommand(c)
	return true
}

// endCommand answers the command that was taken.
func (a *agent) endCommand(o protocol.CommandOutcome, reason string) {
	if a.command.Answered {
		return
	}
	a.command.Answered = true
	a.happened([]protocol.Body{answered(a.command, o, reason)}, map[string]any{keyCommand: a.command})
}

// expireCommand answers a command that was interrupted by a power cut once its deadline is over.
func (a *agent) expireCommand() {
	if a.command.ID != "" && !a.command.Answered && a.now().After(time.UnixMilli(a.command.Deadline)) {
		a.endCommand(protocol.CommandRefused, interrupted)
	}
}
