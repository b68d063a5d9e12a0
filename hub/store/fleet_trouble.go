package store

import (
	"context"
	"time"
)

// OpenWork adds work for a person. The same id again changes nothing, also when the work is done.
func (tx *Tx) OpenWork(ctx context.Context, id, kind, subject, detail string, at time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO work_items (id, kind, subject, detail, opened_at, closed_by) VALUES ($1, $2, $3, $4, $5, '')
		ON CONFLICT (id) DO NOTHING`, id, kind, subject, detail, millis(at))
	return err
}

// HasWork says whether there is, or was, a piece of work.
func (tx *Tx) HasWork(ctx context.Context, id string) (bool, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM work_items WHERE id = $1", id).Scan(&n)
	return n > 0, err
}

// SettleWork closes work that has become needless by itself, if it is there and open.
func (tx *Tx) SettleWork(ctx context.Context, id string, at time.Time) error {
	_, err := tx.exec(ctx, "UPDATE work_items SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL", id, millis(at))
	return err
}

// RaiseAlarm says that something is wrong. The same id again is the same alarm: it changes nothing, also when it is cleared.
func (tx *Tx) RaiseAlarm(ctx context.Context, id, kind, subject, detail string, at time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO alarms (id, kind, subject, detail, raised_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO NOTHING`, id, kind, subject, detail, millis(at))
	return err
}

// ClearAlarm says that what was wrong with a subject is right again. Word of that may come late: an alarm that the clock had
// raised meanwhile ends when it began.
func (tx *Tx) ClearAlarm(ctx context.Context, kind, subject string, at time.Time) error {
	_, err := tx.exec(ctx, `UPDATE alarms SET cleared_at = CASE WHEN raised_at > $3 THEN raised_at ELSE $3 END
		WHERE kind = $1 AND subject = $2 AND cleared_at IS NULL`, kind, subject, millis(at))
	return err
}

// ClearAlarmOf clears one alarm, if it is there and open.
func (tx *Tx) ClearAlarmOf(ctx context.Context, id string, at time.Time) error {
	_, err := tx.exec(ctx, "UPDATE alarms SET cleared_at = $2 WHERE id = $1 AND cleared_at IS NULL", id, millis(at))
	return err
}
