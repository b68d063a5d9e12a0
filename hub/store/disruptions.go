package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/order"
)

// OutOfService is a thing that cannot be used on a date.
type OutOfService struct {
	order.Out
	Date   string
	Reason string
	SetBy  string // person
	SetAt  time.Time
}

// OutOfRun gives what a run's driver has to know to be out of service: the run itself, and locations that it calls at.
func (tx *Tx) OutOfRun(ctx context.Context, run dispatch.Run) ([]OutOfService, error) {
	all, err := tx.OutOfService(ctx, run.DeliveryDate)
	return slices.DeleteFunc(all, func(o OutOfService) bool {
		itself := o.Kind == order.OutRun && o.ID == run.ID
		calls := o.Kind == order.OutLocation && slices.ContainsFunc(run.Stops, func(s dispatch.Stop) bool { return s.PlaceID == o.ID })
		return !itself && !calls
	}), err
}

// OutOfService gives what is out of service on a date, in the order in which it was said.
func (tx *Tx) OutOfService(ctx context.Context, date string) ([]OutOfService, error) {
	return list(ctx, tx, func(row scanner) (o OutOfService, err error) {
		var at int64
		err = row.Scan(&o.Kind, &o.ID, &o.Date, &o.Reason, &o.SetBy, &at)
		o.SetAt = fromMillis(at)
		return o, err
	}, `SELECT kind, thing_id, delivery_date, reason, set_by, set_at FROM out_of_service WHERE delivery_date = $1
		ORDER BY set_at, kind, thing_id`, date)
}

// outs gives what is out of service on a date.
func (tx *Tx) outs(ctx context.Context, date string) ([]order.Out, error) {
	all, err := tx.OutOfService(ctx, date)
	outs := make([]order.Out, len(all))
	for i, o := range all {
		outs[i] = o.Out
	}
	return outs, err
}

// things are the queries that find a thing of a kind that a date ($2) uses.
var things = map[order.OutKind]string{
	order.OutSlot:     "SELECT 1 FROM slots WHERE id = $1 AND $2 <> ''",
	order.OutFridge:   "SELECT 1 FROM fridges WHERE id = $1 AND $2 <> ''",
	order.OutAddress:  "SELECT 1 FROM collection_addresses WHERE id = $1 AND $2 <> ''",
	order.OutShipper:  "SELECT 1 FROM shippers WHERE id = $1 AND $2 <> ''",
	order.OutRun:      "SELECT 1 FROM runs WHERE id = $1 AND delivery_date = $2",
	order.OutLocation: "SELECT 1 FROM deliveries WHERE location_id = $1 AND delivery_date = $2",
}

// TakeOut puts a thing out of service. It returns false when it is so already, and ErrNotFound for a thing that there is not.
func (tx *Tx) TakeOut(ctx context.Context, o OutOfService) (bool, error) {
	query, known := things[o.Kind]
	if !known {
		return false, fmt.Errorf("kind %.20q: %w", o.Kind, ErrNotFound)
	}
	var one int
	err := tx.row(ctx, query, o.ID, o.Date).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("%s %.80s on %s: %w", o.Kind, o.ID, o.Date, ErrNotFound)
	}
	if err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, `INSERT INTO out_of_service (kind, thing_id, delivery_date, reason, set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (delivery_date, kind, thing_id) DO NOTHING`, string(o.Kind), o.ID, o.Date, o.Reason, o.SetBy, millis(o.SetAt))
	return n == 1, err
}

// PutBack puts a thing back into service, or is ErrNotFound.
func (tx *Tx) PutBack(ctx context.Context, date string, o order.Out) error {
	n, err := tx.exec(ctx, "DELETE FROM out_of_service WHERE delivery_date = $1 AND kind = $2 AND thing_id = $3", date, string(o.Kind), o.ID)
	if err == nil && n == 0 {
		return fmt.Errorf("%s %.80s out of service on %s: %w", o.Kind, o.ID, date, ErrNotFound)
	}
	return err
}

