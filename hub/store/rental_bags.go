package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/internal/rental"
	"meguri/protocol"
)

// States of a bag.
const (
	BagPacking  = "packing"
	BagShipped  = "shipped"
	BagReceived = "received"
	BagEmptied  = "emptied"
)

// Bag is a bag by its SSCC, or by the name that a device gave to one without a label.
type Bag struct {
	ID, Warehouse, Order, State, Waybill string
	Changed                              time.Time
}

// BagEvent is what was done to a bag as a whole.
type BagEvent struct {
	Bag                    string
	Device                 string // as DeviceLife writes it
	Number                 uint64
	Step                   protocol.Step
	At, Recorded           time.Time
	Within                 time.Duration
	Operator, Place, Order string
	Verdict                protocol.ScanVerdict
	Rule                   string
}

// For is what that was for a piece in the bag.
func (e BagEvent) For(item string) RentalEvent {
	return RentalEvent{Item: item, Event: rental.Event{Device: e.Device, Number: e.Number, At: e.At, Within: e.Within, Step: e.Step,
		Operator: e.Operator, Place: e.Place, Bag: e.Bag, ByBag: true, Verdict: e.Verdict}, Recorded: e.Recorded, Told: e.Rule}
}

func scanBag(row scanner) (b Bag, err error) {
	var changed int64
	err = row.Scan(&b.ID, &b.Warehouse, &b.Order, &b.State, &b.Waybill, &changed)
	b.Changed = fromMillis(changed)
	return b, err
}

const bagColumns = "id, warehouse_id, order_id, state, waybill, changed_at FROM rental_bags"

// RentalBag gives a bag; found is false when nobody has said anything of it.
func (tx *Tx) RentalBag(ctx context.Context, id string) (b Bag, found bool, err error) {
	b, err = scanBag(tx.row(ctx, "SELECT "+bagColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return b, false, nil
	}
	return b, err == nil, err
}

// RentalBagOrWaybill gives a bag by its id or, failing that, the one that left last with a waybill of that number; ErrNotFound when there is
// neither.
func (tx *Tx) RentalBagOrWaybill(ctx context.Context, code string) (Bag, error) {
	b, found, err := tx.RentalBag(ctx, code)
	if found || err != nil {
		return b, err
	}
	all, err := list(ctx, tx, scanBag, "SELECT "+bagColumns+" WHERE waybill = $1 AND waybill <> '' ORDER BY changed_at DESC, id LIMIT 1", code)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("bag or waybill %.60s: %w", code, ErrNotFound)
	}
	if err != nil {
		return b, err
	}
	return all[0], nil
}

// RentalBags gives bags in a state, or all when it is empty, those that changed last first.
func (tx *Tx) RentalBags(ctx context.Context, state string, most int) ([]Bag, error) {
	return list(ctx, tx, scanBag, "SELECT "+bagColumns+" WHERE $1 = '' OR state = $1 ORDER BY changed_at DESC, id LIMIT $2", state, most)
}

// SaveRentalBag stores a bag.
func (tx *Tx) SaveRentalBag(ctx context.Context, b Bag) error {
	return tx.write(ctx, `INSERT INTO rental_bags (id, warehouse_id, order_id, state, waybill, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, state = excluded.state, waybill = excluded.waybill,
		changed_at = excluded.changed_at`, b.ID, b.Warehouse, b.Order, b.State, b.Waybill, millis(b.Changed))
}

