package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/alarm"
)

const alarmColumns = `id, kind, subject, detail, raised_at, cleared_at, open, acknowledged_at, acknowledged_by, confirmed_at,
	confirmed_by, shelved_until, shelved_by, shelved_reason, shelved_once, latched, revision, parent_id, changes`

func scanLife(row scanner) (a alarm.Alarm, err error) {
	var raised int64
	var cleared, acknowledged, confirmed, shelved sql.NullInt64
	var open bool
	err = row.Scan(&a.ID, &a.Kind, &a.Subject, &a.Detail, &raised, &cleared, &open, &acknowledged, &a.Acknowledged.By, &confirmed,
		&a.Confirmed.By, &shelved, &a.Shelf.By, &a.Shelf.Reason, &a.Shelf.Once, &a.Latched, &a.Revision, &a.Parent, &a.Changes)
	a.Raised, a.Cleared, a.Done = fromMillis(raised), fromOptionalMillis(cleared), !open
	a.Acknowledged.At, a.Confirmed.At = fromOptionalMillis(acknowledged), fromOptionalMillis(confirmed)
	a.Shelf.Until = fromOptionalMillis(shelved)
	return a, err
}

// raise stores a new alarm with its history, and what it is a consequence or the cause of. One that is there stays as it is.
func (tx *Tx) raise(ctx context.Context, id, kind, subject string, detail alarm.Said, at time.Time) error {
	a, first := alarm.New(id, kind, subject, detail, at)
	k := alarm.Of(kind)
	n, err := tx.exec(ctx, `INSERT INTO alarms (id, kind, subject, detail, raised_at, latched, owner, priority, changes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`,
		id, kind, subject, string(detail), millis(at), a.Latched, k.Owner, int(k.Priority), a.Changes)
	if err != nil || n == 0 {
		return err
	}
	if err := tx.noteTransition(ctx, id, first); err != nil {
		return err
	}
	return tx.relate(ctx, a, at)
}

