package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/people"
)

// Payments is the store as the payment service needs it.
func (s *Store) Payments() payment.Store { return paymentStore{s} }

type paymentStore struct{ s *Store }

func (p paymentStore) Read(ctx context.Context, fn func(payment.Tx) error) error {
	return p.s.Read(ctx, func(tx *Tx) error { return fn(tx) })
}

func (p paymentStore) Change(ctx context.Context, fn func(payment.Tx) error) error {
	return p.s.Change(ctx, func(tx *Tx) error { return fn(tx) })
}

// OwedBack makes what is owed back of an order go back, in this transaction; see payment.OwedBack. Whoever ends an order, takes
// units off it or changes its lines calls it after that.
func (tx *Tx) OwedBack(ctx context.Context, orderID string, now time.Time) error {
	return payment.OwedBack(ctx, tx, orderID, now)
}

// Bill is an order's payment with its refunds, or payment.ErrNotFound.
func (tx *Tx) Bill(ctx context.Context, orderID string) (b payment.Bill, err error) {
	p := &b.Payment
	var intent sql.NullString
	var begun, changed int64
	err = tx.row(ctx, `SELECT order_id, reference, state, cause, code, method, intent_id, amount_yen, captured_yen, refunded_yen, begun_at,
		changed_at FROM payments WHERE order_id = $1`, orderID).Scan(&p.OrderID, &p.Reference, &p.State, &p.Cause, &p.Code, &p.Method,
		&intent, &p.AmountYen, &p.CapturedYen, &p.RefundedYen, &begun, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		return b, payment.ErrNotFound
	}
	if err != nil {
		return b, err
	}
	p.IntentID, p.BegunAt, p.ChangedAt = intent.String, fromMillis(begun), fromMillis(changed)
	p.Lines, err = list(ctx, tx, func(row scanner) (l payment.Line, err error) {
		err = row.Scan(&l.Number, &l.ProductID, &l.Units, &l.UnitPriceYen)
		return l, err
	}, "SELECT line, product_id, units, unit_price_yen FROM payment_lines WHERE order_id = $1 ORDER BY line", orderID)
	if err != nil {
		return b, err
	}
	if b.CodeMayOpen, err = tx.codeMayOpen(ctx, orderID); err != nil {
		return b, err
	}
	b.Refunds, err = tx.refunds(ctx, orderID)
	return b, err
}

