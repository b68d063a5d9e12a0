package log

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("MEGURI_CRASH_FILE"); path != "" {
		os.Exit(appendForEver(path))
	}
	if path := os.Getenv("MEGURI_DRAIN_FILE"); path != "" {
		os.Exit(drainMillion(path))
	}
	os.Exit(m.Run())
}

// self is a command that runs this test program: under an emulator that, and what it emulates.
func self(args ...string) *exec.Cmd {
	if emulator := os.Getenv("MEGURI_EMULATOR"); emulator != "" {
		return exec.Command(emulator, append([]string{os.Args[0]}, args...)...)
	}
	return exec.Command(os.Args[0], args...)
}

func path(t testing.TB) string { return filepath.Join(t.TempDir(), "edge.db") }

func openLog(t testing.TB, path string, o Options) *Log {
	t.Helper()
	l, err := Open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func stampAt(n int) Stamp {
	return Stamp{Mono: int64(n), Wall: 1_764_000_000_000 + int64(n), Quality: protocol.WallBattery}
}

// add appends bodies in one transaction and gives the last number.
func add(t testing.TB, l *Log, at int, bodies ...protocol.Body) uint64 {
	t.Helper()
	var number uint64
	require.NoError(t, l.Update(stampAt(at), func(tx *Tx) (err error) {
		for _, b := range bodies {
			if number, err = tx.Append(b); err != nil {
				return err
			}
		}
		return nil
	}))
	return number
}

func sample(milliC int64) protocol.Samples {
	return protocol.Samples{Samples: []protocol.Sample{{Sensor: "F1/air", MilliC: milliC}}}
}

func door(n int) protocol.DoorOpened { return protocol.DoorOpened{Position: fmt.Sprintf("D%d", n)} }

func position1(t testing.TB, l *Log, id protocol.LogID) protocol.Position {
	t.Helper()
	all, err := l.Positions()
	require.NoError(t, err)
	for _, p := range all {
		if p.Log == id {
			return p
		}
	}
	t.Fatalf("no position of %s", id)
	return protocol.Position{}
}

// readAll reads a whole log in batches, and holds the running hash and the numbers of all of them.
func readAll(t testing.TB, l *Log, id protocol.LogID) []protocol.Record {
	t.Helper()
	p := position1(t, l, id)
	running, from := p.Before, p.First
	var all []protocol.Record
	for {
		b, err := l.Read(id, from, 7, 10_000)
		require.NoError(t, err)
		if len(b.Records) == 0 {
			require.Equal(t, p.Next, from)
			return all
		}
		require.Equal(t, running, b.Before, "hash before %d", from)
		require.Equal(t, from, b.First)
		for _, record := range b.Records {
			r, err := protocol.DecodeRecord(record)
			require.NoError(t, err)
			require.Equal(t, from, r.Number)
			all, running, from = append(all, r), running.Next(record), from+1
		}
	}
}

func TestNumbersCountFromOneInEachLog(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.Equal(t, uint64(1), add(t, l, 1, door(1)))
	require.Equal(t, uint64(1), add(t, l, 2, sample(4000)))
	require.Equal(t, uint64(3), add(t, l, 3, door(2), door(3)))
	events := readAll(t, l, protocol.Events)
	require.Len(t, events, 3)
	require.Equal(t, protocol.Record{Number: 2, Boot: 1, Mono: 3, Wall: stampAt(3).Wall, Quality: protocol.WallBattery,
		Kind: protocol.KindDoorOpened, Body: events[1].Body}, events[1])
	body, err := protocol.DecodeEvent(events[1].Kind, events[1].Body)
	require.NoError(t, err)
	require.Equal(t, door(2), body)
	require.Len(t, readAll(t, l, protocol.Readings), 1)
}

func TestOpenCountsBootsAndKeepsTheIncarnation(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	incarnation := l.Incarnation()
	require.NotZero(t, incarnation)
	require.Equal(t, uint64(1), l.Boot())
	require.Equal(t, path, l.Path())
	require.Nil(t, l.Parent())
	add(t, l, 1, door(1))
	require.NoError(t, l.Close())

	l = openLog(t, path, Options{})
	require.Equal(t, incarnation, l.Incarnation())
	require.Equal(t, uint64(2), l.Boot())
	add(t, l, 2, door(2))
	events := readAll(t, l, protocol.Events)
	require.Equal(t, []uint64{1, 2}, []uint64{events[0].Boot, events[1].Boot})
}

func TestRecordsAndStateAreOneTransaction(t *testing.T) {
	l := openLog(t, path(t), Options{})
	boom := fmt.Errorf("boom")
	require.ErrorIs(t, l.Update(stampAt(1), func(tx *Tx) error {
		_, err := tx.Append(door(1))
		require.NoError(t, err)
		require.NoError(t, tx.Put("grant/1", []byte("used")))
		return boom
	}), boom)
	require.Equal(t, uint64(1), position1(t, l, protocol.Events).Next)
	require.NoError(t, l.View(func(tx *Tx) error {
		v, err := tx.Get("grant/1")
		require.NoError(t, err)
		require.Nil(t, v)
		return nil
	}))
}

func TestLocalState(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error {
		require.NoError(t, tx.Put("plan/a", []byte("1")))
		require.NoError(t, tx.Put("plan/b", nil))
		require.NoError(t, tx.Put("other", []byte("2")))
		return tx.Put("plan/a", []byte("one"))
	}))
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{})
	require.NoError(t, l.View(func(tx *Tx) error {
		keys, err := tx.Keys("plan/")
		require.NoError(t, err)
		require.Equal(t, []string{"plan/a", "plan/b"}, keys)
		a, err := tx.Get("plan/a")
		require.NoError(t, err)
		require.Equal(t, "one", string(a))
		b, err := tx.Get("plan/b")
		require.NoError(t, err)
		require.NotNil(t, b, "an empty value is there")
		require.ErrorIs(t, tx.Put("x", nil), errReadOnly)
		_, err = tx.Append(door(1))
		require.ErrorIs(t, err, errReadOnly)
		return nil
	}))
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error {
		for _, k := range []string{"plan/a", "plan/b", "other", "never there"} {
			require.NoError(t, tx.Delete(k))
		}
		return nil
	}))
	require.Zero(t, l.committed().State)

	large := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for _, size := range []int{16_000, 901, 0, 900, 1800, 5000, 4} {
		require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("large", large[:size]) }))
		require.NoError(t, l.View(func(tx *Tx) error {
			v, err := tx.Get("large")
			require.Equal(t, large[:size], v)
			return err
		}))
	}
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Delete("large") }))
	require.Zero(t, l.committed().State)
	require.NoError(t, l.db.View(func(tx *bolt.Tx) error {
		require.Zero(t, bucket(tx, bucketPieces).Stats().KeyN, "no piece is left over")
		return nil
	}))
	for name, put := range map[string]func(tx *Tx) error{
		"no key":         func(tx *Tx) error { return tx.Put("", nil) },
		"key too long":   func(tx *Tx) error { return tx.Put(string(make([]byte, maxKey+1)), nil) },
		"value too long": func(tx *Tx) error { return tx.Put("k", make([]byte, maxValue+1)) },
	} {
		require.ErrorContains(t, l.Update(Stamp{}, put), "want 1 to 200", name)
	}
}

