package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"meguri/edge/link"
	"meguri/protocol"
)

// way is one direction between a device and the broker.
type way struct {
	cut     bool
	lossy   bool
	doubles bool
	mixes   bool
	late    bool
	last    time.Time // when the newest message arrives
	rand    *rand.Rand
}

// line is a device's connection to the hub, as the network and the broker see it.
type line struct {
	sim    *sim
	device string

	mu    sync.Mutex
	up    way
	down  way
	wire  *wire     // the live one, nil when the broker has none
	conns []func()  // cut the connections to the real broker
	calm  time.Time // when a fault that the other fields do not show was last there
	rand  *rand.Rand

	current, newer time.Time // from when on the device speaks this revision, and the one after it
	revision       uint64    // that it speaks on this connection
}

const (
	roundTrip  = 60 * time.Millisecond
	keepsAlive = 22 * time.Second // until a silent connection counts as lost
	latest     = 30 * time.Hour
)

func (s *sim) newLine(device string) *line {
	return &line{sim: s, device: device, rand: source(s.Seed, "line "+device),
		up: way{rand: source(s.Seed, "up "+device)}, down: way{rand: source(s.Seed, "down "+device)}}
}

// jitter draws a pause between two connections.
func (l *line) jitter(most time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.rand.Int64N(int64(most)))
}

// arrivals says when the copies of a message arrive that is sent now; none when it is lost.
func (w *way) arrivals(s *sim, live bool) []time.Duration {
	if w.cut || !live {
		return nil
	}
	if w.lossy && w.rand.Float64() < 0.1 {
		s.count(Loss)
		return nil
	}
	now := time.Now()
	delay := roundTrip/2 + time.Duration(w.rand.Int64N(int64(roundTrip/2)))
	arrive := now.Add(delay)
	switch {
	case w.mixes && w.rand.Float64() < 0.2:
		s.count(Reorder)
		arrive = arrive.Add(between(w.rand, 0, 3*time.Second))
	case w.late && w.rand.Float64() < 0.03:
		s.count(Late)
		arrive = arrive.Add(between(w.rand, time.Minute, time.Duration(float64(latest)*w.rand.Float64()*w.rand.Float64())+time.Minute))
	default: // in order
		if arrive.Before(w.last) {
			arrive = w.last
		}
		w.last = arrive.Add(time.Microsecond)
	}
	all := []time.Duration{arrive.Sub(now)}
	for w.doubles && w.rand.Float64() < 0.15 && len(all) < 4 {
		s.count(Double)
		all = append(all, all[0]+between(w.rand, 0, 10*time.Second))
	}
	return all
}

// wire is one connection of a device.
type wire struct {
	line  *line
	power *power // that it is alive on
	gone  []byte
	in    chan []byte
	lost  chan struct{}
	open  bool // not ended; guarded by line.mu
	since time.Time
}

var errNoNetwork = errors.New("no network (simulated)")

// connect is what a device's link calls to reach the hub.
func (l *line) connect(ctx context.Context, p *power, will protocol.Gone) (link.Wire, error) {
	gone, err := protocol.Encode(will)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	dead := l.up.cut || l.down.cut
	wait := between(l.rand, 100*time.Millisecond, 300*time.Millisecond)
	if dead {
		wait = between(l.rand, time.Second, 10*time.Second)
	}
	l.mu.Unlock()
	if err := sleep(ctx, wait); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if dead || l.up.cut || l.down.cut || p.isDead() {
		return nil, errNoNetwork
	}
	if l.wire != nil { // the broker lets the new one take over
		l.end(l.wire, true)
	}
	l.sim.model.connected(l.device, will)
	switch l.revision = l.installed(time.Now()); {
	case l.revision < protocol.Revision:
		l.sim.count(OldEdge)
	case l.revision > protocol.Revision:
		l.sim.count(Newer)
	}
	l.wire = &wire{line: l, power: p, gone: gone, in: make(chan []byte, 64), lost: make(chan struct{}), open: true, since: time.Now()}
	return l.wire, nil
}

// end ends a connection as the broker sees it, and has it say the will. The caller holds mu.
func (l *line) end(w *wire, says bool) {
	if !w.open {
		return
	}
	w.open = false
	close(w.lost)
	if l.wire == w {
		l.wire = nil
	}
	if !says {
		return
	}
	delay := between(l.rand, 0, 200*time.Millisecond)
	if l.up.late && l.rand.Float64() < 0.5 {
		l.sim.count(Late)
		delay = between(l.rand, time.Second, 2*time.Hour)
	}
	l.sim.after(delay, func() { l.sim.hub.receive(l.device, w.gone) })
}

// Send implements link.Wire.
func (w *wire) Send(payload []byte) error {
	l := w.line
	payload = l.sim.sent(l, w, payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.open {
		return errNoNetwork
	}
	for _, d := range l.up.arrivals(l.sim, !w.power.isDead()) {
		l.sim.after(d, func() { l.sim.hub.receive(l.device, payload) })
	}
	return nil
}

// Received implements link.Wire.
func (w *wire) Received() <-chan []byte { return w.in }

// Lost implements link.Wire.
func (w *wire) Lost() <-chan struct{} { return w.lost }

// Close implements link.Wire. A device whose power went says nothing: the broker notices later.
func (w *wire) Close() {
	l := w.line
	dead := w.power.isDead()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.open {
		return
	}
	if !dead && !l.up.cut {
		l.end(w, true)
		return
	}
	l.silent(w)
}

// silent is a connection that says nothing any more, as seen by the broker. The caller holds mu.
func (l *line) silent(w *wire) {
	l.sim.after(keepsAlive, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.end(w, true)
	})
}

// toDevice carries a payload of the hub to whatever connection is live when it arrives.
func (l *line) toDevice(payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.down.arrivals(l.sim, l.wire != nil) {
		l.sim.after(d, func() {
			l.mu.Lock()
			w := l.wire
			l.mu.Unlock()
			if w == nil || w.power.isDead() {
				return
			}
			select {
			case w.in <- l.sim.arrived(l, payload):
			default: // nobody takes it
			}
		})
	}
}

// setCut cuts or restores directions. A connection whose direction stays cut for long is lost.
func (l *line) setCut(up, down bool) {
	if up && down && l.jitter(2) == 0 {
		defer l.cutConns()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up.cut, l.down.cut = up, down
	l.calm = time.Now()
	w := l.wire
	if w == nil || !up && !down {
		return
	}
	l.sim.after(between(l.rand, keepsAlive/2, keepsAlive), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.up.cut || l.down.cut {
			l.end(w, true)
		}
	})
}

// drop ends the connection, as a restart of the broker does: some wills are said, some are forgotten.
func (l *line) drop() {
	defer l.cutConns()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wire != nil {
		l.end(l.wire, l.rand.IntN(2) == 0)
	}
}

// heal ends all faults.
func (l *line) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range []*way{&l.up, &l.down} {
		w.cut, w.lossy, w.doubles, w.mixes, w.late = false, false, false, false, false
	}
}

// disturbed notes that until now something kept hub and device apart.
func (l *line) disturbed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calm = time.Now()
}

// steady says whether the connection has been live and whole for a while, and nothing else was in the way.
func (l *line) steady(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sim.MQTT || l.wire == nil || l.wire.power.isDead() || time.Since(l.wire.since) <= d || time.Since(l.calm) <= d {
		return false
	}
	return !l.up.cut && !l.down.cut && !l.up.lossy && !l.up.late
}

// sleep waits, unless ctx has ended: then it says so whatever d is, for a select between two that are ready would toss a coin.
func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
