package fleet

import (
	"cmp"
	"slices"
	"time"
)

// Dated is when something happened: At is off by at most Within, either way.
type Dated struct {
	At     time.Time
	Within time.Duration
}

// WellDated is how well a time has to be known for nobody to ask for it to be better.
const WellDated = 2 * time.Second

// Quality says how far a device's wall clock can be believed, as the protocol numbers it.
type Quality uint8

// Qualities of a wall clock.
const (
	Unset   Quality = 0 // many boards start in 1970
	Battery Quality = 1
	Set     Quality = 2 // during this boot
)

// Claim is when a record was made, by the device's own clocks.
type Claim struct {
	Mono    time.Duration // since the boot
	Wall    time.Time
	Quality Quality
}

// Pair is a moment of a boot at which the device was told the time. Within is how far that may be off; 0 when it did not say.
type Pair struct {
	Mono   time.Duration
	Wall   time.Time
	Within time.Duration
}

// Plausible says whether the time told can be one at all.
func (p Pair) Plausible() bool { return Plausible(p.Wall) }

// Allowances for what nobody has told.
const (
	untoldPair    = time.Second      // for a pair without its own: the way of one message
	untoldSet     = 3 * time.Second  // for a clock that was set, at a time and by whom is not known
	untoldBattery = 10 * time.Minute // for a battery clock that nobody has checked: two weeks at 500 ppm
)

// Clocks is what is known of the time of one boot of a device. What is not known is zero.
type Clocks struct {
	Pairs  []Pair        // by Mono; enough are those around what is to be dated
	After  time.Time     // it began then or later
	Begun  time.Time     // it began then or earlier, but for drift: the least of received less monotonic time of its records
	Last   time.Duration // when it was still running
	Before time.Time     // Last was then or earlier: another boot began
}

// Drift is how much a device's clock may run wrong in a time: 500 ppm, rounded up.
func Drift(d time.Duration) time.Duration { return d.Abs()/1999 + time.Millisecond }

// earliest is before any device of ours was built, and latest when none will be left: a clock that claims another time was
// never set, whatever it says of itself.
var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Plausible says whether a clock that shows t can have been set.
func Plausible(t time.Time) bool { return t.After(earliest) && t.Before(latest) }

// maxBoot bounds how long a boot can have lasted.
const maxBoot = 100 * 365 * 24 * time.Hour

func bounded(mono time.Duration) time.Duration { return max(0, min(mono, maxBoot)) }

// span is the times at which something may have happened.
type span struct{ from, until time.Time }

func (s span) empty() bool { return s.from.After(s.until) }

func (s span) and(o span) span { return span{lastOf(s.from, o.from), firstOf(s.until, o.until)} }

func (s span) middle() time.Time { return s.from.Add(s.until.Sub(s.from) / 2) }

func (s span) clamp(t time.Time) time.Time { return firstOf(lastOf(t, s.from), s.until) }

func firstOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func lastOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func around(t time.Time, within time.Duration) span { return span{t.Add(-within), t.Add(within)} }

// at is when the monotonic clock showed mono, by this pair alone.
func (p Pair) at(mono time.Duration) span {
	within := p.Within
	if within <= 0 {
		within = untoldPair
	}
	since := mono - p.Mono
	return around(p.Wall.Add(since), min(within, maxBoot)+Drift(since))
}

// Date says when a record was made, from all that is known: at best from the boot's pairs, else from what its clock claims as
// far as its neighbours and its arrival allow it, else from these alone. It is never later than it arrived.
func (k Clocks) Date(c Claim, received time.Time) Dated {
	mono := bounded(c.Mono)
	within, guess, ok := k.byPairs(mono)
	if !ok {
		within, guess = k.byNeighbours(mono, c, received)
	}
	if c.Quality != Unset && !c.Wall.Before(within.from) && !c.Wall.After(within.until) {
		guess = c.Wall
	}
	at := firstOf(guess, received)
	until := within.until
	if !within.from.After(received) { // else the hub's own clock was wrong
		until = firstOf(until, received)
	}
	return Dated{At: at, Within: max(at.Sub(within.from), until.Sub(at)).Abs()}
}

