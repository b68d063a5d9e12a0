package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// window gives f1 a courier's grant from now on for so long.
func (r *rig) window(version uint64, length time.Duration) {
	r.t.Helper()
	lock := r.part("lock/f1", protocol.LockPlan{Position: "f1", Grants: []protocol.Grant{{ID: "g@f1", Holder: protocol.HolderCourier, Uses: 9,
		PIN: protocol.HashPIN("g@f1", "12345678"), From: r.now().UnixMilli(), Until: r.now().Add(length).UnixMilli()}}})
	m := protocol.Manifest{Incarnation: r.log.Incarnation(), Plan: version, MadeAt: r.now().UnixMilli(),
		Parts: []protocol.PartRef{{Name: "lock/f1", Hash: protocol.HashPart(lock), Size: uint32(len(lock))}}}
	require.NoError(r.t, r.activate(m, map[string][]byte{"lock/f1": lock}))
}

// uses is how often the grant has opened.
func (r *rig) uses() uint32 { return r.station.Uses["g@f1"].Count }

func TestABoardWhoseClockIsLostGoesOnFromTheLastMomentThatItKnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.window(1, time.Hour)
		r.pass(15 * time.Minute)
		r.kit.BatteryClock = false
		r.restart()
		defer func() { r.cut() }()
		require.Equal(t, protocol.WallUnset, r.wall.quality)
		require.Equal(t, []shown{{text: phrase.New(phrase.ClockUnsure).In(phrase.English)}}, r.shown("f1"))
		r.codeEntered("f1", "12345678")
		require.EqualValues(t, 1, r.uses())
		r.pass(51 * time.Minute) // the stored moment lags by ten minutes at most
		r.codeEntered("f1", "12345678")
		require.EqualValues(t, 1, r.uses(), "the window ends all the same: it is no earlier than that")
	})
}

func TestWhatTheTimeIsNotBeforeIsKeptOverRestartsWithoutAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.window(1, time.Hour)
		r.kit.BatteryClock = false
		for range 7 { // of each fifteen minutes ten at least are kept
			r.restart()
			r.pass(15 * time.Minute)
		}
		defer func() { r.cut() }()
		r.codeEntered("f1", "12345678")
		require.Zero(t, r.uses())
	})
}

func TestABatteryClockThatFellBackIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.window(1, time.Hour)
		r.pass(11 * time.Minute)
		r.cut()
		r.fault.Step(-2 * time.Hour)
		r.start()
		require.Equal(t, protocol.WallUnset, r.wall.quality)
		require.GreaterOrEqual(t, r.atDoor().UnixMilli(), r.kept, "time does not go back over a restart")
		r.cut()
		r.fault.Step(2*time.Hour - 20*time.Minute)
		r.start()
		defer func() { r.cut() }()
		require.Equal(t, protocol.WallBattery, r.wall.quality, "a slow one is moved up")
		require.GreaterOrEqual(t, r.now().UnixMilli(), r.kept)
		require.NotZero(t, r.wall.within)
	})
}

func TestAWelcomeConfirmsThePlanThatItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.window(3, 90*time.Hour)
		made := r.station.Confirmed
		for range 73 * 60 {
			time.Sleep(time.Minute) // of the bubble
		}
		r.tick()
		r.confirm(4, r.now())
		require.Equal(t, made, r.station.Confirmed, "another is on its way")
		r.codeEntered("f1", "12345678")
		require.Zero(t, r.uses(), "nobody knows what was revoked in three days")
		r.confirm(3, r.now())
		r.restart()
		defer func() { r.cut() }()
		r.codeEntered("f1", "12345678")
		require.EqualValues(t, 1, r.uses())
	})
}
