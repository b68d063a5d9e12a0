package shipper

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/protocol"
)

var (
	morning = time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	cold    = protocol.TemperaturePlan{Position: "box", MaxMilliC: 8_000}
)

func at(minute int) time.Time { return morning.Add(time.Duration(minute) * time.Minute) }

// box reads minute by minute; what is not in warm is at 5 °C, and a fault where silent says so.
func box(minutes int, warm map[int]int64, silent func(int) bool) (s State) {
	for i := range minutes {
		sample := protocol.Sample{Sensor: "box/air", MilliC: 5_000}
		if c, ok := warm[i]; ok {
			sample.MilliC = c
		}
		if silent != nil && silent(i) {
			sample = protocol.Sample{Sensor: "box/air", Fault: protocol.SensorSilent}
		}
		s = reread(Read(s, cold, []protocol.Sample{sample}, at(i), true))
	}
	return s
}

// reread is the state as it comes back from storage.
func reread(s State) (again State) {
	b, err := protocol.EncodeBody(s)
	if err == nil {
		err = protocol.DecodeBody(b, &again)
	}
	if err != nil {
		panic(err)
	}
	return again
}

func TestAStatementSaysWhenItWasOutsideAndWhenNobodyKnew(t *testing.T) {
	s := box(120, map[int]int64{30: 9_000, 31: 11_000, 32: 8_500, 60: -1, 61: 8_000},
		func(i int) bool { return i >= 90 && i < 100 })
	said, ok := Say(s, "box", 3, true)
	require.True(t, ok)
	require.Equal(t, protocol.Statement{Shipper: "box", Boot: 3, From: at(0).UnixMilli(), Until: at(119).UnixMilli(), Readings: 110, MinMilliC: -1,
		MaxMilliC: 11_000, High: 8_000, Outside: []protocol.Stretch{{Ago: 89 * 60, Seconds: 180, MilliC: 11_000}, {Ago: 59 * 60, Seconds: 60, MilliC: -1}},
		Gaps: []protocol.Stretch{{Ago: 29 * 60, Seconds: 600}}}, said)
}

func TestAReadingStandsForThreeMinutes(t *testing.T) {
	s := Read(box(10, map[int]int64{9: 12_000}, nil), cold, []protocol.Sample{{MilliC: 5_000}}, at(30), true)
	said, _ := Say(s, "box", 1, true)
	require.Equal(t, []protocol.Stretch{{Ago: 21 * 60, Seconds: 180, MilliC: 12_000}}, said.Outside)
	require.Equal(t, []protocol.Stretch{{Ago: 18 * 60, Seconds: 18 * 60}}, said.Gaps)
}

func TestNothingIsSaidBeforeTheFirstReading(t *testing.T) {
	s := box(5, nil, func(int) bool { return true })
	_, ok := Say(s, "box", 1, true)
	require.False(t, ok)
}

func TestARoundWithoutTheTimeIsNone(t *testing.T) {
	s := box(10, nil, nil)
	require.Equal(t, s, Read(s, cold, []protocol.Sample{{MilliC: 20_000}}, time.Unix(0, 0), false))
	said, _ := Say(s, "box", 1, false)
	require.True(t, said.Unproven)
}

func TestAClockThatWasSetBackOrAnotherRangeBeginsAnew(t *testing.T) {
	s := box(60, map[int]int64{20: 12_000}, nil)
	require.Equal(t, at(-30).UnixMilli(), Read(s, cold, []protocol.Sample{{MilliC: 5_000}}, at(-30), true).From)
	other := cold
	other.MaxMilliC = 4_000
	again := Read(s, other, []protocol.Sample{{MilliC: 5_000}}, at(60), true)
	require.Equal(t, at(60).UnixMilli(), again.From, "what was outside of the new range before nobody has kept")
	require.Empty(t, again.Out)
}

func TestAClockThatIsSetMovesWhatWasFelt(t *testing.T) {
	s := box(60, map[int]int64{20: 12_000}, nil)
	moved := Moved(s, at(0).UnixMilli(), at(59).UnixMilli(), 90_000)
	before, _ := Say(s, "box", 1, true)
	after, _ := Say(moved, "box", 1, true)
	require.Equal(t, before.Outside, after.Outside)
	require.Equal(t, before.From+90_000, after.From)
	require.Equal(t, before.Until+90_000, after.Until)
}

func TestWhatLiesFurtherBackThanItRemembersIsForgotten(t *testing.T) {
	s := box(14*60, map[int]int64{30: 12_000, 13 * 60: 9_000}, nil)
	said, _ := Say(s, "box", 1, true)
	require.Equal(t, int64(Remembered/time.Millisecond), said.Until-said.From)
	require.Equal(t, []protocol.Stretch{{Ago: 59 * 60, Seconds: 60, MilliC: 9_000}}, said.Outside)
	require.EqualValues(t, 9_000, said.MaxMilliC)
	require.LessOrEqual(t, len(s.Hours), 13)
}

// However often a box warms, a statement is short; it may say worse than it was, never better.
func TestAStatementIsBoundedAndNeverBetterThanItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		warm, minutes := map[int]int64{}, 0
		silent := map[int]bool{}
		for i := range 600 {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				warm[i] = 12_000
			case 1:
				silent[i] = true
			}
		}
		for i := range 599 { // the last one stands for no time yet
			if _, ok := warm[i]; ok && !silent[i] {
				minutes++
			}
		}
		s := box(600, warm, func(i int) bool { return silent[i] })
		said, ok := Say(s, "box", 1, true)
		require.True(t, ok)
		sum := uint32(0)
		for _, o := range said.Outside {
			sum += o.Seconds
		}
		require.GreaterOrEqual(t, sum, uint32(minutes*60))
		require.LessOrEqual(t, len(said.Gaps), protocol.MaxStretches)
		_, err := protocol.SignStatement(said, make([]byte, 64))
		require.NoError(t, err, "it is one that a station takes")
	})
}
