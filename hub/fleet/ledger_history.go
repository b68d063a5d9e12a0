package fleet

import (
	"cmp"
	"slices"
	"time"
)

// History is what the hub knows of a device besides its readings, for the span that is asked about and one boot before.
type History struct {
	Current   string // the current incarnation
	Online    bool
	Revoked   time.Time // zero while it is not
	Boots     []BootRun // in any order; copies in a later incarnation are known by their number and time
	Logs      []Log     // the readings logs
	Missing   []Missing // in any order
	Thinnings []Thinning
	Salvages  []Salvage
	Heard     []string // incarnations that were heard of again after another one took their place: they may still deliver
	// AssumedEvery is the sampling interval of boots that do not tell theirs.
	AssumedEvery time.Duration
}

// BootRun is one run of a device.
type BootRun struct {
	Incarnation string
	Number      uint64
	At          time.Time
	Within      time.Duration // how far At may be off
	Alive       time.Time     // of its last record in the events log, as far as that has come
	Stopped     time.Time     // zero when it did not end in order, or has not ended
	Samplings   []Sampling    // in order; empty when it does not tell
}

// Sampling is how a device samples from At on.
type Sampling struct {
	At      time.Time
	Every   time.Duration
	Flush   time.Duration // at most so long rounds are held in memory before they are in the log
	Sensors []string
	Assumed bool // nobody has said so
}

// Missing is numbers of a readings log that have no readings, and the state that this puts their time in.
type Missing struct {
	Incarnation string
	First, Last uint64
	State       State
	Reason      string
}

// Thinning is rounds that a device dropped, whatever their numbers were. What came all the same is received.
type Thinning struct {
	From, To        time.Time // of the first and the last
	Within          time.Duration
	Reason          string
	Damaged         bool // dropped because they could not be read
	Retold          bool // the device dropped this telling, too: what it says is part of a later one
	Rounds, Samples int
}

// Salvage is the beginning of an incarnation whose storage was found broken.
type Salvage struct {
	Incarnation, Parent string // Parent is empty when not even that could be read
	At                  time.Time
}

// segment is a boot with its end.
type segment struct {
	BootRun
	end time.Time // of an orderly end, else the next boot's start; zero while it may be running
	cut bool      // it ended, and not in order
}

// sameBoot is how far apart two tellings of one boot's start may be.
const sameBoot = 5 * time.Second

// segments orders the boots by time. Copies of a boot are one.
func (h History) segments(boots []BootRun) []segment {
	boots = slices.Clone(boots)
	slices.SortStableFunc(boots, func(a, b BootRun) int { return a.At.Compare(b.At) })
	var all []segment
	for _, b := range boots {
		if n := len(all); n > 0 && all[n-1].Number == b.Number && b.At.Sub(all[n-1].At) <= sameBoot+b.Within &&
			(slices.Contains(h.heirs(all[n-1].Incarnation), b.Incarnation) || slices.Contains(h.heirs(b.Incarnation), all[n-1].Incarnation)) {
			all[n-1].BootRun = joinBoots(all[n-1].BootRun, b)
			continue
		}
		all = append(all, segment{BootRun: b})
	}
	for i := range all {
		s := &all[i]
		next := time.Time{}
		if i+1 < len(all) {
			next = all[i+1].At
		}
		switch {
		case !s.Stopped.IsZero() && (next.IsZero() || !s.Stopped.After(next)):
			s.end = s.Stopped
		case !next.IsZero():
			s.end, s.cut = next, true
		}
	}
	return all
}

// joinBoots makes one of two tellings of a boot.
func joinBoots(a, b BootRun) BootRun {
	if b.Alive.After(a.Alive) {
		a.Alive = b.Alive
	}
	if a.Stopped.IsZero() {
		a.Stopped = b.Stopped
	}
	if len(a.Samplings) == 0 {
		a.Samplings = b.Samplings
	}
	a.Within = min(a.Within, b.Within)
	return a
}

// sampling is how a boot samples at a time.
func (s segment) sampling(at time.Time, assumed time.Duration) Sampling {
	found := Sampling{Every: assumed, Assumed: true}
	for i, p := range s.Samplings {
		if i == 0 || !p.At.After(at) {
			found = p
		}
	}
	if found.Every <= 0 {
		found.Every = assumed
	}
	return found
}

// lacks says whether a sampling has no such sensor, or with no name, none at all.
func (p Sampling) lacks(sensor string) bool {
	if p.Assumed {
		return false
	}
	if sensor == "" {
		return len(p.Sensors) == 0
	}
	return !slices.Contains(p.Sensors, sensor)
}

// missingIn gives the numbers missing of an incarnation between two, without these, in order and cut to fit.
func (h History) missingIn(incarnation string, after, before uint64) []Missing {
	var all []Missing
	for _, m := range h.Missing {
		if m.Incarnation != incarnation || m.Last <= after || m.First >= before || m.Last < m.First {
			continue
		}
		m.First, m.Last = max(m.First, after+1), min(m.Last, before-1)
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b Missing) int { return cmp.Compare(a.First, b.First) })
	return all
}

// log gives the readings log of an incarnation.
func (h History) log(incarnation string) (Log, bool) {
	for _, l := range h.Logs {
		if l.Incarnation == incarnation {
			return l, true
		}
	}
	return Log{}, false
}

// heirs gives an incarnation and those that go on from it, each with what the one before held: the hub knows a parent by the
// child's log, or by a salvage.
func (h History) heirs(incarnation string) []string {
	all := []string{incarnation}
	for i := 0; i < len(all); i++ {
		add := func(child, parent string) {
			if parent == all[i] && parent != "" && !slices.Contains(all, child) {
				all = append(all, child)
			}
		}
		for _, l := range h.Logs {
			add(l.Incarnation, l.Origin.Parent)
		}
		for _, s := range h.Salvages {
			add(s.Incarnation, s.Parent)
		}
	}
	return all
}

// open is what holds of readings that an incarnation may have and that have not come, at a time.
func (h History) open(s segment) (State, string) {
	heirs := h.heirs(s.Incarnation)
	l, known := h.log(heirs[len(heirs)-1])
	switch {
	case !h.Revoked.IsZero():
		return StateNotArrived, ReasonRevoked
	case !known || slices.Contains(heirs, h.Current):
		if h.Online {
			return StateNotArrived, ReasonOnline
		}
		return StateNotArrived, ReasonOffline
	case slices.ContainsFunc(heirs, func(i string) bool { return slices.Contains(h.Heard, i) }):
		return StateNotArrived, ReasonSuperseded
	case l.State == Forked:
		return StateNotArrived, ReasonOffline
	}
	for _, v := range h.Salvages {
		if v.Parent == "" && !v.At.Before(s.At) {
			return StateDamaged, ReasonSalvage // nobody could say whose file it was
		}
	}
	return StateIncarnationLost, ReasonSuperseded
}
