package app

import (
	"context"
	"errors"
	"time"

	"meguri/edge/device"
	"meguri/protocol"
)

// clockState is what the device has said of its clock's battery.
type clockState struct {
	Lost bool `cbor:"1,keyasint"`
	Low  bool `cbor:"2,keyasint,omitempty"`
}

// BatteryClock is a board whose clock may say how its battery is.
type BatteryClock interface {
	// ClockBattery says whether the battery will not last; device.ErrNotTold where the clock does not know.
	ClockBattery() (low bool, err error)
}

// clockWord is what a boot has to say of the battery of the board's clock: that it has lost the time, and once it has kept it again
// that too. A clock that stood still keeps the locks from knowing which codes are valid, so that somebody has to change its battery
// before the next power cut. It is said when it changes: a board that starts every minute does not fill its log with it.
func (a *agent) clockWord() ([]protocol.Body, map[string]any) {
	if !a.cfg.Kit.BatteryClock {
		return nil, nil
	}
	return a.clockSays(clockState{Lost: a.wall.quality == protocol.WallUnset, Low: a.clock.Low})
}

// clockSays goes on to another state of the battery. That it keeps the time ends all that was said, so what still holds is said again.
func (a *agent) clockSays(next clockState) (said []protocol.Body, state map[string]any) {
	was := a.clock
	if next == was {
		return nil, nil
	}
	a.clock = next
	if was.Lost && !next.Lost || was.Low && !next.Low {
		said, was = append(said, protocol.ClockBattery{State: protocol.ClockKept}), clockState{}
	}
	if next.Lost && !was.Lost {
		said = append(said, protocol.ClockBattery{State: protocol.ClockLost})
	}
	if next.Low && !was.Low {
		said = append(said, protocol.ClockBattery{State: protocol.ClockLow})
	}
	return said, map[string]any{keyClock: a.clock}
}

// batteryIs takes what the clock says of its battery.
func (a *agent) batteryIs(low bool) {
	said, state := a.clockSays(clockState{Lost: a.clock.Lost, Low: low})
	if len(said) > 0 {
		a.happened(said, state)
	}
}

// batteryEvery is how often the clock is asked: a battery that is low lasts for weeks.
const batteryEvery = time.Hour

// watchBattery asks the board's clock how its battery is, until ctx ends or the clock does not know.
func (h *hardware) watchBattery(ctx context.Context, b BatteryClock, a *agent) error {
	for {
		low, err := b.ClockBattery()
		switch {
		case errors.Is(err, device.ErrNotTold):
			return nil
		case err != nil:
			h.logger.Warn("the clock does not say how its battery is", "error", err)
		default:
			a.do(func() { a.batteryIs(low) })
		}
		if h.clock.Sleep(ctx, batteryEvery) != nil {
			return nil
		}
	}
}
