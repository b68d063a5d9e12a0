// Package broker is the MQTT broker inside the hub: mochi-mqtt, wrapped so that no device can harm another or the hub.
// DESIGN.md says what is closed and how.
package broker

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"meguri/protocol"
)

// HubUser is the name that the hub itself logs in with, here and on other brokers. No device can have it: it is no device id.
const HubUser = "_hub"

// Bounds, in the machine's own time.
const (
	loginBytes   = 16 << 10                  // that a peer may send before it is logged in
	loginTime    = 5 * time.Second           // that a peer has to log in
	takeOverTime = 5 * time.Second           // for an older session of the same device to end
	writeTime    = 10 * time.Second          // that a peer may leave a write waiting
	maxKeepalive = 600                       // seconds; longer ones, and none, count as this
	maxPacket    = protocol.MaxPayload + 512 // a message with its topic and header
	queued       = 1024                      // messages that may wait for one subscriber; more are dropped, the logs are sent again
	maxPending   = 4096                      // connections not logged in
	maxSessions  = 20_000
	messageRate  = 1000                   // a second that one device may send before it is slowed down
	byteRate     = 8 << 20                // a second, likewise
	logEvery     = 100 * time.Millisecond // for what peers can cause; Stats counts all
)

// Config is what a broker needs.
type Config struct {
	// Auth says whether password is the credential of a device that is not revoked. It is called once a connection, at once
	// from many goroutines.
	Auth   func(device, password string) bool
	Logger *slog.Logger
}

// Broker is an MQTT 3.1.1 broker without persistence, for devices and one hub.
type Broker struct {
	config   Config
	password string // of HubUser
	mochi    *mqtt.Server
	pending  chan struct{} // one a connection that is not logged in
	stats    Stats
	logged   atomic.Int64 // when a peer caused a line in the log, Unix nanoseconds

	mu       sync.Mutex
	closed   bool
	listener net.Listener
	conns    map[*conn]struct{}
	sessions map[string]*conn // by client id
	serving  sync.WaitGroup
}

// Stats counts what was kept out, and what is connected.
type Stats struct {
	Refused  atomic.Int64 // connections that did not log in
	Denied   atomic.Int64 // publishes and subscriptions outside a device's own topics
	Broken   atomic.Int64 // sessions ended for what the peer sent: a message too large, or what no device of ours sends
	Panics   atomic.Int64 // connections ended by a panic in the broker's library
	Sessions atomic.Int64 // logged in now
}

// New makes a broker and draws the hub's password. Close frees it.
func New(c Config) *Broker {
	b := &Broker{
		config:   c,
		password: rand.Text(),
		pending:  make(chan struct{}, maxPending),
		conns:    map[*conn]struct{}{},
		sessions: map[string]*conn{},
	}
	limits := mqtt.NewDefaultServerCapabilities()
	limits.MaximumPacketSize = maxPacket
	limits.MaximumClientWritesPending = queued
	limits.MinimumProtocolVersion = 4
	limits.MaximumQos = 1
	limits.RetainAvailable = 0
	limits.SharedSubAvailable = 0
	b.mochi = mqtt.New(&mqtt.Options{
		Capabilities: limits,
		Logger:       slog.New(slog.DiscardHandler), // it would log whole packets, passwords with them
	})
	_ = b.mochi.AddHook(&rules{broker: b}, nil) // fails only where Init does, and ours has none
	return b
}

// Listen accepts connections at a TCP address, such as "127.0.0.1:1883"; port 0 takes a free one.
func (b *Broker) Listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("MQTT broker: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.listener != nil {
		return errors.Join(errors.New("MQTT broker: closed, or listening already"), l.Close())
	}
	b.listener = l
	b.serving.Go(func() { b.accept(l) })
	return nil
}

// Addr is where the broker listens, nil before Listen.
func (b *Broker) Addr() net.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener == nil {
		return nil
	}
	return b.listener.Addr()
}

// HubPassword is the password of HubUser: drawn at New, kept in memory only.
func (b *Broker) HubPassword() string { return b.password }

// Stats gives the broker's live counters.
func (b *Broker) Stats() *Stats { return &b.stats }

// Dial connects to the broker inside the process. The peer logs in on it like any other.
func (b *Broker) Dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	if !b.Attach(ours) {
		return nil, errors.Join(net.ErrClosed, theirs.Close())
	}
	return theirs, nil
}

