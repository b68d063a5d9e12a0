package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
)

var start = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func weighed(limits store.Limits, minutes []int, milliC []int64) Stats {
	w := weigher{at: start, limits: &limits, streams: []stream{{longest: 150 * time.Second}}}
	for i := range minutes {
		r := store.ReadingView{At: start.Add(time.Duration(minutes[i]) * time.Minute), MilliC: milliC[i]}
		if milliC[i] == 99_999 {
			r.Fault = 1
		}
		w.add(0, &r)
	}
	return w.end(start.Add(time.Hour))
}

func TestAReadingStandsForTheTimeUpToTheNextAndNoLonger(t *testing.T) {
	limits := store.Limits{MinMilliC: 2000, MaxMilliC: 8000}
	s := weighed(limits, []int{0, 1, 2, 3, 30}, []int64{4000, 9000, 1000, 8000, 2000})
	require.Equal(t, Stats{Samples: 5, Low: 1000, High: 9000, Mean: s.Mean, Kinetic: s.Kinetic, Measured: 3*time.Minute + 2*150*time.Second,
		Below: time.Minute, Above: time.Minute}, s, "the limits themselves are within; half an hour without readings counts for nothing")
	require.EqualValues(t, (4000+9000+1000+2.5*8000+2.5*2000)/8, s.Mean)
	faulty := weighed(limits, []int{0, 1, 2}, []int64{4000, 99_999, 4000})
	require.Equal(t, 1, faulty.Faults)
	require.Equal(t, time.Minute+150*time.Second, faulty.Measured, "a fault measures nothing")
	require.Zero(t, weighed(limits, nil, nil))
}

func TestOfSeveralSensorsTheColdestAndTheWarmestCount(t *testing.T) {
	w := weigher{at: start, limits: &store.Limits{MinMilliC: 2000, MaxMilliC: 8000}, streams: []stream{{longest: 150 * time.Second}, {longest: 150 * time.Second}}}
	for i, r := range []struct {
		sensor int
		milliC int64
		fault  int
	}{{0, 4000, 0}, {1, 9000, 0}, {0, 1000, 0}, {1, 0, 1}, {0, 4000, 0}} {
		w.add(r.sensor, &store.ReadingView{At: start.Add(time.Duration(i) * time.Minute), MilliC: r.milliC, Fault: r.fault})
	}
	s := w.end(start.Add(time.Hour))
	require.Equal(t, []any{5, 1, int64(1000), int64(9000)}, []any{s.Samples, s.Faults, s.Low, s.High})
	require.Equal(t, 2*time.Minute, s.Above, "the second alone was too warm, until it failed")
	require.Equal(t, 2*time.Minute, s.Below, "the first alone was too cold")
	require.Equal(t, 4*time.Minute+150*time.Second, s.Measured, "where one alone measures, it does")
}

// TestTheMeanKineticTemperatureIsThatOfTheBooks: a minute at 5 °C and one at 25 °C, with 83.144 kJ/mol, are 19.7 °C, above their mean.
func TestTheMeanKineticTemperatureIsThatOfTheBooks(t *testing.T) {
	limits := store.Limits{MinMilliC: 0, MaxMilliC: 30_000}
	s := weighed(limits, []int{0, 1, 2}, []int64{5000, 25_000, 99_999})
	require.EqualValues(t, 15_000, s.Mean)
	require.InDelta(t, 19_697, s.Kinetic, 5)
	even := weighed(limits, []int{0, 1, 2}, []int64{7000, 7000, 7000})
	require.EqualValues(t, 7000, even.Kinetic)
}

func TestLegsAreCutAtTheScans(t *testing.T) {
	j := store.Journey{CollectionFridge: "k-1", ShipperID: "s-1", FridgeID: "f-1", Shelved: start, Loaded: start.Add(time.Hour), Placed: start.Add(3 * time.Hour)}
	now := start.Add(5 * time.Hour)
	legs := legsOf(&j, now)
	require.Len(t, legs, 3)
	require.Equal(t, []time.Time{j.Loaded, j.Placed, now}, []time.Time{legs[0].Until, legs[1].Until, legs[2].Until})
	require.True(t, legs[2].Open)
	j.Ended = start.Add(4 * time.Hour)
	require.Equal(t, j.Ended, legsOf(&j, now)[2].Until)
	j.Loaded = time.Time{}
	legs = legsOf(&j, now)
	require.Len(t, legs, 2, "a scan that is missing")
	require.Equal(t, j.Placed, legs[0].Until)
	require.Empty(t, legsOf(&store.Journey{}, now))
}

func TestWhatAnotherBoardHasReceivedIsNoGap(t *testing.T) {
	m := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	gap := fleet.Stretch{From: m(0), To: m(60), State: fleet.StateOff}
	got := without(gap, []fleet.Stretch{{From: m(-5), To: m(10)}, {From: m(20), To: m(30)}, {From: m(55), To: m(90)}})
	var spans []int
	for _, g := range got {
		spans = append(spans, int(g.From.Sub(start).Minutes()), int(g.To.Sub(start).Minutes()))
	}
	require.Equal(t, []int{10, 20, 30, 55}, spans)
	require.Empty(t, without(gap, []fleet.Stretch{{From: m(0), To: m(60)}}))
}
