package store

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/fleet"
	"meguri/protocol"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// drawRounds draws what a device may record of two sensors.
func drawRounds(t *rapid.T) ([]protocol.Round, protocol.Rounds) {
	n := rapid.IntRange(1, 12).Draw(t, "rounds")
	rounds := make([]protocol.Round, n)
	for i := n - 1; i >= 0; i-- {
		if i < n-1 {
			rounds[i].Ago = rounds[i+1].Ago + rapid.Int64Range(1, 90_000).Draw(t, "gap")
		}
		for _, sensor := range []string{"f/air", "f/door"} {
			s := protocol.Sample{Sensor: sensor, MilliC: rapid.Int64Range(-1_000_000_000, 1_000_000_000).Draw(t, "m°C")}
			if fault := rapid.IntRange(-8, 4).Draw(t, "fault"); fault > 0 {
				s.MilliC, s.Fault = 0, protocol.SensorFault(fault)
			}
			rounds[i].Samples = append(rounds[i].Samples, s)
		}
	}
	r, err := protocol.NewRounds(rounds)
	require.NoError(t, err)
	return rounds, r
}

// rowOf is what hub/link makes of a sensor's samples.
func rowOf(rounds []protocol.Round, r protocol.Rounds, sensor int) ReadingRow {
	last := rounds[len(rounds)-1].Samples[sensor]
	row := ReadingRow{Sensor: last.Sensor, MilliC: last.MilliC, Fault: uint8(last.Fault), Samples: len(rounds),
		Span:    time.Duration(rounds[0].Ago) * time.Millisecond,
		Earlier: AppendEarlier(nil, r.Gaps, r.Values[sensor], r.Faults, sensor)}
	for _, round := range rounds {
		row.Faults += min(int(round.Samples[sensor].Fault), 1)
	}
	return row
}

func TestStoredSamplesAreThoseOfTheRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rounds, r := drawRounds(t)
		for sensor := range 2 {
			row := rowOf(rounds, r, sensor)
			got, err := SamplesOf(row.Earlier, Sample{MilliC: row.MilliC, Fault: row.Fault})
			require.NoError(t, err)
			require.Len(t, got, len(rounds))
			for i, s := range got {
				want := rounds[i].Samples[sensor]
				require.Equal(t, Sample{time.Duration(rounds[i].Ago) * time.Millisecond, want.MilliC, uint8(want.Fault)}, s)
			}
		}
	})
}

func TestSteadySamplesTakeTwoBytesEach(t *testing.T) {
	rounds := make([]protocol.Round, 60)
	for i := range rounds {
		rounds[i] = protocol.Round{Ago: int64(59-i) * 10_000, Samples: []protocol.Sample{{Sensor: "f/air", MilliC: 4000 + int64(i%3)}}}
	}
	r, err := protocol.NewRounds(rounds)
	require.NoError(t, err)
	require.Less(t, len(AppendEarlier(nil, r.Gaps, r.Values[0], r.Faults, 0)), 130)
}

func FuzzSamplesOf(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte{0x83, 0x81, 0x01, 0x81, 0x20, 0x80})
	f.Add([]byte{0x83, 0x81, 0x01, 0x81, 0x20, 0x82, 0x00, 0x01})
	f.Fuzz(func(t *testing.T, stored []byte) {
		all, err := SamplesOf(stored, Sample{MilliC: 1})
		if err == nil {
			require.Equal(t, Sample{MilliC: 1}, all[len(all)-1])
		}
	})
}

// TestReadingsAreListedSampleBySample: whatever rows there are, also ones that overlap because a board was replaced or a clock set
// back, each sample of a span is listed once, in order, over as many pages as it takes, and counted.
func TestReadingsAreListedSampleBySample(t *testing.T) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	change := func(fn func(*Tx) error) { require.NoError(t, s.Change(t.Context(), fn)) }
	for _, device := range []string{"one", "two"} {
		change(func(tx *Tx) error {
			return tx.AddDevice(t.Context(), fleet.Device{ID: device, Place: "p", Role: fleet.Station, AddedAt: noon})
		})
	}
	type sample struct {
		device string
		number int64
		at     time.Time
		milliC int64
		fault  int
	}
	rapid.Check(t, func(rt *rapid.T) {
		change(func(tx *Tx) error {
			_, err := tx.exec(t.Context(), "DELETE FROM readings")
			return err
		})
		var want []sample
		for number := range uint64(rapid.IntRange(0, 12).Draw(rt, "rows")) {
			device := rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "device")
			rounds, r := drawRounds(rt)
			row := rowOf(rounds, r, 0)
			row.Number = number + 1
			row.Dated.At = noon.Add(time.Duration(rapid.Int64Range(0, 1_200_000).Draw(rt, "at")) * time.Millisecond)
			change(func(tx *Tx) error { return tx.AddReadings(t.Context(), device, "i", noon, []ReadingRow{row}) })
			for _, round := range rounds {
				want = append(want, sample{device, int64(row.Number), row.Dated.At.Add(-time.Duration(round.Ago) * time.Millisecond),
					round.Samples[0].MilliC, int(round.Samples[0].Fault)})
			}
		}
		from := noon.Add(time.Duration(rapid.Int64Range(-600_000, 1_200_000).Draw(rt, "from")) * time.Millisecond)
		until := from.Add(time.Duration(rapid.Int64Range(1, 1_200_000).Draw(rt, "span")) * time.Millisecond)
		want = slices.DeleteFunc(want, func(s sample) bool { return s.at.Before(from) || !s.at.Before(until) })
		faults := 0
		for _, s := range want {
			faults += min(s.fault, 1)
		}
		most := rapid.IntRange(13, 40).Draw(rt, "most") // more than can fall on one instant
		var got []sample
		change(func(tx *Tx) error {
			for begin := from; ; {
				page, next, err := tx.ReadingsOf(t.Context(), "f/air", begin, until, most)
				require.NoError(rt, err)
				require.LessOrEqual(rt, len(page), most)
				for _, r := range page {
					got = append(got, sample{r.Device, r.Number, r.At, r.MilliC, r.Fault})
				}
				if next.IsZero() {
					break
				}
				require.True(rt, next.After(begin))
				begin = next
			}
			n, bad, err := tx.countSamples(t.Context(), "'f/air'", from, until)
			require.NoError(rt, err)
			require.Equal(rt, []int{len(want), faults}, []int{n, bad})
			return nil
		})
		require.True(rt, slices.IsSortedFunc(got, func(a, b sample) int { return a.at.Compare(b.at) }))
		require.ElementsMatch(rt, want, got)
	})
}
