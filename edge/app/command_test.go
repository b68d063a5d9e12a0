package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/edge/station"
	"meguri/protocol"
)

// unlock is a command that opens f1 within a minute.
func (r *rig) unlock(counter uint64) protocol.Command {
	return protocol.Command{ID: "c-" + string(rune('0'+counter)), Incarnation: r.log.Incarnation(), Counter: counter,
		Deadline: r.now().Add(time.Minute).UnixMilli(), Kind: protocol.CommandUnlock, Target: "f1"}
}

// interrupted is a board that lost its power between the record that it takes a command and the pulse, and has it again.
func interrupted(t *testing.T) *rig {
	r := newRig(t)
	r.start()
	r.doorMoved("f1", true)
	c := r.unlock(1)
	d := station.Unlock(r.station, r.locks(), "f1", c.ID, r.now())
	require.NoError(t, r.commit([]protocol.Body{protocol.CommandTaken{ID: c.ID, Counter: 1}},
		map[string]any{keyStation: d.State, keyCommand: commandState{Counter: 1, ID: c.ID, Deadline: c.Deadline, Target: "f1"}}))
	r.restart()
	r.takeCommand(c) // the hub says it again
	return r
}

func (r *rig) answers() (all []protocol.CommandAnswered) { return said[protocol.CommandAnswered](r) }

var unknown = protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandUnknown, Reason: beingSettled}

func TestAnInterruptedCommandIsUnknownAtOnceAndSettledByTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interrupted(t)
		defer func() { r.cut() }()
		require.Equal(t, []protocol.CommandAnswered{unknown}, r.answers())
		r.doorMoved("f1", true)
		r.doorMoved("f2", false)
		r.pass(5 * time.Second)
		r.restart() // again, and it is not said again
		require.Len(t, r.answers(), 1)
		r.doorMoved("f1", false)
		require.Equal(t, protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandDone, Reason: doorDidOpen}, r.answers()[1])
		r.takeCommand(r.unlock(1))
		r.doorMoved("f1", true)
		r.doorMoved("f1", false)
		r.pass(2 * time.Minute)
		require.Len(t, r.answers(), 2, "settled once")
		require.Empty(t, r.fired, "and never fired again")
	})
}

func TestAnInterruptedCommandWhoseDoorDoesNotMoveIsRefusedAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interrupted(t)
		defer r.cut()
		r.pass(59 * time.Second)
		require.Len(t, r.answers(), 1)
		r.pass(3 * time.Second)
		require.Equal(t, protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandRefused, Reason: nothingMoved}, r.answers()[1])
		require.Empty(t, r.fired)
	})
}

func TestAnInterruptedCommandWhoseDeadlineIsOverIsSensedBeforeItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		require.NoError(t, r.commit(nil, map[string]any{keyCommand: commandState{Counter: 1, ID: "c-1", Deadline: r.now().UnixMilli(), Target: "f1"}}))
		r.cut()
		time.Sleep(time.Hour) // of the bubble, without power
		r.start()
		defer r.cut()
		r.pass(9 * time.Second)
		require.Len(t, r.answers(), 1)
		r.pass(2 * time.Second)
		require.Equal(t, protocol.CommandRefused, r.answers()[1].Outcome)
	})
}

func TestABoardThatDoesNotKnowTheTimeSettlesACommandAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.BatteryClock = false
		r.start()
		require.NoError(t, r.commit(nil, map[string]any{keyCommand: commandState{Counter: 1, ID: "c-1", Deadline: 1 << 60, Target: "f1"}}))
		r.restart()
		defer r.cut()
		r.pass(station.OpensLate + 2*time.Second)
		require.Equal(t, protocol.CommandRefused, r.answers()[1].Outcome)
	})
}

func TestTheNextCommandEndsTheWaitForAnInterruptedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := interrupted(t)
		defer r.cut()
		r.takeCommand(r.unlock(2))
		all := r.answers()
		require.Len(t, all, 3)
		require.Equal(t, protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandRefused, Reason: nothingBefore}, all[1])
		require.Equal(t, protocol.CommandAnswered{ID: "c-2", Counter: 2, Outcome: protocol.CommandDone}, all[2])
	})
}

func TestDoubledLateReplayedAndForeignCommandsDoNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer func() { r.cut() }()
		first, second := r.unlock(1), r.unlock(2)
		r.takeCommand(first)
		require.Equal(t, map[string]int{"p2": 1}, r.fired)
		nothing := func(c protocol.Command, why string) {
			t.Helper()
			before := len(r.records(protocol.Events))
			r.takeCommand(c)
			require.Equal(t, 1, r.fired["p2"], why)
			require.Len(t, r.records(protocol.Events), before, why)
		}
		nothing(first, "doubled")
		r.pass(20 * time.Second)
		late := second
		late.Deadline = r.now().Add(-time.Millisecond).UnixMilli()
		r.takeCommand(late)
		require.Equal(t, protocol.CommandExpired, r.answers()[1].Outcome)
		nothing(late, "late, and doubled")
		nothing(second, "its number was used up")
		nothing(first, "replayed")
		foreign := r.unlock(9)
		foreign.Incarnation[0]++
		nothing(foreign, "for another life of the storage")
		r.restart()
		require.EqualValues(t, 2, r.commandCounter.Load(), "the counter survives a restart")
		nothing(second, "replayed after a restart")
	})
}

func TestPlanVersionAndCommandCounterSurviveAForkAndARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.give(7, time.Minute, 0)
		old := r.unlock(3)
		r.takeCommand(old)
		require.NoError(t, r.log.Renew())
		for _, when := range []string{"at once", "after a restart"} {
			require.EqualValues(t, 7, r.planVersion.Load(), when)
			require.EqualValues(t, 3, r.commandCounter.Load(), when)
			again := r.unlock(3)
			r.takeCommand(again)
			require.Equal(t, 1, r.fired["p2"], when)
			r.shown("f1")
			r.codeEntered("f1", "12345678")
			require.Equal(t, []shown{{text: "Out of service until the hub has been heard. Please call for help.", refused: true}}, r.shown("f1"), when)
			r.restart()
		}
		r.give(8, time.Minute, 0)
		r.codeEntered("f1", "12345678")
		require.Equal(t, 2, r.fired["p2"], "a plan made for the new incarnation opens")
		r.restart()
		require.EqualValues(t, 8, r.planVersion.Load())
		require.NoError(t, r.log.View(func(tx *edgelog.Tx) error {
			keys, err := tx.Keys(keyPart)
			require.NoError(t, err)
			require.Len(t, keys, 2, "parts of the old plan do not stay for ever")
			return nil
		}))
		r.cut()
	})
}
