package scenario

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/chip"
	"meguri/firmware-sim/fleet"
	"meguri/internal/clock"
)

// device is a reader with a display whose agent answers each scan by a script; a scan without an answer stays unanswered.
type device struct {
	terminal
	board *chip.Board
	heard []string
}

const refusal = "\a"

// newDevice must be called in a synctest bubble.
func newDevice(t *testing.T, answer func(n int, scan string) string) *device {
	t.Helper()
	h := chip.New(nil)
	d := &device{terminal: terminal{Terminal: &fleet.Terminal{Keys: h.Stream("in"), Display: h.Stream("out")}, clock: clock.Real()}}
	d.power(t, h, answer)
	return d
}

func (d *device) power(t *testing.T, h *chip.Hardware, answer func(int, string) string) {
	t.Helper()
	var err error
	d.board, err = h.Open(t.Context())
	require.NoError(t, err)
	in, err := d.board.Stream("in")
	require.NoError(t, err)
	out, err := d.board.Stream("out")
	require.NoError(t, err)
	go func() {
		for r := bufio.NewReader(in); ; {
			scan, err := r.ReadString('\r')
			if err != nil {
				return
			}
			d.heard = append(d.heard, strings.TrimSuffix(scan, "\r"))
			if line := answer(len(d.heard), scan); line != "" {
				_, _ = io.WriteString(out, line+"\n") // the board may be closed
			}
		}
	}()
}

func takes(int, string) string { return "thank you" }

func TestCodesAreScannedOneAfterAnotherUntilTheLastIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, takes)
		defer func() { require.NoError(t, d.board.Close()) }()
		require.NoError(t, d.scan(t.Context(), "box", "slot"))
		require.Equal(t, []string{"box", "slot"}, d.heard)
	})
}

func TestARefusedPersonWaitsAndBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, func(n int, _ string) string {
			if n == 2 {
				return refusal + "not planned"
			}
			return "thank you"
		})
		defer func() { require.NoError(t, d.board.Close()) }()
		began := time.Now()
		require.NoError(t, d.scan(t.Context(), "box", "slot"))
		require.Equal(t, []string{"box", "slot", "box", "slot"}, d.heard)
		require.Equal(t, pauseFor, time.Since(began))
	})
}

func TestWhatIsDoneAlreadyIsAsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, func(int, string) string { return refusal + "You have this box already." })
		defer func() { require.NoError(t, d.board.Close()) }()
		require.NoError(t, d.scan(t.Context(), "box"))
		require.Len(t, d.heard, 1)
	})
}

func TestAPersonGivesUpInTheEndAndSaysWhatTheLastAnswerWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, func(int, string) string { return refusal + "wrong slot" })
		defer func() { require.NoError(t, d.board.Close()) }()
		err := d.scan(t.Context(), "box")
		require.ErrorContains(t, err, "wrong slot")
		require.Len(t, d.heard, patience)
	})
}

func TestADeadDeviceIsTriedAgainUntilItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := chip.New(nil)
		d := &device{terminal: terminal{Terminal: &fleet.Terminal{Keys: h.Stream("in"), Display: h.Stream("out")}, clock: clock.Real()}}
		done := make(chan error, 1)
		go func() { done <- d.scan(t.Context(), "box") }()
		require.NoError(t, clock.Real().Sleep(t.Context(), 3*pauseFor+time.Second))
		require.Empty(t, done)
		d.power(t, h, takes)
		require.NoError(t, <-done)
		require.NoError(t, d.board.Close())
	})
}

func TestASilentDeviceIsNotWaitedForLongerThanAnybodyWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, func(n int, _ string) string {
			if n == 1 {
				return ""
			}
			return "thank you"
		})
		defer func() { require.NoError(t, d.board.Close()) }()
		began := time.Now()
		require.NoError(t, d.scan(t.Context(), "box"))
		require.Equal(t, answerWithin+pauseFor, time.Since(began))
	})
}

func TestWhoIsToldToStopStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, func(int, string) string { return refusal + "no" })
		defer func() { require.NoError(t, d.board.Close()) }()
		ctx, cancel := context.WithTimeout(t.Context(), pauseFor/2)
		defer cancel()
		require.ErrorIs(t, d.scan(ctx, "box"), context.DeadlineExceeded)
	})
}
