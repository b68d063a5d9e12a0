package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/internal/rental"
)

// RentalItem is one piece, as its history says.
type RentalItem struct {
	ID, GTIN, Warehouse string
	rental.Item
	Since    time.Time // when its custody began
	Turns    int       // returns so far
	Acts     uint64    // of the hub on it
	Breaches int       // in its history
	Folded   Folded
}

// Folded is the last occurrence that a piece is folded up to.
type Folded struct {
	At     time.Time
	Within time.Duration // At may be off so much
	Device string        // with its incarnation; empty for the hub
	Number uint64
}

// RentalEvent is one occurrence in a piece's history. Its Device names the board and its incarnation, as DeviceLife writes them.
type RentalEvent struct {
	Item string
	rental.Event
	Recorded time.Time
	Told     string // the rule that the scanner has named
	Breach   string // the rule that it broke, by all that is known; empty for none
	Why      string // with what would have been legal
}

// Who says which device recorded it, and who worked with it.
func (e RentalEvent) Who() string {
	by := "the hub"
	if e.Device != "" {
		by, _ = deviceAndLife(e.Device)
	}
	if e.Operator != "" {
		by += " (" + e.Operator + ")"
	}
	return by
}

// DeviceID is the device that recorded it; empty for the hub.
func (e RentalEvent) DeviceID() string {
	id, _ := deviceAndLife(e.Device)
	return id
}

// DeviceLife names one life of a device's storage, whose records are numbered.
func DeviceLife(device, incarnation string) string { return device + "/" + incarnation }

func deviceAndLife(name string) (device, life string) {
	device, life, _ = strings.Cut(name, "/")
	return device, life
}

// rentals are the pieces that a transaction has read or changed, and occurrences that wait to be written. A burst of scans touches
// the same piece several times and hundreds of others: each is read once, and all are written together, when somebody else may look
// at the tables or the transaction ends.
type rentals struct {
	read    map[string]RentalItem
	changed map[string]bool
	undo    []rentalWas
	history []RentalEvent
	strides []Stride
}

type rentalWas struct {
	id            string
	item          RentalItem
	read, changed bool
}

func (r *rentals) set(i RentalItem, changed bool) {
	if r.read == nil {
		r.read, r.changed = map[string]RentalItem{}, map[string]bool{}
	}
	was, read := r.read[i.ID]
	r.undo = append(r.undo, rentalWas{i.ID, was, read, r.changed[i.ID]})
	r.put(i, true, changed)
}

func (r *rentals) put(i RentalItem, read, changed bool) {
	delete(r.read, i.ID)
	delete(r.changed, i.ID)
	if read {
		r.read[i.ID] = i
	}
	if changed {
		r.changed[i.ID] = true
	}
}

// back undoes all but the first n changes.
func (r *rentals) back(n int) {
	for len(r.undo) > n {
		last := len(r.undo) - 1
		was := r.undo[last]
		was.item.ID = was.id
		r.put(was.item, was.read, was.changed)
		r.undo = r.undo[:last]
	}
}

// mostRentals is how many pieces and occurrences wait at most.
const mostRentals = 256

const rentalColumns = `id, gtin, warehouse_id, since, turns, acts, breaches, folded_at, folded_within, folded_device, folded_number, state FROM rental_items`

func scanRental(row scanner) (i RentalItem, err error) {
	var since, at, within int64
	var state string
	err = row.Scan(&i.ID, &i.GTIN, &i.Warehouse, &since, &i.Turns, &i.Acts, &i.Breaches, &at, &within, &i.Folded.Device, &i.Folded.Number, &state)
	if err != nil {
		return i, err
	}
	i.Since, i.Folded.At, i.Folded.Within = fromMillis(since), fromMillis(at), time.Duration(within)*time.Millisecond
	if err := json.Unmarshal([]byte(state), &i.Item); err != nil {
		return i, fmt.Errorf("state of %s: %w", i.ID, err)
	}
	return i, nil
}

// oneRental sees one piece that was not read before, so that nothing that waits concerns it.
const oneRental = "SELECT " + rentalColumns + " WHERE id = $1"

// RentalItem gives a piece, or ErrNotFound.
func (tx *Tx) RentalItem(ctx context.Context, id string) (RentalItem, error) {
	if i, has := tx.rentals.read[id]; has {
		return i, nil
	}
	i, err := scanRental(tx.row(ctx, oneRental, id))
	if errors.Is(err, sql.ErrNoRows) {
		return i, fmt.Errorf("piece %.80s: %w", id, ErrNotFound)
	}
	if err != nil {
		return i, err
	}
	tx.rentals.set(i, false)
	return i, nil
}

