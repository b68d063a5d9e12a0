// Package contact reads a switch to ground: of a door, a bolt, a lid, or of a mains relay. The pin is pulled up, so a cut
// wire reads as open, never as closed.
package contact

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

const (
	// look is how often the level is read when no edge comes. It bounds what a lost edge costs and, on a pin that Halt does not
	// wake, how long Watch takes to see that its context has ended.
	look = time.Second
	// poll is how often the level is read where the pin has no edges.
	poll = 10 * time.Millisecond
	// restless is how many debounce times a contact may chatter before it is called open.
	restless = 100
)

// Dev is one contact.
type Dev struct {
	pin      gpio.PinIn
	debounce time.Duration
	edges    bool
}

// New sets the pin up as an input, with pull-up and edges as far as it has them. debounce is how long the level must stay the
// same before it counts, in the machine's own time (of a faster clock: clock.Real(20 * time.Millisecond)); common door and
// lid switches bounce for 1 to 10 ms.
func New(pin gpio.PinIn, debounce time.Duration) (*Dev, error) {
	if debounce <= 0 || debounce > time.Second {
		return nil, fmt.Errorf("contact at %s: debounce %s: want more than 0 and at most 1s", pin.Name(), debounce)
	}
	d := &Dev{pin: pin, debounce: debounce}
	if err := d.setUp(); err != nil {
		return nil, err
	}
	return d, nil
}

// setUp tries what a pin may offer, the best first: sysfs pins have edges and no pull-up, some expanders neither edges.
func (d *Dev) setUp() error {
	var first error
	for _, try := range []struct {
		pull gpio.Pull
		edge gpio.Edge
	}{{gpio.PullUp, gpio.BothEdges}, {gpio.PullNoChange, gpio.BothEdges}, {gpio.PullUp, gpio.NoEdge}, {gpio.PullNoChange, gpio.NoEdge}} {
		err := d.pin.In(try.pull, try.edge)
		if err == nil {
			d.edges = try.edge != gpio.NoEdge
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("contact at %s: set up as an input: %w", d.pin.Name(), first)
}

// String names the pin.
func (d *Dev) String() string { return "contact at " + d.pin.Name() }

// Halt wakes a waiting pin.
func (d *Dev) Halt() error { return d.pin.Halt() }

// Closed says whether the contact is closed this moment, without debouncing.
func (d *Dev) Closed() bool { return d.pin.Read() == gpio.Low }

// Watch calls fn with the settled state, at once and then whenever it has changed, until ctx ends, whose error it returns, or
// the pin fails. A contact that never settles is called open. One Watch may run at a time.
func (d *Dev) Watch(ctx context.Context, fn func(closed bool)) error {
	defer context.AfterFunc(ctx, func() { _ = d.pin.Halt() })()
	closed, err := d.settle(ctx)
	if err != nil {
		return err
	}
	fn(closed)
	for {
		if _, err := d.waitEdge(ctx, look); err != nil {
			return err
		}
		if d.Closed() == closed {
			continue
		}
		now, err := d.settle(ctx)
		if err != nil {
			return err
		}
		if now != closed {
			closed = now
			fn(closed)
		}
	}
}

// settle waits until the level has been the same for the debounce time.
func (d *Dev) settle(ctx context.Context) (bool, error) {
	closed := d.Closed()
	for range restless {
		edge, err := d.waitEdge(ctx, d.debounce)
		if err != nil {
			return false, err
		}
		now := d.Closed()
		if now == closed && !edge {
			return closed, nil
		}
		closed = now
	}
	return false, nil
}

// waitEdge waits for span, and says whether the level moved within it. On a pin with edges it returns at the first.
func (d *Dev) waitEdge(ctx context.Context, span time.Duration) (edge bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !d.edges {
		return d.polled(ctx, span)
	}
	begun := time.Now()
	if d.pin.WaitForEdge(span) {
		return true, ctx.Err()
	}
	rest := span - time.Since(begun)
	if rest <= 0 || ctx.Err() != nil {
		return false, ctx.Err()
	}
	// A pin that counts in whole milliseconds comes back early; one that has failed comes back at once, and says so only here.
	if rest > time.Millisecond {
		if err := d.setUp(); err != nil {
			return false, err
		}
	}
	return false, sleep(ctx, rest)
}

func (d *Dev) polled(ctx context.Context, span time.Duration) (moved bool, err error) {
	was, step := d.Closed(), min(poll, span)
	for left := span; left > 0 && !moved; left -= step {
		if err := sleep(ctx, min(left, step)); err != nil {
			return false, err
		}
		moved = d.Closed() != was
	}
	return moved, nil
}

func sleep(ctx context.Context, span time.Duration) error {
	t := time.NewTimer(span)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
