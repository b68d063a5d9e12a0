package main

import (
	"errors"
	"fmt"
	"math"
	"text/tabwriter"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/live"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/internal/config"
	"meguri/internal/plural"
)

// QualityCmd is about goods that may have been too warm or too cold.
type QualityCmd struct {
	List    QualityListCmd    `cmd:"" help:"What is held, or was decided about."`
	Show    QualityShowCmd    `cmd:"" help:"What the readings say of a container on each leg."`
	Hold    QualityHoldCmd    `cmd:"" help:"Hold all that stands or rides somewhere."`
	Release QualityReleaseCmd `cmd:"" help:"Release all that is held somewhere."`
	Condemn QualityCondemnCmd `cmd:"" help:"Condemn all that is held somewhere."`
	Probe   QualityProbeCmd   `cmd:"" help:"Note a temperature that was taken by hand."`
}

// QualityListCmd lists holds.
type QualityListCmd struct {
	Decided bool `help:"Those that were decided about."`
}

// Run lists them.
func (c *QualityListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var holds []store.Hold
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			find := tx.OpenHolds
			if c.Decided {
				find = tx.DecidedHolds
			}
			holds, err = find(g.Ctx, store.MaxPage)
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
		for _, h := range holds {
			what, why := string(h.Cause), h.Reason.In("en")
			if h.Decision != store.Undecided {
				what, why = string(h.Decision), h.Why
			}
			fmt.Fprintf(w, "%s\t%s\t%s\tfrom %s\t%s\n", h.Container, h.Position, what, h.Since.UTC().Format(time.RFC3339), why)
		}
		if len(holds) == 0 {
			fmt.Fprintln(w, "nothing")
		}
		return w.Flush()
	})
}

// QualityShowCmd shows judgements.
type QualityShowCmd struct {
	Container string `arg:"" help:"The dated container."`
}

// Run shows them.
func (c *QualityShowCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			if _, err := tx.Container(g.Ctx, c.Container); err != nil {
				return err
			}
			all, err := tx.Judgements(g.Ctx, c.Container)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, j := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\trevision %d\t%.1f to %.1f °C\toutside %d min\tlongest gap %d min\tknown until %s\n", j.Leg, j.Position, j.State,
					j.Revision, float64(j.Min)/1000, float64(j.Max)/1000, int(j.Outside.Minutes()), int(j.Gap.Minutes()), j.Known.UTC().Format(time.RFC3339))
			}
			if len(all) == 0 {
				fmt.Fprintln(w, "not judged yet")
			}
			rides, err := tx.RidesJudged(g.Ctx, c.Container)
			if err != nil {
				return err
			}
			for _, r := range rides {
				fmt.Fprintf(w, "by the station\t%s\t%s\t%s\toutside %d min\tlongest gap %d min\n", r.Shipper, r.Outcome,
					r.At.UTC().Format(time.RFC3339), int(r.Outside.Minutes()), int(r.Gap.Minutes()))
			}
			return w.Flush()
		})
	})
}

// QualityScope names what an act is about, and why.
type QualityScope struct {
	Scope  string `arg:"" enum:"container,fridge,shipper,location" help:"container, fridge, shipper or location."`
	ID     string `arg:"" help:"Its id."`
	Reason string `help:"Why: customers are told." required:""`
}

// act runs fn and makes the plans of the devices concerned.
func (a QualityScope) act(g *Globals, fn func(s *quality.Service, act quality.Act) ([]store.Hold, error)) error {
	return withStore(g, func(s *store.Store) error {
		touched := map[string]bool{}
		service := &quality.Service{Store: s, Touch: func(place string) { touched[place] = true }}
		holds, err := fn(service, quality.Act{Scope: store.Scope(a.Scope), ID: a.ID, By: people.Console, Reason: a.Reason, At: g.Clock.Now()})
		if errors.Is(err, quality.ErrReason) {
			return config.Usage(fmt.Errorf("--reason: %w", err))
		}
		if err != nil {
			return err
		}
		for _, h := range holds {
			fmt.Fprintln(g.Stdout, h.Container)
		}
		fmt.Fprintln(g.Stdout, plural.Of(len(holds), "container"))
		maker := plan.NewMaker(s, live.New(), g.Clock, g.Logger)
		for place := range touched {
			err = errors.Join(err, maker.Make(g.Ctx, place))
		}
		return err
	})
}

// QualityHoldCmd holds goods.
type QualityHoldCmd struct {
	QualityScope
	From time.Time `help:"Goods taken before it are not concerned; now when it is not given."`
}

// Run holds them.
func (c *QualityHoldCmd) Run(g *Globals) error {
	return c.act(g, func(s *quality.Service, act quality.Act) ([]store.Hold, error) { return s.Hold(g.Ctx, act, c.From) })
}

// QualityReleaseCmd releases goods that are held.
type QualityReleaseCmd struct{ QualityScope }

// Run releases them.
func (c *QualityReleaseCmd) Run(g *Globals) error { return c.decide(g, store.Released) }

// QualityCondemnCmd condemns goods that are held.
type QualityCondemnCmd struct{ QualityScope }

// Run condemns them.
func (c *QualityCondemnCmd) Run(g *Globals) error { return c.decide(g, store.Condemned) }

func (c QualityScope) decide(g *Globals, d store.Decision) error {
	return c.act(g, func(s *quality.Service, act quality.Act) ([]store.Hold, error) { return s.Decide(g.Ctx, act, d, nil) })
}

// QualityProbeCmd notes a temperature.
type QualityProbeCmd struct {
	Position string  `arg:"" help:"A fridge or a shipper."`
	Celsius  float64 `arg:"" help:"What the thermometer shows."`
}

// Run notes it.
func (c *QualityProbeCmd) Run(g *Globals) error {
	if math.IsNaN(c.Celsius) || math.Abs(c.Celsius) > 1000 {
		return config.Usage(quality.ErrProbing)
	}
	return withStore(g, func(s *store.Store) error {
		now := g.Clock.Now()
		err := (&quality.Service{Store: s}).Probe(g.Ctx, c.Position,
			coldchain.Probing{At: now, MilliC: int64(math.Round(c.Celsius * 1000)), By: people.Console}, now)
		if errors.Is(err, quality.ErrProbing) {
			return config.Usage(err)
		}
		return err
	})
}
