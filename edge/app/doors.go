package app

import (
	"context"

	"meguri/edge/station"
	"meguri/protocol"
)

// Inputs from what is wired to a door, each run by the loop.

func (a *agent) doorMoved(position string, closed bool) {
	now := a.atDoor()
	a.took(station.Contact(a.station, a.locks(), position, closed, now))
	a.sensed(position, closed)
}

func (a *agent) boltMoved(position string, out, leafShut bool) {
	now := a.atDoor()
	a.took(station.Bolt(a.station, a.locks(), position, out, leafShut, now))
}

func (a *agent) keyTurned(position string, turned bool) {
	now := a.atDoor()
	a.took(station.Key(a.station, a.locks(), position, turned, now))
}

// doorUnseen notes that a contact of a door has failed: what the door did meanwhile nobody knows.
func (a *agent) doorUnseen(position string) {
	now := a.atDoor()
	a.station = station.Unseen(a.station, position, now)
}

// felt tells doors how warm it is behind them. A probe that is faulty changes nothing.
func (a *agent) felt(samples []protocol.Sample) {
	warm := map[string]station.Warmth{}
	for _, s := range samples {
		position := positionOf(s.Sensor)
		limits, ok := a.plan.temperatures[position]
		if !ok || s.Fault != protocol.SensorOK || !a.hasLock(position) {
			continue
		}
		w := warm[position]
		if s.MilliC > limits.MaxMilliC && s.MilliC >= w.MilliC {
			w = station.Warmth{Sensor: s.Sensor, MilliC: s.MilliC, LimitMilliC: limits.MaxMilliC}
		}
		warm[position] = w
	}
	now := a.atDoor()
	for _, position := range inOrder(warm) {
		a.took(station.Inside(a.station, a.locks(), position, warm[position], now))
	}
}

// watchDoors starts what tells of each door's contacts and keypad.
func (h *hardware) watchDoors(c *crew, a *agent) {
	for _, position := range inOrder(h.locks) {
		l := h.locks[position]
		tell := doorTold{
			moved: func(closed bool) { a.do(func() { a.doorMoved(position, closed) }) },
			bolt:  func(out, leafShut bool) { a.do(func() { a.boltMoved(position, out, leafShut) }) },
		}
		seen := func(watch func(context.Context) error) func(context.Context) error {
			return func(ctx context.Context) error {
				err := watch(ctx)
				if ctx.Err() == nil {
					a.do(func() { a.doorUnseen(position) })
				}
				return err
			}
		}
		h.keep(c, "door contact of "+position, seen(func(ctx context.Context) error { return l.watchDoor(ctx, tell) }))
		h.keep(c, "bolt contact of "+position, seen(func(ctx context.Context) error { return l.watchBolt(ctx, tell) }))
		if l.key != nil {
			h.keep(c, "key contact of "+position, func(ctx context.Context) error {
				return l.key.Watch(ctx, func(turned bool) { a.do(func() { a.keyTurned(position, turned) }) })
			})
		}
		h.keep(c, "keypad of "+position, func(ctx context.Context) error {
			return l.keypad.Run(ctx, func(code string) { a.do(func() { a.codeEntered(position, code) }) })
		})
	}
}

// doorTold is who hears of a door's contacts.
type doorTold struct {
	moved func(closed bool) // closed: the leaf is shut and the bolt is out
	bolt  func(out, leafShut bool)
}

// watchDoor tells when the door opens, and when it is shut and the bolt is out already.
func (l *lock) watchDoor(ctx context.Context, tell doorTold) error {
	return l.door.Watch(ctx, func(shut bool) {
		out := l.bolt.Closed()
		if !shut || out {
			tell.moved(shut)
		}
		tell.bolt(out, shut)
	})
}

// watchBolt tells when the bolt is out and the door is shut.
func (l *lock) watchBolt(ctx context.Context, tell doorTold) error {
	return l.bolt.Watch(ctx, func(out bool) {
		shut := l.door.Closed()
		if out && shut {
			tell.moved(true)
		}
		tell.bolt(out, shut)
	})
}
