package fleet

import (
	"errors"
	"fmt"
)

// Hash is a running hash over a log.
type Hash [32]byte

// LogState is what the hub thinks of one log of one incarnation.
type LogState string

// States of a log. Forked: a branch that does not fit was seen; the branch that fits goes on.
const (
	Current    LogState = "current"
	Superseded LogState = "superseded"
	Forked     LogState = "forked"
)

// Log is how far the hub has taken one log of one incarnation of a device.
type Log struct {
	Incarnation string
	Log         uint8
	Next        uint64 // the number expected next; the first is 1
	Hash        Hash   // running hash before it
	State       LogState
}

// Holding is which numbers of a log a device says it still holds: First up to Next-1. Before is the running hash before
// First.
type Holding struct {
	First, Next uint64
	Before      Hash
}

// Gap is a span of numbers that the hub will never get.
type Gap struct {
	First, Last uint64
	Reason      string
}

// Errors about the continuity of a log.
var (
	// ErrForked: the device's log is not the one that the hub has taken so far. It was restored from an image or cloned.
	ErrForked = errors.New("the log has forked")
	// ErrAhead: the records begin behind the expected number, and the device has not said that it lost what lies between.
	ErrAhead = errors.New("records are missing before these")
)

// Reconcile compares with what a device holds. Numbers that are expected and that it no longer has become a gap, and the log
// goes on behind it. ErrForked: the device has fewer records than it has sent, or others.
func (l Log) Reconcile(h Holding) (Log, *Gap, error) {
	switch {
	case h.Next < l.Next:
		return l, nil, fmt.Errorf("%w: the next number is %d, and %d was taken already", ErrForked, h.Next, l.Next-1)
	case h.First == l.Next && h.Before != l.Hash:
		return l, nil, fmt.Errorf("%w: the hash before number %d differs", ErrForked, h.First)
	case h.First > l.Next:
		gap := &Gap{First: l.Next, Last: h.First - 1, Reason: "the device no longer has them"}
		l.Next, l.Hash = h.First, h.Before
		return l, gap, nil
	}
	return l, nil, nil
}

// Continue says how many of the records first, first+1, … were taken already; the rest is to be taken. hashes[i] is the
// running hash before record i, and the last one that behind all of them. ErrForked or ErrAhead: nothing is to be taken.
//
// Only one hash of the past is kept, that before the expected number: an older overlap cannot be compared and is skipped.
func (l Log) Continue(first uint64, hashes []Hash) (skip int, err error) {
	count := len(hashes) - 1
	switch behind := first + uint64(count); {
	case first > l.Next:
		return 0, fmt.Errorf("%w: %d is expected, they begin at %d", ErrAhead, l.Next, first)
	case behind < l.Next:
		return count, nil
	}
	skip = int(l.Next - first)
	if hashes[skip] != l.Hash {
		return 0, fmt.Errorf("%w: the hash before number %d differs", ErrForked, l.Next)
	}
	return skip, nil
}

// Take is the log after its next records up to, without, number next.
func (l Log) Take(next uint64, hash Hash) Log {
	l.Next, l.Hash = next, hash
	return l
}

// Explain gives the gap's reason to the numbers from up to to, as far as they are in it: the parts before, within and behind.
// It is nil when none is.
func (g Gap) Explain(from, to uint64, reason string) []Gap {
	first, last := max(g.First, from), min(g.Last, to)
	if first > last {
		return nil
	}
	var parts []Gap
	if g.First < first {
		parts = append(parts, Gap{First: g.First, Last: first - 1, Reason: g.Reason})
	}
	parts = append(parts, Gap{First: first, Last: last, Reason: reason})
	if last < g.Last {
		parts = append(parts, Gap{First: last + 1, Last: g.Last, Reason: g.Reason})
	}
	return parts
}

// Completeness is what the hub has and lacks of one log of one incarnation.
type Completeness struct {
	Log
	Received uint64 // records taken, whatever became of them
	Gaps     []Gap  // by first number
}

// Complete counts a log from its gaps.
func Complete(l Log, gaps []Gap) Completeness {
	c := Completeness{Log: l, Received: l.Next - 1, Gaps: gaps}
	reached := uint64(0) // gaps of a restored backup may overlap
	for _, g := range gaps {
		from, to := max(g.First, reached+1), min(g.Last, l.Next-1)
		if from <= to {
			c.Received -= to - from + 1
			reached = to
		}
	}
	return c
}
