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
	"meguri/hub/dispatch"
	"meguri/hub/payment"
)

// This file and its siblings views_*.go read for pages and for the API. They decide nothing.

// LocationView is a pickup station with its fridges.
type LocationView struct {
	ID, GLN, Name, Address string
	Latitude, Longitude    float64
	Fridges                []FridgeView
}

// FridgeView is a fridge with what is known of it now. Its lock is the position of the same id.
type FridgeView struct {
	ID, LocationID, Kind string
	MinMilliC, MaxMilliC int64
	Slots                int
	Reading              *ReadingView // newest of its air; nil when there was none
	Door                 string       // closed, open, jammed, ajar, uncommanded; empty when nothing was heard
	Lock                 string       // locked, fired; empty when nothing was heard
	MainsOff             bool
	ChangedAt            time.Time // of door, lock or mains
}

// Outside says whether the fridge's newest reading is a value outside its limits.
func (f FridgeView) Outside() bool {
	return f.Reading != nil && f.Reading.Fault == 0 && (f.Reading.MilliC < f.MinMilliC || f.Reading.MilliC > f.MaxMilliC)
}

// Locations gives all pickup stations in the order of import, with their fridges.
func (tx *Tx) Locations(ctx context.Context) ([]LocationView, error) {
	locations, err := list(ctx, tx, scanLocation, "SELECT "+locationColumns+" ORDER BY sequence, id")
	if err != nil {
		return nil, err
	}
	fridges, err := list(ctx, tx, scanFridge, fridgeQuery+" WHERE f.location_id IS NOT NULL ORDER BY f.sequence, f.id")
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, l := range locations {
		at[l.ID] = i
	}
	for _, f := range fridges {
		l := &locations[at[f.LocationID]]
		l.Fridges = append(l.Fridges, f)
	}
	return locations, nil
}

