package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

func problem(t *testing.T, w *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), w.Body)
	var p api.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, w.Code, p.Status)
	return p
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body)
	return v
}

func TestALoginCodeBecomesASessionOnce(t *testing.T) {
	h := apitest.Open(t)
	code := h.Code(t, people.Support)
	body := fmt.Sprintf(`{"code":%q}`, code)
	w := h.Do("POST", "/v1/login", "", body)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	session := decode[struct {
		Token  string
		Person struct{ Role string }
	}](t, w)
	require.Equal(t, "support", session.Person.Role)

	require.Equal(t, http.StatusOK, h.Do("GET", "/v1/me", session.Token, "").Code)
	require.Equal(t, http.StatusForbidden, problem(t, h.Do("POST", "/v1/login", "", body)).Status)
	require.Equal(t, http.StatusNoContent, h.Do("POST", "/v1/logout", session.Token, "").Code)
	w = h.Do("GET", "/v1/me", session.Token, "")
	require.Equal(t, http.StatusUnauthorized, problem(t, w).Status)
	require.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
}

// Whoever has the token of a session that owes the second factor must not have one that is whole when it is given.
func TestAHalfSessionGoesOnWithAnotherToken(t *testing.T) {
	h, ctx := apitest.Open(t), t.Context()
	_, code, err := h.People.Add(ctx, people.Console, people.Person{Name: "D", Role: people.Dispatcher}, h.RealNow())
	require.NoError(t, err)
	in, err := h.People.Login(ctx, code, people.From{}, h.RealNow())
	require.NoError(t, err)
	e, err := h.People.BeginTOTP(ctx, in.Token, h.RealNow())
	require.NoError(t, err)
	second := func() string {
		code, err := people.AuthenticatorCode(e.Secret, h.RealNow())
		require.NoError(t, err)
		return code
	}
	_, enrolled, err := h.People.ConfirmTOTP(ctx, in.Token, second(), h.RealNow())
	require.NoError(t, err)
	require.NotEqual(t, in.Token, enrolled)
	require.NoError(t, h.People.SetPassword(ctx, enrolled, "", "d-1", "correct horse battery", h.RealNow()))
	login := func(more func() string) (token string) {
		h.Later(time.Minute)
		w := h.Do("POST", "/v1/login", "", `{"login":"d-1","password":"correct horse battery"`+more()+`}`)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		return decode[struct{ Token string }](t, w).Token
	}
	half := login(func() string { return "" })
	w := h.Do("POST", "/v1/me/confirm", half, `{"code":"`+second()+`"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	whole := decode[struct{ Token string }](t, w).Token
	require.Equal(t, http.StatusUnauthorized, h.Do("GET", "/v1/me", half, "").Code)
	w = h.Do("GET", "/v1/work-items", whole, "")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, http.StatusNoContent, h.Do("POST", "/v1/me/confirm", whole, `{"password":"correct horse battery"}`).Code, "it is whole already")
	w = h.Do("GET", "/v1/work-items", whole, "")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	both := login(func() string { return `,"second":"` + second() + `"` })
	require.Equal(t, http.StatusOK, h.Do("GET", "/v1/work-items", both, "").Code)
}

func TestAnOrderIsPlacedOnceHoweverOftenItIsSent(t *testing.T) {
	h := apitest.Open(t)
	// The fixture's clock shows the afternoon, so that this date takes no more orders.
	system := h.Token(t, people.System)
	body := apitest.OrderBody("o-1", "member-0001", "loc-001", 1, 2)
	require.Equal(t, http.StatusConflict, problem(t, h.Do("POST", "/v1/orders", system, body)).Status, "after the cutoff")

	h.Day(t)
	placed := apitest.OrderBody("order-0001", "member-0001", "loc-002", 2)
	require.Equal(t, http.StatusConflict, problem(t, h.Do("POST", "/v1/orders", system, placed)).Status, "another order with that id")

	again := `{"order_id":"order-refused","delivery_date":"2026-12-01","location_id":"loc-001","customer_id":"member-0099",
		"lines":[{"product_id":"prod-001","quantity":100}]}`
	w := h.Do("POST", "/v1/orders", system, again)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	o := decode[struct {
		State   string
		Refusal struct{ Limit, What string }
	}](t, w)
	require.Equal(t, "refused", o.State)
	require.Equal(t, "sales_limit", o.Refusal.Limit)
	require.Equal(t, "prod-001", o.Refusal.What)
}

func TestAWrongRequestNamesTheFieldAndWhatWasExpected(t *testing.T) {
	h := apitest.Open(t)
	token := h.Token(t, people.Admin)
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		field, want          string
	}{
		"no quantity":         {"POST", "/v1/orders", `{"delivery_date":"2026-12-01","location_id":"loc-001","customer_id":"m","lines":[{"product_id":"p"}]}`, 400, "lines[0].quantity", "missing"},
		"quantity below 1":    {"POST", "/v1/orders", `{"delivery_date":"2026-12-01","location_id":"loc-001","customer_id":"m","lines":[{"product_id":"p","quantity":0}]}`, 400, "lines[0].quantity", "1"},
		"unknown field":       {"POST", "/v1/orders", `{"delivery_date":"2026-12-01","location_id":"loc-001","customer_id":"m","line":[],"lines":[{"product_id":"p","quantity":1}]}`, 400, "body", "line"},
		"no JSON":             {"POST", "/v1/orders", `{"delivery`, 400, "body", "JSON"},
		"a date that is none": {"GET", "/v1/packing?date=2026-13-41&shop=shop-1", "", 400, "date", "date"},
		"missing parameter":   {"GET", "/v1/packing?date=2026-12-01", "", 400, "shop", "required"},
		"misspelt parameter":  {"GET", "/v1/packing?date=2026-12-01&shop=shop-1&shp=1", "", 400, "shp", "no such parameter"},
		"twice":               {"GET", "/v1/packing?date=2026-12-01&shop=shop-1&shop=shop-2", "", 400, "shop", "once"},
		"no time":             {"GET", "/v1/readings?sensor=a&from=now&to=2026-12-01T00:00:00Z", "", 400, "from", "time"},
		"span":                {"GET", "/v1/readings?sensor=a&from=2026-12-01T00:00:00Z&to=2026-11-01T00:00:00Z", "", 400, "to", "after from"},
		"whose events":        {"GET", "/v1/events", "", 400, "subject", "device"},
		"after what":          {"GET", "/v1/events?subject=a&after=1", "", 400, "after", "with device"},
		"unknown location":    {"POST", "/v1/orders", apitest.OrderBody("o-9", "m", "loc-999", 1), 422, "location_id", "delivery"},
	} {
		t.Run(name, func(t *testing.T) {
			w := h.Do(c.method, c.target, token, c.body)
			p := problem(t, w)
			require.Equal(t, c.status, p.Status, w.Body)
			require.Equal(t, c.field, p.Errors[0].Field, w.Body)
			require.Contains(t, p.Errors[0].Want, c.want)
			require.NotContains(t, w.Body.String(), "://", "no references into the validator")
		})
	}
	t.Run("too much", func(t *testing.T) {
		w := h.Do("POST", "/v1/orders", token, `{"order_id":"`+strings.Repeat("x", 300_000)+`"}`)
		p := problem(t, w)
		require.Equal(t, http.StatusRequestEntityTooLarge, p.Status)
		require.Equal(t, "the body of the request is too large: want at most 262144 bytes", p.Detail)
	})
	t.Run("not JSON by its own word", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/v1/orders", strings.NewReader("a=b"))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusBadRequest, problem(t, h.Serve(r)).Status)
	})
}

