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
				s, r = Read(s, plan, sample(c.outside), uint64(100+minute), at(minute))
				records = append(records, r...)
			}
			require.Equal(t, []protocol.Body{
				protocol.Alarm{Sensor: "f/air", Raised: true, MilliC: c.outside, LimitMilliC: c.limit, First: 100},
			}, records)
			s, records = Read(s, plan, sample(5000), 115, at(15))
			require.Equal(t, []protocol.Body{protocol.Alarm{Sensor: "f/air", MilliC: 5000, LimitMilliC: c.limit, First: 100}}, records)
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
		s, records = Read(s, plan, sample(milliC), 1, at(minute))
		require.Empty(t, records)
	}
}

func TestAFaultNeitherRaisesNorClears(t *testing.T) {
	s := State{OutsideSince: at(0).UnixMilli(), Alarmed: true}
	got, records := Read(s, plan, protocol.Sample{Fault: protocol.SensorMissing}, 1, at(5))
	require.Equal(t, s, got)
	require.Empty(t, records)
}

func TestATimeThatHasNotComeYetIsOfAnotherClockAndTheWaitBeginsAnew(t *testing.T) {
	s := State{OutsideSince: at(60 * 24).UnixMilli()} // stored before the board forgot the time
	var records []protocol.Body
	for minute := range 11 {
		s, records = Read(s, plan, sample(9000), 1, at(minute))
		require.Equal(t, minute == 10, len(records) == 1, "minute %d", minute)
	}
}

func TestAnExcursionIsOverWhenItHasBeenFarEnoughInsideForLongEnough(t *testing.T) {
	p := plan
	p.DeadbandMilliC, p.ClearAfterMS = 500, 3*60_000
	var s State
	var raised []int
	for minute, milliC := range []int64{9000, 9000, 9000, 9000, 9000, 7600, 7600, 7600, 7600, 7600, 9000, 7400, 7400, 9000, 7400, 7400, 7400, 7400, 7400} {
		var records []protocol.Body
		s, records = Read(s, p, sample(milliC), 1, at(minute))
		for _, r := range records {
			if r.(protocol.Alarm).Raised {
				raised = append(raised, minute)
			} else {
				raised = append(raised, -minute)
			}
		}
	}
	require.Equal(t, []int{10, -17}, raised, "the deadband is outside; two minutes inside end nothing, three do")
}

func TestTimeWithoutAReadingIsNotOutside(t *testing.T) {
	var s State
	s, _ = Read(s, plan, sample(9000), 1, at(0))
	for minute := 1; minute < 60; minute++ {
		var records []protocol.Body
		s, records = Read(s, plan, protocol.Sample{Sensor: "f/air", Fault: protocol.SensorMissing}, 1, at(minute))
		require.Empty(t, records)
	}
	require.LessOrEqual(t, s.OutsideMS, Stands.Milliseconds())
}

func TestFromOneSideToTheOther(t *testing.T) {
	p := plan
	p.AlarmAfterMS = 0
	s, records := Read(State{}, p, sample(9000), 7, at(0))
	require.Equal(t, []protocol.Body{protocol.Alarm{Sensor: "f/air", Raised: true, MilliC: 9000, LimitMilliC: 8000, First: 7}}, records)
	_, records = Read(s, p, sample(1000), 8, at(1))
	require.Equal(t, []protocol.Body{protocol.Alarm{Sensor: "f/air", MilliC: 1000, LimitMilliC: 8000, First: 7},
		protocol.Alarm{Sensor: "f/air", Raised: true, MilliC: 1000, LimitMilliC: 2000, First: 8}}, records)
}

// The hub tells a low alarm from a high one by its value, where the plan has no rules by name (effect.deviceAlarm).
func TestAnAlarmThatAFaultCompletesSaysOnWhichSideItIs(t *testing.T) {
	p := protocol.TemperaturePlan{Position: "f", MinMilliC: 0, MaxMilliC: 8_000, AlarmAfterMS: (10 * time.Minute).Milliseconds(), DeadbandMilliC: 200,
		ClearAfterMS: (5 * time.Minute).Milliseconds()}
	for outside, want := range map[int64]protocol.Alarm{-1_000: {MilliC: -1, LimitMilliC: 0}, 9_000: {MilliC: 8_001, LimitMilliC: 8_000}} {
		now, s := time.Unix(1_800_000_000, 0), State{}
		var got []protocol.Body
		for i := range 11 {
			sample := protocol.Sample{Sensor: "f/air", MilliC: outside}
			if i == 10 {
				sample = protocol.Sample{Sensor: "f/air", Fault: protocol.SensorMissing}
			}
			var more []protocol.Body
			s, more = Read(s, p, sample, 7, now.Add(time.Duration(i)*time.Minute))
			got = append(got, more...)
		}
		want.Sensor, want.Raised, want.First = "f/air", true, 7
		require.Equal(t, []protocol.Body{want}, got)
	}
}
