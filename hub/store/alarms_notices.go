package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/alarm"
)

// Calling is an alarm that may call for somebody, and since when the hub knows that it does.
type Calling struct {
	AlarmLine
	Since time.Time // zero while it has not
}

// Callings gives the open alarms that nobody has acknowledged or that call, with since when they do: the gravest first, so many of them after
// the first skip. Those that only wait for a confirmation or a reset call nobody.
func (tx *Tx) Callings(ctx context.Context, now time.Time, skip, most int) ([]Calling, error) {
	since := map[string]time.Time{}
	open, err := list(ctx, tx, func(row scanner) (a alarm.Alarm, err error) {
		var calls sql.NullInt64
		a, err = scanLife(also{row, &calls})
		since[a.ID] = fromOptionalMillis(calls)
		return a, err
	}, "SELECT "+alarmColumns+`, calls_since FROM alarms WHERE open AND (acknowledged_at IS NULL OR calls_since IS NOT NULL)
		ORDER BY priority, raised_at, id LIMIT $1 OFFSET $2`, most, skip)
	if err != nil {
		return nil, err
	}
	lines, err := tx.Stand(ctx, open, now)
	all := make([]Calling, len(lines))
	for i, l := range lines {
		all[i] = Calling{l, since[l.ID]}
	}
	return all, err
}

// also scans one more column after those that are asked for.
type also struct {
	scanner
	more any
}

func (a also) Scan(into ...any) error { return a.scanner.Scan(append(into, a.more)...) }

// SetCalling notes since when an alarm has called for somebody; the zero time that it does not.
func (tx *Tx) SetCalling(ctx context.Context, id string, since time.Time) error {
	return tx.write(ctx, "UPDATE alarms SET calls_since = $2 WHERE id = $1", id, optionalMillis(since))
}

// AddAlarmNotice adds a notice that is to be sent at once. One that is there, sent or not, stays as it is.
func (tx *Tx) AddAlarmNotice(ctx context.Context, n alarm.Notice, now time.Time) error {
	return tx.write(ctx, `INSERT INTO alarm_notices (id, alarm_id, revision, stage, channel, recipient, language, made_at, due_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (id) DO NOTHING`,
		n.ID, n.AlarmID, n.Revision, n.Stage, n.Channel, n.To, n.Language, millis(now))
}

// AlarmNoticeView is a notice, and what became of it.
type AlarmNoticeView struct {
	alarm.Notice
	Made, Settled    time.Time // Settled is zero while it is to be sent
	Tries            int
	Outcome, Problem string // sent, failed, needless
}

const alarmNoticeColumns = `id, alarm_id, revision, stage, channel, recipient, language, made_at, settled_at, tries, outcome, problem FROM alarm_notices`

func scanAlarmNotice(row scanner) (n AlarmNoticeView, err error) {
	var made int64
	var settled sql.NullInt64
	err = row.Scan(&n.ID, &n.AlarmID, &n.Revision, &n.Stage, &n.Channel, &n.To, &n.Language, &made, &settled, &n.Tries, &n.Outcome, &n.Problem)
	n.Made, n.Settled = fromMillis(made), fromOptionalMillis(settled)
	return n, err
}

// DueNotices gives notices that are due and that no hub is sending, the oldest first.
func (tx *Tx) DueNotices(ctx context.Context, now time.Time, most int) ([]AlarmNoticeView, error) {
	return list(ctx, tx, scanAlarmNotice, "SELECT "+alarmNoticeColumns+` WHERE settled_at IS NULL AND due_at <= $1
		AND (claimed_until IS NULL OR claimed_until <= $1) ORDER BY due_at, id LIMIT $2`, millis(now), most)
}

// ClaimNotice takes a notice for sending until a time, and counts the try. Of several hubs one gets it; ok is false for the others.
func (tx *Tx) ClaimNotice(ctx context.Context, id string, now, until time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, `UPDATE alarm_notices SET claimed_until = $3, tries = tries + 1 WHERE id = $1 AND settled_at IS NULL
		AND due_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $2)`, id, millis(now), millis(until))
	return n == 1, err
}

// SettleNotice says what became of a notice: "sent", "failed" or "needless".
func (tx *Tx) SettleNotice(ctx context.Context, id, outcome, problem string, now time.Time) error {
	return tx.write(ctx, `UPDATE alarm_notices SET settled_at = $2, outcome = $3, problem = $4, claimed_until = NULL
		WHERE id = $1 AND settled_at IS NULL`, id, millis(now), outcome, problem)
}

// PutOffNotice lets a notice be tried again.
func (tx *Tx) PutOffNotice(ctx context.Context, id, problem string, due time.Time) error {
	return tx.write(ctx, "UPDATE alarm_notices SET due_at = $2, problem = $3, claimed_until = NULL WHERE id = $1 AND settled_at IS NULL",
		id, millis(due), problem)
}

// DropNotices settles the notices of an alarm that are not sent and that no hub is sending: nobody needs them any more.
func (tx *Tx) DropNotices(ctx context.Context, alarmID string, now time.Time) error {
	return tx.write(ctx, `UPDATE alarm_notices SET settled_at = $2, outcome = 'needless' WHERE alarm_id = $1 AND settled_at IS NULL
		AND (claimed_until IS NULL OR claimed_until <= $2)`, alarmID, millis(now))
}

// NoticesOf gives what was told of an alarm, the first first.
func (tx *Tx) NoticesOf(ctx context.Context, alarmID string, most int) ([]AlarmNoticeView, error) {
	return list(ctx, tx, scanAlarmNotice, "SELECT "+alarmNoticeColumns+" WHERE alarm_id = $1 ORDER BY made_at, stage, id LIMIT $2", alarmID, most)
}

// FailedNotices counts the notices since a time that were given up.
func (tx *Tx) FailedNotices(ctx context.Context, since time.Time) (n int, err error) {
	err = tx.row(ctx, "SELECT COUNT(*) FROM alarm_notices WHERE outcome = 'failed' AND settled_at >= $1", millis(since)).Scan(&n)
	return n, err
}

// NameOfPlace gives the name of a location or collection spot, or its id where it has none.
func (tx *Tx) NameOfPlace(ctx context.Context, id string) (string, error) {
	name, err := tx.text(ctx, "place", `SELECT name FROM locations WHERE id = $1 UNION ALL SELECT name FROM collection_spots WHERE id = $1`, id)
	if errors.Is(err, ErrNotFound) {
		return id, nil
	}
	if err != nil {
		return "", fmt.Errorf("name of %s: %w", id, err)
	}
	return name, nil
}