func TestPickupCodesAreForThoseWhoNeedThem(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	type seen struct {
		CustomerID string `json:"customer_id"`
		Pickup     *struct{ Code string }
	}
	for role, sees := range map[people.Role]bool{people.Admin: false, people.Dispatcher: false, people.Support: true, people.System: true, people.Customer: true} {
		w := h.Do("GET", "/v1/orders/order-0001", h.Token(t, role), "")
		require.Equal(t, http.StatusOK, w.Code, role)
		require.Equal(t, sees, decode[seen](t, w).Pickup != nil, role)
	}
	t.Run("with a token for each fridge that a lock can check", func(t *testing.T) {
		type tokens struct {
			Items []struct {
				FridgeID string `json:"fridge_id"`
			}
			Pickup struct {
				Tokens []struct {
					FridgeID string `json:"fridge_id"`
					Token    string
				}
			}
		}
		o := decode[tokens](t, h.Do("GET", "/v1/orders/order-0001", h.Token(t, people.Customer), ""))
		require.NotEmpty(t, o.Pickup.Tokens)
		fridges := map[string]bool{}
		for _, i := range o.Items {
			fridges[i.FridgeID] = true
		}
		require.Len(t, o.Pickup.Tokens, len(fridges))
		var keys [][]byte
		require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.TokenKeys(t.Context(), apitest.Now)
			for _, k := range all {
				keys = append(keys, k.Public)
			}
			return err
		}))
		for _, one := range o.Pickup.Tokens {
			got, err := protocol.OpenToken(one.Token, keys)
			require.NoError(t, err)
			require.Equal(t, one.FridgeID, got.Lock)
			require.Equal(t, "order-0001", got.Grant.Order)
			require.True(t, fridges[got.Lock])
		}
	})
	t.Run("a customer sees no other's order", func(t *testing.T) {
		customer := h.Token(t, people.Customer)
		require.Equal(t, 404, problem(t, h.Do("GET", "/v1/orders/order-0002", customer, "")).Status)
		w := h.Do("POST", "/v1/orders", customer, apitest.OrderBody("o-1", "member-0002", "loc-001", 1))
		require.Equal(t, 403, problem(t, w).Status)
	})
}

