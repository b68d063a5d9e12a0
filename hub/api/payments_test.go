package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/api/apitest"
	"meguri/hub/payment/fakepay"
	"meguri/hub/payment/intents"
	"meguri/hub/payment/settle"
	"meguri/hub/people"
	"meguri/hub/storetest"
)

// till is a hub before its cutoff whose products have prices, with a fake provider over real HTTP, and a worker.
type till struct {
	*apitest.Hub
	t    *testing.T
	fake *fakepay.Server
}

func openTill(t *testing.T) *till {
	t.Helper()
	h := &till{Hub: apitest.OpenBeforeCutoff(t, storetest.SQLite(t)), t: t}
	h.SetPrices(t)
	site := httptest.NewServer(h.Echo)
	var err error
	h.fake, err = fakepay.New(fakepay.Config{Key: "sk", Secret: apitest.EventSecret, WebhookURL: site.URL + "/v1/payments/webhook",
		Slow: 50 * time.Millisecond})
	require.NoError(t, err)
	provider := httptest.NewServer(h.fake)
	client, err := intents.New(intents.Config{URL: provider.URL, Key: "sk", Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	worker := settle.New(settle.Config{Service: h.Pay, Provider: client, Orders: settle.OfService(h.Orders), Clock: h.Clock,
		Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = worker.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		provider.CloseClientConnections()
		provider.Close()
		require.NoError(t, h.fake.Close())
		site.Close()
	})
	return h
}

type paidSeen struct {
	State     string
	EndReason string `json:"end_reason"`
	Payment   *struct {
		State        string
		AmountYen    int64   `json:"amount_yen"`
		CapturedYen  int64   `json:"captured_yen"`
		RefundedYen  int64   `json:"refunded_yen"`
		PendingSince *string `json:"pending_since"`
		Code         string
		Refunds      []struct {
			RefundID  string `json:"refund_id"`
			State     string
			AmountYen int64 `json:"amount_yen"`
		}
	}
}

// drawnID is an order's id that the hub has drawn, in a path.
var drawnID = regexp.MustCompile(`/o-[a-z0-9]{8,}`)

// pay is the body of an order for two of prod-003 (330 yen) and one of prod-001 (110 yen), 770 yen in all.
func pay(id, method string) string {
	return fmt.Sprintf(`{"order_id":%q,"delivery_date":%q,"location_id":"loc-001","customer_id":"member-0001","payment":{"method":%q},
		"lines":[{"product_id":"prod-003","quantity":2},{"product_id":"prod-001","quantity":1}]}`, id, apitest.Date, method)
}

func (h *till) do(token, method, path, body string, status int) *httptest.ResponseRecorder {
	h.t.Helper()
	w := h.Do(method, path, token, body)
	require.Equal(h.t, status, w.Code, "%s %s: %s", method, path, w.Body)
	pattern := drawnID.ReplaceAllString(strings.NewReplacer("/o-1", "/{id}", "/o-2", "/{id}").Replace(path), "/{id}")
	fits(h.t, served(h.t, h.Hub), pattern, httptest.NewRequest(method, path, nil), w)
	return w
}

// becomes waits until an order and its payment are in these states and nothing is pending.
func (h *till) becomes(token, id, order, pay string) paidSeen {
	h.t.Helper()
	var o paidSeen
	require.Eventually(h.t, func() bool {
		o = decode[paidSeen](h.t, h.Do("GET", "/v1/orders/"+id, token, ""))
		return o.State == order && o.Payment != nil && o.Payment.State == pay && o.Payment.PendingSince == nil
	}, 20*time.Second, 20*time.Millisecond, "order %s: want %s, %s", id, order, pay)
	h.do(token, "GET", "/v1/orders/"+id, "", 200)
	return o
}

func TestAnOrderIsHeldPaidConfirmedChargedAndRefunded(t *testing.T) {
	h := openTill(t)
	support := h.Token(t, people.Support)
	o := decode[paidSeen](t, h.do(support, "POST", "/v1/orders", pay("o-1", "pm_fake_ok"), 201))
	require.Equal(t, "held", o.State)
	require.Equal(t, "opening", o.Payment.State)
	require.Equal(t, int64(770), o.Payment.AmountYen)
	o = h.becomes(support, "o-1", "accepted", "captured")
	require.Equal(t, int64(770), o.Payment.CapturedYen)
	h.do(support, "POST", "/v1/orders", pay("o-1", "pm_fake_ok"), 200)

	refund := `{"refund_id":"r-1","lines":[{"line":1,"units":1}],"reason":"it leaked"}`
	h.do(support, "POST", "/v1/orders/o-1/refunds", refund, 201)
	h.do(support, "POST", "/v1/orders/o-1/refunds", refund, 200)
	h.do(support, "POST", "/v1/orders/o-1/refunds", strings.Replace(refund, `"line":1`, `"line":2`, 1), 409)
	h.do(support, "POST", "/v1/orders/o-1/refunds", `{"refund_id":"r-2","lines":[{"line":1,"units":2}]}`, 409)
	h.do(support, "POST", "/v1/orders/o-1/refunds", `{"refund_id":"r-2","lines":[{"line":9,"units":1}]}`, 422)
	o = h.becomes(support, "o-1", "accepted", "partly_refunded")
	require.Equal(t, int64(330), o.Payment.RefundedYen)

	h.do(support, "POST", "/v1/orders/o-1/cancel", `{}`, 200)
	o = h.becomes(support, "o-1", "cancelled", "refunded")
	require.Equal(t, int64(770), o.Payment.RefundedYen, "the rest went back by itself")
	require.Len(t, h.fake.Ledger(), 1)
	require.Equal(t, int64(770), h.fake.Ledger()[0].RefundedYen)
	h.do(support, "GET", "/v1/payments", "", 200)
}

func TestADeclinedOrderIsCancelledAndItsPlaceIsFree(t *testing.T) {
	h := openTill(t)
	support, customer := h.Token(t, people.Support), h.Token(t, people.Customer)
	before := h.Do("GET", "/v1/capacity?date="+apitest.Date, support, "").Body.String()
	body := strings.Replace(pay("", "pm_fake_funds"), `"order_id":"",`, "", 1)
	id := decode[orderSeen](t, h.do(customer, "POST", "/v1/orders", body, 201)).OrderID
	o := h.becomes(support, id, "cancelled", "declined")
	require.Equal(t, "payment_declined", o.EndReason)
	require.Equal(t, "insufficient_funds", o.Payment.Code)
	require.Equal(t, before, h.Do("GET", "/v1/capacity?date="+apitest.Date, support, "").Body.String())
	o = decode[paidSeen](t, h.do(customer, "GET", "/v1/orders/"+id, "", 200))
	require.Empty(t, o.Payment.Code, "what a bank says of its customer is for staff")
}

func TestWhatTheProviderDidAndDidNotSayIsFoundOut(t *testing.T) {
	for _, method := range []string{"timeout", "timeout_nohook", "late", "cut_twice", "error_latehook", "busy", "limit"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			h := openTill(t)
			support := h.Token(t, people.Support)
			h.do(support, "POST", "/v1/orders", pay("o-1", fakepay.Prefix+method), 201)
			h.becomes(support, "o-1", "accepted", "captured")
			require.Len(t, h.fake.Ledger(), 1)
		})
	}
}

