package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meguri/hub/audit/mark"
	"meguri/hub/backup"
	"meguri/hub/password"
	"meguri/hub/pki"
)

// RestoreCmd is `hub restore FILE`.
type RestoreCmd struct {
	File      string `arg:"" help:"File that hub backup has made." type:"existingfile"`
	Overwrite bool   `help:"Put it in the place of a database that is there, which is set aside, and dropped when it was kept long enough (hub aside, hub retention)."`
}

// Run puts a backup back. No hub may run on the database.
func (c *RestoreCmd) Run(g *Globals) error {
	if err := os.MkdirAll(g.DataDir, 0o700); err != nil {
		return err
	}
	if err := c.tellKeys(g); err != nil {
		return err
	}
	aside, err := backup.Restore(g.Ctx, g.Database, c.File, c.Overwrite, time.Now())
	if aside != "" {
		fmt.Fprintf(g.Stdout, "what was there is now %s, with all who are erased since; it is dropped by itself (hub aside list says when), or now by hub aside drop\n", aside)
	}
	if err != nil {
		return err
	}
	if err := reapplyErased(g); err != nil {
		return fmt.Errorf("restored, but who was erased since may not be: %w", err)
	}
	if err := mark.Forget(g.pkiDir()); err != nil {
		return err
	}
	if there, err := pki.Exists(g.pkiDir()); err == nil && !there {
		fmt.Fprintf(g.Stdout, "there is no certificate authority in %s: copy the old hub's there, or no device can log in\n", g.pkiDir())
	}
	if key := filepath.Join(g.pkiDir(), password.KeyFile); !isThere(key) {
		fmt.Fprintf(g.Stdout, "there is no %s: copy the old hub's there, or give it in MEGURI_PEOPLE_KEY, or nobody's authenticator or contact can be read\n", key)
	}
	_, err = fmt.Fprintln(g.Stdout, "restored: start the hub, and see its work items for what is left to do by hand")
	return err
}

// tellKeys says, before anything is touched, with which keys that are not here the backup is sealed.
func (c *RestoreCmd) tellKeys(g *Globals) error {
	keys, err := backup.SealedWith(g.Ctx, g.Database, c.File)
	if err != nil || len(keys) == 0 {
		return err
	}
	vault, err := g.ownKey()
	if err != nil || vault == nil { // of which it tells at the end
		return err
	}
	if keys = slices.DeleteFunc(keys, vault.Has); len(keys) > 0 {
		fmt.Fprintf(g.Stdout, "names and contacts in this backup are sealed with another key than this hub's (%s; here: %s): add the key that the hub had then as a further line to %s, or they can be read by nobody\n",
			strings.Join(keys, ", "), vault.KeyID(), filepath.Join(g.pkiDir(), password.KeyFile))
	}
	return nil
}

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
