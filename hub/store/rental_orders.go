package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meguri/internal/rental"
	"meguri/protocol"
)

// RentalOrder is a customer's order of pieces; the customer is a pseudonym.
type RentalOrder struct {
	ID, Customer, Warehouse, ShipDate string
	State                             string // open, shipped, returned, closed, cancelled
	Tote, Bag                         string
	Made                              time.Time
	By                                string
	Shipped, Returned, Closed         time.Time // zero before
}

// RentalLine is one piece of an order: what was chosen, and which piece stands for it now.
type RentalLine struct {
	Order   string
	Line    int
	GTIN    string
	Chosen  string // by the stylist; empty: any piece of the garment
	Piece   string // that stands for it; empty for none
	Promise rental.Promise
	Custody protocol.Custody // of Piece
	Place   string           // of Piece
}

const rentalOrderColumns = `id, customer_id, warehouse_id, ship_date, state, tote, bag, made_at, made_by, shipped_at, returned_at, closed_at FROM rental_orders`

func scanRentalOrder(row scanner) (o RentalOrder, err error) {
	var made int64
	var shipped, returned, closed sql.NullInt64
	err = row.Scan(&o.ID, &o.Customer, &o.Warehouse, &o.ShipDate, &o.State, &o.Tote, &o.Bag, &made, &o.By, &shipped, &returned, &closed)
	o.Made, o.Shipped, o.Returned, o.Closed = fromMillis(made), fromOptionalMillis(shipped), fromOptionalMillis(returned), fromOptionalMillis(closed)
	return o, err
}

// RentalOrder gives an order, or ErrNotFound.
func (tx *Tx) RentalOrder(ctx context.Context, id string) (RentalOrder, error) {
	o, err := scanRentalOrder(tx.row(ctx, "SELECT "+rentalOrderColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return o, fmt.Errorf("rental order %.64s: %w", id, ErrNotFound)
	}
	return o, err
}

// AddRentalOrder adds an order with its lines, of which each names a garment and perhaps a piece. ok is false when there is one of
// that id.
func (tx *Tx) AddRentalOrder(ctx context.Context, o RentalOrder, lines []RentalLine) (ok bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO rental_orders (id, customer_id, warehouse_id, ship_date, state, tote, bag, made_at, made_by)
		VALUES ($1, $2, $3, $4, 'open', '', $5, $6, $7) ON CONFLICT (id) DO NOTHING`, o.ID, o.Customer, o.Warehouse, o.ShipDate, o.Bag, millis(o.Made), o.By)
	if err != nil || n == 0 {
		return false, err
	}
	for n, l := range lines {
		if err := tx.write(ctx, "INSERT INTO rental_order_lines (order_id, line, gtin, item_id) VALUES ($1, $2, $3, $4)", o.ID, n+1, l.GTIN, l.Chosen); err != nil {
			return false, err
		}
	}
	return true, nil
}

// RentalLines gives the lines of an order, each with the piece that stands for it.
func (tx *Tx) RentalLines(ctx context.Context, order string) ([]RentalLine, error) {
	return list(ctx, tx, func(row scanner) (l RentalLine, err error) {
		err = row.Scan(&l.Order, &l.Line, &l.GTIN, &l.Chosen, &l.Piece, &l.Promise, &l.Custody, &l.Place)
		return l, err
	}, `SELECT l.order_id, l.line, l.gtin, l.item_id, COALESCE(c.item_id, ''), COALESCE(i.promise, 0), COALESCE(i.custody, 0), COALESCE(i.place, '')
		FROM rental_order_lines l
		LEFT JOIN commitments c ON c.order_id = l.order_id AND c.line = l.line AND c.ended_at IS NULL
		LEFT JOIN rental_items i ON i.id = c.item_id
		WHERE l.order_id = $1 ORDER BY l.line`, order)
}

// RentalOrdersDue gives the orders of a warehouse that are to be shipped until a date and are open, the earliest first.
func (tx *Tx) RentalOrdersDue(ctx context.Context, warehouse, until string, most int) ([]RentalOrder, error) {
	return list(ctx, tx, scanRentalOrder, "SELECT "+rentalOrderColumns+` WHERE warehouse_id = $1 AND state = 'open' AND ship_date <= $2
		ORDER BY ship_date, id LIMIT $3`, warehouse, until, most)
}

// RentalOrders gives orders in a state, or all when it is empty, of a customer, or of all, those that are shipped last first.
func (tx *Tx) RentalOrders(ctx context.Context, state, customer string, most int) ([]RentalOrder, error) {
	return list(ctx, tx, scanRentalOrder, "SELECT "+rentalOrderColumns+` WHERE ($1 = '' OR state = $1) AND ($2 = '' OR customer_id = $2)
		ORDER BY ship_date DESC, id LIMIT $3`, state, customer, most)
}

// MoveRentalOrder takes an order from one state to the next, and leaves it alone in any other.
func (tx *Tx) MoveRentalOrder(ctx context.Context, id, from, to string, at time.Time) error {
	column := map[string]string{"shipped": ", shipped_at = $4", "returned": ", returned_at = $4"}[to]
	args := []any{id, from, to}
	if column != "" {
		args = append(args, millis(at))
	}
	return tx.write(ctx, "UPDATE rental_orders SET state = $3"+column+" WHERE id = $1 AND state = $2", args...)
}

// Commitment is a piece that stands for a line of an order.
type Commitment struct {
	Item, Order string
	Line        int
	Made, Ended time.Time
	How         string // it ended
}

// AddCommitment has a piece stand for a line. The database refuses a second one that lives for the piece, or for the line.
func (tx *Tx) AddCommitment(ctx context.Context, c Commitment) error {
	if err := tx.flushRentals(ctx); err != nil { // the piece has to be there
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO commitments (item_id, order_id, line, made_at, how) VALUES ($1, $2, $3, $4, '')
		ON CONFLICT (item_id, order_id, line, made_at) DO UPDATE SET ended_at = NULL, how = ''`, c.Item, c.Order, c.Line, millis(c.Made))
	return err
}