// rentalsAtOnce is how many pieces one statement reads.
const rentalsAtOnce = 64

// someRentals sees pieces that were not read before, so that nothing that waits concerns them.
var someRentals = "SELECT " + rentalColumns + " WHERE id IN ($1" + moreMarks(rentalsAtOnce) + ")"

func moreMarks(n int) string {
	var b strings.Builder
	for i := 2; i <= n; i++ {
		b.WriteString(", $" + strconv.Itoa(i))
	}
	return b.String()
}

// ReadRentals reads pieces that will be asked for soon, many with one statement. Those that are not there are left out.
func (tx *Tx) ReadRentals(ctx context.Context, ids []string) error {
	ids = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(ids))), func(id string) bool { _, has := tx.rentals.read[id]; return has })
	for some := range slices.Chunk(ids, rentalsAtOnce) {
		args := make([]any, rentalsAtOnce)
		for n := range args {
			args[n] = some[min(n, len(some)-1)]
		}
		items, err := list(ctx, tx, scanRental, someRentals, args...)
		if err != nil {
			return err
		}
		for _, i := range items {
			tx.rentals.set(i, false)
		}
	}
	return nil
}

// SaveRental stores a piece, together with others.
func (tx *Tx) SaveRental(ctx context.Context, i RentalItem) error {
	tx.rentals.set(i, true)
	if len(tx.rentals.changed) < mostRentals {
		return nil
	}
	return tx.flushRentals(ctx)
}

var insertRentals = insertRows("rental_items", `id, gtin, warehouse_id, custody, since, place, bag, order_id, batch, in_work, promise, promised_to,
	promised_until, grade, fit, dirty, damaged, repaired_by, turns, state, acts, breaches, folded_at, folded_within, folded_device, folded_number`, ` ON CONFLICT (id) DO UPDATE SET
	custody = excluded.custody, since = excluded.since, place = excluded.place, bag = excluded.bag, order_id = excluded.order_id,
	batch = excluded.batch, in_work = excluded.in_work, promise = excluded.promise, promised_to = excluded.promised_to,
	promised_until = excluded.promised_until, grade = excluded.grade, fit = excluded.fit,
	dirty = excluded.dirty, damaged = excluded.damaged, repaired_by = excluded.repaired_by, turns = excluded.turns, state = excluded.state,
	acts = excluded.acts, breaches = excluded.breaches, folded_at = excluded.folded_at, folded_within = excluded.folded_within,
	folded_device = excluded.folded_device, folded_number = excluded.folded_number`,
	"TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "BOOLEAN", "BIGINT", "TEXT",
	"BIGINT", "BIGINT", "BOOLEAN", "BOOLEAN", "BOOLEAN", "TEXT", "BIGINT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT", "BIGINT")

func rentalValues(values []any, i RentalItem) ([]any, error) {
	state, err := json.Marshal(i.Item)
	if err != nil {
		return nil, fmt.Errorf("state of %s: %w", i.ID, err)
	}
	var until int64
	if !i.Commitment.Until.IsZero() {
		until = millis(i.Commitment.Until)
	}
	return append(values, i.ID, i.GTIN, i.Warehouse, int64(i.Custody), millis(i.Since), i.Place, i.Bag, i.Order, i.Batch, i.InWork,
		int64(i.Commitment.State), i.Commitment.Order, until, int64(i.Grade), i.Fit(), i.Dirty, len(i.Damages) > 0, i.Repairers(), i.Turns, string(state), int64(i.Acts), i.Breaches,
		millis(i.Folded.At), i.Folded.Within.Milliseconds(), i.Folded.Device, int64(i.Folded.Number)), nil
}

// flushRentals writes the pieces that were changed.
func (tx *Tx) flushRentals(ctx context.Context) (err error) {
	var values []any
	for _, id := range slices.Sorted(maps.Keys(tx.rentals.changed)) {
		i := tx.rentals.read[id]
		if values, err = rentalValues(values, i); err != nil {
			return err
		}
		tx.rentals.set(i, false)
	}
	_, err = insertRentals.run(ctx, tx, values)
	return err
}

// AddRentalEvent adds an occurrence to a piece's history, together with others.
func (tx *Tx) AddRentalEvent(ctx context.Context, e RentalEvent) error {
	tx.rentals.history = append(tx.rentals.history, e)
	if len(tx.rentals.history) < mostRentals {
		return nil
	}
	return tx.flushRentalHistory(ctx)
}