func TestAnOrderForNothingIsAcceptedAtOnceAndOneWithoutPaymentAsBefore(t *testing.T) {
	h := openTill(t)
	support := h.Token(t, people.Support)
	free := strings.NewReplacer("prod-003", "prod-008", "prod-001", "prod-008").Replace(pay("o-1", "pm_fake_ok"))
	o := decode[paidSeen](t, h.do(support, "POST", "/v1/orders", free, 201))
	require.Equal(t, "accepted", o.State)
	require.Nil(t, o.Payment)
	elsewhere := strings.Replace(pay("o-2", "x"), `"payment":{"method":"x"},`, "", 1)
	o = decode[paidSeen](t, h.do(support, "POST", "/v1/orders", elsewhere, 201))
	require.Equal(t, "accepted", o.State)
	require.Nil(t, o.Payment)
	h.do(support, "POST", "/v1/orders/o-2/refunds", `{"refund_id":"r"}`, 404)
}

func TestThePaymentConfirmsAndNobodyElseAndCoversNoMore(t *testing.T) {
	h := openTill(t)
	support := h.Token(t, people.Support)
	h.do(support, "POST", "/v1/orders", pay("o-1", "pm_fake_ok"), 201)
	h.do(support, "POST", "/v1/orders/o-1/confirm", "", 409)
	h.becomes(support, "o-1", "accepted", "captured")
	h.do(support, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"prod-003","quantity":3}]}`, 409)
	h.do(support, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"prod-003","quantity":1}]}`, 200)
	o := h.becomes(support, "o-1", "accepted", "partly_refunded")
	require.Equal(t, int64(440), o.Payment.RefundedYen)
	for _, who := range []string{support, h.Token(t, people.Customer)} {
		h.do(who, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"prod-003","quantity":2}]}`, 409) // which is paid for no more
		h.do(who, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"prod-003","quantity":1}]}`, 200)
	}
}

