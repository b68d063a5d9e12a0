package store

import (
	"context"
	"slices"
	"strings"
)

// Rows of events wait in the transaction for company: a statement for several is much cheaper than one for each, and in a group
// the batches of many devices share statements. Nobody can see that: who asks for events has them written first, and so has the
// end of the transaction.

var insertEvents = insertRows("events", `device_id, incarnation, number, boot, kind, name, subject, body, mono, claimed_at, wall_quality,
	event_at, uncertainty_ms, received_at, outcome, reason`, "", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "TEXT", "TEXT", "BYTEA", "BIGINT",
	"BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT", "TEXT")

// mostPending is how many events wait at most.
const mostPending = 128

// addPending keeps a row for the next statement.
func (tx *Tx) addPending(ctx context.Context, e EventRow) error {
	tx.pending = append(tx.pending, e)
	if len(tx.pending) < mostPending {
		return nil
	}
	return tx.flushEvents(ctx)
}

// Flush writes what waits, so that an error of it comes here and not at the end of the transaction.
func (tx *Tx) Flush(ctx context.Context) error {
	if err := tx.flushPositions(ctx); err != nil {
		return err
	}
	if err := tx.flushRentals(ctx); err != nil {
		return err
	}
	if err := tx.flushRentalHistory(ctx); err != nil {
		return err
	}
	if err := tx.flushStrides(ctx); err != nil {
		return err
	}
	return tx.flushEvents(ctx)
}

func (tx *Tx) flushEvents(ctx context.Context) error {
	rows := tx.pending
	tx.pending = nil // a new array next time: a savepoint may hold the old one
	values := make([]any, 0, len(rows)*len(insertEvents.kinds))
	for i := range rows {
		e := &rows[i]
		values = append(values, e.Device, e.Incarnation, int64(e.Number), int64(e.Boot), int64(e.Kind), e.Name, e.Subject, e.Body, e.Mono,
			e.ClaimedAt, int64(e.WallQuality), millis(e.EventAt), withinMillis(e.Within), millis(e.ReceivedAt), string(e.Outcome), e.Reason)
	}
	_, err := insertEvents.run(ctx, tx, values)
	return err
}

// ofOneDevice are the queries of events that see those of their first argument, a device, only. Each batch asks them: were
// others' events written for them, nothing would ever wait for company.
var ofOneDevice = map[string]bool{pairsQuery: true, bootsBefore: true, bootsAfter: true}

// settle writes what waits and a statement may see.
func (tx *Tx) settle(ctx context.Context, query string, args []any) error {
	if len(tx.positions.changed) > 0 && strings.Contains(query, "positions") {
		if err := tx.flushPositions(ctx); err != nil {
			return err
		}
	}
	if len(tx.rentals.changed) > 0 && query != oneRental && query != someRentals && strings.Contains(query, "rental_items") {
		if err := tx.flushRentals(ctx); err != nil {
			return err
		}
	}
	if len(tx.rentals.history) > 0 && strings.Contains(query, "rental_history") {
		if err := tx.flushRentalHistory(ctx); err != nil {
			return err
		}
	}
	if len(tx.rentals.strides) > 0 && strings.Contains(query, "rental_days") {
		if err := tx.flushStrides(ctx); err != nil {
			return err
		}
	}
	if len(tx.pending) == 0 || !strings.Contains(query, "events") {
		return nil
	}
	if ofOneDevice[query] && !slices.ContainsFunc(tx.pending, func(e EventRow) bool { return e.Device == args[0] }) {
		return nil
	}
	return tx.flushEvents(ctx)
}
