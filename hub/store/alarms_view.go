package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/people"
)

// AlarmLine is an alarm as people see it at a time.
type AlarmLine struct {
	alarm.Alarm
	About    alarm.Kind // what is known of its kind
	State    alarm.State
	Place    string // location, collection spot, or what the subject is in
	ServedBy string // the person who has taken its position out of service, when somebody has
}

// AlarmFilter says which alarms are asked for.
type AlarmFilter struct {
	All   bool   // those that are over, too
	Owner string // only of this role; empty for any
	Place string // only at this location or spot; empty for any
}

// AlarmLines gives alarms as they are at now, the newest first.
func (tx *Tx) AlarmLines(ctx context.Context, f AlarmFilter, now time.Time, most int) ([]AlarmLine, error) {
	query, args := "SELECT "+alarmColumns+" FROM alarms", []any{most}
	var where []string
	if !f.All {
		where = append(where, "open")
	}
	if f.Owner != "" {
		args = append(args, f.Owner)
		where = append(where, fmt.Sprintf("owner = $%d", len(args)))
	}
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY raised_at DESC, id LIMIT $1"
	if f.Place == "" {
		all, err := list(ctx, tx, scanLife, query, args...)
		if err != nil {
			return nil, err
		}
		return tx.Stand(ctx, all, now)
	}
	return tx.linesAt(ctx, f.Place, query, args, now, most)
}

// linesAt gives the alarms of a place among those of a query that ends with LIMIT: however many there are elsewhere, which place a subject is
// in is known only one by one.
func (tx *Tx) linesAt(ctx context.Context, place, query string, args []any, now time.Time, most int) (kept []AlarmLine, err error) {
	query += fmt.Sprintf(" OFFSET $%d", len(args)+1)
	for skip := 0; ; skip += most {
		page, err := list(ctx, tx, scanLife, query, append(slices.Clone(args), skip)...)
		if err != nil || len(page) == 0 {
			return kept, err
		}
		lines, err := tx.Stand(ctx, page, now)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if l.Place != place {
				continue
			}
			if kept = append(kept, l); len(kept) == most {
				return kept, nil
			}
		}
	}
}

// Stand says how alarms stand at now.
func (tx *Tx) Stand(ctx context.Context, all []alarm.Alarm, now time.Time) ([]AlarmLine, error) {
	service, err := tx.Services(ctx, now)
	if err != nil {
		return nil, err
	}
	known := map[string]alarm.Alarm{}
	for _, a := range all {
		known[a.ID] = a
	}
	lines := make([]AlarmLine, 0, len(all))
	for _, a := range all {
		var around alarm.Around
		if a.Parent != "" && !a.Done {
			parent, has := known[a.Parent]
			if !has {
				if parent, err = tx.AlarmLife(ctx, a.Parent); err != nil && !errors.Is(err, ErrNotFound) {
					return nil, err
				}
				known[a.Parent] = parent // one that is not there explains nothing
			}
			if parent.ID != "" {
				around.Parent = &parent
			}
		}
		place, err := tx.PlaceOfSubject(ctx, a.Subject)
		if err != nil {
			return nil, err
		}
		line := AlarmLine{Alarm: a, About: alarm.Of(a.Kind), Place: place}
		for _, s := range service {
			if s.Position == place || s.Position == a.Subject || strings.HasPrefix(a.Subject, s.Position+"/") {
				around.Service = append(around.Service, s)
				line.ServedBy = s.By
			}
		}
		line.State = a.State(around, now)
		lines = append(lines, line)
	}
	return lines, nil
}

// commissioningFor is how long a board that is put into service keeps the alarms of its place quiet: as long as that may take.
const commissioningFor = 15 * time.Minute

// Services gives the positions that are out of service at now: by a person's word, or because a board is put into service there.
func (tx *Tx) Services(ctx context.Context, now time.Time) ([]alarm.Service, error) {
	return list(ctx, tx, scanService, `SELECT id, position, person_id, reason, from_at, until_at, ended_at, ended_by FROM maintenance
		WHERE until_at > $1 AND from_at <= $1 AND (ended_at IS NULL OR ended_at > $1)
		UNION ALL SELECT c.id, c.location_id, c.began_by, 'a board is put into service', c.began_at, c.began_at + CAST($2 AS BIGINT), NULL, ''
		FROM commissionings c JOIN devices d ON d.id = c.device_id WHERE c.signed_at IS NULL AND d.revoked_at IS NULL
		AND c.began_at <= $1 AND c.began_at + CAST($2 AS BIGINT) > $1 ORDER BY position, from_at, id`, millis(now), commissioningFor.Milliseconds())
}

