package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// atDoor is a board with a plan, whose door f1 is known to be shut and bolted.
func atDoor(t *testing.T) *rig {
	r := newRig(t)
	r.start()
	r.give(1, time.Minute, 10*time.Minute)
	r.doorMoved("f1", true)
	r.boltMoved("f1", true, true)
	return r
}

func TestAUseWhoseDoorStaysShutIsGivenBackAlsoInTheStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := atDoor(t)
		defer func() { r.cut() }()
		r.codeEntered("f1", "12345678")
		r.boltMoved("f1", false, true)
		r.boltMoved("f1", true, true)
		r.pass(15 * time.Second)
		require.Equal(t, []protocol.UseReturned{{Position: "f1", Grant: "g@f1"}}, said[protocol.UseReturned](r))
		require.Equal(t, []protocol.NotOpened{{Position: "f1", Grant: "g@f1"}}, said[protocol.NotOpened](r))
		r.restart()
		require.Zero(t, r.station.Uses["g@f1"].Count)
	})
}

func TestAPowerCutBeforeTheDoorIsSeenLeavesTheUseInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := atDoor(t)
		defer func() { r.cut() }()
		r.codeEntered("f1", "12345678")
		r.restart()
		r.doorMoved("f1", true)
		r.boltMoved("f1", true, true)
		r.pass(15 * time.Second)
		require.Len(t, said[protocol.UseUncertain](r), 1)
		require.Empty(t, said[protocol.UseReturned](r))
		require.EqualValues(t, 1, r.station.Uses["g@f1"].Count)
	})
}

func TestAContactThatFailsLeavesTheUseInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := atDoor(t)
		defer func() { r.cut() }()
		r.codeEntered("f1", "12345678")
		r.doorUnseen("f1")
		r.pass(15 * time.Second)
		require.Len(t, said[protocol.UseUncertain](r), 1)
	})
}

func TestADoorLeftOpenIsLoudWhenTheProbeBehindItIsWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := atDoor(t)
		defer func() { r.cut() }()
		r.codeEntered("f1", "12345678")
		r.doorMoved("f1", false)
		r.read(9000)
		r.shown("f1")
		r.pass(90 * time.Second)
		require.Equal(t, []protocol.DoorWarm{{Position: "f1", Grant: "g@f1", Sensor: "f1/air", MilliC: 9000, LimitMilliC: 8000}}, said[protocol.DoorWarm](r))
		lines := r.shown("f1")
		require.GreaterOrEqual(t, len(lines), 3, "the buzzer goes on")
		for _, l := range lines {
			require.Equal(t, shown{text: phrase.New(phrase.ShutWarmDoor).In(phrase.English), refused: true}, l)
		}
		r.sampled(r.mono(), []protocol.Sample{{Sensor: "f1/air", Fault: protocol.SensorCRC}})
		r.pass(15 * time.Second)
		require.NotEmpty(t, r.shown("f1"), "a probe that is faulty has not become cold")
		r.read(5000)
		r.pass(15 * time.Second)
		require.Empty(t, r.shown("f1"))
	})
}

func TestAKeyThatTurnsIsOnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := atDoor(t)
		defer func() { r.cut() }()
		r.keyTurned("f1", true)
		r.doorMoved("f1", false)
		require.Equal(t, []protocol.KeyUsed{{Position: "f1"}}, said[protocol.KeyUsed](r))
		require.Empty(t, said[protocol.DoorFault](r))
	})
}
