package log

import (
	"bytes"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// flip changes one bit of a stored value.
func flip(t *testing.T, l *Log, bucketName string, key []byte, at int) {
	t.Helper()
	require.NoError(t, l.db.Update(func(tx *bolt.Tx) error {
		b := bucket(tx, bucketName)
		v := append([]byte(nil), b.Get(key)...)
		v[at] ^= 4
		return b.Put(key, v)
	}))
}

func TestADamagedRecordIsNamedAndSetAside(t *testing.T) {
	l := openLog(t, path(t), Options{})
	for i := range 10 {
		add(t, l, i, door(i))
		add(t, l, i, sample(int64(i)))
	}
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		flip(t, l, bucketOf(id), numberKey(6), 50)
		flip(t, l, bucketOf(id), numberKey(8), 40)

		b, err := l.Read(id, 1, 100, 1<<20)
		require.NoError(t, err)
		require.Len(t, b.Records, 5, "the batch ends before it")
		_, err = l.Read(id, 6, 100, 1<<20)
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged)
		require.ErrorIs(t, err, ErrDamaged)
		require.Equal(t, DamagedError{Log: id, Number: 6}, *damaged)

		require.ErrorContains(t, l.SetAside(id, 5), "not damaged")
		require.ErrorContains(t, l.SetAside(id, 11), "held are 1 to 10")
		require.NoError(t, l.SetAside(id, 6))
		require.NoError(t, l.SetAside(id, 8))
		all := readAll(t, l, id) // holds the new hashes
		require.Len(t, all, 10)
		require.Equal(t, uint64(7), all[6].Number)
		stand, err := protocol.DecodeEvent(all[5].Kind, all[5].Body)
		require.NoError(t, err)
		if id == protocol.Events {
			require.NotZero(t, stand.(protocol.Damaged).Bytes)
		} else {
			require.Equal(t, protocol.Thinned{From: 6, To: 6, FromWall: all[4].Wall, ToWall: all[4].Wall, Reason: protocol.ThinDamaged}, stand)
		}
		require.Equal(t, all[4].Wall, all[5].Wall)
	}
	add(t, l, 11, door(11))
	require.Len(t, readAll(t, l, protocol.Events), 11)
}

func TestAMissingRecordCountsAsDamaged(t *testing.T) {
	l := openLog(t, path(t), Options{})
	for i := range 5 {
		add(t, l, i, door(i))
	}
	require.NoError(t, l.db.Update(func(tx *bolt.Tx) error { return bucket(tx, bucketEvents).Delete(numberKey(5)) }))
	_, err := l.Read(protocol.Events, 5, 100, 1<<20)
	require.ErrorIs(t, err, ErrDamaged)
	require.NoError(t, l.SetAside(protocol.Events, 5))
	require.Len(t, readAll(t, l, protocol.Events), 5)
}

func TestDamagedStateIsNamed(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("grant/1", []byte("used")) }))
	flip(t, l, bucketState, []byte("grant/1"), 0)
	err := l.View(func(tx *Tx) error {
		_, err := tx.Get("grant/1")
		return err
	})
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Equal(t, "grant/1", damaged.Key)
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("grant/1", nil) }), "it can be written anew")
}

func TestADamagedPieceIsNamed(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("plan", make([]byte, 5000)) }))
	flip(t, l, bucketPieces, pieceKey("plan", 3), 7)
	require.ErrorIs(t, l.View(func(tx *Tx) error {
		_, err := tx.Get("plan")
		return err
	}), ErrDamaged)
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Delete("plan") }))
}

func TestAValueInTheWrongPlaceIsDamaged(t *testing.T) {
	l := openLog(t, path(t), Options{})
	add(t, l, 1, door(1), door(2))
	require.NoError(t, l.db.Update(func(tx *bolt.Tx) error {
		b := bucket(tx, bucketEvents)
		return b.Put(numberKey(1), append([]byte(nil), b.Get(numberKey(2))...))
	}))
	_, err := l.Read(protocol.Events, 1, 1, 1)
	require.ErrorIs(t, err, ErrDamaged)
}

func TestAFileThatIsNoLogIsSetAside(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty":   {},
		"text":    []byte("not a log"),
		"zeros":   make([]byte, 64<<10),
		"garbage": bytes.Repeat([]byte{0xde, 0xad}, 40<<10),
	} {
		t.Run(name, func(t *testing.T) {
			path := path(t)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			l := openLog(t, path, Options{})
			kept, err := os.ReadFile(path + ".broken-1")
			require.NoError(t, err)
			require.Equal(t, content, kept)
			require.NotNil(t, l.Salvaged())
			require.Zero(t, l.Salvaged().Parent)
			require.Nil(t, l.Parent())
			events := readAll(t, l, protocol.Events)
			require.Len(t, events, 1)
			require.Equal(t, protocol.KindSalvaged, events[0].Kind)
			require.Equal(t, uint64(1), l.Boot())
			add(t, l, 1, door(1))
			require.NoError(t, l.Close())
			l = openLog(t, path, Options{})
			require.Nil(t, l.Salvaged(), "only once")
			require.Len(t, readAll(t, l, protocol.Events), 2)
		})
	}
}

func TestANewerFormatIsRefusedAndNotTouched(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	next := l.life
	next.Version = formatVersion + 1
	require.NoError(t, l.db.Update(func(tx *bolt.Tx) error { return putLife(tx, next) }))
	require.NoError(t, l.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, broken := range []bool{false, true} {
		if broken { // what a newer program needs may look broken to this one
			before[0x2000+3*4096] ^= 1
			for at := 2 * 4096; at < len(before); at += 4096 {
				before[at+12] ^= 1
			}
			require.NoError(t, os.WriteFile(path, before, 0o600))
		}
		_, err = Open(path, Options{})
		require.ErrorContains(t, err, "format 3 of the file, this program knows 2")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, after))
		_, err = os.Stat(path + ".broken-1")
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
}

func TestAHalfMadeFileIsMadeAgain(t *testing.T) {
	path := path(t)
	require.NoError(t, os.WriteFile(path+".new", make([]byte, 5000), 0o600))
	l := openLog(t, path, Options{})
	require.Equal(t, uint64(1), l.Boot())
	_, err := os.Stat(path + ".new")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAFileThatIsCutWhileOpenGivesErrors(t *testing.T) {
	path := path(t)
	l, err := Open(path, Options{})
	require.NoError(t, err)
	for i := range 100 {
		add(t, l, i, protocol.Booted{Software: string(make([]byte, 2000))})
	}
	require.NoError(t, os.Truncate(path, 8192))
	_, err = l.Read(protocol.Events, 1, 1000, 1<<20)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorIs(t, l.Update(Stamp{}, func(*Tx) error { return nil }), ErrDamaged, "it stays unusable")
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{})
	require.NotNil(t, l.Salvaged(), "and the lock is free again")
}

func TestAFailedCommitIsReadAgainBeforeTheNext(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	add(t, l, 1, door(1))
	// A descriptor that can only read makes each write fail.
	readOnly, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = readOnly.Close() })
	good := *l.db.file
	*l.db.file = *readOnly
	err = l.Update(Stamp{}, func(tx *Tx) error {
		_, err := tx.Append(door(2))
		return err
	})
	require.Error(t, err)
	*l.db.file = good
	require.Equal(t, uint64(2), add(t, l, 2, door(2)))
	require.Len(t, readAll(t, l, protocol.Events), 2)
}
