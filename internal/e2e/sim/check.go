package sim

import (
	"database/sql"
	"fmt"
	"time"

	"meguri/protocol"
)

// branch notes that from now on a device's records may come under several numberings, since a copy of its storage of that time
// will be used.
func (m *model) branch(device string, copied time.Time) {
	m.with(device, func(t *truth) {
		t.branched = true
		t.forgotten = append(t.forgotten, span{copied, m.now()})
	})
}

// lose notes that a copy of a device's storage is gone with what it held.
func (m *model) lose(device string) {
	m.with(device, func(t *truth) {
		if n := len(t.forgotten); n > 0 {
			t.forgotten[n-1].until = m.now()
		}
	})
}

// everyLook is how often minute looks.
const everyLook = 5*time.Minute + 77*time.Microsecond

// minute looks at what has to hold at any moment, faults or not.
func (s *sim) minute() {
	l := s.hub.alive()
	if l == nil {
		return
	}
	s.checkLogs(l)
	if s.MQTT { // nobody listens on the wire
		for _, d := range s.order {
			s.model.learn(l, d.id)
		}
	}
	if time.Since(l.since) < time.Minute || s.hub.failing.Load() || s.hub.trip.Load() != tripNone {
		return
	}
	for _, d := range s.order {
		branched := false
		s.model.with(d.id, func(t *truth) { branched = t.branched })
		if branched || d.running(time.Minute) == nil || !d.line.steady(time.Minute) {
			continue
		}
		s.checkOwed(l, d)
		var online, known bool
		if err := l.raw.QueryRowContext(l.ctx, "SELECT online, presence_known FROM devices WHERE id = ?", d.id).Scan(&online, &known); err == nil &&
			!online && known && s.hub.alive() == l {
			s.model.fail("%s has been connected for a minute, and the hub says that it is not there", d.id)
		}
	}
}

// checkOwed: a plan that the hub owes to a device reaches it while nothing is in the way. The hub sends what is owed again every
// minute at the latest, so what it owed at one look and still owes at the next has been held up. After its start it owes nothing
// to a device before it has heard of it.
func (s *sim) checkOwed(l *hubLife, d *device) {
	before := d.owed
	d.owed = owed{}
	if d.running(everyLook+time.Minute) == nil || !d.line.steady(everyLook+time.Minute) {
		return
	}
	now := owed{life: l}
	err := l.raw.QueryRowContext(l.ctx, "SELECT plan_sent FROM devices WHERE id = ? AND online AND plan_sent > plan_active", d.id).Scan(&now.plan)
	if err != nil || s.hub.alive() != l {
		return // nothing is owed, or the hub has just died
	}
	d.owed = now
	if now == before {
		s.model.fail("%s is connected, is owed plan %d, and has not got it for %s", d.id, now.plan, everyLook)
	}
}

// checkLogs: each number that the hub has passed is in its tables, or in a gap with a name; and none beyond.
func (s *sim) checkLogs(l *hubLife) {
	rows, err := l.raw.QueryContext(l.ctx, `SELECT g.device_id, g.incarnation, g.log, g.next_number,
		(SELECT count(*) FROM events e WHERE e.device_id = g.device_id AND e.incarnation = g.incarnation AND g.log = 1),
		(SELECT coalesce(max(number), 0) FROM events e WHERE e.device_id = g.device_id AND e.incarnation = g.incarnation AND g.log = 1)
		FROM device_logs g WHERE g.log = 1`)
	if err != nil {
		return // it has just died
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		var device, incarnation string
		var log, next, count, most uint64
		if rows.Scan(&device, &incarnation, &log, &next, &count, &most) != nil {
			return
		}
		branched := false
		s.model.with(device, func(t *truth) { branched = t.branched })
		if branched && most < next { // what an incarnation has brought along from another is not stored again
			continue
		}
		missing := s.gapped(l.raw, device, incarnation, uint8(log), next)
		if count+missing != next-1 || most >= next {
			s.model.fail("%s %s: the hub expects event %d, has %d, up to %d, and names %d missing", device, incarnation[:6], next, count, most, missing)
		}
	}
}

