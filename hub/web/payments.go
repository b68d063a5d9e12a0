package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/payment"
	"meguri/hub/store"
)

// paymentsView is what is pending of payments, the oldest first.
type paymentsView struct {
	Items []payment.Pending
	Total int
	Takes bool // this hub takes payments
}

func (w *Web) paymentsView(ctx context.Context) (v paymentsView, err error) {
	v.Takes = w.Paying.Service != nil
	err = w.read(ctx, func(tx *store.Tx) error { // what an earlier hub left pending is shown also where none are taken any more
		v.Items, v.Total, err = tx.PendingPayments(ctx, api.MaxPending)
		return err
	})
	return v, err
}

func (w *Web) payments(c echo.Context) error {
	v, err := w.paymentsView(c.Request().Context())
	if err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "payments", chooseLang(c).text("payments.title"), "", v)
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
	return fmt.Sprintf("¥%s", b.String())
}
