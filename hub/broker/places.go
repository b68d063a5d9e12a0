package broker

import (
	"net"
	"slices"
	"time"
)

// When a certificate seems to be used by two at once. A device that changes its network, or comes back before the broker has
// noticed its going, also takes over its own session: but not from one that was heard a moment ago, and not to and fro.
const (
	movesWithin = time.Minute
	movesToFro  = 3                // between addresses, one of them left before
	movesAtAll  = 10               // whatever the addresses
	movesHeard  = 3 * time.Second  // ago at most, of the session that is ended
	alarmEvery  = 10 * time.Minute // of one device at most
	maxMoves    = 16               // remembered of one device
)

// TwoPlaces is an alarm: sessions of one certificate end each other again and again.
type TwoPlaces struct {
	Device    string
	Addresses []string // hosts, sorted
	Moves     int      // take-overs within the last minute
}

// moves are the latest take-overs of a device's session.
type moves struct {
	last    []move
	alarmed time.Time
}

type move struct {
	from, to string
	at       time.Time
}

// moved notes that a session takes the place of another, and gives an alarm when that is one too many. b.mu is held.
func (b *Broker) moved(old, c *conn) *TwoPlaces {
	now := time.Now()
	if c.peer.Device == HubUser || old.taken || now.Sub(time.Unix(0, old.heard.Load())) > movesHeard {
		return nil
	}
	old.taken = true // the new one may have to look twice
	m := b.moves[c.id]
	if m == nil {
		b.forgetMoves(now)
		m = &moves{}
		b.moves[c.id] = m
	}
	return m.note(c.id, move{hostOf(old.remote), hostOf(c.remote), now})
}

// forgetMoves drops what is too old to matter.
func (b *Broker) forgetMoves(now time.Time) {
	for id, m := range b.moves {
		if now.Sub(m.last[len(m.last)-1].at) > movesWithin && now.Sub(m.alarmed) > alarmEvery {
			delete(b.moves, id)
		}
	}
}

func (m *moves) note(device string, next move) *TwoPlaces {
	m.last = append(m.last, next)
	m.last = slices.DeleteFunc(m.last, func(v move) bool { return next.at.Sub(v.at) > movesWithin })
	if len(m.last) > maxMoves {
		m.last = m.last[1:]
	}
	elsewhere, back := 0, false
	var hosts []string
	for i, v := range m.last {
		hosts = append(hosts, v.from, v.to)
		if v.from != v.to {
			elsewhere++
			back = back || slices.ContainsFunc(m.last[:i], func(earlier move) bool { return earlier.from == v.to })
		}
	}
	if (elsewhere < movesToFro || !back) && len(m.last) < movesAtAll || next.at.Sub(m.alarmed) < alarmEvery {
		return nil
	}
	m.alarmed = next.at
	slices.Sort(hosts)
	return &TwoPlaces{Device: device, Addresses: slices.Compact(hosts), Moves: len(m.last)}
}

// alarm tells whoever wants to know.
func (b *Broker) alarm(a TwoPlaces) {
	b.stats.TwoPlaces.Add(1)
	b.config.Logger.Warn("MQTT broker: a certificate is used from two places", "device", a.Device, "addresses", a.Addresses,
		"take-overs", a.Moves)
	if b.config.TwoPlaces != nil {
		b.config.TwoPlaces(a)
	}
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
