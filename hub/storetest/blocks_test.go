package storetest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// A station that samples its four probes each minute and sends each round by itself: what it costs most to store. The probes are
// DS18B20 in two cabinets whose compressors cool by 2 °C in some ten minutes and rest for half an hour; rounds begin some milliseconds
// late and come over a mobile network.
const yearDevice = "station-year"

var (
	yearLife    = fmt.Sprintf("%032x", 7)
	yearSensors = []string{"loc-001-fridge-1/air", "loc-001-fridge-1/back", "loc-001-fridge-2/air", "loc-001-fridge-2/back"}
)

type yearOf struct {
	r            *rand.Rand
	s            *store.Store
	from, now    time.Time
	c            []float64
	cooling      []bool
	boot, number uint64
	booted       time.Time
	readings     int
	low, high    int64 // of the first sensor
}

func newYear(tb testing.TB, s *store.Store, sensors int) *yearOf {
	tb.Helper()
	y := &yearOf{r: rand.New(rand.NewPCG(1, 2)), s: s, from: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), c: make([]float64, sensors),
		cooling: make([]bool, sensors), low: math.MaxInt64, high: math.MinInt64}
	y.now = y.from
	ctx := tb.Context()
	require.NoError(tb, s.Change(ctx, func(tx *store.Tx) error {
		if err := tx.AddDevice(ctx, fleet.Device{ID: yearDevice, Place: "loc-001", Role: fleet.Station, AddedAt: y.from}); err != nil {
			return err
		}
		return tx.SaveDeviceLog(ctx, yearDevice, fleet.Log{Incarnation: yearLife, Log: uint8(protocol.Readings), Next: 1, State: fleet.Current})
	}))
	return y
}

// probe is a reading in m°C, in steps of a sixteenth of a degree.
func (y *yearOf) probe(i int) int64 {
	c := &y.c[i]
	switch {
	case *c == 0:
		*c = 4
	case *c < 3:
		y.cooling[i] = false
	case *c > 5:
		y.cooling[i] = true
	}
	*c += 0.07 + y.r.NormFloat64()*0.03
	if y.cooling[i] {
		*c -= 0.27
	}
	if y.r.IntN(1440/40) == 0 { // a door
		*c += y.r.Float64() * 3
	}
	return int64(math.Floor(*c*16)) * 125 / 2
}

