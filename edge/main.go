// Command edge is the agent on a fridge controller, lock, shipper sensor, barcode scanner or driver's device.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"meguri/edge/app"
	"meguri/edge/board"
	"meguri/edge/wiring"
	"meguri/internal/clock"
	"meguri/internal/config"
	"meguri/internal/gs1"
	"meguri/internal/version"
	"meguri/protocol"
)

type commandLine struct {
	config.Common

	Run    runCommand    `cmd:"" help:"Run the agent until it is told to stop."`
	Check  checkCommand  `cmd:"" help:"Check a kit file and say which roles it gives."`
	Probe  probeCommand  `cmd:"" help:"Look what is on the buses, pins and lines of this board, read every sensor once, and say what is wrong."`
	Wiring wiringCommand `cmd:"" help:"Write how a kit is wired, as a page and a drawing."`
	Log    logCommand    `cmd:"" help:"Look into an agent's file."`

	Export exportCommand `cmd:"" help:"Write what a file holds to standard output, for hub device drain."`

	Salvage salvageCommand `cmd:"" hidden:"" help:"Read what can be read of a broken file into a new one."`
}

type globals struct {
	ctx    context.Context
	logger *slog.Logger
}

type runCommand struct {
	Device      string `help:"Id of this device, as added on the hub." required:"" env:"MEGURI_DEVICE"`
	Broker      string `help:"MQTT broker, tls://HOST:PORT." default:"tls://127.0.0.1:8883" env:"MEGURI_BROKER"`
	Certificate string `help:"The device's certificate, as hub device add wrote it." required:"" type:"existingfile" env:"MEGURI_CERTIFICATE"`
	Key         string `help:"The key of the certificate." required:"" type:"existingfile" env:"MEGURI_KEY"`
	CA          string `help:"Certificate of the hub's CA, by which the broker is known." required:"" type:"existingfile" env:"MEGURI_CA" name:"ca"`
	Kit         string `help:"YAML file that says what is wired to the board; see deploy/kits." required:"" type:"existingfile" env:"MEGURI_KIT"`
	Codes       string `help:"File of barcodes that are not GS1's: barcode, meaning (an application identifier), how (prefix, match or gtin), what." type:"existingfile" env:"MEGURI_CODES" placeholder:"FILE"`
	Lists       string `help:"JSON file of lists that a warehouse's scanner works with until the hub has sent a plan, for training." type:"existingfile" env:"MEGURI_LISTS" placeholder:"FILE"`
	Data        string `help:"Directory of the agent's file." default:"/var/lib/meguri" type:"path" env:"MEGURI_DATA"`

	Linger time.Duration `help:"How long readings wait for others before they are sent; events and alarms do not wait, and take along what waits." default:"5m" env:"MEGURI_LINGER"`

	storageFlags `embed:""`

	kit   app.Kit
	codes *gs1.Codes
	lists *app.Lists
	tls   *tls.Config
}

// prepare reads what the flags name. What is wrong with it is a mistake in the configuration, and nothing has been opened yet.
func (r *runCommand) prepare() (err error) {
	if err := protocol.CheckDeviceID(r.Device); err != nil {
		return fmt.Errorf("--device: %w", err)
	}
	if u, err := url.Parse(r.Broker); err != nil || u.Scheme != "tls" || u.Hostname() == "" {
		return fmt.Errorf("--broker %q: want tls://HOST:PORT", r.Broker)
	}
	if err := r.check(); err != nil {
		return err
	}
	if r.kit, err = app.ReadKit(r.Kit); err != nil {
		return err
	}
	if r.codes, err = readCodes(r.Codes); err != nil {
		return err
	}
	if r.Lists != "" {
		if r.kit.Warehouse == nil {
			return errors.New("--lists: the kit has no warehouse's scanner")
		}
		if r.lists, err = app.ReadLists(r.Lists); err != nil {
			return err
		}
	}
	r.tls, err = app.Identity{Certificate: r.Certificate, Key: r.Key, CA: r.CA}.TLS(r.Device)
	return err
}

// readCodes reads the table of codes, which may be missing.
func readCodes(name string) (*gs1.Codes, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	codes, err := gs1.ReadCodes(f)
	if err != nil {
		return nil, fmt.Errorf("--codes %s: %w", name, err)
	}
	return codes, nil
}

func (r *runCommand) Run(g *globals) (err error) {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(r.Key); err == nil && info.Mode().Perm()&0o004 != 0 {
		g.logger.Warn("everybody on this machine can read the device's key: chmod 600", "key", r.Key)
	}
	b, err := board.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return app.Run(g.ctx, app.Config{
		Device: r.Device, Broker: r.Broker, TLS: r.tls,
		File: filepath.Join(r.Data, r.Device+".db"), Log: r.options(), Kit: r.kit, Codes: r.codes, Lists: r.lists, Linger: r.Linger,
	}, app.Deps{Board: b, Clock: clock.Real(), Logger: g.logger})
}

type checkCommand struct {
	Kit string `arg:"" help:"Kit file." type:"existingfile"`

	kit app.Kit
}

func (c *checkCommand) Run() error {
	for _, name := range c.kit.Streams() {
		if err := board.CheckStream(name); err != nil {
			return config.Usage(fmt.Errorf("kit %s: %w", c.Kit, err))
		}
	}
	fmt.Printf("roles: %s\n", strings.Join(c.kit.Roles(), ", "))
	for _, l := range c.kit.Locks {
		if wiring.HighAtStart(l.Relay) {
			fmt.Printf("warning: relay %s of lock %s: a Raspberry Pi pulls GPIO0 to GPIO8 up from power-on, and the door unlocks at each "+
				"start unless 4.7 kΩ to ground hold it; better take GPIO9 or above\n", l.Relay, l.Position)
		}
	}
	return nil
}

// prepare reads the files of the command that was named.
func (c *commandLine) prepare(command string) (err error) {
	switch {
	case strings.HasPrefix(command, "run"):
		return c.Run.prepare()
	case strings.HasPrefix(command, "check"):
		c.Check.kit, err = app.ReadKit(c.Check.Kit)
	case strings.HasPrefix(command, "wiring"):
		c.Wiring.kit, err = app.ReadKit(c.Wiring.Kit)
	case strings.HasPrefix(command, "probe") && c.Probe.Kit != "":
		c.Probe.kit, err = app.ReadKit(c.Probe.Kit)
	}
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var cli commandLine
	os.Exit(config.Main("edge", "The agent on Meguri's devices.", version.Text(), &cli, func(k *kong.Context) ([]any, error) {
		return []any{&globals{ctx: ctx, logger: cli.Logger(os.Stderr)}}, cli.prepare(k.Command())
	}))
}
