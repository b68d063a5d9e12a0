// Command firmware-sim stands in for the hardware and the people of Meguri: it runs real edge agents on simulated chips in a
// simulated world.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"meguri/internal/config"
	"meguri/internal/version"
)

type commandLine struct {
	config.Common

	Demo      demoCommand      `cmd:"" help:"Start a hub with its defaults and play one delivery date against it."`
	Run       runCommand       `cmd:"" help:"Play one delivery date against a hub that runs already."`
	Warehouse warehouseCommand `cmd:"" help:"Play a day with one scanner of a rental warehouse and its person, without a hub."`
	Probe     probeCommand     `cmd:"" help:"Run edge probe on simulated chips that fit a kit, some of them broken."`
	Edge      edgeCommand      `cmd:"" hidden:"" help:"One agent in a process of its own, on chips in another process."`
}

// globals is what every command gets.
type globals struct {
	ctx       context.Context // ends with the first Ctrl-C or SIGTERM
	newLogger func(io.Writer) *slog.Logger
	logger    *slog.Logger // to standard error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once, and the kernel ends the children then
	var cli commandLine
	os.Exit(config.Main("firmware-sim", "Simulated hardware, world and people for Meguri.", version.Text(), &cli,
		func(*kong.Context) ([]any, error) {
			return []any{&globals{ctx: ctx, newLogger: cli.Logger, logger: cli.Logger(os.Stderr)}}, nil
		}))
}
