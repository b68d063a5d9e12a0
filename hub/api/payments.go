package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/people"
)

// EventReader checks an event that the payment provider sends, and reads it. Its errors wrap ErrBadEvent.
type EventReader func(header http.Header, body []byte, now time.Time) (payment.Event, error)

// Paying is what the API needs to take payments.
type Paying struct {
	Service *payment.Service
	// Events reads what the provider tells by itself; nil when it tells nothing.
	Events EventReader
	// Hold is how long capacity is held for an order that is being paid; 0 is DefaultHold.
	Hold time.Duration
}

func (p Paying) hold() time.Duration {
	if p.Hold == 0 {
		return DefaultHold
	}
	return p.Hold
}

// DefaultHold is how long capacity is held for an order that is being paid.
const DefaultHold = 10 * time.Minute

// ErrBadEvent says that an event is not the provider's or cannot be read.
var ErrBadEvent = errors.New("this event is refused")

// errPaidHere says that an order is confirmed by its payment and by nobody else.
var errPaidHere = errors.New("the order is being paid here and is confirmed by that")

// errNotCovered says that a paid order cannot be changed into one that costs more.
var errNotCovered = errors.New("the order is paid, and its payment does not cover these lines: take lines off, or order the rest anew")

// errNotPaidHere says that a customer cannot make an order larger that is not paid here: nobody would ask for the rest of its price.
var errNotPaidHere = errors.New("the order is not paid here, and a customer may only take goods off it: order the rest anew")

type paymentAskJSON struct {
	Method string `json:"method"`
}

type paymentJSON struct {
	State        string       `json:"state"`
	AmountYen    int64        `json:"amount_yen"`
	CapturedYen  int64        `json:"captured_yen"`
	RefundedYen  int64        `json:"refunded_yen"`
	PendingSince *time.Time   `json:"pending_since,omitempty"`
	Code         string       `json:"code,omitempty"`
	Problem      string       `json:"problem,omitempty"`
	Refunds      []refundJSON `json:"refunds"`
}

type refundJSON struct {
	RefundID  string           `json:"refund_id"`
	State     string           `json:"state"`
	AmountYen int64            `json:"amount_yen"`
	Lines     []refundLineJSON `json:"lines"`
	Reason    string           `json:"reason,omitempty"`
	AskedAt   time.Time        `json:"asked_at"`
	DoneAt    *time.Time       `json:"done_at,omitempty"`
	Code      string           `json:"code,omitempty"`
}

type refundLineJSON struct {
	Line  int64 `json:"line"`
	Units int64 `json:"units"`
}

// holdForPayment makes a request one that is held until it is paid.
func (a *API) holdForPayment(r *order.Request, ask *paymentAskJSON) error {
	if ask == nil {
		return nil
	}
	if a.Paying.Service == nil {
		return &order.FieldError{Field: "payment", Want: "nothing: this hub takes no payments (hub serve --payments)"}
	}
	if err := payment.CheckMethod(ask.Method); err != nil {
		return err
	}
	if r.Hold == 0 {
		r.Hold = a.Paying.hold()
	}
	return nil
}

// asCustomer refuses what a customer does not choose, and holds an order that a customer does not pay for here: it waits for the shop's
// own program or support, which confirm what was paid elsewhere. A chosen id could stand in the way of another's order, or tell
// that there is one; a long hold takes goods from others for nothing.
func (a *API) asCustomer(r *order.Request, in orderRequestJSON, role people.Role) error {
	if role != people.Customer {
		return nil
	}
	if in.OrderID != "" {
		return &order.FieldError{Field: "order_id", Got: in.OrderID, Want: "nothing from a customer: the hub draws it; send an Idempotency-Key to ask again"}
	}
	if in.HoldSeconds != 0 {
		return &order.FieldError{Field: "hold_seconds", Got: fmt.Sprint(in.HoldSeconds), Want: "nothing from a customer: the hub says how long it holds"}
	}
	if a.Paying.Service != nil && in.Payment == nil {
		r.Hold = a.Paying.hold()
	}
	return nil
}

