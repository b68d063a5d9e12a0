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
	"meguri/protocol"
)

// Ledger says what the hub has and lacks of a device's readings, stretch by stretch, and how far that reaches: ask.To, or when
// there are more than ask.Most stretches, where to ask again. Errors: fleet.ErrUnknownDevice, fleet.ErrSpan.
//
// Rows are read in pages in order of time; what is kept is bounded by the boots and gaps of the span.
func (tx *Tx) Ledger(ctx context.Context, device string, ask fleet.Ask) ([]fleet.Stretch, time.Time, error) {
	d, err := tx.Device(ctx, device)
	if err != nil {
		return nil, ask.From, err
	}
	if err := fleet.CheckSpan(ask.From, ask.To); err != nil {
		return nil, ask.From, err
	}
	q := ledgerQuery{tx: tx, device: d, ask: ask, sensors: []string{ask.Sensor}}
	if ask.Sensor == "" {
		if q.sensors, err = q.sensorsOf(ctx); err != nil {
			return nil, ask.From, fmt.Errorf("sensors of %s: %w", device, err)
		}
	}
	stretches, reached, err := q.run(ctx)
	if err != nil {
		return nil, ask.From, fmt.Errorf("ledger of %s: %w", device, err)
	}
	return stretches, reached, nil
}

// LedgerSensors gives the sensors that a device has told of, by name.
func (tx *Tx) LedgerSensors(ctx context.Context, device string) ([]string, error) {
	return ledgerQuery{tx: tx, device: fleet.Device{ID: device}}.sensorsOf(ctx)
}

// ledgerQuery is one question to the ledger.
type ledgerQuery struct {
	tx      *Tx
	device  fleet.Device
	ask     fleet.Ask
	sensors []string
}

func (q ledgerQuery) run(ctx context.Context) ([]fleet.Stretch, time.Time, error) {
	left, err := q.beside(ctx, true, q.ask.From)
	if err != nil {
		return nil, q.ask.From, err
	}
	right, err := q.beside(ctx, false, q.ask.To)
	if err != nil {
		return nil, q.ask.From, err
	}
	history, err := q.history(ctx, left, right)
	if err != nil {
		return nil, q.ask.From, err
	}
	l, err := fleet.NewLedger(history, q.ask)
	if err != nil {
		return nil, q.ask.From, err
	}
	more, err := take(l, left)
	if err != nil {
		return nil, q.ask.From, err
	}
	if more {
		if more, err = q.stream(ctx, l); err != nil {
			return nil, q.ask.From, err
		}
	}
	if more {
		if _, err := take(l, right); err != nil {
			return nil, q.ask.From, err
		}
	}
	stretches, reached := l.End()
	return stretches, reached, nil
}

// maxLedgerRows bounds what is read of boots, gaps and thinnings for one answer.
const maxLedgerRows = 200_000

var errLedgerRows = fmt.Errorf("more than %d boots or gaps in the span: ask for a shorter one", maxLedgerRows)

// history reads what is known of the device from its last round before the span to the first one behind it.
func (q ledgerQuery) history(ctx context.Context, left, right []ledgerRow) (h fleet.History, err error) {
	h = fleet.History{Current: q.device.Incarnation, Online: q.device.Online, Revoked: q.device.RevokedAt}
	since, until := q.ask.From, time.UnixMilli(1<<62)
	if len(left) > 0 {
		since = left[0].from()
	}
	if len(right) > 0 {
		until = right[0].at()
	}
	if h.Logs, err = list(ctx, q.tx, scanLog, "SELECT "+logColumns+" WHERE device_id = $1 AND log = $2 ORDER BY incarnation",
		q.device.ID, int64(protocol.Readings)); err != nil {
		return h, err
	}
	if h.Heard, err = list(ctx, q.tx, scanText, `SELECT incarnation FROM incarnations
		WHERE device_id = $1 AND superseded_at IS NOT NULL AND heard_at > superseded_at`, q.device.ID); err != nil {
		return h, err
	}
	if err := q.boots(ctx, &h, since, until); err != nil {
		return h, err
	}
	if err := q.thinnings(ctx, &h, since, until); err != nil {
		return h, err
	}
	if err := q.missing(ctx, &h); err != nil {
		return h, err
	}
	if h.AssumedEvery = assumedEvery; slices.ContainsFunc(h.Boots, func(b fleet.BootRun) bool { return len(b.Samplings) == 0 }) {
		h.AssumedEvery, err = q.usualStep(ctx)
	}
	return h, err
}

