package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/internal/clock"
)

// demoCommand is `firmware-sim demo`: everything that a person would type to set up a hub, then the day.
type demoCommand struct {
	HubBinary   string `help:"The hub program." default:"bin/hub" type:"existingfile"`
	Network     string `help:"Directory with the network's CSV files." default:"deploy/sample" type:"existingdir"`
	Date        string `help:"Delivery date; the first in orders.csv when missing."`
	Data        string `help:"Directory for the demo's files; what an earlier demo left there is removed." default:"demo" type:"path"`
	Database    string `help:"The hub's database, if not SQLite in the data directory."`
	HTTP        string `help:"Where the hub's dashboard listens; 127.0.0.1:8080, or a free port when that is taken."`
	Broker      string `help:"Where the hub's broker listens; 127.0.0.1:1883, or a free port when that is taken."`
	Speed       int64  `help:"How many times as fast as real time." default:"1000"`
	Seed        uint64 `help:"Decides what chance decides." default:"1"`
	Processes   bool   `help:"Run each agent in a process of its own."`
	NoIncidents bool   `help:"Let nothing go wrong."`
	Kills       int    `help:"Kill the hub and agents (in processes of their own) so many times during the day."`
	Exit        bool   `help:"End after the summary instead of serving the dashboard on."`

	log *os.File
}

// marker is in a directory that a demo made, and may remove.
const marker = ".meguri-demo"

// Run sets up, plays and sums up.
func (d *demoCommand) Run(g *globals) (err error) {
	d.Processes = d.Processes || d.Kills > 0
	if err := d.prepare(); err != nil {
		return err
	}
	if d.HTTP, err = listenAt(d.HTTP, "127.0.0.1:8080"); err != nil {
		return err
	}
	if d.Broker, err = listenAt(d.Broker, "127.0.0.1:1883"); err != nil {
		return err
	}
	network, err := fleet.ReadNetwork(d.Network)
	if err != nil {
		return err
	}
	if d.Date, _, err = readOrders(filepath.Join(d.Network, "orders.csv"), d.Date); err != nil {
		return err
	}
	fmt.Printf("Setting up a hub in %s for %s …\n", d.Data, d.Date)
	link, err := d.setUp(g.ctx, network)
	if err != nil {
		return err
	}
	c, err := d.chooseClock()
	if err != nil {
		return err
	}
	hub := &hubProcess{binary: d.HubBinary, http: d.HTTP, log: d.log,
		args: d.hubArgs("serve", "--http", d.HTTP, "--broker", d.Broker, "--clock", c.String())}
	if err := hub.start(g.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hub.stop()) }()
	fmt.Printf("Dashboard: http://%s\nLog in:    %s\n", d.HTTP, link)

	run := runCommand{Network: d.Network, Date: d.Date, Hub: "http://" + d.HTTP, Broker: "tcp://" + d.Broker,
		Credentials: filepath.Join(d.Data, "credentials"), Codes: filepath.Join(d.Data, "codes.json"),
		Data: filepath.Join(d.Data, "edges"), Clock: c.String(), Seed: d.Seed, Processes: d.Processes, NoIncidents: d.NoIncidents, log: d.log}
	if d.Kills > 0 {
		run.killer = newKiller(d.Kills, hub, d.Seed)
	}
	g.logger = slog.New(slog.NewTextHandler(d.log, nil))
	err = run.play(g, os.Stdout, func(res *result) error {
		sums := res.print(os.Stdout)
		if !d.Exit {
			fmt.Printf("\nThe fleet goes on, and the dashboard stays at http://%s until Ctrl-C.\n", d.HTTP)
			<-g.ctx.Done()
		}
		return sums
	})
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the day was over")
	}
	if err != nil && !errors.Is(err, errDoesNotAddUp) {
		err = fmt.Errorf("%w (more in %s)", err, d.log.Name())
	}
	return err
}

// prepare empties the demo's directory, if it is one.
func (d *demoCommand) prepare() error {
	entries, err := os.ReadDir(d.Data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.Data, marker)); len(entries) > 0 && err != nil {
		return fmt.Errorf("--data %s: it is not empty and no demo made it; name another directory", d.Data)
	}
	if err := os.RemoveAll(d.Data); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(d.Data, "credentials"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.Data, marker), nil, 0o600); err != nil {
		return err
	}
	d.log, err = os.Create(filepath.Join(d.Data, "demo.log"))
	return err
}

// setUp types what an operator would: import, devices, persons, and the administrator's link, which it returns.
func (d *demoCommand) setUp(ctx context.Context, n fleet.Network) (link string, err error) {
	if _, err := d.hubCommand(ctx, "import", d.Network); err != nil {
		return "", err
	}
	for _, device := range fleet.Inventory(n) {
		_, err := d.hubCommand(ctx, "device", "add", device.ID, "--role", string(device.Role), "--place", device.Place,
			"--credential-file", filepath.Join(d.Data, "credentials", device.ID))
		if err != nil {
			return "", err
		}
	}
	all := codes{}
	person := func(who, role, place string) error {
		args := []string{"person", "add", "--name", "Demo " + who, "--role", role}
		if place != "" {
			args = append(args, "--place", place)
		}
		out, err := d.hubCommand(ctx, args...)
		if err != nil {
			return err
		}
		all[who], err = codeOf(out)
		return err
	}
	errs := []error{person("app", "system", ""), person("dispatcher", "dispatcher", "")}
	for _, s := range n.Shops {
		errs = append(errs, person("shop/"+s.ID, "shop", s.ID))
	}
	for _, r := range n.Routes {
		errs = append(errs, person("driver/"+r.ID, "driver", r.ID))
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(d.Data, "codes.json"), b, 0o600); err != nil {
		return "", err
	}
	out, err := d.hubCommand(ctx, "admin", "link", "--url", "http://"+d.HTTP)
	return strings.TrimSpace(out), err
}

// codeOf takes the code out of a one-time link, the last line that a command printed.
func codeOf(out string) (string, error) {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	u, err := url.Parse(lines[len(lines)-1])
	if err != nil || u.Query().Get("code") == "" {
		return "", fmt.Errorf("no login link in %q", out)
	}
	return u.Query().Get("code"), nil
}

func (d *demoCommand) hubArgs(args ...string) []string {
	args = append(args, "--data", d.Data)
	if d.Database != "" {
		args = append(args, "--database", d.Database)
	}
	return args
}

func (d *demoCommand) hubCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.HubBinary, d.hubArgs(args...)...)
	var errText strings.Builder
	cmd.Stderr = io.MultiWriter(&errText, d.log)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("hub %s: %w: %s", strings.Join(args, " "), err, errText.String())
	}
	return string(out), nil
}

// chooseClock lets the day begin an hour before the date's first cutoff.
func (d *demoCommand) chooseClock() (clock.Clock, error) {
	if d.Speed < 1 || d.Speed > 5000 {
		return clock.Clock{}, fmt.Errorf("--speed %d: want 1 to 5000", d.Speed)
	}
	cutoff, err := fleet.FirstCutoff(d.Network, d.Date)
	if err != nil {
		return clock.Clock{}, err
	}
	return clock.New(time.Now(), cutoff.Add(-time.Hour), d.Speed), nil
}
