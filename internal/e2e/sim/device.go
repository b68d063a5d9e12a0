package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"meguri/edge/app"
	"meguri/edge/link"
	edgelog "meguri/edge/log"
	"meguri/firmware-sim/chip"
	"meguri/internal/clock"
	"meguri/protocol"
)

// device is one board with its real agent, its card, its supply and its clock.
type device struct {
	sim   *sim
	id    string
	role  string
	place string
	kit   app.Kit
	chips *chip.Hardware
	line  *line
	file  string
	rand  *rand.Rand
	quirk *clock.Fault // of its clock, for as long as the battery lasts

	mu      sync.Mutex
	on      chan struct{} // closed while there is power
	live    *power        // nil between two runs of the agent
	trap    trap
	disk    bool     // full
	repairs []func() // done with the card while the power is off

	owed owed // at the last look; only checkOwed uses it
}

// owed is a plan that a run of the hub owes a device.
type owed struct {
	life *hubLife
	plan uint64
}

// power is one run of the agent, from its start to its end.
type power struct {
	mu     sync.Mutex
	dead   bool
	cancel context.CancelCauseFunc
	since  time.Time
}

func (p *power) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// trap is what happens to the next commit.
type trap int

const (
	noTrap trap = iota
	trapLost
	trapKept
	trapTorn
	trapSyncFails
	trapSyncFailsLost
)

func (s *sim) newDevice(id, role, place string, kit app.Kit, chips *chip.Hardware) *device {
	d := &device{sim: s, id: id, role: role, place: place, kit: kit, chips: chips, line: s.newLine(id), rand: source(s.Seed, "device "+id),
		file: filepath.Join(s.dir, id+".db"), quirk: &clock.Fault{}, on: make(chan struct{})}
	close(d.on)
	return d
}

// run is the board's supervisor: it starts the agent whenever there is power and it does not run.
func (d *device) run(ctx context.Context) {
	_ = sleep(ctx, between(d.rand, 0, 5*time.Second))
	for ctx.Err() == nil {
		d.mu.Lock()
		on := d.on
		d.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-on:
		}
		err := d.session(ctx)
		if ctx.Err() != nil {
			return
		}
		d.repair()
		select {
		case <-d.power():
			d.sim.logger.Warn("agent ended", "device", d.id, "error", err)
			_ = sleep(ctx, between(d.rand, time.Second, 3*time.Second))
		default:
		}
	}
}

func (d *device) power() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.on
}

func (d *device) session(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &power{cancel: cancel, since: time.Now()}
	board, err := d.chips.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = board.Close() }() // a power cut has closed it
	d.mu.Lock()
	d.live = p
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.live = nil
		d.mu.Unlock()
	}()
	deps := app.Deps{Board: board, Clock: d.clock(), Logger: d.sim.quiet, Jitter: d.line.jitter,
		Connect: func(ctx context.Context, will protocol.Gone) (link.Wire, error) { return d.line.connect(ctx, p, will) },
		Recorded: func(log protocol.LogID, n uint64, b protocol.Body) {
			d.sim.model.recorded(d.id, log, n, b, time.Since(p.since))
		}}
	if d.sim.MQTT {
		deps.Connect = nil
		deps.Dial = func(ctx context.Context) (net.Conn, error) { return d.line.dial(ctx, p) }
	}
	return app.Run(ctx, d.config(p), deps)
}

func (d *device) config(p *power) app.Config {
	return app.Config{Device: d.id, File: d.file, Kit: d.kit, Log: d.options(func(commit func() error) error { return d.commit(p, commit) })}
}

func (d *device) options(commit func(func() error) error) edgelog.Options {
	return edgelog.Options{MaxBytes: d.sim.MaxBytes, MaxReadings: d.sim.Readings, Commit: commit}
}

// clock is the board's clock as it is set when the power comes.
func (d *device) clock() clock.Clock {
	if d.kit.BatteryClock {
		return d.sim.clock.WithFault(d.quirk)
	}
	return clock.New(time.Now(), time.Unix(0, 0), 1).WithFault(&clock.Fault{PPM: d.quirk.PPM})
}

var errNoPower = errors.New("no power (simulated)")

