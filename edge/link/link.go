// Package link is the device's side of the protocol: it carries the records of edge/log to the hub until the hub says that
// it has them, and plans and commands to the agent. MQTT is only a wire to it; see DESIGN.md.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	edgelog "meguri/edge/log"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Agent is what the link hands things to. Its methods are called one at a time, and while one runs nothing is received.
type Agent interface {
	// Part gives a plan part that the device holds already.
	Part(h protocol.Hash) ([]byte, bool)
	// Activate makes a plan the active one, durably and whole. The parts, by name, match the manifest's hashes and sizes. When
	// it fails it is called again no earlier than a minute after, and only if the hub sends the plan again.
	Activate(m protocol.Manifest, parts map[string][]byte) error
	// Command takes a command for this incarnation; the hub sends it until it is answered, so it comes more than once.
	Command(c protocol.Command)
	// HubTime tells that the hub's clock showed t at a moment after the device had asked, which is asked() ago by Config.Clock.
	HubTime(t time.Time, asked func() time.Duration)
	// Planned tells which plan the hub said at a time, its own, is the newest for this device; 0 for none.
	Planned(newest uint64, at time.Time)
}

// Config says what a link joins. Dial, Connect, TLS, MaxPause and Linger may be missing; with Connect also Broker.
type Config struct {
	Device string // id, also the MQTT client id and user name
	Broker string // tls://HOST[:8883]
	// TLS is the device's certificate and the CA that it trusts; see edge/app.Identity. The server's name is Broker's host
	// unless it says another. Nil is for tests and simulations with a Dial of their own: then nothing is encrypted.
	TLS      *tls.Config
	Software string // version of the agent, told in each hello
	// Dial opens the bare connection to the broker, under TLS; nil dials Broker.
	Dial func(context.Context) (net.Conn, error)
	// Connect makes a connection to the hub, in place of MQTT over Dial or Broker. When it ends without Close the hub is told
	// will.
	Connect func(ctx context.Context, will protocol.Gone) (Wire, error)

	Log    *edgelog.Log
	Agent  Agent
	Clock  clock.Clock // the device's clock; only to say how far it is off
	Logger *slog.Logger
	// PlanVersion is the version of the active plan, 0 for none. CommandCounter is the highest counter of a command taken.
	PlanVersion    func() uint64
	CommandCounter func() uint64
	// MaxPause bounds the pause between two connections; 0 is 30 s. It is for small fleets: a hub that comes back after a while
	// is met by all within this time.
	MaxPause time.Duration
	// Jitter draws a pause from zero to most; nil draws evenly. A simulation draws from its seed.
	Jitter func(most time.Duration) time.Duration
	// Linger is how long a reading may wait for others, so that they share the cost of a message; events do not wait, and take
	// what waits along. 0 is half a second. With a round of four sensors a minute it takes half an hour to come below a
	// twentieth of the bytes that each reading alone would take.
	Linger time.Duration
}

// Bounds of the pause between two connections; it is drawn evenly from zero to a length that doubles (full jitter), so that
// a fleet that was cut off together does not come back together. Real time, as everything about the network.
const (
	firstPause = time.Second
	longPause  = 30 * time.Second
)

// Link keeps a device joined to the hub.
type Link struct {
	config   Config
	sessions uint64 // connections made, for Hello.Session
}

// New makes a link; Run starts it.
func New(c Config) *Link {
	c.Logger = c.Logger.With("device", c.Device)
	if c.MaxPause <= 0 {
		c.MaxPause = longPause
	}
	if c.Jitter == nil {
		c.Jitter = func(most time.Duration) time.Duration { return rand.N(most) }
	}
	if c.Linger <= 0 {
		c.Linger = shortLinger
	}
	return &Link{config: c}
}

// Run connects, and connects again whenever the connection is lost, until ctx ends; then it returns nil. It returns an
// error when it can never work: the configuration is wrong, or the log can no longer be used.
func (l *Link) Run(ctx context.Context) error {
	if err := protocol.CheckDeviceID(l.config.Device); err != nil {
		return err
	}
	connect, err := connector(l.config)
	if err != nil {
		return err
	}
	pause := min(firstPause, l.config.MaxPause)
	for {
		welcomed, err := l.connect(ctx, connect)
		if ctx.Err() != nil {
			return nil
		}
		if unusable(err) {
			return fmt.Errorf("link: %w", err)
		}
		if welcomed {
			pause = min(firstPause, l.config.MaxPause)
		}
		wait := l.config.Jitter(pause)
		pause = min(2*pause, l.config.MaxPause)
		l.config.Logger.Warn("not connected", "error", err, "again in", wait.Round(time.Millisecond))
		if clock.Real().Sleep(ctx, wait) != nil {
			return nil
		}
	}
}

// unusable says that the log has to be opened again, by a restart.
func unusable(err error) bool {
	return errors.Is(err, edgelog.ErrClosed) || errors.Is(err, edgelog.ErrDamaged)
}

type connectFunc func(context.Context, protocol.Gone) (Wire, error)

// connector gives the way to the hub that a configuration names.
func connector(c Config) (connectFunc, error) {
	if c.Connect != nil {
		return c.Connect, nil
	}
	dial, err := dialer(c)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, will protocol.Gone) (Wire, error) { return dialMQTT(ctx, c, dial, will) }, nil
}

// connect makes one connection and serves it until it ends. It says whether the hub welcomed the device on it.
func (l *Link) connect(ctx context.Context, connect connectFunc) (welcomed bool, err error) {
	l.sessions++
	w, err := connect(ctx, protocol.Gone{Incarnation: l.config.Log.Incarnation(), Boot: l.config.Log.Boot(), Session: l.sessions})
	if err != nil {
		return false, err
	}
	defer w.Close()
	return l.serve(ctx, w)
}

// Wire is one connection to the hub. Payloads may be lost, repeated or late on it.
type Wire interface {
	// Send hands a payload over and does not wait until it has arrived. An error ends the connection.
	Send(payload []byte) error
	// Received gives what the hub says. Nothing is read meanwhile when nobody takes it.
	Received() <-chan []byte
	// Lost is closed when the connection has ended.
	Lost() <-chan struct{}
	// Close ends the connection, as far as it has not ended, and says the will that it was made with.
	Close()
}

var errLost = errors.New("connection lost")

// serve runs the protocol on a wire until the wire or ctx ends.
func (l *Link) serve(ctx context.Context, w Wire) (welcomed bool, err error) {
	c := newCore(l.config, l.sessions, func(m protocol.Message) error {
		payload, err := protocol.Encode(m)
		if err != nil {
			return err
		}
		return w.Send(payload)
	})
	defer func() { err = errors.Join(err, c.finish()) }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next, err := c.advance(time.Now())
		if err != nil {
			return c.welcomed, err
		}
		timer.Reset(time.Until(next))
		appended := l.config.Log.Appended()
		for due := false; !due; {
			due = true
			select {
			case <-ctx.Done():
				return c.welcomed, ctx.Err()
			case <-w.Lost():
				return c.welcomed, errLost
			case payload := <-w.Received():
				err = c.receive(time.Now(), payload)
			case <-appended:
				timer.Reset(min(gather, time.Until(next)))
				appended, due = nil, false
			case <-timer.C:
			}
		}
		if err != nil {
			return c.welcomed, err
		}
	}
}
