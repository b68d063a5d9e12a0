package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func requireTiles(t require.TestingT, stretches []Stretch, from, to time.Time) {
	at := from
	for i, s := range stretches {
		require.Equal(t, at, s.From, "stretch %d", i)
		require.True(t, s.To.After(s.From), "stretch %d", i)
		at = s.To
	}
	require.Equal(t, to, at)
}

func TestTheLedgerIsTheTruthToOneSamplingInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		m.live()
		from := modelStart.Add(-time.Hour)
		stretches, _ := m.ledger(from, m.now, 0)
		requireTiles(t, stretches, from, m.now)
		for _, s := range stretches {
			for at := s.From; at.Before(s.To); at = at.Add(m.every / 4) {
				if !m.allowed(at)[s.State] {
					m.explainTo(t, stretches)
					t.Fatalf("%s: the ledger says %s (%s), true is one of %v", at.Format(time.TimeOnly), s.State, s.Reason, m.allowed(at))
				}
			}
		}
	})
}

func TestPagesOfStretchesJoinToTheWholeAndTilesAnySpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		m.live()
		length := int(m.now.Sub(modelStart) / time.Second)
		from := modelStart.Add(time.Duration(rapid.IntRange(-100, length-1).Draw(t, "from")) * time.Second)
		to := from.Add(time.Duration(rapid.IntRange(1, length+200).Draw(t, "length")) * time.Second)
		whole, reached := m.ledger(from, to, 0)
		require.Equal(t, to, reached)
		requireTiles(t, whole, from, to)
		for at := from; at.Before(to); {
			page, next := m.ledger(at, to, 2)
			require.LessOrEqual(t, len(page), 2)
			requireTiles(t, page, at, next)
			at = next
		}
	})
}

func TestRoundsReceivedAreCountedAndThoseMissingToOneAStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		m.live()
		stretches, _ := m.ledger(modelStart.Add(-time.Hour), m.now, 0)
		got, want, pieces := map[State]int{}, map[State]int{}, map[State]int{}
		for _, s := range stretches {
			got[s.State] += s.Rounds
			pieces[s.State]++
		}
		for _, r := range m.all {
			want[r.state]++
		}
		for _, s := range []State{StateReceived, StateSensorFault} {
			require.Equal(t, want[s], got[s], "%s", s)
		}
		if cuts := slices.ContainsFunc(m.boots, func(b *modelBoot) bool { return !b.stopped }); cuts {
			return // how many were taken before the power went is only bounded
		}
		all := func(of map[State]int) (n int) {
			for s := range of {
				n += of[s]
			}
			return n
		}
		require.InDelta(t, len(m.all), all(got), float64(all(pieces)+2*len(m.boots)))
	})
}

func TestASpanIsCheckedBeforeItIsAskedAbout(t *testing.T) {
	at := modelStart
	require.NoError(t, CheckSpan(at, at.Add(MaxLedgerSpan)))
	require.ErrorIs(t, CheckSpan(at, at), ErrSpan)
	require.ErrorContains(t, CheckSpan(at.Add(time.Hour), at), "want from before to")
	require.ErrorContains(t, CheckSpan(at, at.Add(MaxLedgerSpan+24*time.Hour)), "401 days: want at most 400")
}

func TestAllOfTheLastRoundsAreHundredPercentAndOneMissingIsNot(t *testing.T) {
	totals := []Total{{State: StateReceived, Time: 10_000 * time.Hour}, {State: StateOff, Time: time.Hour}}
	n, ok := Complete1000(totals)
	require.True(t, ok)
	require.Equal(t, 1000, n)
	totals = append(totals, Total{State: StateThinned, Time: time.Minute})
	n, _ = Complete1000(totals)
	require.Equal(t, 999, n)
	require.Equal(t, StateThinned, Worst(totals))
	_, ok = Complete1000(totals[1:2])
	require.False(t, ok, "nothing ought to be there")
}

// A scanner or a driver's device has no probes: nothing is missing of it, and it is not 0 % complete.
func TestOfADeviceWithoutSensorsNothingIsMissing(t *testing.T) {
	at := modelStart
	boot := func(sensors ...string) History {
		return History{Current: "a", Online: true, AssumedEvery: time.Minute, Boots: []BootRun{{Incarnation: "a", Number: 1, At: at, Alive: at.Add(time.Hour),
			Samplings: []Sampling{{At: at, Every: time.Minute, Sensors: sensors}}}}}
	}
	ask := Ask{From: at, To: at.Add(time.Hour), Now: at.Add(time.Hour)}
	account := func(h History, ask Ask) []Total {
		l, err := NewLedger(h, ask)
		require.NoError(t, err)
		stretches, _ := l.End()
		return Totals(stretches)
	}
	totals := account(boot(), ask)
	require.Equal(t, StateNotInUse, Worst(totals))
	_, ok := Complete1000(totals)
	require.False(t, ok, "nothing ought to be there")

	ask.Sensor = "f1/air"
	require.Equal(t, StateNotSampled, Worst(account(boot("f2/air"), ask)), "a sensor that was taken off may be missed")
}

// A device that drops what it told of dropping joins these tellings as they come. Each then tells of some rounds before the power
// went and of some behind, and only together do they say when that was.
func TestTellingsThatShareATimeSayTogetherWhenThePowerWent(t *testing.T) {
	at := func(minutes int) time.Time { return modelStart.Add(time.Duration(minutes) * time.Minute) }
	sampling := []Sampling{{At: at(0), Every: time.Minute, Sensors: []string{"f/air"}}}
	h := History{Current: "a", Online: true, AssumedEvery: time.Minute, Logs: []Log{{Incarnation: "a"}},
		Boots: []BootRun{{Incarnation: "a", Number: 1, At: at(0), Alive: at(40), Samplings: sampling},
			{Incarnation: "a", Number: 2, At: at(130), Alive: at(300), Samplings: []Sampling{{At: at(130), Every: time.Minute, Sensors: []string{"f/air"}}}}},
		Thinnings: []Thinning{{From: at(30), To: at(110), Retold: true, Rounds: 80, Samples: 80}, // told again by the next two
			{From: at(30), To: at(239), Rounds: 100, Samples: 100}, {From: at(31), To: at(238), Rounds: 100, Samples: 100}}}
	l, err := NewLedger(h, Ask{From: at(0), To: at(300), Now: at(300)})
	require.NoError(t, err)
	for n := 0; n < 60; n++ {
		l.Take(Seen{Incarnation: "a", Number: uint64(n + 1), Boot: 1, From: at(n), To: at(n), Rounds: 1, Samples: 1})
	}
	for n := 240; n < 300; n++ {
		l.Take(Seen{Incarnation: "a", Number: uint64(n + 1), Boot: 2, From: at(n), To: at(n), Rounds: 1, Samples: 1})
	}
	stretches, _ := l.End()
	state := func(minute int) State {
		for _, s := range stretches {
			if !at(minute).Before(s.From) && at(minute).Before(s.To) {
				return s.State
			}
		}
		return ""
	}
	require.Equal(t, StateReceived, state(50))
	require.Equal(t, StateThinned, state(61))
	require.Equal(t, StateThinned, state(118))
	require.Equal(t, StateOff, state(122))
	require.Equal(t, StateThinned, state(131))
	require.Equal(t, StateReceived, state(250))
}
