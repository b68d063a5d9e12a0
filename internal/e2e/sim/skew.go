package sim

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"meguri/protocol"
)

// unheardOf is a key that no message has: what a later revision may add to any of them.
const unheardOf = 200

// upgrades draws when a device's agent is upgraded: one that begins a revision behind, to this one, and some to the one after it.
// Some never are.
func (l *line) upgrades(behind bool) {
	r := source(l.sim.Seed, "upgrades "+l.device)
	drawn := func() time.Time {
		at := l.sim.begun.Add(between(r, 0, l.sim.Phase1))
		if r.IntN(4) == 0 {
			return l.sim.begun.Add(1000 * l.sim.Phase1)
		}
		return at
	}
	l.newer = l.sim.begun.Add(1000 * l.sim.Phase1)
	if l.current = l.sim.begun; behind {
		l.current = drawn()
	}
	if l.sim.Has(Newer) {
		l.newer = drawn()
	}
}

// installed is the revision of the agent that is on the device; 0 is the one before this.
func (l *line) installed(now time.Time) uint64 {
	switch {
	case !now.Before(l.newer):
		return protocol.Revision + 1
	case now.Before(l.current):
		return 0
	}
	return protocol.Revision
}

// speaks is the revision that device and hub speak on this connection. The hub is told the device's, and the device hears a hub
// of its own.
func (l *line) speaks() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.revision
}

// skewed is a message as the other side's revision would send it: where that is the newer one with a key more, after all others.
func (l *line) skewed(m protocol.Message, payload []byte) []byte {
	var err error
	switch m.(type) {
	case protocol.Hello, protocol.Welcome:
		payload, err = protocol.Encode(m)
	}
	if err == nil && l.speaks() > protocol.Revision {
		payload, err = withUnheardOf(payload)
	}
	if err != nil {
		l.sim.model.fail("%s: a message of another revision cannot be made: %v", l.device, err)
	}
	return payload
}

func withUnheardOf(payload []byte) ([]byte, error) {
	var e struct {
		_    struct{} `cbor:",toarray"`
		Type uint8
		Body map[uint64]cbor.RawMessage
	}
	if err := cbor.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	e.Body[unheardOf] = cbor.RawMessage{0x81, 0x01} // a list with a number
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(e)
}
