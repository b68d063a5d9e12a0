package log

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
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
			require.Equal(t, protocol.Thinned{From: 6, To: 6, FromWall: all[4].Wall, ToWall: all[4].Wall}, stand)
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

func TestAFileThatIsNoLogIsRefusedAndKept(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty":   {},
		"text":    []byte("not a log"),
		"zeros":   make([]byte, 64<<10),
		"garbage": bytes.Repeat([]byte{0xde, 0xad}, 40<<10),
	} {
		t.Run(name, func(t *testing.T) {
			path := path(t)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			_, err := Open(path, Options{})
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, path)
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, now)
		})
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	next := l.life
	next.Version = formatVersion + 1
	require.NoError(t, l.db.Update(func(tx *bolt.Tx) error { return putMeta(tx, keyLife, next) }))
	require.NoError(t, l.Close())
	_, err := Open(path, Options{})
	require.ErrorContains(t, err, "format 2")
}

func TestAHalfMadeFileIsMadeAgain(t *testing.T) {
	path := path(t)
	require.NoError(t, os.WriteFile(path+".new", make([]byte, 5000), 0o600))
	l := openLog(t, path, Options{})
	require.Equal(t, uint64(1), l.Boot())
	_, err := os.Stat(path + ".new")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestDamagedPagesNeverPanic zeroes, overwrites and cuts pages of good files. Whatever Open and the methods then answer,
// they answer: no panic, no fault, no wait.
func TestDamagedPagesNeverPanic(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{MaxBytes: 1 << 20})
	for i := range 60 {
		add(t, l, i, door(i), sample(int64(i)), protocol.Booted{Software: string(make([]byte, 2000))})
		require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("k", make([]byte, 100*i)) }))
	}
	require.NoError(t, l.DeleteUpTo(protocol.Events, 50))
	require.NoError(t, l.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(5, 6))
	refused := 0
	for range 150 {
		bad := append([]byte(nil), good...)
		page := random.IntN(len(bad)/4096) * 4096
		switch random.IntN(4) {
		case 0:
			clear(bad[page : page+4096])
		case 1:
			bad = bad[:page+random.IntN(4096)]
		case 2:
			bad[page+random.IntN(4096)] ^= 1 << random.IntN(8)
		case 3:
			for i := range 64 {
				bad[page+i] = byte(random.IntN(256))
			}
		}
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		if useDamaged(t, path) != nil {
			refused++
		}
	}
	require.NotZero(t, refused)
	t.Logf("%d of 150 refused", refused)
}

func useDamaged(t *testing.T, path string) error {
	l, err := Open(path, Options{MaxBytes: 1 << 20})
	if err != nil {
		return err
	}
	var all []error
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		p := position1(t, l, id)
		for from := p.First; from < p.Next; from++ {
			_, err := l.Read(id, from, 10, 1000)
			all = append(all, err)
		}
	}
	all = append(all, l.Update(Stamp{}, func(tx *Tx) error {
		_, err := tx.Append(door(1))
		_, _ = tx.Get("k")
		return errors.Join(err, tx.Put("k", nil))
	}), l.DeleteUpTo(protocol.Events, 100), l.Renew(), l.Close())
	return errors.Join(all...)
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
	_, err = Open(path, Options{})
	require.ErrorIs(t, err, ErrDamaged, "and the lock is free again")
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
