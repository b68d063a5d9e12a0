package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/storetest"
)

func served(t *testing.T, h *apitest.Hub) *openapi3.T {
	t.Helper()
	w := h.Do("GET", "/openapi.json", "", "")
	require.Equal(t, 200, w.Code)
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	return doc
}

func TestTheDocumentAndTheRoutesAreTheSame(t *testing.T) {
	h := apitest.Open(t)
	var documented, routed []string
	for path, item := range served(t, h).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	for _, r := range h.Echo.Routes() {
		path := strings.ReplaceAll(r.Path, ":id", "{id}")
		routed = append(routed, r.Method+" "+path)
	}
	slices.Sort(documented)
	slices.Sort(routed)
	require.Equal(t, documented, routed)
	require.Equal(t, 200, h.Do("GET", "/openapi.yaml", "", "").Code)
}

// fits says whether an answer fits what the document says of it.
func fits(t *testing.T, doc *openapi3.T, path string, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	item := doc.Paths.Value(path)
	require.NotNil(t, item, path)
	request := &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: doc, Path: path, PathItem: item,
		Method: r.Method, Operation: item.GetOperation(r.Method)}}
	require.NoError(t, openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}), "%s %s: %d %s", r.Method, path, w.Code, w.Body)
}

func TestAnswersFitTheDocument(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) { answersFit(t, apitest.OpenAt(t, empty())) })
}

