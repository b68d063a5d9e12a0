package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// ReadingsOf gives a sensor's samples in [from, until) in order of time. When they are more than most, it gives the first, all of
// them before next, and next is not zero.
func (tx *Tx) ReadingsOf(ctx context.Context, sensor string, from, until time.Time, most int) (all []ReadingView, next time.Time, err error) {
	cursor := newReadingCursor(sensor, "", millis(from), millis(until))
	end, complete := int64(0), 0 // all[:complete] are of rows that end before end
	for {
		if err := cursor.fill(ctx, tx); err != nil {
			return nil, next, err
		}
		if len(cursor.page) == 0 {
			break
		}
		r := &cursor.page[0]
		if r.EventAt > end {
			end, complete = r.EventAt, len(all)
		}
		if len(all)+int(r.Samples) > most && r.EventAt > millis(from) {
			next = fromMillis(end)
			all, until = all[:complete], next
			break
		}
		if all, err = appendViews(all, r); err != nil {
			return nil, next, err
		}
		cursor.page = cursor.page[1:]
	}
	// What ends later may have begun before.
	across, err := tx.rowsAcross(ctx, sensor, millis(until), most)
	if err != nil {
		return nil, next, err
	}
	for i := range across {
		if all, err = appendViews(all, &across[i]); err != nil {
			return nil, next, err
		}
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

// rowsAcross gives the rows that end at a time or later and begin before it, the first of them.
func (tx *Tx) rowsAcross(ctx context.Context, sensor string, at int64, most int) ([]storedRow, error) {
	rows, err := list(ctx, tx, scanStored, "SELECT "+storedColumns+` WHERE sensor = $1 AND event_at >= $2 AND event_at < $3
		AND event_at - span_ms < $2 ORDER BY event_at, number LIMIT $4`, sensor, at, at+LongestSpan.Milliseconds(), most)
	if err != nil {
		return nil, err
	}
	packed, err := tx.packedAcross(ctx, sensor, at)
	rows = append(rows, packed...)
	slices.SortFunc(rows, func(a, b storedRow) int {
		return cmp.Or(cmp.Compare(a.EventAt, b.EventAt), cmp.Compare(a.Number, b.Number), a.compare(&b))
	})
	return rows[:min(most, len(rows))], err
}

// appendViews appends the samples of a row.
func appendViews(all []ReadingView, r *storedRow) ([]ReadingView, error) {
	found, err := r.samples()
	if err != nil {
		return nil, err
	}
	v := ReadingView{Device: r.device, Incarnation: r.incarnation, Sensor: r.sensor, Number: r.Number, Received: fromMillis(r.Received),
		Within: time.Duration(r.Within) * time.Millisecond}
	for _, s := range found {
		v.At, v.MilliC, v.Fault = fromMillis(r.EventAt).Add(-s.Ago), s.MilliC, int(s.Fault)
		all = append(all, v)
	}
	return all, nil
}

// countSamples counts the samples of sensors in [from, until), and how many of them are faults. sensors is a query for their
// names. Rows and blocks that lie across either end are counted sample by sample.
func (tx *Tx) countSamples(ctx context.Context, sensors string, from, until time.Time) (samples, faults int, err error) {
	in := " FROM readings WHERE sensor IN (" + sensors + ") AND event_at "
	err = tx.row(ctx, "SELECT COALESCE(SUM(samples), 0), COALESCE(SUM(faults), 0)"+in+">= $1 AND event_at < $2 AND event_at - span_ms >= $1",
		millis(from), millis(until)).Scan(&samples, &faults)
	if err != nil {
		return 0, 0, err
	}
	var wholeSamples, wholeFaults int
	blocks := fromBlocks + "s.sensor IN (" + sensors + ") AND b.first_end "
	err = tx.row(ctx, "SELECT COALESCE(SUM(b.samples), 0), COALESCE(SUM(b.faults), 0)"+blocks+">= $1 AND b.first_end < $2 AND b.first_at >= $1 AND b.last_at < $2",
		millis(from), millis(until)).Scan(&wholeSamples, &wholeFaults)
	if err != nil {
		return 0, 0, err
	}
	across, err := tx.countedOneByOne(ctx, in, blocks, millis(from), millis(until))
	samples, faults = samples+wholeSamples, faults+wholeFaults
	for i := range across {
		found, err := across[i].samples()
		if err != nil {
			return 0, 0, err
		}
		for _, s := range found {
			if t := fromMillis(across[i].EventAt).Add(-s.Ago); !t.Before(from) && t.Before(until) {
				samples++
				faults += min(int(s.Fault), 1)
			}
		}
	}
	return samples, faults, err
}

// countedOneByOne gives the rows across either end of a span, and those of the blocks across either.
func (tx *Tx) countedOneByOne(ctx context.Context, in, blocks string, from, until int64) ([]storedRow, error) {
	columns := "SELECT " + strings.TrimSuffix(storedColumns, " FROM readings") + in
	across, err := list(ctx, tx, scanStored, columns+">= $1 AND event_at < $2 AND event_at - span_ms < $1 AND event_at < $3",
		from, from+LongestSpan.Milliseconds(), until)
	if err != nil {
		return nil, err
	}
	end, err := list(ctx, tx, scanStored, columns+">= $1 AND event_at < $2 AND event_at - span_ms < $1",
		until, until+LongestSpan.Milliseconds())
	if err != nil {
		return nil, err
	}
	packed, err := tx.unpacked(ctx, func(*storedRow) bool { return true },
		"SELECT "+blockHead+", b.body"+blocks+">= $3 AND b.first_end < $4 AND b.last_at >= $1 AND b.first_at < $2 AND NOT (b.first_at >= $1 AND b.last_at < $2)",
		from, until, from-maxBlockEnds.Milliseconds(), until+maxPackedSpan.Milliseconds())
	return append(append(across, end...), packed...), err
}