// hours lives for so long: a boot every four weeks or so, a round lost now and then.
func (y *yearOf) hours(tb testing.TB, n int) {
	tb.Helper()
	if y.boot == 0 || y.r.IntN(28*24/n) == 0 {
		y.boot, y.booted = y.boot+1, y.now
	}
	ctx := tb.Context()
	require.NoError(tb, y.s.Change(ctx, func(tx *store.Tx) error {
		for range 60 * n {
			y.now = y.now.Add(time.Minute)
			if y.r.IntN(500) == 0 {
				continue
			}
			if err := tx.AddReadings(ctx, yearDevice, yearLife, y.now.Add(time.Duration(40+y.r.ExpFloat64()*30)*time.Millisecond), y.round()); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (y *yearOf) round() (rows []store.ReadingRow) {
	y.number++
	at := y.now.Add(time.Duration(y.r.IntN(5)) * time.Millisecond)
	claimed := at.UnixMilli() + int64(y.r.IntN(2))
	for i := range y.c {
		v := y.probe(i)
		if i == 0 {
			y.low, y.high = min(y.low, v), max(y.high, v)
		}
		rows = append(rows, store.ReadingRow{Number: y.number, Boot: y.boot, Mono: at.Sub(y.booted).Milliseconds(), ClaimedAt: claimed,
			WallQuality: 2, Dated: fleet.Dated{At: at, Within: time.Duration(40+y.now.Hour()) * time.Millisecond}, Sensor: yearSensors[i],
			MilliC: v, Samples: 1})
	}
	y.readings += len(rows)
	return rows
}

func (y *yearOf) pack(tb testing.TB) store.Packed {
	tb.Helper()
	did, err := y.s.PackReadings(tb.Context(), store.PackingAt(y.now))
	require.NoError(tb, err)
	return did
}

// live lives for a year, packing as it goes, and says how long packing took.
func (y *yearOf) live(tb testing.TB, days int) (packing time.Duration) {
	for range days * 4 {
		y.hours(tb, 6)
		begun := time.Now()
		y.pack(tb)
		packing += time.Since(begun)
	}
	return packing
}

// fileSize is what a closed SQLite database takes on the disk.
func fileSize(tb testing.TB, url string) int64 {
	tb.Helper()
	f, err := os.Stat(strings.TrimPrefix(url, "sqlite:"))
	require.NoError(tb, err)
	return f.Size()
}

// TestPackedReadingsTakeLessThanFourBytesEach: by how much the whole file grows from one month to the next, with its indexes. What an
// empty one takes, and the newest hours that are not packed yet, is the same after each; BenchmarkReadings has a year with all.
func TestPackedReadingsTakeLessThanFourBytesEach(t *testing.T) {
	url := storetest.SQLite(t)
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	y := newYear(t, s, 1)
	y.live(t, 15)
	require.NoError(t, s.Close()) // which brings the log into the file
	size, readings := fileSize(t, url), y.readings
	y.s, err = store.Open(t.Context(), url)
	require.NoError(t, err)
	y.live(t, 30)
	require.NoError(t, y.s.Close())
	each := float64(fileSize(t, url)-size) / float64(y.readings-readings)
	t.Logf("%.2f bytes for each of %d readings", each, y.readings-readings)
	require.Less(t, each, 4.0)
	require.Greater(t, each, 1.0, "they are in there")
}

// TestAnEnvelopeIsThatOfTheSamples: exact where bars are longer than nothing but samples, and within half a block where they are longer
// than blocks.
func TestAnEnvelopeIsThatOfTheSamples(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	y := newYear(t, s, 1)
	y.live(t, 12)
	until := y.now.Add(time.Minute)
	for _, width := range []time.Duration{time.Minute, 7 * time.Minute, time.Hour, 24 * time.Hour} {
		for _, from := range []time.Time{y.from.Add(-time.Hour), y.from.Add(37*time.Hour + 5*time.Second)} {
			if until.Sub(from)/width > store.MaxBars {
				from = until.Add(-40 * time.Hour)
			}
			var bars []store.Bar
			var all []store.ReadingView
			require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
				if bars, err = tx.Envelope(t.Context(), yearSensors[0], from, until, width); err != nil {
					return err
				}
				all, _, err = tx.ReadingsOf(t.Context(), yearSensors[0], from, until, 1_000_000)
				return err
			}))
			requireEnvelope(t, bars, all, from, width, width <= time.Hour)
		}
	}
}

func requireEnvelope(t *testing.T, bars []store.Bar, all []store.ReadingView, from time.Time, width time.Duration, exact bool) {
	t.Helper()
	want := make([]store.Bar, len(bars))
	samples, low, high := 0, int64(math.MaxInt64), int64(math.MinInt64)
	for _, r := range all {
		b := &want[r.At.Sub(from)/width]
		if b.Samples == 0 {
			b.Low, b.High, b.First = r.MilliC, r.MilliC, r.At
		}
		b.Samples, b.Low, b.High, b.Last = b.Samples+1, min(b.Low, r.MilliC), max(b.High, r.MilliC), r.At
		low, high = min(low, r.MilliC), max(high, r.MilliC)
	}
	gotLow, gotHigh := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range bars {
		b := bars[i]
		if exact {
			want[i].At = b.At
			require.Equal(t, want[i], b, "bar %d of %s", i, width)
		}
		if samples += b.Samples; b.Values() {
			gotLow, gotHigh = min(gotLow, b.Low), max(gotHigh, b.High)
			near := want[max(i-1, 0):min(i+2, len(want))]
			require.True(t, slices.ContainsFunc(near, func(w store.Bar) bool { return w.Samples > 0 && w.Low <= b.Low }), "bar %d of %s", i, width)
		}
	}
	require.Equal(t, len(all), samples)
	require.Equal(t, []int64{low, high}, []int64{gotLow, gotHigh}, "the lowest and the highest are never lost")
}

func TestAnEnvelopeOfTooManyBarsIsRefused(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		until time.Time
		width time.Duration
	}{{from, time.Minute}, {from.Add(time.Hour), 0}, {from.Add(5001 * time.Minute), time.Minute}} {
		require.ErrorIs(t, s.Read(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Envelope(t.Context(), "f/air", from, c.until, c.width)
			return err
		}), store.ErrBars)
	}
}

