package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/fleet"
	"meguri/protocol"
)

// ledgerRow is the samples of one sensor in one record, as far as the ledger looks at them.
type ledgerRow struct {
	sensor, incarnation string
	number, boot        uint64
	mono, event, within int64
	span                int64
	samples, faults     int
	fault               uint8
	earlier             []byte
}

func (r ledgerRow) at() time.Time   { return fromMillis(r.event) }
func (r ledgerRow) from() time.Time { return fromMillis(r.event - r.span) }

// before orders rows as the ledger takes them.
func (r ledgerRow) before(o ledgerRow) int {
	return cmp.Or(cmp.Compare(r.event, o.event), cmp.Compare(r.incarnation, o.incarnation), cmp.Compare(r.number, o.number))
}

const ledgerRows = `SELECT sensor, incarnation, number, boot, mono, event_at, uncertainty_ms, span_ms, samples, faults, fault, earlier
	FROM readings WHERE sensor = $1 AND device_id = $2 AND `

func scanLedgerRow(row scanner) (r ledgerRow, err error) {
	err = row.Scan(&r.sensor, &r.incarnation, &r.number, &r.boot, &r.mono, &r.event, &r.within, &r.span, &r.samples, &r.faults,
		&r.fault, &r.earlier)
	return r, err
}

