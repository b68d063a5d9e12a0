package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
)

// BeginCommissioning stores that a board is being put into service in the place of another, and how far that one was heard.
func (tx *Tx) BeginCommissioning(ctx context.Context, c fleet.Commissioning) error {
	var heard sql.NullInt64
	err := tx.row(ctx, "SELECT MAX(event_at) FROM events WHERE device_id = $1", c.Former).Scan(&heard)
	if err != nil {
		return err
	}
	return tx.write(ctx, `INSERT INTO commissionings (id, device_id, former_id, location_id, began_at, began_by, heard_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, c.ID, c.Device, c.Former, c.Location, millis(c.BeganAt), c.BeganBy, heard)
}

// Commissioning gives the newest putting into service of a board, or fleet.ErrNotCommissioning.
func (tx *Tx) Commissioning(ctx context.Context, device string) (c fleet.Commissioning, err error) {
	var began int64
	var heard, signed sql.NullInt64
	err = tx.row(ctx, `SELECT id, device_id, former_id, location_id, began_at, began_by, heard_until, signed_at, signed_by FROM commissionings
		WHERE device_id = $1 ORDER BY began_at DESC LIMIT 1`, device).Scan(&c.ID, &c.Device, &c.Former, &c.Location, &began, &c.BeganBy, &heard,
		&signed, &c.SignedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("device %s: %w", device, fleet.ErrNotCommissioning)
	}
	if err != nil {
		return c, err
	}
	c.BeganAt, c.HeardUntil, c.SignedAt = fromMillis(began), fromOptionalMillis(heard), fromOptionalMillis(signed)
	fridges, err := tx.FridgesAt(ctx, c.Location)
	for _, f := range fridges {
		c.Fridges = append(c.Fridges, f.ID)
	}
	if err != nil {
		return c, err
	}
	c.Checks, err = list(ctx, tx, func(row scanner) (k fleet.Check, err error) {
		var began int64
		var ended sql.NullInt64
		err = row.Scan(&k.Fridge, &k.Step, &k.State, &began, &ended, &k.By, &k.Detail, &k.Command)
		k.BeganAt, k.EndedAt = fromMillis(began), fromOptionalMillis(ended)
		return k, err
	}, `SELECT fridge_id, step, state, began_at, ended_at, by, detail, COALESCE(command_id, '') FROM commissioning_checks
		WHERE commissioning_id = $1 ORDER BY fridge_id, step`, c.ID)
	return c, err
}

// InCommissioning says whether a board is still being put into service: it serves nobody.
func (tx *Tx) InCommissioning(ctx context.Context, device string) (is bool, err error) {
	err = tx.row(ctx, "SELECT EXISTS (SELECT 1 FROM commissionings WHERE device_id = $1 AND signed_at IS NULL)", device).Scan(&is)
	return is, err
}

// SaveCheck stores how far a check has come.
func (tx *Tx) SaveCheck(ctx context.Context, commissioning string, k fleet.Check) error {
	return tx.write(ctx, `INSERT INTO commissioning_checks (commissioning_id, fridge_id, step, state, began_at, ended_at, by, detail, command_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (commissioning_id, fridge_id, step) DO UPDATE SET state = excluded.state,
		began_at = excluded.began_at, ended_at = excluded.ended_at, by = excluded.by, detail = excluded.detail, command_id = excluded.command_id`,
		commissioning, k.Fridge, string(k.Step), string(k.State), millis(k.BeganAt), optionalMillis(k.EndedAt), k.By, k.Detail,
		sql.NullString{String: k.Command, Valid: k.Command != ""})
}

// SignCommissioning stores that a board was put into service.
func (tx *Tx) SignCommissioning(ctx context.Context, c fleet.Commissioning) error {
	return tx.write(ctx, "UPDATE commissionings SET signed_at = $2, signed_by = $3 WHERE id = $1", c.ID, millis(c.SignedAt), c.SignedBy)
}

// LateCommissionings gives the boards that are still being put into service and were begun before a moment. One that was shut out
// meanwhile will not be.
func (tx *Tx) LateCommissionings(ctx context.Context, before time.Time) (devices []string, err error) {
	return list(ctx, tx, scanText, `SELECT c.device_id FROM commissionings c JOIN devices d ON d.id = c.device_id
		WHERE c.signed_at IS NULL AND c.began_at < $1 AND d.revoked_at IS NULL ORDER BY c.device_id`, millis(before))
}

// SensorsRead gives the sensors that a board has sent readings of. It is for one that is being put into service and has few.
func (tx *Tx) SensorsRead(ctx context.Context, device string) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT DISTINCT sensor FROM readings WHERE device_id = $1 ORDER BY sensor", device)
}

// Moves gives how far the readings of each fridge of a device have moved since a moment, millidegrees, either way: from its first one
// to the one that is furthest away. Faulty ones count for nothing.
func (tx *Tx) Moves(ctx context.Context, device string, fridges []string, since, until time.Time) (map[string]int64, error) {
	sensors, err := tx.SensorsRead(ctx, device)
	if err != nil {
		return nil, err
	}
	moves := map[string]int64{}
	for _, f := range fridges {
		for _, s := range sensors {
			if len(s) <= len(f) || s[:len(f)+1] != f+"/" {
				continue
			}
			rows, _, err := tx.ReadingsOf(ctx, s, since, until, 10_000)
			if err != nil {
				return nil, err
			}
			moves[f] = max(moves[f], moved(device, rows))
		}
	}
	return moves, nil
}

func moved(device string, rows []ReadingView) (most int64) {
	var first *int64
	for i := range rows {
		r := &rows[i]
		if r.Device != device || r.Fault != 0 {
			continue
		}
		if first == nil {
			first = &r.MilliC
		}
		most = max(most, r.MilliC-*first, *first-r.MilliC)
	}
	return most
}

// EventKindsOf gives the kinds of a device's events about a subject since a moment, in the order of its log.
func (tx *Tx) EventKindsOf(ctx context.Context, device, subject string, since time.Time) ([]int64, error) {
	return list(ctx, tx, func(row scanner) (k int64, err error) {
		err = row.Scan(&k)
		return k, err
	}, `SELECT kind FROM events WHERE subject = $2 AND event_at >= $3 AND device_id = $1 ORDER BY incarnation, number`, device, subject, millis(since))
}