// LocationView gives one pickup station with its fridges, or ErrNotFound.
func (tx *Tx) LocationView(ctx context.Context, id string) (LocationView, error) {
	l, err := scanLocation(tx.row(ctx, "SELECT "+locationColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return l, fmt.Errorf("location %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return l, err
	}
	l.Fridges, err = list(ctx, tx, scanFridge, fridgeQuery+" WHERE f.location_id = $1 ORDER BY f.sequence, f.id", id)
	return l, err
}

const locationColumns = "id, gln, name, address, latitude, longitude FROM locations"

func scanLocation(row scanner) (l LocationView, err error) {
	err = row.Scan(&l.ID, &l.GLN, &l.Name, &l.Address, &l.Latitude, &l.Longitude)
	return l, err
}

// Four look-ups of the same newest reading, each one step in the index, run alike on both databases.
const (
	newestReading = " FROM readings r WHERE r.sensor = f.id || '/air' ORDER BY r.event_at DESC, r.number DESC LIMIT 1)"
	fridgeQuery   = `SELECT f.id, f.location_id, f.kind, f.min_milli_c, f.max_milli_c,
		(SELECT COUNT(*) FROM slots s WHERE s.fridge_id = f.id),
		(SELECT r.milli_c` + newestReading + `, (SELECT r.fault` + newestReading + `, (SELECT r.event_at` + newestReading + `,
		(SELECT r.uncertainty_ms` + newestReading + `,
		COALESCE(p.door, ''), COALESCE(p.lock_state, ''), COALESCE(p.mains, TRUE), p.changed_at
		FROM fridges f LEFT JOIN positions p ON p.id = f.id`
)

func scanFridge(row scanner) (FridgeView, error) {
	var f FridgeView
	var milliC, fault, at, within, changed sql.NullInt64
	var mains bool
	err := row.Scan(&f.ID, &f.LocationID, &f.Kind, &f.MinMilliC, &f.MaxMilliC, &f.Slots, &milliC, &fault, &at, &within,
		&f.Door, &f.Lock, &mains, &changed)
	if at.Valid {
		f.Reading = &ReadingView{Sensor: f.ID + "/air", At: fromMillis(at.Int64), Within: time.Duration(within.Int64) * time.Millisecond,
			MilliC: milliC.Int64, Fault: int(fault.Int64)}
	}
	f.MainsOff, f.ChangedAt = !mains, fromOptionalMillis(changed)
	return f, err
}

// ProductView is a product.
type ProductView struct {
	ID, Name, ShopID, GTIN, Category string
	VolumeML, SalesLimit             int64
}

// Products gives all products in the order of import.
func (tx *Tx) Products(ctx context.Context) ([]ProductView, error) {
	scan := func(row scanner) (p ProductView, err error) {
		err = row.Scan(&p.ID, &p.Name, &p.ShopID, &p.GTIN, &p.Category, &p.VolumeML, &p.SalesLimit)
		return p, err
	}
	return list(ctx, tx, scan, `SELECT id, name, shop_id, gtin, category, volume_ml, sales_limit_per_day
		FROM products ORDER BY sequence, id`)
}

// ShopView is a shop's id and name.
type ShopView struct{ ID, Name string }

// ShopsOfDate gives the shops that have something to pack for a date.
func (tx *Tx) ShopsOfDate(ctx context.Context, date string) ([]ShopView, error) {
	scan := func(row scanner) (s ShopView, err error) {
		err = row.Scan(&s.ID, &s.Name)
		return s, err
	}
	return list(ctx, tx, scan, `SELECT s.id, s.name FROM shops s
		WHERE EXISTS (SELECT 1 FROM dated_containers c WHERE c.shop_id = s.id AND c.delivery_date = $1)
		ORDER BY s.sequence, s.id`, date)
}

// RoutesOfDate gives the routes that have a run on a date.
func (tx *Tx) RoutesOfDate(ctx context.Context, date string) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT route_id FROM runs WHERE delivery_date = $1 ORDER BY route_id", date)
}

// DateView is a delivery date: its first cutoff and opening, its last closing, and how far it is.
type DateView struct {
	Date                  string
	Cutoff, Opens, Closes time.Time
	Frozen                bool // numbering has ended
	Closed                bool // leftovers are decided everywhere
}

const dateQuery = `SELECT d.delivery_date, MIN(l.order_cutoff), MIN(l.pickup_opens), MAX(l.pickup_closes),
	MAX(d.frozen_at), SUM(CASE WHEN l.closed_at IS NULL THEN 1 ELSE 0 END)
	FROM delivery_dates d JOIN deliveries l ON l.delivery_date = d.delivery_date `

func scanDate(row scanner) (DateView, error) {
	var d DateView
	var cutoff, opens, closes, open int64
	var frozen sql.NullInt64
	err := row.Scan(&d.Date, &cutoff, &opens, &closes, &frozen, &open)
	d.Cutoff, d.Opens, d.Closes = fromMillis(cutoff), fromMillis(opens), fromMillis(closes)
	d.Frozen, d.Closed = frozen.Valid, open == 0
	return d, err
}

// CurrentDate gives the delivery date that people are busy with at now: that of the first pickup to close which has not closed
// two hours ago, else the last one there is. It is ErrNotFound without deliveries.
func (tx *Tx) CurrentDate(ctx context.Context, now time.Time) (DateView, error) {
	var date string
	err := tx.row(ctx, "SELECT delivery_date FROM deliveries WHERE pickup_closes > $1 ORDER BY pickup_closes, delivery_date LIMIT 1",
		millis(now.Add(-2*time.Hour))).Scan(&date)
	if errors.Is(err, sql.ErrNoRows) {
		err = tx.row(ctx, "SELECT delivery_date FROM deliveries ORDER BY pickup_closes DESC, delivery_date DESC LIMIT 1").Scan(&date)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return DateView{}, fmt.Errorf("delivery dates: %w", ErrNotFound)
	}
	if err != nil {
		return DateView{}, err
	}
	return tx.DateView(ctx, date)
}

// DateView gives one delivery date, or ErrNotFound.
func (tx *Tx) DateView(ctx context.Context, date string) (DateView, error) {
	d, err := scanDate(tx.row(ctx, dateQuery+"WHERE d.delivery_date = $1 GROUP BY d.delivery_date", date))
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("delivery date %s: %w", date, ErrNotFound)
	}
	return d, err
}

// Dates gives up to most delivery dates, the newest first.
func (tx *Tx) Dates(ctx context.Context, most int) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT delivery_date FROM delivery_dates ORDER BY delivery_date DESC LIMIT $1", most)
}

// AlarmView is something that is, or was, wrong.
type AlarmView struct {
	ID, Kind, Subject string
	Detail            alarm.Said
	Raised, Cleared   time.Time // Cleared is zero while it is wrong
}

