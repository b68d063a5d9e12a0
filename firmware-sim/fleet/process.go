package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"meguri/edge/app"
	"meguri/firmware-sim/chip/remote"
	"meguri/internal/clock"
	"meguri/protocol"
)

// An agent in a process of its own works on chips that stay in this one, lent over a Unix socket, and reaches the broker
// through this one, so that its network can be cut. It can be killed at any moment as by a power cut or the kernel.

// Child is what the process of an agent is told on its standard input.
type Child struct {
	Config app.Config
	Socket string // where its chips are lent
	Clock  string
}

// made is a line on a child's standard output: a record that has just become durable.
type made struct {
	Log    protocol.LogID
	Number uint64
}

// RunChild is the process of an agent: it reads a Child from in, and tells of each durable record on out.
func RunChild(ctx context.Context, in io.Reader, out io.Writer, logger *slog.Logger) (err error) {
	var c Child
	if err := json.NewDecoder(in).Decode(&c); err != nil {
		return fmt.Errorf("agent's configuration: %w", err)
	}
	clk, err := clock.Parse(c.Clock)
	if err != nil {
		return err
	}
	board, err := remote.Dial(ctx, c.Socket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, board.Close()) }()
	tell := json.NewEncoder(out)
	return app.Run(ctx, c.Config, app.Deps{Board: board, Clock: clk, Logger: logger,
		Recorded: func(log protocol.LogID, number uint64, _ protocol.Body) {
			_ = tell.Encode(made{log, number}) // whoever does not listen any more does not want to know
		}})
}

// process runs the agent as a child of this process until it ends or ctx does.
func (d *Device) process(ctx context.Context, cfg app.Config, env Env) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp("", "meguri-agent-") // short: a socket's path has few bytes
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the system's temporary directory
	chips, err := net.Listen("unix", filepath.Join(dir, "chips"))
	if err != nil {
		return err
	}
	network, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, chips.Close())
	}
	broker := cfg.Broker
	cfg.Broker = "tcp://" + network.Addr().String()

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return remote.Serve(ctx, chips, d.Hardware) })
	g.Go(func() error { return d.forward(ctx, network, broker) })
	g.Go(func() error {
		defer cancel()
		return d.child(ctx, Child{Config: cfg, Socket: chips.Addr().String(), Clock: env.Clock.String()}, env)
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (d *Device) child(ctx context.Context, c Child, env Env) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, append(env.ChildArgs, "edge")...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(config), env.ChildLog
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.setProcess(cmd.Process)
	defer d.setProcess(nil)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var m made
		if json.Unmarshal(lines.Bytes(), &m) == nil { // the last line of a killed process may be torn
			d.recorded(m.Log, m.Number, nil)
		}
	}
	return cmd.Wait()
}

func (d *Device) setProcess(p *os.Process) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.proc = p
}

// Kill ends the agent's process as kill -9 does. It says whether there was one.
func (d *Device) Kill() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.proc != nil && d.proc.Kill() == nil
}

// forward carries a child's connections to the broker over the device's network.
func (d *Device) forward(ctx context.Context, l net.Listener, broker string) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // ends Accept
	defer stop()
	dial := d.dialer(broker)
	for {
		near, err := l.Accept()
		if err != nil {
			return ctx.Err()
		}
		go func() {
			defer func() { _ = near.Close() }() // the agent notices
			far, err := dial(ctx)
			if err != nil {
				return
			}
			defer context.AfterFunc(ctx, func() { _ = far.Close() })()
			go func() {
				_, _ = io.Copy(far, near) // until either side is cut
				_ = far.Close()
			}()
			_, _ = io.Copy(near, far) // likewise
			_ = far.Close()
		}()
	}
}
