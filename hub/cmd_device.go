package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

// DeviceCmd looks after devices: `hub device add|list|revoke`. It needs no running hub; one that runs takes notice within a
// second or two.
type DeviceCmd struct {
	Add    DeviceAddCmd    `cmd:"" help:"Add a device and print its credential, once."`
	List   DeviceListCmd   `cmd:"" help:"List devices."`
	Revoke DeviceRevokeCmd `cmd:"" help:"Shut a device out, for good."`
}

func withStore(g *Globals, fn func(*store.Store) error) error {
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// DeviceAddCmd is `hub device add`.
type DeviceAddCmd struct {
	ID             string `arg:"" help:"The device's id: 1 to 40 of a-z, 0-9 and '-'."`
	Role           string `help:"What it does: station, shipper, scanner or driver." required:"" enum:"station,shipper,scanner,driver"`
	Place          string `help:"What it serves: a location's, shipper's, shop's or route's id." required:"" placeholder:"ID"`
	CredentialFile string `help:"Write the credential to this new file, for its owner only, instead of printing it." type:"path" placeholder:"FILE"`
}

// Run adds the device. The credential is kept nowhere: the database has only its hash.
func (c *DeviceAddCmd) Run(g *Globals) error {
	if err := protocol.CheckDeviceID(c.ID); err != nil {
		return err
	}
	role, err := fleet.ParseRole(c.Role)
	if err != nil {
		return err
	}
	d := fleet.Device{ID: c.ID, Role: role, Place: c.Place, AddedAt: time.Now(), AddedBy: people.Console}
	credential := fleet.NewCredential()
	if c.CredentialFile == "" {
		if err := c.add(g, d, credential); err != nil {
			return err
		}
		_, err := fmt.Fprintln(g.Stdout, credential)
		return err
	}
	// The file comes first: a device whose credential is lost is of no use.
	if err := writeNew(c.CredentialFile, credential+"\n"); err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	if err := c.add(g, d, credential); err != nil {
		return errors.Join(err, os.Remove(c.CredentialFile))
	}
	return nil
}

func (c *DeviceAddCmd) add(g *Globals, d fleet.Device, credential string) error {
	return withStore(g, func(s *store.Store) error {
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			if err := checkPlace(g.Ctx, tx, d.Role, d.Place); err != nil {
				return err
			}
			if err := tx.AddDevice(g.Ctx, d, fleet.HashCredential(credential)); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(d.AddedAt, people.Console, "device.add", d.ID, string(d.Role)+" "+d.Place))
		})
	})
}

// writeNew writes a file that only its owner reads, and refuses to change one that is there.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

func checkPlace(ctx context.Context, tx *store.Tx, role fleet.Role, place string) error {
	ok, err := tx.HasPlace(ctx, role, place)
	if err == nil && !ok {
		kind := map[fleet.Role]string{fleet.Station: "location", fleet.Shipper: "shipper", fleet.Scanner: "shop", fleet.Driver: "route"}[role]
		return fmt.Errorf("place %q: a %s serves a %s of the imported network, and there is none of this id", place, role, kind)
	}
	return err
}

// DeviceListCmd is `hub device list`.
type DeviceListCmd struct{}

// Run lists devices as a table.
func (c *DeviceListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var devices []fleet.Device
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			devices, err = tx.Devices(g.Ctx)
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tROLE\tPLACE\tADDED\tPRESENCE\tSEEN\tSOFTWARE\tPLAN")
		for _, d := range devices {
			presence := string(d.Presence())
			if d.Revoked() {
				presence = "revoked"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", d.ID, d.Role, d.Place, shortTime(d.AddedAt), presence, shortTime(d.SeenAt),
				d.Software, d.PlanActive)
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

// DeviceRevokeCmd is `hub device revoke`.
type DeviceRevokeCmd struct {
	ID string `arg:"" help:"The device's id."`
}

// Run shuts the device out.
func (c *DeviceRevokeCmd) Run(g *Globals) error {
	now := time.Now()
	return withStore(g, func(s *store.Store) error {
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			if err := tx.RevokeDevice(g.Ctx, c.ID, now); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "device.revoke", c.ID, ""))
		})
	})
}