func scanService(row scanner) (s alarm.Service, err error) {
	var from, until int64
	var ended sql.NullInt64
	err = row.Scan(&s.ID, &s.Position, &s.By, &s.Reason, &from, &until, &ended, &s.Ended.By)
	s.From, s.Until, s.Ended.At = fromMillis(from), fromMillis(until), fromOptionalMillis(ended)
	return s, err
}

// AddService takes a position out of service.
func (tx *Tx) AddService(ctx context.Context, s alarm.Service) error {
	return tx.write(ctx, `INSERT INTO maintenance (id, position, person_id, reason, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		s.ID, s.Position, s.By, s.Reason, millis(s.From), millis(s.Until))
}

// EndService puts a position back into service. It is ErrNotFound when it is not out of it.
func (tx *Tx) EndService(ctx context.Context, position, by string, now time.Time) error {
	n, err := tx.exec(ctx, `UPDATE maintenance SET ended_at = $2, ended_by = $3
		WHERE position = $1 AND until_at > $2 AND from_at <= $2 AND ended_at IS NULL`, position, millis(now), by)
	if err == nil && n == 0 {
		return fmt.Errorf("%s is not out of service: %w", position, ErrNotFound)
	}
	return err
}

// TakeOutOfService takes a position out of service, with the act, and is ErrNotFound for one that the network does not have.
func (tx *Tx) TakeOutOfService(ctx context.Context, s alarm.Service) error {
	switch has, err := tx.HasPosition(ctx, s.Position); {
	case err != nil:
		return err
	case !has:
		return fmt.Errorf("position %s: %w", s.Position, ErrNotFound)
	}
	if err := tx.AddService(ctx, s); err != nil {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(s.From, s.By, "maintenance.begin", s.Position, s.Reason))
}

// PutIntoService is EndService with the act.
func (tx *Tx) PutIntoService(ctx context.Context, position, by string, now time.Time) error {
	if err := tx.EndService(ctx, position, by, now); err != nil {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(now, by, "maintenance.end", position, ""))
}

// HasPosition says whether alarms can be about a position: a fridge, location, collection spot, shipper or device.
func (tx *Tx) HasPosition(ctx context.Context, id string) (bool, error) {
	for _, table := range []string{"fridges", "locations", "collection_spots", "shippers", "devices"} {
		var n int
		if err := tx.row(ctx, "SELECT COUNT(*) FROM "+table+" WHERE id = $1", id).Scan(&n); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// AlarmHistory gives what happened to an alarm, in the order in which it became known.
func (tx *Tx) AlarmHistory(ctx context.Context, id string, most int) ([]alarm.Transition, error) {
	return list(ctx, tx, func(row scanner) (t alarm.Transition, err error) {
		var at int64
		err = row.Scan(&t.Number, &at, &t.What, &t.By, &t.Detail, &t.Revision)
		t.At = fromMillis(at)
		return t, err
	}, "SELECT number, at, what, person_id, detail, revision FROM alarm_history WHERE alarm_id = $1 ORDER BY number LIMIT $2", id, most)
}

// AlarmRevision is an alarm as it was before it was judged anew.
type AlarmRevision struct {
	Revision                int
	Detail                  alarm.Said
	Raised, Cleared         time.Time
	Acknowledged, Confirmed alarm.Mark
	Revised                 time.Time // when the next one took its place
}

// AlarmRevisions gives the earlier revisions of an alarm, the first one first.
func (tx *Tx) AlarmRevisions(ctx context.Context, id string, most int) ([]AlarmRevision, error) {
	return list(ctx, tx, func(row scanner) (r AlarmRevision, err error) {
		var raised, revised int64
		var cleared, acknowledged, confirmed sql.NullInt64
		err = row.Scan(&r.Revision, &r.Detail, &raised, &cleared, &acknowledged, &r.Acknowledged.By, &confirmed, &r.Confirmed.By, &revised)
		r.Raised, r.Revised, r.Cleared = fromMillis(raised), fromMillis(revised), fromOptionalMillis(cleared)
		r.Acknowledged.At, r.Confirmed.At = fromOptionalMillis(acknowledged), fromOptionalMillis(confirmed)
		return r, err
	}, `SELECT revision, detail, raised_at, cleared_at, acknowledged_at, acknowledged_by, confirmed_at, confirmed_by, revised_at
		FROM alarm_revisions WHERE alarm_id = $1 ORDER BY revision LIMIT $2`, id, most)
}
