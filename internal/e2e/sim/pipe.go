package sim

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"meguri/hub/broker"
)

// flow is one direction of a simulated connection. What is written is on its way for a while; when the connection is cut, what
// has not arrived is lost. net.Pipe has no buffer, so nothing could be lost in it.
type flow struct {
	mu      sync.Mutex
	way     func() (cut bool) // the network's state
	pieces  []piece
	held    int // bytes on their way
	err     error
	moved   chan struct{} // closed when something has changed
	readBy  time.Time     // deadline
	writeBy time.Time
}

type piece struct {
	at    time.Time
	bytes []byte
}

// inFlight bounds what is on its way, as a socket's buffers do: then a writer waits.
const inFlight = 256 << 10

func newFlow(way func() bool) *flow { return &flow{way: way, moved: make(chan struct{})} }

// change tells those who wait. The caller holds mu.
func (f *flow) change() {
	close(f.moved)
	f.moved = make(chan struct{})
}

// wait waits for a change, for a time, or for the deadline. The caller holds mu.
func (f *flow) wait(until, deadline time.Time) error {
	moved := f.moved
	if until.IsZero() || !deadline.IsZero() && deadline.Before(until) {
		until = deadline
	}
	f.mu.Unlock()
	defer f.mu.Lock()
	if until.IsZero() {
		<-moved
		return nil
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-moved:
	case <-t.C:
	}
	return nil
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		now, next := time.Now(), time.Time{}
		switch {
		case f.err != nil:
			return 0, f.err
		case passed(f.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(f.pieces) > 0 && f.way():
			next = now.Add(time.Second) // what was sent is sent again when the network is back
		case len(f.pieces) > 0 && !f.pieces[0].at.After(now):
			n := copy(p, f.pieces[0].bytes)
			f.held -= n
			if f.pieces[0].bytes = f.pieces[0].bytes[n:]; len(f.pieces[0].bytes) == 0 {
				f.pieces = f.pieces[1:]
			}
			f.change()
			return n, nil
		case len(f.pieces) > 0:
			next = f.pieces[0].at
		}
		if err := f.wait(next, f.readBy); err != nil {
			return 0, err
		}
	}
}

func (f *flow) write(p []byte, delay time.Duration) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && f.held+len(p) > inFlight && f.held > 0 {
		if passed(f.writeBy) {
			return 0, os.ErrDeadlineExceeded
		}
		if err := f.wait(time.Time{}, f.writeBy); err != nil {
			return 0, err
		}
	}
	if f.err != nil {
		return 0, f.err
	}
	at := time.Now().Add(delay)
	if n := len(f.pieces); n > 0 && at.Before(f.pieces[n-1].at) {
		at = f.pieces[n-1].at
	}
	f.pieces = append(f.pieces, piece{at, append([]byte(nil), p...)})
	f.held += len(p)
	f.change()
	return len(p), nil
}

// end ends the flow; what is on its way is lost.
func (f *flow) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err, f.pieces = err, nil
		f.change()
	}
}

// conn is one end of a simulated connection.
type conn struct {
	in, out *flow
	delay   func() time.Duration
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p, c.delay()) }

// Close implements net.Conn. The other end notices after a while.
func (c *conn) Close() error {
	c.in.end(net.ErrClosed)
	out := c.out
	time.AfterFunc(c.delay(), func() { out.end(errors.New("connection reset by peer")) })
	return nil
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)} }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2)} }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.readBy = t
	c.in.change()
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.writeBy = t
	c.out.change()
	return nil
}

// dial connects a device to the hub's broker.
func (l *line) dial(ctx context.Context, p *power) (net.Conn, error) {
	if err := sleep(ctx, l.jitter(200*time.Millisecond)+50*time.Millisecond); err != nil {
		return nil, err
	}
	life := l.sim.hub.alive()
	l.mu.Lock()
	cut := l.up.cut || l.down.cut
	l.mu.Unlock()
	if life == nil || life.broker == nil || cut || p.isDead() {
		return nil, errNoNetwork
	}
	state := func(w *way) func() bool {
		return func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return w.cut
		}
	}
	up, down := newFlow(state(&l.up)), newFlow(state(&l.down))
	delay := func() time.Duration { return l.jitter(roundTrip) + time.Millisecond }
	ours, theirs := &conn{in: down, out: up, delay: delay}, &conn{in: up, out: down, delay: delay}
	l.mu.Lock()
	l.conns = append(l.conns, func() {
		cut := errors.New("connection is cut (simulated)")
		up.end(cut)
		down.end(cut)
	})
	l.mu.Unlock()
	if !life.broker.AttachAs(theirs, broker.Peer{Device: l.device}) {
		return nil, errNoNetwork
	}
	return ours, nil
}

// cutConns ends all simulated connections of a device; what is on its way in them is lost.
func (l *line) cutConns() {
	l.mu.Lock()
	all := l.conns
	l.conns = nil
	l.mu.Unlock()
	for _, cut := range all {
		cut()
	}
}
