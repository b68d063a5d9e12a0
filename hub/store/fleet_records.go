package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
)

// EventRow is one record of an events log as stored.
type EventRow struct {
	Device, Incarnation string
	Number, Boot        uint64
	Kind                uint16 // 0 when the record could not be decoded; Body is the whole record then
	Name, Subject       string
	Body                []byte
	Mono, ClaimedAt     int64 // milliseconds since boot, and Unix milliseconds, as the device says
	WallQuality         uint8
	EventAt, ReceivedAt time.Time
	Outcome             EventOutcome
	Reason              string
}

// EventOutcome is what became of an event.
type EventOutcome string

// Outcomes of an event.
const (
	Applied     EventOutcome = "applied"
	NotApplied  EventOutcome = "not_applied"
	Unknown     EventOutcome = "unknown"
	Quarantined EventOutcome = "quarantined"
)

// AddEvent stores a record. One that is not applied becomes work for a person, too.
func (tx *Tx) AddEvent(ctx context.Context, e EventRow) error {
	_, err := tx.exec(ctx, `INSERT INTO events (device_id, incarnation, number, boot, kind, name, subject, body, mono, claimed_at,
		wall_quality, event_at, received_at, outcome, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		e.Device, e.Incarnation, int64(e.Number), int64(e.Boot), int64(e.Kind), e.Name, e.Subject, e.Body, e.Mono, e.ClaimedAt,
		int64(e.WallQuality), millis(e.EventAt), millis(e.ReceivedAt), string(e.Outcome), e.Reason)
	if err != nil || e.Outcome != NotApplied {
		return err
	}
	detail := fmt.Sprintf("%s by %s, number %d: %s", e.Name, e.Device, e.Number, e.Reason)
	return tx.OpenWork(ctx, notAppliedWork(e.Device, e.Incarnation, e.Number), "not_applied", e.Subject, detail, e.ReceivedAt)
}

func notAppliedWork(device, incarnation string, number uint64) string {
	return fmt.Sprintf("not_applied/%s/%s/%d", device, incarnation, number)
}

// NotAppliedEvent is a stored event that may be applied later, with the device that it came from.
type NotAppliedEvent struct {
	Device, Place, Role, Incarnation string
	Number                           int64
	Kind                             int64
	Body                             []byte
	EventAt, ReceivedAt              time.Time
}

// waiting is how many events that could not be applied are looked at again at once: far more than devices say of one box.
const waiting = 100

// NotAppliedEvents gives the events about a subject since a time that could not be applied, from devices that serve one of the
// places, in order of time.
func (tx *Tx) NotAppliedEvents(ctx context.Context, subject string, since time.Time, shop, route, location string) ([]NotAppliedEvent, error) {
	scan := func(row scanner) (e NotAppliedEvent, err error) {
		var at, received int64
		err = row.Scan(&e.Device, &e.Place, &e.Role, &e.Incarnation, &e.Number, &e.Kind, &e.Body, &at, &received)
		e.EventAt, e.ReceivedAt = fromMillis(at), fromMillis(received)
		return e, err
	}
	return list(ctx, tx, scan, `SELECT e.device_id, d.place, d.role, e.incarnation, e.number, e.kind, e.body, e.event_at, e.received_at
		FROM events e JOIN devices d ON d.id = e.device_id
		WHERE e.subject = $1 AND e.event_at >= $2 AND e.outcome = 'not_applied'
		AND (d.role = 'scanner' AND d.place = $3 OR d.role = 'driver' AND d.place = $4 OR d.role = 'station' AND d.place = $5)
		ORDER BY e.event_at, e.device_id, e.number LIMIT $6`, subject, millis(since), shop, route, location, waiting)
}

// EventApplied notes that an event has been applied after all, and that nobody has to look at it any more.
func (tx *Tx) EventApplied(ctx context.Context, device, incarnation string, number int64, at time.Time) error {
	if _, err := tx.exec(ctx, `UPDATE events SET outcome = 'applied', reason = ''
		WHERE device_id = $1 AND incarnation = $2 AND number = $3 AND outcome = 'not_applied'`, device, incarnation, number); err != nil {
		return err
	}
	return tx.SettleWork(ctx, notAppliedWork(device, incarnation, uint64(number)), at)
}

// ClockSetting gives the last pair of monotonic and wall clock that a boot has told; nil when it has not.
func (tx *Tx) ClockSetting(ctx context.Context, device, incarnation string, boot uint64) (*fleet.Setting, error) {
	var mono, wall int64
	err := tx.row(ctx, `SELECT mono, claimed_at FROM events
		WHERE device_id = $1 AND incarnation = $2 AND boot = $3 AND kind = 2 AND outcome = 'applied'
		ORDER BY number DESC LIMIT 1`, device, incarnation, int64(boot)).Scan(&mono, &wall)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &fleet.Setting{Mono: time.Duration(mono) * time.Millisecond, Wall: fromMillis(wall)}, nil
}

// UndatedEvents gives the number and monotonic time of a boot's events that were recorded before its clock was set.
func (tx *Tx) UndatedEvents(ctx context.Context, device, incarnation string, boot uint64) ([]UndatedEvent, error) {
	scan := func(row scanner) (e UndatedEvent, err error) {
		var mono, received int64
		err = row.Scan(&e.Number, &mono, &received)
		e.Mono, e.Received = time.Duration(mono)*time.Millisecond, fromMillis(received)
		return e, err
	}
	return list(ctx, tx, scan, `SELECT number, mono, received_at FROM events
		WHERE device_id = $1 AND incarnation = $2 AND boot = $3 AND wall_quality = 0 AND kind <> 0 ORDER BY number`,
		device, incarnation, int64(boot))
}

// UndatedEvent is an event whose time rests on a guess.
type UndatedEvent struct {
	Number   uint64
	Mono     time.Duration
	Received time.Time
}

// DateEvent gives an event a better time.
func (tx *Tx) DateEvent(ctx context.Context, device, incarnation string, number uint64, at time.Time) error {
	_, err := tx.exec(ctx, "UPDATE events SET event_at = $4 WHERE device_id = $1 AND incarnation = $2 AND number = $3",
		device, incarnation, int64(number), millis(at))
	return err
}

// ReadingRow is one sample as stored.
type ReadingRow struct {
	Number              uint64
	Sensor              string
	EventAt, ReceivedAt time.Time
	MilliC              int64
	Fault               uint8
}

var readingColumns = []string{"device_id", "incarnation", "number", "sensor", "event_at", "received_at", "milli_c", "fault"}

// AddReadings stores samples of one incarnation of a device.
func (tx *Tx) AddReadings(ctx context.Context, device, incarnation string, readings []ReadingRow) error {
	rows := make([][]any, len(readings))
	for i, r := range readings {
		rows[i] = []any{device, incarnation, int64(r.Number), r.Sensor, millis(r.EventAt), millis(r.ReceivedAt), r.MilliC, int64(r.Fault)}
	}
	_, err := tx.insert(ctx, "readings", readingColumns, rows, "")
	return err
}

// LastReading gives the newest sample of a sensor, or ErrNotFound.
func (tx *Tx) LastReading(ctx context.Context, sensor string) (ReadingRow, error) {
	r := ReadingRow{Sensor: sensor}
	var at, received int64
	err := tx.row(ctx, `SELECT number, event_at, received_at, milli_c, fault FROM readings
		WHERE sensor = $1 ORDER BY event_at DESC, number DESC LIMIT 1`, sensor).Scan(&r.Number, &at, &received, &r.MilliC, &r.Fault)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("a reading of %s: %w", sensor, ErrNotFound)
	}
	r.EventAt, r.ReceivedAt = fromMillis(at), fromMillis(received)
	return r, err
}

// QuarantineRow is a payload or record that could not be read. Incarnation is empty and Log 0 for a whole payload.
type QuarantineRow struct {
	ID, Device, Incarnation string
	Log                     uint8
	Number                  uint64
	ReceivedAt              time.Time
	Reason                  string
	Raw                     []byte
}

// AddQuarantine keeps what could not be read.
func (tx *Tx) AddQuarantine(ctx context.Context, q QuarantineRow) error {
	_, err := tx.exec(ctx, `INSERT INTO quarantine (id, device_id, incarnation, log, number, received_at, reason, raw)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		q.ID, q.Device, q.Incarnation, q.Log, int64(q.Number), millis(q.ReceivedAt), q.Reason, q.Raw)
	return err
}

// QuarantinedPayloads counts the whole payloads that are kept of a device.
func (tx *Tx) QuarantinedPayloads(ctx context.Context, device string) (int, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM quarantine WHERE device_id = $1 AND incarnation = ''", device).Scan(&n)
	return n, err
}

// Quarantine gives the newest of what could not be read of a device.
func (tx *Tx) Quarantine(ctx context.Context, device string, most int) ([]QuarantineRow, error) {
	scan := func(row scanner) (q QuarantineRow, err error) {
		var received int64
		err = row.Scan(&q.ID, &q.Device, &q.Incarnation, &q.Log, &q.Number, &received, &q.Reason, &q.Raw)
		q.ReceivedAt = fromMillis(received)
		return q, err
	}
	return list(ctx, tx, scan, `SELECT id, device_id, incarnation, log, number, received_at, reason, raw FROM quarantine
		WHERE device_id = $1 ORDER BY received_at DESC, id LIMIT $2`, device, most)
}
