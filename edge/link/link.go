// Package link is the device's side of the protocol: it carries the records of edge/log to the hub until the hub says that
// it has them, and plans and commands to the agent. MQTT is only a wire to it; see DESIGN.md.
package link

import (
	"context"
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
	// HubTime tells the hub's time as it was when the message that just came was sent.
	HubTime(t time.Time)
}

// Config says what a link joins. All fields but Dial and MaxPause are needed.
type Config struct {
	Device   string // id, also the MQTT client id and user name
	Broker   string // tcp://HOST[:1883] or tls://HOST[:8883]
	Password string
	Software string // version of the agent, told in each hello
	// Dial opens the connection to the broker; nil dials Broker.
	Dial   func(context.Context) (net.Conn, error)
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
}

// Bounds of the pause between two connections; it is drawn evenly from zero to a length that doubles (full jitter), so that
// a fleet that was cut off together does not come back together. Real time, as everything about the network.
const (
	firstPause = 500 * time.Millisecond
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
	return &Link{config: c}
}

// Run connects, and connects again whenever the connection is lost, until ctx ends; then it returns nil. It returns an
// error when it can never work: the configuration is wrong, or the log can no longer be used.
func (l *Link) Run(ctx context.Context) error {
	if err := protocol.CheckDeviceID(l.config.Device); err != nil {
		return err
	}
	dial, err := dialer(l.config)
	if err != nil {
		return err
	}
	pause := min(firstPause, l.config.MaxPause)
	for {
		welcomed, err := l.connect(ctx, dial)
		if ctx.Err() != nil {
			return nil
		}
		if unusable(err) {
			return fmt.Errorf("link: %w", err)
		}
		if welcomed {
			pause = min(firstPause, l.config.MaxPause)
		}
		wait := rand.N(pause)
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

// connect makes one connection and serves it until it ends. It says whether the hub welcomed the device on it.
func (l *Link) connect(ctx context.Context, dial dialFunc) (welcomed bool, err error) {
	l.sessions++
	w, err := dialMQTT(ctx, l.config, dial, protocol.Gone{
		Incarnation: l.config.Log.Incarnation(), Boot: l.config.Log.Boot(), Session: l.sessions})
	if err != nil {
		return false, err
	}
	defer w.close()
	return l.serve(ctx, w)
}

// wire carries payloads; a payload may be lost, repeated or late on it.
type wire interface {
	send(payload []byte) error
	received() <-chan []byte
	lost() <-chan struct{} // closed when the connection has ended
}

var errLost = errors.New("connection lost")

// serve runs the protocol on a wire until the wire or ctx ends.
func (l *Link) serve(ctx context.Context, w wire) (welcomed bool, err error) {
	c := newCore(l.config, l.sessions, func(m protocol.Message) error {
		payload, err := protocol.Encode(m)
		if err != nil {
			return err
		}
		return w.send(payload)
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
		select {
		case <-ctx.Done():
			return c.welcomed, ctx.Err()
		case <-w.lost():
			return c.welcomed, errLost
		case payload := <-w.received():
			err = c.receive(time.Now(), payload)
		case <-l.config.Log.Appended():
		case <-timer.C:
		}
		if err != nil {
			return c.welcomed, err
		}
	}
}
