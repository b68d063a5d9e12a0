package fleet

import "time"

// Claim is when a record was made, by the device's own clocks.
type Claim struct {
	Mono    time.Duration // since the boot
	Wall    time.Time
	Trusted bool // the wall clock was set, or runs on a battery
}

// Setting pairs the monotonic with the wall clock of a boot, at the moment when the wall clock was set.
type Setting struct {
	Mono time.Duration
	Wall time.Time
}

// earliest is before any device of ours was built: a clock that claims less was never set, whatever it says of itself.
var earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// EventTime says when a record was made: what a trusted clock claims, else what the clock's setting later in that boot makes
// of the monotonic time, else the time at which the record arrived. It is never later than that.
func EventTime(c Claim, setting *Setting, received time.Time) time.Time {
	at := c.Wall
	if !c.Trusted {
		if setting == nil {
			return received
		}
		at = setting.Wall.Add(c.Mono - setting.Mono)
	}
	if at.Before(earliest) || at.After(received) {
		return received
	}
	return at
}
