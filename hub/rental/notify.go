package rental

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"meguri/hub/alarm/notify"
	"meguri/hub/store"
)

// Webhook is whom to tell of returns. Without an address nobody is told, and what there is to tell waits.
type Webhook struct {
	URL  string
	Hook notify.Hook
}

// Teller sends notices of returns: the shop's systems then begin the customer's next styling. Each is told at least once, with the same
// id in every try.
type Teller struct {
	store   *store.Store
	to      Webhook
	logger  *slog.Logger
	realNow func() time.Time
}

// NewTeller makes a teller.
func NewTeller(s *store.Store, to Webhook, l *slog.Logger) *Teller {
	return &Teller{store: s, to: to, logger: l, realNow: time.Now}
}

const (
	tellAtOnce = 50
	tellFor    = time.Minute // longer than a sending takes
	tellRest   = 10 * time.Second
	tellAtMost = time.Hour
)

// Turn sends what is due.
func (t *Teller) Turn(ctx context.Context) error {
	if t.to.URL == "" {
		return nil
	}
	var due []store.ReturnNotice
	now := t.realNow()
	err := t.store.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.DueReturnNotices(ctx, now, tellAtOnce)
		return err
	})
	for _, n := range due {
		err = errors.Join(err, t.one(ctx, n))
	}
	return err
}

type returnJSON struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Order    string    `json:"order_id"`
	Customer string    `json:"customer_id"`
	Happened time.Time `json:"happened_at"`
}

// one claims a notice, sends it, and keeps what came of it.
func (t *Teller) one(ctx context.Context, n store.ReturnNotice) error {
	now, mine := t.realNow(), false
	err := t.store.Change(ctx, func(tx *store.Tx) (err error) {
		mine, err = tx.ClaimReturnNotice(ctx, n.ID, now, now.Add(tellFor))
		return err
	})
	if err != nil || !mine {
		return err
	}
	body, err := json.Marshal(returnJSON{n.ID, n.Kind, n.Order, n.Customer, n.Happened})
	if err != nil {
		return err
	}
	sent := t.to.Hook.Post(ctx, t.to.URL, n.ID, body)
	ctx = context.WithoutCancel(ctx) // what was sent is to be kept also when the hub is told to stop
	return t.store.Change(ctx, func(tx *store.Tx) error {
		if sent == nil {
			return tx.ReturnNoticeSent(ctx, n.ID, t.realNow())
		}
		t.logger.Warn("a return could not be told, and is told again", "order", n.Order, "tries", n.Tries+1, "error", sent)
		wait := min(tellRest<<min(n.Tries, 10), tellAtMost)
		return tx.PutOffReturnNotice(ctx, n.ID, clean(sent.Error(), maxText), t.realNow().Add(wait))
	})
}
