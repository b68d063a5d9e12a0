package app

import (
	"time"

	"meguri/edge/phrase"
	"meguri/edge/station"
	"meguri/protocol"
)

// keepTimeEvery is how far the moment that it is not before, as stored, may lag.
const keepTimeEvery = 10 * time.Minute

// boundTime, with all state read, holds the clock of a new boot against what the last one knew: time does not go back over a restart. A battery's clock that
// is a little behind is moved up; one that is far behind has been lost and says nothing.
func (a *agent) boundTime() {
	mono := a.mono()
	a.kept = a.station.NotBefore
	a.floor = a.station.NotBefore - mono
	a.wall = a.wall.notBefore(mono, a.station.NotBefore)
	if a.station.Confirmed == 0 { // stored by a version that did not keep it
		a.station = station.Confirmed(a.station, time.UnixMilli(a.plan.manifest.MadeAt))
	}
}

// atDoor is the time by which doors open, and tells the station what it is worth: the wall clock's, or what it is at least.
func (a *agent) atDoor() time.Time {
	proven, now := a.wall.quality != protocol.WallUnset, a.now()
	if !proven {
		mono := a.mono()
		a.floor = max(a.floor, a.station.NotBefore-mono) // a token has proved more
		now = time.UnixMilli(a.floor + mono).UTC()
	}
	notBefore := now
	if proven { // a clock that somebody has set forward must not turn people away after a power cut
		notBefore = now.Add(-time.Duration(a.wall.within) * time.Millisecond)
	}
	a.station = station.Clocked(a.station, proven, notBefore)
	return now
}

// keepTime makes durable what the time is not before, every few minutes.
func (a *agent) keepTime() {
	if abs(a.station.NotBefore-a.kept) < keepTimeEvery.Milliseconds() {
		return
	}
	a.kept = a.station.NotBefore
	a.happened(nil, map[string]any{keyStation: a.station})
}

// tellUnsure says at each door that its clock is lost.
func (a *agent) tellUnsure() {
	if a.wall.quality != protocol.WallUnset {
		return
	}
	for _, l := range a.cfg.Kit.Locks {
		a.hardware.show(l.Position, phrase.New(phrase.ClockUnsure), false)
	}
}