func (tx *Tx) refunds(ctx context.Context, orderID string) ([]payment.Refund, error) {
	all, err := list(ctx, tx, func(row scanner) (r payment.Refund, err error) {
		var asked int64
		var done sql.NullInt64
		err = row.Scan(&r.ID, &r.State, &r.AmountYen, &r.Reason, &r.AskedBy, &asked, &done, &r.ProviderID, &r.Code)
		r.OrderID, r.AskedAt, r.DoneAt = orderID, fromMillis(asked), fromOptionalMillis(done)
		return r, err
	}, `SELECT id, state, amount_yen, reason, asked_by, asked_at, done_at, provider_id, code FROM refunds
		WHERE order_id = $1 ORDER BY sequence`, orderID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	type of struct {
		refund string
		payment.RefundLine
	}
	lines, err := list(ctx, tx, func(row scanner) (l of, err error) {
		err = row.Scan(&l.refund, &l.Line, &l.Units)
		return l, err
	}, "SELECT refund_id, line, units FROM refund_lines WHERE order_id = $1 ORDER BY refund_id, line", orderID)
	for i := range all {
		for _, l := range lines {
			if l.refund == all[i].ID {
				all[i].Lines = append(all[i].Lines, l.RefundLine)
			}
		}
	}
	return all, err
}

// OrderOfIntent finds the order whose payment has the provider's id, or our reference, or payment.ErrNotFound.
func (tx *Tx) OrderOfIntent(ctx context.Context, intentID, reference string) (id string, err error) {
	err = tx.row(ctx, "SELECT order_id FROM payments WHERE intent_id = $1", intentID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = tx.row(ctx, "SELECT order_id FROM payments WHERE reference = $1", reference).Scan(&id)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return "", payment.ErrNotFound
	}
	return id, err
}

// PaidOrder is an order as its payment sees it, or payment.ErrNotFound. Units that the shop could not deliver it has no more.
func (tx *Tx) PaidOrder(ctx context.Context, orderID string) (o payment.Order, err error) {
	var state order.State
	err = tx.row(ctx, "SELECT state, end_reason FROM orders WHERE id = $1", orderID).Scan(&state, &o.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		return o, payment.ErrNotFound
	}
	if err != nil {
		return o, err
	}
	o.ID, o.Held, o.Holds, o.Units = orderID, state == order.Held, state.Holds(), map[string]int64{}
	withdrawn := map[int64]int64{}
	o.Lines, err = list(ctx, tx, func(row scanner) (l payment.Line, err error) {
		var off int64
		err = row.Scan(&l.Number, &l.ProductID, &l.Units, &l.UnitPriceYen, &off)
		withdrawn[l.Number] = off
		return l, err
	}, `SELECT line, product_id, quantity, unit_price_yen, withdrawn FROM order_lines WHERE order_id = $1 ORDER BY line`, orderID)
	if err != nil || !o.Holds {
		return o, err
	}
	for _, l := range o.Lines {
		o.Units[l.ProductID] += l.Units - withdrawn[l.Number]
	}
	short, err := list(ctx, tx, scanText, "SELECT product_id FROM order_items WHERE order_id = $1 AND short", orderID)
	for _, product := range short {
		o.Units[product]--
	}
	return o, err
}

// AddPayment stores a new payment with its lines. It is false when the order has one.
func (tx *Tx) AddPayment(ctx context.Context, p payment.Payment) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO payments (order_id, reference, state, cause, code, method, intent_id, amount_yen, captured_yen,
		refunded_yen, begun_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, 0, 0, $8, $8) ON CONFLICT (order_id) DO NOTHING`,
		p.OrderID, p.Reference, string(p.State), string(p.Cause), p.Code, p.Method, p.AmountYen, millis(p.BegunAt))
	if err != nil || n == 0 {
		return false, err
	}
	var lines [][]any
	for _, l := range p.Lines {
		lines = append(lines, []any{p.OrderID, l.Number, l.ProductID, l.Units, l.UnitPriceYen})
	}
	_, err = tx.insert(ctx, "payment_lines", []string{"order_id", "line", "product_id", "units", "unit_price_yen"}, lines, "")
	return err == nil, err
}

// SaveBill stores a payment and its refunds as they now are.
func (tx *Tx) SaveBill(ctx context.Context, b payment.Bill) error {
	p := b.Payment
	err := tx.write(ctx, `UPDATE payments SET state = $2, cause = $3, code = $4, method = $5, intent_id = $6, captured_yen = $7,
		refunded_yen = $8, changed_at = $9 WHERE order_id = $1`, p.OrderID, string(p.State), string(p.Cause), p.Code, p.Method,
		sql.NullString{String: p.IntentID, Valid: p.IntentID != ""}, p.CapturedYen, p.RefundedYen, millis(p.ChangedAt))
	if err != nil {
		return fmt.Errorf("save the payment of order %s: %w", p.OrderID, err)
	}
	for i, r := range b.Refunds {
		if err := tx.saveRefund(ctx, int64(i+1), r); err != nil {
			return fmt.Errorf("save refund %s of order %s: %w", r.ID, p.OrderID, err)
		}
	}
	return nil
}

func (tx *Tx) saveRefund(ctx context.Context, sequence int64, r payment.Refund) error {
	changed, err := tx.exec(ctx, "UPDATE refunds SET state = $3, done_at = $4, provider_id = $5, code = $6 WHERE order_id = $1 AND id = $2",
		r.OrderID, r.ID, string(r.State), optionalMillis(r.DoneAt), r.ProviderID, r.Code)
	if err != nil || changed == 1 {
		return err
	}
	err = tx.write(ctx, `INSERT INTO refunds (order_id, id, sequence, state, amount_yen, reason, asked_by, asked_at, done_at, provider_id, code)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, r.OrderID, r.ID, sequence, string(r.State), r.AmountYen, r.Reason,
		r.AskedBy, millis(r.AskedAt), optionalMillis(r.DoneAt), r.ProviderID, r.Code)
	if err != nil {
		return err
	}
	var lines [][]any
	for _, l := range r.Lines {
		lines = append(lines, []any{r.OrderID, r.ID, l.Line, l.Units})
	}
	if _, err := tx.insert(ctx, "refund_lines", []string{"order_id", "refund_id", "line", "units"}, lines, ""); err != nil || r.AskedBy == payment.Nobody {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(r.AskedAt, r.AskedBy, "order.refund", r.OrderID, fmt.Sprintf("%s, %d yen", r.ID, r.AmountYen)))
}

const paymentTaskColumns = "order_id, refund_id, due_at, tries, round, unsure, since, problem FROM payment_tasks"

func scanPaymentTask(row scanner) (t payment.Task, err error) {
	var due, since int64
	err = row.Scan(&t.OrderID, &t.RefundID, &due, &t.Tries, &t.Round, &t.Unsure, &since, &t.Problem)
	t.DueAt, t.Since = fromMillis(due), fromMillis(since)
	return t, err
}

// PaymentTask is a task of the outbox of payments; found is false when nothing is pending.
func (tx *Tx) PaymentTask(ctx context.Context, orderID, refundID string) (t payment.Task, found bool, err error) {
	t, err = scanPaymentTask(tx.row(ctx, "SELECT "+paymentTaskColumns+" WHERE order_id = $1 AND refund_id = $2", orderID, refundID))
	if errors.Is(err, sql.ErrNoRows) {
		return payment.Task{}, false, nil
	}
	return t, err == nil, err
}

