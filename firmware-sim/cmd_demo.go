package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
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
	Broker      string `help:"Where the hub's broker listens; 127.0.0.1:8883, or a free port when that is taken."`
	Via         string `help:"Where the fleet connects instead of the hub's broker: something that stands between, and listens to it." placeholder:"HOST:PORT"`
	Speed       int64  `help:"How many times as fast as real time." default:"1000"`
	Seed        uint64 `help:"Decides what chance decides." default:"1"`
	Processes   bool   `help:"Run each agent in a process of its own."`
	NoIncidents bool   `help:"Let nothing go wrong."`
	Kills       int    `help:"Kill the hub and agents (in processes of their own) so many times during the day."`
	Displays    string `help:"New file for every line that a display shows: device, display, line." type:"path" placeholder:"FILE"`
	Exit        bool   `help:"End after the summary instead of serving the dashboard on."`

	log    *os.File // of the fleet
	hubLog *os.File
	lock   *os.File // on the data directory, while this demo runs
}

// Validate is asked by the command line.
func (d *demoCommand) Validate() error {
	if d.Speed < 1 || d.Speed > maxSpeed {
		return fmt.Errorf("--speed %d: want 1 to %d", d.Speed, maxSpeed)
	}
	if d.Kills < 0 || d.Kills > maxKills {
		return fmt.Errorf("--kills %d: want 0 to %d", d.Kills, maxKills)
	}
	return nil
}

const (
	maxSpeed = 5000 // beyond it a round trip between two processes takes a minute of the day
	maxKills = 1000
)

// marker is in a directory that a demo made, and may empty. Whoever runs a demo there holds a lock on it.
const marker = ".meguri-demo"

var errStopped = errors.New("stopped before the day was over")

// Run sets up, plays and sums up.
func (d *demoCommand) Run(g *globals) (err error) {
	d.Processes = d.Processes || d.Kills > 0
	if err := d.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.log.Close(), d.hubLog.Close(), d.lock.Close()) }()
	hub, run, link, err := d.set(g.ctx)
	if err == nil {
		err = d.play(g, hub, run, link)
	} else if g.ctx.Err() != nil {
		err = errStopped
	}
	if err != nil && !errors.Is(err, errDoesNotAddUp) && !errors.Is(err, errStopped) {
		err = fmt.Errorf("%w (more in %s and %s)", err, d.log.Name(), d.hubLog.Name())
	}
	return err
}

// set makes all that a day needs, up to a hub that can be started.
func (d *demoCommand) set(ctx context.Context) (hub *hubProcess, run *runCommand, link string, err error) {
	if d.HTTP, err = listenAt(d.HTTP, "127.0.0.1:8080"); err != nil {
		return nil, nil, "", err
	}
	if d.Broker, err = listenAt(d.Broker, "127.0.0.1:8883"); err != nil {
		return nil, nil, "", err
	}
	network, err := fleet.ReadNetwork(d.Network)
	if err != nil {
		return nil, nil, "", err
	}
	var orders []hubclient.OrderRequest
	if d.Date, orders, err = readOrders(filepath.Join(d.Network, "orders.csv"), d.Date); err != nil {
		return nil, nil, "", err
	}
	cutoff, err := fleet.FirstCutoff(d.Network, d.Date)
	if err != nil {
		return nil, nil, "", err
	}
	fmt.Printf("Setting up a hub in %s for %s …\n", d.Data, d.Date)
	if link, err = d.setUp(ctx, network, customersOf(orders)); err != nil {
		return nil, nil, "", err
	}
	c := clock.New(time.Now(), cutoff.Add(-intake), d.Speed).String()
	hub = newHub(d.HubBinary, d.HTTP, d.hubLog, d.hubArgs("serve", "--http", d.HTTP, "--broker", d.Broker, "--clock", c))
	run = &runCommand{Network: d.Network, Date: d.Date, Hub: "http://" + d.HTTP, Broker: "tls://" + cmp.Or(d.Via, d.Broker),
		Certificates: filepath.Join(d.Data, "certificates"), Codes: filepath.Join(d.Data, "codes.json"),
		Data: filepath.Join(d.Data, "edges"), Clock: c, Seed: d.Seed, Processes: d.Processes, NoIncidents: d.NoIncidents, Displays: d.Displays, log: d.log}
	if d.Kills > 0 {
		run.killer = newKiller(d.Kills, hub, d.Seed)
	}
	return hub, run, link, nil
}

// intake is how long before the date's first cutoff the day begins.
const intake = 3 * time.Hour

