package log

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// raw runs a transaction behind the log's back.
func raw(t testing.TB, l *Log, change func(*bolt.Tx) error) {
	t.Helper()
	require.NoError(t, l.db.Update(change))
}

// edit changes the bytes of a closed file.
func edit(t testing.TB, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(b, at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func openTreeOf(t testing.TB, path string) *tree {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	require.NoError(t, err)
	one := &file{ReaderAt: f, size: info.Size()}
	newest, _, err := one.metas()
	require.NoError(t, err)
	tree, err := one.openTree(*newest, false)
	require.NoError(t, err)
	return tree
}

func TestAnOldValueOfStateIsNotTakenForTheLast(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	put := func(v string) {
		require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("state/station", []byte(v)) }))
	}
	var old []byte
	put("used twice")
	raw(t, l, func(tx *bolt.Tx) error {
		old = bytes.Clone(bucket(tx, bucketState).Get([]byte("state/station")))
		return nil
	})
	put("used 3 times")
	for _, change := range []func(*bolt.Tx) error{
		func(tx *bolt.Tx) error { return bucket(tx, bucketState).Put([]byte("state/station"), old) },
		func(tx *bolt.Tx) error { return bucket(tx, bucketState).Delete([]byte("state/station")) },
	} {
		raw(t, l, change)
		var damaged *DamagedError
		require.ErrorAs(t, l.View(func(tx *Tx) error {
			_, err := tx.Get("state/station")
			return err
		}), &damaged, "also while it is open")
		require.Equal(t, "state/station", damaged.Key)
	}
	// The position is of the transaction, as if bbolt's tree were an old one.
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("other", nil) }))
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{})
	require.NotNil(t, l.Salvaged())
	require.NoError(t, l.View(func(tx *Tx) error {
		v, err := tx.Get("state/station")
		require.Nil(t, v)
		return err
	}))
	put("new")
}

func TestAnOldPositionIsNotTakenForTheLast(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	add(t, l, 1, door(1))
	raw(t, l, func(*bolt.Tx) error { return nil }) // a transaction that the log knows nothing of
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{})
	require.NotNil(t, l.Salvaged())
	require.Contains(t, l.Salvaged().Reason, "position of transaction")
}

func TestAPageThatIsInUseIsNotTakenForFree(t *testing.T) {
	path := path(t)
	used(t, path, 40)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	tree := openTreeOf(t, path)
	free, _, err := tree.freePages()
	require.NoError(t, err)
	list := int64(tree.meta.freelist)*4096 + pageHeader
	tried, at := 0, list
	for id := uint64(2); id < tree.meta.end; id++ {
		if !free.has(id) {
			continue
		}
		for other := id + 1; other < min(id+20, tree.meta.end) && !free.has(other); other++ {
			// Instead of the free page the list names one in use, or one that is part of a larger page.
			tried++
			edit(t, path, at, binary.NativeEndian.AppendUint64(nil, other))
			l, err := Open(path, Options{MaxBytes: 1 << 20})
			require.NoError(t, err)
			require.NotNil(t, l.Salvaged(), "page %d in place of %d", other, id)
			require.NoError(t, l.Close())
			require.NoError(t, os.WriteFile(path, good, 0o600))
			for n := range maxBroken {
				_ = os.Remove(path + brokenSuffix + string(rune('1'+n)))
			}
		}
		at += 8
	}
	require.NotZero(t, tried)
}

func TestAPageWhoseEntriesDoNotFitIsNotWrittenAnew(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	for i := range 300 {
		add(t, l, i, door(i))
	}
	require.NoError(t, l.Close())
	require.NoError(t, openLog(t, path, Options{}).Close()) // the last transaction is another one
	tree, edited := openTreeOf(t, path), false
	require.NoError(t, tree.leaves(tree.buckets[bucketEvents], nil, func(l leaf) error {
		p, err := tree.readPage(l.id)
		require.NoError(t, err)
		for i := range p.count {
			if e, _ := p.element(i); bytes.Equal(e.key, numberKey(150)) {
				edit(t, path, p.at+pageHeader+int64(i)*elementHeader+12, binary.NativeEndian.AppendUint32(nil, 5000))
				edited = true
			}
		}
		return nil
	}))
	require.True(t, edited)
	l = openLog(t, path, Options{})
	require.Nil(t, l.Salvaged(), "that page is checked as it is read")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	err = l.SetAside(protocol.Events, 150)
	require.ErrorIs(t, err, ErrDamaged)
	require.NotErrorIs(t, err, ErrFull)
	require.NoError(t, l.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	l = openLog(t, path, Options{})
	require.Equal(t, []protocol.LostSpan{{Log: protocol.Events, From: 150, To: 150}}, l.Salvaged().Lost, "all others are there")
	require.Len(t, readAll(t, l, protocol.Events), 300)
}

func TestWhatTheLastCommitBrokeIsMendedFromTheOneBefore(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("state/station", []byte("used")) }))
	for i := range 10 {
		add(t, l, i, door(i))
	}
	was := truthOf(t, l)
	require.NoError(t, l.Close())
	tree := openTreeOf(t, path)
	edits := 0
	require.NoError(t, tree.entries(bucketEvents, func(e element) error {
		if bytes.Equal(e.key, numberKey(4)) {
			edits++
			edit(t, path, e.at+40, []byte{0xff})
		}
		return nil
	}))
	require.Equal(t, 1, edits)
	l = openLog(t, path, Options{})
	require.Nil(t, l.Salvaged())
	got, err := drain(l)
	require.NoError(t, err)
	require.True(t, same(t, was, got, false), "nothing is lost, and the incarnation is the same")
}

func TestTheEndIsKnownWhenThePageOfThePositionIsLost(t *testing.T) {
	path := path(t)
	used(t, path, 40)
	l := openLog(t, path, Options{MaxBytes: 1 << 20})
	add(t, l, 1, door(1), door(2))
	was := truthOf(t, l)
	require.NoError(t, l.Close())
	edit(t, path, int64(openTreeOf(t, path).meta.root)*4096, make([]byte, 4096))
	l = openLog(t, path, Options{MaxBytes: 1 << 20})
	require.NotNil(t, l.Salvaged())
	require.Empty(t, l.Salvaged().Lost)
	require.NotContains(t, l.Salvaged().Reason, "not known")
	got, err := drain(l)
	require.NoError(t, err)
	got[protocol.Events] = got[protocol.Events][1:]
	require.True(t, same(t, was, got, true))
	require.True(t, stateHolds(t, l, was, ""), "the transaction before had the same state")
}
