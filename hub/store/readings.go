package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/fleet"
)

// ReadingRow is the samples of one sensor in one record. The last one is in MilliC and Fault, and the row's time is its.
type ReadingRow struct {
	Number, Boot    uint64
	Mono, ClaimedAt int64 // milliseconds since boot, and Unix milliseconds, as the device says
	WallQuality     uint8
	Dated           fleet.Dated // of each of the samples: the last one's time, and how well all are known
	Received        time.Time
	Sensor          string
	MilliC          int64
	Fault           uint8
	Span            time.Duration // from the first sample to the last
	Samples, Faults int           // Faults of the samples are one
	Earlier         []byte        // see AppendEarlier
	Min, Max        int64         // of the values; a fault may widen it to 0
}

var insertReadings = insertRows("readings", `device_id, incarnation, received_at, number, sensor, boot, mono, claimed_at, wall_quality,
	event_at, uncertainty_ms, milli_c, fault, span_ms, samples, faults, earlier`, "", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT", "BIGINT",
	"BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BYTEA")

// AddReadings stores samples of one incarnation of a device, all received at once.
func (tx *Tx) AddReadings(ctx context.Context, device, incarnation string, received time.Time, rows []ReadingRow) error {
	values := make([]any, 0, len(rows)*len(insertReadings.kinds))
	for i := range rows {
		r := &rows[i]
		values = append(values, device, incarnation, millis(received), int64(r.Number), r.Sensor, int64(r.Boot), r.Mono, r.ClaimedAt,
			int64(r.WallQuality), millis(r.Dated.At), withinMillis(r.Dated.Within), r.MilliC, int64(r.Fault), r.Span.Milliseconds(),
			int64(r.Samples), int64(r.Faults), r.Earlier)
	}
	_, err := insertReadings.run(ctx, tx, values)
	return err
}

// LastReading gives the row of the newest sample of a sensor, or ErrNotFound.
func (tx *Tx) LastReading(ctx context.Context, sensor string) (ReadingRow, error) {
	r := ReadingRow{Sensor: sensor}
	var at, received, within int64
	err := tx.row(ctx, `SELECT number, event_at, uncertainty_ms, received_at, milli_c, fault FROM readings
		WHERE sensor = $1 ORDER BY event_at DESC, number DESC LIMIT 1`, sensor).Scan(&r.Number, &at, &within, &received, &r.MilliC, &r.Fault)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("a reading of %s: %w", sensor, ErrNotFound)
	}
	r.Dated, r.Received = dated(at, within), fromMillis(received)
	return r, err
}

func dated(at, within int64) fleet.Dated {
	return fleet.Dated{At: fromMillis(at), Within: time.Duration(within) * time.Millisecond}
}

// ReadingView is one sample. With a fault MilliC means nothing.
type ReadingView struct {
	Device, Sensor string
	Incarnation    string
	Number         int64 // of its record in the device's readings log
	At, Received   time.Time
	Within         time.Duration // At may be off so much, either way
	MilliC         int64
	Fault          int // protocol.SensorFault
}

// LongestSpan is how far the samples of one row may lie apart: none that begins earlier need be looked for.
const LongestSpan = 31 * 24 * time.Hour

const readingRows = `SELECT device_id, incarnation, number, event_at, uncertainty_ms, received_at, milli_c, fault, earlier FROM readings
	WHERE sensor = $1 AND event_at >= $2 AND event_at < $3 `

