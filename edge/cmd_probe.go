package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"meguri/edge/app"
	"meguri/edge/board"
)

// probeCommand is `edge probe`: what is on the buses, pins and lines of this board, and what is wrong with it.
type probeCommand struct {
	Kit    string        `arg:"" optional:"" help:"Kit file; without one, all that this machine has is listed." type:"existingfile"`
	Listen time.Duration `help:"Then hear for so long what is typed at keypads and scanned at readers, 20s for example." placeholder:"TIME"`
	JSON   bool          `help:"Print JSON, a list of objects with what, found, wrong and do." name:"json"`

	kit app.Kit
}

func (p *probeCommand) Run(g *globals) (err error) {
	b, err := board.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if p.Kit != "" {
		findings := app.Examine(g.ctx, p.kit, b)
		if p.Listen > 0 {
			g.logger.Info("press keys and # at each keypad, and scan a code at each reader", "within", p.Listen)
			findings = append(findings, app.Listen(g.ctx, p.kit, b, p.Listen)...)
		}
		return app.PrintFindings(os.Stdout, findings, p.JSON)
	}
	findings, oneWires, i2cs := listed(b.List())
	return app.PrintFindings(os.Stdout, append(findings, app.ExamineBuses(g.ctx, oneWires, i2cs, b)...), p.JSON)
}

// listed turns what there is into findings. That there is none of a kind is no mistake: no kit says that there should be.
func listed(things []board.Thing) (all []app.Finding, oneWires, i2cs []string) {
	for _, t := range things {
		f := app.Finding{What: t.What, Found: strings.Join(t.Names, ", "), Wrong: t.Wrong, Do: t.Do}
		if len(t.Names) == 0 {
			f.Found = app.None
		}
		all = append(all, f)
		switch {
		case t.Wrong != "":
		case t.What == "1-Wire bus":
			oneWires = t.Names
		case t.What == "I2C bus":
			i2cs = t.Names
		}
	}
	return all, oneWires, i2cs
}
