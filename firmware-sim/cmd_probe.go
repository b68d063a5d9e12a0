package main

import (
	"context"
	"errors"
	"os"

	"meguri/edge/app"
	"meguri/firmware-sim/chip/remote"
	"meguri/firmware-sim/fleet"
	"meguri/internal/config"
)

// probeCommand is `firmware-sim probe`: what `edge probe` says of a board on which things are broken.
type probeCommand struct {
	Kit    string   `arg:"" help:"Kit file." type:"existingfile"`
	Fault  []string `help:"Break a part, PART=FAULT: a sensor as POSITION/NAME, or a bus, pin or line by its name in the kit. A wrong one says what there is. May be given several times." sep:"none" placeholder:"PART=FAULT"`
	Socket string   `help:"Look at the chips that are lent at this Unix socket in place of ones that fit the kit." type:"existingfile"`
	JSON   bool     `help:"Print JSON." name:"json"`
}

func (p *probeCommand) Run(g *globals) error {
	k, err := app.ReadKit(p.Kit)
	if err != nil {
		return config.Usage(err)
	}
	if p.Socket != "" {
		if len(p.Fault) > 0 {
			return config.Usage(errors.New("--fault: chips that are lent are broken by whoever lends them"))
		}
		return p.lent(g.ctx, k)
	}
	bench, err := fleet.NewBench(k, nil)
	if err != nil {
		return err
	}
	for _, f := range p.Fault {
		if err := bench.Break(f); err != nil {
			return config.Usage(err)
		}
	}
	b, err := bench.Hardware.Open(g.ctx)
	if err != nil {
		return err
	}
	return errors.Join(app.PrintFindings(os.Stdout, app.Examine(g.ctx, k, b), p.JSON), b.Close())
}

func (p *probeCommand) lent(ctx context.Context, k app.Kit) error {
	b, err := remote.Dial(ctx, p.Socket)
	if err != nil {
		return err
	}
	return errors.Join(app.PrintFindings(os.Stdout, app.Examine(ctx, k, b), p.JSON), b.Close())
}