// TestTheNewestReadingIsFoundWhereverItIs: a packed one becomes the newest when the one behind it turns out to have been made before.
func TestTheNewestReadingIsFoundWhereverItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		y := newYear(t, s, 1)
		y.hours(t, 20)
		newest := lastReading(t, s)
		const n = 100 // records of a boot that does not know the time
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
			for i := range uint64(n) {
				row := store.ReadingRow{Number: y.number + i + 1, Boot: y.boot + 1, Sensor: yearSensors[0], MilliC: 9000, Samples: 1,
					Dated: fleet.Dated{At: y.now.Add(time.Duration(i) * time.Minute), Within: time.Hour}}
				if err := tx.AddReadings(t.Context(), yearDevice, yearLife, y.now.Add(3*time.Hour), []store.ReadingRow{row}); err != nil {
					return err
				}
			}
			return nil
		}))
		did, err := s.PackReadings(t.Context(), store.Packing{Before: y.now.Add(100 * time.Hour), UndatedBefore: y.now})
		require.NoError(t, err)
		require.Greater(t, did.Rows, 1000)
		require.EqualValues(t, 9000, lastReading(t, s).MilliC)
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
			var better []store.Redated
			for i := range uint64(n) {
				better = append(better, store.Redated{Number: y.number + i + 1, Dated: fleet.Dated{At: y.from.Add(-time.Duration(i) * time.Hour)}})
			}
			return tx.RedateReadings(t.Context(), yearDevice, yearLife, better)
		}))
		require.Equal(t, newest, lastReading(t, s))
	})
}

func lastReading(t *testing.T, s *store.Store) (r store.ReadingRow) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		r, err = tx.LastReading(t.Context(), yearSensors[0])
		return err
	}))
	return r
}

// BenchmarkReadings lives a year of a station with four probes, packing as it goes, and draws a year of one of them, beside reading all of
// its samples.
func BenchmarkReadings(b *testing.B) {
	url := storetest.SQLite(b)
	s, err := store.Open(b.Context(), url)
	require.NoError(b, err)
	y := newYear(b, s, len(yearSensors))
	packing := y.live(b, 365)
	require.NoError(b, s.Close())
	each := float64(fileSize(b, url)) / float64(y.readings)
	s = storetest.Open(b, url)
	until := y.now.Add(time.Minute).Truncate(time.Hour).Add(time.Hour)
	var chart, all time.Duration
	n := 0
	for b.Loop() {
		n++
		begun := time.Now()
		require.NoError(b, s.Read(b.Context(), func(tx *store.Tx) error {
			bars, err := tx.Envelope(b.Context(), yearSensors[0], until.Add(-365*24*time.Hour), until, 12*time.Hour)
			require.Len(b, bars, 730)
			return err
		}))
		chart += time.Since(begun)
		begun = time.Now()
		require.NoError(b, s.Read(b.Context(), func(tx *store.Tx) error {
			found, _, err := tx.ReadingsOf(b.Context(), yearSensors[0], y.from, until, 1_000_000)
			require.Len(b, found, y.readings/len(yearSensors))
			return err
		}))
		all += time.Since(begun)
	}
	b.ReportMetric(each, "B/reading")
	b.ReportMetric(packing.Seconds(), "s-to-pack-the-year")
	b.ReportMetric(float64(chart.Microseconds())/1000/float64(n), "ms/year-chart")
	b.ReportMetric(float64(all)/float64(chart), "x-faster-than-all-samples")
}
