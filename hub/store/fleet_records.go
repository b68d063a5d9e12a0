package store

import (
	"context"
	"fmt"
	"time"
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
	Within              time.Duration // EventAt may be off so much, either way
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

// AddEvent stores a record, together with others: what the database has against it may be said by Flush only, or by the end of
// the transaction. One that is not applied becomes work for a person, too.
func (tx *Tx) AddEvent(ctx context.Context, e EventRow) error {
	if err := tx.addPending(ctx, e); err != nil || e.Outcome != NotApplied {
		return err
	}
	return tx.openNotApplied(ctx, e)
}

func (tx *Tx) openNotApplied(ctx context.Context, e EventRow) error {
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
	if err := tx.write(ctx, `UPDATE events SET outcome = 'applied', reason = ''
		WHERE device_id = $1 AND incarnation = $2 AND number = $3 AND outcome = 'not_applied'`, device, incarnation, number); err != nil {
		return err
	}
	return tx.SettleWork(ctx, notAppliedWork(device, incarnation, uint64(number)), at)
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
	return tx.write(ctx, `INSERT INTO quarantine (id, device_id, incarnation, log, number, received_at, reason, raw)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		q.ID, q.Device, q.Incarnation, q.Log, int64(q.Number), millis(q.ReceivedAt), q.Reason, q.Raw)
}

// QuarantinedPayloads counts the whole payloads that are kept of a device.
func (tx *Tx) QuarantinedPayloads(ctx context.Context, device string) (int, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM quarantine WHERE device_id = $1 AND incarnation = ''", device).Scan(&n)
	return n, err
}

// Kept is what is kept of a device's records that could not be read.
type Kept struct {
	Records int
	Bytes   int64
}

// KeptUnread counts the records of a device that are kept though they could not be read, of both logs.
func (tx *Tx) KeptUnread(ctx context.Context, device string) (k Kept, err error) {
	err = tx.row(ctx, `SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM (
		SELECT LENGTH(raw) AS bytes FROM quarantine WHERE device_id = $1 AND incarnation <> ''
		UNION ALL
		SELECT LENGTH(body) AS bytes FROM events WHERE device_id = $1 AND outcome = 'quarantined') AS kept`, device).Scan(&k.Records, &k.Bytes)
	return k, err
}

const quarantineColumns = "id, device_id, incarnation, log, number, received_at, reason, raw FROM quarantine"

func scanQuarantine(row scanner) (q QuarantineRow, err error) {
	var received int64
	err = row.Scan(&q.ID, &q.Device, &q.Incarnation, &q.Log, &q.Number, &received, &q.Reason, &q.Raw)
	q.ReceivedAt = fromMillis(received)
	return q, err
}

// Quarantine gives the newest of what could not be read of a device.
func (tx *Tx) Quarantine(ctx context.Context, device string, most int) ([]QuarantineRow, error) {
	return list(ctx, tx, scanQuarantine, "SELECT "+quarantineColumns+` WHERE device_id = $1 ORDER BY received_at DESC, id LIMIT $2`, device, most)
}

// ThinningRow is readings that a device dropped for want of room.
type ThinningRow struct {
	Device, Incarnation string
	Number              uint64 // of the record that says so
	First, Last         uint64 // numbers dropped; both 0 for numbers of a parent incarnation
	Reason              uint8  // protocol.ThinReason
	From, To            time.Time
	Within              time.Duration // From and To may be off so much, either way
	Rounds, Samples     uint32
	Received            time.Time
	Body                []byte // as sent
}

// AddThinning stores that readings were dropped.
func (tx *Tx) AddThinning(ctx context.Context, t ThinningRow) error {
	return tx.write(ctx, `INSERT INTO thinnings (device_id, incarnation, number, first_number, last_number, reason, from_at, to_at,
		uncertainty_ms, rounds, samples, received_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		t.Device, t.Incarnation, int64(t.Number), int64(t.First), int64(t.Last), int64(t.Reason), millis(t.From), millis(t.To),
		withinMillis(t.Within), int64(t.Rounds), int64(t.Samples), millis(t.Received), t.Body)
}

// Thinnings gives what an incarnation of a device has dropped, by number.
func (tx *Tx) Thinnings(ctx context.Context, device, incarnation string) ([]ThinningRow, error) {
	scan := func(row scanner) (t ThinningRow, err error) {
		var from, to, within, received int64
		err = row.Scan(&t.Device, &t.Incarnation, &t.Number, &t.First, &t.Last, &t.Reason, &from, &to, &within, &t.Rounds, &t.Samples,
			&received, &t.Body)
		t.From, t.To, t.Received = fromMillis(from), fromMillis(to), fromMillis(received)
		t.Within = time.Duration(within) * time.Millisecond
		return t, err
	}
	return list(ctx, tx, scan, `SELECT device_id, incarnation, number, first_number, last_number, reason, from_at, to_at, uncertainty_ms,
		rounds, samples, received_at, body FROM thinnings WHERE device_id = $1 AND incarnation = $2 ORDER BY number LIMIT 1000`,
		device, incarnation)
}
