package log

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// bareBolt opens a bbolt file with one bucket.
func bareBolt(b *testing.B) *bolt.DB {
	bare, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = bare.Close() })
	require.NoError(b, bare.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("b"))
		return err
	}))
	return bare
}

func grantUsed() protocol.Body {
	return protocol.GrantUsed{Position: "L001-F2", Grant: "0123456789abcdef", Use: 1}
}

// BenchmarkAppend appends events one by one, in turn with bare bbolt updates that write as many bytes under the same kind of
// key, and reports how much longer an append takes.
func BenchmarkAppend(b *testing.B) {
	l, bare := openLog(b, path(b), Options{}), bareBolt(b)
	event := grantUsed()
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

// BenchmarkGroupCommit has 64 writers record one event after another, in turn with a single one, and reports how many times as
// many records a second they make durable.
func BenchmarkGroupCommit(b *testing.B) {
	const writers, each = 64, 20
	l := openLog(b, path(b), Options{})
	update := func() {
		if err := l.Update(stampAt(1), func(tx *Tx) error {
			_, err := tx.Append(grantUsed())
			return err
		}); err != nil {
			b.Error(err)
		}
	}
	var alone, together time.Duration
	for b.Loop() {
		start := time.Now()
		for range writers {
			update()
		}
		middle := time.Now()
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range each {
					update()
				}
			})
		}
		all.Wait()
		alone, together = alone+middle.Sub(start), together+time.Since(middle)
		if p := l.committed().Events; p.Next-p.First > 50_000 {
			b.StopTimer()
			require.NoError(b, l.DeleteUpTo(protocol.Events, p.Next-1))
			b.StartTimer()
		}
	}
	n := float64(b.N * writers)
	b.ReportMetric(n/alone.Seconds(), "alone-records/s")
	b.ReportMetric(n*each/together.Seconds(), "group-records/s")
	b.ReportMetric(each*float64(alone)/float64(together), "ratio")
}

// BenchmarkFlash counts what the kernel writes to the disk for 1,000 rounds of three sensors, when each is a record of its own
// and when ten are, and reports how many times as much the first is.
func BenchmarkFlash(b *testing.B) {
	const rounds = 1000
	written := func() (bytes int64) {
		text, err := os.ReadFile("/proc/self/io")
		require.NoError(b, err)
		_, after, _ := strings.Cut(string(text), "\nwrite_bytes: ")
		_, err = fmt.Sscan(after, &bytes)
		require.NoError(b, err)
		return bytes
	}
	var total [2]int64
	for b.Loop() {
		for i, flush := range []int{1, 10} {
			l := openLog(b, path(b), Options{})
			before := written()
			for at := 0; at < rounds; at += flush {
				var all []protocol.Round
				for r := range flush {
					ago := int64(flush-1-r) * 60_000
					all = append(all, protocol.Round{Ago: ago, Samples: []protocol.Sample{{Sensor: "F1/air", MilliC: 4000 + int64(r%7)},
						{Sensor: "F1/product", MilliC: 4100}, {Sensor: "F2/air", MilliC: -18_000 + int64(at%5)}}})
				}
				body, err := protocol.NewRounds(all)
				require.NoError(b, err)
				require.NoError(b, l.Update(stampAt(at), func(tx *Tx) error {
					_, err := tx.Append(body)
					return err
				}))
			}
			total[i] += written() - before
		}
	}
	for i, name := range []string{"flush1-B/1000readings", "flush10-B/1000readings"} {
		b.ReportMetric(float64(total[i])/float64(b.N)/3, name)
	}
	b.ReportMetric(float64(total[0])/float64(total[1]), "ratio")
}

const million = 1_000_000

// fillMillion makes a log with a million readings that wait.
func fillMillion(b *testing.B) string {
	path := path(b)
	l, err := Open(path, millionOptions())
	require.NoError(b, err)
	l.db.NoSync = true
	for i := range million / 1000 {
		require.NoError(b, l.Update(stampAt(i), func(tx *Tx) error {
			for j := range 1000 {
				if _, err := tx.Append(sample(int64(i ^ j))); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(b, l.db.Sync())
	require.NoError(b, l.Close())
	return path
}

func millionOptions() Options { return Options{MaxBytes: 768 << 20} }

// BenchmarkMillion opens and drains a log in which a million readings wait, as the link does, in a process of its own: how long
// opening takes, how many are read and deleted a second, and how much anonymous memory that takes at most. The ratio is that
// of opening to reading the whole file once.
func BenchmarkMillion(b *testing.B) {
	from := fillMillion(b)
	info, err := os.Stat(from)
	require.NoError(b, err)
	var open, rate, memory, whole float64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "copy.db")
		start := time.Now()
		content, err := os.ReadFile(from)
		whole += time.Since(start).Seconds()
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(path, content, 0o600))
		child := self()
		child.Env = append(os.Environ(), "MEGURI_DRAIN_FILE="+path)
		out, err := child.Output()
		require.NoError(b, err)
		var o, r, m float64
		_, err = fmt.Sscan(string(out), &o, &r, &m)
		require.NoError(b, err, string(out))
		open, rate, memory = open+o, rate+r, max(memory, m)
	}
	n := float64(b.N)
	b.ReportMetric(float64(info.Size())/1e6, "file-MB")
	b.ReportMetric(open/n*1000, "open-ms")
	b.ReportMetric(rate/n, "drained-records/s")
	b.ReportMetric(memory/1e6, "anonymous-MB")
	b.ReportMetric(open/whole, "ratio")
}

// drainMillion is the child: it prints the seconds of opening, the records a second, and the bytes of anonymous memory.
func drainMillion(path string) int {
	most := int64(0)
	look := func() { most = max(most, anonymousNow()) }
	start := time.Now()
	l, err := Open(path, millionOptions())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	opened := time.Since(start)
	look()
	start = time.Now()
	for from := uint64(1); from <= million; {
		batch, err := l.Read(protocol.Readings, from, 500, 64<<10)
		if err == nil && len(batch.Records) > 0 {
			from += uint64(len(batch.Records))
			if from%20_000 < 500 {
				err = l.DeleteUpTo(protocol.Readings, from-1)
				look()
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println(opened.Seconds(), million/time.Since(start).Seconds(), most)
	return 0
}

// BenchmarkRead reads a log in batches of 500, in turn with walking over as much in a bare bbolt file.
func BenchmarkRead(b *testing.B) {
	const n = 10_000
	l, bare := openLog(b, path(b), Options{}), bareBolt(b)
	require.NoError(b, l.Update(Stamp{}, func(tx *Tx) error {
		for i := range n {
			if _, err := tx.Append(door(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(b, bare.Update(func(tx *bolt.Tx) error {
		for i := range uint64(n) {
			if err := tx.Bucket([]byte("b")).Put(numberKey(i), make([]byte, 32+4+40)); err != nil {
				return err
			}
		}
		return nil
	}))
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		for from := uint64(1); from <= n; {
			batch, err := l.Read(protocol.Events, from, 500, 64<<10)
			if err != nil {
				b.Fatal(err)
			}
			from += uint64(len(batch.Records))
		}
		middle := time.Now()
		require.NoError(b, bare.View(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("b")).ForEach(func(_, v []byte) error {
				_ = append([]byte(nil), v...)
				return nil
			})
		}))
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	b.ReportMetric(float64(b.N)*n/ours.Seconds(), "records/s")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}