func scanAlarm(row scanner) (AlarmView, error) {
	var a AlarmView
	var raised int64
	var cleared sql.NullInt64
	err := row.Scan(&a.ID, &a.Kind, &a.Subject, &a.Detail, &raised, &cleared)
	a.Raised, a.Cleared = fromMillis(raised), fromOptionalMillis(cleared)
	return a, err
}

// AlarmsNow gives the alarms that are not cleared, the newest first, but for those of positions that are out of service at now: somebody
// works there, or a board is put into service (see Services). It looks at twice as many as it may give.
func (tx *Tx) AlarmsNow(ctx context.Context, now time.Time, most int) ([]AlarmView, error) {
	active, err := list(ctx, tx, scanLife, "SELECT "+alarmColumns+" FROM alarms WHERE cleared_at IS NULL ORDER BY raised_at DESC, id LIMIT $1", 2*most)
	if err != nil {
		return nil, err
	}
	lines, err := tx.Stand(ctx, active, now)
	var all []AlarmView
	for _, l := range lines {
		if l.State != alarm.OutOfService && len(all) < most {
			all = append(all, AlarmView{ID: l.ID, Kind: l.Kind, Subject: l.Subject, Detail: l.Detail, Raised: l.Raised})
		}
	}
	return all, err
}

// Alarms gives alarms, cleared ones too, the newest first.
func (tx *Tx) Alarms(ctx context.Context, most int) ([]AlarmView, error) {
	return list(ctx, tx, scanAlarm, `SELECT id, kind, subject, detail, raised_at, cleared_at FROM alarms
		ORDER BY raised_at DESC, id LIMIT $1`, most)
}

// WorkView is work for a person.
type WorkView struct {
	ID, Kind, Subject string
	Detail            alarm.Said
	Opened, Closed    time.Time // Closed is zero while it is to do
	ClosedBy          string
}

// Work gives work items, the open ones or all, the newest first.
func (tx *Tx) Work(ctx context.Context, closedToo bool, most int) ([]WorkView, error) {
	scan := func(row scanner) (WorkView, error) {
		var w WorkView
		var opened int64
		var closed sql.NullInt64
		err := row.Scan(&w.ID, &w.Kind, &w.Subject, &w.Detail, &opened, &closed, &w.ClosedBy)
		w.Opened, w.Closed = fromMillis(opened), fromOptionalMillis(closed)
		return w, err
	}
	open := "WHERE closed_at IS NULL "
	if closedToo {
		open = ""
	}
	return list(ctx, tx, scan, "SELECT id, kind, subject, detail, opened_at, closed_at, closed_by FROM work_items "+open+
		"ORDER BY opened_at DESC, id LIMIT $1", most)
}

// WorkCount is how much of a kind there is to do, and since when.
type WorkCount struct {
	Kind   string
	Items  int
	Oldest time.Time
}

// WorkCounts counts what there is to do, by kind.
func (tx *Tx) WorkCounts(ctx context.Context) ([]WorkCount, error) {
	return list(ctx, tx, func(row scanner) (c WorkCount, err error) {
		var oldest int64
		err = row.Scan(&c.Kind, &c.Items, &oldest)
		c.Oldest = fromMillis(oldest)
		return c, err
	}, "SELECT kind, COUNT(*), MIN(opened_at) FROM work_items WHERE closed_at IS NULL GROUP BY kind ORDER BY kind")
}

// MoneyWaits says that work cannot be closed before somebody has decided about an order's money.
type MoneyWaits struct{ Order string }

func (m *MoneyWaits) Error() string {
	return fmt.Sprintf("the money of order %s waits for this: decide first, on the order's page or with hub order take-risk %s --reason TEXT",
		m.Order, m.Order)
}

