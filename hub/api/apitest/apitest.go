package apitest

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/bearer"
	"meguri/hub/bulk"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/password"
	"meguri/hub/payment"
	"meguri/hub/payment/intents"
	"meguri/hub/people"
	"meguri/hub/pki"
	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/hub/token"
	"meguri/internal/clock"
)

// Hub is a hub without devices and broker: store, services, API.
type Hub struct {
	Store  *store.Store
	Orders *order.Service
	People *people.Service
	Feed   *live.Feed
	Clock  clock.Clock      // shows Now at the beginning, and runs
	Pay    *payment.Service // nobody works on what it stores, unless a test does
	API    *api.API
	Echo   *echo.Echo

	later atomic.Int64 // nanoseconds by which the machine's clock has gone on
}

// Later moves the machine's clock, by which sessions and confirmations end.
func (h *Hub) Later(d time.Duration) { h.later.Add(int64(d)) }

// RealNow is what the machine's clock shows.
func (h *Hub) RealNow() time.Time { return began.Add(time.Duration(h.later.Load())) }

// Cheap are parameters of password hashes for tests: what is tested is not their price.
var Cheap = password.Parameters{MemoryKiB: 64, Passes: 1, Lanes: 1}

// Now is when the fixture's day is looked at: pickup has been open for two hours.
var Now = at("18:00")

// began is when the fixture's persons were added. It is the machine's time, for browsers drop cookies that have ended by it.
var began = time.Now().UTC()

// Start is when the fixture's devices were added.
var Start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// at is a time of day of Date, in the network's zone.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04 -0700", Date+" "+clock+" +0900")
	if err != nil {
		panic(err) // a mistake in this file
	}
	return t.UTC()
}

// Open makes a hub with the network and nothing else, on SQLite.
func Open(tb testing.TB) *Hub {
	tb.Helper()
	return OpenAt(tb, storetest.SQLite(tb))
}

// OpenAt makes a hub with the network and nothing else, in an empty database.
func OpenAt(tb testing.TB, database string) *Hub {
	tb.Helper()
	return openAt(tb, database, Now)
}

// OpenBeforeCutoff makes a hub whose clock shows an hour before the cutoffs of Date, in an empty database.
func OpenBeforeCutoff(tb testing.TB, database string) *Hub {
	tb.Helper()
	return openAt(tb, database, at("01:00"))
}

func openAt(tb testing.TB, database string, now time.Time) *Hub {
	tb.Helper()
	h := &Hub{Store: storetest.Open(tb, database), Feed: live.New(), Clock: clock.New(time.Now(), now, 1)}
	n, err := bulk.ReadNetwork(Network())
	require.NoError(tb, err)
	storetest.Import(tb, h.Store, n)
	h.Orders = order.NewService(h.Store.Orders())
	h.People = people.New(h.Store.People())
	h.People.Passwords = password.New(Cheap)
	h.People.Vault = storetest.Vault(tb)
	h.Pay = payment.NewService(h.Store.Payments(), nil)
	paying := api.Paying{Service: h.Pay, Events: events(tb)}
	tokens, err := token.Open(tb.Context(), h.Store, tb.TempDir(), now)
	require.NoError(tb, err)
	authority, err := pki.Open(tb.TempDir())
	require.NoError(tb, err)
	own := &bearer.Own{URL: URL, Store: h.Store, People: h.People}
	checker, err := bearer.New(bearer.Config{Own: own})
	require.NoError(tb, err)
	reports := &report.Printer{Zone: time.UTC, Signer: authority.ReportSigner(), Now: time.Now}
	h.API, h.Echo, err = api.New(api.Config{Reports: reports, Tokens: checker, Store: h.Store, Orders: h.Orders, Paying: paying, People: h.People, Feed: h.Feed, Clock: h.Clock, Sign: tokens.Sign,
		RealNow: h.RealNow, Logger: slog.New(slog.DiscardHandler), Version: "test"})
	require.NoError(tb, err)
	h.Echo.Use(h.watchActs(tb))
	return h
}

// EventSecret is what events of payments are signed with.
const EventSecret = "whsec_test"

func events(tb testing.TB) api.EventReader {
	tb.Helper()
	w, err := intents.NewWebhook([]string{EventSecret})
	require.NoError(tb, err)
	return func(h http.Header, body []byte, now time.Time) (payment.Event, error) {
		return w.Read(h.Get(intents.SignatureHeader), body, now)
	}
}

// SetPrices gives the products prices: 110 yen for prod-001, 220 for prod-002 and so on; prod-008 stays free.
func (h *Hub) SetPrices(tb testing.TB) {
	tb.Helper()
	n, err := bulk.ReadNetwork(Priced())
	require.NoError(tb, err)
	storetest.Import(tb, h.Store, n)
}

// Code adds a person of a role and gives their login code.
func (h *Hub) Code(tb testing.TB, role people.Role) string {
	tb.Helper()
	place := map[people.Role]string{people.Shop: "shop-1", people.Driver: "route-01", people.Customer: "member-0001"}[role]
	_, code, err := h.People.AddWhole(tb.Context(), people.Person{Name: "Test " + string(role), Role: role, Place: place}, h.RealNow())
	require.NoError(tb, err)
	return code
}

// Token logs a person of a role in.
func (h *Hub) Token(tb testing.TB, role people.Role) string {
	tb.Helper()
	in, err := h.People.Login(tb.Context(), h.Code(tb, role), people.From{}, h.RealNow())
	require.NoError(tb, err)
	return in.Token
}

// Do asks the hub, with a bearer token unless it is empty, and with a JSON body unless that is empty. What follows # in the target is the
// reason that a header gives.
func (h *Hub) Do(method, target, token, body string) *httptest.ResponseRecorder {
	target, reason, _ := strings.Cut(target, "#")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if reason != "" {
		r.Header.Set("Reason", reason)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return h.Serve(r)
}

// Serve asks the hub.
func (h *Hub) Serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.Echo.ServeHTTP(w, r)
	return w
}

// OrderBody is the body of an order by a customer for one unit each of some products. Without an id the hub draws one.
func OrderBody(id, customer, location string, products ...int) string {
	var lines []string
	for _, p := range products {
		lines = append(lines, fmt.Sprintf(`{"product_id":"prod-%03d","quantity":1}`, p))
	}
	if id != "" {
		id = fmt.Sprintf(`"order_id":%q,`, id)
	}
	return fmt.Sprintf(`{%s"delivery_date":%q,"location_id":%q,"customer_id":%q,"lines":[%s]}`,
		id, Date, location, customer, strings.Join(lines, ","))
}