// ReadingsOf gives a sensor's samples in [from, until) in order of time. When they are more than most, it gives the first, all of
// them before next, and next is not zero.
func (tx *Tx) ReadingsOf(ctx context.Context, sensor string, from, until time.Time, most int) (all []ReadingView, next time.Time, err error) {
	stop := errors.New("enough")
	end, complete := int64(0), 0 // all[:complete] are of rows that end before end
	err = tx.readingRows(ctx, func(at int64, row []ReadingView) error {
		if at > end {
			end, complete = at, len(all)
		}
		if len(all)+len(row) > most && at > millis(from) {
			return stop
		}
		all = append(all, row...)
		return nil
	}, readingRows+"ORDER BY event_at, number", sensor, millis(from), millis(until))
	if err != nil && !errors.Is(err, stop) {
		return nil, next, err
	}
	if err != nil {
		next = fromMillis(end)
		all, until = all[:complete], next
	}
	// What ends later may have begun before.
	err = tx.readingRows(ctx, func(_ int64, row []ReadingView) error {
		all = append(all, row...)
		return nil
	}, readingRows+"AND event_at - span_ms < $2 ORDER BY event_at, number LIMIT $4", sensor, millis(until),
		millis(until.Add(LongestSpan)), most)
	if err != nil {
		return nil, next, err
	}
	outside := func(r ReadingView) bool { return r.At.Before(from) || !r.At.Before(until) }
	all = slices.DeleteFunc(all, outside)
	slices.SortStableFunc(all, func(a, b ReadingView) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number))
	})
	if len(all) > most {
		all, next = cut(all, most)
	}
	return all, next, nil
}

// cut ends a list that is longer than most where a time begins, and gives that time.
func cut(all []ReadingView, most int) ([]ReadingView, time.Time) {
	next, n := all[most].At, most
	for n > 0 && all[n-1].At.Equal(next) {
		n--
	}
	if n == 0 { // all at one instant: go on after it
		return all[:most], next.Add(time.Millisecond)
	}
	return all[:n], next
}

// readingRows gives the samples of each row of a query, and when the row ends.
func (tx *Tx) readingRows(ctx context.Context, each func(at int64, row []ReadingView) error, query, sensor string, args ...any) (err error) {
	rows, err := tx.query(ctx, query, append([]any{sensor}, args...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v := ReadingView{Sensor: sensor}
		var at, within, received int64
		var earlier []byte
		last := Sample{}
		if err := rows.Scan(&v.Device, &v.Incarnation, &v.Number, &at, &within, &received, &last.MilliC, &last.Fault, &earlier); err != nil {
			return err
		}
		v.Received, v.Within = fromMillis(received), time.Duration(within)*time.Millisecond
		found, err := SamplesOf(earlier, last)
		if err != nil {
			return fmt.Errorf("reading %d of %s: %w", v.Number, v.Device, err)
		}
		row := make([]ReadingView, len(found))
		for i, s := range found {
			row[i] = v
			row[i].At, row[i].MilliC, row[i].Fault = fromMillis(at).Add(-s.Ago), s.MilliC, int(s.Fault)
		}
		if err := each(at, row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// countSamples counts the samples of sensors in [from, until), and how many of them are faults. sensors is a query for their
// names. Rows that lie across either end are counted sample by sample.
func (tx *Tx) countSamples(ctx context.Context, sensors string, from, until time.Time) (samples, faults int, err error) {
	in := " FROM readings WHERE sensor IN (" + sensors + ") AND event_at "
	err = tx.row(ctx, "SELECT COALESCE(SUM(samples), 0), COALESCE(SUM(faults), 0)"+in+">= $1 AND event_at < $2 AND event_at - span_ms >= $1",
		millis(from), millis(until)).Scan(&samples, &faults)
	if err != nil {
		return 0, 0, err
	}
	type part struct{ samples, faults int }
	scan := func(row scanner) (p part, err error) {
		var at int64
		var earlier []byte
		last := Sample{}
		if err := row.Scan(&at, &last.MilliC, &last.Fault, &earlier); err != nil {
			return p, err
		}
		found, err := SamplesOf(earlier, last)
		for _, s := range found {
			if t := fromMillis(at).Add(-s.Ago); !t.Before(from) && t.Before(until) {
				p.samples++
				p.faults += min(int(s.Fault), 1)
			}
		}
		return p, err
	}
	columns := "SELECT event_at, milli_c, fault, earlier" + in
	across, err := list(ctx, tx, scan, columns+">= $1 AND event_at < $2 AND event_at - span_ms < $1",
		millis(from), millis(from.Add(LongestSpan)))
	if err != nil {
		return 0, 0, err
	}
	end, err := list(ctx, tx, scan, columns+">= $1 AND event_at < $2 AND event_at - span_ms < $1 AND event_at - span_ms >= $3",
		millis(until), millis(until.Add(LongestSpan)), millis(from))
	for _, p := range append(across, end...) {
		samples += p.samples
		faults += p.faults
	}
	return samples, faults, err
}
