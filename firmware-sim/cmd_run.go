package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/edge/app"
	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
	"meguri/firmware-sim/scenario"
	"meguri/internal/clock"
)

// runCommand is `firmware-sim run`: the fleet and the people of one date, against a hub that knows the devices and persons.
type runCommand struct {
	Network      string `help:"Directory with the network's CSV files." required:"" type:"existingdir"`
	Date         string `help:"Delivery date, YYYY-MM-DD; the first in orders.csv when missing."`
	Hub          string `help:"Where the hub's API answers." default:"http://127.0.0.1:8080" env:"MEGURI_URL"`
	Broker       string `help:"The hub's broker." default:"tls://127.0.0.1:8883" env:"MEGURI_BROKER"`
	Certificates string `help:"Directory with ca.pem, and DEVICE.pem and DEVICE.key of each device." required:"" type:"existingdir"`
	Codes        string `help:"JSON file with the login codes of the persons that the people of the day use." required:"" type:"existingfile"`
	Data         string `help:"Directory of the agents' files." required:"" type:"path"`
	Clock        string `help:"The clock that the hub runs on, START@ANCHOR*RATE." env:"MEGURI_CLOCK"`
	Seed         uint64 `help:"Decides what chance decides." default:"1"`
	Processes    bool   `help:"Run each agent in a process of its own, which may be killed at any moment."`
	NoIncidents  bool   `help:"Let nothing go wrong."`
	Displays     string `help:"New file for every line that a display shows: device, display, line." type:"path" placeholder:"FILE"`

	log    io.Writer // of agents in processes of their own; standard error when nil
	killer *killer   // nil lets all live
}

// Run plays the date and prints what became of it.
func (r *runCommand) Run(g *globals) error {
	return r.play(g.ctx, g, os.Stdout, func(res *result) error { return res.print(os.Stdout) })
}

// codes are login codes by what a person does: "app", "dispatcher", "shop/ID", "driver/ROUTE".
type codes map[string]string

