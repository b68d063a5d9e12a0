package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"meguri/hub/audit"
	"meguri/hub/audit/mark"
	"meguri/hub/pki"
	"meguri/hub/store"
)

// AuditCmd is `hub audit`.
type AuditCmd struct {
	Show   AuditShowCmd   `cmd:"" help:"List who did what to what, the newest first."`
	Export AuditExportCmd `cmd:"" help:"Write the whole trail to a new file, JSON lines that can be checked alone."`
	Verify AuditVerifyCmd `cmd:"" help:"Say whether the trail, or an export of it, is as it was written; status 1 and the first entry that is not."`
}

// AuditShowCmd is `hub audit show`.
type AuditShowCmd struct {
	Of       string `help:"Only what was done to this: the id of an order, a device, a person." placeholder:"THING"`
	By       string `help:"Only what this person did; console for whoever has the data directory." placeholder:"WHO"`
	From     string `help:"Beginning: a time such as 2026-12-01T09:00:00+09:00, or a date." placeholder:"TIME"`
	To       string `help:"End, exclusive." placeholder:"TIME"`
	Most     int    `help:"How many." default:"100"`
	TimeZone string `help:"Time zone of dates and of the table's times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run lists entries as a table.
func (c *AuditShowCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("--time-zone: %w", err)
	}
	f := store.AuditFilter{Of: c.Of, By: c.By, Most: max(1, c.Most)}
	if f.From, err = momentOr(c.From, time.Time{}, zone); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if f.To, err = momentOr(c.To, time.Time{}, zone); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return withStore(g, func(s *store.Store) error {
		var entries []audit.Entry
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			entries, err = tx.AuditEntries(g.Ctx, f)
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "AT\tWHO\tACT\tOF\tBEFORE\tAFTER\tSIGNED\tDETAIL\tENTRY")
		for _, e := range entries {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s %d\n", e.At.In(zone).Format(time.RFC3339), e.Person, e.Act, e.Subject, e.Before, e.After,
				e.Signed, e.Detail, e.Chain, e.Number)
		}
		return w.Flush()
	})
}

// auditLine is a line of an export: first all heads, then all entries.
type auditLine struct {
	Head  *audit.Head  `json:"head,omitempty"`
	Entry *audit.Entry `json:"entry,omitempty"`
}

// AuditExportCmd is `hub audit export`.
type AuditExportCmd struct {
	File string `arg:"" help:"The new file." type:"path"`
}

// Run writes the trail.
func (c *AuditExportCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) (err error) {
		f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out := bufio.NewWriter(f)
		if err := s.Read(g.Ctx, func(tx *store.Tx) error { return exportAudit(g, tx, json.NewEncoder(out)) }); err != nil {
			return errors.Join(err, os.Remove(c.File)) // half of it would pass for the whole
		}
		return errors.Join(out.Flush(), f.Sync())
	})
}

func exportAudit(g *Globals, tx *store.Tx, out *json.Encoder) error {
	heads, err := tx.AuditHeads(g.Ctx)
	if err != nil {
		return err
	}
	for i := range heads {
		if err := out.Encode(auditLine{Head: &heads[i]}); err != nil {
			return err
		}
	}
	return tx.EachEntry(g.Ctx, func(e audit.Entry) error { return out.Encode(auditLine{Entry: &e}) })
}

// AuditVerifyCmd is `hub audit verify`.
type AuditVerifyCmd struct {
	File string   `arg:"" optional:"" help:"An export; without it the database is checked." type:"existingfile"`
	CA   string   `help:"Certificate of the hub's authority, or the directory that it is in (default: pki in the data directory)." name:"ca" type:"path"`
	Head []string `help:"A head that was told before, by the hub's log or by this command: it has to be in the trail." placeholder:"NUMBER:HASH"`
}

// Run says what the trail consists of, or what is broken first.
func (c *AuditVerifyCmd) Run(g *Globals) error {
	if c.CA == "" {
		c.CA = g.pkiDir()
	}
	ca, err := pki.ReadCA(c.CA)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--ca: no authority in %s, by which the heads of the trail are signed: a hub makes it when it is first served; say where it is", c.CA)
	}
	if err != nil {
		return fmt.Errorf("--ca: %w", err)
	}
	v := &audit.Verifier{Signature: func(h audit.Head) error { return pki.CheckAudit(ca, h.Certificate, h.Hash[:], h.Signature, h.At) }}
	if v.Known, err = c.known(); err != nil {
		return err
	}
	var r audit.Result
	if c.File != "" {
		r, err = verifyExport(c.File, v)
	} else {
		err = withStore(g, func(s *store.Store) (err error) {
			r, err = s.VerifyAudit(g.Ctx, v)
			return err
		})
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(g.Stdout, "whole: %d entries in %d chains, %d signed heads", r.Entries, r.Chains, r.Heads)
	if r.Heads > 0 {
		fmt.Fprintf(g.Stdout, ", the newest of %s: %s", r.Covered.At.Format(time.RFC3339), audit.Known{Number: r.Covered.Number, Hash: r.Covered.Hash})
	}
	_, err = fmt.Fprintf(g.Stdout, "; %d acts are older than the trail\n", r.Older)
	return err
}

// known are the heads that the caller names and, of the database, the one that the hub keeps beside its keys.
func (c *AuditVerifyCmd) known() (all []audit.Known, err error) {
	for _, text := range c.Head {
		k, err := audit.ParseKnown(text)
		if err != nil {
			return nil, fmt.Errorf("--head: %w", err)
		}
		all = append(all, k)
	}
	if at, err := os.Stat(c.CA); c.File != "" || err != nil || !at.IsDir() { // an export may be older, and a certificate has nothing beside it
		return all, nil
	}
	switch k, ok, err := mark.Kept(c.CA); {
	case err != nil:
		return nil, err
	case ok:
		all = append(all, k)
	}
	return all, nil
}

// maxAuditLine bounds a line of an export, in bytes: a head names some thousand chains at most.
const maxAuditLine = 16 << 20

func verifyExport(name string, v *audit.Verifier) (audit.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return audit.Result{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return verifyLines(f, v)
}

func verifyLines(in io.Reader, v *audit.Verifier) (audit.Result, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxAuditLine)
	began := false
	for n := 1; lines.Scan(); n++ {
		var line auditLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return audit.Result{}, fmt.Errorf("line %d: %w", n, err)
		}
		var err error
		switch {
		case line.Head != nil && line.Entry == nil && !began:
			err = v.Head(*line.Head)
		case line.Entry != nil && line.Head == nil:
			began = true
			err = v.Entry(*line.Entry)
		default:
			err = fmt.Errorf("%w: want heads, then entries, one a line", audit.ErrBroken)
		}
		if err != nil {
			return audit.Result{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return audit.Result{}, err
	}
	return v.End()
}
