package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/fleet"
	"meguri/protocol"
)

// withinMillis is an uncertainty as stored: milliseconds, rounded up.
func withinMillis(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// SawBoot notes a record of a boot: it ran for mono at least, and the record was received at that time.
func (tx *Tx) SawBoot(ctx context.Context, device, incarnation string, boot uint64, mono time.Duration, received time.Time) error {
	return tx.write(ctx, `INSERT INTO boots (device_id, incarnation, boot, last_mono, begun_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (device_id, incarnation, boot) DO UPDATE SET
		last_mono = CASE WHEN excluded.last_mono > boots.last_mono THEN excluded.last_mono ELSE boots.last_mono END,
		begun_by = CASE WHEN excluded.begun_by < boots.begun_by THEN excluded.begun_by ELSE boots.begun_by END
		WHERE excluded.last_mono > boots.last_mono OR excluded.begun_by < boots.begun_by`,
		device, incarnation, int64(boot), mono.Milliseconds(), millis(received.Add(-mono)))
}

// maxPairs is how many pairs are read at once: those around what is to be dated, and a device is told the time at most every few
// seconds.
const maxPairs = 256

// Pairs gives the pairs of clocks of a boot, by monotonic time: the last one up to mono, and those behind it.
func (tx *Tx) Pairs(ctx context.Context, device, incarnation string, boot uint64, mono time.Duration) ([]fleet.Pair, error) {
	scan := func(row scanner) (fleet.Pair, error) {
		var body []byte
		if err := row.Scan(&body); err != nil {
			return fleet.Pair{}, err
		}
		return pairOf(body)
	}
	return list(ctx, tx, scan, pairsQuery, device, incarnation, int64(boot), mono.Milliseconds(), maxPairs)
}

const pairsQuery = `SELECT body FROM events WHERE device_id = $1 AND incarnation = $2 AND boot = $3 AND kind = 2
	AND outcome = 'applied' AND mono >= COALESCE((SELECT MAX(mono) FROM events WHERE device_id = $1 AND incarnation = $2 AND boot = $3
	AND kind = 2 AND outcome = 'applied' AND mono <= $4), 0) ORDER BY mono LIMIT $5`

// PairOf is what a ClockSet says.
func PairOf(c protocol.ClockSet) fleet.Pair {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	ms := func(n int64) time.Duration { return time.Duration(max(0, min(n, most))) * time.Millisecond }
	return fleet.Pair{Mono: ms(c.Mono), Wall: fromMillis(c.Wall), Within: ms(c.Within)}
}

func pairOf(body []byte) (fleet.Pair, error) {
	var c protocol.ClockSet
	if err := protocol.DecodeBody(body, &c); err != nil {
		return fleet.Pair{}, fmt.Errorf("stored clock setting: %w", err)
	}
	return PairOf(c), nil
}

// neighbours is how many boots on either side of one are looked at: one with a pair is most often the next.
const neighbours = 16

// The pair of the lowest or highest monotonic time of a boot.
const (
	pairOfBoot = `(SELECT e.body FROM events e WHERE e.device_id = b.device_id AND e.incarnation = b.incarnation AND e.boot = b.boot
		AND e.kind = 2 AND e.outcome = 'applied' ORDER BY e.mono `
	bootsQuery = `SELECT boot, last_mono, begun_by, ` + pairOfBoot + `LIMIT 1), ` + pairOfBoot + `DESC LIMIT 1) FROM boots b
		WHERE device_id = $1 AND incarnation = $2 AND boot `
	bootsBefore = bootsQuery + "< $3 ORDER BY boot DESC LIMIT $4"
	bootsAfter  = bootsQuery + ">= $3 ORDER BY boot LIMIT $4"
)

// BootsAround gives what bounds a boot and its neighbours, by boot.
func (tx *Tx) BootsAround(ctx context.Context, device, incarnation string, boot uint64) ([]fleet.Sighting, error) {
	before, err := list(ctx, tx, scanSighting, bootsBefore, device, incarnation, int64(boot), neighbours)
	if err != nil {
		return nil, err
	}
	after, err := list(ctx, tx, scanSighting, bootsAfter, device, incarnation, int64(boot), neighbours)
	all := make([]fleet.Sighting, 0, len(before)+len(after))
	for i := len(before) - 1; i >= 0; i-- {
		all = append(all, before[i])
	}
	return append(all, after...), err
}

func scanSighting(row scanner) (s fleet.Sighting, err error) {
	var last, begun int64
	var first, final []byte
	if err := row.Scan(&s.Boot, &last, &begun, &first, &final); err != nil || first == nil {
		s.Last, s.Begun = time.Duration(last)*time.Millisecond, fromMillis(begun)
		return s, err
	}
	s.Last, s.Begun = time.Duration(last)*time.Millisecond, fromMillis(begun)
	one, err := pairOf(first)
	two, err2 := pairOf(final)
	s.First, s.Final = &one, &two
	return s, errors.Join(err, err2)
}

// Undated is a record whose time is not well known.
type Undated struct {
	Number, Boot uint64
	Claim        fleet.Claim
	Span         time.Duration // of a reading: its samples reach back so far
	Received     time.Time
	Dated        fleet.Dated // as stored
	Kind         int64       // of an event
	Body         []byte      // of an event
	Outcome      EventOutcome
}

// UndatedEvents gives the events of boots first to last that are not well dated, from behind a number on, in order of number.
func (tx *Tx) UndatedEvents(ctx context.Context, device, incarnation string, boot, after uint64, most int) ([]Undated, error) {
	scan := func(row scanner) (u Undated, err error) {
		err = u.scan(row, &u.Kind, &u.Body, &u.Outcome)
		return u, err
	}
	return list(ctx, tx, scan, `SELECT number, boot, mono, claimed_at, wall_quality, received_at, event_at, uncertainty_ms, kind, body, outcome
		FROM events WHERE device_id = $1 AND incarnation = $2 AND boot = $3 AND number > $4 AND uncertainty_ms > 2000 AND kind <> 0
		ORDER BY number LIMIT $5`, device, incarnation, int64(boot), int64(after), most)
}

// UndatedReadings gives the records of readings of a boot that are not well dated, in order of number. Those that are packed are put
// back as rows before: who asks is about to date them again.
func (tx *Tx) UndatedReadings(ctx context.Context, device, incarnation string, boot, after uint64, most int) ([]Undated, error) {
	for {
		page, err := tx.undatedRows(ctx, device, incarnation, boot, after, most)
		if err != nil {
			return nil, err
		}
		last := uint64(1<<63 - 1)
		if len(page) == most {
			last = page[most-1].Number
		}
		if more, err := tx.unpackUndated(ctx, device, incarnation, boot, after, last); err != nil || !more {
			return page, err
		}
	}
}

func (tx *Tx) undatedRows(ctx context.Context, device, incarnation string, boot, after uint64, most int) ([]Undated, error) {
	scan := func(row scanner) (u Undated, err error) {
		var span int64
		err = u.scan(row, &span)
		u.Span = time.Duration(span) * time.Millisecond
		return u, err
	}
	return list(ctx, tx, scan, `SELECT number, boot, mono, claimed_at, wall_quality, received_at, event_at, uncertainty_ms, MAX(span_ms)
		FROM readings WHERE device_id = $1 AND incarnation = $2 AND boot = $3 AND number > $4 AND uncertainty_ms > 2000
		GROUP BY number, boot, mono, claimed_at, wall_quality, received_at, event_at, uncertainty_ms ORDER BY number LIMIT $5`,
		device, incarnation, int64(boot), int64(after), most)
}

func (u *Undated) scan(row scanner, more ...any) error {
	var mono, claimed, quality, received, at, within int64
	into := append([]any{&u.Number, &u.Boot, &mono, &claimed, &quality, &received, &at, &within}, more...)
	if err := row.Scan(into...); err != nil {
		return err
	}
	u.Claim = ClaimOf(mono, claimed, quality)
	u.Received, u.Dated = fromMillis(received), dated(at, within)
	return nil
}

// ClaimOf is what a device says of when a record was made: milliseconds since boot, Unix milliseconds, protocol.WallQuality.
func ClaimOf(mono, wall, quality int64) fleet.Claim {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	c := fleet.Claim{Mono: time.Duration(max(-most, min(mono, most))) * time.Millisecond, Wall: fromMillis(wall)}
	switch protocol.WallQuality(quality) {
	case protocol.WallBattery:
		c.Quality = fleet.Battery
	case protocol.WallSet:
		c.Quality = fleet.Set
	}
	return c
}

// Redated is a better time for a record.
type Redated struct {
	Number uint64
	Dated  fleet.Dated
}

// RedateEvents gives events better times.
func (tx *Tx) RedateEvents(ctx context.Context, device, incarnation string, all []Redated) error {
	return tx.redate(ctx, "events", device, incarnation, all)
}

// RedateReadings gives all samples of records better times.
func (tx *Tx) RedateReadings(ctx context.Context, device, incarnation string, all []Redated) error {
	if len(all) == 0 {
		return nil
	}
	first, last := all[0].Number, all[0].Number
	for _, r := range all {
		first, last = min(first, r.Number), max(last, r.Number)
	}
	if err := tx.unpackNumbers(ctx, device, incarnation, first, last); err != nil {
		return err
	}
	if err := tx.redate(ctx, "readings", device, incarnation, all); err != nil {
		return err
	}
	return tx.keepNewest(ctx, device, incarnation)
}

// redate changes up to 16 records with one statement: both databases call the columns of VALUES so.
func (tx *Tx) redate(ctx context.Context, table, device, incarnation string, all []Redated) error {
	for len(all) > 0 {
		size := 1
		if len(all) >= 16 {
			size = 16
		}
		var values []string
		args := []any{device, incarnation}
		for _, r := range all[:size] {
			n := len(args)
			values = append(values, fmt.Sprintf("(CAST($%d AS BIGINT), CAST($%d AS BIGINT), CAST($%d AS BIGINT))", n+1, n+2, n+3))
			args = append(args, int64(r.Number), millis(r.Dated.At), withinMillis(r.Dated.Within))
		}
		if err := tx.write(ctx, "UPDATE "+table+" SET event_at = v.column2, uncertainty_ms = v.column3 FROM (VALUES "+
			strings.Join(values, ", ")+") AS v WHERE device_id = $1 AND incarnation = $2 AND number = v.column1", args...); err != nil {
			return fmt.Errorf("date %s again: %w", table, err)
		}
		all = all[size:]
	}
	return nil
}

// NextBoot gives the first boot from one on up to another that has records which are not well dated, and false when there is none.
func (tx *Tx) NextBoot(ctx context.Context, device, incarnation string, from, to uint64) (uint64, bool, error) {
	var first sql.NullInt64
	err := tx.row(ctx, `SELECT MIN(boot) FROM (
		SELECT MIN(boot) AS boot FROM events WHERE device_id = $1 AND incarnation = $2 AND boot >= $3 AND boot <= $4 AND uncertainty_ms > 2000
		UNION ALL
		SELECT MIN(boot) AS boot FROM readings WHERE device_id = $1 AND incarnation = $2 AND boot >= $3 AND boot <= $4 AND uncertainty_ms > 2000
		UNION ALL
		SELECT MIN(b.boot) AS boot FROM reading_series s JOIN reading_blocks b ON b.series_id = s.id
		WHERE s.device_id = $1 AND s.incarnation = $2 AND b.boot >= $3 AND b.boot <= $4 AND b.undated > 0
		) AS b`, device, incarnation, int64(from), int64(to)).Scan(&first)
	return uint64(first.Int64), first.Valid, err
}