func TestNoCardNumberIsTakenAndAHubWithoutPaymentsSaysSo(t *testing.T) {
	h := openTill(t)
	support := h.Token(t, people.Support)
	w := h.do(support, "POST", "/v1/orders", pay("o-1", "4242424242424242"), 422)
	require.NotContains(t, w.Body.String(), "4242")
	h.API.Paying = api.Paying{}
	require.Contains(t, h.do(support, "POST", "/v1/orders", pay("o-1", "pm_fake_ok"), 422).Body.String(), "takes no payments")
	require.Equal(t, http.StatusNotFound, h.Do("POST", "/v1/payments/webhook", "", `{}`).Code)
	h.do(support, "GET", "/v1/payments", "", 200)
}

func TestOneKeyPaysOnce(t *testing.T) {
	h := openTill(t)
	support := h.Token(t, people.Support)
	body := strings.Replace(pay("", "pm_fake_ok"), `"order_id":"",`, "", 1)
	first := keyed(h.Hub, support, "key-1", body)
	require.Equal(t, 201, first.Code, first.Body)
	second := keyed(h.Hub, support, "key-1", body)
	require.Equal(t, "true", second.Header().Get("Idempotent-Replayed"))
	require.JSONEq(t, first.Body.String(), second.Body.String())
	require.Equal(t, http.StatusUnprocessableEntity, keyed(h.Hub, support, "key-1", strings.Replace(body, "pm_fake_ok", "pm_fake_slow", 1)).Code)
	id := decode[orderSeen](t, first).OrderID
	h.becomesOf(support, id)
	require.JSONEq(t, first.Body.String(), keyed(h.Hub, support, "key-1", body).Body.String(), "whatever has become of it since")
	require.Len(t, h.fake.Ledger(), 1)
}

// becomesOf waits until an order with a drawn id is paid.
func (h *till) becomesOf(token, id string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		o := decode[paidSeen](h.t, h.Do("GET", "/v1/orders/"+id, token, ""))
		return o.State == "accepted" && o.Payment.State == "captured"
	}, 20*time.Second, 20*time.Millisecond)
}

