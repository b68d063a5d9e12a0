package app

import (
	"context"
	"log/slog"
	"time"

	"meguri/hub/audit"
	"meguri/hub/audit/mark"
	"meguri/hub/store"
)

// sealEvery is how often the audit trail is signed: what is cut off of it before that does not show.
const sealEvery = 5 * time.Minute

// seals signs the head of the audit trail now and then, on the machine's clock.
type seals struct {
	store  *store.Store
	sign   func(hash []byte) (certificate, signature []byte, err error)
	logger *slog.Logger
	dir    string // of the authority, where the newest head is kept as well
}

func (s *seals) run(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for {
		s.seal(ctx)
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			s.seal(last) // what was done before the hub was stopped
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// seal signs what is new. The head is told to the log as well, which is kept elsewhere than the database.
func (s *seals) seal(ctx context.Context) {
	head, err := s.store.SealAudit(ctx, func(h audit.Hash) ([]byte, []byte, error) { return s.sign(h[:]) }, time.Now())
	switch {
	case err != nil && ctx.Err() == nil:
		s.logger.Error("cannot sign the head of the audit trail, and will try again", "error", err)
	case err == nil && head.Number > 0:
		s.logger.Info("the audit trail is signed", "head", head.Number, "hash", head.Hash.String())
		if err := mark.Keep(s.dir, audit.Known{Number: head.Number, Hash: head.Hash}); err != nil {
			s.logger.Error("the newest head of the audit trail cannot be kept beside the keys", "error", err)
		}
	}
}
