package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/live"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// From the arrival of readings that show a breach to the hold: it is told how long that took, on the machine's clock.
func TestWhatArrivesIsHeld(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	b.device("station-1", "loc-1")
	containers := []store.GoodsStay(nil)
	b.change(func(tx *store.Tx) error {
		if err := tx.SaveDeviceLog(t.Context(), "station-1", fleet.Log{Incarnation: "i1", Log: 2, Next: 1, State: fleet.Current}); err != nil {
			return err
		}
		all, err := tx.ContainersOfLocation(t.Context(), day1, "loc-1")
		if err != nil {
			return err
		}
		for _, c := range all {
			if err := c.Fill("095200010000"+c.ID[len(c.ID)-2:], at(5, 0)); err != nil {
				return err
			}
			if err := c.Place(c.SlotID, at(8, 30)); err != nil {
				return err
			}
			if err := tx.SaveContainer(t.Context(), c); err != nil {
				return err
			}
			containers = append(containers, store.GoodsStay{Container: c})
		}
		return nil
	})
	require.NotEmpty(t, containers)
	ctx, stop := context.WithCancel(t.Context())
	j := &judge{service: &quality.Service{Store: b.store}, feed: live.New(), clock: clock.New(time.Now(), at(9, 30), 1), logger: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- j.run(ctx) }()
	var rows []store.ReadingRow
	for i := range 50 {
		rows = append(rows, store.ReadingRow{Number: uint64(i + 1), Boot: 1, Sensor: "loc-1-f1/air", Samples: 1, MilliC: 12_000, Min: 12_000, Max: 12_000,
			Dated: fleet.Dated{At: at(8, 30).Add(time.Duration(i) * time.Minute)}})
	}
	watch := quality.NewWatch()
	b.change(func(tx *store.Tx) error {
		if err := watch.Readings(t.Context(), tx, at(9, 30), rows); err != nil {
			return err
		}
		return tx.AddReadings(t.Context(), "station-1", "i1", at(9, 30), rows)
	})
	arrived := time.Now()
	require.Eventually(t, func() bool {
		var open []store.Hold
		err := b.store.Read(t.Context(), func(tx *store.Tx) (err error) {
			open, err = tx.OpenHolds(t.Context(), 10)
			return err
		})
		return err == nil && len(open) == len(containers)
	}, time.Minute, 20*time.Millisecond)
	t.Logf("held %v after the readings had arrived", time.Since(arrived).Round(time.Millisecond))
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}
