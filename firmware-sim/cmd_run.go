package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
	"meguri/firmware-sim/scenario"
	"meguri/internal/clock"
)

// runCommand is `firmware-sim run`: the fleet and the people of one date, against a hub that knows the devices and persons.
type runCommand struct {
	Network     string `help:"Directory with the network's CSV files." required:"" type:"existingdir"`
	Date        string `help:"Delivery date, YYYY-MM-DD; the first in orders.csv when missing."`
	Hub         string `help:"Where the hub's API answers." default:"http://127.0.0.1:8080" env:"MEGURI_URL"`
	Broker      string `help:"The hub's broker." default:"tcp://127.0.0.1:1883" env:"MEGURI_BROKER"`
	Credentials string `help:"Directory with a file for each device that holds its credential." required:"" type:"existingdir"`
	Codes       string `help:"JSON file with the login codes of the persons that the people of the day use." required:"" type:"existingfile"`
	Data        string `help:"Directory of the agents' files." required:"" type:"path"`
	Clock       string `help:"The clock that the hub runs on, START@ANCHOR*RATE." env:"MEGURI_CLOCK"`
	Seed        uint64 `help:"Decides what chance decides." default:"1"`
	Processes   bool   `help:"Run each agent in a process of its own, which may be killed at any moment."`
	NoIncidents bool   `help:"Let nothing go wrong."`

	log    io.Writer // of agents in processes of their own; standard error when nil
	killer *killer   // nil lets all live
}

// Run plays the date and prints what became of it.
func (r *runCommand) Run(g *globals) error {
	return r.play(g, os.Stdout, func(res *result) error { return res.print(os.Stdout) })
}

// codes are login codes by what a person does: "app", "dispatcher", "shop/ID", "driver/ROUTE".
type codes map[string]string

// play runs the fleet and the day. The agents go on while then looks at the result.
func (r *runCommand) play(g *globals, progress *os.File, then func(*result) error) error {
	c, err := clock.Parse(r.Clock)
	if err != nil {
		return err
	}
	network, err := fleet.ReadNetwork(r.Network)
	if err != nil {
		return err
	}
	date, orders, err := readOrders(filepath.Join(r.Network, "orders.csv"), r.Date)
	if err != nil {
		return err
	}
	cfg := scenario.Config{Date: date, Network: network, Orders: orders, Clock: c, Logger: g.logger, Seed: r.Seed, Incidents: !r.NoIncidents}
	if err := r.logIn(g.ctx, &cfg); err != nil {
		return err
	}
	env, err := r.env(g, c)
	if err != nil {
		return err
	}
	cfg.Fleet = fleet.New(network, c, r.Seed)

	ctx, stop := context.WithCancel(g.ctx)
	defer stop()
	agents, agentCtx := errgroup.WithContext(ctx)
	for _, d := range cfg.Fleet.Devices() {
		agents.Go(func() error { return d.Run(agentCtx, env) })
	}
	if r.killer != nil {
		agents.Go(func() error { return r.killer.run(agentCtx, cfg.Fleet) })
	}
	day := scenario.New(cfg)
	line := startProgress(agentCtx, progress, day, cfg.Fleet, c)
	err = day.Run(agentCtx)
	var res *result
	if err == nil {
		res, err = settle(agentCtx, cfg, day, r.killer)
	}
	line()
	if err == nil {
		err = then(res)
	}
	stop()
	if ended := agents.Wait(); ended != nil && !errors.Is(ended, context.Canceled) {
		err = errors.Join(ended, err)
	}
	return err
}

func (r *runCommand) env(g *globals, c clock.Clock) (fleet.Env, error) {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return fleet.Env{}, err
	}
	if r.log == nil {
		r.log = os.Stderr
	}
	return fleet.Env{
		Broker: r.Broker, Dir: r.Data, Clock: c, Logger: g.logger, Processes: r.Processes, ChildLog: r.log,
		Secret: func(device string) (string, error) {
			b, err := os.ReadFile(filepath.Join(r.Credentials, device))
			return strings.TrimSpace(string(b)), err
		},
	}, nil
}

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
	for who, code := range all {
		client, err := hubclient.Login(ctx, r.Hub, code)
		if err != nil {
			return fmt.Errorf("%s: %w", who, err)
		}
		kind, place, _ := strings.Cut(who, "/")
		switch kind {
		case "app":
			cfg.App = client
		case "dispatcher":
			cfg.Dispatcher = client
		case "shop":
			cfg.Shops[place] = client
		case "driver":
			cfg.Drivers[place] = client
		}
	}
	if cfg.App == nil || cfg.Dispatcher == nil {
		return fmt.Errorf("%s: want codes for app and dispatcher", r.Codes)
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

var tokyo = time.FixedZone("JST", 9*60*60)

func progressLine(day *scenario.Day, f *fleet.Fleet, now time.Time) string {
	n := &day.Counts
	made := f.Recorded()
	return fmt.Sprintf("%s  %-10s orders %d (%d accepted)  filled %d  loaded %d  in fridges %d  served %d  events %d  readings %d",
		now.In(tokyo).Format("15:04"), day.Phase(), n.Placed.Load(), n.Accepted.Load(), n.Filled.Load(), n.Loaded.Load(),
		n.HandedIn.Load(), n.Served.Load(), made.Events, made.Readings)
}

// edgeCommand is the process of one agent, started by a run with --processes.
type edgeCommand struct{}

// Run runs the agent that standard input describes.
func (*edgeCommand) Run(g *globals) error {
	return fleet.RunChild(g.ctx, os.Stdin, os.Stdout, g.logger)
}
