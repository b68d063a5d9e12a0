package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/payment"
	"meguri/hub/store"
)

// paymentsView is what is pending of payments, the oldest first.
type paymentsView struct {
	Items  []pendingLine
	Total  int
	More   int
	SumYen int64 // of Items
	Takes  bool  // this hub takes payments
	MaySee bool  // the pages of single orders
	Now    time.Time
}

type pendingLine struct {
	payment.Pending
	Refund string // whose refund it is, for people
	Grave  bool   // only a person can help
}

func (w *Web) readPayments(ctx context.Context, l lang, maySee bool) (v paymentsView, err error) {
	v.Takes, v.MaySee, v.Now = w.Paying.Service != nil, maySee, w.Clock.Now()
	err = w.read(ctx, func(tx *store.Tx) error { // what an earlier hub left pending is shown also where none are taken any more
		all, total, err := tx.PendingPayments(ctx, api.MaxPending)
		for _, p := range all {
			line := pendingLine{Pending: p, Grave: p.State == string(payment.Uncollected)}
			if p.RefundID != "" {
				line.Refund = l.text("payments.refund", p.RefundID)
			}
			v.Items, v.SumYen = append(v.Items, line), v.SumYen+p.AmountYen
		}
		v.Total, v.More = total, total-len(all)
		return err
	})
	return v, err
}

func (w *Web) payments(c echo.Context) error {
	l := chooseLang(c)
	v, err := w.readPayments(c.Request().Context(), l, w.mayOpen(api.Who(c), "/orders/:id"))
	if err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "payments", l.text("payments.title"), "/payments/live", v)
}

// paymentsStream sends the list when it has changed. Whoever may open it may see single orders, too.
func (w *Web) paymentsStream(c echo.Context) error {
	l := chooseLang(c)
	return w.stream(c, "payments "+string(l), func(ctx context.Context) ([]byte, error) {
		v, err := w.readPayments(ctx, l, true)
		if err != nil {
			return nil, err
		}
		return w.fragment(l, "payments", "live", v)
	})
}

// billView is an order's payment on the order's page.
type billView struct {
	payment.Bill
	State        string
	PendingSince time.Time
}

// readBill gives an order's payment, nil for one that is not paid here.
func readBill(ctx context.Context, tx *store.Tx, orderID string) (*billView, error) {
	b, err := tx.Bill(ctx, orderID)
	if errors.Is(err, payment.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, _, err := tx.PaymentTask(ctx, orderID, "")
	return &billView{b, b.Payment.Shown(), t.Since}, err
}

// yenText writes an amount as people of a language do.
func yenText(l lang, yen int64) string {
	digits := strconv.FormatInt(yen, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if l == japanese {
		return b.String() + "円"
	}
	return "¥" + b.String()
}
