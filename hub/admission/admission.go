// Package admission joins the embedded broker's questions about certificates to the store: who may log in, who may not any
// more, and which certificate seems to be in two places.
package admission

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"meguri/hub/broker"
	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// In the machine's own time.
const (
	askTime   = 4 * time.Second        // that a login waits for the database at most
	lookEvery = 500 * time.Millisecond // for revocations by other processes
)

// Config is what a Gate needs.
type Config struct {
	Store   *store.Store
	Clock   clock.Clock // of what people read
	Changed func()      // something that people see has changed; nil for nobody
	Logger  *slog.Logger
}

// Gate lets devices in by their certificates.
type Gate struct {
	config Config
}

// New makes a gate.
func New(c Config) *Gate { return &Gate{config: c} }

// Auth is broker.Config's. The first use of a renewed certificate ends the one before it.
func (g *Gate) Auth(device, fingerprint string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	admission, err := g.judge(ctx, device, fingerprint)
	if err == nil && admission == fleet.Renewed {
		err = g.config.Store.Change(ctx, func(tx *store.Tx) error {
			held, err := tx.Credentials(ctx, device)
			if err != nil {
				return err
			}
			if admission = held.Judge(fingerprint); admission != fleet.Renewed {
				return nil // done by another login, or too late
			}
			return tx.TakeNextCertificate(ctx, device, time.Now())
		})
		if err == nil && admission == fleet.Renewed {
			g.config.Logger.Info("a device uses its new certificate; the old one is refused from now on", "device", device)
		}
	}
	if err != nil {
		g.config.Logger.Warn("a login cannot be judged", "device", device, "error", err)
		return false
	}
	return admission != fleet.Refused
}

func (g *Gate) judge(ctx context.Context, device, fingerprint string) (a fleet.Admission, err error) {
	err = g.config.Store.Read(ctx, func(tx *store.Tx) error {
		held, err := tx.Credentials(ctx, device)
		a = held.Judge(fingerprint)
		return err
	})
	return a, err
}

// TwoPlaces is broker.Config's: it leaves work for a person, once a day.
func (g *Gate) TwoPlaces(a broker.TwoPlaces) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	now := g.config.Clock.Now()
	err := g.config.Store.Change(ctx, func(tx *store.Tx) error {
		return tx.OpenWork(ctx, "two_places/"+a.Device+"/"+now.UTC().Format(time.DateOnly), "two_places", a.Device,
			fmt.Sprintf("certificate used from two places: %s", strings.Join(a.Addresses, ", ")), now)
	})
	if err != nil {
		g.config.Logger.Error("cannot tell of a certificate that is used from two places", "device", a.Device, "error", err)
		return
	}
	if g.config.Changed != nil {
		g.config.Changed()
	}
}

// Checker ends sessions; a broker.Broker is one.
type Checker interface {
	Check(valid func(device, fingerprint string) bool) (ended []string)
}

// Watch ends the sessions of certificates that are revoked by whatever process, until ctx ends; then it returns ctx's error. It
// also keeps the list of revoked certificates, for brokers other than ours, as new as the store.
func (g *Gate) Watch(ctx context.Context, b Checker, authority *pki.Authority) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	known, failed := int64(-1), false
	for {
		revision, err := g.look(ctx, known, b, authority)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !failed:
			g.config.Logger.Error("cannot look for revoked certificates, and tries on", "error", err)
		case err == nil:
			known = revision
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look does what has to be done when something was revoked since the known revision.
func (g *Gate) look(ctx context.Context, known int64, b Checker, authority *pki.Authority) (revision int64, err error) {
	var all map[string]fleet.Credentials
	err = g.config.Store.Read(ctx, func(tx *store.Tx) error {
		if revision, err = tx.CertificateRevision(ctx); err != nil || revision == known {
			return err
		}
		all, err = tx.AllCredentials(ctx)
		return err
	})
	if err != nil || revision == known {
		return revision, err
	}
	ended := b.Check(func(device, fingerprint string) bool { return all[device].Judge(fingerprint) != fleet.Refused })
	for _, device := range ended {
		g.config.Logger.Info("session ended, its certificate is revoked", "device", device)
	}
	return revision, WriteCRL(ctx, g.config.Store, authority)
}

// WriteCRL writes the authority's list of revoked certificates.
func WriteCRL(ctx context.Context, s *store.Store, authority *pki.Authority) error {
	var list []pki.Revoked
	err := s.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.RevokedCertificates(ctx, time.Now())
		list = nil
		for _, c := range all {
			list = append(list, pki.Revoked{Serial: c.Serial, At: c.RevokedAt})
		}
		return err
	})
	if err != nil {
		return err
	}
	return authority.WriteCRL(list)
}
