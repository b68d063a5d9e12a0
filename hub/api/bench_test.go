package api_test

import (
	"testing"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

// One order through the router, the table of rights, the OpenAPI check and the service, which has decided it before.
func BenchmarkPlaceOrderAgain(b *testing.B) {
	h := apitest.Open(b)
	h.Day(b)
	token := h.Token(b, people.System)
	body := apitest.OrderBody("order-0024", "member-0024", "loc-001", 1)
	for b.Loop() {
		if w := h.Do("POST", "/v1/orders", token, body); w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}
