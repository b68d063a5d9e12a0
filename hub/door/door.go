// Package door does what people ask for about doors and their boards from the hub: it joins the rules of hub/dispatch and hub/fleet
// with the store, in one transaction each. DESIGN.md says why somebody has to be at the door.
package door

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Service does what is asked.
type Service struct {
	Store *store.Store
	Touch func(place string) // of each place whose devices may need another plan, after the commit; nil for nobody
}

// Errors of the service, beside store.ErrNotFound and those of hub/fleet.
var (
	// ErrNothingWaits says that no money waits for an order's codes.
	ErrNothingWaits = errors.New("no money waits for a code of this order")
)

// FieldError is something in a request that cannot be used.
type FieldError struct{ Field, Want string }

func (e *FieldError) Error() string { return e.Field + ": want " + e.Want }

// Act is who asks for something, and why.
type Act struct {
	By     string // person
	Reason string
	At     time.Time
}

func (a Act) check() error {
	if dispatch.CheckReason(a.Reason) != nil {
		return &FieldError{"reason", fmt.Sprintf("why, in %d to %d characters", dispatch.MinReason, dispatch.MaxReason)}
	}
	return nil
}

func (a Act) record(ctx context.Context, tx *store.Tx, act, subject, detail string) error {
	return tx.RecordAct(ctx, people.NewAct(a.At, a.By, act, subject, strings.TrimSpace(detail+" "+a.Reason)))
}

// touch tells of a place once tx is committed.
func (s *Service) touch(tx *store.Tx, place string) {
	if s.Touch != nil {
		tx.OnCommit(func() { s.Touch(place) })
	}
}

// TakeRisk lets money go that waits for an order's codes: a person says that it may, although a door may still open for them, or has.
// It is ErrNothingWaits where nothing waits.
func (s *Service) TakeRisk(ctx context.Context, order string, act Act) error {
	if err := act.check(); err != nil {
		return err
	}
	return s.Store.Change(ctx, func(tx *store.Tx) error {
		n, err := tx.TakeRisk(ctx, order, dispatch.Risk{By: act.By, Reason: act.Reason, At: act.At})
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("order %s: %w", order, ErrNothingWaits)
		}
		return act.record(ctx, tx, "order.take_risk", order, "")
	})
}
