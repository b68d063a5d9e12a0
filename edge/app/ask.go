package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/edge/device"
	"meguri/edge/monitor"
	"meguri/protocol"
)

// probe is one sensor of the kit.
type probe struct {
	sensor string // POSITION/NAME
	read   func() (milliC int64, err error)
	traits monitor.Traits
	trust  monitor.Trust

	asked chan answer // of a read that has not come back; nil when none is under way
}

type answer struct {
	milliC int64
	err    error
}

// patience is how long a read may take, on the machine's clock. The slowest probe takes a second; a bus that hangs, in the kernel
// or in a chip that holds the clock, never comes back, and must not keep the other probes from being read.
const patience = 30 * time.Second

var errSilent = errors.New("sensor was asked, and its bus does not come back")

// ask reads the probe once. While a read hangs no other is begun, and what it brings in the end is thrown away: it was measured
// nobody knows when.
func (p *probe) ask(ctx context.Context) (milliC int64, err error) {
	if p.asked != nil {
		select {
		case <-p.asked:
		default:
			return 0, fmt.Errorf("sensor %s: %w", p.sensor, errSilent)
		}
	}
	asked := make(chan answer, 1)
	p.asked = asked
	go func() {
		milliC, err := p.read()
		asked <- answer{milliC, err}
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case a := <-asked:
		p.asked = nil
		return a.milliC, a.err
	case <-late.C:
		return 0, fmt.Errorf("sensor %s: %w for %v", p.sensor, errSilent, patience)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// traits are what a probe's chip and place let us expect of its values.
func (p Probe) traits(inBox bool) monitor.Traits {
	switch {
	case p.Chip != chipDS18B20:
		return monitor.Fine
	case inBox:
		return monitor.CoarseInBox
	}
	return monitor.CoarseInFridge
}

func faultOf(err error) protocol.SensorFault {
	switch {
	case err == nil:
		return protocol.SensorOK
	case errors.Is(err, device.ErrCRC):
		return protocol.SensorCRC
	case errors.Is(err, device.ErrPowerOn):
		return protocol.SensorPowerOn
	case errors.Is(err, device.ErrOutOfRange):
		return protocol.SensorOutOfRange
	case errors.Is(err, device.ErrOpen):
		return protocol.SensorOpen
	case errors.Is(err, device.ErrShorted):
		return protocol.SensorShorted
	case errors.Is(err, errSilent):
		return protocol.SensorSilent
	}
	return protocol.SensorMissing
}
