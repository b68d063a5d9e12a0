package web_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/people"
	"meguri/hub/storetest"
	"meguri/hub/web"
)

// pending makes payments in each state that a page may show, the oldest first: o-1 is being reserved and has trouble, o-2 is being
// charged, o-3 cannot be charged and stands, o-4 is being refunded, o-5 is settled.
func pending(t *testing.T) *apitest.Hub {
	t.Helper()
	h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
	_, err := web.Register(h.Echo, web.Config{API: h.API, Zone: time.FixedZone("Asia/Tokyo", 9*60*60)})
	require.NoError(t, err)
	h.SetPrices(t)
	ctx := t.Context()
	for n := 1; n <= 5; n++ {
		id, now := fmt.Sprintf("o-%d", n), h.Clock.Now().Add(time.Duration(n-9)*7*time.Minute)
		_, err := h.Orders.Place(ctx, order.Request{ID: id, DeliveryDate: apitest.Date, LocationID: "loc-001", CustomerID: "m-1", Hold: 2 * time.Hour,
			Lines: []order.Line{{ProductID: "prod-004", Quantity: int64(2 * n)}}}, now, "p-1")
		require.NoError(t, err)
		_, err = h.Pay.Begin(ctx, id, "ref-"+id, "pm_1", now)
		require.NoError(t, err)
		settle(t, h, n, id, now)
	}
	return h
}

func settle(t *testing.T, h *apitest.Hub, n int, id string, now time.Time) {
	t.Helper()
	task := payment.Task{OrderID: id}
	turn := func(a payment.Answer) payment.Step {
		step, _, err := h.Pay.Turn(t.Context(), task, a, now, now.Add(time.Minute))
		require.NoError(t, err)
		return step
	}
	intent := func(s payment.Status) payment.Answer {
		return payment.Answer{Intent: &payment.Intent{ID: "pi-" + id, Status: s, CapturedYen: int64(n) * 2 * 440}}
	}
	turn(payment.Answer{})
	turn(intent(payment.Unpaid))
	if n == 1 {
		turn(payment.Answer{Step: payment.StepAuthorise, Problem: &payment.Problem{Kind: payment.KindUnknown, Code: "timeout", Err: context.DeadlineExceeded}})
		return
	}
	turn(intent(payment.Reserved))
	_, err := h.Orders.Confirm(t.Context(), id, "p-1", now)
	require.NoError(t, err)
	turn(payment.Answer{Step: payment.StepConfirm, OrderConfirmed: true})
	switch n {
	case 2:
		return
	case 3: // the bank takes its word back, after the cutoff
		turn(intent(payment.Closed))
		turn(payment.Answer{Step: payment.StepCancelOrder, OrderStays: true})
		require.Equal(t, payment.StepNone, turn(intent(payment.Closed)))
		return
	}
	require.Equal(t, payment.StepNone, turn(intent(payment.Taken)))
	if n == 4 {
		_, _, err := h.Pay.Refund(t.Context(), id, payment.Ask{ID: "r-1", Lines: []payment.RefundLine{{Line: 1, Units: 2}}, Reason: "spilt", By: "p-1"}, now)
		require.NoError(t, err)
	}
}

func TestWhatIsPendingIsListedTheOldestFirstAndWhatIsSettledIsNot(t *testing.T) {
	h := pending(t)
	token := h.Token(t, people.Support)
	body := get(h, "/payments?lang=en", token).Body.String()
	require.Regexp(t, `(?s)Pending payments.*Reserving the money.*¥880.*o-1.*timeout.*Charging.*¥1,760.*o-2.*Not charged.*¥2,640.*o-3.*collect the money.*Refunding.*¥880.*o-4.*refund r-1`, body)
	require.NotContains(t, body, "o-5")
	require.Regexp(t, `(?s)未完了の決済.*与信中.*880円`, get(h, "/payments?lang=ja", token).Body.String())
	body = get(h, "/orders/o-4?lang=en", token).Body.String()
	require.Regexp(t, `(?s)Payment.*Charged.*¥3,520.*Refunding ¥880.*spilt`, body)

	_, err := h.Orders.Cancel(t.Context(), "o-3", "p-1", "taken off", h.Clock.Now())
	require.NoError(t, err)
	require.NotContains(t, get(h, "/payments?lang=en", token).Body.String(), "o-3", "an order that was taken off needs no charge")
}
