package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"meguri/hub/pki"
	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/internal/config"
)

// ReportCmd is `hub report`.
type ReportCmd struct {
	Container string `arg:"" help:"The dated container, such as C-20261201-0001."`
	Out       string `help:"File to write, which must not be there yet." type:"path" required:"" placeholder:"FILE"`
	Lang      string `help:"Language: en or ja." default:"en" enum:"en,ja"`
	TimeZone  string `help:"Time zone of the report's times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run writes the report.
func (c *ReportCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return config.Usage(fmt.Errorf("--time-zone: %w", err))
	}
	there, err := pki.Exists(g.pkiDir())
	if err != nil {
		return err
	}
	if !there { // one that is made for this would sign for nobody
		return fmt.Errorf("%s has no certificate authority to sign with: see --data", g.pkiDir())
	}
	authority, err := pki.Open(g.pkiDir())
	if err != nil {
		return err
	}
	var j report.Journey
	err = withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			j, err = report.Read(g.Ctx, tx, c.Container, g.Clock.Now())
			return err
		})
	})
	if err != nil {
		return err
	}
	if j.Lang, err = report.Language(c.Lang); err != nil {
		return config.Usage(fmt.Errorf("--lang: %w", err))
	}
	p := report.Printer{Zone: zone, Signer: authority.ReportSigner(), Now: time.Now}
	pdf, err := p.Print(&j)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(pdf)
	return errors.Join(err, f.Close())
}

// VerifyCmd is `hub verify-report`. It needs no database.
type VerifyCmd struct {
	File string `arg:"" help:"The report, a PDF." type:"existingfile"`
	CA   string `help:"The certificate of the hub's authority, ca.pem, or its directory (default: DATA/pki)." type:"path" placeholder:"FILE"`
}

// maxReport is far more than a report takes.
const maxReport = 64 << 20

// Run says what holds of the file. Anything but valid is status 1.
func (c *VerifyCmd) Run(g *Globals) error {
	path := c.CA
	if path == "" {
		path = g.pkiDir()
	}
	ca, err := pki.ReadCA(path)
	if err != nil {
		return fmt.Errorf("the authority's certificate: %w", err)
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	if info.Size() > maxReport {
		return fmt.Errorf("%s: %w: %d bytes", c.File, report.ErrUnsigned, info.Size())
	}
	pdf, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	s, err := report.Verify(pdf)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	by, err := pki.CheckReport(ca, s.Certificate, s.At)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	_, err = fmt.Fprintf(g.Stdout, "valid: not a byte was changed since it was signed\nsigned at %s, by the hub's own clock\nsigned by %s, certificate %s, of %s\n",
		s.At.UTC().Format(time.RFC3339), s.Certificate.Subject.CommonName, pki.Fingerprint(s.Certificate)[:16], by.Subject.CommonName)
	return err
}