func TestACommandIsRecordedWithWhoAskedAndTold(t *testing.T) {
	h := apitest.Open(t)
	changed := h.Feed.Subscribe(t.Context())
	h.Day(t)
	token := h.Token(t, people.Dispatcher)
	w := h.Do("POST", "/v1/devices/station-loc-001/commands", token, `{"kind":"identify","target":"loc-001-fridge-1"}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	command := decode[struct {
		ID      string `json:"command_id"`
		AskedBy string `json:"asked_by"`
	}](t, w)
	<-changed
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
		acts, err := tx.Acts(t.Context(), "station-loc-001", 10)
		require.Equal(t, "command.identify", acts[0].Act)
		require.Equal(t, command.AskedBy, acts[0].Person)
		require.Contains(t, acts[0].Detail, command.ID)
		return err
	}))
	for name, c := range map[string]struct {
		device, body string
		status       int
	}{
		"no way around somebody at the door": {"station-loc-001", `{"kind":"unlock","target":"loc-001-fridge-1"}`, 400},
		"unknown kind":                       {"station-loc-001", `{"kind":"explode"}`, 400},
		"unknown device":                     {"nobody", `{"kind":"identify"}`, 404},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.status, problem(t, h.Do("POST", "/v1/devices/"+c.device+"/commands", token, c.body)).Status)
		})
	}
}

func TestWorkIsClosedOnceAndByWhom(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	token := h.Token(t, people.Support)
	type list struct {
		Work []struct {
			ID string `json:"work_id"`
		}
	}
	before := decode[list](t, h.Do("GET", "/v1/work-items", token, ""))
	require.NotEmpty(t, before.Work)
	target := "/v1/work-items/" + url.PathEscape(before.Work[0].ID) + "/close"
	require.Equal(t, http.StatusNoContent, h.Do("POST", target, token, "").Code, before.Work[0].ID)
	require.Equal(t, http.StatusNotFound, problem(t, h.Do("POST", target, token, "")).Status)
	require.Len(t, decode[list](t, h.Do("GET", "/v1/work-items", token, "")).Work, len(before.Work)-1)
	require.Len(t, decode[list](t, h.Do("GET", "/v1/work-items?all=true", token, "")).Work, len(before.Work))
}

func TestAPostFromAnotherSiteIsRefused(t *testing.T) {
	h := apitest.Open(t)
	token := h.Token(t, people.Admin)
	for name, c := range map[string]struct {
		header, value string
		status        int
	}{
		"same site":       {"Sec-Fetch-Site", "same-origin", http.StatusNoContent},
		"another site":    {"Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"another origin":  {"Origin", "https://evil.example", http.StatusForbidden},
		"not of browsers": {"X-Nothing", "", http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/v1/logout", nil)
			r.Header.Set(c.header, c.value)
			r.AddCookie(&http.Cookie{Name: "meguri_session", Value: token})
			if c.status == http.StatusNoContent {
				r.Header.Del("Cookie")
				r.AddCookie(&http.Cookie{Name: "meguri_session", Value: h.Token(t, people.Admin)})
			}
			require.Equal(t, c.status, h.Serve(r).Code)
		})
	}
}

func TestOverTLSNobodyElsesCookieIsTaken(t *testing.T) {
	h := apitest.Open(t)
	h.API.TLS = true
	token := h.Token(t, people.Support)
	for name, status := range map[string]int{"meguri_session": http.StatusUnauthorized, "__Host-meguri_session": http.StatusOK} {
		r := httptest.NewRequest("GET", "/v1/me", nil)
		r.AddCookie(&http.Cookie{Name: name, Value: token})
		require.Equal(t, status, h.Serve(r).Code, name)
	}
}

func TestTheSummaryAddsUp(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	s := decode[struct {
		Orders struct {
			Placed, Accepted, Refused int
			ByState                   map[string]int `json:"by_state"`
			RefusedByLimit            map[string]int `json:"refused_by_limit"`
		}
		Items     struct{ Units, Short int }
		Used      struct{ Containers, Slots, Addresses, Shippers int }
		LateStops []struct {
			RunID string `json:"run_id"`
		} `json:"late_stops"`
		Shortages []struct{ Units int }
		World     struct{ Scans, Unlocks, Pickups int }
	}](t, h.Do("GET", "/v1/summary?date="+apitest.Date, h.Token(t, people.System), ""))
	require.Equal(t, 25, s.Orders.Placed)
	require.Equal(t, 25, s.Orders.Accepted+s.Orders.Refused)
	sum := 0
	for _, n := range s.Orders.ByState {
		sum += n
	}
	require.Equal(t, 25, sum)
	require.Equal(t, map[string]int{"sales_limit": 1}, s.Orders.RefusedByLimit)
	require.Equal(t, s.Used.Containers, s.Used.Slots)
	require.Equal(t, s.Used.Containers, s.Used.Addresses)
	require.Positive(t, s.Used.Shippers)
	require.Equal(t, 2, s.Items.Short)
	require.Equal(t, 2, s.Shortages[0].Units)
	require.Positive(t, s.World.Pickups)
	require.GreaterOrEqual(t, s.World.Unlocks, s.World.Pickups)
	require.Positive(t, s.World.Scans)
	require.NotEmpty(t, s.LateStops)
	for _, l := range s.LateStops {
		require.Equal(t, "route-02@"+apitest.Date, l.RunID)
	}
	require.Equal(t, 404, problem(t, h.Do("GET", "/v1/summary?date=2030-01-01", h.Token(t, people.System), "")).Status)
}

func TestReadingsComeInPages(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	w := h.Do("GET", "/v1/readings?sensor="+url.QueryEscape("loc-002-fridge-2/air")+
		"&from=2026-12-01T03:00:00Z&to=2026-12-01T09:00:00Z", h.Token(t, people.Quality), "")
	require.Equal(t, 200, w.Code)
	out := decode[struct {
		Readings []struct {
			MilliC *int   `json:"milli_c"`
			Fault  string `json:"fault"`
		}
		Next string
	}](t, w)
	require.Empty(t, out.Next)
	faulty := 0
	for _, r := range out.Readings {
		require.Equal(t, r.MilliC == nil, r.Fault != "", "a faulty sensor never gives a number")
		if r.Fault != "" {
			faulty++
		}
	}
	require.Positive(t, faulty)
}

func TestWhatADeviceSaidIsReadInItsOrderFromAnyNumber(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	token := h.Token(t, people.Dispatcher)
	type page struct {
		Events []struct {
			DeviceID string `json:"device_id"`
			Number   int64
		}
	}
	all := decode[page](t, h.Do("GET", "/v1/events?device=station-loc-001", token, "")).Events
	require.Greater(t, len(all), 2)
	for i, e := range all {
		require.Equal(t, "station-loc-001", e.DeviceID)
		require.True(t, i == 0 || e.Number > all[i-1].Number)
	}
	rest := decode[page](t, h.Do("GET", fmt.Sprintf("/v1/events?device=station-loc-001&after=%d", all[0].Number), token, "")).Events
	require.Equal(t, all[1:], rest)
}
