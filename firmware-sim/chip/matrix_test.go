package chip_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meguri/edge/device/keypad"
	"meguri/edge/device/matrix"
	"meguri/firmware-sim/chip"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"pgregory.net/rapid"
)

var phoneKeys = []string{"123", "456", "789", "*0#"}

// pad is a keypad with a real driver that reads it, and what it has typed.
type pad struct {
	*chip.Matrix
	typed strings.Builder
	codes []string
	dev   *matrix.Dev
	ended chan error
}

func newPad(t *testing.T, h *chip.Hardware, b *chip.Board) *pad {
	t.Helper()
	wires := func(names string) (outside []*chip.Pin, board []gpio.PinIO) {
		for _, n := range strings.Fields(names) {
			outside = append(outside, h.Pin(n))
			p, err := b.Pin(n)
			require.NoError(t, err)
			board = append(board, p)
		}
		return outside, board
	}
	rows, myRows := wires("R1 R2 R3 R4")
	columns, myColumns := wires("C1 C2 C3")
	p := &pad{Matrix: chip.NewMatrix(rows, columns, phoneKeys), ended: make(chan error, 1)}
	var err error
	p.dev, err = matrix.New(myRows, myColumns, phoneKeys, nil)
	require.NoError(t, err)
	go func() {
		p.ended <- keypad.New(tee{p}, nil).Run(t.Context(), func(c string) { p.codes = append(p.codes, c) })
	}()
	return p
}

// tee keeps what a keypad typed.
type tee struct{ *pad }

func (r tee) Read(b []byte) (int, error) {
	n, err := r.dev.Read(b)
	r.typed.Write(b[:n])
	return n, err
}

// tap is a finger that stays for so long, and a moment between two keys.
func (p *pad) tap(keys string, stay time.Duration) {
	for _, k := range []byte(keys) {
		p.Press(k)
		time.Sleep(stay)
		p.Release(k)
		time.Sleep(60 * time.Millisecond)
	}
}

func (p *pad) close(t *testing.T) {
	t.Helper()
	require.NoError(t, p.dev.Close())
	require.ErrorIs(t, <-p.ended, matrix.ErrClosed)
}

func TestDriverReadsAMatrixKeypad(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		p := newPad(t, h, b)
		p.tap("1234567890#", 60*time.Millisecond)
		p.tap("55*77#", 60*time.Millisecond)
		p.tap("8", 5*time.Second) // held: one key
		p.close(t)
		require.Equal(t, "1234567890#55*77#8", p.typed.String())
		require.Equal(t, []string{"1234567890", "77"}, p.codes)
		for _, r := range []string{"R1", "R2", "R3", "R4"} {
			require.Equal(t, gpio.High, h.Pin(r).Level(), "the board has let go of it")
		}
	})
}

// Contacts bounce, keys wear, and people press two at once: a key may then be lost, and no other is typed in its place.
func TestAHalfReadKeyIsNoOtherKey(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		p := newPad(t, h, b)
		for range 7 { // bounces, each shorter than two looks
			p.tap("5", 3*time.Millisecond)
			p.Press('5')
			time.Sleep(time.Millisecond)
		}
		time.Sleep(60 * time.Millisecond)
		p.Release('5')
		time.Sleep(60 * time.Millisecond)
		require.Empty(t, strings.Trim(p.typed.String(), "5"))
		p.typed.Reset()
		p.SetWorn('7')
		p.tap("7777", 100*time.Millisecond)
		require.Empty(t, strings.Trim(p.typed.String(), "7"))
		p.SetWorn(0)
		p.typed.Reset()
		for _, k := range []byte("124") { // three corners: 5 seems down, too
			p.Press(k)
		}
		time.Sleep(time.Second)
		require.NotContains(t, p.typed.String(), "5")
		for _, k := range []byte("124") {
			p.Release(k)
		}
		time.Sleep(100 * time.Millisecond)
		p.typed.Reset()
		p.tap("9", 60*time.Millisecond)
		require.Equal(t, "9", p.typed.String())
		p.close(t)
	})
}

func TestAMatrixWithoutABoardIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		p := newPad(t, h, b)
		synctest.Wait()
		require.NoError(t, b.Close())
		p.Press('1')
		require.ErrorIs(t, <-p.ended, chip.ErrClosed)
	})
	require.ErrorContains(t, matrix.CheckKeys(2, 3, []string{"123"}), "want 2")
	require.ErrorContains(t, matrix.CheckKeys(1, 3, []string{"12"}), "want 3")
	require.ErrorContains(t, matrix.CheckKeys(1, 3, []string{"121"}), "twice")
}

// Keys that a serial keypad loses make a shorter code, which no grant matches, and no longer one.
func TestKeysHalfReadOnALine(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		line := h.Stream("lock")
		s, err := b.Stream("lock")
		require.NoError(t, err)
		var codes []string
		ended := make(chan error)
		go func() { ended <- keypad.New(s, nil).Run(t.Context(), func(c string) { codes = append(codes, c) }) }()
		line.SetHalfRead(3)
		require.NoError(t, line.Type("1234567##"))
		synctest.Wait()
		require.Equal(t, []string{"12457"}, codes)
		line.SetUnplugged(true)
		require.ErrorIs(t, <-ended, chip.ErrClosed)
		_, err = b.Stream("lock")
		require.ErrorContains(t, err, "no such device")
		line.SetUnplugged(false)
		_, err = b.Stream("lock")
		require.NoError(t, err)
	})
}

// Whatever fingers do, no key is typed that was never down.
func TestOnlyKeysThatWereDownAreTyped(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		keys := rapid.SliceOfN(rapid.SampledFrom([]byte("1234567890*#")), 1, 30).Draw(r, "keys")
		stays := rapid.SliceOfN(rapid.IntRange(1, 80), len(keys), len(keys)).Draw(r, "milliseconds")
		bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
			p := newPad(t, h, b)
			down := map[byte]bool{}
			for i, k := range keys {
				if down[k] = !down[k]; down[k] {
					p.Press(k)
				} else {
					p.Release(k)
				}
				time.Sleep(time.Duration(stays[i]) * time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond)
			p.close(t)
			for _, typed := range []byte(p.typed.String()) {
				require.Contains(t, string(keys), string(typed))
			}
		})
	})
}