// bootEvent is an event that says something of a boot.
type bootEvent struct {
	incarnation      string
	boot             uint64
	kind             protocol.Kind
	at, within, mono int64
	body             []byte
	lastMono         sql.NullInt64
}

const bootEvents = `SELECT e.incarnation, e.boot, e.kind, e.event_at, e.uncertainty_ms, e.mono, e.body, b.last_mono
	FROM events e LEFT JOIN boots b ON b.device_id = e.device_id AND b.incarnation = e.incarnation AND b.boot = e.boot
	WHERE e.device_id = $1 AND e.kind IN (1, 7, 8, 9) AND e.outcome = 'applied' AND e.event_at >= COALESCE((SELECT MAX(s.event_at) FROM events s
	WHERE s.device_id = $1 AND s.kind IN (1, 7, 8, 9) AND s.kind = 1 AND s.event_at <= $2), $2) AND e.event_at <= $3
	ORDER BY e.event_at, e.number LIMIT $4`

func (q ledgerQuery) boots(ctx context.Context, h *fleet.History, since, until time.Time) error {
	events, err := list(ctx, q.tx, func(row scanner) (e bootEvent, err error) {
		err = row.Scan(&e.incarnation, &e.boot, &e.kind, &e.at, &e.within, &e.mono, &e.body, &e.lastMono)
		return e, err
	}, bootEvents, q.device.ID, millis(since), millis(until), maxLedgerRows+1)
	if err == nil && len(events) > maxLedgerRows {
		err = errLedgerRows
	}
	if err != nil {
		return err
	}
	type key struct {
		incarnation string
		boot        uint64
	}
	known := map[key]int{}
	for _, e := range events {
		k := key{e.incarnation, e.boot}
		i, ok := known[k]
		if !ok {
			at := fromMillis(e.at - e.mono) // the same as at for the first record of a boot
			if e.kind == protocol.KindBooted {
				at = fromMillis(e.at)
			}
			b := fleet.BootRun{Incarnation: e.incarnation, Number: e.boot, At: at, Within: time.Duration(e.within) * time.Millisecond}
			if e.lastMono.Valid {
				b.Alive = at.Add(time.Duration(e.lastMono.Int64) * time.Millisecond)
			}
			i = len(h.Boots)
			known[k], h.Boots = i, append(h.Boots, b)
		}
		if err := q.tell(h, i, e); err != nil {
			return err
		}
	}
	return nil
}

// tell adds what an event says of boot i.
func (q ledgerQuery) tell(h *fleet.History, i int, e bootEvent) error {
	at := fromMillis(e.at)
	switch e.kind {
	case protocol.KindStopped:
		h.Boots[i].Stopped = at
	case protocol.KindSamplingSet:
		var s protocol.SamplingSet
		if err := protocol.DecodeBody(e.body, &s); err != nil {
			return fmt.Errorf("stored sampling: %w", err)
		}
		h.Boots[i].Samplings = append(h.Boots[i].Samplings, fleet.Sampling{At: at, Every: span(s.EveryMS), Flush: span(s.FlushMS), Sensors: s.Sensors})
	case protocol.KindSalvaged:
		var s protocol.Salvaged
		if err := protocol.DecodeBody(e.body, &s); err != nil {
			return fmt.Errorf("stored salvage: %w", err)
		}
		v := fleet.Salvage{Incarnation: e.incarnation, At: at}
		if s.Parent != (protocol.Incarnation{}) {
			v.Parent = s.Parent.String()
		}
		h.Salvages = append(h.Salvages, v) // what it lost stands among the gaps
	}
	return nil
}

// span is a device's milliseconds as a duration, at most a year.
func span(ms int64) time.Duration {
	return time.Duration(max(0, min(ms, (366*24*time.Hour).Milliseconds()))) * time.Millisecond
}

// telling is a record in which a device says what it dropped, itself with a number.
type telling struct {
	fleet.Thinning
	incarnation         string
	number, first, last uint64
}

