package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/storetest"
)

// orderSeen is an order as the API answers.
type orderSeen struct {
	OrderID   string    `json:"order_id"`
	State     string    `json:"state"`
	HoldUntil time.Time `json:"hold_until"`
	EndReason string    `json:"end_reason"`
	Items     []struct {
		ContainerID string `json:"container_id"`
	}
}

// keyed sends an order with an idempotency key.
func keyed(h *apitest.Hub, token, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/orders", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	return h.Serve(r)
}

// anOrder is the body of an order without an id.
func anOrder(customer string, product, quantity, hold int) string {
	return fmt.Sprintf(`{"delivery_date":%q,"location_id":"loc-001","customer_id":%q,"hold_seconds":%d,
		"lines":[{"product_id":"prod-%03d","quantity":%d}]}`, apitest.Date, customer, hold, product, quantity)
}

func TestAHeldOrderIsConfirmedOrCancelled(t *testing.T) {
	h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
	doc := served(t, h)
	system, customer := h.Token(t, people.System), h.Token(t, people.Customer)
	do := func(token, method, path, body string, status int) *httptest.ResponseRecorder {
		w := h.Do(method, path, token, body)
		require.Equal(t, status, w.Code, "%s %s: %s", method, path, w.Body)
		pattern := strings.NewReplacer("/o-1", "/{id}", "/o-2", "/{id}", "/none", "/{id}").Replace(path)
		fits(t, doc, pattern, httptest.NewRequest(method, path, nil), w)
		return w
	}
	held := strings.Replace(anOrder("member-0001", 1, 2, 600), "{", `{"order_id":"o-1",`, 1)
	o := decode[orderSeen](t, do(system, "POST", "/v1/orders", held, 201))
	require.Equal(t, "held", o.State)
	require.WithinDuration(t, h.Clock.Now().Add(10*time.Minute), o.HoldUntil, time.Minute)
	require.Len(t, o.Items, 2)
	require.Equal(t, o, decode[orderSeen](t, do(customer, "GET", "/v1/orders/o-1", "", 200)), "as it was answered")
	require.Equal(t, 403, h.Do("POST", "/v1/orders/o-1/confirm", customer, "").Code, "who confirms says that it is paid")
	for range 2 {
		require.Equal(t, "accepted", decode[orderSeen](t, do(system, "POST", "/v1/orders/o-1/confirm", "", 200)).State)
	}
	do(system, "POST", "/v1/orders/none/confirm", "", 404)

	other := strings.Replace(anOrder("member-0002", 1, 1, 0), "{", `{"order_id":"o-2",`, 1)
	do(system, "POST", "/v1/orders", other, 201)
	for _, path := range []string{"/v1/orders/o-2/cancel", "/v1/orders/none/cancel"} {
		do(customer, "POST", path, `{}`, 404)
	}
	do(customer, "PUT", "/v1/orders/o-2/lines", `{"lines":[{"product_id":"prod-001","quantity":1}]}`, 404)

	w := do(system, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"prod-001","quantity":1000}]}`, 409)
	require.Contains(t, w.Body.String(), "sales_limit of prod-001")
	w = do(system, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"melon","quantity":1}]}`, 422)
	require.Contains(t, w.Body.String(), "lines[0].product_id")
	o = decode[orderSeen](t, do(customer, "PUT", "/v1/orders/o-1/lines", `{"lines":[{"product_id":"prod-001","quantity":1}]}`, 200))
	require.Len(t, o.Items, 1)
	do(customer, "POST", "/v1/orders/o-1/cancel", `{"reason":"`+strings.Repeat("x", 201)+`"}`, 400)
	for range 2 {
		require.Equal(t, "cancelled", decode[orderSeen](t, do(customer, "POST", "/v1/orders/o-1/cancel", `{"reason":"a whim"}`, 200)).State)
	}
	o = decode[orderSeen](t, do(customer, "GET", "/v1/orders/o-1", "", 200))
	require.Equal(t, "a whim", o.EndReason)
	require.Empty(t, o.Items)
	do(system, "POST", "/v1/orders/o-1/confirm", "", 409)
}

func TestAfterTheCutoffARefusalNamesTheRule(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	for _, c := range [][3]string{{"POST", "/cancel", `{}`}, {"PUT", "/lines", `{"lines":[{"product_id":"prod-001","quantity":1}]}`}} {
		w := h.Do(c[0], "/v1/orders/order-0001"+c[1], h.Token(t, people.Support), c[2])
		require.Equal(t, http.StatusConflict, w.Code)
		require.Contains(t, w.Body.String(), "the order cutoff of this delivery has passed")
	}
}

func TestTheSameKeyGetsTheSameAnswer(t *testing.T) {
	h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
	system := h.Token(t, people.System)
	body := anOrder("member-0001", 1, 2, 600)
	first := keyed(h, system, "key-1", body)
	require.Equal(t, 201, first.Code, first.Body)
	require.Empty(t, first.Header().Get("Idempotent-Replayed"))
	o := decode[orderSeen](t, first)
	same := func(when string) {
		again := keyed(h, system, "key-1", body)
		require.Equal(t, 201, again.Code, when)
		require.Equal(t, "true", again.Header().Get("Idempotent-Replayed"), when)
		require.Equal(t, first.Header().Get("Location"), again.Header().Get("Location"))
		require.JSONEq(t, first.Body.String(), again.Body.String(), when)
	}
	same("at once")
	_, err := h.Orders.Confirm(t.Context(), o.OrderID, "p", h.Clock.Now())
	require.NoError(t, err)
	same("when it is confirmed")
	_, err = h.Orders.Cancel(t.Context(), o.OrderID, "p", "", h.Clock.Now())
	require.NoError(t, err)
	same("when it is cancelled and its container gone")
	h.Orders = order.NewService(h.Store.Orders())
	same("after a restart")

	w := keyed(h, system, "key-1", anOrder("member-0001", 1, 3, 600))
	require.Equal(t, 422, w.Code)
	require.Contains(t, problem(t, w).Detail, `Idempotency-Key "key-1"`)
	require.Equal(t, 201, keyed(h, h.Token(t, people.Support), "key-1", anOrder("member-0002", 2, 1, 0)).Code, "the key of another person")
	require.Equal(t, 400, keyed(h, system, "key 2", body).Code)
	require.Equal(t, 400, keyed(h, system, strings.Repeat("k", 256), body).Code)

	refused := keyed(h, system, "key-3", anOrder("member-0003", 1, 1000, 0))
	require.Equal(t, "refused", decode[orderSeen](t, refused).State)
	again := keyed(h, system, "key-3", anOrder("member-0003", 1, 1000, 0))
	require.JSONEq(t, refused.Body.String(), again.Body.String())
	require.Equal(t, 422, keyed(h, system, "key-4", anOrder("member-0003", 999, 1, 0)).Code)
	require.Equal(t, 201, keyed(h, system, "key-4", anOrder("member-0003", 1, 1, 0)).Code, "a request that was wrong decided nothing")
}

func TestOfManyWithOneKeyAtOnceOneOrderIsPlaced(t *testing.T) {
	h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
	system := h.Token(t, people.System)
	answers := make([]*httptest.ResponseRecorder, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = keyed(h, system, "key-1", anOrder("member-0001", 1, 1, 60)) })
	}
	all.Wait()
	for _, w := range answers {
		require.Equal(t, 201, w.Code, w.Body)
		require.JSONEq(t, answers[0].Body.String(), w.Body.String())
	}
	left, err := h.Orders.Remaining(t.Context(), apitest.Date)
	require.NoError(t, err)
	require.Equal(t, int64(1), left.Products[0].Sold)
}
