package log

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// BenchmarkAppend appends events one by one, in turn with bare bbolt updates that write as many bytes under the same kind of
// key, and reports how much longer an append takes.
func BenchmarkAppend(b *testing.B) {
	l := openLog(b, path(b), Options{})
	bare, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = bare.Close() })
	require.NoError(b, bare.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("b"))
		return err
	}))
	event := protocol.GrantUsed{Position: "L001-F2", Grant: "0123456789abcdef", Use: 1}
	stored := make([]byte, 32+4+60)
	var ours, theirs time.Duration
	for n := uint64(1); b.Loop(); n++ {
		start := time.Now()
		if err := l.Update(stampAt(int(n)), func(tx *Tx) error {
			_, err := tx.Append(event)
			return err
		}); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if err := bare.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("b")).Put(numberKey(n), stored) }); err != nil {
			b.Fatal(err)
		}
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "append-ns/op")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "bbolt-ns/op")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}

// BenchmarkRead reads a log in batches of 500.
func BenchmarkRead(b *testing.B) {
	l := openLog(b, path(b), Options{})
	require.NoError(b, l.Update(Stamp{}, func(tx *Tx) error {
		for i := range 10_000 {
			if _, err := tx.Append(door(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	records := 0
	for b.Loop() {
		for from := uint64(1); from <= 10_000; {
			batch, err := l.Read(protocol.Events, from, 500, 64<<10)
			if err != nil {
				b.Fatal(err)
			}
			from += uint64(len(batch.Records))
			records += len(batch.Records)
		}
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}
