package backup_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/backup"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

// BenchmarkBackup backs up the data of 10,000 devices with 20 events each, and compares with a bare copy of the file that is synced.
func BenchmarkBackup(b *testing.B) {
	const devices = 10_000
	url := storetest.SQLite(b)
	s := storetest.Open(b, url)
	ctx := b.Context()
	for first := 0; first < devices; first += 1000 {
		require.NoError(b, s.Change(ctx, func(tx *store.Tx) error {
			for n := first; n < first+1000; n++ {
				id := fmt.Sprintf("d-%d", n)
				if err := tx.AddDevice(ctx, fleet.Device{ID: id, Place: "p", Role: fleet.Station, AddedAt: now, AddedBy: "b"}); err != nil {
					return err
				}
				for log := range uint8(2) {
					if err := tx.SaveDeviceLog(ctx, id, fleet.Log{Incarnation: incarnation, Log: log + 1, Next: 21, State: fleet.Current}); err != nil {
						return err
					}
				}
				for number := range uint64(20) {
					e := store.EventRow{Device: id, Incarnation: incarnation, Number: number + 1, Kind: 40, Name: "grant used",
						Body: make([]byte, 40), ReceivedAt: now, Outcome: store.Applied}
					e.EventAt = now
					if err := tx.AddEvent(ctx, e); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	dir, n := b.TempDir(), 0
	var backups, copies time.Duration
	var bytes int64
	for b.Loop() {
		n++
		began := time.Now()
		row, err := backup.Take(ctx, target(s, url), filepath.Join(dir, fmt.Sprint("b", n)))
		require.NoError(b, err)
		backups += time.Since(began)
		bytes = row.Bytes
		began = time.Now()
		bareCopy(b, strings.TrimPrefix(url, "sqlite:"), filepath.Join(dir, fmt.Sprint("c", n)))
		copies += time.Since(began)
	}
	b.ReportMetric(backups.Seconds()/copies.Seconds(), "×copy")
	b.ReportMetric(float64(bytes)/1e6, "MB")
	b.ReportMetric(backups.Seconds()/float64(n), "s/backup")
}

func bareCopy(b *testing.B, from, to string) {
	in, err := os.Open(from)
	require.NoError(b, err)
	out, err := os.Create(to)
	require.NoError(b, err)
	_, err = io.Copy(out, in)
	require.NoError(b, err)
	require.NoError(b, out.Sync())
	require.NoError(b, out.Close())
	require.NoError(b, in.Close())
}
