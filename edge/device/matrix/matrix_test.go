package matrix_test

import (
	"errors"
	"testing"
	"time"

	"meguri/edge/device/matrix"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

// More of it, on simulated keys, is in firmware-sim/chip.

// broken is a pin that cannot be driven.
type broken struct {
	gpiotest.Pin
	err error
}

func (b *broken) Out(l gpio.Level) error {
	if b.err != nil {
		return b.err
	}
	return b.Pin.Out(l)
}

func TestAPinThatFailsIsNamedAndTheNextReadSetsAllUpAnew(t *testing.T) {
	gone := errors.New("gone")
	row := &broken{Pin: gpiotest.Pin{N: "R1"}, err: gone}
	column := &gpiotest.Pin{N: "C1", L: gpio.Low}
	looks := 0
	d, err := matrix.New([]gpio.PinIO{row}, []gpio.PinIO{column}, []string{"1"}, func(time.Duration) {
		if looks++; looks < 100 {
			column.L = gpio.Low // gpiotest's pull-up lifts it
		}
	})
	require.NoError(t, err)
	require.Equal(t, "matrix keypad at R1", d.String())
	_, err = d.Read(make([]byte, 1))
	require.ErrorIs(t, err, gone)
	require.ErrorContains(t, err, "drive row 0")
	row.err = nil
	var key [1]byte
	n, err := d.Read(key[:])
	require.NoError(t, err)
	require.Equal(t, "1", string(key[:n]))
	require.NoError(t, d.Halt())
	_, err = d.Read(key[:])
	require.ErrorIs(t, err, matrix.ErrClosed)
}

func TestPinsWithoutKeysAreRefused(t *testing.T) {
	p := []gpio.PinIO{&gpiotest.Pin{}}
	for _, err := range []error{
		second(matrix.New(nil, p, nil, nil)), second(matrix.New(p, nil, []string{""}, nil)), second(matrix.New(p, p, []string{" "}, nil)),
		second(matrix.New(make([]gpio.PinIO, 9), p, nil, nil)), second(matrix.New(p, p, []string{"12"}, nil)),
	} {
		require.Error(t, err)
	}
}

func second(_ *matrix.Dev, err error) error { return err }