func (q ledgerQuery) thinnings(ctx context.Context, h *fleet.History, since, until time.Time) error {
	all, err := list(ctx, q.tx, func(row scanner) (t telling, err error) {
		var reason uint8
		var from, to, within int64
		err = row.Scan(&t.incarnation, &t.number, &t.first, &t.last, &from, &to, &within, &reason, &t.Rounds, &t.Samples)
		t.From, t.To, t.Within = fromMillis(from), fromMillis(to), time.Duration(within)*time.Millisecond
		t.Reason, t.Damaged = protocol.ThinReason(reason).String(), protocol.ThinReason(reason) == protocol.ThinDamaged
		return t, err
	}, `SELECT incarnation, number, first_number, last_number, from_at, to_at, uncertainty_ms, reason, rounds, samples FROM thinnings
		WHERE device_id = $1 AND from_at <= $2 AND to_at >= $3 AND NOT (first_number = number AND last_number = number)
		ORDER BY from_at LIMIT $4`, q.device.ID, millis(until), millis(since), maxLedgerRows+1)
	if err == nil && len(all) > maxLedgerRows {
		err = errLedgerRows
	}
	markRetold(all)
	for _, t := range all {
		h.Thinnings = append(h.Thinnings, t.Thinning)
	}
	return err
}

// markRetold marks the tellings whose own number others say to be dropped: these tell again what they told.
func markRetold(all []telling) {
	dropped := map[string][]telling{} // by incarnation
	for _, t := range all {
		dropped[t.incarnation] = append(dropped[t.incarnation], t)
	}
	for i, spans := range dropped {
		slices.SortFunc(spans, func(a, b telling) int { return cmp.Compare(a.first, b.first) })
		joined := spans[:0]
		for _, t := range spans {
			if n := len(joined); n > 0 && t.first <= joined[n-1].last {
				joined[n-1].last = max(joined[n-1].last, t.last)
				continue
			}
			joined = append(joined, t)
		}
		dropped[i] = joined
	}
	for i, t := range all {
		spans := dropped[t.incarnation]
		at, _ := slices.BinarySearchFunc(spans, t.number, func(s telling, n uint64) int { return cmp.Compare(s.last, n) })
		all[i].Retold = at < len(spans) && spans[at].first <= t.number
	}
}

// missing reads the numbers that have no readings: gaps, and records that could not be read. Numbers that were thinned are
// dated by what the device said of them, where that is known.
func (q ledgerQuery) missing(ctx context.Context, h *fleet.History) error {
	scan := func(row scanner) (m fleet.Missing, err error) {
		var kind fleet.GapKind
		err = row.Scan(&m.Incarnation, &m.First, &m.Last, &kind)
		m.State, m.Reason = gapState(kind)
		return m, err
	}
	gaps, err := list(ctx, q.tx, scan, `SELECT g.incarnation, g.first_number, g.last_number, g.kind FROM device_gaps g
		WHERE g.device_id = $1 AND g.log = $2 AND g.last_number >= g.first_number AND g.kind <> 'incarnation_lost'
		AND NOT (g.kind = 'thinned' AND EXISTS (SELECT 1 FROM thinnings t WHERE t.device_id = g.device_id
		AND t.incarnation = g.incarnation AND t.first_number <= g.first_number AND t.last_number >= g.last_number))
		ORDER BY g.incarnation, g.first_number LIMIT $3`, q.device.ID, int64(protocol.Readings), maxLedgerRows+1)
	if err != nil {
		return err
	}
	unread := fleet.Missing{State: fleet.StateQuarantined}
	err = each(ctx, q.tx, func(row scanner) error {
		var incarnation string
		var number uint64
		if err := row.Scan(&incarnation, &number); err != nil {
			return err
		}
		if incarnation == unread.Incarnation && number == unread.Last+1 {
			unread.Last = number
			return nil
		}
		if unread.First > 0 {
			gaps = append(gaps, unread)
		}
		unread.Incarnation, unread.First, unread.Last = incarnation, number, number
		if len(gaps) > maxLedgerRows {
			return errLedgerRows
		}
		return nil
	}, `SELECT incarnation, number FROM quarantine WHERE device_id = $1 AND log = $2 AND incarnation <> ''
		ORDER BY incarnation, number`, q.device.ID, int64(protocol.Readings))
	if unread.First > 0 {
		gaps = append(gaps, unread)
	}
	h.Missing = append(h.Missing, gaps...)
	return err
}

func gapState(k fleet.GapKind) (fleet.State, string) {
	switch k {
	case fleet.Thinned:
		return fleet.StateThinned, ""
	case fleet.Damaged:
		return fleet.StateDamaged, fleet.ReasonRecord
	case fleet.Discarded:
		return fleet.StateDiscarded, ""
	case fleet.Restored:
		return fleet.StateNotHeld, fleet.ReasonRestored
	}
	return fleet.StateNotHeld, fleet.ReasonNoLongerHas
}

// each runs fn on all rows of a query.
func each(ctx context.Context, tx *Tx, fn func(scanner) error, query string, args ...any) (err error) {
	rows, err := tx.query(ctx, query, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
