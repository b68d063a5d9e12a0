package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/register/erased"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// dataCmds are the commands for the data of persons, customers and those who work here.
type dataCmds struct {
	Export  PersonExportCmd  `cmd:"" help:"Write all that is held about a person as JSON; that you looked is kept, with the reason."`
	Erase   PersonEraseCmd   `cmd:"" help:"Make a person nobody, by somebody's order: what they did stays with the pseudonym."`
	Seen    PersonSeenCmd    `cmd:"" help:"List who looked at a person's data, and why."`
	Exposed PersonExposedCmd `cmd:"" help:"List of whom data were looked at in a span of time: what a breach exposed."`
	Rekey   PersonRekeyCmd   `cmd:"" help:"Make a new key for people's data and put everything under it."`
}

// PersonExportCmd is `hub person export`.
type PersonExportCmd struct {
	why
	ID  string `arg:"" help:"A customer's pseudonym, or a person id."`
	Out string `help:"New file, which only you may read; else it is printed." type:"path"`
}

// Run writes the export.
func (c *PersonExportCmd) Run(g *Globals) error {
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		h, err := svc.Export(g.Ctx, c.ID, c.act(now))
		if err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		if c.Out == "" {
			return writeHoldings(g.Stdout, h)
		}
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(writeHoldings(f, h), f.Close())
	})
}

// writeHoldings writes the sections in their order beside what the register has.
func writeHoldings(w io.Writer, h register.Holdings) error {
	head, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if _, err := w.Write(head[:len(head)-2]); err != nil { // without the end of the object
		return err
	}
	for _, s := range h.Sections {
		rows, err := json.MarshalIndent(s.Rows, "  ", "  ")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, ",\n  %q: %s", s.Name, rows); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(w, "\n}\n")
	return err
}

// PersonEraseCmd is `hub person erase`.
type PersonEraseCmd struct {
	ID        string `arg:"" help:"A customer's pseudonym, or a person id."`
	OrderedBy string `help:"On whose order: person, guardian, authority, or term (of keeping)." required:"" enum:"person,guardian,authority,term"`
	Reason    string `help:"How the order came, without a name: \"letter of 2026-12-01\"." required:"" placeholder:"TEXT"`
}

// Run erases the person.
func (c *PersonEraseCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		svc, err := g.register(s)
		if err != nil {
			return err
		}
		if err := svc.Erase(g.Ctx, c.ID, c.OrderedBy, why{c.Reason}.act(time.Now())); err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		if _, err := fmt.Fprintf(g.Stdout, "%s is erased; keep %s with the keys, by which a backup of before is brought up to it\n", c.ID, erased.File); err != nil {
			return err
		}
		return tellAsides(g, s)
	})
}

// PersonSeenCmd is `hub person seen`.
type PersonSeenCmd struct {
	ID   string `arg:"" help:"A customer's pseudonym, or a person id."`
	Most int    `help:"How many, the newest first." default:"1000"`
}

// Run lists looks.
func (c *PersonSeenCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var looks []register.Look
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			looks, err = tx.LooksAt(g.Ctx, c.ID, max(1, c.Most))
			return err
		})
		if err != nil {
			return err
		}
		w := table(g.Stdout)
		fmt.Fprintln(w, "AT\tBY\tWHAT\tREASON")
		for _, l := range looks {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.At.Format(time.RFC3339), l.By, l.What, l.Reason)
		}
		return w.Flush()
	})
}

// PersonExposedCmd is `hub person exposed`.
type PersonExposedCmd struct {
	From time.Time `help:"From this time, RFC 3339." required:""`
	To   time.Time `help:"Until this time, RFC 3339 (default: now)."`
	By   string    `help:"By one person only: the id of the account that was broken into." placeholder:"PERSON"`
	Of   string    `help:"Only of this customer's pseudonym or person id." placeholder:"ID"`
}