// play runs the fleet and the day until ctx ends. The agents go on while then looks at the result.
func (r *runCommand) play(ctx context.Context, g *globals, progress *os.File, then func(*result) error) (err error) {
	cfg, err := r.config(ctx, g)
	if err != nil {
		return reason(ctx, g, err)
	}
	env, err := r.env(g, cfg.Clock)
	if err != nil {
		return err
	}
	shown, err := r.watchDisplays(cfg.Fleet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shown.Close()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	agents, ctx := errgroup.WithContext(ctx)
	for _, d := range cfg.Fleet.Devices() {
		agents.Go(func() error { return d.Run(ctx, env) })
	}
	if r.killer != nil {
		agents.Go(func() error { return r.killer.run(ctx, cfg.Fleet) })
	}
	began := cfg.Clock.Now().Add(-slack)
	day := scenario.New(cfg)
	endLine := startProgress(ctx, progress, day, cfg.Fleet, cfg.Clock)
	err = day.Run(ctx)
	var res *result
	if err == nil {
		res, err = settle(ctx, cfg, day, began, r.killer)
	}
	endLine()
	if err = reason(ctx, g, err); err == nil {
		err = then(res)
	}
	stop()
	_ = agents.Wait() // they end because they were told to, or reason has told why
	return err
}

// slack is taken off the day's beginning when the hub is asked for readings since then.
const slack = time.Hour

// reason is why a day ended: not what failed because everything was told to end, but why it was told so.
func reason(ctx context.Context, g *globals, err error) error {
	switch {
	case err == nil:
		return nil
	case g.ctx.Err() != nil:
		return errStopped
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// config is all that a day needs, with the people logged in.
func (r *runCommand) config(ctx context.Context, g *globals) (scenario.Config, error) {
	c, err := clock.Parse(r.Clock)
	if err != nil {
		return scenario.Config{}, err
	}
	network, err := fleet.ReadNetwork(r.Network)
	if err != nil {
		return scenario.Config{}, err
	}
	date, orders, err := readOrders(filepath.Join(r.Network, "orders.csv"), r.Date)
	if err != nil {
		return scenario.Config{}, err
	}
	cfg := scenario.Config{Date: date, Network: network, Orders: orders, Clock: c, Logger: g.logger, Seed: r.Seed, Incidents: !r.NoIncidents,
		Fleet: fleet.New(network, c, r.Seed)}
	return cfg, r.logIn(ctx, &cfg)
}

// env is what the agents share.
func (r *runCommand) env(g *globals, c clock.Clock) (fleet.Env, error) {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return fleet.Env{}, err
	}
	if r.log == nil {
		r.log = os.Stderr
	}
	return fleet.Env{
		Broker: r.Broker, Dir: r.Data, Clock: c, Logger: g.logger, Processes: r.Processes, ChildLog: r.log,
		Identity: func(device string) app.Identity {
			file := filepath.Join(r.Certificates, device)
			return app.Identity{Certificate: file + ".pem", Key: file + ".key", CA: filepath.Join(r.Certificates, "ca.pem")}
		},
	}, nil
}

// displays is the file of what displays show. Its first error is told when it is closed.
type displays struct {
	mu   sync.Mutex
	file *os.File // nil: nothing is written
	err  error
}

// watchDisplays has every line that a display of the fleet shows written down, where that was asked for.
func (r *runCommand) watchDisplays(f *fleet.Fleet) (*displays, error) {
	if r.Displays == "" {
		return &displays{}, nil
	}
	file, err := os.OpenFile(r.Displays, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--displays: %w", err)
	}
	all := &displays{file: file}
	for _, d := range f.Devices() {
		d.Hardware.WatchDisplays(func(stream, line string) { all.write(d.ID + "\t" + stream + "\t" + line + "\n") })
	}
	return all, nil
}

func (d *displays) write(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil || d.err != nil {
		return
	}
	_, d.err = d.file.WriteString(line)
}

// Close ends the file; agents that go on are not written down any more.
func (d *displays) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := errors.Join(d.err, d.file.Close())
	d.file = nil
	return err
}

// logIn opens a session for each person that the network's day needs.
func (r *runCommand) logIn(ctx context.Context, cfg *scenario.Config) error {
	b, err := os.ReadFile(r.Codes)
	if err != nil {
		return err
	}
	var all codes
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%s: %w", r.Codes, err)
	}
	cfg.Shops, cfg.Drivers = map[string]*hubclient.Client{}, map[string]*hubclient.Client{}
	for _, p := range persons(cfg.Network) {
		code, ok := all[p.who]
		if !ok {
			return fmt.Errorf("%s: want a code for %q", r.Codes, p.who)
		}
		client, err := hubclient.Login(ctx, r.Hub, code)
		if err != nil {
			return fmt.Errorf("%s: %w", p.who, err)
		}
		switch p.role {
		case "system":
			cfg.App = client
		case "dispatcher":
			cfg.Dispatcher = client
		case "shop":
			cfg.Shops[p.place] = client
		case "driver":
			cfg.Drivers[p.place] = client
		}
	}
	return nil
}

// startProgress writes one line again and again until the returned function is called; where nobody sees it change, in a
// file or a CI's log, a line now and then.
func startProgress(ctx context.Context, w *os.File, day *scenario.Day, f *fleet.Fleet, c clock.Clock) (stop func()) {
	every, format := 10*time.Second, "%s\n"
	if info, err := w.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		every, format = 250*time.Millisecond, "\r\x1b[K%s"
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				fmt.Fprintln(w)
				return
			case <-tick.C:
				fmt.Fprintf(w, format, progressLine(day, f, c.Now()))
			}
		}
	}()
	return func() { cancel(); <-done }
}

// tokyo is where the network is: times are shown as its people read them.
var tokyo = time.FixedZone("JST", 9*60*60)

func progressLine(day *scenario.Day, f *fleet.Fleet, now time.Time) string {
	n := &day.Counts
	made := f.Recorded()
	return fmt.Sprintf("%s  %-10s orders %d (%d accepted)  filled %d  loaded %d  in fridges %d  served %d (%d by QR)  events %d  readings %d",
		now.In(tokyo).Format("15:04"), day.Phase(), n.Placed.Load(), n.Accepted.Load(), n.Filled.Load(), n.Loaded.Load(),
		n.HandedIn.Load(), n.Served.Load(), n.Scanned.Load(), made.Events, made.Readings)
}

// edgeCommand is the process of one agent, started by a run with --processes.
type edgeCommand struct{}

// Run runs the agent that standard input describes.
func (*edgeCommand) Run(g *globals) error {
	return fleet.RunChild(g.ctx, os.Stdin, os.Stdout, g.logger)
}
