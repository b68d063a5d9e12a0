package effect

import (
	"context"
	"errors"
	"strings"

	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// grantUsed notes that a grant was used: of one that was taken back somebody has to decide what follows. A grant that is not known
// here is a fact for the record.
func (e *Effects) grantUsed(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.GrantUsed) error {
	grant, _, _ := strings.Cut(b.Grant, "@"+b.Position)
	if ev.Role != plan.RoleStation {
		return nil
	}
	err := tx.GrantUsed(ctx, grant, ev.Place, b.Position, ev.At, ev.Received)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// useReturned notes that no use of a grant at a lock counts any more: its door was seen shut all the while.
func (e *Effects) useReturned(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.UseReturned) error {
	if ev.Role != plan.RoleStation || b.Use > 0 {
		return nil
	}
	grant, _, _ := strings.Cut(b.Grant, "@"+b.Position)
	return tx.GrantReturned(ctx, grant, ev.Place, b.Position)
}