func (tx *Tx) noteTransition(ctx context.Context, id string, t alarm.Transition) error {
	return tx.write(ctx, `INSERT INTO alarm_history (alarm_id, number, at, what, person_id, detail, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, t.Number, millis(t.At), string(t.What), t.By, string(t.Detail), t.Revision)
}

// saveAlarm writes an alarm after one transition. It fails when another one came between, as two transactions that are not kept
// apart could do.
func (tx *Tx) saveAlarm(ctx context.Context, a alarm.Alarm, t alarm.Transition) error {
	n, err := tx.exec(ctx, `UPDATE alarms SET detail = $2, raised_at = $3, cleared_at = $4, open = $5, acknowledged_at = $6,
		acknowledged_by = $7, confirmed_at = $8, confirmed_by = $9, shelved_until = $10, shelved_by = $11, shelved_reason = $12,
		shelved_once = $13, latched = $14, revision = $15, parent_id = $16, changes = $17 WHERE id = $1 AND changes = $18`,
		a.ID, string(a.Detail), millis(a.Raised), optionalMillis(a.Cleared), !a.Done, optionalMillis(a.Acknowledged.At), a.Acknowledged.By,
		optionalMillis(a.Confirmed.At), a.Confirmed.By, optionalMillis(a.Shelf.Until), a.Shelf.By, a.Shelf.Reason, a.Shelf.Once, a.Latched,
		a.Revision, a.Parent, a.Changes, a.Changes-1)
	if err == nil && n == 0 {
		return fmt.Errorf("alarm %s: %w", a.ID, alarm.ErrOldRevision)
	}
	if err != nil {
		return err
	}
	return tx.noteTransition(ctx, a.ID, t)
}

// AlarmLife gives an alarm, or ErrNotFound.
func (tx *Tx) AlarmLife(ctx context.Context, id string) (alarm.Alarm, error) {
	a, err := scanLife(tx.row(ctx, "SELECT "+alarmColumns+" FROM alarms WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return a, fmt.Errorf("alarm %s: %w", id, ErrNotFound)
	}
	return a, err
}

// ChangeAlarm does to an alarm what a person wants, by one of its verbs, and keeps it in the history. It is ErrNotFound for one
// that is not there, and the verb's refusal.
func (tx *Tx) ChangeAlarm(ctx context.Context, id string, verb func(alarm.Alarm) (alarm.Alarm, alarm.Transition, error)) (alarm.Alarm, error) {
	a, err := tx.AlarmLife(ctx, id)
	if err != nil {
		return a, err
	}
	a, t, err := verb(a)
	if err != nil {
		return a, err
	}
	return a, tx.saveAlarm(ctx, a, t)
}

// clearWhere clears the active alarms among those that a condition names.
func (tx *Tx) clearWhere(ctx context.Context, at time.Time, condition string, args ...any) error {
	active, err := list(ctx, tx, scanLife, "SELECT "+alarmColumns+" FROM alarms WHERE cleared_at IS NULL AND "+condition+" ORDER BY id", args...)
	for _, a := range active {
		if a, t, changed := a.Clear(at); err == nil && changed {
			err = tx.saveAlarm(ctx, a, t)
		}
	}
	return err
}

// ReviseAlarm makes an alarm what it is found to be when it is judged anew: cleared is zero while it is active, and equal to raised
// when it turns out to have been none. The revision before stays, with its acknowledgement, in alarm_revisions; the new one has
// none when the alarm got worse, that is when it began earlier, lasted longer or is not over. The same judgement again changes
// nothing. now is when it was judged.
func (tx *Tx) ReviseAlarm(ctx context.Context, id string, detail alarm.Said, raised, cleared, now time.Time) error {
	return tx.JudgeAlarm(ctx, id, alarm.Judgement{Detail: detail, Raised: raised, Cleared: cleared}, now)
}

// JudgeAlarm is ReviseAlarm for who knows that it got worse where the times alone do not say so.
func (tx *Tx) JudgeAlarm(ctx context.Context, id string, j alarm.Judgement, now time.Time) error {
	was, err := tx.AlarmLife(ctx, id)
	if err != nil {
		return err
	}
	j.Raised = fromMillis(millis(j.Raised))
	if !j.Cleared.IsZero() {
		j.Cleared = fromMillis(millis(j.Cleared))
	}
	a, t, changed, err := was.Revise(j, now)
	if err != nil || !changed {
		return err
	}
	delete(tx.quiet, a.Subject)
	err = tx.write(ctx, `INSERT INTO alarm_revisions (alarm_id, revision, detail, raised_at, cleared_at, acknowledged_at, acknowledged_by,
		confirmed_at, confirmed_by, revised_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, was.ID, was.Revision, string(was.Detail),
		millis(was.Raised), optionalMillis(was.Cleared), optionalMillis(was.Acknowledged.At), was.Acknowledged.By,
		optionalMillis(was.Confirmed.At), was.Confirmed.By, millis(now))
	if err != nil {
		return err
	}
	return tx.saveAlarm(ctx, a, t)
}

// maxRelated bounds how many open alarms are looked at for a cause.
const maxRelated = 2000

// relate finds the alarm that explains a new one, or those that a new one explains.
func (tx *Tx) relate(ctx context.Context, a alarm.Alarm, at time.Time) error {
	if causes := alarm.CausesOf(a.Kind); len(causes) > 0 {
		cause, err := tx.causeOf(ctx, a, causes)
		if err == nil && cause != "" {
			if b, t, changed := a.Under(cause, at); changed {
				err = tx.saveAlarm(ctx, b, t)
			}
		}
		return err
	}
	if !alarm.IsCause(a.Kind) {
		return nil
	}
	open, err := list(ctx, tx, scanLife, "SELECT "+alarmColumns+" FROM alarms WHERE open AND parent_id = '' AND id <> $1 ORDER BY raised_at DESC, id LIMIT $2",
		a.ID, maxRelated)
	for _, c := range open {
		if err != nil {
			return err
		}
		place, failed := tx.PlaceOfSubject(ctx, c.Subject)
		if err = failed; err == nil && a.Causes(c) && (place == a.Subject || alarm.Everywhere(a.Kind)) {
			if c, t, changed := c.Under(a.ID, at); changed {
				err = tx.saveAlarm(ctx, c, t)
			}
		}
	}
	return err
}

// causeOf gives the id of the alarm that explains one, empty when none does. The first kind of the causes counts before the next.
func (tx *Tx) causeOf(ctx context.Context, a alarm.Alarm, kinds []string) (string, error) {
	place, err := tx.PlaceOfSubject(ctx, a.Subject)
	if err != nil {
		return "", err
	}
	for _, kind := range kinds {
		where, args := "", []any{kind}
		if !alarm.Everywhere(kind) {
			where, args = " AND subject = $2", append(args, place)
		}
		found, err := list(ctx, tx, scanLife, "SELECT "+alarmColumns+" FROM alarms WHERE kind = $1"+where+" ORDER BY raised_at DESC, id LIMIT 10", args...)
		if err != nil {
			return "", err
		}
		for _, cause := range found {
			if cause.Causes(a) {
				return cause.ID, nil
			}
		}
	}
	return "", nil
}

// PlaceOfSubject gives the location or collection spot at which the subject of an alarm is: a fridge, or a sensor in it. Of what is
// in no fridge it is what stands before the first slash.
func (tx *Tx) PlaceOfSubject(ctx context.Context, subject string) (string, error) {
	thing, _, _ := strings.Cut(subject, "/")
	place, err := tx.PlaceOfFridge(ctx, thing)
	if errors.Is(err, ErrNotFound) {
		return thing, nil
	}
	return place, err
}

// ActiveAlarmOf gives the newest active alarm of a kind and subject; found is false when there is none.
func (tx *Tx) ActiveAlarmOf(ctx context.Context, kind, subject string) (a alarm.Alarm, found bool, err error) {
	all, err := list(ctx, tx, scanLife, "SELECT "+alarmColumns+` FROM alarms WHERE subject = $2 AND kind = $1 AND cleared_at IS NULL
		ORDER BY raised_at DESC, id LIMIT 1`, kind, subject)
	if err != nil || len(all) == 0 {
		return a, false, err
	}
	return all[0], true, nil
}

// Consequences gives the alarms that one explains, the oldest first.
func (tx *Tx) Consequences(ctx context.Context, parent string, most int) ([]alarm.Alarm, error) {
	return list(ctx, tx, scanLife, "SELECT "+alarmColumns+" FROM alarms WHERE parent_id = $1 AND parent_id <> '' ORDER BY raised_at, id LIMIT $2", parent, most)
}

// RenewAlarm says of an alarm that is active how it is by now: that is no new judgement, and calls nobody again.
func (tx *Tx) RenewAlarm(ctx context.Context, id string, detail alarm.Said) error {
	return tx.write(ctx, "UPDATE alarms SET detail = $2 WHERE id = $1 AND cleared_at IS NULL", id, string(detail))
}

// KeepAlarm makes an alarm what readings say of it by now, however often: it is raised when it is not there; while it is active and
// began when it was said to, its detail follows and it clears; and in every other case it is revised. cleared is zero while it is
// wrong, and now is when it was judged.
func (tx *Tx) KeepAlarm(ctx context.Context, a AlarmView, now time.Time) error {
	is, err := tx.AlarmLife(ctx, a.ID)
	if errors.Is(err, ErrNotFound) {
		if err := tx.RaiseAlarm(ctx, a.ID, a.Kind, a.Subject, a.Detail, a.Raised); err != nil || a.Cleared.IsZero() {
			return err
		}
		return tx.ClearAlarmOf(ctx, a.ID, a.Cleared)
	}
	if err != nil {
		return err
	}
	if !is.Active() || millis(is.Raised) != millis(a.Raised) {
		return tx.ReviseAlarm(ctx, a.ID, a.Detail, a.Raised, a.Cleared, now)
	}
	if is.Detail != a.Detail { // a fridge that warms on says so at every reading: that is no new judgement
		if err := tx.RenewAlarm(ctx, a.ID, a.Detail); err != nil {
			return err
		}
	}
	if a.Cleared.IsZero() {
		return nil
	}
	return tx.ClearAlarmOf(ctx, a.ID, a.Cleared)
}
