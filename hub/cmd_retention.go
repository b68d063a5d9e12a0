package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"meguri/hub/people"
	"meguri/hub/retention"
	"meguri/hub/store"
)

// RetentionCmd is `hub retention`.
type RetentionCmd struct {
	Show   RetentionShowCmd   `cmd:"" default:"1" help:"Print for how long each class is kept, the oldest there is, and what the last run deleted."`
	Set    RetentionSetCmd    `cmd:"" help:"Set for how many days a class is kept."`
	Import RetentionImportCmd `cmd:"" help:"Set it from a CSV file with the columns class and days: all rows, or none."`
	Run    RetentionRunCmd    `cmd:"" help:"Delete now what is older, as a running hub does once a day."`
}

// RetentionShowCmd is `hub retention show`.
type RetentionShowCmd struct{}

// Run prints the classes.
func (c *RetentionShowCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		all, err := s.Retention().Retained(g.Ctx)
		if err != nil {
			return err
		}
		w := table(g.Stdout)
		fmt.Fprintln(w, "CLASS\tDAYS\tAT LEAST\tOLDEST\tLAST RUN\tDELETED")
		for _, r := range all {
			days := strconv.Itoa(r.Kept)
			if r.Endless {
				days = "for ever"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\n", r.Name, days, r.Least, dateOr(r.Oldest), dateOr(r.Ran), r.Deleted)
		}
		return w.Flush()
	})
}

func dateOr(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

// RetentionSetCmd is `hub retention set`.
type RetentionSetCmd struct {
	Class string `arg:"" help:"The class, from hub retention."`
	Days  int    `arg:"" help:"For how many days."`
}

// Run sets it.
func (c *RetentionSetCmd) Run(g *Globals) error {
	return setRetention(g, []retention.Setting{{Class: c.Class, Days: c.Days}})
}

func setRetention(g *Globals, all []retention.Setting) error {
	for _, s := range all {
		if err := s.Check(); err != nil {
			return err
		}
	}
	return withStore(g, func(s *store.Store) error {
		now := g.Clock.Now()
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			kept, err := tx.Retained(g.Ctx)
			if err != nil {
				return err
			}
			was := map[string]string{}
			for _, k := range kept {
				was[k.Name] = fmt.Sprintf("%d days", k.Kept)
			}
			for _, r := range all {
				did := people.NewAct(now, people.Console, "retention.set", r.Class, "").From(was[r.Class], fmt.Sprintf("%d days", r.Days))
				if err := errors.Join(tx.SetRetention(g.Ctx, r, people.Console, now), tx.RecordAct(g.Ctx, did)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// RetentionImportCmd is `hub retention import`.
type RetentionImportCmd struct {
	File string `arg:"" help:"retention.csv." type:"existingfile"`
}

// Run sets all rows of the file.
func (c *RetentionImportCmd) Run(g *Globals) (err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"class", "days"}) {
		return fmt.Errorf("%s: want the columns class,days", c.File)
	}
	var all []retention.Setting
	for i, row := range rows[1:] {
		days, err := strconv.Atoi(row[1])
		s := retention.Setting{Class: row[0], Days: days}
		if err = errors.Join(err, s.Check()); err != nil {
			return fmt.Errorf("%s: row %d: %w", c.File, i+2, err)
		}
		all = append(all, s)
	}
	return setRetention(g, all)
}

// RetentionRunCmd is `hub retention run`.
type RetentionRunCmd struct {
	TimeZone string `help:"Time zone of the business date." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run deletes, once a date as the job does.
func (c *RetentionRunCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("--time-zone: %w", err)
	}
	return withStore(g, func(s *store.Store) error {
		now := g.Clock.Now()
		deleted, err := retention.Run(g.Ctx, s.Retention(), now.In(zone).Format(time.DateOnly), now)
		for _, r := range retention.Classes() {
			if n, ran := deleted[r.Name]; ran {
				fmt.Fprintf(g.Stdout, "%s: %d deleted\n", r.Name, n)
			}
		}
		if err == nil && len(deleted) == 0 {
			fmt.Fprintln(g.Stdout, "done already today")
			return nil
		}
		return errors.Join(err, s.Change(g.Ctx, func(tx *store.Tx) error { // what was deleted before it failed is deleted
			return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "retention.run", "retention", ""))
		}))
	})
}
