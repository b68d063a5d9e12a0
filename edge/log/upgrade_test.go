package log

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// golden writes a file that the program of version 1 made: full, in its second boot, with readings thinned.
func golden(t *testing.T) (path1 string) {
	t.Helper()
	packed, err := os.Open("testdata/v1-full.db.gz")
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	r, err := gzip.NewReader(packed)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	path := path(t)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

func TestAFullFileOfTheVersionBeforeIsRaisedInPlace(t *testing.T) {
	path := golden(t)
	o := Options{MaxBytes: 1 << 20}
	l := openLog(t, path, o)
	require.Nil(t, l.Salvaged())
	require.Equal(t, "8b0d4b8c978bcd76aa7bc1ee6e4a748f", l.Incarnation().String())
	require.Equal(t, uint64(3), l.Boot())
	held := func() {
		events := readAll(t, l, protocol.Events)
		require.Len(t, events, 461-12)
		require.Equal(t, uint64(12), events[0].Number)
		require.Len(t, readAll(t, l, protocol.Readings), 3220-2387)
		require.NoError(t, l.View(func(tx *Tx) error {
			v, err := tx.Get("state/station")
			require.NoError(t, err)
			require.Equal(t, "used 3 times", string(v))
			v, err = tx.Get("plan/part/2")
			require.Len(t, v, 5038)
			return err
		}))
	}
	held()
	require.Zero(t, fillEvents(t, l), "it is as full as before")
	require.NoError(t, l.Update(stampAt(1), func(tx *Tx) error { return tx.Put("state/station", []byte("used 3 times")) }))
	require.NoError(t, l.Close())
	l = openLog(t, path, o)
	held()
	require.Equal(t, uint64(formatVersion), l.life.Version)
	require.NoError(t, l.DeleteUpTo(protocol.Events, 400))
	require.NoError(t, l.Renew())
	require.Len(t, readAll(t, l, protocol.Events), 60)
}

// TestAnOlderProgramRefusesTheFileAsItIs holds what the program of version 1 looks at first: it finds a version that is not its
// own, and leaves the file alone. (Run against that program: "format 2 of the file: this program knows 1", no byte changed.)
func TestAnOlderProgramRefusesTheFileAsItIs(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.NoError(t, l.db.View(func(tx *bolt.Tx) error {
		stored := tx.Bucket([]byte("meta")).Get([]byte("life"))
		content, ok := unseal("meta", []byte("life"), stored)
		require.True(t, ok)
		var old struct {
			Version uint64 `cbor:"1,keyasint"`
		}
		require.NoError(t, protocol.DecodeBody(content, &old))
		require.Equal(t, uint64(2), old.Version)
		return nil
	}))
}

func TestABrokenFileOfTheVersionBeforeIsSalvagedWithoutState(t *testing.T) {
	path := golden(t)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[20] ^= 1 // a meta page
	require.NoError(t, os.WriteFile(path, b, 0o600))
	l := openLog(t, path, Options{MaxBytes: 1 << 20})
	s := l.Salvaged()
	require.NotNil(t, s)
	require.Contains(t, s.Reason, "local state is lost", "nothing proves that it is the last")
	require.Empty(t, s.Lost)
	require.Equal(t, &protocol.Parent{Incarnation: s.Parent, Events: 12, Readings: 2387}, l.Parent())
	require.Len(t, readAll(t, l, protocol.Events), 461-12+1)
	require.Len(t, readAll(t, l, protocol.Readings), 3220-2387)
	require.Equal(t, uint64(3), l.Boot())
}
