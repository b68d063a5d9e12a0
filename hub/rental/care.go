package rental

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// OpenBatch opens a cleaning batch, for the own laundry or a vendor. Scanners put pieces into it.
func (k *Keeper) OpenBatch(ctx context.Context, tx *store.Tx, b store.CleaningBatch) error {
	there, err := tx.HasWarehouse(ctx, b.Warehouse)
	if err == nil && !there {
		err = fmt.Errorf("warehouse %.64s: %w", b.Warehouse, store.ErrNotFound)
	}
	if err != nil {
		return err
	}
	ok, err := tx.AddCleaningBatch(ctx, b)
	return refusedUnless(ok, err, "open", "batch "+b.ID, WhyTaken, "there is one of this name already")
}

// refusedUnless is a refusal about something that is no piece.
func refusedUnless(ok bool, err error, act, what string, key Why, why string) error {
	if err == nil && !ok {
		return &Refusal{Item: what, Act: act, Key: key, Reason: why}
	}
	return err
}

const noOpenBatch = "there is no open one of this name"

// SendBatch notes that a batch has gone to who cleans it, and until when it is to be back.
func (k *Keeper) SendBatch(ctx context.Context, tx *store.Tx, id string, due, now time.Time) error {
	inside, err := tx.PiecesInBatch(ctx, id)
	if err != nil {
		return err
	}
	if len(inside) == 0 {
		return &Refusal{Item: "batch " + id, Act: "send", Key: WhyEmpty, Reason: "no piece is in it"}
	}
	ok, err := tx.SendCleaningBatch(ctx, id, now, due)
	return refusedUnless(ok, err, "send", "batch "+id, WhyNotOpen, noOpenBatch)
}

// ReceiveBatch says that all pieces of a batch that are not back yet have come back clean, by the word of a person: pieces that are scanned
// one by one need no such word. It closes the batch, and says how many they were.
func (k *Keeper) ReceiveBatch(ctx context.Context, tx *store.Tx, id, by string, now time.Time) (int, error) {
	inside, err := tx.PiecesInBatch(ctx, id)
	for _, piece := range inside {
		if err == nil {
			err = k.act(ctx, tx, piece, rental.Event{Step: protocol.StepCleaned, Batch: id, Operator: by}, now)
		}
	}
	if err != nil {
		return 0, err
	}
	return len(inside), k.CloseBatch(ctx, tx, id, now)
}

// CloseBatch closes a batch from which all is back.
func (k *Keeper) CloseBatch(ctx context.Context, tx *store.Tx, id string, now time.Time) error {
	inside, err := tx.PiecesInBatch(ctx, id)
	if err != nil {
		return err
	}
	if len(inside) > 0 {
		return &Refusal{Item: "batch " + id, Act: "close", Key: WhyNotBack, Reason: fmt.Sprintf("not all is back, %d in it, the first %s", len(inside), inside[0])}
	}
	ok, err := tx.CloseCleaningBatch(ctx, id, now)
	return refusedUnless(ok, err, "close", "batch "+id, WhyNotOpen, noOpenBatch)
}

// OpenRepair opens a work order for a piece.
func (k *Keeper) OpenRepair(ctx context.Context, tx *store.Tx, r store.RepairOrder) error {
	if _, err := tx.RentalItem(ctx, r.Item); err != nil {
		return err
	}
	ok, err := tx.AddRepairOrder(ctx, r)
	return refusedUnless(ok, err, "open", "work order "+r.ID, WhyTaken, "there is one of this name already")
}

// CloseRepair closes a work order. A piece that is on it still is repaired with that, by whom a badge says: another person makes its final
// inspection. Who has repaired a piece that was scanned as repaired is known.
func (k *Keeper) CloseRepair(ctx context.Context, tx *store.Tx, id, badge string, costYen int64, now time.Time) error {
	r, err := tx.RepairOrder(ctx, id)
	if err != nil {
		return err
	}
	refuse := func(key Why, why string) error {
		return &Refusal{Item: "work order " + id, Act: "close", Key: key, Reason: why}
	}
	switch {
	case costYen < 0:
		return refuse(WhyCost, "a cost is 0 or more")
	case r.InWork && badge == "":
		return refuse(WhyNoBadge, "the piece is on it: who has repaired it is said by a badge, for another person makes the final inspection")
	case r.InWork:
		if known, err := tx.HasOperator(ctx, badge); err != nil || !known {
			return refusedUnless(known, err, "close", "work order "+id, WhyNoBadge, "nobody has badge "+short(badge))
		}
		if err := k.act(ctx, tx, r.Item, rental.Event{Step: protocol.StepRepaired, Batch: id, Operator: badge}, now); err != nil {
			return err
		}
		r.Unseen = badge
	}
	ok, err := tx.CloseRepairOrder(ctx, id, cmp.Or(r.Unseen, badge), costYen, now)
	return refusedUnless(ok, err, "close", "work order "+id, WhyNotOpen, "it is closed already")
}
