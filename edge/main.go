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
	Kit            string `help:"YAML file that says what is wired to the board." required:"" type:"existingfile" env:"MEGURI_KIT"`
	Data           string `help:"Directory of the agent's file." default:"/var/lib/meguri" type:"path" env:"MEGURI_DATA"`
}

func (r *runCommand) Run(g *globals) (err error) {
	kit, err := app.ReadKit(r.Kit)
	if err != nil {
		return err
	}
	credential, err := os.ReadFile(r.CredentialFile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	b, err := board.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return app.Run(g.ctx, app.Config{
		Device: r.Device, Broker: r.Broker, Password: strings.TrimSpace(string(credential)),
		File: filepath.Join(r.Data, r.Device+".db"), Kit: kit,
	}, app.Deps{Board: b, Clock: clock.Real(), Logger: g.logger})
}

type checkCommand struct {
	Kit string `arg:"" help:"Kit file." type:"existingfile"`
}

func (c *checkCommand) Run() error {
	kit, err := app.ReadKit(c.Kit)
	if err != nil {
		return err
	}
	fmt.Printf("roles: %s\n", strings.Join(kit.Roles(), ", "))
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var cli commandLine
	os.Exit(config.Main("edge", "The agent on Meguri's devices.", version.Text(), &cli, func(*kong.Context) ([]any, error) {
		return []any{&globals{ctx: ctx, logger: cli.Logger(os.Stderr)}}, nil
	}))
}
