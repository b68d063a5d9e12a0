package main

import (
	"fmt"
	"time"

	"meguri/hub/people"
	"meguri/hub/retention"
	"meguri/hub/store"
)

// AsideCmd looks after databases that a restore has set aside: `hub aside list|drop`.
type AsideCmd struct {
	List AsideListCmd `cmd:"" default:"1" help:"List them, with when each is dropped by itself."`
	Drop AsideDropCmd `cmd:"" help:"Drop one now, for ever."`
}

// AsideListCmd is `hub aside list`.
type AsideListCmd struct{}

// Run lists them.
func (c *AsideListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		all, days, err := asides(g, s)
		if err != nil {
			return err
		}
		w := table(g.Stdout)
		fmt.Fprintln(w, "SET ASIDE\tDROPPED AFTER\tNAME")
		for _, a := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", a.At.Format(time.RFC3339), a.At.AddDate(0, 0, days).Format(time.RFC3339), a.Name)
		}
		return w.Flush()
	})
}

// asides gives what restores have set aside, and after how many days it is dropped.
func asides(g *Globals, s *store.Store) (all []store.Aside, days int, err error) {
	kept, err := s.Retention().Retained(g.Ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, k := range kept {
		if k.Name == retention.SetAside {
			days = k.Kept
		}
	}
	all, err = s.Asides(g.Ctx)
	return all, days, err
}

// AsideDropCmd is `hub aside drop`.
type AsideDropCmd struct {
	Name string `arg:"" help:"Which one, as hub aside list has it."`
}

// Run drops it. It is recorded, for nobody can bring it back.
func (c *AsideDropCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		if err := s.DropAside(g.Ctx, c.Name); err != nil {
			return err
		}
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "aside.drop", c.Name, ""))
		})
	})
}

// tellAsides says which copies still hold who was erased.
func tellAsides(g *Globals, s *store.Store) error {
	all, days, err := asides(g, s)
	for _, a := range all {
		if err == nil {
			_, err = fmt.Fprintf(g.Stdout, "a restore has set aside %s, which still holds who it was; it is dropped after %s, or now by hub aside drop\n",
				a.Name, a.At.AddDate(0, 0, days).Format(time.DateOnly))
		}
	}
	return err
}