// ContainersThrough gives the containers of a date that have a thing on their way.
func (tx *Tx) ContainersThrough(ctx context.Context, date string, o order.Out) ([]dispatch.Container, error) {
	return list(ctx, tx, scanContainer, "SELECT"+containerColumns+` WHERE c.delivery_date = $1 AND ($2 = 'slot' AND c.slot_id = $3
		OR $2 = 'address' AND c.address_id = $3 OR $2 = 'shipper' AND c.shipper_id = $3 OR $2 = 'run' AND c.run_id = $3
		OR $2 = 'location' AND c.location_id = $3 OR $2 = 'fridge' AND (c.fridge_id = $3
			OR EXISTS (SELECT 1 FROM collection_addresses a WHERE a.id = c.address_id AND a.fridge_id = $3))) ORDER BY c.sequence`,
		date, string(o.Kind), o.ID)
}

// DateLimit is the limit of a product on a date, if it has one of its own.
type DateLimit struct {
	ProductID string
	Limit     int64
	SetBy     string // person
	SetAt     time.Time
}

// DateLimits gives the limits that products have on a date in the place of their standing ones, by product.
func (tx *Tx) DateLimits(ctx context.Context, date string) (map[string]DateLimit, error) {
	all := map[string]DateLimit{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var l DateLimit
		var at int64
		err = row.Scan(&l.ProductID, &l.Limit, &l.SetBy, &at)
		l.SetAt = fromMillis(at)
		all[l.ProductID] = l
		return struct{}{}, err
	}, "SELECT product_id, sales_limit, set_by, set_at FROM product_limits WHERE delivery_date = $1", date)
	return all, err
}

// SetDateLimit gives a product a limit of its own on a date.
func (tx *Tx) SetDateLimit(ctx context.Context, date string, l DateLimit) error {
	return tx.write(ctx, `INSERT INTO product_limits (product_id, delivery_date, sales_limit, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (product_id, delivery_date) DO UPDATE SET sales_limit = $3, set_by = $4, set_at = $5`,
		l.ProductID, date, l.Limit, l.SetBy, millis(l.SetAt))
}

// ShopOfProduct gives the shop of a product, or ErrNotFound.
func (tx *Tx) ShopOfProduct(ctx context.Context, product string) (string, error) {
	return tx.text(ctx, "product "+product, "SELECT shop_id FROM products WHERE id = $1", product)
}

// SoldItems gives the units of a product that are sold for a date and not short.
func (tx *Tx) SoldItems(ctx context.Context, date, product string) ([]dispatch.ShortItem, error) {
	return list(ctx, tx, func(row scanner) (i dispatch.ShortItem, err error) {
		err = row.Scan(&i.OrderID, &i.Line, &i.Unit, &i.Ordered)
		return i, err
	}, `SELECT i.order_id, i.line, i.unit, o.sequence FROM order_items i JOIN orders o ON o.id = i.order_id
		WHERE i.delivery_date = $1 AND i.product_id = $2 AND NOT i.short ORDER BY o.sequence, i.line, i.unit`, date, product)
}

// KeepBack says that a container is not to be loaded.
func (tx *Tx) KeepBack(ctx context.Context, c dispatch.Container, reason, by string, at time.Time) error {
	return tx.write(ctx, `INSERT INTO do_not_load (container_id, delivery_date, reason, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (container_id) DO UPDATE SET reason = $3, set_by = $4, set_at = $5`, c.ID, c.DeliveryDate, reason, by, millis(at))
}

// LetGo takes KeepBack back, or is ErrNotFound.
func (tx *Tx) LetGo(ctx context.Context, container string) error {
	n, err := tx.exec(ctx, "DELETE FROM do_not_load WHERE container_id = $1", container)
	if err == nil && n == 0 {
		return fmt.Errorf("container %.80s is not kept back, so it cannot be let go: %w", container, ErrNotFound)
	}
	return err
}

