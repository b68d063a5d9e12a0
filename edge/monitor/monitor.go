// Package monitor holds the rule for one temperature probe: when its readings become an alarm on the device itself.
package monitor

import (
	"time"

	"meguri/protocol"
)

// State is what is remembered of a probe across a restart.
type State struct {
	OutsideSince int64 `cbor:"1,keyasint,omitempty"` // Unix milliseconds of the first reading outside the limits, 0 for none
	Alarmed      bool  `cbor:"2,keyasint,omitempty"`
}

// Read takes the next sample of a probe. Outside the limits for as long as the plan allows raises an alarm, the first
// reading inside clears it. A fault is no reading: it neither raises nor clears.
func Read(s State, p protocol.TemperaturePlan, sample protocol.Sample, now time.Time) (State, []protocol.Body) {
	if sample.Fault != protocol.SensorOK {
		return s, nil
	}
	limit, outside := p.MaxMilliC, sample.MilliC > p.MaxMilliC
	if sample.MilliC < p.MinMilliC {
		limit, outside = p.MinMilliC, true
	}
	alarm := protocol.Alarm{Sensor: sample.Sensor, MilliC: sample.MilliC, LimitMilliC: limit}
	if !outside {
		if !s.Alarmed {
			return State{}, nil
		}
		return State{}, []protocol.Body{alarm}
	}
	if s.OutsideSince == 0 || s.OutsideSince > now.UnixMilli() { // the clock has been set back, or is not set since a start
		s.OutsideSince = now.UnixMilli()
	}
	if s.Alarmed || now.UnixMilli()-s.OutsideSince < p.AlarmAfterMS {
		return s, nil
	}
	s.Alarmed, alarm.Raised = true, true
	return s, []protocol.Body{alarm}
}
