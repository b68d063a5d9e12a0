package effect_test

import (
	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

func clocks(w *world) {
	w.ok("station-1", at(12, 0), protocol.ClockBattery{State: protocol.ClockLow})
	w.ok("station-1", at(12, 1), protocol.ClockBattery{State: protocol.ClockLost})
	require.Equal(w.t, []string{"clock_battery loc-1/station-1", "clock_lost loc-1/station-1"}, w.alarms())
	w.ok("station-1", at(12, 2), protocol.ClockBattery{State: protocol.ClockKept})
	require.Empty(w.t, w.alarms())
	w.refused("station-1", protocol.ClockBattery{State: 9}, "unknown")
}
