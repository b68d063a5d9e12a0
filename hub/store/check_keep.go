package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/check"
)

// AlarmCheck is the kind of the alarms of findings, and of the work items of those that have no repair.
const AlarmCheck = "check"

const (
	maxCheckAlarms = 100  // open at once: a broken import must not bury all others
	maxLooks       = 1000 // that are kept
	maxGone        = 1000 // findings that are gone, and kept
)

// findingDetail is what a finding's row keeps as JSON.
type findingDetail struct {
	Args        []string           `json:"args"`
	Rows        []check.Row        `json:"rows"`
	Orders      []string           `json:"orders"`
	More        int                `json:"more,omitempty"`
	Dates       []string           `json:"dates"`
	Repair      string             `json:"repair,omitempty"`
	Why         *check.Why         `json:"why,omitempty"`
	Differences []check.Difference `json:"differences,omitempty"`
}

// FindingView is a finding as kept.
type FindingView struct {
	ID, Date, Subject   string
	Kind                check.Kind
	Severity            check.Severity
	Args                []string
	Rows                []check.Row
	Orders              []string
	More                int
	Dates               []string  // that its repair is applied to
	Repair              string    // id; empty where there is none
	None                check.Why // why there is none
	Differences         []check.Difference
	Departs             time.Time // zero when no run is concerned
	First, Last, GoneAt time.Time // GoneAt is zero while it is there
}

// Text tells it in English.
func (f FindingView) Text() string { return f.Kind.Text(f.Args) }

const findingColumns = "id, kind, severity, delivery_date, subject, detail, departs_at, first_seen, last_seen, gone_at FROM findings "

func scanFinding(row scanner) (FindingView, error) {
	var f FindingView
	var detail string
	var departs, gone sql.NullInt64
	var first, last int64
	err := row.Scan(&f.ID, &f.Kind, &f.Severity, &f.Date, &f.Subject, &detail, &departs, &first, &last, &gone)
	if err != nil {
		return f, err
	}
	var d findingDetail
	if err := json.Unmarshal([]byte(detail), &d); err != nil {
		return f, fmt.Errorf("finding %s: %w", f.ID, err)
	}
	f.Args, f.Rows, f.Orders, f.More, f.Dates = d.Args, d.Rows, d.Orders, d.More, d.Dates
	f.Repair, f.Differences = d.Repair, d.Differences
	if d.Why != nil {
		f.None = *d.Why
	}
	f.Departs, f.GoneAt = fromOptionalMillis(departs), fromOptionalMillis(gone)
	f.First, f.Last = fromMillis(first), fromMillis(last)
	return f, nil
}

// Findings gives what is found and not gone, by severity and then by departure; with goneToo also what is gone, after that.
func (tx *Tx) Findings(ctx context.Context, goneToo bool, most int) ([]FindingView, error) {
	where := "WHERE gone_at IS NULL "
	if goneToo {
		where = ""
	}
	return list(ctx, tx, scanFinding, "SELECT "+findingColumns+where+
		"ORDER BY CASE WHEN gone_at IS NULL THEN 0 ELSE gone_at END, severity, COALESCE(departs_at, 9223372036854775807), delivery_date, id LIMIT $1", most)
}

// FindingsOpen counts what is found and not gone.
func (tx *Tx) FindingsOpen(ctx context.Context) (n int, err error) {
	err = tx.row(ctx, "SELECT COUNT(*) FROM findings WHERE gone_at IS NULL").Scan(&n)
	return n, err
}

// Finding gives one finding that is not gone, or ErrNotFound.
func (tx *Tx) Finding(ctx context.Context, id string) (FindingView, error) {
	f, err := scanFinding(tx.row(ctx, "SELECT "+findingColumns+"WHERE id = $1 AND gone_at IS NULL", id))
	if errors.Is(err, sql.ErrNoRows) {
		return f, fmt.Errorf("finding %s: %w", id, ErrNotFound)
	}
	return f, err
}

// LookView is the last look at everything.
type LookView struct {
	At                               time.Time
	Took                             time.Duration
	Dates, Containers, Orders, Items int
	Findings, Omitted                int
}

// LastLook gives the last look at everything; found is false before the first.
func (tx *Tx) LastLook(ctx context.Context) (LookView, bool, error) {
	return one(tx.row(ctx, `SELECT at, took_ms, dates, containers, orders, items, findings, omitted FROM check_looks
		ORDER BY at DESC LIMIT 1`), func(row scanner) (l LookView, err error) {
		var at, took int64
		err = row.Scan(&at, &took, &l.Dates, &l.Containers, &l.Orders, &l.Items, &l.Findings, &l.Omitted)
		l.At, l.Took = fromMillis(at), time.Duration(took)*time.Millisecond
		return l, err
	})
}

