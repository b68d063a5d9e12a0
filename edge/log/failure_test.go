package log

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// smallDisk is a directory on a disk of its own of so many bytes, in memory.
func smallDisk(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// TestAFullDiskRefusesAndRecovers fills a disk that is smaller than the log may get. Nobody else makes room: what the hub has
// acknowledged must be enough.
func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	for _, size := range []int{100, 2_000, 15_000} {
		l := openLog(t, filepath.Join(smallDisk(t, "2m"), "edge.db"), Options{MaxBytes: 64 << 20})
		for round := range 6 {
			n := 0
			var err error
			for ; err == nil; n++ {
				err = l.Update(stampAt(n), func(tx *Tx) error {
					_, err := tx.Append(protocol.Booted{Software: string(make([]byte, size))})
					return err
				})
			}
			require.ErrorIs(t, err, ErrFull)
			require.Greater(t, n, 20, "round %d: room comes back", round)
			p := position1(t, l, protocol.Events)
			require.NoError(t, l.DeleteUpTo(protocol.Events, p.First+(p.Next-p.First)*2/3), "round %d of %d bytes", round, size)
			readAll(t, l, protocol.Events)
		}
		require.NoError(t, l.Close())
		l = openLog(t, l.path, Options{MaxBytes: 64 << 20})
		readAll(t, l, protocol.Events)
		require.NoError(t, l.Close())
	}
}

func TestABrokenFileOnAFullDiskStaysWhereItIs(t *testing.T) {
	dir := smallDisk(t, "2m")
	path := filepath.Join(dir, "edge.db")
	l := openLog(t, path, Options{})
	for i := range 40 {
		add(t, l, i, protocol.Booted{Software: string(make([]byte, 9000))})
	}
	require.NoError(t, l.Close())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xff}, 20)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	other := filepath.Join(dir, "other")
	_ = os.WriteFile(other, make([]byte, 2<<20), 0o600) // fills the disk
	_, err = Open(path, Options{})
	require.ErrorIs(t, err, ErrFull)
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, b, now)
	require.NoError(t, os.Remove(other))
	l = openLog(t, path, Options{})
	require.NotNil(t, l.Salvaged())
	require.Len(t, readAll(t, l, protocol.Events), 41)
	require.NoError(t, l.Close())
}

func TestADiskThatOnlyReadsIsSaid(t *testing.T) {
	dir := smallDisk(t, "2m")
	path := filepath.Join(dir, "edge.db")
	l := openLog(t, path, Options{})
	add(t, l, 1, door(1))
	require.NoError(t, l.Close())
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=2m"))
	_, err := Open(path, Options{})
	require.ErrorIs(t, err, syscall.EROFS)
	require.NotErrorIs(t, err, ErrDamaged)
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=2m"))
	l = openLog(t, path, Options{})
	require.Len(t, readAll(t, l, protocol.Events), 1)
	require.NoError(t, l.Close())
}

// TestAFailedWriteOrSyncIsReadAgainBeforeTheNext puts something else under the number of the file's descriptor: a pipe, to which
// nothing can be written at a place, and a device that takes everything and cannot sync.
func TestAFailedWriteOrSyncIsReadAgainBeforeTheNext(t *testing.T) {
	for name, open := range map[string]func() (*os.File, error){
		"write": func() (*os.File, error) {
			r, w, err := os.Pipe()
			t.Cleanup(func() { require.NoError(t, r.Close()) })
			return w, err
		},
		"sync": func() (*os.File, error) { return os.OpenFile("/dev/zero", os.O_RDWR, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, path(t), Options{})
			add(t, l, 1, door(1))
			before, number := l.db.DB, int(l.db.file.Fd())
			good, err := syscall.Dup(number)
			require.NoError(t, err)
			bad, err := open()
			require.NoError(t, err)
			require.NoError(t, syscall.Dup3(int(bad.Fd()), number, syscall.O_CLOEXEC))
			err = l.Update(Stamp{}, func(tx *Tx) error {
				_, err := tx.Append(door(2))
				return err
			})
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrDamaged)
			require.NoError(t, syscall.Dup3(good, number, syscall.O_CLOEXEC))
			require.NoError(t, syscall.Close(good))
			require.NoError(t, bad.Close())
			require.Equal(t, uint64(2), add(t, l, 2, door(2)))
			require.NotSame(t, before, l.db.DB, "it was opened again")
			require.Len(t, readAll(t, l, protocol.Events), 2)
		})
	}
}
