package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// positions are those that a transaction has read or changed. A door opens and shuts many times in what a device brings at once:
// its position is read once, and the last state is written, when somebody else may look at the table or the transaction ends.
type positions struct {
	read    map[string]Position
	changed map[string]bool // not written yet
	undo    []positionWas   // for steps that fail
}

// positionWas is what stood in positions before a change.
type positionWas struct {
	id            string
	position      Position
	read, changed bool
}

func (p *positions) set(v Position, changed bool) {
	if p.read == nil {
		p.read, p.changed = map[string]Position{}, map[string]bool{}
	}
	was, read := p.read[v.ID]
	p.undo = append(p.undo, positionWas{v.ID, was, read, p.changed[v.ID]})
	p.put(v, true, changed)
}

func (p *positions) put(v Position, read, changed bool) {
	delete(p.read, v.ID)
	delete(p.changed, v.ID)
	if read {
		p.read[v.ID] = v
	}
	if changed {
		p.changed[v.ID] = true
	}
}

// back undoes all but the first n changes.
func (p *positions) back(n int) {
	for len(p.undo) > n {
		last := len(p.undo) - 1
		was := p.undo[last]
		was.position.ID = was.id
		p.put(was.position, was.read, was.changed)
		p.undo = p.undo[:last]
	}
}

// Position gives the state of a fridge's door and supply; before the first word of a device the door is unknown.
func (tx *Tx) Position(ctx context.Context, id string) (Position, error) {
	if p, has := tx.positions.read[id]; has {
		return p, nil
	}
	p := Position{ID: id, Door: "unknown", Lock: "unknown", Mains: true}
	var changed int64
	err := tx.row(ctx, "SELECT device_id, door, lock_state, mains, changed_at FROM positions WHERE id = $1", id).
		Scan(&p.DeviceID, &p.Door, &p.Lock, &p.Mains, &changed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return p, err
	}
	if err == nil {
		p.ChangedAt = fromMillis(changed)
	}
	tx.positions.set(p, false)
	return p, nil
}

// SavePosition stores the state of a fridge's door and supply.
func (tx *Tx) SavePosition(p Position) { tx.positions.set(p, true) }

var insertPositions = insertRows("positions", "id, device_id, door, lock_state, mains, changed_at", ` ON CONFLICT (id)
	DO UPDATE SET device_id = excluded.device_id, door = excluded.door, lock_state = excluded.lock_state, mains = excluded.mains,
	changed_at = excluded.changed_at`, "TEXT", "TEXT", "TEXT", "TEXT", "BOOLEAN", "BIGINT")

func (tx *Tx) flushPositions(ctx context.Context) error {
	var rows []any
	for _, id := range slices.Sorted(maps.Keys(tx.positions.changed)) {
		p := tx.positions.read[id]
		rows = append(rows, p.ID, p.DeviceID, p.Door, p.Lock, p.Mains, millis(p.ChangedAt))
		tx.positions.set(p, false)
	}
	_, err := insertPositions.run(ctx, tx, rows)
	return err
}

// LocationOfFridge gives the location of a fridge at a station, or ErrNotFound.
func (tx *Tx) LocationOfFridge(ctx context.Context, fridge string) (string, error) {
	return tx.text(ctx, "fridge "+fridge, "SELECT location_id FROM fridges WHERE id = $1 AND location_id IS NOT NULL", fridge)
}

// PlaceOfFridge gives where a fridge stands, its location or collection spot, or ErrNotFound.
func (tx *Tx) PlaceOfFridge(ctx context.Context, fridge string) (string, error) {
	if place, has := tx.places[fridge]; has {
		return place, nil
	}
	place, err := tx.text(ctx, "fridge "+fridge, "SELECT COALESCE(location_id, collection_spot_id) FROM fridges WHERE id = $1", fridge)
	if err == nil {
		if tx.places == nil {
			tx.places = map[string]string{}
		}
		tx.places[fridge] = place
	}
	return place, err
}

// FridgeOfAddress gives the collection fridge of an address, or ErrNotFound.
func (tx *Tx) FridgeOfAddress(ctx context.Context, address string) (string, error) {
	return tx.text(ctx, "address "+address, "SELECT fridge_id FROM collection_addresses WHERE id = $1", address)
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