// EndCommitment ends the commitment of a piece, if it has one.
func (tx *Tx) EndCommitment(ctx context.Context, item, how string, at time.Time) error {
	return tx.write(ctx, "UPDATE commitments SET ended_at = $2, how = $3 WHERE item_id = $1 AND ended_at IS NULL", item, millis(at), how)
}

// CommitmentsOf gives what a piece has stood for, the first first.
func (tx *Tx) CommitmentsOf(ctx context.Context, item string) ([]Commitment, error) {
	return list(ctx, tx, func(row scanner) (c Commitment, err error) {
		var made int64
		var ended sql.NullInt64
		err = row.Scan(&c.Item, &c.Order, &c.Line, &made, &ended, &c.How)
		c.Made, c.Ended = fromMillis(made), fromOptionalMillis(ended)
		return c, err
	}, "SELECT item_id, order_id, line, made_at, ended_at, how FROM commitments WHERE item_id = $1 ORDER BY made_at, order_id", item)
}

// PromisesOver gives pieces whose promise has run out, the longest first.
func (tx *Tx) PromisesOver(ctx context.Context, now time.Time, most int) ([]RentalItem, error) {
	return list(ctx, tx, scanRental, "SELECT "+rentalColumns+" WHERE promise = 1 AND promised_until <= $1 ORDER BY promised_until, id LIMIT $2",
		millis(now), most)
}

// OverdueWork is the id of the work that a piece makes which has stood still since a moment.
func OverdueWork(item string, since time.Time) string {
	return fmt.Sprintf("rental_overdue/%s/%d", item, millis(since))
}

// Waiting gives pieces of a warehouse that have been in a state of custody since before a moment, the longest first, without those whose
// wait is work already, or was.
func (tx *Tx) Waiting(ctx context.Context, warehouse string, c protocol.Custody, before time.Time, most int) ([]RentalItem, error) {
	return list(ctx, tx, scanRental, "SELECT "+rentalColumns+` WHERE warehouse_id = $1 AND custody = $2 AND since < $3 AND NOT EXISTS (
		SELECT 1 FROM work_items w WHERE w.id = 'rental_overdue/' || rental_items.id || '/' || CAST(rental_items.since AS TEXT))
		ORDER BY since, id LIMIT $4`, warehouse, int64(c), millis(before), most)
}

