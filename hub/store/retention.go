package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"meguri/hub/retention"
)

// retained is what is kept of a class in one table.
type retained struct {
	class, table, key string
	at                string // when its time of keeping begins: for what opens or lets in, when it ends to do so
	since             string // when it came to be, where that is not at
	old               string // which rows have it, and nothing open needs them
	set               string // what is done with them; empty: they are deleted
	// by does it instead, where one table is not all of it.
	by func(tx *Tx, ctx context.Context, before time.Time, most int) (deleted int, more bool, err error)
}

// born is the column by which it is told how old the oldest is.
func (r retained) born() string { return cmp.Or(r.since, r.at) }

const always = "1 = 1"

// retainedTables are all of them. A new kind of personal data gets a line here.
var retainedTables = []retained{
	// While locks may still take a code that was revoked, the hub has to know it.
	{class: "codes", table: "grants", key: "id", at: "valid_until", since: "CASE WHEN issued_at > 0 THEN issued_at ELSE valid_from END",
		old: "pin <> '' AND (revoked_at IS NULL OR revoke_ended <> '')", set: "pin = ''"},
	{class: "codes", table: "passes", key: "id", at: "valid_until", since: "issued_at", old: "pin <> ''", set: "pin = ''"},
	{class: "codes", table: "plans", at: "made_at", old: replaced, by: (*Tx).prunePlans},
	{class: "visitors", table: "passes", key: "id", at: "valid_until", since: "issued_at", old: "reason <> ''", set: "reason = ''"},
	{class: "visitors", table: "names", key: "owner_id", at: "(SELECT valid_until FROM passes p WHERE p.id = names.owner_id)",
		since: "(SELECT issued_at FROM passes p WHERE p.id = names.owner_id)", old: "kind = 'pass'"},
	{class: "visitors", table: "names", key: "owner_id", at: "(SELECT ended_at FROM door_openings o WHERE o.id = names.owner_id)", old: "kind = 'opening'"},
	{class: "sessions", table: "sessions", key: "token_hash", at: "expires_at", since: "made_at", old: always},
	{class: "sessions", table: "login_links", key: "token_hash", at: "expires_at", since: "made_at", old: always},
	{class: "notices", table: "customer_notices", key: "number", at: "made_at",
		old: "EXISTS (SELECT 1 FROM orders o WHERE o.id = customer_notices.order_id AND o.ended_at IS NOT NULL)"},
	// A notice is what keeps it from being sent again: it goes when nothing can ask for it any more.
	{class: "outgoing", table: "alarm_notices", key: "id", at: "settled_at",
		old: "EXISTS (SELECT 1 FROM alarms a WHERE a.id = alarm_notices.alarm_id AND NOT a.open)"},
	{class: "outgoing", table: "rental_notices", key: "id", at: "sent_at",
		old: "EXISTS (SELECT 1 FROM rental_orders o WHERE o.id = rental_notices.order_id AND o.state IN ('closed', 'cancelled'))"},
	{class: "outgoing", table: "payment_events", key: "id", at: "received_at", old: always},
	{class: "looks", table: "looks", key: "id", at: "at", old: always},
	{class: "accounts", table: "contact_marks", key: "id", at: "(SELECT removed_at FROM persons p WHERE p.id = contact_marks.id)", old: always},
	{class: "accounts", table: "contact_keys", key: "id", at: "(SELECT removed_at FROM persons p WHERE p.id = contact_keys.id)", old: always},
	{class: "accounts", table: "passwords", key: "person_id", at: "(SELECT removed_at FROM persons p WHERE p.id = passwords.person_id)", old: always},
	{class: "accounts", table: "names", key: "owner_id", at: "(SELECT removed_at FROM persons p WHERE p.id = names.owner_id)", old: "kind IN ('person', 'login')"},
	{class: "temperatures", table: "reading_blocks", at: "first_at", old: always},
	{class: "temperatures", table: "readings", at: "event_at", old: always},
	{class: "orders", table: "orders", at: "placed_at", old: always},
}

// SetRetention sets for how long a class is kept.
func (tx *Tx) SetRetention(ctx context.Context, s retention.Setting, by string, now time.Time) error {
	return tx.write(ctx, `INSERT INTO retention (class, days, set_by, set_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (class) DO UPDATE SET days = excluded.days, set_by = excluded.set_by, set_at = excluded.set_at`, s.Class, s.Days, by, millis(now))
}