// SavePaymentTask stores a task as it now is.
func (tx *Tx) SavePaymentTask(ctx context.Context, t payment.Task) error {
	return tx.write(ctx, `INSERT INTO payment_tasks (order_id, refund_id, due_at, tries, round, unsure, since, problem)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (order_id, refund_id) DO UPDATE SET due_at = excluded.due_at,
		tries = excluded.tries, round = excluded.round, unsure = excluded.unsure, since = excluded.since, problem = excluded.problem`,
		t.OrderID, t.RefundID, millis(t.DueAt), t.Tries, t.Round, t.Unsure, millis(t.Since), t.Problem)
}

// RemovePaymentTask removes what is done.
func (tx *Tx) RemovePaymentTask(ctx context.Context, orderID, refundID string) error {
	return tx.write(ctx, "DELETE FROM payment_tasks WHERE order_id = $1 AND refund_id = $2", orderID, refundID)
}

// ClaimPaymentTasks gives tasks that are due, the longest due first, and puts them off until then.
func (tx *Tx) ClaimPaymentTasks(ctx context.Context, now, until time.Time, most int) ([]payment.Task, error) {
	due, err := list(ctx, tx, scanPaymentTask, "SELECT "+paymentTaskColumns+" WHERE due_at <= $1 ORDER BY due_at, order_id, refund_id LIMIT $2",
		millis(now), most)
	for _, t := range due {
		if err == nil {
			err = tx.write(ctx, "UPDATE payment_tasks SET due_at = $3 WHERE order_id = $1 AND refund_id = $2", t.OrderID, t.RefundID, millis(until))
		}
	}
	return due, err
}

// pendingPayments are what is not settled. An order that stands and could not be charged has no task: only a person can help.
const pendingPayments = ` FROM (
	SELECT t.order_id, t.refund_id, COALESCE(r.state, p.state) AS state, COALESCE(r.amount_yen, p.amount_yen) AS amount_yen, t.since,
		t.due_at, t.tries, t.problem, p.code FROM payment_tasks t JOIN payments p ON p.order_id = t.order_id
		LEFT JOIN refunds r ON r.order_id = t.order_id AND r.id = t.refund_id
	UNION ALL
	SELECT p.order_id, '', p.state, p.amount_yen, p.changed_at, 0, 0, '', p.code FROM payments p
		WHERE p.state = 'uncollected' AND NOT EXISTS (SELECT 1 FROM payment_tasks t WHERE t.order_id = p.order_id AND t.refund_id = '')
) x JOIN orders o ON o.id = x.order_id
WHERE x.state <> 'uncollected' OR o.state NOT IN ('expired', 'cancelled', 'called_off')`

// PendingPayments lists what is pending, the oldest first, and counts all of it.
func (tx *Tx) PendingPayments(ctx context.Context, most int) (all []payment.Pending, total int, err error) {
	if err = tx.row(ctx, "SELECT COUNT(*)"+pendingPayments).Scan(&total); err != nil {
		return nil, 0, err
	}
	all, err = list(ctx, tx, func(row scanner) (p payment.Pending, err error) {
		var since, due int64
		err = row.Scan(&p.OrderID, &p.DeliveryDate, &p.OrderState, &p.RefundID, &p.State, &p.AmountYen, &since, &due, &p.Tries, &p.Problem, &p.Code)
		p.Since, p.DueAt = fromMillis(since), fromMillis(due)
		return p, err
	}, `SELECT x.order_id, o.delivery_date, o.state, x.refund_id, x.state, x.amount_yen, x.since, x.due_at, x.tries, x.problem, x.code`+
		pendingPayments+" ORDER BY x.since, x.order_id, x.refund_id LIMIT $1", most)
	return all, total, err
}

// EndedUnpaidBack lists orders of dates from the given one on that have ended while money is reserved or kept for them.
func (tx *Tx) EndedUnpaidBack(ctx context.Context, fromDate string, most int) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT o.id FROM orders o JOIN payments p ON p.order_id = o.id
		WHERE o.delivery_date >= $1 AND o.state IN ('expired', 'cancelled', 'called_off')
		AND (p.state IN ('opening', 'authorising', 'authorised', 'capturing') OR p.state = 'captured' AND p.captured_yen >
			(SELECT COALESCE(SUM(r.amount_yen), 0) FROM refunds r WHERE r.order_id = p.order_id AND r.state <> 'dropped'))
		ORDER BY o.id LIMIT $2`, fromDate, most)
}

// AddPaymentEvent notes an event that the provider sent. It is false when it was noted before.
func (tx *Tx) AddPaymentEvent(ctx context.Context, e payment.Event, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, "INSERT INTO payment_events (id, kind, intent_id, received_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
		e.ID, e.Kind, e.IntentID, millis(at))
	return n == 1, err
}

// ForgetPaymentEvents deletes events that were received before a moment.
func (tx *Tx) ForgetPaymentEvents(ctx context.Context, before time.Time) error {
	err := tx.write(ctx, "DELETE FROM payment_events WHERE received_at < $1", millis(before))
	return err
}