// commit is every commit of the agent's log.
func (d *device) commit(p *power, commit func() error) error {
	if p.isDead() {
		return errNoPower
	}
	d.mu.Lock()
	trap, full := d.trap, d.disk
	d.trap = noTrap
	d.mu.Unlock()
	if full {
		return fmt.Errorf("write %s: %w", d.file, syscall.ENOSPC)
	}
	switch trap {
	case trapLost, trapKept, trapTorn:
		d.sim.count(CutCommit)
	case trapSyncFails, trapSyncFailsLost:
		d.sim.count(SyncFails)
	}
	switch trap {
	case trapLost:
		d.cut(p)
		return errNoPower
	case trapKept:
		err := commit()
		d.cut(p)
		return err
	case trapTorn:
		return d.tear(p, commit)
	case trapSyncFails:
		d.unknown()
		_ = commit()
		return fmt.Errorf("sync %s: %w", d.file, syscall.EIO)
	case trapSyncFailsLost:
		return fmt.Errorf("sync %s: %w", d.file, syscall.EIO)
	}
	return commit()
}

func (d *device) unknown() { d.sim.model.with(d.id, func(t *truth) { t.life().unknown++ }) }

// tear cuts the power while a commit is written. The pages of the data may be there or not; the page that makes them count is
// written last, and may be there, half there, or not.
func (d *device) tear(p *power, commit func() error) error {
	before, err := os.ReadFile(d.file)
	if err == nil {
		err = commit()
	}
	after, failed := os.ReadFile(d.file)
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	d.unknown()
	const page = 4096
	image := append([]byte(nil), after...)
	whole := d.rand.IntN(3) == 0 // all data pages had been synced
	for at := 0; at+page <= len(before); at += page {
		meta := at < 2*page
		switch {
		case meta && whole && d.rand.IntN(2) == 0:
			if d.rand.IntN(2) == 0 { // half of it
				copy(image[at+page/2:at+page], before[at+page/2:])
			}
		case meta, !whole && d.rand.IntN(2) == 0:
			copy(image[at:at+page], before[at:])
		}
	}
	d.later(func() {
		if err := os.WriteFile(d.file, image, 0o600); err != nil {
			d.sim.model.fail("%s: writing a torn file: %v", d.id, err)
		}
	})
	d.cut(p)
	return errNoPower
}

// later has something done with the card while the power is off.
func (d *device) later(fn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.repairs = append(d.repairs, fn)
}

func (d *device) repair() {
	d.mu.Lock()
	all := d.repairs
	d.repairs = nil
	d.mu.Unlock()
	for _, fn := range all {
		fn()
	}
}

// cut takes the supply away from a running agent, at once. The power comes back after a while.
func (d *device) cut(p *power) {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return
	}
	p.dead = true
	p.mu.Unlock()
	d.mu.Lock()
	select {
	case <-d.on:
		d.on = make(chan struct{})
		d.sim.after(between(d.rand, 3*time.Second, 20*time.Minute), d.restore)
	default:
	}
	d.mu.Unlock()
	d.sim.trace("%s power cut", d.id)
	d.chips.CutPower()
	d.line.cutConns()
	p.cancel(app.ErrPowerCut)
}

// cutPower cuts the supply, whatever the agent is doing. with is done with the card meanwhile.
func (d *device) cutPower(with func()) bool {
	d.mu.Lock()
	p := d.live
	d.mu.Unlock()
	if p == nil || p.isDead() {
		return false
	}
	if with != nil {
		d.later(with)
	}
	d.cut(p)
	return true
}

// restore gives the supply back.
func (d *device) restore() {
	d.chips.RestorePower()
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.on:
	default:
		close(d.on)
	}
}

// restart ends the agent in order, as an upgrade does.
func (d *device) restart() {
	d.mu.Lock()
	p := d.live
	d.mu.Unlock()
	if p != nil {
		p.cancel(nil)
	}
}

func (d *device) setTrap(t trap) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trap = t
}

func (d *device) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disk = full
}

// running gives the agent's run if it has run for so long, and nothing keeps it from serving.
func (d *device) running(since time.Duration) *power {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.live == nil || d.live.isDead() || d.disk || d.trap != noTrap || time.Since(d.live.since) < since {
		return nil
	}
	return d.live
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
