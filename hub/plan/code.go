package plan

import (
	"crypto/sha256"
	"sync"

	"meguri/hub/dispatch"
	"meguri/protocol"
)

// slowCodes is the revision since which locks check codes slowly.
const slowCodes = 3

// withCode adds what a lock checks a grant's code with.
func (b *builder) withCode(at protocol.Grant, g dispatch.Grant) protocol.Grant {
	if b.revision < slowCodes {
		at.PIN = protocol.HashPIN(at.ID, g.PIN)
		return at
	}
	at.Selector, at.Salt = dispatch.SelectorOf(g.PIN), saltOf(g.ID)
	at.Check = checked.of(g.PIN, at.Salt)
	return at
}

// saltOf is a grant's own salt. It need not be secret, and it stays the same, so that a plan that is made again is the same.
func saltOf(grant string) []byte {
	h := sha256.Sum256([]byte("meguri salt\x00" + grant))
	return h[:16]
}

// checks remembers what codes are checked with: it is slow on purpose, and plans are made again and again.
type checks struct {
	mu    sync.Mutex
	known map[string][]byte
}

var checked = &checks{known: map[string][]byte{}}

// mostChecks is more than the grants of some days at a thousand stations.
const mostChecks = 100_000

func (c *checks) of(pin string, salt []byte) []byte {
	key := pin + string(salt)
	c.mu.Lock()
	check := c.known[key]
	c.mu.Unlock()
	if check != nil {
		return check
	}
	check = protocol.CheckPIN(pin, salt)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= mostChecks {
		clear(c.known)
	}
	c.known[key] = check
	return check
}
