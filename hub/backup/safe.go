package backup

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// lookEvery is how often it is looked whether there is a newer backup, in the machine's own time: another hub, or a command,
// may have made it.
const lookEvery = 5 * time.Second

// Safe knows what is in the newest backup. Before it has looked, and without any backup, nothing is safe.
type Safe struct {
	store  *store.Store
	logger *slog.Logger
	known  atomic.Pointer[content]
}

type content struct {
	backup string // id
	next   map[logKey]uint64
}

type logKey struct {
	device      string
	incarnation string
	log         protocol.LogID
}

// NewSafe makes a Safe; Load and Run fill it.
func NewSafe(s *store.Store, l *slog.Logger) *Safe { return &Safe{store: s, logger: l} }

// Upto is for link.Config.Safe: the number up to which a device may delete.
func (s *Safe) Upto(device string, incarnation protocol.Incarnation, log protocol.LogID, applied uint64) uint64 {
	known := s.known.Load()
	if known == nil {
		return 0
	}
	next := known.next[logKey{device, incarnation.String(), log}]
	return min(applied, max(next, 1)-1)
}

// Load reads what is in the newest backup, if it has not done so.
func (s *Safe) Load(ctx context.Context) error {
	return s.store.Read(ctx, func(tx *store.Tx) error {
		newest, err := tx.Backups(ctx, 1)
		if err != nil || len(newest) == 0 {
			return err
		}
		if known := s.known.Load(); known != nil && known.backup == newest[0].ID {
			return nil
		}
		positions, err := tx.SafePositions(ctx)
		if err != nil {
			return err
		}
		c := &content{backup: newest[0].ID, next: make(map[logKey]uint64, len(positions))}
		for _, p := range positions {
			c.next[logKey{p.Device, p.Incarnation, protocol.LogID(p.Log)}] = p.Next
		}
		s.known.Store(c)
		return nil
	})
}

// Run looks for newer backups until ctx ends, then returns its error.
func (s *Safe) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := s.Load(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("cannot read what is in the newest backup; what was safe to delete stays so", "error", err)
		}
	}
}
