package app

import (
	"slices"

	"meguri/edge/station"
	"meguri/protocol"
)

// commandState is the newest command that was taken. It is durable before the command is carried out, so that it is never carried
// out twice. What became of one that was under way when the power went is settled by sensing.
type commandState struct {
	Counter  uint64 `cbor:"1,keyasint"`
	ID       string `cbor:"2,keyasint"`
	Deadline int64  `cbor:"3,keyasint"` // Unix milliseconds
	Answered bool   `cbor:"4,keyasint"`
	Target   string `cbor:"5,keyasint,omitempty"` // position whose lock was to be opened
	Unknown  bool   `cbor:"6,keyasint,omitempty"` // the hub has been told that it was interrupted
}

// pending says that the command was interrupted and what became of it is not known yet.
func (c commandState) pending() bool { return c.ID != "" && !c.Answered }

// What is said of a command that was interrupted.
const (
	beingSettled  = "the power went while it was carried out: being settled by sensing"
	doorDidOpen   = "interrupted; the door opened"
	nothingMoved  = "interrupted, nothing moved"
	nothingBefore = "interrupted, nothing moved before the next command came"
)

// Command takes a command from the hub. The hub sends it again until it is answered.
func (a *agent) Command(c protocol.Command) { a.do(func() { a.takeCommand(c) }) }

func (a *agent) takeCommand(c protocol.Command) {
	if c.Incarnation != a.log.Incarnation() || c.Counter <= a.command.Counter {
		return // of another life of this storage, or taken already
	}
	if c.PlanAtLeast > a.planVersion.Load() && !a.late(c.Deadline) {
		return // the plan is on its way, and the command comes again
	}
	if a.command.pending() {
		a.endCommand(protocol.CommandRefused, nothingBefore)
	}
	next := commandState{Counter: c.Counter, ID: c.ID, Deadline: c.Deadline, Target: c.Target}
	switch {
	case a.late(c.Deadline):
		a.answerCommand(next, protocol.CommandExpired, "")
	case c.Kind == protocol.CommandIdentify:
		if a.answerCommand(next, protocol.CommandDone, "") {
			a.hardware.identify()
		}
	case c.Kind == protocol.CommandShowNumber && a.hasLock(c.Target):
		a.showNumber(next, c.Target, c.Text)
	case c.Kind == protocol.CommandUnlock && a.hasLock(c.Target):
		a.unlock(next, c.Target)
	case c.Kind == protocol.CommandUnlock, c.Kind == protocol.CommandShowNumber:
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
	now := a.atDoor()
	d := station.Unlock(a.station, a.locks(), position, next.ID, now)
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

// resumeCommand looks at a start for a command that was under way when the power went. The hub hears at once that it was
// interrupted; it is not carried out again.
func (a *agent) resumeCommand() {
	if !a.command.pending() || a.command.Unknown {
		return
	}
	a.command.Unknown = true
	a.happened([]protocol.Body{answered(a.command, protocol.CommandUnknown, beingSettled)}, map[string]any{keyCommand: a.command})
}

// sensed settles an interrupted command by what its door does.
func (a *agent) sensed(position string, closed bool) {
	if a.command.pending() && !closed && position == a.command.Target {
		a.endCommand(protocol.CommandDone, doorDidOpen)
	}
}

// settleCommand ends the wait for a door to move: at the command's deadline, but not before every contact has been read and a lock
// that had just fired has had its time; and at the latest when an opening would no longer be put down to it. That bounds the wait
// of a board that does not know the time.
func (a *agent) settleCommand() {
	waited := a.sinceBoot()
	if a.command.pending() && waited >= station.OpenWithin && (a.late(a.command.Deadline) || waited >= station.OpensLate) {
		a.endCommand(protocol.CommandRefused, nothingMoved)
	}
}
