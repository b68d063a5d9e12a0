package log

import (
	"fmt"
	"math"
	"time"
)

// Sizes of a log's file, in bytes.
const (
	defaultMaxBytes = 64 << 20
	minMaxBytes     = 1 << 20
	// Up to this growth, a change of local state counts as belonging to an event and may use the events' reserve.
	smallGrowth = 4 << 10
	// A log that is renewed maps two files, and a process of 32 bits has some 3 GiB of addresses.
	maxMap = min(math.MaxInt/4, 1<<40)
)

// MinReadings is the least that Options.MaxReadings may be: with fewer there would be more records about thinning than readings.
const MinReadings = 64

// room shares out the bytes that records and local state may take. It is less than the file may take, because bbolt
// writes changed pages anew before the old ones are free, and leaves gaps in pages.
type room struct {
	total   int64
	reserve int64 // only events, and the small changes of state that go with them, may use it
	floor   int64 // only readings may use it, so that a reading always finds room by dropping older ones

	maxReadings int
	maxAge      time.Duration
}

func newRoom(o Options) (room, error) {
	maxBytes := o.MaxBytes
	if maxBytes == 0 {
		maxBytes = defaultMaxBytes
	}
	if maxBytes < minMaxBytes {
		return room{}, fmt.Errorf("at most %d bytes: want %d or more", maxBytes, minMaxBytes)
	}
	if maxBytes > maxMap {
		return room{}, fmt.Errorf("at most %d bytes: want %d or less, what this machine can map", maxBytes, int64(maxMap))
	}
	if o.MaxReadings < 0 || o.MaxReadings > 0 && o.MaxReadings < MinReadings {
		return room{}, fmt.Errorf("at most %d readings: want %d or more, or 0 for no limit", o.MaxReadings, MinReadings)
	}
	if o.MaxAge < 0 {
		return room{}, fmt.Errorf("readings of %s at most: want more, or 0 for no limit", o.MaxAge)
	}
	r := room{total: maxBytes / 2, maxReadings: o.MaxReadings, maxAge: o.MaxAge}
	r.floor = r.total / 8
	r.reserve = o.EventReserve
	if r.reserve == 0 {
		r.reserve = r.total / 4
	}
	if most := r.total / 2; r.reserve < 0 || r.reserve > most {
		return room{}, fmt.Errorf("events reserve %d bytes: want 0 to %d, a quarter of the file", r.reserve, most)
	}
	return r, nil
}

// forEvents is how many more bytes events may take.
func (r room) forEvents(p position) int64 {
	return r.total - r.floor - p.Events.Bytes - p.State
}

// forState is how many more bytes local state may take.
func (r room) forState(p position, growth int64) int64 {
	if growth <= smallGrowth {
		return r.forEvents(p)
	}
	return r.total - r.floor - max(r.reserve, p.Events.Bytes) - p.State
}

// readingsShare is how many bytes readings may take when another one comes.
func (r room) readingsShare(p position) int64 {
	return max(r.floor, r.total-max(r.reserve, p.Events.Bytes)-p.State)
}

// excess is how many bytes of readings have to go for need more bytes of events or state.
func (r room) excess(p position, need int64) int64 {
	return max(0, p.Events.Bytes+p.State+p.Readings.Bytes+need-r.total)
}
