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
