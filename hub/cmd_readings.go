package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/internal/config"
)

// ReadingsCmd is `hub readings`.
type ReadingsCmd struct {
	Export ReadingsExportCmd `cmd:"" help:"Write the readings of a sensor as CSV."`
	Pack   ReadingsPackCmd   `cmd:"" help:"Pack readings now; a running hub does it by itself every six hours."`
}

// ReadingsExportCmd is `hub readings export`.
type ReadingsExportCmd struct {
	Sensor   string `arg:"" help:"The sensor, such as loc-001-fridge-1/air."`
	From     string `help:"Beginning: a time such as 2026-12-01T09:00:00+09:00, or a date (default: 24 hours before --to)." placeholder:"TIME"`
	To       string `help:"End, exclusive (default: now)." placeholder:"TIME"`
	Out      string `help:"File to write, which must not be there yet (default: standard output)." type:"path" placeholder:"FILE"`
	TimeZone string `help:"Time zone of dates." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run writes the file.
func (c *ReadingsExportCmd) Run(g *Globals) (err error) {
	from, to, err := c.span(g.Clock.Now())
	if err != nil {
		return config.Usage(err)
	}
	out := g.Stdout
	if c.Out != "" {
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	w := bufio.NewWriter(out)
	return withStore(g, func(s *store.Store) error {
		n, err := report.WriteCSV(g.Ctx, s, w, c.Sensor, from, to, nil)
		if err = errors.Join(err, w.Flush()); err == nil {
			g.Logger.Info("readings are written", "sensor", c.Sensor, "readings", n)
		}
		return err
	})
}

func (c *ReadingsExportCmd) span(now time.Time) (from, to time.Time, err error) {
	l := LedgerCmd{From: c.From, To: c.To, TimeZone: c.TimeZone}
	from, to, _, err = l.span(now)
	return from, to, err
}

// ReadingsPackCmd is `hub readings pack`.
type ReadingsPackCmd struct{}

// Run packs.
func (c *ReadingsPackCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		did, err := s.PackReadings(g.Ctx, store.PackingAt(g.Clock.Now()))
		if err == nil {
			_, err = fmt.Fprintf(g.Stdout, "packed %d rows with %d readings into %d blocks\n", did.Rows, did.Samples, did.Blocks)
		}
		return err
	})
}