func answersFit(t *testing.T, h *apitest.Hub) {
	openapi3filter.RegisterBodyDecoder("application/pdf", openapi3filter.FileBodyDecoder)
	h.Day(t)
	h.Warehouse(t)
	h.Replace(t, "station-loc-001", "station-new")
	doc := served(t, h)
	day := "?date=" + apitest.Date
	tested := map[string]bool{}
	for _, c := range []struct {
		role               people.Role
		method, path, real string
		body               string
		status             int
	}{
		{"", "GET", "/healthz", "", "", 200},
		{"", "GET", "/openapi.json", "", "", 200},
		{"", "GET", "/openapi.yaml", "", "", 200},
		{"", "POST", "/oauth/token", "", "", 400},
		{"", "GET", "/.well-known/oauth-authorization-server", "", "", 200},
		{"", "GET", "/.well-known/jwks.json", "", "", 200},
		{"", "POST", "/v1/login", "", `{"code":"` + h.Code(t, people.Shop) + `"}`, 200},
		{"", "POST", "/v1/login", "", `{"code":"wrong"}`, 403},
		{people.Shop, "GET", "/v1/me", "", "", 200},
		{people.Shop, "POST", "/v1/logout", "", "", 204},
		{"", "POST", "/v1/login", "", `{"login":"nobody","password":"correct horse battery"}`, 403},
		{"", "POST", "/v1/login", "", `{"login":"nobody","code":"x"}`, 400},
		{people.Shop, "POST", "/v1/me/confirm", "", `{"password":"correct horse battery"}`, 403},
		{people.Shop, "POST", "/v1/me/confirm", "", `{"code":"123456"}`, 403},
		{people.Shop, "POST", "/v1/me/confirm", "", `{}`, 400},
		{people.Shop, "POST", "/v1/me/business", "", `{"business_id":"main"}`, 204},
		{people.Shop, "POST", "/v1/me/business", "", `{"business_id":"none"}`, 404},
		{people.Shop, "POST", "/v1/me/business", "", `{}`, 400},
		{people.Shop, "PUT", "/v1/me/password", "", `{"login":"x","password":"correct horse battery"}`, 422},
		{people.Shop, "PUT", "/v1/me/password", "", `{"login":"aoki","password":"short"}`, 422},
		{people.Shop, "PUT", "/v1/me/password", "", `{"login":"aoki","password":"correct horse battery"}`, 204},
		{people.Shop, "PUT", "/v1/me/password", "", `{"login":"aoki","password":"correct horse battery"}`, 409},
		{"", "POST", "/v1/login", "", `{"login":"Aoki","password":"correct horse battery"}`, 200},
		{people.Shop, "GET", "/v1/me/sessions", "", "", 200},
		{people.Shop, "DELETE", "/v1/me/sessions/{id}", "/v1/me/sessions/none", "", 404},
		{people.Shop, "DELETE", "/v1/me/sessions", "", "", 204},
		{people.Admin, "POST", "/v1/orders", "", apitest.OrderBody("o-1", "m-1", "loc-001", 1), 409},
		{people.Support, "POST", "/v1/orders", "", strings.Replace(apitest.OrderBody("order-0024", "member-0024", "loc-001", 1), `"quantity":1`, `"quantity":1`, 1), 200},
		{people.Support, "GET", "/v1/orders/{id}", "/v1/orders/order-0003", "", 200},
		{people.System, "POST", "/v1/orders/{id}/confirm", "/v1/orders/order-0003/confirm", "", 200},
		{people.System, "POST", "/v1/orders/{id}/confirm", "/v1/orders/" + apitest.Refused + "/confirm", "", 409},
		{people.Support, "POST", "/v1/orders/{id}/cancel", "/v1/orders/order-0003/cancel", `{}`, 409},
		{people.Support, "PUT", "/v1/orders/{id}/lines", "/v1/orders/order-0003/lines", `{"lines":[{"product_id":"prod-001","quantity":1}]}`, 409},
		{people.Support, "POST", "/v1/orders/{id}/refunds", "/v1/orders/order-0003/refunds", `{"refund_id":"r-1"}`, 404},
		{people.Support, "POST", "/v1/orders/{id}/risk", "/v1/orders/order-0003/risk", `{"reason":"nothing taken"}`, 409},
		{people.Support, "POST", "/v1/orders/{id}/risk", "/v1/orders/order-0003/risk", `{"reason":" - "}`, 422},
		{people.Support, "GET", "/v1/payments", "", "", 200},
		{"", "POST", "/v1/payments/webhook", "", `{"id":"evt_1"}`, 400},
		{people.Admin, "GET", "/v1/orders/{id}", "/v1/orders/" + apitest.Refused, "", 200},
		{people.Admin, "GET", "/v1/orders/{id}", "/v1/orders/none", "", 404},
		{people.Driver, "GET", "/v1/locations", "", "", 200},
		{people.Customer, "GET", "/v1/products", "", "", 200},
		{people.Customer, "GET", "/v1/deliveries", "/v1/deliveries" + day, "", 200},
		{people.Customer, "GET", "/v1/deliveries", "/v1/deliveries", "", 400},
		{people.Customer, "GET", "/v1/capacity", "/v1/capacity" + day, "", 200},
		{people.Customer, "GET", "/v1/capacity", "/v1/capacity" + day + "&location=loc-002", "", 200},
		{people.Customer, "GET", "/v1/capacity", "/v1/capacity?date=2030-01-01", "", 404},
		{people.Shop, "GET", "/v1/packing", "/v1/packing" + day + "&shop=shop-1", "", 200},
		{people.Driver, "GET", "/v1/sheets", "/v1/sheets" + day + "&route=route-01", "", 200},
		{people.Driver, "GET", "/v1/sheets", "/v1/sheets" + day + "&route=route-01&dry_run=true", "", 200},
		{people.Shop, "GET", "/v1/packing", "/v1/packing" + day + "&shop=shop-1&dry_run=true", "", 200},
		{people.Dispatcher, "POST", "/v1/outages", "", `{"delivery_date":"2026-12-01","kind":"slot","id":"loc-001-fridge-1-slot-1","reason":"broken"}`, 200},
		{people.Dispatcher, "POST", "/v1/outages", "", `{"delivery_date":"2026-12-01","kind":"slot","id":"loc-001-fridge-1-slot-1","reason":"broken","apply":true}`, 200},
		{people.Dispatcher, "POST", "/v1/outages", "", `{"delivery_date":"2026-12-01","kind":"slot","id":"loc-001-fridge-1-slot-1","reason":"broken","apply":true}`, 409},
		{people.Dispatcher, "POST", "/v1/outages", "", `{"delivery_date":"2026-12-01","kind":"slot","id":"none","reason":"broken"}`, 404},
		{people.Shop, "PUT", "/v1/products/{id}/limit", "/v1/products/prod-001/limit", `{"delivery_date":"2026-12-01","limit":0,"withdraw":true,"reason":"none left"}`, 200},
		{people.Shop, "PUT", "/v1/products/{id}/limit", "/v1/products/prod-002/limit", `{"delivery_date":"2026-12-01","limit":0,"reason":"none left"}`, 404},
		{people.Admin, "PUT", "/v1/products/{id}/limit", "/v1/products/prod-002/limit", `{"delivery_date":"2026-12-01","limit":1,"withdraw":true,"reason":"one left","apply":true}`, 200},
		{people.Quality, "GET", "/v1/outages", "/v1/outages" + day, "", 200},
		{people.Admin, "DELETE", "/v1/outages", "/v1/outages" + day + "&kind=slot&id=loc-001-fridge-1-slot-1#repaired", "", 200},
		{people.Admin, "DELETE", "/v1/outages", "/v1/outages" + day + "&kind=slot&id=loc-001-fridge-1-slot-1#repaired", "", 404},
		{people.Admin, "POST", "/v1/calloffs", "", `{"delivery_date":"2026-12-01","reason":"typhoon"}`, 400},
		{people.Admin, "POST", "/v1/calloffs", "", `{"delivery_date":"2026-12-01","location_id":"loc-003","reason":"typhoon","apply":true}`, 200},
		{people.Admin, "POST", "/v1/exceptions", "", `{"kind":"move","container_id":"C-20261201-0001","slot_id":"loc-002-fridge-1-slot-9","reason":"wet"}`, 409},
		{people.Admin, "POST", "/v1/exceptions", "", `{"kind":"take_off","container_id":"C-20261201-0001","reason":"wet"}`, 400},
		{people.Admin, "POST", "/v1/exceptions", "", `{"kind":"keep_back","container_id":"C-20261201-0001","reason":"wet","apply":true}`, 200},
		{people.Admin, "POST", "/v1/exceptions", "", `{"kind":"let_go","container_id":"C-20261201-0001","reason":"dry","apply":true,"expect":"other"}`, 409},
		{people.Admin, "POST", "/v1/exceptions", "", `{"kind":"let_go","container_id":"C-20261201-0001","reason":"dry","apply":true}`, 200},
		{people.Driver, "GET", "/v1/sheets/{id}/versions", "/v1/sheets/route-01@2026-12-01/versions", "", 200},
		{people.Driver, "GET", "/v1/sheets/{id}/versions", "/v1/sheets/route-02@2026-12-01/versions", "", 404},
		{people.Driver, "POST", "/v1/sheets/{id}/confirm", "/v1/sheets/route-01@2026-12-01/confirm", `{"version":1}`, 409},
		{people.Driver, "POST", "/v1/sheets/{id}/confirm", "/v1/sheets/route-02@2026-12-01/confirm", `{"version":1}`, 404},
		{people.System, "GET", "/v1/notices", "/v1/notices?after=1", "", 200},
		{people.Customer, "GET", "/v1/notices", "", "", 200},
		{people.Quality, "GET", "/v1/history", "/v1/history" + day + "&location=loc-001&as_known_at=2026-12-01T00:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/history", "/v1/history" + day + "&location=none", "", 404},
		{people.Quality, "GET", "/v1/history", "/v1/history" + day + "&location=loc-001&at=yesterday", "", 400},
		{people.Admin, "GET", "/v1/devices", "", "", 200},
		{people.Admin, "POST", "/v1/devices/{id}/commands", "/v1/devices/station-loc-001/commands", `{"kind":"identify"}`, 202},
		{people.Admin, "GET", "/v1/devices/{id}", "/v1/devices/station-loc-001", "", 200},
		{people.Dispatcher, "POST", "/v1/fridges/{id}/openings", "/v1/fridges/loc-001-fridge-1/openings", `{"reason":"the keypad is broken"}`, 201},
		{people.Dispatcher, "POST", "/v1/fridges/{id}/openings", "/v1/fridges/none/openings", `{"reason":"the keypad is broken"}`, 404},
		{people.Dispatcher, "GET", "/v1/fridges/{id}/openings", "/v1/fridges/loc-001-fridge-1/openings", "", 200},
		{people.Dispatcher, "POST", "/v1/openings/{id}/confirm", "/v1/openings/none/confirm", `{"number":"1","at_door":"Sato"}`, 404},
		{people.Admin, "GET", "/v1/devices/{id}/completeness", "/v1/devices/station-loc-001/completeness?from=2026-12-01T00:00:00Z&to=2026-12-01T12:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/devices/{id}/completeness", "/v1/devices/station-loc-002/completeness?from=2026-12-01T00:00:00Z&to=2026-12-01T12:00:00Z&sensor=loc-002-fridge-1/air", "", 200},
		{people.Admin, "GET", "/v1/devices/{id}/completeness", "/v1/devices/none/completeness?from=2026-12-01T00:00:00Z&to=2026-12-01T12:00:00Z", "", 404},
		{people.Admin, "GET", "/v1/devices/{id}/completeness", "/v1/devices/station-loc-001/completeness?from=2026-12-01T00:00:00Z&to=2026-12-01T00:00:00Z", "", 400},
		{people.Admin, "GET", "/v1/devices/{id}/completeness", "/v1/devices/station-loc-001/completeness?from=2020-12-01T00:00:00Z&to=2026-12-01T00:00:00Z", "", 400},
		{people.Admin, "GET", "/v1/readings", "/v1/readings?sensor=loc-001-fridge-1/air&from=2026-12-01T08:00:00Z&to=2026-12-01T09:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/readings/chart", "/v1/readings/chart?sensor=loc-001-fridge-1/air&from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/readings/chart", "/v1/readings/chart?sensor=none&from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/readings/csv", "/v1/readings/csv?sensor=loc-001-fridge-1/air&from=2026-12-01T08:00:00Z&to=2026-12-01T09:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/readings/csv", "/v1/readings/csv?sensor=loc-001-fridge-1/air&from=2026-12-01T08:00:00Z&to=2026-12-01T08:00:00Z", "", 400},
		{people.Quality, "GET", "/v1/containers/{id}/report", "/v1/containers/C-20261201-0001/report", "", 200},
		{people.Quality, "GET", "/v1/containers/{id}/report", "/v1/containers/none/report", "", 404},
		{people.Admin, "GET", "/v1/events", "/v1/events?subject=loc-001-fridge-1", "", 200},
		{people.Admin, "GET", "/v1/events", "/v1/events?device=station-loc-001&after=2", "", 200},
		{people.Admin, "GET", "/v1/events", "/v1/events?device=none", "", 404},
		{people.Warehouse, "GET", "/v1/rental/items/{id}", "/v1/rental/items/(01)09520001000010(21)none", "", 404},
		{people.Warehouse, "GET", "/v1/rental/items/{id}", "/v1/rental/items/none", "", 400},
		{people.Warehouse, "GET", "/v1/rental/items/{id}", "/v1/rental/items/" + apitest.Dress, "", 200},
		{people.Warehouse, "GET", "/v1/rental/orders/{id}", "/v1/rental/orders/r-1", "", 200},
		{people.Warehouse, "POST", "/v1/rental/orders", "", `{"order_id":"r-3","customer_id":"c-1","warehouse_id":"w-1","ship_date":"2026-12-02","lines":[{"item_id":"` + apitest.Coat + `"}]}`, 201},
		{people.Warehouse, "POST", "/v1/rental/orders", "", `{"order_id":"r-3","customer_id":"c-1","warehouse_id":"w-1","ship_date":"2026-12-02","lines":[{"gtin":"09520001000027"}]}`, 200},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/allocate", "/v1/rental/orders/r-3/allocate", `{}`, 200},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/allocate", "/v1/rental/orders/r-3/allocate", `{"item_id":"` + apitest.Coat + `"}`, 409},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/release", "/v1/rental/orders/r-2/release", `{"item_id":"` + apitest.Coat + `","reason":"wish"}`, 200},
		{people.System, "POST", "/v1/rental/orders/{id}/deliver", "/v1/rental/orders/r-2/deliver", "", 200},
		{people.Warehouse, "GET", "/v1/rental/stages", "", "", 200},
		{people.Warehouse, "GET", "/v1/rental/today", "/v1/rental/today?until=2026-12-02", "", 200},
		{people.Warehouse, "GET", "/v1/rental/today", "", "", 400},
		{people.Warehouse, "GET", "/v1/rental/orders", "/v1/rental/orders?state=open", "", 200},
		{people.Warehouse, "POST", "/v1/rental/orders", "", `{"order_id":"o-1","customer_id":"c-1","warehouse_id":"w-1","ship_date":"2026-02-31","lines":[{"gtin":"09520001000010"}]}`, 400},
		{people.Warehouse, "POST", "/v1/rental/orders", "", `{"order_id":"o-1","customer_id":"c-1","warehouse_id":"none","ship_date":"2026-12-02","lines":[{"gtin":"09520001000010"}]}`, 400},
		{people.Warehouse, "GET", "/v1/rental/orders/{id}", "/v1/rental/orders/none", "", 404},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/allocate", "/v1/rental/orders/none/allocate", `{}`, 404},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/release", "/v1/rental/orders/none/release", `{"item_id":"(01)09520001000010(21)none","reason":"wish"}`, 404},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/deliver", "/v1/rental/orders/none/deliver", "", 404},
		{people.Warehouse, "POST", "/v1/rental/orders/{id}/end", "/v1/rental/orders/r-3/end", `{"do":"cancel","reason":"wish"}`, 200},
		{people.Support, "POST", "/v1/rental/orders/{id}/end", "/v1/rental/orders/r-1/end", `{"do":"cancel","reason":"wish"}`, 409},
		{people.Support, "POST", "/v1/rental/orders/{id}/end", "/v1/rental/orders/r-1/end", `{"do":"settle","item_id":"` + apitest.Dress + `","reason":"card"}`, 404},
		{people.Support, "POST", "/v1/rental/items/{id}/end", "/v1/rental/items/" + apitest.Coat + "/end", `{"do":"sell","reason":"wish"}`, 409},
		{people.Support, "POST", "/v1/rental/items/{id}/end", "/v1/rental/items/none/end", `{"do":"lose","reason":"fire"}`, 400},
		{people.Warehouse, "POST", "/v1/rental/items/{id}/end", "/v1/rental/items/" + apitest.Coat + "/end", `{"do":"retire","reason":"worn"}`, 200},
		{people.Warehouse, "POST", "/v1/rental/batches", "", `{"do":"open","batch_id":"b-1","warehouse_id":"w-1","vendor":"Laundry","days":2}`, 200},
		{people.Warehouse, "POST", "/v1/rental/batches", "", `{"do":"open","batch_id":"b-2","warehouse_id":"none"}`, 404},
		{people.Warehouse, "POST", "/v1/rental/batches", "", `{"do":"send","batch_id":"b-1"}`, 409},
		{people.Warehouse, "POST", "/v1/rental/batches", "", `{"do":"close","batch_id":"b-1"}`, 200},
		{people.Warehouse, "GET", "/v1/rental/batches", "/v1/rental/batches?all=true", "", 200},
		{people.Warehouse, "POST", "/v1/rental/repairs", "", `{"do":"open","repair_id":"f-1","item_id":"` + apitest.Dress + `","what":"button"}`, 200},
		{people.Warehouse, "POST", "/v1/rental/repairs", "", `{"do":"close","repair_id":"f-1","cost_yen":800}`, 200},
		{people.Warehouse, "POST", "/v1/rental/repairs", "", `{"do":"close","repair_id":"f-1"}`, 409},
		{people.Warehouse, "GET", "/v1/rental/repairs", "/v1/rental/repairs?all=true", "", 200},
		{people.Warehouse, "GET", "/v1/rental/bags", "/v1/rental/bags?state=received", "", 200},
		{people.System, "POST", "/v1/rental/bags/{id}/carrier", "/v1/rental/bags/095200010000000017/carrier", `{"event":"delivered"}`, 200},
		{people.System, "POST", "/v1/rental/bags/{id}/carrier", "/v1/rental/bags/095200010000000017/carrier", `{"event":"lost"}`, 400},
		{people.System, "POST", "/v1/rental/bags/{id}/carrier", "/v1/rental/bags/none/carrier", `{"event":"sent_back"}`, 404},
		{people.Support, "POST", "/v1/customers", "", `{"customer_id":"c-77","name":"佐藤 花子","phone":"09012345678"}`, 201},
		{people.Support, "POST", "/v1/customers", "", `{"customer_id":"c-77","name":"佐藤 花子"}`, 409},
		{people.Support, "POST", "/v1/customers", "", `{"name":"佐藤 花子","phone":"none"}`, 422},
		{people.System, "POST", "/v1/customers/search", "", `{"phone":"+819012345678","reason":"called"}`, 200},
		{people.System, "POST", "/v1/customers/search", "", `{"reason":"called"}`, 422},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77#called", "", 200},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77", "", 400},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/none#called", "", 404},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77#%E9%9B%BB%E8%A9%B1%E3%81%82%E3%82%8A", "", 200},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77#100%", "", 400},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77#%20%20%20", "", 422},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77", "", 400},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77?reason=called#called", "", 400}, // it would stand in logs
		{people.Support, "PUT", "/v1/customers/{id}", "/v1/customers/c-77", `{"name":"佐藤 花","reason":"married"}`, 204},
		{people.Support, "GET", "/v1/customers/{id}/export", "/v1/customers/c-77/export#asked", "", 200},
		{people.Support, "GET", "/v1/customers/{id}/export", "/v1/customers/none/export#asked", "", 404},
		{people.Support, "POST", "/v1/customers/{id}/erasure", "/v1/customers/member-2/erasure", `{"ordered_by":"person","reason":"letter"}`, 409},
		{people.Support, "POST", "/v1/customers/{id}/erasure", "/v1/customers/c-77/erasure", `{"ordered_by":"person","reason":"letter"}`, 204},
		{people.Support, "GET", "/v1/customers/{id}", "/v1/customers/c-77#called", "", 410},
		{people.Quality, "GET", "/v1/customers/{id}/looks", "/v1/customers/c-77/looks", "", 200},
		{people.Quality, "GET", "/v1/exposures", "/v1/exposures?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", "", 200},
		{people.Quality, "GET", "/v1/retention", "", "", 200},
		{people.Quality, "GET", "/v1/quality/holds", "", "", 200},
		{people.Quality, "POST", "/v1/quality/holds", "", `{"scope":"fridge","id":"none","reason":"smells"}`, 409},
		{people.Dispatcher, "POST", "/v1/quality/holds", "", `{"scope":"container","id":"C-20261201-0001","reason":"smells","from":"2026-12-01T00:00:00Z"}`, 200},
		{people.Dispatcher, "POST", "/v1/quality/holds", "", `{"scope":"fridge","id":"loc-001-fridge-1","reason":" "}`, 422},
		{people.Quality, "GET", "/v1/quality/holds", "/v1/quality/holds?decided=true", "", 200},
		{people.Quality, "POST", "/v1/quality/decisions", "", `{"scope":"container","id":"C-20261201-0001","decision":"lifted","reason":"looked at it"}`, 400},
		{people.Quality, "POST", "/v1/quality/decisions", "", `{"scope":"container","id":"C-20261201-0001","decision":"released","reason":"looked at it","holds":["x"]}`, 409},
		{people.Quality, "POST", "/v1/quality/decisions", "", `{"scope":"container","id":"C-20261201-0001","decision":"released","reason":"looked at it"}`, 200},
		{people.Driver, "POST", "/v1/probings", "", `{"position":"loc-001-fridge-1","milli_c":4200}`, 204},
		{people.Driver, "POST", "/v1/probings", "", `{"position":"nowhere","milli_c":4200}`, 404},
		{people.Driver, "POST", "/v1/probings", "", `{"position":"loc-001-fridge-1","milli_c":4200,"at":"2026-12-01T00:00:00Z"}`, 422},
		{people.Quality, "POST", "/v1/probings", "", `{"position":"nowhere","milli_c":4200}`, 404},
		{people.Driver, "POST", "/v1/probings", "", `{"position":"loc-001-fridge-1","milli_c":420000}`, 422},
		{people.Quality, "GET", "/v1/containers/{id}/coldchain", "/v1/containers/C-20261201-0001/coldchain", "", 200},
		{people.Quality, "GET", "/v1/containers/{id}/coldchain", "/v1/containers/none/coldchain", "", 404},
		{people.Admin, "GET", "/v1/alarms", "/v1/alarms?all=true", "", 200},
		{people.Admin, "GET", "/v1/alarms", "/v1/alarms?owner=quality&place=loc-002", "", 200},
		{people.Warehouse, "GET", "/v1/alarms/{id}", "/v1/alarms/alarm-1", "", 200},
		{people.Warehouse, "GET", "/v1/alarms/{id}", "/v1/alarms/none", "", 404},
		{people.Quality, "POST", "/v1/alarms/{id}/confirm", "/v1/alarms/alarm-1/confirm", `{"revision":1}`, 409},
		{people.Dispatcher, "POST", "/v1/alarms/{id}/shelve", "/v1/alarms/alarm-1/shelve", `{"minutes":30,"reason":"the driver is there"}`, 204},
		{people.Dispatcher, "POST", "/v1/alarms/{id}/shelve", "/v1/alarms/alarm-1/shelve", `{"reason":"the driver is there"}`, 422},
		{people.Dispatcher, "POST", "/v1/alarms/{id}/unshelve", "/v1/alarms/alarm-1/unshelve", "", 204},
		{people.Dispatcher, "POST", "/v1/alarms/{id}/acknowledge", "/v1/alarms/alarm-1/acknowledge", `{"revision":2}`, 409},
		{people.Dispatcher, "POST", "/v1/alarms/{id}/acknowledge", "/v1/alarms/alarm-1/acknowledge", `{"revision":1}`, 204},
		{people.Quality, "POST", "/v1/alarms/{id}/confirm", "/v1/alarms/alarm-1/confirm", `{"revision":1}`, 204},
		{people.Dispatcher, "POST", "/v1/alarms/{id}/reset", "/v1/alarms/alarm-1/reset", "", 409},
		{people.Kitting, "POST", "/v1/maintenance", "", `{"position":"loc-001-fridge-2","reason":"new hinge","minutes":60}`, 204},
		{people.Kitting, "POST", "/v1/maintenance", "", `{"position":"none","reason":"new hinge","minutes":60}`, 404},
		{people.Support, "GET", "/v1/maintenance", "", "", 200},
		{people.Kitting, "DELETE", "/v1/maintenance", "/v1/maintenance?position=loc-001-fridge-2", "", 204},
		{people.Kitting, "DELETE", "/v1/maintenance", "/v1/maintenance?position=loc-001-fridge-2", "", 404},
		{people.Admin, "GET", "/v1/work-items", "", "", 200},
		{people.Admin, "POST", "/v1/work-items/{id}/close", "/v1/work-items/not_applied%2Fdriver-2%2F7/close", "", 204},
		{people.Dispatcher, "GET", "/v1/findings", "/v1/findings?all=true", "", 200},
		{people.Kitting, "GET", "/v1/devices/{id}/commissioning", "/v1/devices/station-new/commissioning", "", 200},
		{people.Kitting, "GET", "/v1/devices/{id}/commissioning", "/v1/devices/station-loc-001/commissioning", "", 404},
		{people.Kitting, "POST", "/v1/devices/{id}/commissioning", "/v1/devices/station-new/commissioning", `{"do":"begin","step":"probe","fridge_id":"loc-001-fridge-1"}`, 200},
		{people.Kitting, "POST", "/v1/devices/{id}/commissioning", "/v1/devices/station-new/commissioning", `{"do":"end","step":"door","fridge_id":"loc-001-fridge-1"}`, 409},
		{people.Kitting, "POST", "/v1/devices/{id}/commissioning", "/v1/devices/station-new/commissioning", `{"do":"reference","fridge_id":"none","milli_c":4000}`, 422},
		{people.Kitting, "POST", "/v1/devices/{id}/commissioning", "/v1/devices/station-new/commissioning", `{"do":"sign"}`, 409},
		{people.Dispatcher, "POST", "/v1/devices/{id}/stolen", "/v1/devices/station-loc-001/stolen", `{"reason":"the door was forced"}`, 200},
		{people.Dispatcher, "POST", "/v1/devices/{id}/stolen", "/v1/devices/station-loc-001/stolen", `{"reason":"the door was forced"}`, 409},
		{people.Driver, "GET", "/v1/sheets/{id}/versions", "/v1/sheets/route-01@2026-12-01/versions", "", 200}, // with another code of the driver's
		{people.Admin, "GET", "/v1/summary", "/v1/summary" + day, "", 200},
	} {
		real := c.real
		if real == "" {
			real = c.path
		}
		token := ""
		if c.role != "" {
			token = h.Token(t, c.role)
		}
		w := h.Do(c.method, real, token, c.body)
		require.Equal(t, c.status, w.Code, "%s %s: %s", c.method, real, w.Body)
		target, reason, _ := strings.Cut(real, "#")
		r := httptest.NewRequest(c.method, target, nil)
		r.Header.Set("Reason", reason)
		fits(t, doc, c.path, r, w)
		tested[c.method+" "+c.path] = true
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			require.True(t, tested[method+" "+path], "%s %s is tested by no row", method, path)
		}
	}
}
