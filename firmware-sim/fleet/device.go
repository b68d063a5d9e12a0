package fleet

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"meguri/edge/app"
	"meguri/firmware-sim/chip"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Role of a device, as the hub knows it.
type Role string

// Roles of a device.
const (
	Station Role = "station"
	Scanner Role = "scanner"
	Driver  Role = "driver"
	Carrier Role = "shipper"
)

// Device is one board with its real agent. Its network and power can be cut and restored.
type Device struct {
	ID       string
	Role     Role
	Place    string // the location, shop, route or shipper that it serves
	Kit      app.Kit
	Hardware *chip.Hardware

	restarts atomic.Int64 // of its agent, after the first start

	mu      sync.Mutex
	offline bool
	conns   map[net.Conn]struct{}
	powered chan struct{} // closed while there is power
	cut     func()        // the power of the agent that runs
	proc    *os.Process
	account Account
	closed  bool // the account is, but for its tally
}

func newDevice(id string, role Role, place string, kit app.Kit, h *chip.Hardware) *Device {
	powered := make(chan struct{})
	close(powered)
	return &Device{ID: id, Role: role, Place: place, Kit: kit, Hardware: h, conns: map[net.Conn]struct{}{}, powered: powered,
		account: Account{Said: map[int64]string{}, Rounds: map[int64][]protocol.Round{}}}
}

// Env is what all devices of a fleet share.
type Env struct {
	// Processes runs each agent in a process of its own: this program with ChildArgs and "edge", which calls RunChild. What
	// it logs goes to ChildLog.
	Processes bool
	ChildArgs []string
	ChildLog  io.Writer

	Broker   string                           // tls://HOST:PORT
	Dir      string                           // of the agents' files
	Identity func(device string) app.Identity // its certificate
	Clock    clock.Clock
	Logger   *slog.Logger
}

// restartAfter is how long the supervisor of a board waits before it starts a failed agent again, on the machine's clock.
const restartAfter = 200 * time.Millisecond

// maxPause is the longest between an agent's tries to reach the broker, on the machine's clock: on a fast one half a minute
// would be the whole day.
const maxPause = 2 * time.Second

// Run runs the device's agent, again after each failure and each power cut, until ctx ends.
func (d *Device) Run(ctx context.Context, env Env) error {
	secure, err := env.Identity(d.ID).TLS(d.ID)
	if err != nil {
		return err
	}
	cfg := app.Config{Device: d.ID, MaxPause: maxPause, Broker: env.Broker, TLS: secure, File: filepath.Join(env.Dir, d.ID+".db"), Kit: d.Kit}
	for first := true; ; first = false {
		if !first {
			d.restarts.Add(1)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.power():
		}
		err := d.session(ctx, cfg, env)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-d.power(): // it failed, or was killed: whatever the reason, not again at once
			env.Logger.Warn("agent ended", "device", d.ID, "error", err)
			if err := clock.Real().Sleep(ctx, restartAfter); err != nil {
				return err
			}
		default:
		}
	}
}

// session is one life of the agent's process, from power-on or start to its end.
func (d *Device) session(ctx context.Context, cfg app.Config, env Env) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.mu.Lock()
	d.cut = func() { cancel(app.ErrPowerCut) }
	d.mu.Unlock()
	if env.Processes {
		return d.process(ctx, cfg, env)
	}
	board, err := d.Hardware.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = board.Close() }() // it may be closed by a power cut
	return app.Run(ctx, cfg, app.Deps{Board: board, Clock: env.Clock, Logger: env.Logger, Dial: d.dialer(env.Broker), Recorded: d.recorded})
}

func (d *Device) recorded(log protocol.LogID, number uint64, body protocol.Body) {
	d.note(recordOf(log, number, body))
}

var errNoNetwork = errors.New("no network (simulated)")

func (d *Device) dialer(broker string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		d.mu.Lock()
		offline := d.offline
		d.mu.Unlock()
		if offline {
			return nil, errNoNetwork
		}
		u, err := url.Parse(broker)
		if err != nil {
			return nil, err
		}
		port := u.Port()
		if port == "" {
			port = "8883"
		}
		var dialer net.Dialer
		c, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
		if err != nil {
			return nil, err
		}
		return d.track(c)
	}
}

// tracked is a connection that a cut of the network closes.
type tracked struct {
	net.Conn
	d *Device
}

func (d *Device) track(c net.Conn) (net.Conn, error) {
	t := &tracked{Conn: c, d: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.offline {
		return nil, errors.Join(errNoNetwork, c.Close())
	}
	d.conns[t] = struct{}{}
	return t, nil
}

func (t *tracked) Close() error {
	t.d.mu.Lock()
	delete(t.d.conns, t)
	t.d.mu.Unlock()
	return t.Conn.Close()
}

// CutNetwork ends the device's connections and refuses new ones.
func (d *Device) CutNetwork() {
	d.mu.Lock()
	d.offline = true
	var open []net.Conn
	for c := range d.conns {
		open = append(open, c)
	}
	d.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // cut
	}
}

// RestoreNetwork lets the device connect again.
func (d *Device) RestoreNetwork() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offline = false
}

func (d *Device) power() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.powered
}

// CutPower ends the agent where it stands and takes the supply from its chips.
func (d *Device) CutPower() {
	d.mu.Lock()
	select {
	case <-d.powered:
		d.powered = make(chan struct{})
	default: // cut already
	}
	cut := d.cut
	d.mu.Unlock()
	d.Hardware.CutPower()
	if cut != nil {
		cut()
	}
}

// RestorePower starts the device again.
func (d *Device) RestorePower() {
	d.Hardware.RestorePower()
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.powered:
	default:
		close(d.powered)
	}
}
