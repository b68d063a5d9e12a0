package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"meguri/edge/device/reader"
	"meguri/internal/clock"
)

// Listen hears for so long what people type at the kit's keypads and scan at its readers, and says what came of each. Nothing is a
// finding that is wrong: somebody should have pressed a key and scanned a code meanwhile.
func Listen(ctx context.Context, k Kit, b Board, span time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	h := &hardware{ctx: ctx, board: b, clock: clock.Real(), logger: slog.New(slog.DiscardHandler), lines: map[string]*line{}, displays: map[string]*display{}}
	e := &ears{span: span, heard: map[string][]string{}, failed: map[string]error{}}
	for _, l := range k.Locks {
		what := "keypad of " + l.Position
		pad, err := h.openKeypad(l)
		e.listen(ctx, what, err, func(hear func(string)) error { return pad.Run(ctx, hear) })
	}
	for _, t := range []struct {
		name string
		at   *Terminal
	}{{"hand-in", k.HandIn}, {"scanner", k.Scanner}, {"driver", k.Driver}, {"warehouse", k.Warehouse}} {
		if t.at != nil {
			r := h.terminal("", *t.at)
			e.listen(ctx, "reader of "+t.name, nil, func(hear func(string)) error {
				return r.Run(ctx, func(s reader.Scan) { hear(s.String()) })
			})
		}
	}
	e.wait.Wait()
	return e.findings()
}

// ears are those who listen, in the order of the kit.
type ears struct {
	span time.Duration
	wait sync.WaitGroup
	all  []string

	mu     sync.Mutex
	heard  map[string][]string
	failed map[string]error
}

const heardMost = 20 // of one device

func (e *ears) listen(ctx context.Context, what string, err error, run func(hear func(string)) error) {
	e.all = append(e.all, what)
	if err != nil {
		e.failed[what] = err
		return
	}
	e.wait.Go(func() {
		err := run(func(text string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			if len(e.heard[what]) < heardMost {
				e.heard[what] = append(e.heard[what], fmt.Sprintf("%q", text))
			}
		})
		if ctx.Err() == nil {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.failed[what] = err
		}
	})
}

func (e *ears) findings() (all []Finding) {
	for _, what := range e.all {
		f := Finding{What: what, Found: strings.Join(e.heard[what], ", ")}
		switch err := e.failed[what]; {
		case err != nil:
			f.Wrong, f.Do = err.Error(), advice(err, adviceName)
		case f.Found == "":
			f.Wrong = fmt.Sprintf("nothing came in %v", e.span)
			f.Do = "press keys and end with #, scan a code; if that was done: look at the line's speed (baud), its RX and TX, the reader's suffix (CR) and its framing"
		}
		all = append(all, f)
	}
	return all
}
