package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"meguri/hub/admission"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/internal/config"
	"meguri/protocol"
)

// DeviceCmd looks after devices: `hub device add|list|renew|revoke`. It needs no running hub; one that runs takes notice within
// a second or two.
type DeviceCmd struct {
	Add    DeviceAddCmd    `cmd:"" help:"Add a device and write its certificate and key."`
	List   DeviceListCmd   `cmd:"" help:"List devices."`
	Renew  DeviceRenewCmd  `cmd:"" help:"Write a new certificate for a device; its first use ends the old one."`
	Revoke DeviceRevokeCmd `cmd:"" help:"Shut a device out, for good."`

	Stolen  DeviceStolenCmd  `cmd:"" help:"Shut out a device that was stolen, and issue the codes of its station anew."`
	Replace DeviceReplaceCmd `cmd:"" help:"Put another board in the place of a device that is broken or lost."`
	Drain   DeviceDrainCmd   `cmd:"" help:"Take what edge export has read out of a device's storage."`
}

func withStore(g *Globals, fn func(*store.Store) error) error {
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// Issue says where a device's new certificate goes and how long it is good for.
type Issue struct {
	Out  string `help:"Directory for ID.pem, ID.key and ca.pem, which the device needs; a certificate that is there is left alone." type:"path" required:"" placeholder:"DIR"`
	Days int    `help:"How long the certificate is good for." default:"1825"`
}

// Validate is asked by the command line.
func (i Issue) Validate() error {
	if most := int(pki.MaxLife.Hours() / 24); i.Days < 1 || i.Days > most {
		return fmt.Errorf("--days %d: want 1 to %d", i.Days, most)
	}
	return nil
}

// to writes a new certificate for a device, and then has store keep it. The files come first: a device whose key is lost is of
// no use. When it cannot be stored they are removed; so store does that and nothing else which can fail.
func (i Issue) to(g *Globals, device string, store func(fleet.Certificate) error) error {
	if err := protocol.CheckDeviceID(device); err != nil {
		return config.Usage(err)
	}
	authority, err := g.authority()
	if err != nil {
		return err
	}
	from, to := authority.Validity(time.Duration(i.Days) * 24 * time.Hour)
	issued, err := authority.Device(device, from, to)
	if err != nil {
		return err
	}
	if err := authority.Save(i.Out, device, issued); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	err = store(fleet.Certificate{Device: device, Fingerprint: issued.Fingerprint, Serial: issued.Serial, IssuedAt: time.Now(), EndsAt: issued.To})
	if err != nil {
		return errors.Join(err, pki.Remove(i.Out, device))
	}
	return g.wrote(i.Out, device, issued)
}

// wrote says which files were written for the holder of a certificate.
func (g *Globals) wrote(dir, name string, i pki.Issued) error {
	key, certificate := pki.Files(dir, name)
	_, err := fmt.Fprintf(g.Stdout, "wrote %s, %s and %s; good until %s\n", certificate, key, filepath.Join(dir, pki.CAFile), i.To.UTC().Format(time.DateOnly))
	return err
}

// authority is the hub's; see admission.Authority.
func (g *Globals) authority() (a *pki.Authority, err error) {
	err = withStore(g, func(s *store.Store) error {
		a, err = admission.Authority(g.Ctx, s, g.pkiDir())
		return err
	})
	return a, err
}

// pkiDir is where the hub's certificate authority is.
func (g *Globals) pkiDir() string { return filepath.Join(g.DataDir, "pki") }

// DeviceAddCmd is `hub device add`.
type DeviceAddCmd struct {
	ID    string `arg:"" help:"The device's id: 1 to 40 of a-z, 0-9 and '-'."`
	Role  string `help:"What it does: station, shipper, scanner or driver." required:"" enum:"station,shipper,scanner,driver"`
	Place string `help:"What it serves: a location's, shipper's, shop's or route's id." required:"" placeholder:"ID"`
	Issue
}

// Run adds the device. Its key is kept nowhere but in the file: the database has only the certificate's fingerprint.
func (c *DeviceAddCmd) Run(g *Globals) error {
	role, err := fleet.ParseRole(c.Role)
	if err != nil {
		return err
	}
	d := fleet.Device{ID: c.ID, Role: role, Place: c.Place, AddedAt: time.Now(), AddedBy: people.Console}
	return c.to(g, c.ID, func(certificate fleet.Certificate) error {
		return g.change(func(tx *store.Tx) error {
			if err := checkPlace(g.Ctx, tx, d.Role, d.Place); err != nil {
				return err
			}
			if err := tx.AddDevice(g.Ctx, d); err != nil {
				return err
			}
			if err := checkFirst(g.Ctx, tx, d); err != nil {
				return err
			}
			if err := tx.AddCertificate(g.Ctx, certificate); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(d.AddedAt, people.Console, "device.add", d.ID, string(d.Role)+" "+d.Place))
		})
	})
}