// play starts the hub and plays the day. Whatever happens, the hub is stopped in the end; when it ends by itself, so does the
// day, with that as the reason.
func (d *demoCommand) play(g *globals, hub *hubProcess, run *runCommand, link string) (err error) {
	defer func() { err = errors.Join(err, hub.stop()) }()
	if err := hub.start(g.ctx); err != nil {
		if g.ctx.Err() != nil {
			return errStopped
		}
		return err
	}
	fmt.Printf("Dashboard: http://%s\nLog in:    %s\n", d.HTTP, link)
	ctx, cancel := context.WithCancelCause(g.ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-hub.died:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	quiet := &globals{ctx: g.ctx, newLogger: g.newLogger, logger: g.newLogger(d.log)} // the terminal is for the progress line
	return run.play(ctx, quiet, os.Stdout, func(res *result) error {
		err := res.print(os.Stdout)
		if d.Exit {
			return err
		}
		fmt.Printf("\nThe fleet goes on, and the dashboard stays at http://%s until Ctrl-C.\n", d.HTTP)
		<-ctx.Done()
		if g.ctx.Err() == nil {
			err = errors.Join(err, context.Cause(ctx))
		}
		return err
	})
}

// prepare locks the demo's directory and empties it. One that is not empty and that no demo made is left alone, and so is one in
// which a demo runs.
func (d *demoCommand) prepare() error {
	entries, err := os.ReadDir(d.Data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(filepath.Join(d.Data, marker)); len(entries) > 0 && err != nil {
		return fmt.Errorf("--data %s: it is not empty and no demo made it; name another directory", d.Data)
	}
	if err := os.MkdirAll(d.Data, 0o700); err != nil {
		return err
	}
	if d.lock, err = os.OpenFile(filepath.Join(d.Data, marker), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := d.empty(entries); err != nil {
		return errors.Join(err, d.lock.Close())
	}
	return nil
}

func (d *demoCommand) empty(entries []os.DirEntry) (err error) {
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("--data %s: another demo runs there (%w); name another directory", d.Data, err)
	}
	for _, e := range entries {
		if e.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(d.Data, e.Name())); err != nil {
			return err
		}
	}
	if d.log, err = os.Create(filepath.Join(d.Data, "demo.log")); err != nil {
		return err
	}
	if d.hubLog, err = os.Create(filepath.Join(d.Data, "hub.log")); err != nil {
		return errors.Join(err, d.log.Close())
	}
	return nil
}

// setUp types what an operator would: import, devices, customers, persons, and the administrator's link, which it returns.
func (d *demoCommand) setUp(ctx context.Context, n fleet.Network, customers []string) (link string, err error) {
	if _, err := d.hubCommand(ctx, "import", d.Network); err != nil {
		return "", err
	}
	for _, device := range fleet.Inventory(n) {
		_, err := d.hubCommand(ctx, "device", "add", device.ID, "--role", string(device.Role), "--place", device.Place,
			"--out", filepath.Join(d.Data, "certificates"))
		if err != nil {
			return "", err
		}
	}
	if err := d.enterCustomers(ctx, customers); err != nil {
		return "", err
	}
	all := codes{}
	for i, p := range persons(n) {
		args := []string{"person", "add", "--name", invented(i).name, "--role", p.role}
		if p.role == "dispatcher" { // a program has no authenticator
			args = append(args, "--whole")
		}
		if p.place != "" {
			args = append(args, "--place", p.place)
		}
		out, err := d.hubCommand(ctx, args...)
		if err != nil {
			return "", err
		}
		if all[p.who], err = codeOf(out); err != nil {
			return "", err
		}
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

// person is somebody who acts in a day: the name under which runCommand looks for the login code, and role and place on the hub.
type person struct{ who, role, place string }

func persons(n fleet.Network) []person {
	all := []person{{"app", "system", ""}, {"dispatcher", "dispatcher", ""}}
	for _, s := range n.Shops {
		all = append(all, person{"shop/" + s.ID, "shop", s.ID})
	}
	for _, r := range n.Routes {
		all = append(all, person{"driver/" + r.ID, "driver", r.ID})
	}
	return all
}

// codeOf takes the code out of a one-time link, the last line that `hub person add` printed.
func codeOf(out string) (string, error) {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	u, err := url.Parse(lines[len(lines)-1])
	if err != nil || u.Query().Get("code") == "" {
		return "", fmt.Errorf("no login link in %q", out)
	}
	return u.Query().Get("code"), nil
}

// hubArgs adds where the hub's data is to a command.
func (d *demoCommand) hubArgs(args ...string) []string {
	args = append(args, "--data", d.Data)
	if d.Database != "" {
		args = append(args, "--database", d.Database)
	}
	return args
}

// hubCommand runs a command of the hub to its end and gives what it printed.
func (d *demoCommand) hubCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.HubBinary, d.hubArgs(args...)...)
	var errText strings.Builder
	cmd.Stderr = io.MultiWriter(&errText, d.hubLog)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("hub %s: %w: %s", strings.Join(args, " "), err, errText.String())
	}
	return string(out), nil
}
