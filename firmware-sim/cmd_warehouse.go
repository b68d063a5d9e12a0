package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"meguri/firmware-sim/warehouse"
)

// warehouseCommand is `firmware-sim warehouse`: a day with one scanner of a rental warehouse, cut off from its hub.
type warehouseCommand struct {
	Pieces int    `help:"How many pieces there are." default:"120"`
	Seed   uint64 `help:"Decides what chance decides." default:"1"`
	Data   string `help:"Directory in which the agent's file is kept; none when missing." type:"path"`
	Lists  string `help:"Only write the day's lists, for edge run --lists, to this file." type:"path" placeholder:"FILE"`
}

// Run plays the day. The status is 1 when the person was answered wrongly, or what they did is not what is recorded.
func (w *warehouseCommand) Run(g *globals) (err error) {
	if w.Lists != "" {
		return w.writeLists()
	}
	dir := w.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "warehouse"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, "warehouse.db")
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s is there already: a day begins with an empty scanner", file)
	}
	r, err := warehouse.Play(g.ctx, warehouse.Config{Pieces: w.Pieces, Seed: w.Seed, File: file, Logger: g.newLogger(os.Stderr)})
	if errors.Is(err, context.Canceled) && g.ctx.Err() != nil {
		return errStopped
	}
	if err := errors.Join(err, r.Print(os.Stdout)); err != nil {
		return err
	}
	if len(r.Differences) > 0 {
		return errors.New("what was done is not what is recorded")
	}
	return nil
}

func (w *warehouseCommand) writeLists() error {
	b, err := json.MarshalIndent(warehouse.NewWorld(w.Pieces).Lists, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(w.Lists, append(b, '\n'), 0o600)
}
