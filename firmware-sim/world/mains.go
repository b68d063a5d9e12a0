package world

import (
	"sync"

	"meguri/firmware-sim/chip"
)

// Mains is the supply of a station, with a relay that tells the agent: its contact is closed while there is mains. Boards have
// a battery and live on; cut their power with chip.Hardware.CutPower.
type Mains struct {
	sense *chip.Pin
	hear  []func(on bool)

	mu sync.Mutex
	on bool
}

// NewMains returns mains that are on. sense may be nil. Each of hear is told of changes, a fridge's SetMains as a rule.
func NewMains(sense *chip.Pin, hear ...func(on bool)) *Mains {
	if sense != nil {
		sense.Switch(true)
	}
	return &Mains{sense: sense, hear: hear, on: true}
}

// Set switches the mains.
func (m *Mains) Set(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.on == on {
		return
	}
	m.on = on
	if m.sense != nil {
		m.sense.Switch(on)
	}
	for _, fn := range m.hear {
		fn(on)
	}
}

// On says whether there is mains.
func (m *Mains) On() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}