// gapped counts the numbers below next in gaps.
func (s *sim) gapped(db *sql.DB, device, incarnation string, log uint8, next uint64) (n uint64) {
	seen := map[uint64]bool{}
	s.each(db, func(rows *sql.Rows) error {
		var first, last uint64
		if err := rows.Scan(&first, &last); err != nil {
			return err
		}
		for i := first; i <= last && i < next; i++ {
			seen[i] = true
		}
		return nil
	}, "SELECT first_number, last_number FROM device_gaps WHERE device_id = ? AND incarnation = ? AND log = ?", device, incarnation, log)
	if log == uint8(protocol.Events) { // after a restored backup, what was named missing may have come from a quarantine
		s.each(db, func(rows *sql.Rows) error {
			var number uint64
			if err := rows.Scan(&number); err != nil {
				return err
			}
			delete(seen, number)
			return nil
		}, "SELECT number FROM events WHERE device_id = ? AND incarnation = ?", device, incarnation)
	}
	return uint64(len(seen))
}

func (s *sim) each(db *sql.DB, fn func(*sql.Rows) error, query string, args ...any) {
	rows, err := db.Query(query, args...)
	if err != nil {
		s.model.fail("%s: %v", query, err)
		return
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		if err := fn(rows); err != nil {
			s.model.fail("%s: %v", query, err)
			return
		}
	}
}

// agreed says what keeps hub and devices from agreeing yet; empty when nothing does.
func (s *sim) agreed(want map[string]map[protocol.LogID]uint64, until time.Time) string {
	l := s.hub.alive()
	if l == nil {
		return "the hub is down"
	}
	for _, d := range s.order {
		var incarnation, why string
		events := s.heard(l, d.id)
		s.model.with(d.id, func(t *truth) {
			if wrong := s.compareAll(t, events, until); t.branched && len(wrong) > 0 {
				why = wrong[0]
			}
		})
		branched, badClock := false, false
		s.model.with(d.id, func(t *truth) {
			incarnation, branched, badClock = t.life().incarnation.String(), t.branched, t.badClock
		})
		for log, last := range want[d.id] {
			var next uint64
			err := l.raw.QueryRow("SELECT coalesce(max(next_number), 0) FROM device_logs WHERE device_id = ? AND incarnation = ? AND log = ?",
				d.id, incarnation, uint8(log)).Scan(&next)
			if err != nil || next <= last {
				why = fmt.Sprintf("%s: of %s the hub expects %d, and %d is recorded (%v)", d.id, log, next, last, err)
			}
		}
		var online bool
		var active, newest uint64
		var open int
		var outcome string
		err := l.raw.QueryRow(`SELECT online, plan_active, (SELECT coalesce(max(version), 0) FROM plans p WHERE p.device_id = d.id),
			(SELECT count(*) FROM commands c WHERE c.device_id = d.id AND outcome = ''),
			(SELECT outcome FROM commands c WHERE c.id = ?) FROM devices d WHERE id = ?`, lastCommand+d.id, d.id).
			Scan(&online, &active, &newest, &open, &outcome)
		switch {
		case why != "", branched && err == nil: // which of the branches is the current one, a person decides
		case err != nil:
			why = err.Error()
		case !online:
			why = d.id + " is not online"
		case active != newest:
			why = fmt.Sprintf("%s has plan %d of %d", d.id, active, newest)
		case outcome != "done" && !(badClock && outcome == "expired"):
			why = fmt.Sprintf("%s: the last command is %q", d.id, outcome)
		case open > 0:
			why = fmt.Sprintf("%s has %d open commands", d.id, open)
		}
		if why != "" {
			return why
		}
	}
	return ""
}

// row is an event in the hub.
type row struct {
	kind    protocol.Kind
	body    string
	outcome string
	reason  string
	boot    uint64
	mono    int64
	claimed int64
	at      time.Time
	within  time.Duration
}

// final compares all that the hub has with all that was recorded.
func (s *sim) final(until time.Time) {
	l := s.hub.alive()
	for _, d := range s.order {
		events := s.heard(l, d.id)
		s.model.with(d.id, func(t *truth) {
			if t.branched {
				for _, w := range s.compareAll(t, events, until) {
					s.model.broken("%s", w)
				}
				return
			}
			for i, life := range t.lives {
				s.compareLife(l.raw, t, life, i == len(t.lives)-1, events[life.incarnation.String()], until)
			}
			s.compareLedger(l, t, until)
		})
	}
}