// KeptBack gives, by container of a date, why somebody has said that it is not to be loaded.
func (tx *Tx) KeptBack(ctx context.Context, date string) (map[string]string, error) {
	all := map[string]string{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var id, reason string
		err = row.Scan(&id, &reason)
		all[id] = reason
		return struct{}{}, err
	}, "SELECT container_id, reason FROM do_not_load WHERE delivery_date = $1", date)
	return all, err
}

// Notice is something that a customer has to be told.
type Notice struct {
	Number     int64 // in the order in which they became known; 0 before
	OrderID    string
	CustomerID string // a pseudonym
	Kind       NoticeKind
	Parameters NoticeParameters
	MadeAt     time.Time
}

// NoticeKind is what a customer is told.
type NoticeKind string

// Kinds of notice.
const (
	NoticeCalledOff NoticeKind = "called_off" // the whole order
	NoticeWithdrawn NoticeKind = "withdrawn"  // units of it
	NoticeHeld      NoticeKind = "held"       // its goods are being checked, and cannot be taken until then
	NoticeReleased  NoticeKind = "released"   // they are all right
	NoticeRecalled  NoticeKind = "recalled"   // some that were taken may not be all right: not to be eaten
	NoticeCondemned NoticeKind = "condemned"  // some are not, and are given back the price of
	NoticeNewCode   NoticeKind = "new_code"   // another code opens the door; the former one is taken back
)

// NoticeParameters are what the text of a notice is made of.
type NoticeParameters struct {
	Reason   alarm.Said     `json:"reason"`
	Products []NoticedUnits `json:"products,omitempty"` // of NoticeWithdrawn
}

// NoticedUnits is units of a product that do not come.
type NoticedUnits struct {
	ProductID string `json:"product_id"`
	Name      string `json:"name"`
	Units     int    `json:"units"`
}

// AddNotice stores a notice, whose customer is the order's.
func (tx *Tx) AddNotice(ctx context.Context, n Notice) error {
	text, err := json.Marshal(n.Parameters)
	if err != nil {
		return err
	}
	if err := tx.one(ctx, "UPDATE notice_counter SET last = last + 1 WHERE id = 1"); err != nil {
		return fmt.Errorf("number of a notice: %w", err)
	}
	err = tx.one(ctx, `INSERT INTO customer_notices (number, order_id, customer_id, kind, parameters, made_at)
		SELECT (SELECT last FROM notice_counter WHERE id = 1), o.id, o.customer_id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT)
		FROM orders o WHERE o.id = $1`, n.OrderID, string(n.Kind), string(text), millis(n.MadeAt))
	if err != nil {
		return fmt.Errorf("notice of order %s: %w", n.OrderID, err)
	}
	return nil
}

const noticeColumns = "number, order_id, customer_id, kind, parameters, made_at FROM customer_notices"

func scanNotice(row scanner) (n Notice, err error) {
	var text string
	var at int64
	if err := row.Scan(&n.Number, &n.OrderID, &n.CustomerID, &n.Kind, &text, &at); err != nil {
		return n, err
	}
	n.MadeAt = fromMillis(at)
	if err := json.Unmarshal([]byte(text), &n.Parameters); err != nil {
		return n, fmt.Errorf("stored notice %d: %w", n.Number, err)
	}
	return n, nil
}

// Notices gives the notices with higher numbers than after, of one customer or with "" of all, in the order of their numbers.
func (tx *Tx) Notices(ctx context.Context, after int64, customer string, most int) ([]Notice, error) {
	return list(ctx, tx, scanNotice, "SELECT "+noticeColumns+` WHERE number > $1 AND ($2 = '' OR customer_id = $2)
		ORDER BY number LIMIT $3`, after, customer, most)
}

// NoticesOfOrder gives what the customer of an order has been told of it.
func (tx *Tx) NoticesOfOrder(ctx context.Context, order string) ([]Notice, error) {
	return list(ctx, tx, scanNotice, "SELECT "+noticeColumns+" WHERE order_id = $1 ORDER BY number", order)
}
