package main

import (
	"fmt"
	"os"
	"path/filepath"

	"meguri/hub/password"
	"meguri/hub/store"
	"meguri/internal/durable"
)

// StagingCmd is `hub staging DIR`.
type StagingCmd struct {
	Dir  string `arg:"" help:"New directory for the copy: hub.db, also of a PostgreSQL database, and pki/people.key." type:"path"`
	Seed string `help:"The same seed gives the same invented persons, as long as the key of people's secrets is the same." default:"staging"`
}

// Run makes the copy.
func (c *StagingCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		svc, err := g.register(s)
		if err != nil {
			return err
		}
		pki := filepath.Join(c.Dir, "pki")
		if err := os.MkdirAll(pki, 0o700); err != nil {
			return err
		}
		key := store.StageKey(c.Seed)
		if err := durable.Create(filepath.Join(pki, password.KeyFile), 0o600, durable.Bytes(key+"\n")); err != nil {
			return err
		}
		vault, err := password.Vault(key, pki, false)
		if err != nil {
			return err
		}
		done, err := s.Stage(g.Ctx, filepath.Join(c.Dir, "hub.db"), c.Seed, svc.Vault, vault)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.Stdout, "%d rows of %d tables, %d invented persons; %d original values were searched for and are in no byte of it\n",
			done.Rows, done.Tables, done.Persons, done.Searched)
		if err == nil && done.Emptied > 0 {
			_, err = fmt.Fprintf(g.Stdout, "%d bodies of events or parts that named somebody are empty there\n", done.Emptied)
		}
		return err
	})
}
