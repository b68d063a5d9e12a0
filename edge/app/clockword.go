package app

import "meguri/protocol"

// clockState is what the device has said of its clock's battery.
type clockState struct {
	Lost bool `cbor:"1,keyasint"`
}

// clockWord is what a boot has to say of the battery of the board's clock: that it has lost the time, and once it has kept it again
// that too. A clock that stood still keeps the locks from knowing which codes are valid, so that somebody has to change its battery
// before the next power cut. It is said when it changes: a board that starts every minute does not fill its log with it.
func (a *agent) clockWord() ([]protocol.Body, map[string]any) {
	lost := a.wall.quality == protocol.WallUnset
	if !a.cfg.Kit.BatteryClock || lost == a.clock.Lost {
		return nil, nil
	}
	a.clock.Lost = lost
	state := protocol.ClockKept
	if lost {
		state = protocol.ClockLost
	}
	return []protocol.Body{protocol.ClockBattery{State: state}}, map[string]any{keyClock: a.clock}
}
