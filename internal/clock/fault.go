package clock

import (
	"sync/atomic"
	"time"
)

// Fault is what is wrong with a clock: a quartz that drifts, and a wall time that somebody steps. It is for simulations; it may
// be changed while the clock runs.
type Fault struct {
	// PPM is how many parts in a million the clock runs too fast; below 0 too slow. It stays as it is.
	PPM  int64
	step atomic.Int64 // nanoseconds
}

// Step sets the wall time forward, or back when d is below 0. What Stopwatch counts does not step.
func (f *Fault) Step(d time.Duration) { f.step.Add(int64(d)) }

// WithFault is the clock with a fault. Waits are not made longer or shorter by it.
func (c Clock) WithFault(f *Fault) Clock {
	c.fault = f
	return c
}

// drifted is elapsed as a drifting clock counts it.
func (c Clock) drifted(elapsed time.Duration) time.Duration {
	if c.fault == nil {
		return elapsed
	}
	return elapsed + elapsed/1_000_000*time.Duration(c.fault.PPM)
}

// stepped is a wall time as a clock that was stepped shows it.
func (c Clock) stepped(t time.Time) time.Time {
	if c.fault == nil {
		return t
	}
	return t.Add(time.Duration(c.fault.step.Load()))
}
