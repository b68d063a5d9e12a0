package warehouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"meguri/edge/app"
	"meguri/firmware-sim/chip"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Config is a day to be played.
type Config struct {
	Pieces int
	Seed   uint64
	File   string // of the agent
	Logger *slog.Logger
}

// Result is what a day has come to.
type Result struct {
	Acts, Recorded                       int
	Scans, Doubles, Wrong, Garbled, Cuts int
	Took                                 time.Duration // of the machine
	Differences                          []string      // between what was done and what is recorded; none is right
}

// Print writes the result for people.
func (r Result) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "scans %d in %v, of these twice %d, wrong piece %d, half read %d; power cuts %d\npieces handled %d, recorded %d\n",
		r.Scans, r.Took.Round(time.Millisecond), r.Doubles, r.Wrong, r.Garbled, r.Cuts, r.Acts, r.Recorded)
	for _, d := range r.Differences {
		fmt.Fprintln(w, "WRONG:", d)
	}
	return err
}

// Play plays a day with the real agent on chips, cut off from its hub. The error is of a person who was answered wrongly.
func Play(ctx context.Context, cfg Config) (Result, error) {
	w := NewWorld(cfg.Pieces)
	if len(w.Orders) == 0 || len(w.Returns) == 0 || len(w.Free) == 0 {
		return Result{}, fmt.Errorf("%d pieces: want at least %d", cfg.Pieces, 3*perBag)
	}
	b := &board{hardware: chip.New(nil), cfg: cfg, lists: &w.Lists}
	if err := b.start(ctx); err != nil {
		return Result{}, err
	}
	p := &person{line: b.hardware.Stream(readerLine), chance: rand.New(rand.NewPCG(cfg.Seed, 1)), cut: b.cutPower}
	passed := clock.Real().Stopwatch()
	err := p.day(ctx, w)
	r := Result{Acts: len(p.acts), Scans: p.Scans, Doubles: p.Doubles, Wrong: p.Wrong, Garbled: p.Garbled, Cuts: p.Cuts, Took: passed()}
	err = errors.Join(err, b.stop(context.Canceled))
	recorded := b.pieces()
	r.Recorded = len(recorded)
	for n := range max(len(recorded), len(p.acts)) {
		var did, said Act
		if n < len(p.acts) {
			did = p.acts[n]
		}
		if n < len(recorded) {
			said = recorded[n]
		}
		if did != said && len(r.Differences) < 10 {
			r.Differences = append(r.Differences, fmt.Sprintf("act %d: the person did step %d to %q, recorded is step %d of %q", n+1, did.Step,
				did.Item, said.Step, said.Item))
		}
	}
	return r, err
}

const readerLine = "reader"

// board is the scanner with its agent, from one power cut to the next.
type board struct {
	hardware *chip.Hardware
	cfg      Config
	lists    *app.Lists

	cut   context.CancelCauseFunc
	ended chan error

	mu       sync.Mutex
	recorded []Act
}

// start gives power and waits until the agent has the reader open.
func (b *board) start(ctx context.Context) error {
	on, err := b.hardware.Open(ctx)
	if err != nil {
		return err
	}
	ctx, b.cut = context.WithCancelCause(ctx)
	b.ended = make(chan error, 1)
	go func() {
		err := app.Run(ctx, app.Config{Device: "warehouse", Broker: "tls://127.0.0.1:1", File: b.cfg.File, Lists: b.lists,
			Kit: app.Kit{BatteryClock: true, Warehouse: &app.Terminal{Position: "warehouse-1", Reader: readerLine, Display: readerLine}}},
			app.Deps{Board: on, Clock: clock.Real(), Logger: b.cfg.Logger, Recorded: b.heard,
				Dial: noNetwork})
		b.ended <- errors.Join(err, on.Close())
	}()
	_, err = b.hardware.Stream(readerLine).ReadLine(ctx) // the agent says what to do first
	return err
}

// noNetwork is a radio that nobody answers.
func noNetwork(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (b *board) heard(_ protocol.LogID, _ uint64, body protocol.Body) {
	if i, ok := body.(protocol.ItemScanned); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.recorded = append(b.recorded, Act{i.Step, i.Item})
	}
}

func (b *board) pieces() []Act {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recorded
}

func (b *board) stop(cause error) error {
	b.cut(cause)
	return <-b.ended
}

// cutPower takes the power in the middle of the work and gives it back.
func (b *board) cutPower(ctx context.Context) error {
	if err := b.stop(app.ErrPowerCut); err != nil {
		return err
	}
	b.hardware.Stream(readerLine).Lines()
	return b.start(ctx)
}
