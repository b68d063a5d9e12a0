package settle

import (
	"context"
	"errors"
	"time"

	"meguri/hub/order"
	"meguri/hub/payment"
)

// OfService is the owner of orders as paying needs it.
func OfService(s *order.Service) Orders { return owner{s} }

type owner struct{ orders *order.Service }

// Confirm and the end of the hold are one compare-and-set of the owner: of the two exactly one happens.
func (o owner) Confirm(ctx context.Context, id string, now time.Time) (gone bool, err error) {
	_, err = o.orders.Confirm(ctx, id, payment.Nobody, now)
	if errors.Is(err, order.ErrExpired) || errors.Is(err, order.ErrEnded) {
		return true, nil
	}
	return false, err
}

func (o owner) Cancel(ctx context.Context, id, reason string, now time.Time) (stays bool, err error) {
	_, err = o.orders.Cancel(ctx, id, payment.Nobody, reason, now)
	switch {
	case errors.Is(err, order.ErrAfterCutoff):
		return true, nil
	case errors.Is(err, order.ErrEnded): // it has ended otherwise, or is with its customer already
		stored, err := o.orders.Get(ctx, id)
		return err == nil && stored.State.Holds(), err
	}
	return false, err
}
