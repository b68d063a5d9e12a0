package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"meguri/hub/fleet"
)

// Life gives one life of a device's storage, and false when it was never heard of.
func (tx *Tx) Life(ctx context.Context, device, incarnation string) (fleet.Life, bool, error) {
	l := fleet.Life{Incarnation: incarnation}
	var first, heard int64
	var superseded sql.NullInt64
	err := tx.row(ctx, `SELECT parent, first_heard_at, heard_at, boot, session, superseded_at FROM incarnations
		WHERE device_id = $1 AND incarnation = $2`, device, incarnation).Scan(&l.Parent, &first, &heard, &l.Boot, &l.Session, &superseded)
	if errors.Is(err, sql.ErrNoRows) {
		return l, false, nil
	}
	l.FirstHeardAt, l.HeardAt, l.SupersededAt = fromMillis(first), fromMillis(heard), fromOptionalMillis(superseded)
	return l, err == nil, err
}

// SaveLife stores a life as it was heard last.
func (tx *Tx) SaveLife(ctx context.Context, device string, l fleet.Life) error {
	return tx.write(ctx, `INSERT INTO incarnations (device_id, incarnation, parent, first_heard_at, heard_at, boot, session, superseded_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (device_id, incarnation)
		DO UPDATE SET heard_at = excluded.heard_at, boot = excluded.boot, session = excluded.session`,
		device, l.Incarnation, l.Parent, millis(l.FirstHeardAt), millis(l.HeardAt), int64(l.Boot), int64(l.Session),
		optionalMillis(l.SupersededAt))
}

// LivesSince counts the lives of a device's storage that were heard of for the first time since a moment.
func (tx *Tx) LivesSince(ctx context.Context, device string, since time.Time) (n int, err error) {
	err = tx.row(ctx, "SELECT COUNT(*) FROM incarnations WHERE device_id = $1 AND first_heard_at > $2", device, millis(since)).Scan(&n)
	return n, err
}

// ForgetSession takes the next hello of an incarnation for a new one, whatever its boot and session.
func (tx *Tx) ForgetSession(ctx context.Context, device, incarnation string) error {
	return tx.write(ctx, "UPDATE incarnations SET boot = 0, session = 0 WHERE device_id = $1 AND incarnation = $2", device, incarnation)
}

// SupersedeLives marks the other lives of a device's storage, and their logs; a forked log stays marked as that.
func (tx *Tx) SupersedeLives(ctx context.Context, device, current string, at time.Time) error {
	if err := tx.write(ctx, `UPDATE incarnations SET superseded_at = $3
		WHERE device_id = $1 AND incarnation <> $2 AND superseded_at IS NULL`, device, current, millis(at)); err != nil {
		return err
	}
	return tx.write(ctx, "UPDATE device_logs SET state = $3 WHERE device_id = $1 AND incarnation <> $2 AND state = $4",
		device, current, string(fleet.Superseded), string(fleet.Current))
}

// HasIncarnation gives the device that an incarnation was heard of from, empty when it never was.
func (tx *Tx) HasIncarnation(ctx context.Context, incarnation string) (device string, err error) {
	err = tx.row(ctx, "SELECT device_id FROM incarnations WHERE incarnation = $1", incarnation).Scan(&device)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return device, err
}

// LogsOf gives all logs of one incarnation of a device.
func (tx *Tx) LogsOf(ctx context.Context, device, incarnation string) ([]fleet.Log, error) {
	return list(ctx, tx, scanLog, "SELECT "+logColumns+" WHERE device_id = $1 AND incarnation = $2 ORDER BY log", device, incarnation)
}

// LogsFrom gives a log of each incarnation of a device that goes on from a parent, at most so many.
func (tx *Tx) LogsFrom(ctx context.Context, device, parent string, log uint8, most int) ([]fleet.Log, error) {
	return list(ctx, tx, scanLog, "SELECT "+logColumns+" WHERE device_id = $1 AND parent = $2 AND log = $3 ORDER BY incarnation LIMIT $4",
		device, parent, log, most)
}

// MarkRestored notes that a log was taken by a hub whose data is gone.
func (tx *Tx) MarkRestored(ctx context.Context, device, incarnation string, at time.Time) error {
	return tx.write(ctx, "UPDATE device_logs SET restored_at = $3 WHERE device_id = $1 AND incarnation = $2", device, incarnation, millis(at))
}