// AddBagEvent adds an occurrence to a bag's history.
func (tx *Tx) AddBagEvent(ctx context.Context, e BagEvent) error {
	device, life := deviceAndLife(e.Device)
	return tx.write(ctx, `INSERT INTO rental_bag_history (bag_id, device_id, life, number, step, happened_at, within_ms, recorded_at, who, place,
		order_id, verdict, rule) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, e.Bag, device, life, int64(e.Number), int64(e.Step),
		millis(e.At), e.Within.Milliseconds(), millis(e.Recorded), e.Operator, e.Place, e.Order, int64(e.Verdict), e.Rule)
}

const bagEventColumns = `SELECT bag_id, device_id, life, number, step, happened_at, within_ms, recorded_at, who, place, order_id, verdict, rule
	FROM rental_bag_history`

func scanBagEvent(row scanner) (e BagEvent, err error) {
	var device, life string
	var at, within, recorded int64
	err = row.Scan(&e.Bag, &device, &life, &e.Number, &e.Step, &at, &within, &recorded, &e.Operator, &e.Place, &e.Order, &e.Verdict, &e.Rule)
	e.At, e.Within, e.Recorded = fromMillis(at), time.Duration(within)*time.Millisecond, fromMillis(recorded)
	if device != "" {
		e.Device = DeviceLife(device, life)
	}
	return e, err
}

// BagEventsSince gives what was done to a bag since a time, in order of time, the last thousand.
func (tx *Tx) BagEventsSince(ctx context.Context, bag string, since time.Time) ([]BagEvent, error) {
	all, err := list(ctx, tx, scanBagEvent, bagEventColumns+` WHERE bag_id = $1 AND happened_at >= $2
		ORDER BY happened_at DESC, device_id DESC, life DESC, number DESC LIMIT 1000`, bag, millis(since))
	slices.Reverse(all)
	return all, err
}

// NextBagEvent is the number of what a device says of a bag next.
func (tx *Tx) NextBagEvent(ctx context.Context, bag, device string) (next uint64, err error) {
	id, life := deviceAndLife(device)
	err = tx.row(ctx, "SELECT COALESCE(MAX(number), 0) + 1 FROM rental_bag_history WHERE bag_id = $1 AND device_id = $2 AND life = $3", bag, id, life).Scan(&next)
	return next, err
}

// MoveBagEvent gives what was done to a bag a better time; found is false when the record was about no bag.
func (tx *Tx) MoveBagEvent(ctx context.Context, device string, number uint64, at time.Time, within time.Duration) (e BagEvent, found bool, err error) {
	id, life := deviceAndLife(device)
	if err := tx.write(ctx, `UPDATE rental_bag_history SET happened_at = $4, within_ms = $5 WHERE device_id = $1 AND life = $2 AND number = $3`,
		id, life, int64(number), millis(at), within.Milliseconds()); err != nil {
		return e, false, err
	}
	all, err := list(ctx, tx, scanBagEvent, bagEventColumns+" WHERE device_id = $1 AND life = $2 AND number = $3", id, life, int64(number))
	if err != nil || len(all) == 0 {
		return e, false, err
	}
	return all[0], true, nil
}

// BagContent is a piece that was put into a bag, or came out of it.
type BagContent struct {
	Item             string
	Packed, Unpacked time.Time // zero when it was not; Unpacked is when it was in the bag no more, however it left
	Exception        string    // why it did not, or need not, come out of the bag
}

const bagContentColumns = "SELECT bag_id, item_id, packed_at, unpacked_at, exception FROM rental_bag_items"

type bagContent struct {
	bag string
	BagContent
}

func scanBagContent(row scanner) (c bagContent, err error) {
	var packed, unpacked sql.NullInt64
	err = row.Scan(&c.bag, &c.Item, &packed, &unpacked, &c.Exception)
	c.Packed, c.Unpacked = fromOptionalMillis(packed), fromOptionalMillis(unpacked)
	return c, err
}

// BagContents gives what a bag was packed with and what came out of it.
func (tx *Tx) BagContents(ctx context.Context, bag string) (contents []BagContent, err error) {
	all, err := list(ctx, tx, scanBagContent, bagContentColumns+" WHERE bag_id = $1 ORDER BY item_id", bag)
	for _, c := range all {
		contents = append(contents, c.BagContent)
	}
	return contents, err
}

// Open says that the piece was packed, and neither came out nor was declared.
func (c BagContent) Open() bool {
	return !c.Packed.IsZero() && c.Unpacked.IsZero() && c.Exception == ""
}

// Same says that another row says the same.
func (c BagContent) Same(as BagContent) bool {
	return c.Packed.Equal(as.Packed) && c.Unpacked.Equal(as.Unpacked) && c.Exception == as.Exception
}

// BagContent gives what is known of one piece in a bag; the zero value for nothing.
func (tx *Tx) BagContent(ctx context.Context, bag, item string) (BagContent, error) {
	all, err := list(ctx, tx, scanBagContent, bagContentColumns+" WHERE bag_id = $1 AND item_id = $2", bag, item)
	if err != nil || len(all) == 0 {
		return BagContent{}, err
	}
	return all[0].BagContent, nil
}

// BagsOfPiece gives the bags that a piece was put into or came out of.
func (tx *Tx) BagsOfPiece(ctx context.Context, item string) (map[string]BagContent, error) {
	all, err := list(ctx, tx, scanBagContent, bagContentColumns+" WHERE item_id = $1", item)
	rows := make(map[string]BagContent, len(all))
	for _, c := range all {
		rows[c.bag] = c.BagContent
	}
	return rows, err
}

// SaveBagContent stores what is known of one piece in a bag.
func (tx *Tx) SaveBagContent(ctx context.Context, bag string, c BagContent) error {
	return tx.write(ctx, `INSERT INTO rental_bag_items (bag_id, item_id, packed_at, unpacked_at, exception) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (bag_id, item_id) DO UPDATE SET packed_at = excluded.packed_at, unpacked_at = excluded.unpacked_at, exception = excluded.exception`,
		bag, c.Item, optionalMillis(c.Packed), optionalMillis(c.Unpacked), c.Exception)
}

// ExceptBag declares that a piece that was packed need not come out of a bag, and says whether it was packed in it and has not come out.
func (tx *Tx) ExceptBag(ctx context.Context, bag, item, why string) (was bool, err error) {
	n, err := tx.exec(ctx, `UPDATE rental_bag_items SET exception = $3 WHERE bag_id = $1 AND item_id = $2 AND packed_at IS NOT NULL
		AND unpacked_at IS NULL`, bag, item, why)
	return n > 0, err
}

// ShelvedAt gives the pieces that should be on a shelf.
func (tx *Tx) ShelvedAt(ctx context.Context, place string) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT id FROM rental_items WHERE place = $1 AND custody = 3 ORDER BY id", place)
}