// Attach serves a connection made elsewhere. It returns at once, false when the broker is closed or full; then, too, it
// closes the connection.
func (b *Broker) Attach(peer net.Conn) bool {
	c := &conn{Conn: peer, remote: peer.RemoteAddr().String(), done: make(chan struct{})}
	select {
	case b.pending <- struct{}{}:
	default:
		b.stats.Refused.Add(1)
		_ = peer.Close()
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.conns) >= maxSessions+maxPending {
		<-b.pending
		_ = peer.Close()
		return false
	}
	b.conns[c] = struct{}{}
	b.serving.Go(func() { b.serve(c) })
	return true
}

// Kick ends the live session of a device and says whether there was one.
func (b *Broker) Kick(device string) bool {
	b.mu.Lock()
	c := b.sessions[device]
	b.mu.Unlock()
	if c == nil {
		return false
	}
	_ = c.Close()
	return true
}

// Close ends all connections and waits for what serves them. mochi's own Close races with clients that connect, so it comes
// last.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	var err error
	if b.listener != nil {
		err = b.listener.Close()
	}
	for c := range b.conns {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.serving.Wait()
	return errors.Join(err, b.mochi.Close())
}

func (b *Broker) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, for example: wait for some to come back
			b.config.Logger.Warn("MQTT broker: accept", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		b.Attach(c)
	}
}

// serve lets a peer log in and hands it to mochi, which returns when the connection has ended.
func (b *Broker) serve(c *conn) {
	defer func() {
		if r := recover(); r != nil {
			b.stats.Panics.Add(1)
			b.config.Logger.Error("MQTT broker: panic, connection ended", "client", c.id, "remote", c.remote, "panic", r)
		}
		b.end(c)
	}()
	if err := b.login(c); err != nil {
		b.stats.Refused.Add(1)
		b.log("MQTT broker: connection refused", "client", c.id, "remote", c.remote, "error", err)
		return
	}
	b.stats.Sessions.Add(1)
	defer b.stats.Sessions.Add(-1)
	err := b.mochi.EstablishConnection("", c)
	var broken packets.Code // of mochi's: of the network's own errors none is one
	if errors.As(err, &broken) {
		b.stats.Broken.Add(1)
		b.log("MQTT broker: connection ended for what it sent", "client", c.id, "remote", c.remote, "error", err)
		return
	}
	b.config.Logger.Debug("MQTT broker: connection ended", "client", c.id, "remote", c.remote, "error", err)
}

// log says what a peer has caused, unless that would fill the log.
func (b *Broker) log(text string, args ...any) {
	now, last := time.Now().UnixNano(), b.logged.Load()
	if now-last >= int64(logEvery) && b.logged.CompareAndSwap(last, now) {
		b.config.Logger.Warn(text, args...)
	}
}

// end forgets a connection, whatever way it ended: after a panic, or a failed answer, mochi still holds the client.
func (b *Broker) end(c *conn) {
	_ = c.Close()
	if c.client != nil {
		if held, ok := b.mochi.Clients.Get(c.id); ok && held == c.client {
			b.mochi.UnsubscribeClient(c.client)
			c.client.ClearInflights()
			b.mochi.Clients.Delete(c.id)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
	if b.sessions[c.id] == c {
		delete(b.sessions, c.id)
	}
	close(c.done)
}

// takeOver makes c the session of its client id. An older one is ended first, completely: mochi hands subscriptions and
// queued messages on when it replaces a client itself, and may forget the new one when the old one's end comes late.
func (b *Broker) takeOver(c *conn) error {
	timeout := time.NewTimer(takeOverTime)
	defer timeout.Stop()
	for {
		b.mu.Lock()
		old := b.sessions[c.id]
		if old == nil {
			full := len(b.sessions) >= maxSessions
			if !full {
				b.sessions[c.id] = c
			}
			b.mu.Unlock()
			if full {
				return errFull
			}
			return nil
		}
		b.mu.Unlock()
		_ = old.Close()
		select {
		case <-old.done:
		case <-timeout.C:
			return errBusy
		}
	}
}

func (b *Broker) authentic(user, password string) bool {
	if user == HubUser {
		return subtle.ConstantTimeCompare([]byte(password), []byte(b.password)) == 1
	}
	return protocol.CheckDeviceID(user) == nil && b.config.Auth(user, password)
}
