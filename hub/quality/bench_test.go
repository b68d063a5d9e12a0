package quality_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

// BenchmarkJudge judges a station's fridge with a day of readings, one a minute, behind it; bare is reading these alone.
func BenchmarkJudge(b *testing.B) {
	s := storetest.Open(b, storetest.SQLite(b))
	storetest.Import(b, s, storetest.Network(b))
	change := func(fn func(*store.Tx) error) { require.NoError(b, s.Change(b.Context(), fn)) }
	change(func(tx *store.Tx) error {
		d := devices["station-1"]
		d.AddedBy, d.AddedAt, d.Incarnation = "test", at(0, 0), inc
		if err := tx.AddDevice(b.Context(), d); err != nil {
			return err
		}
		if err := tx.SaveDeviceLog(b.Context(), d.ID, fleet.Log{Incarnation: inc, Log: 2, Next: 1, State: fleet.Current}); err != nil {
			return err
		}
		var rows []store.ReadingRow
		for i := range 24 * 60 {
			rows = append(rows, store.ReadingRow{Number: uint64(i + 1), Boot: 1, Sensor: air, Samples: 1, MilliC: 4000 + int64(i%17)*100,
				Dated: fleet.Dated{At: at(0, 0).Add(time.Duration(i) * time.Minute)}, Received: at(23, 0)})
		}
		return tx.AddReadings(b.Context(), d.ID, inc, at(23, 0), rows)
	})
	service := &quality.Service{Store: s}
	var judging, reading time.Duration
	for b.Loop() {
		change(func(tx *store.Tx) error { return tx.MarkDue(b.Context(), "loc-1-f1", at(0, 0), at(23, 0)) })
		began := time.Now()
		_, err := service.JudgeDue(b.Context(), at(23, 0))
		require.NoError(b, err)
		judging += time.Since(began)
		began = time.Now()
		require.NoError(b, s.Read(b.Context(), func(tx *store.Tx) error {
			_, _, err := tx.ReadingsOf(b.Context(), air, at(0, 0), at(23, 0), 10_000)
			return err
		}))
		reading += time.Since(began)
	}
	b.ReportMetric(float64(judging)/float64(reading), "times_bare")
	b.Logf("%v a fridge and day, %v for reading alone", judging/time.Duration(b.N), reading/time.Duration(b.N))
}
