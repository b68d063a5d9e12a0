package storetest_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const (
	benchDevice = "station-bench"
	benchEvery  = time.Minute
)

var benchSensors = []string{"f-1/air", "f-1/back", "f-2/air", "f-2/back"}

// fillLedger adds days of readings of four sensors each minute, in records of so many rounds, with a boot a day.
func fillLedger(tb testing.TB, s *store.Store, days, rounds int) (from, to time.Time) {
	tb.Helper()
	from = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ctx, number, event := tb.Context(), uint64(0), uint64(0)
	gaps, values := make([]int64, rounds-1), make([]int64, rounds)
	for i := range gaps {
		gaps[i] = benchEvery.Milliseconds()
	}
	earlier := store.AppendEarlier(nil, gaps, values, nil, 0)
	span := time.Duration(rounds-1) * benchEvery
	incarnation := "0123456789abcdef0123456789abcdef"
	require.NoError(tb, s.Change(ctx, func(tx *store.Tx) error {
		return tx.AddDevice(ctx, fleet.Device{ID: benchDevice, Place: "loc-1", Role: fleet.Station, AddedAt: from, AddedBy: "test"})
	}))
	for day := range days {
		require.NoError(tb, s.Change(ctx, func(tx *store.Tx) error {
			at := from.Add(time.Duration(day) * 24 * time.Hour)
			for _, b := range []protocol.Body{protocol.Booted{}, protocol.SamplingSet{EveryMS: benchEvery.Milliseconds(),
				FlushMS: span.Milliseconds(), Sensors: benchSensors}} {
				event++
				body, err := protocol.EncodeBody(b)
				if err != nil {
					return err
				}
				if err := tx.AddEvent(ctx, store.EventRow{Device: benchDevice, Incarnation: incarnation, Number: event, Boot: uint64(day + 1),
					Kind: uint16(b.Kind()), Body: body, EventAt: at, ReceivedAt: at, Outcome: store.Applied}); err != nil {
					return err
				}
			}
			var rows []store.ReadingRow
			for last := at.Add(span); last.Before(at.Add(24 * time.Hour)); last = last.Add(span + benchEvery) {
				number++
				for _, sensor := range benchSensors {
					rows = append(rows, store.ReadingRow{Number: number, Boot: uint64(day + 1), Mono: last.Sub(at).Milliseconds(),
						Dated: fleet.Dated{At: last}, Sensor: sensor, MilliC: 4000, Span: span, Samples: rounds, Earlier: earlier})
				}
			}
			if err := tx.SawBoot(ctx, benchDevice, incarnation, uint64(day+1), 23*time.Hour+59*time.Minute, at.Add(24*time.Hour)); err != nil {
				return err
			}
			return tx.AddReadings(ctx, benchDevice, incarnation, at, rows)
		}))
	}
	return from, from.Add(time.Duration(days) * 24 * time.Hour)
}

func ask(tb testing.TB, s *store.Store, from, to time.Time) []fleet.Stretch {
	tb.Helper()
	var got []fleet.Stretch
	require.NoError(tb, s.Read(tb.Context(), func(tx *store.Tx) (err error) {
		got, _, err = tx.Ledger(tb.Context(), benchDevice, fleet.Ask{From: from, To: to, Now: to})
		return err
	}))
	return got
}

// BenchmarkLedger asks for a day in the middle of a year, beside reading the same rows with nothing else done.
func BenchmarkLedger(b *testing.B) {
	for name, rounds := range map[string]int{"rounds-of-10": 10, "single-rounds": 1} {
		b.Run(name, func(b *testing.B) {
			s := storetest.Open(b, storetest.SQLite(b))
			from, to := fillLedger(b, s, 365, rounds)
			day := from.Add(180 * 24 * time.Hour)
			var bare, ledger, year time.Duration
			for b.Loop() {
				begun := time.Now()
				require.Len(b, ask(b, s, day, day.Add(24*time.Hour)), 1)
				ledger += time.Since(begun)
				begun = time.Now()
				require.NoError(b, s.Read(b.Context(), func(tx *store.Tx) error {
					for _, sensor := range benchSensors {
						if _, _, err := tx.ReadingsOf(b.Context(), sensor, day, day.Add(24*time.Hour), 100_000); err != nil {
							return err
						}
					}
					return nil
				}))
				bare += time.Since(begun)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			begun := time.Now()
			got := ask(b, s, from, to)
			year = time.Since(begun)
			runtime.GC()
			runtime.ReadMemStats(&after)
			require.Len(b, got, 1)
			b.ReportMetric(float64(ledger.Milliseconds())/float64(b.N), "ms/day")
			b.ReportMetric(float64(ledger)/float64(bare), "x-reading-the-rows")
			b.ReportMetric(float64(year.Milliseconds()), "ms/year")
			b.ReportMetric(float64(after.HeapAlloc)/1e6-float64(before.HeapAlloc)/1e6, "MB-kept-of-a-year")
		})
	}
}

func TestALedgerOfSingleRoundsAndOfManyInARecordIsTheSame(t *testing.T) {
	var whole [][]fleet.Stretch
	for _, rounds := range []int{1, 10} {
		s := storetest.Open(t, storetest.SQLite(t))
		from, to := fillLedger(t, s, 3, rounds)
		whole = append(whole, ask(t, s, from.Add(-time.Hour), to.Add(time.Hour)))
	}
	require.Equal(t, whole[0], whole[1])
	require.Equal(t, fleet.StateReceived, whole[0][1].State)
	require.Equal(t, 3*24*60, whole[0][1].Rounds)
	require.Equal(t, 3*24*60*4, whole[0][1].Samples)
}

func TestOnePageOfRowsIsNotTheEndOfTheLedger(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	from, to := fillLedger(t, s, 5, 1) // 7200 records, more than any page
	got := ask(t, s, from, to)
	require.Len(t, got, 1)
	require.Equal(t, 5*24*60, got[0].Rounds)
}
