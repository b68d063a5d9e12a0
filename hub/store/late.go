package store

import (
	"context"
	"time"
)

// UnknownEvents gives events of unknown kinds behind one, in order of device, incarnation and number.
func (tx *Tx) UnknownEvents(ctx context.Context, device, incarnation string, number uint64, most int) ([]EventRow, error) {
	scan := func(row scanner) (e EventRow, err error) {
		var at, within, received int64
		err = row.Scan(&e.Device, &e.Incarnation, &e.Number, &e.Boot, &e.Kind, &e.Body, &e.Mono, &e.ClaimedAt, &e.WallQuality, &at, &within,
			&received)
		e.EventAt, e.Within, e.ReceivedAt = fromMillis(at), time.Duration(within)*time.Millisecond, fromMillis(received)
		e.Outcome = Unknown
		return e, err
	}
	return list(ctx, tx, scan, `SELECT device_id, incarnation, number, boot, kind, body, mono, claimed_at, wall_quality, event_at,
		uncertainty_ms, received_at FROM events WHERE outcome = 'unknown'
		AND (device_id > $1 OR device_id = $1 AND (incarnation > $2 OR incarnation = $2 AND number > $3))
		ORDER BY device_id, incarnation, number LIMIT $4`, device, incarnation, int64(number), most)
}

// SettleEvent stores what became of an event of a kind that is known now. One that is not applied becomes work for a person.
func (tx *Tx) SettleEvent(ctx context.Context, e EventRow) error {
	err := tx.write(ctx, `UPDATE events SET name = $4, subject = $5, outcome = $6, reason = $7
		WHERE device_id = $1 AND incarnation = $2 AND number = $3 AND outcome = 'unknown'`,
		e.Device, e.Incarnation, int64(e.Number), e.Name, e.Subject, string(e.Outcome), e.Reason)
	if err != nil || e.Outcome != NotApplied {
		return err
	}
	return tx.openNotApplied(ctx, e)
}

// UnknownReadings gives records of readings of unknown kinds that stand in quarantine, behind one, in order of their ids.
func (tx *Tx) UnknownReadings(ctx context.Context, id string, most int) ([]QuarantineRow, error) {
	return list(ctx, tx, scanQuarantine, "SELECT "+quarantineColumns+` WHERE id > $1 AND incarnation <> '' AND log = 2
		AND reason LIKE 'unknown kind of record%' ORDER BY id LIMIT $2`, id, most)
}

// Release takes a record out of quarantine.
func (tx *Tx) Release(ctx context.Context, id string) error {
	err := tx.write(ctx, "DELETE FROM quarantine WHERE id = $1", id)
	return err
}
