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
	Origin      Origin
	Restored    bool // the hub went back to a backup, and the device has not said hello since
}

// Origin is what a log goes on from when its incarnation names a parent. The device held numbers First up to, at most and without,
// Next of the parent's log by then, and brings them under new numbers. The hub may have them: from the parent, or from another
// incarnation that goes on from it, for a storage can be salvaged more than once.
type Origin struct {
	Parent      string // incarnation; empty for none
	First, Next uint64
}

// Carried says whether a record of this number may be one that was brought along.
func (o Origin) Carried(number uint64) bool { return number <= o.Last() }

// Last is the highest number that a record which was brought along can have; 0 for none. A few records of its own may stand before
// those that an incarnation brings along.
func (o Origin) Last() uint64 {
	const own = 16
	if o.Parent == "" || o.Next <= o.First {
		return 0
	}
	return o.Next - o.First + own
}

// Holding is which numbers of a log a device says it still holds: First up to Next-1. Before is the running hash before
// First.
type Holding struct {
	First, Next uint64
	Before      Hash
}

// GapKind is why numbers are missing.
type GapKind string

// Kinds of gap. An incarnation-lost gap that stands at the number expected next is of unknown length, perhaps none; any other
// ends before it, or is what a storage that was thought lost says it still holds.
const (
	NotHeld         GapKind = "not_held"         // the device no longer had what the hub expected
	Thinned         GapKind = "thinned"          // readings that the device dropped for want of room, and said so
	Damaged         GapKind = "damaged"          // lost to corruption of the device's storage
	IncarnationLost GapKind = "incarnation_lost" // of a storage that another one has taken the place of
	Discarded       GapKind = "discarded"        // received and unreadable, and nothing of it is kept: too much of that is
	Restored        GapKind = "restored"         // the hub went back to a backup, and the device had deleted them already
)

// Gap is a span of numbers that the hub does not have.
type Gap struct {
	First, Last uint64
	Kind        GapKind
	Reason      string
}

// missing is the gap up to, without, number first: the device, or the incarnation that goes on from this one, begins there.
func (l Log) missing(first uint64) Gap {
	if l.Restored {
		return Gap{First: l.Next, Last: first - 1, Kind: Restored,
			Reason: "the hub went back to a backup without them, and the device no longer has them"}
	}
	return Gap{First: l.Next, Last: first - 1, Kind: NotHeld, Reason: "the device no longer has them"}
}

// Left is the gap that opens when a log goes on in another incarnation, which begins with number first of this one.
func (l Log) Left(first uint64) (Gap, bool) { return l.missing(first), first > l.Next }

// Lost is the gap that opens when another storage takes the place of this one: what it held behind the numbers taken.
func (l Log) Lost() Gap {
	return Gap{First: l.Next, Last: l.Next, Kind: IncarnationLost,
		Reason: "another storage took the place of this one; what this one still held is not known"}
}

// Found is what a storage that was thought lost still holds and the hub lacks, when it is heard again: no gap at all once it
// has delivered everything.
func (l Log) Found(next uint64) (Gap, bool) {
	return Gap{First: l.Next, Last: next - 1, Kind: IncarnationLost,
		Reason: "another storage took the place of this one, which still holds them and may deliver them"}, next > l.Next
}

// Errors about the continuity of a log.
var (
	// ErrForked: the device's log is not the one that the hub has taken so far. It was restored from an image or cloned.
	ErrForked = errors.New("the log has forked")
	// ErrAhead: the records begin behind the expected number, and the device has not said that it lost what lies between.
	ErrAhead = errors.New("records are missing before these")
)

// Reconcile compares with what a device holds. Numbers that are expected and that it no longer has become a gap, and the log
// goes on behind it. ErrForked: the device has other records than it has sent.
//
// A device that seems to have fewer than it has sent may have said so before it sent them: messages overtake each other. It is
// told what is expected, and if its storage really is an older one it draws a new incarnation by itself.
func (l Log) Reconcile(h Holding) (Log, *Gap, error) {
	switch {
	case h.First == l.Next && h.Before != l.Hash:
		return l, nil, fmt.Errorf("%w: the hash before number %d differs", ErrForked, h.First)
	case h.First > l.Next:
		gap := l.missing(h.First)
		l.Next, l.Hash = h.First, h.Before
		return l, &gap, nil
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

// Explain gives a better kind and reason to the numbers from up to to, as far as they are in the gap: the parts before, within
// and behind. It is nil when none is.
func (g Gap) Explain(from, to uint64, kind GapKind, reason string) []Gap {
	first, last := max(g.First, from), min(g.Last, to)
	if first > last {
		return nil
	}
	var parts []Gap
	if g.First < first {
		parts = append(parts, Gap{First: g.First, Last: first - 1, Kind: g.Kind, Reason: g.Reason})
	}
	parts = append(parts, Gap{First: first, Last: last, Kind: kind, Reason: reason})
	if last < g.Last {
		parts = append(parts, Gap{First: last + 1, Last: g.Last, Kind: g.Kind, Reason: g.Reason})
	}
	return parts
}