// beginPayment begins to pay for an order that is held; an order for nothing is confirmed at once. Beginning again, when the
// same order is asked for again, changes nothing. It gives the order as it then is.
func (a *API) beginPayment(ctx context.Context, o order.Order, ask *paymentAskJSON, by string) (order.Order, error) {
	if ask == nil || o.State != order.Held {
		return o, nil
	}
	if o.TotalYen() == 0 {
		if _, err := a.Orders.Confirm(ctx, o.ID, by, a.Clock.Now()); err != nil {
			return o, err
		}
		o.State = order.Accepted
		return o, nil
	}
	_, err := a.Paying.Service.Begin(ctx, o.ID, people.NewID("pay"), ask.Method, a.Clock.Now())
	if errors.Is(err, payment.ErrNotPaid) { // its hold has ended meanwhile
		return a.Orders.Get(ctx, o.ID)
	}
	return o, err
}

// paymentOf is an order's payment for who asks; nil for an order that is not paid here. A fresh one is as it was begun.
func (a *API) paymentOf(c echo.Context, o order.Order, fresh bool) (*paymentJSON, error) {
	if a.Paying.Service == nil || o.HoldUntil.IsZero() { // who pays here was held first
		return nil, nil
	}
	b, t, pending, err := a.Paying.Service.Of(c.Request().Context(), o.ID)
	if errors.Is(err, payment.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if fresh { // the same key gives the same answer, whatever has become of it since
		p := b.Payment
		return &paymentJSON{State: string(payment.Opening), AmountYen: p.AmountYen, PendingSince: optional(p.BegunAt), Refunds: []refundJSON{}}, nil
	}
	// What a bank says of its customer, and what went wrong between programs, is for staff.
	staff := Who(c).Role != people.Customer
	out := &paymentJSON{State: b.Payment.Shown(), AmountYen: b.Payment.AmountYen, CapturedYen: b.Payment.CapturedYen,
		RefundedYen: b.Payment.RefundedYen, Refunds: each(b.Refunds, func(r payment.Refund) refundJSON { return toRefund(r, staff) })}
	if pending {
		out.PendingSince = &t.Since
	}
	if staff {
		out.Code, out.Problem = b.Payment.Code, t.Problem
	}
	return out, nil
}

func toRefund(r payment.Refund, staff bool) refundJSON {
	out := refundJSON{RefundID: r.ID, State: string(r.State), AmountYen: r.AmountYen, AskedAt: r.AskedAt, DoneAt: optional(r.DoneAt),
		Lines: each(r.Lines, func(l payment.RefundLine) refundLineJSON { return refundLineJSON(l) })}
	if staff {
		out.Reason, out.Code = r.Reason, r.Code
	}
	return out
}

// notPaidHere refuses what would go past the payment of an order.
func (a *API) notPaidHere(ctx context.Context, orderID string) error {
	if a.Paying.Service == nil {
		return nil
	}
	switch _, _, _, err := a.Paying.Service.Of(ctx, orderID); {
	case err == nil:
		return errPaidHere
	case errors.Is(err, payment.ErrNotFound):
		return nil
	default:
		return err
	}
}

// revise gives an order other lines, as far as it is paid for. A customer may take goods off it and put none on, whether it is held,
// confirmed or paid: whoever confirms it has been paid for what was in it, and what was taken off is paid back.
func (a *API) revise(ctx context.Context, orderID string, who people.Person, lines []order.Line) error {
	now := a.Clock.Now()
	if a.Paying.Service == nil {
		_, err := a.Orders.Revise(ctx, orderID, who.ID, lines, now)
		return err
	}
	b, _, _, err := a.Paying.Service.Of(ctx, orderID)
	paid := !errors.Is(err, payment.ErrNotFound)
	if err != nil && paid {
		return err
	}
	revise, refused := a.Orders.Revise, errNotPaidHere
	if paid {
		refused = errNotCovered
	}
	if who.Role == people.Customer || paid && !b.Covers(unitsOf(lines)) {
		revise = a.Orders.Lessen
	}
	if _, err = revise(ctx, orderID, who.ID, lines, now); errors.Is(err, order.ErrMore) {
		return refused
	}
	return err
}

func unitsOf(lines []order.Line) map[string]int64 {
	units := map[string]int64{}
	for _, l := range lines {
		units[l.ProductID] += l.Quantity
	}
	return units
}

func (a *API) refundOrder(c echo.Context) error {
	var in struct {
		RefundID string           `json:"refund_id"`
		Lines    []refundLineJSON `json:"lines"`
		Reason   string           `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if a.Paying.Service == nil {
		return payment.ErrNotFound
	}
	ask := payment.Ask{ID: in.RefundID, Reason: in.Reason, By: Who(c).ID}
	for _, l := range in.Lines {
		ask.Lines = append(ask.Lines, payment.RefundLine(l))
	}
	r, repeated, err := a.Paying.Service.Refund(c.Request().Context(), Param(c, "id"), ask, a.Clock.Now())
	if err != nil {
		return err
	}
	if repeated {
		return c.JSON(http.StatusOK, toRefund(r, true))
	}
	a.Feed.Changed()
	return c.JSON(http.StatusCreated, toRefund(r, true))
}

type pendingJSON struct {
	OrderID      string     `json:"order_id"`
	DeliveryDate string     `json:"delivery_date"`
	OrderState   string     `json:"order_state"`
	RefundID     string     `json:"refund_id,omitempty"`
	State        string     `json:"state"`
	AmountYen    int64      `json:"amount_yen"`
	Since        time.Time  `json:"since"`
	NextTryAt    *time.Time `json:"next_try_at,omitempty"`
	Tries        int64      `json:"tries"`
	Problem      string     `json:"problem,omitempty"`
}

// MaxPending is the most that lists of pending payments show.
const MaxPending = 200

func (a *API) listPayments(c echo.Context) error {
	out := struct {
		Pending []pendingJSON `json:"pending"`
		Total   int           `json:"total"`
	}{Pending: []pendingJSON{}}
	if a.Paying.Service != nil {
		all, total, err := a.Paying.Service.Pending(c.Request().Context(), MaxPending)
		if err != nil {
			return err
		}
		out.Total = total
		out.Pending = each(all, func(p payment.Pending) pendingJSON {
			j := pendingJSON{OrderID: p.OrderID, DeliveryDate: p.DeliveryDate, OrderState: p.OrderState, RefundID: p.RefundID, State: p.State,
				AmountYen: p.AmountYen, Since: p.Since, Tries: p.Tries, Problem: p.Problem}
			if p.DueAt.Unix() > 0 {
				j.NextTryAt = &p.DueAt
			}
			return j
		})
	}
	return c.JSON(http.StatusOK, out)
}

// paymentEvent takes what the provider tells by itself. Whoever may call it is known by the signature alone, so it is read as
// bytes, and says no more than that it is refused.
func (a *API) paymentEvent(c echo.Context) error {
	if a.Paying.Events == nil {
		return echo.ErrNotFound
	}
	body, err := io.ReadAll(c.Request().Body) // bounded by the middleware
	if err != nil {
		return err
	}
	event, err := a.Paying.Events(c.Request().Header, body, a.RealNow())
	if err != nil {
		a.Logger.Warn("an event of payments was refused", "from", c.RealIP(), "error", err)
		return fmt.Errorf("%w", ErrBadEvent)
	}
	if event.IntentID != "" {
		fresh, err := a.Paying.Service.Note(c.Request().Context(), event, a.Clock.Now())
		if err != nil {
			return err
		}
		a.Logger.Debug("an event of payments", "kind", event.Kind, "intent", event.IntentID, "fresh", fresh)
	}
	return c.NoContent(http.StatusNoContent)
}