// Run lists exposures: a line a person, what and by whom.
func (c *PersonExposedCmd) Run(g *Globals) error {
	until := c.To
	if until.IsZero() {
		until = time.Now()
	}
	return withStore(g, func(s *store.Store) error {
		var all []register.Exposure
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			all, err = tx.Exposed(g.Ctx, register.Question{From: c.From, Until: until, By: c.By, Of: c.Of})
			return err
		})
		if err != nil {
			return err
		}
		w := table(g.Stdout)
		fmt.Fprintln(w, "PERSON\tBY\tWHAT\tTIMES\tFIRST\tLAST")
		persons, last := 0, ""
		for _, e := range all {
			if e.Subject != last && !strings.HasPrefix(e.Subject, register.Nobody) {
				persons, last = persons+1, e.Subject
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", e.Subject, e.By, e.What, e.Count, e.First.Format(time.RFC3339), e.Last.Format(time.RFC3339))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, err = fmt.Fprintln(g.Stdout, plural.Of(persons, "person"))
		return err
	})
}

// PersonRekeyCmd is `hub person rekey`.
type PersonRekeyCmd struct {
	Stopped bool `help:"No hub runs: with PostgreSQL, where this cannot see it. One that runs would go on to seal with the old key."`
	NoNew   bool `help:"Make no new key: put everything under the newest one that is there, and finish what was cut off."`
}

// Run changes the key. The old one stays until nothing is under it any more, so that it may be cut off and run again.
func (c *PersonRekeyCmd) Run(g *Globals) (err error) {
	given, err := g.peopleKey()
	if err != nil {
		return err
	}
	if given != "" && !c.NoNew {
		return errors.New("the key comes from a file or the environment of yours: put a new one before the old ones there, one a line, and run this with --no-new")
	}
	if !strings.HasPrefix(g.Database, "sqlite:") && !c.Stopped {
		return errors.New("stop every hub on this database first, and say so with --stopped")
	}
	release, err := store.Exclusive(g.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if !c.NoNew {
		if err := withRegister(g, func(*register.Service, time.Time) error { return nil }); err != nil { // there is a key, and it is the right one
			return err
		}
		if err := password.AddKey(g.pkiDir()); err != nil {
			return err
		}
	}
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		rows, unreadable, err := svc.Rewrap(g.Ctx, now)
		if err == nil {
			err = svc.Store.Change(g.Ctx, func(tx register.Tx) error {
				return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "person.rekey", "", plural.Of(rows, "contact")))
			})
		}
		if err != nil {
			return err
		}
		if given == "" && unreadable == 0 {
			err = password.DropOldKeys(g.pkiDir())
		}
		fmt.Fprintf(g.Stdout, "%s under the newest key; start the hub again, and keep a copy of the key\n", plural.Of(rows, "row"))
		if unreadable > 0 {
			fmt.Fprintf(g.Stdout, "%s cannot be read with the keys here, and stay as they are: the old keys are kept\n", plural.Of(unreadable, "row"))
		} else if given != "" {
			fmt.Fprintln(g.Stdout, "take the old keys out of your file or variable now")
		}
		return err
	})
}

// reapplyErased erases again whoever was erased after the backup that was put back was made.
func reapplyErased(g *Globals) error {
	all, err := erased.List(g.pkiDir())
	if err != nil || len(all) == 0 {
		return err
	}
	return withStore(g, func(s *store.Store) error {
		// Without the key that the names are sealed with, visitors of the name are not known: the hub's start, which needs it, does it then.
		own, err := g.ownKey()
		if err == nil && own != nil {
			_, err = g.names(s)
		}
		if own == nil && err == nil || errors.Is(err, people.ErrOtherKey) {
			_, err = fmt.Fprintln(g.Stdout, "who had been erased since this backup is erased again when the hub starts with its key")
			return err
		}
		if err != nil {
			return err
		}
		again, err := (&register.Service{Store: s.Register()}).Reapply(g.Ctx, all)
		if err == nil && again > 0 {
			_, err = fmt.Fprintf(g.Stdout, "%s, who had been erased since this backup, erased again\n", plural.Of(again, "person"))
		}
		return err
	})
}