// heard is what the hub has of a device, by incarnation and number.
func (s *sim) heard(l *hubLife, device string) map[string]map[uint64]row {
	events := map[string]map[uint64]row{}
	s.each(l.raw, func(rows *sql.Rows) error {
		var r row
		var incarnation string
		var number uint64
		var body []byte
		var millis, within int64
		err := rows.Scan(&incarnation, &number, &r.kind, &body, &r.outcome, &r.reason, &r.boot, &r.mono, &r.claimed, &millis, &within)
		r.at, r.within = time.UnixMilli(millis), time.Duration(within)*time.Millisecond
		if events[incarnation] == nil {
			events[incarnation] = map[uint64]row{}
		}
		r.body = string(body)
		events[incarnation][number] = r
		return err
	}, "SELECT incarnation, number, kind, body, outcome, reason, boot, mono, claimed_at, event_at, uncertainty_ms FROM events WHERE device_id = ?", device)
	return events
}

// ofDevice are kinds that a log may write by itself, without the agent's knowledge.
func ofDevice(k protocol.Kind) bool {
	return k == protocol.KindSalvaged || k == protocol.KindDamaged || k == protocol.KindThinned || k == 0
}

// ofStorage are kinds that say something of the storage itself, and hold for the one that it goes on in, too.
func ofStorage(k protocol.Kind) bool {
	switch k {
	case protocol.KindBooted, protocol.KindClockSet, protocol.KindPlanApplied, protocol.KindSamplingSet, protocol.KindStopped:
		return true
	}
	return ofDevice(k)
}

// dated is how far an event's time may be from the truth without being marked.
const dated = 2 * time.Second

// compareLife wants each event of a storage once, as it was recorded, or in a gap that has a reason. The caller holds the
// model.
func (s *sim) compareLife(db *sql.DB, t *truth, l *life, inUse bool, has map[uint64]row, until time.Time) {
	gaps := map[uint64]bool{}
	s.eachLocked(db, func(rows *sql.Rows) error {
		var first, last uint64
		err := rows.Scan(&first, &last)
		for n := first; n <= last && n < first+1_000_000; n++ {
			gaps[n] = true
		}
		return err
	}, "SELECT first_number, last_number FROM device_gaps WHERE device_id = ? AND incarnation = ? AND log = 1", t.id, l.incarnation.String())
	for n, f := range l.facts[protocol.Events] {
		r, ok := has[n]
		switch {
		case ok && !t.owes && r.at.Sub(f.at).Abs() > r.within+dated:
			s.model.broken("%s: event %d of kind %d was at %s, and the hub says %s, within %s", t.id, n, f.kind, f.at.Format(time.DateTime),
				r.at.UTC().Format(time.DateTime), r.within)
		case ok && (r.kind != f.kind || r.body != f.body):
			s.model.broken("%s: event %d was recorded as kind %d and the hub has kind %d, or another body", t.id, n, f.kind, r.kind)
		case ok, f.at.After(until), l.destroyed && !inUse:
		case gaps[n] && s.model.rewound:
		case gaps[n]:
			s.model.broken("%s: event %d is in a gap, and nothing was destroyed (P1)", t.id, n)
		default:
			s.model.broken("%s: event %d of kind %d, recorded at %s, is lost (P1)", t.id, n, f.kind, f.at.Format(time.DateTime))
		}
	}
	s.compareReadings(db, t, l, inUse, until)
	for n, r := range has {
		if _, ok := l.facts[protocol.Events][n]; !ok && l.unknown == 0 && !ofDevice(r.kind) {
			s.model.broken("%s: the hub has an event %d of kind %d that was never recorded", t.id, n, r.kind)
		}
		if r.outcome != "applied" && !s.model.restored {
			s.model.odd++
			s.model.trace("%s event %d kind %d %s %s", t.id, n, r.kind, r.outcome, r.reason)
		}
	}
}

