package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"meguri/hub/label"
	"meguri/hub/live"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// BadgeCmd is `hub badge`.
type BadgeCmd struct {
	Add    BadgeAddCmd    `cmd:"" help:"Make a badge with a PIN, and print the PIN, once."`
	List   BadgeListCmd   `cmd:"" help:"List badges."`
	Revoke BadgeRevokeCmd `cmd:"" help:"Take a badge's right away; scanners know it with their next plan."`
}

// BadgeAddCmd is `hub badge add`.
type BadgeAddCmd struct {
	Badge     string  `arg:"" help:"What stands on it, a pseudonym: not the person's name."`
	Warehouse string  `help:"Where it is good." required:"" placeholder:"ID"`
	Step      []int64 `help:"Steps that it may do, by number; all when there is none." placeholder:"N"`
	Label     string  `help:"File for its label, PDF." type:"path" placeholder:"FILE"`
}

// badgeForm is what a badge may be called: it goes into a barcode.
var badgeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,29}$`)

const (
	badgePINDigits = 6
	mostStep       = 22
)

// Run makes the badge. Of the PIN the hub keeps, and scanners get, only what it is checked with.
func (c *BadgeAddCmd) Run(g *Globals) error {
	if !badgeForm.MatchString(c.Badge) {
		return fmt.Errorf("badge %q: want 1 to 30 letters, digits, _, . and -", c.Badge)
	}
	if slices.ContainsFunc(c.Step, func(s int64) bool { return s < 1 || s > mostStep }) {
		return fmt.Errorf("--step: want numbers from 1 to %d", mostStep)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	pin := fmt.Sprintf("%0*d", badgePINDigits, n)
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails, crypto/rand
	o := store.Operator{Badge: c.Badge, Warehouse: c.Warehouse, Salt: salt, Check: protocol.CheckPIN(pin, salt), Steps: c.Step}
	err = withStore(g, func(s *store.Store) error {
		if err := s.Change(g.Ctx, func(tx *store.Tx) error { return addBadge(g, tx, o) }); err != nil {
			return err
		}
		return badgesChanged(g, s, o.Warehouse)
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(g.Stdout, "badge %s\nPIN %s\n", c.Badge, pin); err != nil || c.Label == "" {
		return err
	}
	return writeBadge(c.Label, c.Badge)
}

func addBadge(g *Globals, tx *store.Tx, o store.Operator) error {
	warehouses, err := tx.Warehouses(g.Ctx)
	if err != nil {
		return err
	}
	if _, ok := warehouses[o.Warehouse]; !ok {
		return fmt.Errorf("--warehouse %q: there is none with this id", o.Warehouse)
	}
	all, err := tx.Operators(g.Ctx, "")
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(p store.Operator) bool { return p.Badge == o.Badge }) {
		return fmt.Errorf("badge %s is, or was, somebody's: take another", o.Badge)
	}
	if err := tx.SaveOperators(g.Ctx, []store.Operator{o}); err != nil {
		return err
	}
	return tx.RecordAct(g.Ctx, people.NewAct(time.Now(), people.Console, "badge.add", o.Badge, o.Warehouse))
}

// badgesChanged makes the plans that tell a warehouse's scanners.
func badgesChanged(g *Globals, s *store.Store, warehouse string) error {
	return plan.NewMaker(s, live.New(), g.Clock, g.Logger).Make(g.Ctx, warehouse)
}

// writeBadge draws a badge's label.
func writeBadge(file, badge string) (err error) {
	l, err := label.New(label.Badge, "(96)"+badge, badge)
	if err != nil {
		return err
	}
	sheet, err := label.Find(label.Sheets(), "100x50")
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(label.PDF(f, []label.Label{l}, sheet, 1), f.Close())
}

// BadgeListCmd is `hub badge list`.
type BadgeListCmd struct {
	Warehouse string `help:"Only of this warehouse." placeholder:"ID"`
}

// Run lists badges as a table.
func (c *BadgeListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.Operators(g.Ctx, c.Warehouse)
			if err != nil {
				return err
			}
			rows := [][]string{{"BADGE", "WAREHOUSE", "PIN", "STEPS", "REVOKED"}}
			for _, o := range all {
				pin, revoked := "", ""
				if len(o.Check) > 0 {
					pin = "yes"
				}
				if !o.Revoked.IsZero() {
					revoked = o.Revoked.Format(time.RFC3339)
				}
				rows = append(rows, []string{o.Badge, o.Warehouse, pin, strings.Trim(fmt.Sprint(o.Steps), "[]"), revoked})
			}
			return writeColumns(g.Stdout, rows)
		})
	})
}

// BadgeRevokeCmd is `hub badge revoke`.
type BadgeRevokeCmd struct {
	Badge string `arg:"" help:"What stands on it."`
}

// Run revokes it.
func (c *BadgeRevokeCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		warehouse := ""
		err := s.Change(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.Operators(g.Ctx, "")
			if err != nil {
				return err
			}
			for _, o := range all {
				if o.Badge == c.Badge {
					warehouse = o.Warehouse
				}
			}
			was, err := tx.RevokeOperator(g.Ctx, c.Badge, time.Now())
			if err == nil && !was {
				err = fmt.Errorf("badge %q: there is none, or it was revoked: hub badge list", c.Badge)
			}
			if err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(time.Now(), people.Console, "badge.revoke", c.Badge, warehouse))
		})
		if err != nil {
			return err
		}
		return badgesChanged(g, s, warehouse)
	})
}
