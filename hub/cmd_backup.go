package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"meguri/hub/backup"
	"meguri/hub/store"
)

// BackupCmd is `hub backup FILE`.
type BackupCmd struct {
	File string `arg:"" help:"New file for the backup." type:"path"`
}

// Run makes a backup. The hub may run meanwhile.
func (c *BackupCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		row, err := backup.Take(g.Ctx, backup.Target{Store: s, URL: g.Database, Now: time.Now}, c.File)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.Stdout, "%s  %d bytes  sha256 %s\n", row.File, row.Bytes, row.SHA256)
		return err
	})
}

// BackupsCmd is `hub backups`.
type BackupsCmd struct{}

const maxBackups = 100

// Run lists the newest backups.
func (c *BackupsCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var all []store.BackupRow
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			all, err = tx.Backups(g.Ctx, maxBackups)
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "BEGAN\tTOOK\tBYTES\tFILE")
		for _, b := range all {
			gone := ""
			if _, err := os.Stat(b.File); err != nil {
				gone = "  (not there any more)"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s%s\n", shortTime(b.Began), b.Finished.Sub(b.Began).Round(time.Millisecond), b.Bytes, b.File, gone)
		}
		return w.Flush()
	})
}

// BackupFlags are flags of `hub serve`.
type BackupFlags struct {
	SafeAfterBackup bool          `help:"Devices delete only what is in a backup, so that one that is put back loses nothing." env:"MEGURI_SAFE_AFTER_BACKUP"`
	BackupEvery     time.Duration `help:"Make a backup so often; never without it." env:"MEGURI_BACKUP_EVERY" placeholder:"1h"`
	BackupDir       string        `help:"Directory for these backups: on another disk, best on another machine." env:"MEGURI_BACKUP_DIR" type:"path" placeholder:"DIR"`
	BackupKeep      int           `help:"How many of them to keep." env:"MEGURI_BACKUP_KEEP" default:"24"`
}

func (f BackupFlags) check() error {
	switch {
	case f.BackupEvery == 0 && f.BackupDir != "":
		return errors.New("--backup-dir without --backup-every makes no backups")
	case f.BackupEvery != 0 && f.BackupDir == "":
		return errors.New("--backup-every wants --backup-dir")
	}
	return f.schedule().Check()
}

func (f BackupFlags) schedule() backup.Schedule {
	return backup.Schedule{Every: f.BackupEvery, Dir: f.BackupDir, Keep: f.BackupKeep}
}
