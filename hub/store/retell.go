package store

import (
	"context"
	"time"
)

// The functions of this file move what an event has left behind when the event turns out to have happened at another time. They
// touch only what still says was: something newer stands where it does not.

// MoveStop moves when a stop of a run was reached.
func (tx *Tx) MoveStop(ctx context.Context, run string, sequence int, was, at time.Time) error {
	return tx.write(ctx, "UPDATE run_stops SET reached_at = $4 WHERE run_id = $1 AND sequence = $2 AND reached_at = $3",
		run, sequence, millis(was), millis(at))
}

// MovePickup moves when a fridge was opened for an order: the first time, or the last. Of three and more openings those between are not
// kept, so a first that is moved behind the last leaves the last as the first.
func (tx *Tx) MovePickup(ctx context.Context, order, fridge string, was, at time.Time) error {
	err := tx.write(ctx, `UPDATE order_pickups SET at = CASE WHEN at = $3 THEN $4 ELSE at END,
		last_at = CASE WHEN last_at = $3 THEN $4 ELSE last_at END WHERE order_id = $1 AND fridge_id = $2`, order, fridge, millis(was), millis(at))
	if err != nil {
		return err
	}
	return tx.write(ctx, "UPDATE order_pickups SET at = last_at, last_at = at WHERE order_id = $1 AND fridge_id = $2 AND last_at < at", order, fridge)
}

// BoxStep is a step in the use of a box.
type BoxStep string

// Steps in the use of a box: columns of dated_containers.
const (
	BoxFilled  BoxStep = "filled_at"
	BoxShelved BoxStep = "shelved_at"
	BoxLoaded  BoxStep = "loaded_at"
	BoxPlaced  BoxStep = "placed_at"
)

// MoveBox moves a step in the use of a box, and gives the dated containers concerned.
func (tx *Tx) MoveBox(ctx context.Context, grai string, step BoxStep, was, at time.Time) (containers []string, err error) {
	return returning(ctx, tx, scanText, "UPDATE dated_containers SET "+string(step)+" = $3 WHERE grai = $1 AND "+string(step)+" = $2 RETURNING id",
		grai, millis(was), millis(at))
}

// MoveAlarm moves when an alarm was raised.
func (tx *Tx) MoveAlarm(ctx context.Context, id string, was, at time.Time) error {
	err := tx.write(ctx, "UPDATE alarm_history SET at = $3 WHERE alarm_id = $1 AND what = 'raised' AND at = $2", id, millis(was), millis(at))
	if err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE alarms SET raised_at = $3, cleared_at = CASE WHEN cleared_at < $3 THEN $3 ELSE cleared_at END
		WHERE id = $1 AND raised_at = $2`, id, millis(was), millis(at))
}

// MoveCleared moves when the alarm of a kind of a subject was cleared, and clears the one that was raised before at and cleared
// by a later event only. An alarm does not end before it began, unless that is about to be moved, too.
func (tx *Tx) MoveCleared(ctx context.Context, kind, subject string, was, at time.Time) error {
	err := tx.write(ctx, `UPDATE alarm_history SET at = $4 WHERE what = 'cleared' AND at = $3
		AND alarm_id IN (SELECT id FROM alarms WHERE kind = $1 AND subject = $2)`, kind, subject, millis(was), millis(at))
	if err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE alarms SET cleared_at = CASE WHEN raised_at > $4 AND raised_at <> $3 THEN raised_at ELSE $4 END
		WHERE kind = $1 AND subject = $2 AND (cleared_at = $3 OR cleared_at > $4 AND (raised_at <= $4 OR raised_at = $3))`,
		kind, subject, millis(was), millis(at))
}

// MovePosition moves when a door, a lock or a supply has changed by word of a device.
func (tx *Tx) MovePosition(ctx context.Context, id, device string, was, at time.Time) error {
	p, err := tx.Position(ctx, id)
	if err == nil && p.DeviceID == device && millis(p.ChangedAt) == millis(was) {
		p.ChangedAt = at
		tx.SavePosition(p)
	}
	return err
}
