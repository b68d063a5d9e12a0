package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/clock"
	"meguri/protocol"
)

func TestABatteryClockThatHasLostTheTimeIsToldOnceAndThatItKeepsItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		good := r.clock
		boot := func(c clock.Clock) {
			r.clock = c
			r.start()
			r.pass(time.Minute)
			r.cut()
		}
		dead := func() clock.Clock { return clock.New(time.Now(), time.Unix(0, 0), 1) }
		states := func() (all []protocol.ClockBatteryState) {
			r.clock = good
			r.start()
			defer func() { r.cut() }()
			for _, b := range said[protocol.ClockBattery](r) {
				all = append(all, b.State)
			}
			return all
		}
		boot(good)
		require.Empty(t, states(), "a clock that keeps the time is not worth a record")
		boot(dead())
		boot(dead())
		require.Equal(t, []protocol.ClockBatteryState{protocol.ClockLost, protocol.ClockKept}, states(), "once each, and not at every boot")
		require.Len(t, states(), 2)

		r.kit.BatteryClock = false
		boot(dead())
		require.Len(t, states(), 2, "a board without such a clock has none to lose")
	})
}

func TestABatteryThatIsLowIsToldOnceAndThatItWasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		for _, low := range []bool{false, true, true} {
			r.batteryIs(low)
		}
		r.restart() // it is remembered
		r.batteryIs(true)
		good := r.clock
		r.cut()
		r.clock = clock.New(time.Now(), time.Unix(0, 0), 1)
		r.start()
		r.batteryIs(true)
		r.batteryIs(false) // a new one, and the time is lost still
		r.cut()
		r.clock = good
		r.start()
		defer func() { r.cut() }()
		var states []protocol.ClockBatteryState
		for _, b := range said[protocol.ClockBattery](r) {
			states = append(states, b.State)
		}
		require.Equal(t, []protocol.ClockBatteryState{protocol.ClockLow, protocol.ClockLost, protocol.ClockKept, protocol.ClockLost, protocol.ClockKept}, states)
	})
}