// AvailablePieces gives pieces of a garment that may be promised now, the best and least worn first.
func (tx *Tx) AvailablePieces(ctx context.Context, warehouse, gtin string, now time.Time, most int) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT id FROM rental_items WHERE gtin = $1 AND custody = 3 AND warehouse_id = $2 AND fit
		AND (promise = 0 OR promise = 1 AND promised_until <= $3) ORDER BY grade, turns, id LIMIT $4`, gtin, warehouse, millis(now), most)
}

// PiecesOf gives the pieces that are in process or out for an order, in some states of custody.
func (tx *Tx) PiecesOf(ctx context.Context, order string, custody []protocol.Custody) ([]string, error) {
	states := make([]string, len(custody))
	for n, c := range custody {
		states[n] = strconv.Itoa(int(c))
	}
	return list(ctx, tx, scanText, `SELECT i.id FROM commitments c JOIN rental_items i ON i.id = c.item_id
		WHERE c.order_id = $1 AND c.ended_at IS NULL AND i.custody IN (`+strings.Join(states, ", ")+`) ORDER BY i.id`, order)
}

// AddReturnNotice has the outside world told, once, that pieces of an order have come back. It is due at once: tries go by the machine's
// clock, not by the business's.
func (tx *Tx) AddReturnNotice(ctx context.Context, order string, at, now time.Time) error {
	return tx.write(ctx, `INSERT INTO rental_notices (id, kind, order_id, customer_id, happened_at, made_at, due_at, tries, problem)
		SELECT 'return_received/' || id, 'return_received', id, customer_id, $2, $3, 0, 0, '' FROM rental_orders WHERE id = $1
		ON CONFLICT (id) DO NOTHING`, order, millis(at), millis(now))
}

// ReturnNotice tells the outside world that pieces of an order have come back.
type ReturnNotice struct {
	ID, Kind, Order, Customer string
	Happened, Made            time.Time
	Tries                     int
}

// DueReturnNotices gives notices that are to be sent and that no hub is sending, the oldest first.
func (tx *Tx) DueReturnNotices(ctx context.Context, now time.Time, most int) ([]ReturnNotice, error) {
	return list(ctx, tx, func(row scanner) (n ReturnNotice, err error) {
		var happened, made int64
		err = row.Scan(&n.ID, &n.Kind, &n.Order, &n.Customer, &happened, &made, &n.Tries)
		n.Happened, n.Made = fromMillis(happened), fromMillis(made)
		return n, err
	}, `SELECT id, kind, order_id, customer_id, happened_at, made_at, tries FROM rental_notices WHERE sent_at IS NULL AND due_at <= $1
		AND (claimed_until IS NULL OR claimed_until <= $1) ORDER BY due_at, id LIMIT $2`, millis(now), most)
}

// ClaimReturnNotice takes a notice for sending until a time; of several hubs one gets it.
func (tx *Tx) ClaimReturnNotice(ctx context.Context, id string, now, until time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, `UPDATE rental_notices SET claimed_until = $3, tries = tries + 1 WHERE id = $1 AND sent_at IS NULL AND due_at <= $2
		AND (claimed_until IS NULL OR claimed_until <= $2)`, id, millis(now), millis(until))
	return n == 1, err
}

// ReturnNoticeSent notes that a notice was taken.
func (tx *Tx) ReturnNoticeSent(ctx context.Context, id string, at time.Time) error {
	return tx.write(ctx, "UPDATE rental_notices SET sent_at = $2, problem = '', claimed_until = NULL WHERE id = $1", id, millis(at))
}

// PutOffReturnNotice lets a notice be tried again.
func (tx *Tx) PutOffReturnNotice(ctx context.Context, id, problem string, due time.Time) error {
	return tx.write(ctx, "UPDATE rental_notices SET due_at = $2, problem = $3, claimed_until = NULL WHERE id = $1 AND sent_at IS NULL",
		id, millis(due), problem)
}