var insertRentalHistory = insertRows("rental_history", `item_id, device_id, life, number, step, act, until_at, happened_at, within_ms, recorded_at,
	who, place, bag, by_bag, order_id, batch, conformant, grade, dirty, damages, reason, verdict, rule, breach, why`, "",
	"TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT", "TEXT", "TEXT", "BOOLEAN", "TEXT", "TEXT",
	"BOOLEAN", "BIGINT", "BOOLEAN", "TEXT", "TEXT", "BIGINT", "TEXT", "TEXT", "TEXT")

func (tx *Tx) flushRentalHistory(ctx context.Context) error {
	all := tx.rentals.history
	tx.rentals.history = nil // a new array next time: a savepoint may hold the old one
	values := make([]any, 0, len(all)*len(insertRentalHistory.kinds))
	for i := range all {
		e := &all[i]
		damages := ""
		if len(e.Damages) > 0 {
			text, err := json.Marshal(e.Damages)
			if err != nil {
				return err
			}
			damages = string(text)
		}
		var until int64
		if !e.Until.IsZero() {
			until = millis(e.Until)
		}
		device, life := deviceAndLife(e.Device)
		values = append(values, e.Item, device, life, int64(e.Number), int64(e.Step), int64(e.Act), until, millis(e.At), e.Within.Milliseconds(),
			millis(e.Recorded), e.Operator, e.Place, e.Bag, e.ByBag, e.Order, e.Batch, e.Conformant, int64(e.Grade), e.Dirty, damages, e.Reason,
			int64(e.Verdict), e.Told, e.Breach, e.Why)
	}
	_, err := insertRentalHistory.run(ctx, tx, values)
	return err
}

const rentalEventColumns = `item_id, device_id, life, number, step, act, until_at, happened_at, within_ms, recorded_at, who, place, bag, by_bag,
	order_id, batch, conformant, grade, dirty, damages, reason, verdict, rule, breach, why FROM rental_history`

func scanRentalEvent(row scanner) (e RentalEvent, err error) {
	var device, life, damages string
	var until, at, within, recorded int64
	err = row.Scan(&e.Item, &device, &life, &e.Number, &e.Step, &e.Act, &until, &at, &within, &recorded, &e.Operator, &e.Place, &e.Bag, &e.ByBag,
		&e.Order, &e.Batch, &e.Conformant, &e.Grade, &e.Dirty, &damages, &e.Reason, &e.Verdict, &e.Told, &e.Breach, &e.Why)
	if err != nil {
		return e, err
	}
	if device != "" {
		e.Device = DeviceLife(device, life)
	}
	if until != 0 {
		e.Until = fromMillis(until)
	}
	e.At, e.Within, e.Recorded = fromMillis(at), time.Duration(within)*time.Millisecond, fromMillis(recorded)
	if damages != "" {
		err = json.Unmarshal([]byte(damages), &e.Damages)
	}
	return e, err
}

// MaxRentalHistory bounds how much of a piece's history is read: a piece that goes out every week has as much in ten years.
const MaxRentalHistory = 10_000

// RentalHistory gives everything that was done to a piece, by device and number. rental.Ordered puts it into order.
func (tx *Tx) RentalHistory(ctx context.Context, item string) ([]RentalEvent, error) {
	return list(ctx, tx, scanRentalEvent, "SELECT "+rentalEventColumns+` WHERE item_id = $1 ORDER BY device_id, life, number LIMIT $2`,
		item, MaxRentalHistory)
}

// HasRentalEvent says whether an occurrence is in a piece's history already.
func (tx *Tx) HasRentalEvent(ctx context.Context, item, device string, number uint64) (bool, error) {
	id, life := deviceAndLife(device)
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM rental_history WHERE item_id = $1 AND device_id = $2 AND life = $3 AND number = $4",
		item, id, life, int64(number)).Scan(&n)
	return n > 0, err
}

// JudgeRentalEvent says anew what an occurrence breaks.
func (tx *Tx) JudgeRentalEvent(ctx context.Context, e RentalEvent) error {
	device, life := deviceAndLife(e.Device)
	return tx.write(ctx, `UPDATE rental_history SET breach = $5, why = $6 WHERE item_id = $1 AND device_id = $2 AND life = $3 AND number = $4`,
		e.Item, device, life, int64(e.Number), e.Breach, e.Why)
}

