package alarm

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stations are n, of which the first are silent since before, and whose pickup opens in half an hour.
func stations(n, silent int) (all []Station) {
	for i := range n {
		s := Station{Place: fmt.Sprint("loc-", i), Online: i >= silent, Heard: t0.Add(-20 * time.Minute), Opens: t0.Add(30 * time.Minute)}
		all = append(all, s)
	}
	return all
}

func TestASilentStationIsDarkOnlyBeforeItsPickupOpens(t *testing.T) {
	up := t0.Add(-time.Hour)
	dark, outage := Silent(stations(3, 1), false, up, t0)
	require.False(t, outage)
	require.Len(t, dark, 1)
	for name, change := range map[string]func(*Station){
		"opens later":     func(s *Station) { s.Opens = t0.Add(OpensWithin + 1) },
		"no orders":       func(s *Station) { s.Opens = time.Time{} },
		"heard just now":  func(s *Station) { s.Heard = t0.Add(-SilentFor + 1) },
		"never installed": func(s *Station) { s.Heard = time.Time{} },
	} {
		all := stations(3, 1)
		change(&all[0])
		dark, _ = Silent(all, false, up, t0)
		require.Empty(t, dark, name)
	}
	dark, _ = Silent(stations(3, 1), false, t0.Add(-SilentFor+1), t0)
	require.Empty(t, dark, "a hub that has just started has heard nobody")
}

func TestAnOutageOfTheHubIsOneAlarmAndNotFiveHundred(t *testing.T) {
	up := t0.Add(-time.Hour)
	dark, outage := Silent(stations(500, 500), false, up, t0)
	require.True(t, outage)
	require.Empty(t, dark)
	dark, outage = Silent(stations(500, 20), false, up, t0)
	require.False(t, outage, "twenty of five hundred are twenty")
	require.Len(t, dark, 20)
	_, outage = Silent(stations(4, 4), false, up, t0)
	require.False(t, outage, "four are told one by one")
	_, outage = Silent(stations(500, 70), true, up, t0)
	require.True(t, outage, "it is not over while an eighth is silent")
	dark, outage = Silent(stations(500, 60), true, up, t0)
	require.False(t, outage)
	require.Len(t, dark, 60)
	_, outage = Silent(stations(500, 0), true, t0, t0)
	require.True(t, outage, "a restart does not end it before stations are heard")
}

func TestACalibrationWarnsThirtyDaysBeforeAndIsOverdueAfterItsDay(t *testing.T) {
	tokyo := time.FixedZone("JST", 9*3600)
	c := Calibrated{Sensor: "loc-1-f1/air", On: "2026-06-30", Due: "2026-12-31"}
	day := func(month time.Month, d, h, m int) time.Time { return time.Date(2026, month, d, h, m, 0, 0, tokyo) }
	require.Empty(t, c.DueKind(day(11, 30, 23, 59), tokyo))
	require.Equal(t, Calibration, c.DueKind(day(12, 1, 0, 0), tokyo))
	require.Equal(t, Calibration, c.DueKind(day(12, 31, 23, 59), tokyo), "it holds through its day, by the clock of the business")
	require.Equal(t, Overdue, c.DueKind(day(12, 32, 0, 0), tokyo))

	_, err := NewCalibrated(c)
	require.NoError(t, err)
	for field, wrong := range map[string]Calibrated{
		"calibrated_on": {Sensor: c.Sensor, On: "30.6.2026", Due: c.Due}, "due_on": {Sensor: c.Sensor, On: c.On, Due: c.On},
		"sensor": {Sensor: "air", On: c.On, Due: c.Due},
	} {
		_, err := NewCalibrated(wrong)
		var f *FieldError
		require.ErrorAs(t, err, &f)
		require.Equal(t, field, f.Field)
	}
}
