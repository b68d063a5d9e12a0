package monitor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

var plan = protocol.TemperaturePlan{MinMilliC: 2000, MaxMilliC: 8000, AlarmAfterMS: 10 * 60_000}

func at(minute int) time.Time { return time.Date(2026, 12, 1, 0, minute, 0, 0, time.UTC) }

func sample(milliC int64) protocol.Sample { return protocol.Sample{Sensor: "f/air", MilliC: milliC} }

func TestOutsideForTheAllowedTimeRaisesOneAlarmAndTheFirstReadingInsideClearsIt(t *testing.T) {
	for name, c := range map[string]struct{ outside, limit int64 }{"too warm": {8001, 8000}, "too cold": {1999, 2000}} {
		t.Run(name, func(t *testing.T) {
			var s State
			var records []protocol.Body
			for minute := range 15 {
				var r []protocol.Body
				s, r = Read(s, plan, sample(c.outside), at(minute))
				records = append(records, r...)
			}
			require.Equal(t, []protocol.Body{
				protocol.Alarm{Sensor: "f/air", Raised: true, MilliC: c.outside, LimitMilliC: c.limit},
			}, records)
			s, records = Read(s, plan, sample(5000), at(15))
			require.Equal(t, []protocol.Body{protocol.Alarm{Sensor: "f/air", MilliC: 5000, LimitMilliC: 8000}}, records)
			require.Zero(t, s)
		})
	}
}

func TestAReadingInsideStartsTheTimeAnew(t *testing.T) {
	var s State
	for minute := range 30 {
		milliC := int64(9000)
		if minute%9 == 8 {
			milliC = 8000 // limits are inclusive
		}
		var records []protocol.Body
		s, records = Read(s, plan, sample(milliC), at(minute))
		require.Empty(t, records)
	}
}

func TestAFaultNeitherRaisesNorClears(t *testing.T) {
	s := State{OutsideSince: at(0).UnixMilli(), Alarmed: true}
	got, records := Read(s, plan, protocol.Sample{Fault: protocol.SensorMissing}, at(5))
	require.Equal(t, s, got)
	require.Empty(t, records)
}

func TestATimeThatHasNotComeYetIsOfAnotherClockAndTheWaitBeginsAnew(t *testing.T) {
	s := State{OutsideSince: at(60 * 24).UnixMilli()} // stored before the board forgot the time
	var records []protocol.Body
	for minute := range 11 {
		s, records = Read(s, plan, sample(9000), at(minute))
		require.Equal(t, minute == 10, len(records) == 1, "minute %d", minute)
	}
}
