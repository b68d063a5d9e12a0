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

// HeardFrom gives the time of the newest reading of a location's station; known is false when the location has no station
// that ever said hello.
func (tx *Tx) HeardFrom(ctx context.Context, location string) (at time.Time, known bool, err error) {
	var device, incarnation string
	err = tx.row(ctx, `SELECT id, incarnation FROM devices
		WHERE place = $1 AND role = 'station' AND incarnation <> '' AND revoked_at IS NULL ORDER BY seen_at DESC LIMIT 1`,
		location).Scan(&device, &incarnation)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	var ms int64
	err = tx.row(ctx, "SELECT event_at FROM readings WHERE device_id = $1 AND incarnation = $2 ORDER BY number DESC LIMIT 1",
		device, incarnation).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, true, nil
	}
	return fromMillis(ms), true, err
}
