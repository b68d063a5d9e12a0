package strike_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meguri/edge/device/strike"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// relay is a pin that remembers its level; it fails the outputs that are listed, counted from 0.
type relay struct {
	gpio.PinIO // nil: nothing but Name and Out is to be called
	mu         sync.Mutex
	level      gpio.Level
	n          int
	fail       map[int]bool
}

func (r *relay) Name() string { return "RELAY" }

func (r *relay) Read() gpio.Level {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.level
}

var errWire = errors.New("wire is cut")

func (r *relay) Out(l gpio.Level) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.n
	r.n++
	if r.fail[n] {
		return errWire
	}
	r.level = l
	return nil
}

func TestAPulseEndsLow(t *testing.T) {
	pin := &relay{level: gpio.High}
	var during gpio.Level
	var slept time.Duration
	d, err := strike.New(pin, 3*time.Second, func(s time.Duration) { during, slept = pin.Read(), s })
	require.NoError(t, err)
	require.Equal(t, gpio.Low, pin.Read(), "at rest from the start")
	require.NoError(t, d.Fire())
	require.Equal(t, gpio.High, during)
	require.Equal(t, 3*time.Second, slept)
	require.Equal(t, gpio.Low, pin.Read())
}

func TestAPulseEndsLowWhenTheSleepPanics(t *testing.T) {
	pin := &relay{}
	d, err := strike.New(pin, time.Second, func(time.Duration) { panic("oh") })
	require.NoError(t, err)
	require.Panics(t, func() { _ = d.Fire() })
	require.Equal(t, gpio.Low, pin.Read())
}

func TestHaltEndsAPulseAndForbidsTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pin := &relay{}
		d, err := strike.New(pin, time.Second, nil)
		require.NoError(t, err)
		fired := make(chan error)
		go func() { fired <- d.Fire() }()
		synctest.Wait()
		require.Equal(t, gpio.High, pin.Read())
		require.ErrorIs(t, d.Fire(), strike.ErrBusy)
		require.NoError(t, d.Halt())
		require.Equal(t, gpio.Low, pin.Read())
		require.NoError(t, <-fired)
		require.Equal(t, gpio.Low, pin.Read())
		require.ErrorIs(t, d.Fire(), strike.ErrHalted)
	})
}

func TestARelayThatDoesNotObeyIsAnError(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		_, err := strike.New(&relay{fail: map[int]bool{0: true, 1: true, 2: true}}, time.Second, nil)
		require.ErrorIs(t, err, errWire)
	})
	t.Run("when it is to energise", func(t *testing.T) {
		r := &relay{fail: map[int]bool{1: true}}
		d, err := strike.New(r, time.Second, nil)
		require.NoError(t, err)
		require.ErrorIs(t, d.Fire(), errWire)
		require.Equal(t, gpio.Low, r.Read())
	})
	t.Run("when it is to let go, it is told again", func(t *testing.T) {
		r := &relay{fail: map[int]bool{2: true, 3: true}}
		d, err := strike.New(r, time.Second, func(time.Duration) {})
		require.NoError(t, err)
		require.NoError(t, d.Fire())
		require.Equal(t, gpio.Low, r.Read())
	})
	t.Run("when it does not let go at all", func(t *testing.T) {
		r := &relay{fail: map[int]bool{2: true, 3: true, 4: true}}
		d, err := strike.New(r, time.Second, func(time.Duration) {})
		require.NoError(t, err)
		err = d.Fire()
		require.ErrorIs(t, err, errWire)
		require.ErrorContains(t, err, "may be energised still")
	})
}

func TestAPulseHasABound(t *testing.T) {
	for _, pulse := range []time.Duration{-1, 0, time.Minute} {
		_, err := strike.New(&relay{}, pulse, nil)
		require.ErrorContains(t, err, "pulse", pulse)
	}
}