func TestEventsAreTakenBySignatureAlone(t *testing.T) {
	h := openTill(t)
	body := `{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_9","object":"payment_intent","status":"succeeded","metadata":{"meguri_reference":"pay-unknown"}}}}`
	send := func(secret, body string) int {
		r := httptest.NewRequest("POST", "/v1/payments/webhook", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(intents.SignatureHeader, intents.SignatureText([]byte(secret), time.Now(), []byte(body)))
		return h.Serve(r).Code
	}
	require.Equal(t, http.StatusBadRequest, send("other", body))
	require.Equal(t, http.StatusNoContent, send(apitest.EventSecret, body))
	require.Equal(t, http.StatusNoContent, send(apitest.EventSecret, body), "again is harmless")
	require.Equal(t, http.StatusRequestEntityTooLarge, send(apitest.EventSecret, strings.Repeat(" ", 300<<10)))
	work := h.Do("GET", "/v1/work-items", h.Token(t, people.Admin), "").Body.String()
	require.Equal(t, 1, strings.Count(work, `"payment_stray"`), "money that no order here knows of is for a person: %s", work)
}

// unpaid is the body of a customer's order for units of prod-001 (110 yen) that says nothing of money.
func unpaid(units int) string { return anOrder("member-0001", 1, units, 0) }

func TestACustomersOrderWithoutPaymentWaitsForWhoeverWasPaid(t *testing.T) {
	h := openTill(t)
	customer, system := h.Token(t, people.Customer), h.Token(t, people.System)
	o := decode[orderSeen](t, h.Do("POST", "/v1/orders", customer, unpaid(1)))
	require.Equal(t, "held", o.State)
	require.WithinDuration(t, h.Clock.Now().Add(api.DefaultHold), o.HoldUntil, time.Minute)
	require.Equal(t, 403, h.Do("POST", "/v1/orders/"+o.OrderID+"/confirm", customer, "").Code)
	lines := func(units int) string {
		return fmt.Sprintf(`{"lines":[{"product_id":"prod-001","quantity":%d}]}`, units)
	}
	path := "/v1/orders/" + o.OrderID + "/lines"
	require.Equal(t, 409, h.Do("PUT", path, customer, lines(2)).Code, "it may be being paid for one")
	require.Equal(t, 200, h.Do("POST", "/v1/orders/"+o.OrderID+"/confirm", system, "").Code)
	require.Equal(t, 200, h.Do("PUT", path, system, lines(3)).Code, "who was paid may")
	for _, more := range []string{lines(4), `{"lines":[{"product_id":"prod-002","quantity":1}]}`,
		`{"lines":[{"product_id":"prod-001","quantity":2},{"product_id":"prod-001","quantity":2}]}`} {
		w := h.Do("PUT", path, customer, more)
		require.Equal(t, 409, w.Code, "%s: %s", more, w.Body)
		require.Contains(t, w.Body.String(), "only take goods off")
	}
	require.Equal(t, 200, h.Do("PUT", path, customer, lines(2)).Code)
}

func TestACustomerChoosesNeitherIDNorHold(t *testing.T) {
	for _, paying := range []bool{true, false} {
		h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
		if !paying {
			h.API.Paying = api.Paying{}
		}
		customer := h.Token(t, people.Customer)
		support := h.Token(t, people.Support)
		require.Equal(t, 201, h.Do("POST", "/v1/orders", support, apitest.OrderBody("shop-1", "member-0002", "loc-001", 1)).Code)
		for _, id := range []string{"shop-1", "shop-2"} { // an id that there is says no more than one that there is not
			w := h.Do("POST", "/v1/orders", customer, apitest.OrderBody(id, "member-0001", "loc-001", 1))
			require.Equal(t, 422, w.Code, w.Body)
			require.Equal(t, "order_id", problem(t, w).Errors[0].Field)
		}
		w := h.Do("POST", "/v1/orders", customer, anOrder("member-0001", 1, 1, 86400))
		require.Equal(t, 422, w.Code)
		require.Equal(t, "hold_seconds", problem(t, w).Errors[0].Field)
		o := decode[orderSeen](t, h.Do("POST", "/v1/orders", customer, unpaid(1)))
		require.Equal(t, map[bool]string{true: "held", false: "accepted"}[paying], o.State)
	}
}