func TestAFailedChangeFailsTheTransaction(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.ErrorContains(t, l.Update(Stamp{}, func(tx *Tx) error {
		_ = tx.Put("", nil)
		_, _ = tx.Append(door(1))
		return nil
	}), "local state")
	require.Equal(t, uint64(1), position1(t, l, protocol.Events).Next)
	require.Error(t, l.Update(Stamp{}, func(tx *Tx) error {
		_, err := tx.Append(protocol.Booted{Software: string(make([]byte, protocol.MaxRecord))})
		return err
	}))
}

func TestASecondOpenerIsToldWithinTwoSeconds(t *testing.T) {
	path := path(t)
	openLog(t, path, Options{})
	start := time.Now()
	_, err := Open(path, Options{})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, path)
	require.Less(t, time.Since(start), 2*time.Second)
}

func TestReadIsBoundedByRecordsAndBytes(t *testing.T) {
	l := openLog(t, path(t), Options{})
	for i := range 20 {
		add(t, l, i, door(i))
	}
	b, err := l.Read(protocol.Events, 5, 7, 1<<20)
	require.NoError(t, err)
	require.Len(t, b.Records, 7)
	require.Equal(t, uint64(5), b.First)
	require.Equal(t, l.Incarnation(), b.Incarnation)

	b, err = l.Read(protocol.Events, 1, 100, 3*(len(b.Records[0])+3))
	require.NoError(t, err)
	require.Len(t, b.Records, 3)
	b, err = l.Read(protocol.Events, 1, 100, 1)
	require.NoError(t, err)
	require.Len(t, b.Records, 1, "always one")
	b, err = l.Read(protocol.Events, 21, 100, 100)
	require.NoError(t, err)
	require.Empty(t, b.Records)
	_, err = l.Read(7, 1, 1, 1)
	require.ErrorContains(t, err, "log 7")
}

