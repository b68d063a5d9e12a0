// Package strike drives the relay of an electric strike: the bolt can be moved while the relay is energised.
package strike

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Errors of a strike.
var (
	ErrHalted = errors.New("strike is halted")
	ErrBusy   = errors.New("strike is firing already")
)

const (
	longestPulse = 30 * time.Second // a strike that needs longer is not one of ours
	letGo        = 3                // attempts to end a pulse
)

// Dev is one strike. It is safe for concurrent use.
type Dev struct {
	relay gpio.PinOut
	pulse time.Duration
	sleep func(time.Duration)

	mu     sync.Mutex
	firing bool
	halted bool
}

// New returns a strike whose relay is energised by a high level, and takes the pin as output at rest. pulse is how long it
// is energised, at most 30 s. sleep is time.Sleep when nil.
func New(relay gpio.PinOut, pulse time.Duration, sleep func(time.Duration)) (*Dev, error) {
	if pulse <= 0 || pulse > longestPulse {
		return nil, fmt.Errorf("strike at %s: pulse %s: want more than 0 and at most %s", relay.Name(), pulse, longestPulse)
	}
	if sleep == nil {
		sleep = time.Sleep
	}
	d := &Dev{relay: relay, pulse: pulse, sleep: sleep}
	if err := d.rest(); err != nil {
		return nil, err
	}
	return d, nil
}

// String names the relay's pin.
func (d *Dev) String() string { return "strike at " + d.relay.Name() }

// Fire energises the strike for the pulse and returns when it rests again. An error that is neither ErrHalted nor ErrBusy
// means that the relay may not have moved, or may not have let go, as the text says; the strike is then told to rest all the
// same.
func (d *Dev) Fire() error {
	if err := d.start(); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // sleep panicked: whatever happens, the door does not stay open
			_ = d.finish()
		}
	}()
	d.sleep(d.pulse)
	done = true
	return d.finish()
}

func (d *Dev) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.halted:
		return fmt.Errorf("%s: %w", d, ErrHalted)
	case d.firing:
		return fmt.Errorf("%s: %w", d, ErrBusy)
	}
	if err := d.relay.Out(gpio.High); err != nil {
		return errors.Join(fmt.Errorf("%s: energise: %w", d, err), d.rest())
	}
	d.firing = true
	return nil
}

func (d *Dev) finish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.firing = false
	return d.rest()
}

// Halt brings the strike to rest, also within a pulse; it does not fire again.
func (d *Dev) Halt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.halted = true
	return d.rest()
}

func (d *Dev) rest() error {
	var err error
	for range letGo {
		if err = d.relay.Out(gpio.Low); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: bring to rest, the relay may be energised still: %w", d, err)
}
