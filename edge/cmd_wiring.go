package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"meguri/edge/app"
	"meguri/edge/wiring"
)

// wiringCommand is `edge wiring`: how a kit is wired, as a page and a drawing.
type wiringCommand struct {
	Kit string `arg:"" help:"Kit file." type:"existingfile"`
	Out string `help:"Directory for NAME.md and NAME.svg." default:"." type:"existingdir"`

	kit app.Kit
}

func (w *wiringCommand) Run() error {
	kit := filepath.Base(w.Kit)
	name := strings.TrimSuffix(kit, filepath.Ext(kit))
	parts := wiring.Of(w.kit)
	return errors.Join(
		os.WriteFile(filepath.Join(w.Out, name+".md"), wiring.Markdown(kit, name+".svg", parts), 0o644),
		os.WriteFile(filepath.Join(w.Out, name+".svg"), wiring.SVG(kit, parts), 0o644))
}