func TestABatchAlwaysFitsIntoAMessage(t *testing.T) {
	l := openLog(t, path(t), Options{})
	for _, size := range []int{10, 15_000} {
		require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error {
			for range 1200 {
				if _, err := tx.Append(protocol.Booted{Software: string(make([]byte, size))}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for from := uint64(1); from <= 2400; {
		b, err := l.Read(protocol.Events, from, 1<<30, 1<<30)
		require.NoError(t, err)
		_, err = protocol.Encode(b)
		require.NoError(t, err)
		from += uint64(len(b.Records))
	}
}

func TestOnlyWhatWasGivenOutIsDeleted(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	for i := range 10 {
		add(t, l, i, door(i))
	}
	before := readAll(t, l, protocol.Events)
	require.ErrorContains(t, l.DeleteUpTo(protocol.Events, 11), "next number is 11")
	require.Equal(t, before, readAll(t, l, protocol.Events))

	require.NoError(t, l.DeleteUpTo(protocol.Events, 4))
	require.NoError(t, l.DeleteUpTo(protocol.Events, 2), "again, and less")
	require.Equal(t, before[4:], readAll(t, l, protocol.Events))
	b, err := l.Read(protocol.Events, 1, 10, 1<<20)
	require.NoError(t, err)
	require.Equal(t, uint64(5), b.First, "what is deleted is skipped")

	require.NoError(t, l.DeleteUpTo(protocol.Events, 10))
	require.Zero(t, l.committed().Events.Bytes)
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{})
	require.Equal(t, uint64(11), add(t, l, 1, door(1)), "numbers go on")
	readAll(t, l, protocol.Events)
}

func TestManyRecordsAreDeletedInChunks(t *testing.T) {
	l := openLog(t, path(t), Options{})
	n := 2*deleteChunk + 5
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error {
		for i := range n {
			if _, err := tx.Append(door(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, l.DeleteUpTo(protocol.Events, uint64(n-1)))
	require.Len(t, readAll(t, l, protocol.Events), 1)
}

func TestAppendedIsSignalledOnceForEachCommitWithRecords(t *testing.T) {
	l := openLog(t, path(t), Options{})
	signalled := func() bool {
		select {
		case <-l.Appended():
			return true
		default:
			return false
		}
	}
	require.False(t, signalled())
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("k", nil) }))
	require.False(t, signalled(), "state alone is nothing to send")
	add(t, l, 1, door(1))
	add(t, l, 1, door(1))
	require.True(t, signalled())
	require.False(t, signalled(), "it holds one")
}

func TestNothingWorksAfterClose(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Update(Stamp{}, func(*Tx) error { return nil }), ErrClosed)
	require.ErrorIs(t, l.View(func(*Tx) error { return nil }), ErrClosed)
	_, err := l.Read(protocol.Events, 1, 1, 1)
	require.ErrorIs(t, err, ErrClosed)
	_, err = l.Positions()
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, l.Renew(), ErrClosed)
	require.ErrorIs(t, l.DeleteUpTo(protocol.Readings, 1), ErrClosed)
}

func TestOptionsAreChecked(t *testing.T) {
	for want, o := range map[string]Options{
		"want 1048576 or more": {MaxBytes: 1000},
		"a quarter":            {MaxBytes: 1 << 20, EventReserve: 1 << 19},
	} {
		_, err := Open(path(t), o)
		require.ErrorContains(t, err, want)
	}
}

func TestAPanicOfTheCallerLeavesTheLogUsable(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.PanicsWithValue(t, "caller", func() {
		_ = l.Update(Stamp{}, func(tx *Tx) error {
			_, _ = tx.Append(door(1))
			panic("caller")
		})
	})
	require.Equal(t, uint64(1), add(t, l, 1, door(1)))
}