// sensorsOf gives the sensors that a device speaks of: those of its samplings, and those in the first and last records of each
// incarnation, for one that tells of no samplings.
func (q ledgerQuery) sensorsOf(ctx context.Context) ([]string, error) {
	bodies, err := list(ctx, q.tx, func(row scanner) (b []byte, err error) {
		err = row.Scan(&b)
		return b, err
	}, `SELECT DISTINCT body FROM events WHERE device_id = $1 AND kind IN (1, 7, 8, 9) AND kind = 8 AND outcome = 'applied' LIMIT $2`,
		q.device.ID, maxLedgerRows)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, b := range bodies {
		var s protocol.SamplingSet
		if err := protocol.DecodeBody(b, &s); err != nil {
			return nil, fmt.Errorf("stored sampling: %w", err)
		}
		all = append(all, s.Sensors...)
	}
	incarnations, err := list(ctx, q.tx, scanText, "SELECT incarnation FROM device_logs WHERE device_id = $1 AND log = $2", q.device.ID,
		int64(protocol.Readings))
	if err != nil {
		return nil, err
	}
	for _, incarnation := range incarnations {
		for _, order := range []string{"number", "number DESC"} {
			found, err := list(ctx, q.tx, scanText, "SELECT sensor FROM readings WHERE device_id = $1 AND incarnation = $2 ORDER BY "+order+
				" LIMIT $3", q.device.ID, incarnation, protocol.MaxSensors)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// beside gives the rows of the record next to a time: of the last that ends before it, or of the first that does not.
func (q ledgerQuery) beside(ctx context.Context, before bool, at time.Time) ([]ledgerRow, error) {
	var nearest []ledgerRow
	for _, sensor := range q.sensors {
		r, found, err := q.next(ctx, sensor, before, millis(at))
		if err != nil {
			return nil, err
		}
		switch {
		case !found:
		case len(nearest) == 0 || r.event != nearest[0].event && (r.event > nearest[0].event) == before:
			nearest = []ledgerRow{r}
		case r.before(nearest[0]) == 0:
			nearest = append(nearest, r)
		}
	}
	return nearest, nil
}

// next gives a sensor's row next to a time, and false when there is none.
func (q ledgerQuery) next(ctx context.Context, sensor string, before bool, at int64) (r ledgerRow, found bool, err error) {
	condition, packed := "event_at >= $3 ORDER BY event_at, number LIMIT 1", q.tx.packedFrom
	if before {
		condition = "event_at < $3 ORDER BY event_at DESC, number DESC LIMIT 1"
		packed = func(ctx context.Context, sensor, device string, at int64) ([]storedRow, error) {
			return q.tx.packedBefore(ctx, sensor, device, at, 1)
		}
	}
	rows, err := list(ctx, q.tx, scanLedgerRow, ledgerRows+condition, sensor, q.device.ID, at)
	if err != nil {
		return r, false, err
	}
	unpacked, err := packed(ctx, sensor, q.device.ID, at)
	for i := range unpacked {
		rows = append(rows, unpacked[i].ledger())
	}
	if err != nil || len(rows) == 0 {
		return r, false, err
	}
	r = slices.MinFunc(rows, func(a, b ledgerRow) int {
		if before {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.event, b.event), cmp.Compare(a.number, b.number))
	})
	return r, true, nil
}

// stream gives the ledger all records of the span in order of time, each with all sensors. It returns false when the ledger
// wants no more.
func (q ledgerQuery) stream(ctx context.Context, l *fleet.Ledger) (bool, error) {
	cursors := make([]*readingCursor, len(q.sensors))
	for i, s := range q.sensors {
		cursors[i] = newReadingCursor(s, q.device.ID, millis(q.ask.From), millis(q.ask.To))
	}
	var record []ledgerRow
	for {
		record = record[:0]
		for _, c := range cursors {
			if err := c.fill(ctx, q.tx); err != nil {
				return false, err
			}
			if len(c.page) == 0 {
				continue
			}
			next := c.page[0].ledger()
			if order := -1; len(record) > 0 {
				if order = next.before(record[0]); order < 0 {
					record = record[:0]
				} else if order > 0 {
					continue
				}
			}
			record = append(record, next)
		}
		if len(record) == 0 {
			return true, nil
		}
		for _, c := range cursors {
			if len(c.page) > 0 {
				if next := c.page[0].ledger(); next.before(record[0]) == 0 {
					c.page = c.page[1:]
				}
			}
		}
		if more, err := take(l, record); err != nil || !more {
			return false, err
		}
	}
}

// take gives the ledger the rounds of one record.
func take(l *fleet.Ledger, record []ledgerRow) (bool, error) {
	if len(record) == 0 {
		return true, nil
	}
	seen, err := seenIn(record)
	if err != nil {
		return false, fmt.Errorf("record %d: %w", record[0].number, err)
	}
	for _, s := range seen {
		if !l.Take(s) {
			return false, nil
		}
	}
	return true, nil
}

// roundSeen is one round of all sensors of a record.
type roundSeen struct {
	ago           time.Duration
	samples       int
	fault, faulty string
}

// seenIn gives the rounds of a record in runs that are evenly spaced and alike.
func seenIn(record []ledgerRow) ([]fleet.Seen, error) {
	first := record[0]
	rounds := make([]roundSeen, first.samples)
	for i, row := range record {
		if i > 0 && row.faults == 0 {
			for j := range rounds {
				rounds[j].samples++
			}
			continue
		}
		samples, err := SamplesOf(row.earlier, Sample{Fault: row.fault})
		if err != nil {
			return nil, err
		}
		if len(samples) != len(rounds) {
			return nil, fmt.Errorf("%w: %d samples of %s, %d of %s", errEarlier, len(samples), row.sensor, len(rounds), first.sensor)
		}
		for j, s := range samples {
			r := &rounds[j]
			if r.ago = s.Ago; s.Fault == 0 {
				r.samples++
				continue
			}
			r.faulty = joined(r.faulty, row.sensor)
			if name := protocol.SensorFault(s.Fault).String(); !strings.Contains(r.fault, name) {
				r.fault = joined(r.fault, name)
			}
		}
	}
	return runsOf(first, rounds), nil
}

func joined(all, one string) string {
	if all == "" {
		return one
	}
	return all + ", " + one
}

func runsOf(row ledgerRow, rounds []roundSeen) []fleet.Seen {
	shortest := time.Duration(1<<63 - 1)
	for i := 1; i < len(rounds); i++ {
		shortest = min(shortest, rounds[i-1].ago-rounds[i].ago)
	}
	var runs []fleet.Seen
	for i, r := range rounds {
		at := row.at().Add(-r.ago)
		if n := len(runs); n > 0 && r.fault == runs[n-1].Fault && r.faulty == runs[n-1].Sensors &&
			rounds[i-1].ago-r.ago <= shortest+shortest/2 {
			runs[n-1].To, runs[n-1].Rounds, runs[n-1].Samples = at, runs[n-1].Rounds+1, runs[n-1].Samples+r.samples
			runs[n-1].Mono = time.Duration(row.mono)*time.Millisecond - r.ago
			continue
		}
		runs = append(runs, fleet.Seen{Incarnation: row.incarnation, Number: row.number, Boot: row.boot, From: at, To: at, Rounds: 1,
			Mono: time.Duration(row.mono)*time.Millisecond - r.ago, Samples: r.samples, Fault: r.fault, Sensors: r.faulty,
			Within: time.Duration(row.within) * time.Millisecond})
	}
	return runs
}

const (
	assumedEvery = time.Minute // a device's own default
	stepsSampled = 100
)

// usualStep is the median time between the last rounds before the end of the span.
func (q ledgerQuery) usualStep(ctx context.Context) (time.Duration, error) {
	for _, sensor := range q.sensors {
		rows, err := list(ctx, q.tx, scanLedgerRow, ledgerRows+"event_at < $3 ORDER BY event_at DESC LIMIT $4", sensor, q.device.ID,
			millis(q.ask.To), stepsSampled)
		if err != nil {
			return 0, err
		}
		packed, err := q.tx.packedBefore(ctx, sensor, q.device.ID, millis(q.ask.To), stepsSampled)
		if err != nil {
			return 0, err
		}
		for i := range packed {
			rows = append(rows, packed[i].ledger())
		}
		slices.SortStableFunc(rows, func(a, b ledgerRow) int { return cmp.Compare(b.event, a.event) })
		rows = rows[:min(stepsSampled, len(rows))]
		var steps []time.Duration
		for i, r := range rows {
			if r.samples > 1 {
				steps = append(steps, time.Duration(r.span)*time.Millisecond/time.Duration(r.samples-1))
			} else if i > 0 {
				steps = append(steps, rows[i-1].from().Sub(r.at()))
			}
		}
		if len(steps) > 0 {
			slices.Sort(steps)
			return max(steps[len(steps)/2], time.Second), nil
		}
	}
	return assumedEvery, nil
}
