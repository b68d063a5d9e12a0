// Package clock hands time to the programs, so that a whole day can be run in a minute with the same code that runs in
// real time. Rules do not use it: they take now as an argument.
package clock

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Clock tells the time and waits. The zero value is the real clock.
//
// A clock made by Parse runs rate times as fast as the machine's own, starting from start at the machine's instant
// anchor. Two processes given the same text agree on the time, and one that was killed and started again is on time. It holds
// 292 years of its own time, which at rate 100000 is a day of the machine's.
type Clock struct {
	anchor time.Time
	start  time.Time
	rate   int64 // 0 is the machine's own clock
	fault  *Fault
}

// Real returns the machine's own clock.
func Real() Clock { return Clock{} }

// New returns a clock that shows start at the machine's instant anchor and runs rate times as fast; 0 is the real clock.
func New(anchor, start time.Time, rate int64) Clock {
	return Clock{anchor: anchor, start: start, rate: rate}
}

// Parse reads the text made by String: empty for the real clock, else "START@ANCHOR*RATE" with START and ANCHOR in
// RFC 3339 and RATE a whole number from 1 to 100000.
func Parse(text string) (Clock, error) {
	if text == "" {
		return Clock{}, nil
	}
	startText, rest, ok := strings.Cut(text, "@")
	anchorText, rateText, ok2 := strings.Cut(rest, "*")
	if !ok || !ok2 {
		return Clock{}, fmt.Errorf("clock %q: want START@ANCHOR*RATE", text)
	}
	start, err := time.Parse(time.RFC3339Nano, startText)
	if err != nil {
		return Clock{}, fmt.Errorf("clock %q: start: %w", text, err)
	}
	anchor, err := time.Parse(time.RFC3339Nano, anchorText)
	if err != nil {
		return Clock{}, fmt.Errorf("clock %q: anchor: %w", text, err)
	}
	rate, err := strconv.ParseInt(rateText, 10, 64)
	if err != nil || rate < 1 || rate > 100_000 {
		return Clock{}, fmt.Errorf("clock %q: rate %q: want a whole number from 1 to 100000", text, rateText)
	}
	return New(anchor, start, rate), nil
}

// String is the text that Parse reads.
func (c Clock) String() string {
	if c.rate == 0 {
		return ""
	}
	return fmt.Sprintf("%s@%s*%d", c.start.UTC().Format(time.RFC3339Nano), c.anchor.UTC().Format(time.RFC3339Nano), c.rate)
}

// Now is the current time, in UTC and without a monotonic part.
func (c Clock) Now() time.Time {
	if c.rate == 0 {
		return c.stepped(time.Now().UTC().Round(0))
	}
	return c.stepped(c.start.Add(c.drifted(time.Since(c.anchor) * time.Duration(c.rate))).UTC())
}

// Stopwatch gives a function that tells how much of this clock's time has passed since. It never goes back, whatever
// happens to the wall clock.
func (c Clock) Stopwatch() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return c.drifted(time.Since(start) * time.Duration(max(c.rate, 1))) }
}

// Real is how long d of this clock takes on the machine's own.
func (c Clock) Real(d time.Duration) time.Duration {
	if c.rate == 0 {
		return d
	}
	return d / time.Duration(c.rate)
}

// After is time.After on this clock. Like it, an unread timer is collected when it has fired.
func (c Clock) After(d time.Duration) <-chan time.Time { return time.After(c.Real(d)) }

// Sleep waits for d, or until ctx ends and returns its error.
func (c Clock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(c.Real(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Ticker is time.NewTicker on this clock; d must be positive.
func (c Clock) Ticker(d time.Duration) *time.Ticker {
	return time.NewTicker(max(c.Real(d), time.Microsecond))
}

// WithTimeout is context.WithTimeout on this clock.
func (c Clock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.Real(d))
}
