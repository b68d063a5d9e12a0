package app

import (
	"maps"
	"slices"
	"time"

	"meguri/edge/monitor"
	"meguri/edge/shipper"
	"meguri/edge/station"
	"meguri/protocol"
)

// HubTime takes what the hub's clock showed between asked() ago and now. Halfway is the best guess, and half of it how far that
// may be off; it is read here, for the loop may be busy.
func (a *agent) HubTime(t time.Time, asked func() time.Duration) {
	before := a.mono()
	span := asked().Milliseconds() + 1
	within := (a.mono()-before+span)/2 + 1
	mono := before - span + within
	a.do(func() { a.setWall(a.wall.hub(mono, t.UnixMilli(), within)) })
}

// lookAtClock notices that the board's own clock was set.
func (a *agent) lookAtClock() {
	if mono, board, ok := a.bothClocks(); ok {
		a.setWall(a.wall.look(mono, board))
	}
}

// bothClocks reads the monotonic clock and the board's at the same moment. It says so when this program was interrupted between
// the two each time.
func (a *agent) bothClocks() (mono, board int64, ok bool) {
	for range 5 {
		before := a.mono()
		board = a.deps.Clock.Now().UnixMilli()
		if mono = a.mono(); mono-before <= stepped/2 {
			return mono, board, true
		}
	}
	return mono, board, false
}

// setWall goes on by another wall clock. What was sampled by the one before is recorded first: each pair holds for what comes
// after it.
func (a *agent) setWall(w wall, m moved) {
	before := a.wall
	if m.why != "" {
		a.logger.Warn(m.why, "moved by", time.Duration(w.base-before.base)*time.Millisecond, "within", time.Duration(w.within)*time.Millisecond)
	}
	if m.record {
		a.flush()
	}
	a.wall = w
	a.shiftMonitors(before, w.base-before.base)
	if m.record {
		a.happened([]protocol.Body{a.clockSet()}, nil)
	}
}

func (a *agent) clockSet() protocol.Body {
	mono := a.mono()
	return protocol.ClockSet{Mono: mono, Wall: a.wall.at(mono), Within: a.wall.within}
}

// shiftMonitors keeps what the monitors measure while the clock is moved: the times of this boot move with it. It is stored when
// they next change.
func (a *agent) shiftMonitors(before wall, by int64) {
	if by == 0 {
		return
	}
	monitors := make(map[string]monitor.State, len(a.monitors))
	for sensor, s := range a.monitors {
		for _, at := range []*int64{&s.OutsideSince, &s.LastAt, &s.InsideSince, &s.InsideAt} {
			if *at >= before.base && *at <= before.at(a.mono()) {
				*at += by
			}
		}
		monitors[sensor] = s
	}
	a.monitors = monitors
	a.shipper = shipper.Moved(a.shipper, before.base, before.at(a.mono()), by)
	a.station.Goods = station.GoodsMoved(a.station.Goods, before.base, before.at(a.mono()), by)
	a.station.Displaced = station.GoodsMoved(a.station.Displaced, before.base, before.at(a.mono()), by)
}

// newLife tells a new incarnation what the old one has told: how it samples, what its times mean, and how the supply is.
func (a *agent) newLife() {
	if a.log.Incarnation() == a.life {
		return
	}
	a.life = a.log.Incarnation()
	records := []protocol.Body{a.sampling(a.sampleEvery.Load())}
	if a.wall.paired {
		records = append(records, a.clockSet())
	}
	if a.signing.key() != nil {
		records = append(records, a.signingKey())
	}
	for _, position := range slices.Sorted(maps.Keys(a.mains)) {
		records = append(records, protocol.Mains{Position: position, On: a.mains[position]})
	}
	a.happened(records, nil)
}
