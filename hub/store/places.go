package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Position is what the door and the supply of a fridge did last.
type Position struct {
	ID        string // the fridge
	DeviceID  string
	Door      string // closed, open, jammed, ajar, uncommanded, unknown
	Lock      string // locked, fired, unknown
	Mains     bool
	ChangedAt time.Time
}

// Position gives the state of a fridge's door and supply; before the first word of a device the door is unknown.
func (tx *Tx) Position(ctx context.Context, id string) (Position, error) {
	p := Position{ID: id, Door: "unknown", Lock: "unknown", Mains: true}
	var changed int64
	err := tx.row(ctx, "SELECT device_id, door, lock_state, mains, changed_at FROM positions WHERE id = $1", id).
		Scan(&p.DeviceID, &p.Door, &p.Lock, &p.Mains, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	p.ChangedAt = fromMillis(changed)
	return p, err
}

// SavePosition stores the state of a fridge's door and supply.
func (tx *Tx) SavePosition(ctx context.Context, p Position) error {
	_, err := tx.exec(ctx, `INSERT INTO positions (id, device_id, door, lock_state, mains, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET device_id = $2, door = $3, lock_state = $4, mains = $5, changed_at = $6`,
		p.ID, p.DeviceID, p.Door, p.Lock, p.Mains, millis(p.ChangedAt))
	return err
}

// LocationOfFridge gives the location of a fridge at a station, or ErrNotFound.
func (tx *Tx) LocationOfFridge(ctx context.Context, fridge string) (string, error) {
	return tx.text(ctx, "fridge "+fridge, "SELECT location_id FROM fridges WHERE id = $1 AND location_id IS NOT NULL", fridge)
}

// PlaceOfFridge gives where a fridge stands, its location or collection spot, or ErrNotFound.
func (tx *Tx) PlaceOfFridge(ctx context.Context, fridge string) (string, error) {
	return tx.text(ctx, "fridge "+fridge, "SELECT COALESCE(location_id, collection_spot_id) FROM fridges WHERE id = $1", fridge)
}

// LocationOfOrder gives the location of an order, or ErrNotFound.
func (tx *Tx) LocationOfOrder(ctx context.Context, order string) (string, error) {
	return tx.text(ctx, "order "+order, "SELECT location_id FROM orders WHERE id = $1", order)
}

func (tx *Tx) text(ctx context.Context, what, query string, args ...any) (text string, err error) {
	err = tx.row(ctx, query, args...).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return text, err
}

// Heard is how far the hub has heard from a device: the earliest time at which the newest record of its current storage can have
// been made.
type Heard struct {
	Device string
	At     time.Time // zero when it has sent no record
}

// HeardFrom says how far the hub has heard from each station device of a location that has ever said hello and is not
// revoked. A device's events come before its readings, so that what it did until then is known.
func (tx *Tx) HeardFrom(ctx context.Context, location string) ([]Heard, error) {
	type board struct{ device, incarnation string }
	boards, err := list(ctx, tx, func(row scanner) (b board, err error) {
		err = row.Scan(&b.device, &b.incarnation)
		return b, err
	}, `SELECT id, incarnation FROM devices
		WHERE place = $1 AND role = 'station' AND incarnation <> '' AND revoked_at IS NULL ORDER BY id`, location)
	if err != nil {
		return nil, err
	}
	var all []Heard
	for _, b := range boards {
		h := Heard{Device: b.device}
		for _, table := range []string{"readings", "events"} {
			var ms int64
			err := tx.row(ctx, "SELECT event_at - uncertainty_ms FROM "+table+" WHERE device_id = $1 AND incarnation = $2 ORDER BY number DESC LIMIT 1",
				b.device, b.incarnation).Scan(&ms)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return nil, err
			}
			if at := fromMillis(ms); err == nil && at.After(h.At) {
				h.At = at
			}
		}
		all = append(all, h)
	}
	return all, nil
}