// byPairs asks the pairs on either side. When they contradict each other, one of them was false: the earlier one holds up to
// the later, and the time is as uncertain as they differ.
func (k Clocks) byPairs(mono time.Duration) (within span, guess time.Time, ok bool) {
	after := len(k.Pairs) // the first pair behind
	for after > 0 && k.Pairs[after-1].Mono > mono {
		after--
	}
	switch {
	case len(k.Pairs) == 0:
		return span{}, time.Time{}, false
	case after == 0:
		within = k.Pairs[0].at(mono)
	case after == len(k.Pairs):
		within = k.Pairs[after-1].at(mono)
	default:
		one, two := k.Pairs[after-1].at(mono), k.Pairs[after].at(mono)
		within = one.and(two)
		if within.empty() {
			return span{firstOf(one.from, two.from), lastOf(one.until, two.until)}, one.middle(), true
		}
	}
	return within, within.middle(), true
}

// byNeighbours dates a record of a boot that has not learnt the time. It lies in the middle of what is possible once another
// boot has ended that, and at the end of it before: then it has most likely just arrived.
func (k Clocks) byNeighbours(mono time.Duration, c Claim, received time.Time) (within span, guess time.Time) {
	within = span{lastOf(k.After, earliest).Add(mono - Drift(mono)), received}
	if !k.Begun.IsZero() {
		within.until = firstOf(within.until, k.Begun.Add(mono+Drift(max(mono, k.Last))))
	}
	if !k.Before.IsZero() {
		rest := max(0, bounded(k.Last)-mono)
		within.until = firstOf(within.until, k.Before.Add(-rest+Drift(rest)))
	}
	if within.empty() { // somebody was wrong: only that it has arrived is sure
		within = span{earliest, received}
	}
	var allowed time.Duration
	switch c.Quality {
	case Battery:
		allowed = untoldBattery
	case Set:
		allowed = untoldSet + Drift(mono)
	}
	if claimed := around(c.Wall, allowed); allowed > 0 && Plausible(c.Wall) {
		if claimed = claimed.and(within); !claimed.empty() {
			return claimed, claimed.clamp(c.Wall)
		}
	}
	if k.Before.IsZero() {
		return within, within.until
	}
	return within, within.middle()
}

// Sighting is what bounds a boot, and its neighbours through it.
type Sighting struct {
	Boot         uint64
	Last         time.Duration // when it was still running
	Begun        time.Time     // as in Clocks
	First, Final *Pair         // of its pairs; nil when it has none
}

// Neighbours bounds a boot by those before and behind it in the life of a storage: a boot begins when the one before has ended,
// and what lasted without the time passed all the same. life is in order; since is when the device cannot have lived yet.
func Neighbours(life []Sighting, boot uint64, since time.Time) Clocks {
	var k Clocks
	own, found := slices.BinarySearchFunc(life, boot, func(s Sighting, boot uint64) int {
		return cmp.Compare(s.Boot, boot)
	})
	next := own
	if found {
		k.Begun, k.Last = life[own].Begun, bounded(life[own].Last)
		next++
	}
	k.After = endedAfter(life[:own], since)
	k.Before = begunBefore(life[next:])
	return k
}

// endedAfter is when the last of some boots had ended at the earliest.
func endedAfter(boots []Sighting, since time.Time) time.Time {
	var passed time.Duration
	for _, s := range slices.Backward(boots) {
		last := bounded(s.Last)
		if s.Final != nil {
			return s.Final.at(last).from.Add(passed)
		}
		passed += last - Drift(last)
	}
	if since.IsZero() {
		return since
	}
	return since.Add(passed)
}

// begunBefore is when the first of some boots had begun at the latest; zero when there are none.
func begunBefore(boots []Sighting) time.Time {
	var at time.Time
	var passed time.Duration
	bound := func(t time.Time) {
		if t = t.Add(-passed); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, s := range boots {
		if !s.Begun.IsZero() {
			bound(s.Begun.Add(Drift(bounded(s.Last))))
		}
		if s.First != nil {
			bound(s.First.at(0).until)
			break
		}
		last := bounded(s.Last)
		passed += last - Drift(last)
	}
	return at
}
