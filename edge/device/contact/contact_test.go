package contact_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meguri/edge/device/contact"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// pin is a pin whose level the test sets. Its kinds differ in what they can do, as real ones.
type pin struct {
	gpio.PinIO
	noPull, noEdge bool // refuses them
	deaf           bool // loses all edges
	wholeMS        bool // counts the waits in whole milliseconds, as sysfs does

	mu     sync.Mutex
	level  gpio.Level
	failed error
	edge   chan struct{} // capacity 1
}

func newPin() *pin { return &pin{level: gpio.High, edge: make(chan struct{}, 1)} }

func (p *pin) Name() string { return "GPIO17" }
func (p *pin) Halt() error  { return nil }

func (p *pin) In(pull gpio.Pull, edge gpio.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.failed != nil:
		return p.failed
	case p.noPull && pull == gpio.PullUp:
		return errors.New("no pull-up")
	case p.noEdge && edge != gpio.NoEdge:
		return errors.New("no edges")
	}
	return nil
}

func (p *pin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

func (p *pin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	failed := p.failed
	p.mu.Unlock()
	if failed != nil {
		return false
	}
	if timeout <= 0 {
		panic("0 and -1 mean different things on different pins")
	}
	if p.wholeMS {
		timeout = timeout.Truncate(time.Millisecond)
	}
	select {
	case <-p.edge:
		return true
	case <-time.After(timeout):
		return false
	}
}

func (p *pin) set(closed bool) {
	p.mu.Lock()
	p.level = gpio.Level(!closed)
	p.mu.Unlock()
	if p.deaf || p.noEdge {
		return
	}
	select {
	case p.edge <- struct{}{}:
	default:
	}
}

func (p *pin) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = err
}

const debounce = 20 * time.Millisecond

// watch runs fn in a bubble with a watch over a pin; seen returns what the watch has said since the last call.
func watch(t *testing.T, prepare func(*pin), fn func(t *testing.T, p *pin, seen func() []bool)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPin() // in the bubble, because of its channel
		prepare(p)
		d, err := contact.New(p, debounce)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var said []bool
		done := make(chan error)
		go func() {
			done <- d.Watch(ctx, func(closed bool) {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, closed)
			})
		}()
		fn(t, p, func() []bool {
			mu.Lock()
			defer mu.Unlock()
			s := said
			said = nil
			return s
		})
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func TestEveryKindOfPin(t *testing.T) {
	for name, kind := range map[string]func(*pin){
		"with pull-up and edges":       func(*pin) {},
		"edges without pull-up":        func(p *pin) { p.noPull = true },
		"neither pull-up nor edges":    func(p *pin) { p.noPull, p.noEdge = true, true },
		"edges get lost":               func(p *pin) { p.deaf = true },
		"waits are whole milliseconds": func(p *pin) { p.wholeMS = true },
	} {
		t.Run(name, func(t *testing.T) {
			watch(t, func(p *pin) { kind(p); p.set(true) }, func(t *testing.T, p *pin, seen func() []bool) {
				time.Sleep(2 * time.Second)
				require.Equal(t, []bool{true}, seen(), "the first word tells the state")
				p.set(false)
				time.Sleep(2 * time.Second)
				require.Equal(t, []bool{false}, seen())
				p.set(true)
				time.Sleep(2 * time.Second)
				require.Equal(t, []bool{true}, seen())
			})
		})
	}
}

func TestABouncingContactIsOneChange(t *testing.T) {
	watch(t, func(*pin) {}, func(t *testing.T, p *pin, seen func() []bool) {
		time.Sleep(time.Second)
		require.Equal(t, []bool{false}, seen())
		for i := range 11 { // 10 ms of bouncing, ends closed
			p.set(i%2 == 0)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(debounce)
		require.Equal(t, []bool{true}, seen())
	})
}

func TestAShortGlitchIsNoChange(t *testing.T) {
	watch(t, func(*pin) {}, func(t *testing.T, p *pin, seen func() []bool) {
		time.Sleep(time.Second)
		seen()
		p.set(true)
		time.Sleep(debounce / 2)
		p.set(false)
		time.Sleep(time.Second)
		require.Empty(t, seen())
	})
}

func TestAContactThatNeverSettlesIsOpen(t *testing.T) {
	watch(t, func(p *pin) { p.set(true) }, func(t *testing.T, p *pin, seen func() []bool) {
		time.Sleep(time.Second)
		require.Equal(t, []bool{true}, seen())
		for range 500 {
			p.set(false)
			time.Sleep(debounce / 3)
			p.set(true)
			time.Sleep(debounce / 3)
		}
		require.Contains(t, seen(), false)
	})
}

func TestAPinThatFailsEndsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPin()
		d, err := contact.New(p, debounce)
		require.NoError(t, err)
		done := make(chan error)
		go func() { done <- d.Watch(t.Context(), func(bool) {}) }()
		time.Sleep(time.Second)
		gone := errors.New("expander is gone")
		p.fail(gone)
		require.ErrorIs(t, <-done, gone)
	})
}

func TestAPinThatCannotBeSetUpIsAnError(t *testing.T) {
	p := newPin()
	p.fail(errors.New("line is in use"))
	_, err := contact.New(p, debounce)
	require.ErrorContains(t, err, "line is in use")
	for _, bad := range []time.Duration{0, -1, time.Minute} {
		_, err := contact.New(newPin(), bad)
		require.ErrorContains(t, err, "debounce")
	}
}
