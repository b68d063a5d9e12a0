// Command edge is the agent on a fridge controller, lock, shipper sensor, barcode scanner or driver's device.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"meguri/edge/app"
	"meguri/edge/board"
	"meguri/internal/clock"
	"meguri/internal/config"
	"meguri/internal/version"
	"meguri/protocol"
)

type commandLine struct {
	config.Common

	Run   runCommand   `cmd:"" help:"Run the agent until it is told to stop."`
	Check checkCommand `cmd:"" help:"Check a kit file and say which roles it gives."`
}

type globals struct {
	ctx    context.Context
	logger *slog.Logger
}

type runCommand struct {
	Device         string `help:"Id of this device, as added on the hub." required:"" env:"MEGURI_DEVICE"`
	Broker         string `help:"MQTT broker." default:"tcp://127.0.0.1:1883" env:"MEGURI_BROKER"`
	CredentialFile string `help:"File that holds the device's credential." required:"" type:"existingfile" env:"MEGURI_CREDENTIAL_FILE"`
	Kit            string `help:"YAML file that says what is wired to the board; see deploy/kits." required:"" type:"existingfile" env:"MEGURI_KIT"`
	Data           string `help:"Directory of the agent's file." default:"/var/lib/meguri" type:"path" env:"MEGURI_DATA"`
	MaxBytes       int64  `help:"How large that file may get, in bytes; at least 1048576." default:"67108864" env:"MEGURI_MAX_BYTES"`

	kit        app.Kit
	credential string
}

// prepare reads what the flags name. What is wrong with it is a mistake in the configuration, and nothing has been opened yet.
func (r *runCommand) prepare() (err error) {
	if err := protocol.CheckDeviceID(r.Device); err != nil {
		return fmt.Errorf("--device: %w", err)
	}
	if r.kit, err = app.ReadKit(r.Kit); err != nil {
		return err
	}
	credential, err := os.ReadFile(r.CredentialFile)
	if err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	if r.credential = strings.TrimSpace(string(credential)); r.credential == "" {
		return fmt.Errorf("credential %s: the file is empty", r.CredentialFile)
	}
	return nil
}

func (r *runCommand) Run(g *globals) (err error) {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	b, err := board.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return app.Run(g.ctx, app.Config{
		Device: r.Device, Broker: r.Broker, Password: r.credential,
		File: filepath.Join(r.Data, r.Device+".db"), MaxBytes: r.MaxBytes, Kit: r.kit,
	}, app.Deps{Board: b, Clock: clock.Real(), Logger: g.logger})
}

type checkCommand struct {
	Kit string `arg:"" help:"Kit file." type:"existingfile"`

	kit app.Kit
}

func (c *checkCommand) Run() error {
	fmt.Printf("roles: %s\n", strings.Join(c.kit.Roles(), ", "))
	return nil
}

// prepare reads the files of the command that was named.
func (c *commandLine) prepare(command string) (err error) {
	switch {
	case strings.HasPrefix(command, "run"):
		return c.Run.prepare()
	case strings.HasPrefix(command, "check"):
		c.Check.kit, err = app.ReadKit(c.Check.Kit)
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
