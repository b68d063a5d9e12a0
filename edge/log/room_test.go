package log

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

func fileSize(t testing.TB, l *Log) int64 {
	info, err := os.Stat(l.Path())
	require.NoError(t, err)
	return info.Size()
}

// fillEvents appends events until there is no room, and gives how many went in.
func fillEvents(t testing.TB, l *Log) (n int) {
	t.Helper()
	for {
		err := l.Update(stampAt(n), func(tx *Tx) error {
			for range 20 {
				if _, err := tx.Append(protocol.Booted{Software: string(make([]byte, 1000))}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			return n
		}
		n += 20
	}
}

func TestAnEventWithoutRoomIsRefusedAndNothingIsWritten(t *testing.T) {
	l := openLog(t, path(t), Options{MaxBytes: 1 << 20})
	n := fillEvents(t, l)
	require.Len(t, readAll(t, l, protocol.Events), n)

	// Also when the caller does not look at the error.
	err := l.Update(stampAt(n), func(tx *Tx) error {
		_ = tx.Put("act", []byte("done"))
		for range 20 {
			_, _ = tx.Append(protocol.Booted{Software: string(make([]byte, 1000))})
		}
		return nil
	})
	require.ErrorIs(t, err, ErrFull)
	require.Len(t, readAll(t, l, protocol.Events), n)

	require.NoError(t, l.DeleteUpTo(protocol.Events, uint64(n/2)))
	add(t, l, n, door(1))
}

func TestReadingsAreThinnedAndTheThinningIsExact(t *testing.T) {
	l := openLog(t, path(t), Options{MaxBytes: 1 << 20})
	type reading struct {
		milliC int64
		fault  protocol.SensorFault
	}
	all := map[uint64]reading{}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		require.NoError(t, l.Update(stampAt(i), func(tx *Tx) error {
			for range 50 {
				r := reading{milliC: random.Int64N(9000) - 2000}
				if random.IntN(10) == 0 {
					r = reading{fault: protocol.SensorCRC}
				}
				n, err := tx.Append(protocol.Samples{Samples: []protocol.Sample{{Sensor: "F1/air", MilliC: r.milliC, Fault: r.fault}}})
				if err != nil {
					return err
				}
				all[n] = r
			}
			return nil
		}))
	}
	held := readAll(t, l, protocol.Readings)
	require.Greater(t, held[0].Number, uint64(1), "the oldest were dropped")
	var notes []protocol.Thinned
	for _, r := range held {
		if r.Kind == protocol.KindThinned {
			body, err := protocol.DecodeEvent(r.Kind, r.Body)
			require.NoError(t, err)
			notes = append(notes, body.(protocol.Thinned))
		}
	}
	require.NotEmpty(t, notes)
	// The notes together stand for exactly the readings that are gone.
	var want, got thinned
	covered := map[uint64]bool{}
	for _, n := range notes {
		got.values(n.Samples, n.MinMilliC, n.MaxMilliC)
		got.span(n.FromWall, n.ToWall)
		for number := n.From; number <= n.To; number++ {
			covered[number] = true
		}
	}
	for number := uint64(1); number < held[0].Number; number++ {
		require.True(t, covered[number], "reading %d is gone and no record says so", number)
		if r, ok := all[number]; ok && r.fault == protocol.SensorOK {
			want.values(1, r.milliC, r.milliC)
		}
	}
	require.False(t, covered[held[0].Number])
	require.Equal(t, want.Thinned.Samples, got.Samples)
	require.Equal(t, want.MinMilliC, got.MinMilliC)
	require.Equal(t, want.MaxMilliC, got.MaxMilliC)
	require.Equal(t, stampAt(0).Wall, got.FromWall)
}

func TestEventsHaveRoomWhenReadingsHaveFilledTheirs(t *testing.T) {
	reserve := int64(100_000)
	l := openLog(t, path(t), Options{MaxBytes: 1 << 20, EventReserve: reserve})
	for i := range 200 {
		add(t, l, i, func() (b []protocol.Body) {
			for range 50 {
				b = append(b, sample(1000))
			}
			return b
		}()...)
	}
	first := position1(t, l, protocol.Readings).First
	for written := int64(0); written < reserve*9/10; written += 1100 {
		add(t, l, 1, protocol.Booted{Software: string(make([]byte, 1000))})
	}
	require.Equal(t, first, position1(t, l, protocol.Readings).First, "within the reserve no reading goes")
}

func TestEventsPushReadingsOutButNotTheLast(t *testing.T) {
	l := openLog(t, path(t), Options{MaxBytes: 1 << 20})
	for i := range 5000 {
		if i%100 == 0 {
			add(t, l, i, sample(1000))
		}
	}
	n := fillEvents(t, l)
	readings := position1(t, l, protocol.Readings)
	require.Greater(t, n, 200)
	for i := range 3000 {
		if i%10 == 0 {
			add(t, l, i, sample(int64(i)))
		}
	}
	now := readAll(t, l, protocol.Readings)
	require.Greater(t, now[len(now)-1].Number, readings.Next, "a reading always finds room")
	require.Equal(t, protocol.KindSamples, now[len(now)-1].Kind)
	p := l.committed()
	require.LessOrEqual(t, p.Events.Bytes+p.Readings.Bytes+p.State, l.room.total)
	require.Len(t, readAll(t, l, protocol.Events), n)
}

func TestALoweredBoundIsKeptFromThenOn(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{MaxBytes: 4 << 20})
	for i := range 50 {
		add(t, l, i, protocol.Booted{Software: string(make([]byte, 15_000))}, sample(int64(i)))
	}
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{MaxBytes: 1 << 20})
	require.Zero(t, fillEvents(t, l))
	for i := range 50 {
		add(t, l, i, sample(int64(i)))
	}
	require.Len(t, readAll(t, l, protocol.Events), 50)
	require.Greater(t, len(readAll(t, l, protocol.Readings)), 50, "readings keep their eighth")
	require.NoError(t, l.DeleteUpTo(protocol.Events, 30))
	require.NotZero(t, fillEvents(t, l))
}