// KeepLook stores a look at everything and forgets the oldest.
func (c checkTx) KeepLook(ctx context.Context, r check.Report, now time.Time, took time.Duration) error {
	err := c.tx.write(ctx, `INSERT INTO check_looks (at, took_ms, dates, containers, orders, items, findings, omitted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (at) DO UPDATE SET took_ms = $2, dates = $3, containers = $4, orders = $5,
		items = $6, findings = $7, omitted = $8`, millis(now), took.Milliseconds(), r.Count.Dates, r.Count.Containers, r.Count.Orders,
		r.Count.Items, len(r.Findings), r.Omitted)
	if err != nil {
		return err
	}
	err = c.tx.write(ctx, `DELETE FROM check_looks WHERE at < (SELECT MIN(at) FROM (
		SELECT at FROM check_looks ORDER BY at DESC LIMIT $1) AS newest)`, maxLooks)
	return err
}

// KeepFindings stores what is found of dates, all when none is given: a finding that is new, or has come back, raises an alarm,
// and work when a person has to decide; one that is gone clears them.
func (c checkTx) KeepFindings(ctx context.Context, dates []string, r check.Report, now time.Time) error {
	open, err := list(ctx, c.tx, scanFinding, "SELECT "+findingColumns+"WHERE gone_at IS NULL")
	if err != nil {
		return err
	}
	was := map[string]FindingView{}
	for _, f := range open {
		was[f.ID] = f
	}
	alarms := len(open)
	for _, f := range r.Findings {
		first := now
		if old, known := was[f.ID]; known {
			first = old.First
			delete(was, f.ID)
		} else {
			alarms++
		}
		if err := c.keepFinding(ctx, f, first, now, alarms <= maxCheckAlarms); err != nil {
			return fmt.Errorf("finding %s: %w", f.ID, err)
		}
	}
	for _, f := range was {
		if r.Omitted > 0 || dates != nil && !slices.Contains(dates, f.Date) {
			continue // not looked at, or perhaps among those that were left out
		}
		if err := c.findingGone(ctx, f, now); err != nil {
			return fmt.Errorf("finding %s: %w", f.ID, err)
		}
	}
	return c.tx.write(ctx, `DELETE FROM findings WHERE gone_at < (SELECT MIN(gone_at) FROM (
		SELECT gone_at FROM findings WHERE gone_at IS NOT NULL ORDER BY gone_at DESC LIMIT $1) AS newest)`, maxGone)
}

// checkAlarm is the id of a finding's alarm, and of its work: the same finding that comes back is another one.
func checkAlarm(id string, first time.Time) string {
	return fmt.Sprintf("%s/%s/%d", AlarmCheck, id, millis(first))
}

func (c checkTx) keepFinding(ctx context.Context, f check.Finding, first, now time.Time, call bool) error {
	var why *check.Why
	if f.Repair.None.Obstacle != "" {
		why = &f.Repair.None
	}
	detail, err := json.Marshal(findingDetail{f.Args, f.Rows, f.Orders, f.More, f.Dates(), f.Repair.ID, why, f.Repair.Differences()})
	if err != nil {
		return err
	}
	err = c.tx.write(ctx, `INSERT INTO findings (id, kind, severity, delivery_date, subject, detail, departs_at, first_seen, last_seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET severity = $3, detail = $6, departs_at = $7,
		first_seen = $8, last_seen = $9, gone_at = NULL`, f.ID, string(f.Kind), int64(f.Severity()), f.Date, f.Subject, string(detail),
		optionalMillis(f.Departs), millis(first), millis(now))
	if err != nil || f.Severity() == check.Noticed {
		return err
	}
	id := checkAlarm(f.ID, first)
	if call {
		if err := c.tx.RaiseAlarm(ctx, id, AlarmCheck, f.Subject, alarm.Said(f.Text()), first); err != nil {
			return err
		}
	}
	if !f.Repair.Work {
		return c.tx.SettleWork(ctx, id, now)
	}
	text := f.Text() + " No repair is proposed: " + f.Repair.None.Text() + "."
	if len(f.Orders) > 0 {
		text += fmt.Sprintf(" Orders affected: %s.", strings.Join(f.Orders, ", "))
	}
	if f.More > 0 {
		text += fmt.Sprintf(" And %d more.", f.More)
	}
	return c.tx.OpenWork(ctx, id, AlarmCheck, f.Subject, text, first)
}

func (c checkTx) findingGone(ctx context.Context, f FindingView, now time.Time) error {
	if err := c.tx.write(ctx, "UPDATE findings SET gone_at = $2 WHERE id = $1", f.ID, millis(now)); err != nil {
		return err
	}
	id := checkAlarm(f.ID, f.First)
	if err := c.tx.ClearAlarmOf(ctx, id, now); err != nil {
		return err
	}
	return c.tx.SettleWork(ctx, id, now)
}
