// Package broker is the MQTT broker inside the hub: mochi-mqtt, wrapped so that no device can harm another or the hub.
// DESIGN.md says what is closed and how.
package broker

import (
	"container/list"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"meguri/hub/pki"
	"meguri/protocol"
)

// HubUser is the client id of the hub itself, here and on other brokers. No device can have it: it is no device id.
const HubUser = pki.HubName

// Bounds, in the machine's own time.
const (
	loginBytes   = 16 << 10                  // that a peer may send before it is logged in, those of the TLS handshake among them
	loginTime    = 5 * time.Second           // that a peer has to log in, from the moment that it is accepted
	takeOverTime = 5 * time.Second           // for an older session of the same device to end
	writeTime    = 10 * time.Second          // that a peer may leave a write waiting
	maxKeepalive = 600                       // seconds; longer ones, and none, count as this
	maxPacket    = protocol.MaxPayload + 512 // a message with its topic and header
	queued       = 1024                      // messages that may wait for one subscriber; more are dropped, the logs are sent again
	maxPending   = 4096                      // connections not logged in
	minPending   = 250 * time.Millisecond    // that each of them has at least, when there are more
	maxSessions  = 20_000
	messageRate  = 1000    // a second that one device may send before it is slowed down
	byteRate     = 8 << 20 // a second, likewise
)

// Config is what a broker needs. Certificate and CA are for Listen and Attach only.
type Config struct {
	// Certificate gives the broker's own certificate.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// CA signs the certificates of devices.
	CA *x509.CertPool
	// Auth says whether a certificate is the one by which a device may log in now. The certificate is signed by CA and names the
	// device. It is called once or twice a connection, at once from many goroutines.
	Auth func(device, fingerprint string) bool
	// TwoPlaces is told of a certificate that seems to be used by two at once; nil for nobody. The login that showed it waits.
	TwoPlaces func(TwoPlaces)
	Logger    *slog.Logger
}

// Broker is an MQTT 3.1.1 broker over TLS 1.3 without persistence, for devices and one hub.
type Broker struct {
	config Config
	tls    *tls.Config
	hands  chan struct{} // one for each handshake that computes
	mochi  *mqtt.Server
	self   *mqtt.Client // speaks for clients that cannot any more
	stats  Stats
	lines  lines
	checks atomic.Int64 // calls of Check

	mu       sync.Mutex
	closed   bool
	listener net.Listener
	conns    map[*conn]struct{}
	pending  *list.List       // of *conn, those that are not logged in, the oldest first
	sessions map[string]*conn // by client id
	moves    map[string]*moves
	serving  sync.WaitGroup
}

// Stats counts what was kept out, and what is connected.
type Stats struct {
	Refused   atomic.Int64 // connections that did not log in
	Denied    atomic.Int64 // publishes and subscriptions outside a device's own topics, and what no device of ours sends
	Broken    atomic.Int64 // sessions ended for what the peer sent
	Panics    atomic.Int64 // connections ended by a panic in the broker's library
	TwoPlaces atomic.Int64 // alarms about a certificate used by two at once
	Sessions  atomic.Int64 // logged in now
}

// New makes a broker. Close frees it.
func New(c Config) *Broker {
	b := &Broker{
		config: c,
		tls: &tls.Config{
			MinVersion:     tls.VersionTLS13,
			GetCertificate: c.Certificate,
			ClientAuth:     tls.RequireAndVerifyClientCert,
			ClientCAs:      c.CA,
			// A resumed session would be let in by what its certificate was good for earlier.
			SessionTicketsDisabled: true,
		},
		lines:    lines{logger: c.Logger, by: map[string]*deeds{}},
		hands:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		conns:    map[*conn]struct{}{},
		pending:  list.New(),
		sessions: map[string]*conn{},
		moves:    map[string]*moves{},
	}
	b.tls.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c, ok := hello.Conn.(*bare); ok {
			c.compute(b.hands)
		}
		return nil, nil
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
		Logger:       slog.New(slog.DiscardHandler), // it would log whole packets
	})
	b.self = b.mochi.NewClient(nil, "", "_broker", true)
	_ = b.mochi.AddHook(&rules{broker: b}, nil) // fails only where Init does, and ours has none
	return b
}

// Listen accepts connections over TLS at an address, such as "127.0.0.1:8883"; port 0 takes a free one.
func (b *Broker) Listen(address string) error {
	if b.config.Certificate == nil || b.config.CA == nil {
		return errors.New("MQTT broker: want a certificate and a CA to listen with")
	}
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

// Stats gives the broker's live counters.
func (b *Broker) Stats() *Stats { return &b.stats }

// Peer is who is at the other end of a connection.
type Peer struct {
	Device      string    // or HubUser
	Fingerprint string    // of its certificate
	Ends        time.Time // the certificate's end; the zero time is never
}

// Dial connects the hub to the broker, inside the process: nobody else can be HubUser.
func (b *Broker) Dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	if !b.AttachAs(ours, Peer{Device: HubUser}) {
		return nil, errors.Join(net.ErrClosed, theirs.Close())
	}
	return theirs, nil
}

// Attach serves a connection made elsewhere, on which the peer is to begin with TLS. It returns at once, false when the broker
// is closed or full; then, too, it closes the connection.
func (b *Broker) Attach(peer net.Conn) bool {
	c := newConn(peer)
	c.secure = tls.Server(c.bare, b.tls)
	c.Conn = c.secure
	return b.attach(c)
}

// AttachAs serves a connection whose peer the caller knows, so that there is no TLS on it.
func (b *Broker) AttachAs(peer net.Conn, who Peer) bool {
	c := newConn(peer)
	c.peer = who
	return b.attach(c)
}

func (b *Broker) attach(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.conns) >= maxSessions+maxPending || !b.makeRoom() {
		b.stats.Refused.Add(1)
		_ = c.Close()
		return false
	}
	b.conns[c] = struct{}{}
	c.waits = b.pending.PushBack(c)
	b.serving.Go(func() { b.serve(c) })
	return true
}

// makeRoom sees to it that one more can log in. Of too many the oldest has to go: whoever means it well needs milliseconds,
// so those who only hold places hold none from the others. b.mu is held.
func (b *Broker) makeRoom() bool {
	if b.pending.Len() < maxPending {
		return true
	}
	oldest := b.pending.Front().Value.(*conn)
	if time.Since(oldest.began) < minPending {
		return false
	}
	b.pending.Remove(oldest.waits)
	oldest.waits = nil
	_ = oldest.Close()
	return true
}

// loggedIn ends what is meant for those who are not, or not yet.
func (b *Broker) loggedIn(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.waits != nil {
		b.pending.Remove(c.waits)
		c.waits = nil
	}
}

// Check ends the sessions of devices whose certificates are valid no longer, and gives their ids. Whoever is logging in
// meanwhile is judged again.
func (b *Broker) Check(valid func(device, fingerprint string) bool) (ended []string) {
	b.checks.Add(1) // first: a session is either seen here, or sees this
	b.mu.Lock()
	var out []*conn
	for id, c := range b.sessions {
		if id != HubUser && !valid(id, c.peer.Fingerprint) {
			out = append(out, c)
			ended = append(ended, id)
		}
	}
	b.mu.Unlock()
	for _, c := range out {
		_ = c.Close()
	}
	return ended
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
	b.lines.close()
	return errors.Join(err, b.mochi.Close())
}
