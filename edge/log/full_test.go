package log

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// TestADiskWithoutRoomRefusesAndRecovers bounds the size of any file of a process, which a write feels like a full disk. It is a
// process of its own, for the test's own writes would feel it, too.
func TestADiskWithoutRoomRefusesAndRecovers(t *testing.T) {
	const child = "MEGURI_TEST_SMALL_FILES"
	if os.Getenv(child) == "" {
		c := self("-test.run", "^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), child+"=1")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	l := openLog(t, path(t), Options{})
	add(t, l, 0, door(0))
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	signal.Ignore(syscall.SIGXFSZ)
	bound := func(r syscall.Rlimit) { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &r)) }
	bound(syscall.Rlimit{Cur: 600_000, Max: old.Max})
	defer func() {
		bound(old)
		signal.Reset(syscall.SIGXFSZ)
	}()

	n := 1
	var err error
	for ; err == nil; n++ {
		err = l.Update(stampAt(n), func(tx *Tx) error {
			_, err := tx.Append(protocol.Booted{Software: string(make([]byte, 5000))})
			return err
		})
	}
	n--
	require.ErrorIs(t, err, ErrFull)
	require.Len(t, readAll(t, l, protocol.Events), n, "what was refused is not there")
	require.NoError(t, l.DeleteUpTo(protocol.Events, uint64(n/2)), "room can be made on a full disk")
	add(t, l, n, door(n))
	require.Len(t, readAll(t, l, protocol.Events), n-n/2+1)

	bound(old)
	for i := range 100 {
		add(t, l, i, protocol.Booted{Software: string(make([]byte, 5000))})
	}
	readAll(t, l, protocol.Events)
}