// CloseWork closes an open work item. It returns ErrNotFound for one that is not there or closed already, and *MoneyWaits for a code that
// was used when what the order's customer paid goes back only by a person's word: closed, nobody would be reminded of it.
func (tx *Tx) CloseWork(ctx context.Context, id, person string, at time.Time) error {
	n, err := tx.exec(ctx, "UPDATE work_items SET closed_at = $2, closed_by = $3 WHERE id = $1 AND closed_at IS NULL",
		id, millis(at), person)
	if err == nil && n == 0 {
		return fmt.Errorf("open work item %s: %w", id, ErrNotFound)
	}
	if err != nil || !strings.HasPrefix(id, WorkCodeUsed+"/") {
		return err
	}
	order, err := tx.text(ctx, "work item "+id, "SELECT subject FROM work_items WHERE id = $1", id)
	if err != nil {
		return err
	}
	switch bill, err := tx.Bill(ctx, order); {
	case errors.Is(err, payment.ErrNotFound):
		return nil // it was paid elsewhere
	case err != nil || !bill.CodeMayOpen:
		return err
	}
	return &MoneyWaits{order}
}

// EventView is a record of a device's events log.
type EventView struct {
	Device, Incarnation string
	Number              int64
	Name, Subject       string
	At, Received        time.Time
	Within              time.Duration // At may be off so much, either way
	Claimed             time.Time     // by the device's own clock, which may never have been set
	Kind                int64
	Body                []byte
	Outcome, Reason     string
}

const eventColumns = `device_id, incarnation, number, name, subject, event_at, uncertainty_ms, claimed_at, received_at, kind, body, outcome,
	reason FROM events`

func scanEvent(row scanner) (EventView, error) {
	var e EventView
	var at, within, claimed, received int64
	err := row.Scan(&e.Device, &e.Incarnation, &e.Number, &e.Name, &e.Subject, &at, &within, &claimed, &received, &e.Kind, &e.Body,
		&e.Outcome, &e.Reason)
	e.At, e.Received, e.Claimed = fromMillis(at), fromMillis(received), fromMillis(claimed)
	e.Within = time.Duration(within) * time.Millisecond
	return e, err
}

// EventsOf gives the newest events about a subject.
func (tx *Tx) EventsOf(ctx context.Context, subject string, most int) ([]EventView, error) {
	return list(ctx, tx, scanEvent, "SELECT "+eventColumns+` WHERE subject = $1
		ORDER BY event_at DESC, number DESC LIMIT $2`, subject, most)
}

// EventsOfDevice gives the events of a device's current incarnation with higher numbers than after, in order of number.
func (tx *Tx) EventsOfDevice(ctx context.Context, device string, after int64, most int) ([]EventView, error) {
	d, err := tx.DeviceView(ctx, device)
	if err != nil {
		return nil, err
	}
	return list(ctx, tx, scanEvent, "SELECT "+eventColumns+` WHERE device_id = $1 AND incarnation = $2 AND number > $3
		ORDER BY number LIMIT $4`, d.ID, d.Incarnation, after, most)
}

// EventsAt gives the newest events of the devices that serve a place, of each its current incarnation's.
func (tx *Tx) EventsAt(ctx context.Context, place string, most int) ([]EventView, error) {
	devices, err := tx.DeviceViewsAt(ctx, place)
	if err != nil {
		return nil, err
	}
	var all []EventView
	for _, d := range devices {
		events, err := list(ctx, tx, scanEvent, "SELECT "+eventColumns+` WHERE device_id = $1 AND incarnation = $2
			ORDER BY number DESC LIMIT $3`, d.ID, d.Incarnation, most)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	slices.SortStableFunc(all, func(a, b EventView) int { return b.At.Compare(a.At) })
	return all[:min(len(all), most)], nil
}

// LateStopsOf gives the stops of a date that were reached later than LateAfter, or were planned longer than that before now
// and are not reached, with the names of their places.
func (tx *Tx) LateStopsOf(ctx context.Context, date string, now time.Time) ([]dispatch.Stop, error) {
	late := dispatch.LateAfter.Milliseconds()
	return list(ctx, tx, scanStop, `SELECT s.run_id, s.sequence, s.kind, s.place_id,
		COALESCE(l.name, p.name, s.place_id), s.planned_at, s.reached_at
		FROM run_stops s JOIN runs r ON r.id = s.run_id
		LEFT JOIN locations l ON s.kind = 'deliver' AND l.id = s.place_id
		LEFT JOIN collection_spots p ON s.kind = 'collect' AND p.id = s.place_id
		WHERE r.delivery_date = $1 AND COALESCE(s.reached_at, $2) - s.planned_at > $3
		AND EXISTS (SELECT 1 FROM dated_containers c WHERE c.run_id = r.id)
		ORDER BY s.planned_at, s.run_id, s.sequence`, date, millis(now), late)
}