func checkPlace(ctx context.Context, tx *store.Tx, role fleet.Role, place string) error {
	ok, err := tx.HasPlace(ctx, role, place)
	if err == nil && !ok {
		kind := map[fleet.Role]string{fleet.Station: "location", fleet.Shipper: "shipper", fleet.Scanner: "shop or a rental warehouse", fleet.Driver: "route"}[role]
		return fmt.Errorf("place %q: a %s serves a %s of the imported network, and there is none of this id", place, role, kind)
	}
	return err
}

// ErrHasBoard: a station has, or had, another board. Only a replacement issues anew what that one has counted, and has an engineer check
// the probes and the doors.
var ErrHasBoard = errors.New("a station's board is followed by another one only with hub device replace")

// checkFirst refuses a station's board that is not the first at its place, and names the one that it is to replace.
func checkFirst(ctx context.Context, tx *store.Tx, d fleet.Device) error {
	if d.Role != fleet.Station {
		return nil
	}
	all, err := tx.DevicesAt(ctx, d.Place)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Role != fleet.Station || other.ID == d.ID {
			continue
		}
		switch by, err := tx.ReplacedBy(ctx, other.ID); {
		case err != nil:
			return err
		case by == "": // the last of its chain
			return fmt.Errorf("place %s has the board %s: %w: hub device replace %s --with %s", d.Place, other.ID, ErrHasBoard, other.ID, d.ID)
		}
	}
	return nil
}

// DeviceListCmd is `hub device list`.
type DeviceListCmd struct{}

// Run lists devices as a table.
func (c *DeviceListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var devices []fleet.Device
		var ends map[string]time.Time
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			if devices, err = tx.Devices(g.Ctx); err != nil {
				return err
			}
			ends, err = tx.CertificateEnds(g.Ctx)
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tROLE\tPLACE\tADDED\tPRESENCE\tSEEN\tSOFTWARE\tPLAN\tCERTIFICATE ENDS")
		for _, d := range devices {
			presence := string(d.Presence())
			if d.Revoked() {
				presence = "revoked"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", d.ID, d.Role, d.Place, shortTime(d.AddedAt), presence, shortTime(d.SeenAt),
				d.Software, d.PlanActive, shortTime(ends[d.ID]))
		}
		return w.Flush()
	})
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// DeviceRenewCmd is `hub device renew`.
type DeviceRenewCmd struct {
	ID string `arg:"" help:"The device's id."`
	Issue
}

// Run issues a certificate besides the current one, which is good until the new one is used for the first time.
func (c *DeviceRenewCmd) Run(g *Globals) error {
	err := c.to(g, c.ID, func(certificate fleet.Certificate) error {
		return g.change(func(tx *store.Tx) error {
			if err := tx.AddCertificate(g.Ctx, certificate); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(certificate.IssuedAt, people.Console, "device.renew", c.ID, certificate.Fingerprint))
		})
	})
	if err != nil {
		return err
	}
	return g.writeCRL() // a renewal that was never used may have ended
}

// DeviceRevokeCmd is `hub device revoke`.
type DeviceRevokeCmd struct {
	ID  string `arg:"" help:"The device's id."`
	Old bool   `help:"Revoke only the certificate that was renewed, before the new one is used. For brokers other than the embedded one, which do not tell of its use."`
}

// Run shuts the device, or its old certificate, out.
func (c *DeviceRevokeCmd) Run(g *Globals) error {
	now, places := time.Now(), map[string]bool{}
	err := g.change(func(tx *store.Tx) error {
		if c.Old {
			if err := tx.TakeNextCertificate(g.Ctx, c.ID, now); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "device.revoke-old", c.ID, ""))
		}
		if err := tx.RevokeDevice(g.Ctx, c.ID, now); err != nil {
			return err
		}
		d, err := tx.Device(g.Ctx, c.ID)
		if err != nil {
			return err
		}
		if err := knowing(g.Ctx, tx, d, places); err != nil {
			return err
		}
		return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "device.revoke", c.ID, ""))
	})
	if err != nil {
		return err
	}
	return errors.Join(g.writeCRL(), withStore(g, func(s *store.Store) error { return makePlans(g, s, places) }))
}

// knowing adds the places whose plans speak of a device that is shut out.
func knowing(ctx context.Context, tx *store.Tx, d fleet.Device, places map[string]bool) error {
	stations, err := tx.StationsKnowing(ctx, d)
	for _, s := range stations {
		places[s] = true
	}
	return err
}

// change runs fn in a transaction on the database.
func (g *Globals) change(fn func(*store.Tx) error) error {
	return withStore(g, func(s *store.Store) error { return s.Change(g.Ctx, fn) })
}

// writeCRL writes the list of revoked certificates anew. The database knows already, and so does a hub that runs; the list is for
// brokers other than the embedded one.
func (g *Globals) writeCRL() error {
	authority, err := g.authority()
	if err != nil {
		return err
	}
	return withStore(g, func(s *store.Store) error { return admission.WriteCRL(g.Ctx, s, authority) })
}
