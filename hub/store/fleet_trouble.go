package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"meguri/hub/alarm"
)

// OpenWork adds work for a person. The same id again changes nothing, also when the work is done.
func (tx *Tx) OpenWork(ctx context.Context, id, kind, subject, detail string, at time.Time) error {
	return tx.write(ctx, `INSERT INTO work_items (id, kind, subject, detail, opened_at, closed_by) VALUES ($1, $2, $3, $4, $5, '')
		ON CONFLICT (id) DO NOTHING`, id, kind, subject, detail, millis(at))
}

// HasWork says whether there is, or was, a piece of work.
func (tx *Tx) HasWork(ctx context.Context, id string) (bool, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM work_items WHERE id = $1", id).Scan(&n)
	return n > 0, err
}

// SettleWork closes work that has become needless by itself, if it is there and open.
func (tx *Tx) SettleWork(ctx context.Context, id string, at time.Time) error {
	return tx.write(ctx, "UPDATE work_items SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL", id, millis(at))
}

// Said is alarm.Say for those who need to know nothing else of alarms.
func Said(en, ja string) alarm.Said { return alarm.Say(alarm.Text{EN: en, JA: ja}) }

// RaiseAlarm says that something is wrong. The same id again is the same alarm: it changes nothing, also when it is cleared. What
// explains it, or is explained by it, is found at once (see hub/alarm).
func (tx *Tx) RaiseAlarm(ctx context.Context, id, kind, subject string, detail alarm.Said, at time.Time) error {
	delete(tx.quiet, subject)
	return tx.raise(ctx, id, kind, subject, detail, at)
}

// ClearAlarm says that what was wrong with a subject is right again. Word of that may come late: an alarm that the clock had
// raised meanwhile ends when it began.
func (tx *Tx) ClearAlarm(ctx context.Context, kind, subject string, at time.Time) error {
	return tx.ClearAlarms(ctx, []string{kind}, subject, at)
}

// ClearAlarms is ClearAlarm for several kinds. Nearly always there is nothing to clear: every door that shuts says so.
func (tx *Tx) ClearAlarms(ctx context.Context, kinds []string, subject string, at time.Time) error {
	if tx.quiet[subject] {
		return nil
	}
	var open int
	err := tx.row(ctx, "SELECT COUNT(*) FROM alarms WHERE subject = $1 AND cleared_at IS NULL", subject).Scan(&open)
	if err != nil {
		return err
	}
	if open == 0 {
		if tx.quiet == nil {
			tx.quiet = map[string]bool{}
		}
		tx.quiet[subject] = true
		return nil
	}
	args := []any{subject}
	var among strings.Builder
	for i, kind := range kinds {
		args = append(args, kind)
		fmt.Fprintf(&among, ", $%d", i+2)
	}
	return tx.clearWhere(ctx, at, "subject = $1 AND kind IN ("+among.String()[2:]+")", args...)
}

// ClearAlarmOf clears one alarm, if it is there and active.
func (tx *Tx) ClearAlarmOf(ctx context.Context, id string, at time.Time) error {
	return tx.clearWhere(ctx, at, "id = $1", id)
}

// AlarmsOf gives the alarms of a kind of a subject that were not cleared before a time, the oldest first.
func (tx *Tx) AlarmsOf(ctx context.Context, kind, subject string, since time.Time) ([]AlarmView, error) {
	return list(ctx, tx, scanAlarm, `SELECT id, kind, subject, detail, raised_at, cleared_at FROM alarms
		WHERE kind = $1 AND subject = $2 AND (cleared_at IS NULL OR cleared_at >= $3) ORDER BY raised_at, id LIMIT $4`,
		kind, subject, millis(since), MaxPage)
}