// Retained gives the status of each class.
func (tx *Tx) Retained(ctx context.Context) (all []retention.Status, err error) {
	for _, c := range retention.Classes() {
		s := retention.Status{Class: c, Kept: c.Days}
		var ran sql.NullInt64
		err := tx.row(ctx, `SELECT COALESCE((SELECT days FROM retention WHERE class = $1), $2),
			(SELECT MAX(finished_at) FROM retention_runs WHERE class = $1),
			COALESCE((SELECT deleted FROM retention_runs WHERE class = $1 AND finished_at IS NOT NULL ORDER BY run_date DESC LIMIT 1), 0)`,
			c.Name, int64(c.Days)).Scan(&s.Kept, &ran, &s.Deleted)
		if err != nil {
			return nil, err
		}
		s.Ran = fromOptionalMillis(ran)
		if s.Oldest, err = tx.oldestOf(ctx, c.Name); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (tx *Tx) oldestOf(ctx context.Context, class string) (oldest time.Time, err error) {
	for _, r := range retainedTables {
		if r.class != class {
			continue
		}
		var at sql.NullInt64
		query := fmt.Sprintf("SELECT MIN(%s) FROM %s WHERE %s", r.born(), r.table, r.old)
		if r.old == always { // by the index, where there is one
			query = fmt.Sprintf("SELECT MIN(%s) FROM %s", r.born(), r.table)
		}
		if err := tx.row(ctx, query).Scan(&at); err != nil {
			return oldest, fmt.Errorf("%s: %w", r.table, err)
		}
		if t := fromOptionalMillis(at); at.Valid && (oldest.IsZero() || t.Before(oldest)) {
			oldest = t
		}
	}
	return oldest, nil
}

// DeleteRetained deletes up to most rows of each table of a class that are older than before.
func (tx *Tx) DeleteRetained(ctx context.Context, class string, before time.Time, most int) (deleted int, more bool, err error) {
	for _, r := range retainedTables {
		if r.class != class {
			continue
		}
		if r.by != nil {
			n, left, err := r.by(tx, ctx, before, most)
			if err != nil {
				return deleted, false, fmt.Errorf("%s: %w", r.table, err)
			}
			deleted, more = deleted+n, more || left
			continue
		}
		do := "DELETE FROM " + r.table
		if r.set != "" {
			do = "UPDATE " + r.table + " SET " + r.set
		}
		n, err := tx.exec(ctx, fmt.Sprintf("%s WHERE %s IN (SELECT %s FROM %s WHERE %s < $1 AND %s LIMIT $2)", do, r.key, r.key, r.table, r.at, r.old),
			millis(before), most)
		if err != nil {
			return deleted, false, fmt.Errorf("%s: %w", r.table, err)
		}
		deleted, more = deleted+int(n), more || int(n) >= most
	}
	return deleted, more, nil
}

// Retention is the store that package retention works on.
func (s *Store) Retention() retention.Store { return retentionStore{s} }

type retentionStore struct{ s *Store }

func (r retentionStore) Retained(ctx context.Context) (all []retention.Status, err error) {
	err = r.s.Read(ctx, func(tx *Tx) error {
		all, err = tx.Retained(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	asides, err := r.s.Asides(ctx)
	for i := range all {
		if all[i].Name == retention.SetAside && len(asides) > 0 {
			all[i].Oldest = asides[0].At
		}
	}
	return all, err
}

func (r retentionStore) ClaimRetention(ctx context.Context, class, date string, now, until time.Time) (mine bool, err error) {
	err = r.s.Change(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, `INSERT INTO retention_runs (class, run_date, claimed_until) VALUES ($1, $2, $4)
			ON CONFLICT (class, run_date) DO UPDATE SET claimed_until = excluded.claimed_until
			WHERE retention_runs.finished_at IS NULL AND retention_runs.claimed_until < $3`, class, date, millis(now), millis(until))
		mine = n > 0
		return err
	})
	return mine, err
}

func (r retentionStore) DeleteRetained(ctx context.Context, class string, before time.Time, most int) (deleted int, more bool, err error) {
	if class == retention.SetAside {
		return r.s.dropAsides(ctx, before, most)
	}
	err = r.s.Change(ctx, func(tx *Tx) error {
		deleted, more, err = tx.DeleteRetained(ctx, class, before, most)
		return err
	})
	return deleted, more, err
}

func (r retentionStore) EndRetention(ctx context.Context, class, date string, deleted int, now time.Time) error {
	if deleted > 0 {
		if err := r.s.scrub(ctx); err != nil {
			return err
		}
	}
	return r.s.Change(ctx, func(tx *Tx) error {
		return tx.write(ctx, `UPDATE retention_runs SET finished_at = $3, deleted = $4 WHERE class = $1 AND run_date = $2`, class, date, millis(now), deleted)
	})
}

func (r retentionStore) LastBackup(ctx context.Context) (at time.Time, err error) {
	err = r.s.Read(ctx, func(tx *Tx) error {
		all, err := tx.Backups(ctx, 1)
		if len(all) > 0 {
			at = all[0].Began
		}
		return err
	})
	return at, err
}