// compareAll wants each event once, under whatever number, but for what was destroyed. The caller holds the model.
func (s *sim) compareAll(t *truth, has map[string]map[uint64]row, until time.Time) (wrong []string) {
	type event struct {
		kind protocol.Kind
		body string
	}
	heard, distinct, seen := map[event]int{}, map[event]int{}, map[row]string{}
	excused := 0
	for _, l := range t.lives {
		excused += l.unknown
	}
	for incarnation, rows := range has {
		for _, r := range rows {
			heard[event{r.kind, r.body}]++
			// What a copied card held undelivered comes from both copies; but boots of two copies may be alike, too. What a storage
			// says of itself the hub keeps for each incarnation that brings it along.
			same := row{kind: r.kind, body: r.body, boot: r.boot, mono: r.mono, claimed: r.claimed}
			first, again := seen[same]
			if !again || len(t.forgotten) == 0 && (first == incarnation || !ofStorage(r.kind)) {
				distinct[event{r.kind, r.body}]++
			}
			seen[same] = incarnation
			if r.kind == protocol.KindDamaged {
				excused++
			}
			var salvaged protocol.Salvaged
			if r.kind == protocol.KindSalvaged && protocol.DecodeBody([]byte(r.body), &salvaged) == nil {
				for _, lost := range salvaged.Lost {
					if lost.Log == protocol.Events {
						excused += int(lost.To - lost.From + 1)
					}
				}
			}
		}
	}
	recorded, wanted := map[event]int{}, map[event]int{}
	var first fact
	missing := 0
	for _, l := range t.lives {
		for _, f := range l.all {
			e := event{f.kind, f.body}
			if f.twin {
				continue // nobody can tell it from the other
			}
			recorded[e]++
			if f.at.After(until) || t.excuses(f.at) || l.destroyed {
				continue // of alike ones, as the beginnings of boots are, this may be the one that is gone
			}
			if wanted[e]++; wanted[e] > heard[e] {
				missing++
				first = f
			}
		}
	}
	if missing > excused && !s.model.rewound {
		wrong = append(wrong, fmt.Sprintf("%s: %d events are lost and %d may be, among them one of kind %d at %s (P1)", t.id, missing, excused, first.kind,
			first.at.Format(time.DateTime)))
	}
	for e, n := range distinct {
		if n > recorded[e]+excused && !ofDevice(e.kind) {
			wrong = append(wrong, fmt.Sprintf("%s: the hub has %d events of kind %d, and %d were recorded", t.id, n, e.kind, recorded[e]))
		}
	}
	return wrong
}

// excuses says whether an event may be gone with a storage that was put away.
func (t *truth) excuses(at time.Time) bool {
	for _, f := range t.forgotten {
		if !at.Before(f.from) && !at.After(f.until) {
			return true
		}
	}
	return false
}

// eachLocked is each for callers that hold the model.
func (s *sim) eachLocked(db *sql.DB, fn func(*sql.Rows) error, query string, args ...any) {
	rows, err := db.Query(query, args...)
	if err != nil {
		s.model.broken("%s: %v", query, err)
		return
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		if err := fn(rows); err != nil {
			s.model.broken("%s: %v", query, err)
			return
		}
	}
}

// compareReadings wants each reading with all its samples, or an account of it. The caller holds the model.
func (s *sim) compareReadings(db *sql.DB, t *truth, l *life, inUse bool, until time.Time) {
	has := map[uint64]int{}
	s.eachLocked(db, func(rows *sql.Rows) error {
		var number uint64
		var n int
		err := rows.Scan(&number, &n)
		has[number] = n
		return err
	}, "SELECT number, sum(samples) FROM readings WHERE device_id = ? AND incarnation = ? GROUP BY number", t.id, l.incarnation.String())
	missing := map[uint64]string{}
	s.eachLocked(db, func(rows *sql.Rows) error {
		var first, last uint64
		var kind string
		err := rows.Scan(&first, &last, &kind)
		for n := first; n <= last && n < first+1_000_000; n++ {
			missing[n] = kind
		}
		return err
	}, "SELECT first_number, last_number, kind FROM device_gaps WHERE device_id = ? AND incarnation = ? AND log = 2", t.id, l.incarnation.String())
	for n, f := range l.facts[protocol.Readings] {
		got, ok := has[n]
		kind := missing[n]
		switch {
		case ok && got == f.size, f.size == 0, f.at.After(until), !ok && l.destroyed && !inUse:
		case ok:
			s.model.broken("%s: reading %d has %d samples, and the hub has %d", t.id, n, f.size, got)
		case kind == "thinned", kind != "" && s.model.rewound:
		default:
			s.model.broken("%s: reading %d of %s is missing, and the hub says of it %q (P2)", t.id, n, f.at.Format(time.DateTime), kind)
		}
	}
	for n := range has { // a log that thins writes again what was taken in an alarm
		if _, ok := l.facts[protocol.Readings][n]; !ok && l.unknown == 0 && !s.Has(Thinning) {
			s.model.broken("%s: the hub has a reading %d that was never recorded", t.id, n)
		}
	}
}