// EverRestored says whether this data was ever put back from a backup.
func (tx *Tx) EverRestored(ctx context.Context) (bool, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM restores").Scan(&n)
	return n > 0, err
}

// HelloSinceRestore notes that the device has said what it still holds of a log since the hub went back to a backup.
func (tx *Tx) HelloSinceRestore(ctx context.Context, device, incarnation string) error {
	return tx.write(ctx, "UPDATE device_logs SET restored_at = NULL WHERE device_id = $1 AND incarnation = $2 AND restored_at IS NOT NULL",
		device, incarnation)
}

// DropLost forgets what was thought lost of a log: its storage is heard again.
func (tx *Tx) DropLost(ctx context.Context, device, incarnation string, log uint8) error {
	return tx.write(ctx, "DELETE FROM device_gaps WHERE device_id = $1 AND incarnation = $2 AND log = $3 AND kind = $4",
		device, incarnation, log, string(fleet.IncarnationLost))
}

// shrinkLost takes the numbers that were delivered out of what was thought lost.
func (tx *Tx) shrinkLost(ctx context.Context, device string, l fleet.Log) error {
	if err := tx.write(ctx, `DELETE FROM device_gaps WHERE device_id = $1 AND incarnation = $2 AND log = $3 AND kind = $4
		AND last_number < $5`, device, l.Incarnation, l.Log, string(fleet.IncarnationLost), int64(l.Next)); err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE device_gaps SET first_number = $5 WHERE device_id = $1 AND incarnation = $2 AND log = $3 AND kind = $4
		AND first_number < $5`, device, l.Incarnation, l.Log, string(fleet.IncarnationLost), int64(l.Next))
}

// CarriedEvent is what makes a record of an events log the same as another one under another number.
type CarriedEvent struct {
	Boot            uint64
	Mono, ClaimedAt int64
	Kind            uint16
	Body            string
}

// maxCarried bounds how many records are compared with what an incarnation brings along: what a device of the largest file holds.
const maxCarried = 1_000_000

// CarriedEvents gives the events with numbers first up to, without, next of an incarnation.
func (tx *Tx) CarriedEvents(ctx context.Context, device, incarnation string, first, next uint64) (map[CarriedEvent]bool, error) {
	all := map[CarriedEvent]bool{}
	_, err := list(ctx, tx, func(row scanner) (none struct{}, err error) {
		var e CarriedEvent
		var body []byte
		err = row.Scan(&e.Boot, &e.Mono, &e.ClaimedAt, &e.Kind, &body)
		e.Body = string(body)
		all[e] = true
		return none, err
	}, `SELECT boot, mono, claimed_at, kind, body FROM events WHERE device_id = $1 AND incarnation = $2 AND number >= $3 AND number < $4
		LIMIT $5`, device, incarnation, int64(first), int64(next), maxCarried)
	return all, err
}

// CarriedReading is what makes a row of readings the same as another one under another number.
type CarriedReading struct {
	Sensor          string
	Boot            uint64
	Mono, ClaimedAt int64
	MilliC          int64
	Fault           uint8
	SpanMS          int64
	Samples         int
}

// CarriedReadings gives the rows of readings with numbers first up to, without, next of an incarnation.
func (tx *Tx) CarriedReadings(ctx context.Context, device, incarnation string, first, next uint64) (map[CarriedReading]bool, error) {
	all := map[CarriedReading]bool{}
	_, err := list(ctx, tx, func(row scanner) (none struct{}, err error) {
		var r CarriedReading
		err = row.Scan(&r.Sensor, &r.Boot, &r.Mono, &r.ClaimedAt, &r.MilliC, &r.Fault, &r.SpanMS, &r.Samples)
		all[r] = true
		return none, err
	}, `SELECT sensor, boot, mono, claimed_at, milli_c, fault, span_ms, samples FROM readings
		WHERE device_id = $1 AND incarnation = $2 AND number >= $3 AND number < $4 LIMIT $5`,
		device, incarnation, int64(first), int64(next), maxCarried)
	if err != nil {
		return nil, err
	}
	packed, err := tx.packedNumbers(ctx, device, incarnation, first, next)
	for _, r := range packed[:min(len(packed), maxCarried)] {
		all[CarriedReading{r.sensor, uint64(r.boot), r.Mono, r.ClaimedAt, r.MilliC, uint8(r.Fault), r.Span, int(r.Samples)}] = true
	}
	return all, err
}
