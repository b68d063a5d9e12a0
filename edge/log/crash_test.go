package log

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// appendForEver is the child of the crash test: it prints each number after Update has returned. Every event changes local
// state in the same transaction, and now and then the oldest are deleted.
func appendForEver(path string) int {
	l, err := Open(path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		var event, reading uint64
		err := l.Update(Stamp{}, func(tx *Tx) (err error) {
			if reading, err = tx.Append(sample(4000)); err != nil {
				return err
			}
			if event, err = tx.Append(door(1)); err != nil {
				return err
			}
			return tx.Put("last", fmt.Append(nil, event))
		})
		if err == nil && event%50 == 0 {
			err = l.DeleteUpTo(protocol.Readings, reading-20)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(event)
	}
}

func TestWhatUpdateReturnedSurvivesKill9(t *testing.T) {
	path := path(t)
	printed := uint64(0)
	for round := range 8 {
		printed = max(printed, appendAndKill(t, path, rand.N(120*time.Millisecond)))

		l, err := Open(path, Options{})
		require.NoError(t, err, "round %d", round)
		events := readAll(t, l, protocol.Events) // checks numbers and the hash chain
		require.GreaterOrEqual(t, uint64(len(events)), printed, "everything that was printed is there")
		require.NoError(t, l.View(func(tx *Tx) error {
			last, err := tx.Get("last")
			require.NoError(t, err)
			if len(events) > 0 {
				require.Equal(t, fmt.Sprint(len(events)), string(last), "state and records agree")
			}
			return nil
		}))
		readAll(t, l, protocol.Readings)
		require.NoError(t, l.Close())
	}
	require.NotZero(t, printed)
}

// appendAndKill starts a child on path, kills it some time after its first line, and gives the highest number it printed.
func appendAndKill(t *testing.T, path string, after time.Duration) (printed uint64) {
	t.Helper()
	child := self()
	child.Env = append(os.Environ(), "MEGURI_CRASH_FILE="+path)
	var complaints strings.Builder
	child.Stderr = &complaints
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if printed == 0 {
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
		_, err := fmt.Sscan(lines.Text(), &printed)
		require.NoError(t, err)
	}
	require.ErrorContains(t, child.Wait(), "killed")
	require.Empty(t, complaints.String())
	return printed
}
