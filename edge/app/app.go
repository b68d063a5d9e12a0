// Package app joins an edge agent: its log, its link to the hub, the drivers of what is wired to it, and the rules of the
// roles that it plays. See ../DESIGN.md for the order in which things happen.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"meguri/edge/link"
	edgelog "meguri/edge/log"
	"meguri/internal/clock"
	"meguri/internal/gs1"
	"meguri/internal/version"
	"meguri/protocol"
)

// Config is what one agent needs to know.
type Config struct {
	Device string // its id
	Broker string // tls://HOST:PORT
	// TLS is the device's certificate and the CA that it trusts: Identity.TLS. Nil is for simulations over a Dial of their own.
	TLS  *tls.Config `json:"-"`
	File string      // its bbolt file
	Kit  Kit
	// Codes are barcodes that are not GS1's and stand for something here; nil for none. A process is handed them apart too.
	Codes *gs1.Codes `json:"-"`
	// Lists are what a warehouse's scanner works with until a plan of the hub has come, for training and benches; nil for none.
	Lists *Lists `json:",omitempty"`
	// Log bounds the file, and says how one that is broken is read. A process that is handed a Config is handed it apart.
	Log      edgelog.Options `json:"-"`
	MaxPause time.Duration   // the longest between two tries to reach the broker; 0 for the link's own
	Linger   time.Duration   // how long readings may wait for others before they are sent; see link.Config
}

// Deps are what an agent is handed from outside.
type Deps struct {
	Board  Board
	Clock  clock.Clock
	Logger *slog.Logger
	// Dial opens the connection to the broker; nil dials Config.Broker.
	Dial func(context.Context) (net.Conn, error)
	// Connect makes a connection to the hub in place of MQTT; see link.Config. Nil is MQTT.
	Connect func(ctx context.Context, will protocol.Gone) (link.Wire, error)
	// Jitter draws the pauses between two connections; see link.Config. Nil draws evenly.
	Jitter func(most time.Duration) time.Duration
	// Recorded is told of each record as soon as it is durable; nil for nobody.
	Recorded func(protocol.LogID, uint64, protocol.Body)
}

// ErrPowerCut is the cause of a context that ends because the board loses its power: nothing can be put in order any more. A
// simulation ends a context so.
var ErrPowerCut = errors.New("power is cut")

// Run runs an agent until ctx ends, and returns nil then, within two seconds whatever hangs; what was sampled is in the log and
// the end of the boot is recorded, unless the cause of ctx is ErrPowerCut. Any other end is an error: the supervisor starts it
// again.
func Run(ctx context.Context, cfg Config, deps Deps) (err error) {
	if err := errors.Join(protocol.CheckDeviceID(cfg.Device), cfg.Kit.Check()); err != nil {
		return err
	}
	log, err := edgelog.Open(cfg.File, cfg.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	a := newAgent(cfg, deps, log)
	if err := a.load(); err != nil {
		return err
	}
	c := newCrew(ctx, a.logger)
	a.done = c.ctx.Done()
	if a.hardware, err = openHardware(c.ctx, cfg.Kit, deps); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.hardware.halt()) }()
	l := link.New(link.Config{
		Device: cfg.Device, Broker: cfg.Broker, TLS: cfg.TLS, Software: version.Text(),
		Dial: deps.Dial, Connect: deps.Connect, Jitter: deps.Jitter, Log: log, Agent: a, Clock: deps.Clock, Logger: deps.Logger,
		PlanVersion: a.planVersion.Load, CommandCounter: a.commandCounter.Load, MaxPause: cfg.MaxPause, Linger: cfg.Linger,
	})
	c.start("roles", a.loop)
	c.start("link", l.Run)
	a.hardware.watch(c, a)
	if err := c.wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("agent %s: %w", cfg.Device, err)
	}
	return nil
}

// loop is the one goroutine that owns the roles: it runs inputs one after another, and looks at the time each second. The last
// thing it does is to record the end of the boot.
func (a *agent) loop(ctx context.Context) error {
	a.boot()
	defer a.stop(ctx)
	tick := a.deps.Clock.Ticker(time.Second)
	defer tick.Stop()
	for a.broken == nil {
		select {
		case <-ctx.Done():
			return nil
		case input := <-a.inputs:
			if ctx.Err() == nil { // of a board that loses its power, or a device that is being halted
				input()
			}
		case <-tick.C:
			a.drain() // what happened before now is heard before time is held against anybody
			a.tick()
		}
	}
	return a.broken
}

func (a *agent) drain() {
	for range maxInputs {
		select {
		case input := <-a.inputs:
			input()
		default:
			return
		}
	}
}
