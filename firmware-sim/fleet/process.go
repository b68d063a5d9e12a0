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
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

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
	Config   app.Config
	Identity app.Identity // read by the process itself: keys go through no pipe
	Server   string       // the broker's name, which is reached through this process
	Socket   string       // where its chips are lent
	Clock    string
}

// RunChild is the process of an agent: it reads a Child from in, and tells of each durable record with a line on out.
func RunChild(ctx context.Context, in io.Reader, out io.Writer, logger *slog.Logger) (err error) {
	var c Child
	if err := json.NewDecoder(in).Decode(&c); err != nil {
		return fmt.Errorf("agent's configuration: %w", err)
	}
	clk, err := clock.Parse(c.Clock)
	if err != nil {
		return err
	}
	if c.Config.TLS, err = c.Identity.TLS(c.Config.Device); err != nil {
		return err
	}
	c.Config.TLS.ServerName = c.Server
	board, err := remote.Dial(ctx, c.Socket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, board.Close()) }()
	tell := json.NewEncoder(out)
	return app.Run(ctx, c.Config, app.Deps{Board: board, Clock: clk, Logger: logger,
		Recorded: func(log protocol.LogID, number uint64, body protocol.Body) {
			_ = tell.Encode(recordOf(log, number, body)) // whoever does not listen any more does not want to know
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
	broker, err := url.Parse(cfg.Broker)
	if err != nil {
		return errors.Join(err, chips.Close(), network.Close())
	}
	cfg.Broker = "tls://" + network.Addr().String()

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return remote.Serve(ctx, chips, d.Hardware) })
	g.Go(func() error { return d.forward(ctx, network, broker.String()) })
	g.Go(func() error {
		err := d.child(ctx, Child{Config: cfg, Identity: env.Identity(d.ID), Server: broker.Hostname(), Socket: chips.Addr().String(), Clock: env.Clock.String()}, env)
		if err == nil {
			cancel() // an error ends the others, too, and is the one that Wait gives
		}
		return err
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// child starts the process and keeps the device's account from what it tells until it ends.
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no agent is left behind when this process is killed
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
		var r record
		if json.Unmarshal(lines.Bytes(), &r) == nil { // the last line of a killed process may be torn
			d.note(r)
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

// forward carries a child's connections to the broker over the device's network, until ctx ends.
func (d *Device) forward(ctx context.Context, l net.Listener, broker string) error {
	var under sync.WaitGroup
	defer under.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // ends Accept
	dial := d.dialer(broker)
	for {
		near, err := l.Accept()
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
		under.Go(func() { carry(ctx, near, dial) })
	}
}

// carry joins a connection with a new one to the broker until either side is cut or ctx ends.
func carry(ctx context.Context, near net.Conn, dial func(context.Context) (net.Conn, error)) {
	defer func() { _ = near.Close() }() // the agent notices
	far, err := dial(ctx)
	if err != nil {
		return
	}
	var up sync.WaitGroup
	defer up.Wait()
	cut := func() { _, _ = far.Close(), near.Close() } // either may be closed already
	defer cut()
	defer context.AfterFunc(ctx, cut)()
	up.Go(func() {
		_, _ = io.Copy(far, near) // until it is cut
		cut()
	})
	_, _ = io.Copy(near, far) // likewise
}
