package app

import (
	"time"

	"meguri/protocol"
)

// round is one sample of each probe, and when they were taken.
type round struct {
	mono    int64 // milliseconds since boot
	samples []protocol.Sample
}

// rounds are what was sampled and is not in the log yet: as much as one record takes, and no longer than the kit allows.
type rounds struct {
	held  []round
	size  int  // bytes of the record that they make, at most
	alarm bool // some were taken while a sensor was outside its limits; then they are recorded at once
}

// maxBody is how large the body of a record may get, with room for the rest of the record.
const maxBody = protocol.MaxRecord - 256

// fits says whether one record has room for another round.
func (r *rounds) fits(next round) bool {
	return len(r.held) == 0 || len(r.held) < protocol.MaxRounds && r.size+r.cost(next) <= maxBody
}

func (r *rounds) add(next round, alarm bool) {
	r.size += r.cost(next)
	r.held = append(r.held, next)
	r.alarm = r.alarm || alarm
}

func (r *rounds) last() round { return r.held[len(r.held)-1] }

// cost is what a round adds to a record at most: its distance in time, and each sensor's value as a difference to the one before.
// The first one names the sensors.
func (r *rounds) cost(next round) int {
	var before []protocol.Sample
	cost := 16
	if len(r.held) > 0 {
		last := r.last()
		before, cost = last.samples, number(next.mono-last.mono)
	}
	for i, s := range next.samples {
		if before == nil {
			cost += len(s.Sensor) + 16
		}
		switch {
		case s.Fault != protocol.SensorOK:
			cost += 1 + 16
		case before == nil || before[i].Fault != protocol.SensorOK:
			cost += 9 // the value before may lie further back
		default:
			cost += number(s.MilliC - before[i].MilliC)
		}
	}
	return cost
}

// number is how many bytes a number takes in CBOR.
func number(n int64) int {
	switch n = max(n, -1-n); {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

// body is the rounds as a record at the time of the last one.
func (r *rounds) body() (protocol.Rounds, error) {
	last := r.last().mono
	all := make([]protocol.Round, len(r.held))
	for i, one := range r.held {
		all[i] = protocol.Round{Ago: last - one.mono, Samples: one.samples}
	}
	b, err := protocol.NewRounds(all)
	b.Alarm = r.alarm
	return b, err
}

// age is how long the oldest round has been held.
func (r *rounds) age(mono int64) time.Duration {
	if len(r.held) == 0 {
		return 0
	}
	return time.Duration(mono-r.held[0].mono) * time.Millisecond
}