// MoveRentalEvents gives an occurrence a better time, for each piece that it is about, and says which.
func (tx *Tx) MoveRentalEvents(ctx context.Context, device string, number uint64, pieces []string, at time.Time, within time.Duration) error {
	id, life := deviceAndLife(device)
	for _, piece := range pieces {
		if err := tx.write(ctx, `UPDATE rental_history SET happened_at = $5, within_ms = $6
			WHERE item_id = $1 AND device_id = $2 AND life = $3 AND number = $4`, piece, id, life, int64(number), millis(at), within.Milliseconds()); err != nil {
			return err
		}
	}
	return nil
}

// AgainWork opens work for a person for what was so at a time, also when it had been settled by itself before. When a person has closed it
// since, it stays closed; when it is so again after that, it is work again.
func (tx *Tx) AgainWork(ctx context.Context, id, kind, subject, detail string, at time.Time) error {
	return tx.write(ctx, `INSERT INTO work_items (id, kind, subject, detail, opened_at, closed_by) VALUES ($1, $2, $3, $4, $5, '')
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, closed_at = NULL, closed_by = '',
		detail = CASE WHEN work_items.closed_by = '' THEN excluded.detail ELSE
			REPLACE(excluded.detail, $6, ' [before this, ' || work_items.closed_by || ' had closed it]' || $6)
			|| CASE WHEN REPLACE(excluded.detail, $6, '') = excluded.detail THEN ' [before this, ' || work_items.closed_by || ' had closed it]'
				ELSE '（以前 ' || work_items.closed_by || ' が閉じました）' END END
		WHERE work_items.closed_by = '' OR work_items.closed_at < excluded.opened_at`, id, kind, subject, detail, millis(at), alarm.Between)
}

// SettleWorkWhy closes work that has become needless by itself, and adds why, in English.
func (tx *Tx) SettleWorkWhy(ctx context.Context, id, why string, at time.Time) error {
	return tx.write(ctx, "UPDATE work_items SET closed_at = $2, detail = REPLACE(detail, $4, $3 || $4) || $3 WHERE id = $1 AND closed_at IS NULL",
		id, millis(at), " [settled by itself: "+why+"]", alarm.Between)
}

// Follow notes from when a piece's custody is what it is, and whether it has come back, after an occurrence at a time.
func (i *RentalItem) Follow(at time.Time, before RentalItem) {
	if i.Custody != before.Custody {
		i.Since = at
	}
	if i.Returned != before.Returned {
		i.Turns++
	}
}

// HasGarment says whether a GTIN of 14 digits is a garment of ours.
func (tx *Tx) HasGarment(ctx context.Context, gtin string) (bool, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM garments WHERE gtin = $1", gtin).Scan(&n)
	return n > 0, err
}

// KnownPieces says which pieces are registered (true), or have only been scanned (false); the others are not in it.
func (tx *Tx) KnownPieces(ctx context.Context, ids []string) (map[string]bool, error) {
	known := make(map[string]bool, len(ids))
	for some := range slices.Chunk(ids, 100) {
		args, marks := make([]any, len(some)), make([]string, len(some))
		for n, id := range some {
			args[n], marks[n] = id, "$"+strconv.Itoa(n+1)
		}
		among := strings.Join(marks, ", ")
		scanned, err := list(ctx, tx, scanText, "SELECT DISTINCT item_id FROM rental_history WHERE item_id IN ("+among+")", args...)
		if err != nil {
			return nil, err
		}
		registered, err := list(ctx, tx, scanText, "SELECT id FROM rental_items WHERE id IN ("+among+")", args...)
		if err != nil {
			return nil, err
		}
		for _, id := range scanned {
			known[id] = false
		}
		for _, id := range registered {
			known[id] = true
		}
	}
	return known, nil
}

// HasWarehouse says whether there is a rental warehouse of this id.
func (tx *Tx) HasWarehouse(ctx context.Context, id string) (bool, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM warehouses WHERE id = $1", id).Scan(&n)
	return n > 0, err
}

// PiecesOfEvent gives the pieces that a record of a device was about.
func (tx *Tx) PiecesOfEvent(ctx context.Context, device string, number uint64) ([]string, error) {
	id, life := deviceAndLife(device)
	return list(ctx, tx, scanText, "SELECT item_id FROM rental_history WHERE device_id = $1 AND life = $2 AND number = $3 ORDER BY item_id",
		id, life, int64(number))
}