func TestLargeStateLeavesTheReserveToEvents(t *testing.T) {
	l := openLog(t, path(t), Options{MaxBytes: 1 << 20})
	put := func(key string, size int) error {
		return l.Update(Stamp{}, func(tx *Tx) error { return tx.Put(key, make([]byte, size)) })
	}
	var err error
	n := 0
	for ; err == nil; n++ {
		err = put(fmt.Sprintf("plan/%d", n), 20_000)
	}
	require.ErrorIs(t, err, ErrFull)
	require.NoError(t, put("used/1", 100), "a small mark belongs to an event")
	require.NoError(t, put("plan/0", 19_000), "what shrinks is never refused")
	require.Greater(t, fillEvents(t, l), 80)
	for n, err = 2, nil; err == nil; n++ {
		err = put(fmt.Sprintf("used/%d", n), 4000)
	}
	require.ErrorIs(t, err, ErrFull)
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Delete("plan/1") }))
	add(t, l, 1, door(1))
}

// TestTheFileStaysWithinItsBound holds the ratio between what is counted and what bbolt takes: with every kind of use mixed
// for long, the file must neither grow over its bound nor refuse for lack of pages.
func TestTheFileStaysWithinItsBound(t *testing.T) {
	const maxBytes = 2 << 20
	l := openLog(t, path(t), Options{MaxBytes: maxBytes})
	l.db.NoSync = true // many transactions, and no power cut in this test
	random := rand.New(rand.NewPCG(3, 4))
	full := 0
	for i := range 4000 {
		err := l.Update(stampAt(i), func(tx *Tx) error { return churn(tx, random) })
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			require.NotContains(t, err.Error(), "maximum size", "bbolt ran out of pages before the count did")
			full++
			p := position1(t, l, protocol.Events)
			require.NoError(t, l.DeleteUpTo(protocol.Events, p.First+(p.Next-p.First)/2))
		}
	}
	require.NotZero(t, full)
	require.LessOrEqual(t, fileSize(t, l), int64(maxBytes))
	t.Logf("file %d bytes, counted %+v", fileSize(t, l), l.committed().State)
}

func churn(tx *Tx, random *rand.Rand) error {
	for range 1 + random.IntN(5) {
		if _, err := tx.Append(protocol.Booted{Software: string(make([]byte, random.IntN(900)))}); err != nil {
			return err
		}
		if _, err := tx.Append(sample(random.Int64N(5000))); err != nil {
			return err
		}
	}
	switch random.IntN(4) {
	case 0:
		return tx.Put(fmt.Sprintf("plan/%d", random.IntN(6)), make([]byte, random.IntN(64<<10)))
	case 1:
		return tx.Put(fmt.Sprintf("used/%d", random.IntN(300)), make([]byte, random.IntN(100)))
	case 2:
		return tx.Delete(fmt.Sprintf("plan/%d", random.IntN(6)))
	}
	return nil
}
