package station

import (
	"strings"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Bounds of guessing. A code's first digits, its selector, say whose it is; wrong ones are counted for that selector, over all doors
// and restarts, and each is stored before it is answered. A keypad as a whole only slows down, so that whoever types nonsense there
// does not shut the others out; a token always opens.
const (
	WrongTries   = 3                // wrong codes of a selector, after which it is locked
	LockedFirst  = 30 * time.Second // and twice as long after each further one
	LockedAtMost = 24 * time.Hour

	WrongCodes  = 5               // wrong codes at a keypad, after which it rests
	RestsFirst  = time.Second     // and twice as long after each further one
	KeypadRests = time.Minute     // at most
	WrongFor    = 5 * time.Minute // without a wrong code, after which a keypad's are forgotten
	TriedFor    = 48 * time.Hour  // without a wrong code, after which a selector's are forgotten
	mostDoubled = 30              // a count that is higher changes nothing any more
)

// Tries are the wrong codes of one selector.
type Tries struct {
	Wrong int   `cbor:"1,keyasint"`
	At    int64 `cbor:"2,keyasint"`           // of the last one, Unix milliseconds
	Until int64 `cbor:"3,keyasint,omitempty"` // locked so long, Unix milliseconds
}

// doubled is first, doubled so often, at most most.
func doubled(first time.Duration, times int, most time.Duration) time.Duration {
	d := first
	for range min(times, mostDoubled) {
		if d *= 2; d >= most {
			return most
		}
	}
	return min(d, most)
}

// rests is bounded by the length of a rest, also when the clock was set back.
func (t *turn) rests(position string) bool {
	return t.ahead(t.State.Locks[position].RestsUntil, KeypadRests)
}

// ahead says whether a stored moment is still to come. One that is further ahead than most is of another clock.
func (t *turn) ahead(until int64, most time.Duration) bool {
	left := time.UnixMilli(until).Sub(t.now)
	return left > 0 && left <= most
}

// selector names whose code this is meant to be; empty where no grant here has such a one.
func (t *turn) selector(code string) string {
	for _, lock := range t.plan {
		for _, g := range lock.Grants {
			if g.Selector != "" && strings.HasPrefix(code, g.Selector) {
				return g.Selector
			}
		}
	}
	return ""
}

func (t *turn) locked(selector string) bool {
	return t.ahead(t.State.Tries[selector].Until, LockedAtMost)
}

// oneMore is a count with this wrong code, begun anew when the last one was longer ago than after.
func (t *turn) oneMore(wrong int, last int64, after time.Duration) int {
	if d, known := t.since(last); known && d > after {
		wrong = 0
	}
	return min(wrong+1, WrongCodes+mostDoubled)
}

// wrongCode counts. At a keypad a right code in between does not start the count anew: whoever has one could guess others' for ever.
func (t *turn) wrongCode(position, selector string) {
	l := t.State.Locks[position]
	l.Wrong, l.WrongAt = t.oneMore(l.Wrong, l.WrongAt, WrongFor), t.now.UnixMilli()
	if l.Wrong >= WrongCodes {
		l.RestsUntil = t.now.Add(doubled(RestsFirst, l.Wrong-WrongCodes, KeypadRests)).UnixMilli()
	}
	t.State.Locks[position] = l
	t.wrongTry(selector)
	t.record(protocol.GrantRefused{Position: position, Reason: "no such code here"})
	t.refuse(position, phrase.NoSuchCode)
}

func (t *turn) wrongTry(selector string) {
	if selector == "" {
		return
	}
	tries := t.State.Tries[selector]
	tries.Wrong, tries.At = t.oneMore(tries.Wrong, tries.At, TriedFor), t.now.UnixMilli()
	if tries.Wrong >= WrongTries {
		tries.Until = t.now.Add(doubled(LockedFirst, tries.Wrong-WrongTries, LockedAtMost)).UnixMilli()
	}
	t.State.Tries[selector] = tries
}
