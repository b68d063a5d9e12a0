package app

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/hub/backup"
	"meguri/hub/store"
	"meguri/protocol"
)

// safety says what devices may delete; empty when backups do not count.
type safety struct{ safe *backup.Safe }

func newSafe(ctx context.Context, c Config, s *store.Store) (safety, error) {
	if err := c.Backups.Check(); err != nil {
		return safety{}, err
	}
	if !c.SafeAfterBackup {
		return safety{}, nil
	}
	if c.Backups.Every == 0 {
		c.Logger.Warn("devices delete only what is in a backup, and this hub makes none by itself: run hub backup often")
	}
	safe := backup.NewSafe(s, c.Logger)
	if err := safe.Load(ctx); err != nil {
		return safety{}, fmt.Errorf("what is in the newest backup: %w", err)
	}
	return safety{safe}, nil
}

// hook is for link.Config.Safe.
func (s safety) hook() func(string, protocol.Incarnation, protocol.LogID, uint64) uint64 {
	if s.safe == nil {
		return nil
	}
	return s.safe.Upto
}

// run makes backups and looks for those of others.
func (s safety) run(ctx context.Context, g *errgroup.Group, c Config, db *store.Store, changed func()) {
	if s.safe != nil {
		g.Go(func() error { return s.safe.Run(ctx) })
	}
	if c.Backups.Every == 0 {
		return
	}
	target := backup.Target{Store: db, URL: c.Database, Now: time.Now}
	g.Go(func() error { return c.Backups.Run(ctx, target, c.Logger, changed) })
}
