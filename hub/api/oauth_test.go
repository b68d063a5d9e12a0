package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/bearer/bearertest"
	"meguri/hub/people"
	"meguri/hub/storetest"
)

type tokenAnswer struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string
	Error   string
	What    string `json:"error_description"`
}

// token is a client's, for a scope or for all that it may have.
func token(t *testing.T, h *apitest.Hub, id, secret, scope string) string {
	t.Helper()
	w := h.AskToken(id, secret, scope)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	return decode[tokenAnswer](t, w).Token
}

func TestAProgramGetsATokenForItsSecretAndUsesIt(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	secret := h.Client(t, people.Client{ID: "cafe", Scopes: []people.Scope{"orders:read", "orders:write", "network:read"}})
	w := h.AskToken("cafe", secret, "")
	got := decode[tokenAnswer](t, w)
	require.Equal(t, "Bearer", got.Type)
	require.Equal(t, 600, got.Expires)
	require.Equal(t, "network:read orders:read orders:write", got.Scope)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	fits(t, served(t, h), "/oauth/token", httptest.NewRequest("POST", "/oauth/token", nil), w)
	require.Equal(t, 200, h.Do("GET", "/v1/orders/order-0001", got.Token, "").Code)

	body := strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "client_id": {"cafe"}, "client_secret": {secret}}.Encode())
	r := httptest.NewRequest("POST", "/oauth/token", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	require.Equal(t, 200, h.Serve(r).Code, "with the secret in the body")

	h.Later(11 * time.Minute)
	w = h.Do("GET", "/v1/orders/order-0001", got.Token, "")
	require.Equal(t, 401, w.Code)
	require.Equal(t, `Bearer realm="meguri", error="invalid_token", error_description="the token is not valid: it has expired"`, w.Header().Get("WWW-Authenticate"))
	require.Equal(t, 401, problem(t, w).Status)
}

func TestARevokedProgramIsOutAtOnceAndARotatedSecretOverlaps(t *testing.T) {
	h := apitest.Open(t)
	secret := h.Client(t, people.Client{ID: "cafe", Scopes: []people.Scope{"network:read"}})
	again, err := h.People.RotateClient(t.Context(), people.Console, "cafe", time.Hour, h.RealNow())
	require.NoError(t, err)
	require.Equal(t, 200, h.AskToken("cafe", secret, "").Code)
	require.Equal(t, 200, h.AskToken("cafe", again, "").Code)
	h.Later(time.Hour)
	require.Equal(t, 401, h.AskToken("cafe", secret, "").Code, "the former has ended")
	held := token(t, h, "cafe", again, "")
	require.Equal(t, 200, h.Do("GET", "/v1/locations", held, "").Code)
	require.NoError(t, h.People.RevokeClient(t.Context(), people.Console, "cafe", h.RealNow()))
	require.Equal(t, 401, h.Do("GET", "/v1/locations", held, "").Code)
	require.Equal(t, 401, h.AskToken("cafe", again, "").Code)
}

func TestTheTokenEndpointSaysWhatIsWrong(t *testing.T) {
	h := apitest.Open(t)
	secret := h.Client(t, people.Client{ID: "cafe", Scopes: []people.Scope{"orders:read"}})
	doc := served(t, h)
	const form = "application/x-www-form-urlencoded"
	grant := "grant_type=client_credentials"
	for name, c := range map[string]struct {
		kind, body, user, password string
		status                     int
		want                       string
	}{
		"no form":                 {"application/json", `{"grant_type":"client_credentials"}`, "cafe", secret, 400, "invalid_request"},
		"no grant":                {form, "scope=orders:read", "cafe", secret, 400, "invalid_request"},
		"another grant":           {form, "grant_type=password", "cafe", secret, 400, "unsupported_grant_type"},
		"twice":                   {form, grant + "&" + grant, "cafe", secret, 400, "invalid_request"},
		"a scope it may not have": {form, grant + "&scope=orders:read+orders:write", "cafe", secret, 400, "invalid_scope"},
		"a wrong secret":          {form, grant, "cafe", "wrong", 401, "invalid_client"},
		"no such client":          {form, grant, "nobody", secret, 401, "invalid_client"},
		"no secret":               {form, grant, "", "", 400, "invalid_request"},
		"a secret in both":        {form, grant + "&client_id=cafe&client_secret=" + secret, "cafe", secret, 400, "invalid_request"},
		"another name in it":      {form, grant + "&client_id=other", "cafe", secret, 400, "invalid_request"},
		"a wrong one in the body": {form, grant + "&client_id=cafe&client_secret=wrong", "", "", 401, "invalid_client"},
		"no name in the body":     {form, grant + "&client_secret=" + secret, "", "", 400, "invalid_request"},
		"cannot be read":          {form, grant + "&scope=%zz", "cafe", secret, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			if c.user != "" {
				r.SetBasicAuth(c.user, c.password)
			}
			w := h.Serve(r)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, c.want, decode[tokenAnswer](t, w).Error)
			require.Equal(t, c.status == 401 && c.user != "", strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic "), w.Header())
			fits(t, doc, "/oauth/token", r, w)
		})
	}
	r := httptest.NewRequest("POST", "/oauth/token?client_id=cafe&client_secret="+secret, strings.NewReader(grant))
	r.Header.Set("Content-Type", form)
	require.Equal(t, 400, h.Serve(r).Code, "a secret in an address is not taken")
}

func TestGuessingSecretsIsSlowedDown(t *testing.T) {
	h := apitest.Open(t)
	secret := h.Client(t, people.Client{ID: "cafe", Scopes: []people.Scope{"orders:read"}})
	for range 200 {
		require.Equal(t, 200, h.AskToken("cafe", secret, "").Code, "what is right costs nothing")
	}
	var last *httptest.ResponseRecorder
	for range 61 {
		last = h.AskToken("cafe", "wrong", "")
	}
	require.Equal(t, 429, last.Code)
	require.NotEmpty(t, last.Header().Get("Retry-After"))
}

func TestTheMetadataLeadsToTheTokenAndItsKeys(t *testing.T) {
	h := apitest.Open(t)
	token(t, h, "cafe", h.Client(t, people.Client{ID: "cafe", Scopes: []people.Scope{"orders:read"}}), "")
	m := decode[map[string]any](t, h.Do("GET", "/.well-known/oauth-authorization-server", "", ""))
	require.Equal(t, apitest.URL, m["issuer"])
	require.Equal(t, apitest.URL+"/oauth/token", m["token_endpoint"])
	require.Equal(t, []any{"client_credentials"}, m["grant_types_supported"])
	require.Len(t, m["scopes_supported"], len(people.Scopes()))
	path, _ := strings.CutPrefix(m["jwks_uri"].(string), apitest.URL)
	set := decode[struct{ Keys []map[string]any }](t, h.Do("GET", path, "", ""))
	require.Len(t, set.Keys, 1)
	require.Equal(t, "OKP", set.Keys[0]["kty"])
	require.NotContains(t, set.Keys[0], "d", "nothing private")
}

// Each route with a token that is for its scope alone, and with one that is for all others, for each role that tokens may have.
func TestEveryRouteAgainstTokensWithAndWithoutItsScope(t *testing.T) {
	h := apitest.Open(t)
	app := h.App(t)
	shop, system := people.Client{Role: people.Shop, Place: "shop-1"}, people.Client{Role: people.System}
	made := map[string]string{}
	of := func(c people.Client, name string, keep func(people.Scope) bool) string {
		if made[name] != "" {
			return made[name]
		}
		for _, s := range people.Scopes() {
			if keep(s) && people.Opens(s, c.Role) {
				c.Scopes = append(c.Scopes, s)
			}
		}
		if len(c.Scopes) > 0 {
			c.ID = strings.ReplaceAll(name, ":", "-")
			made[name] = token(t, h, c.ID, h.Client(t, c), "")
		}
		return made[name]
	}
	customer := func(keep func(people.Scope) bool) string {
		return app.Token(t, "member-0001", strings.Join(slices.DeleteFunc(people.Scopes(), func(s people.Scope) bool { return !keep(s) }), " "), h.RealNow())
	}
	for _, right := range people.Rights() {
		if right.Public || !strings.HasPrefix(strings.SplitN(right.Route, " ", 2)[1], "/v1/") {
			continue
		}
		method, path := target(right.Route)
		is := func(s people.Scope) bool { return s == right.Scope }
		isNot := func(s people.Scope) bool { return s != right.Scope }
		for role, tokens := range map[people.Role][2]string{
			people.System:   {of(system, "system-"+right.Scope, is), of(system, "system-not-"+right.Scope, isNot)},
			people.Shop:     {of(shop, "shop-"+right.Scope, is), of(shop, "shop-not-"+right.Scope, isNot)},
			people.Customer: {customer(is), customer(isNot)},
		} {
			may := slices.Contains(right.Roles, role)
			if with := tokens[0]; with != "" && right.Scope != "" {
				w := h.Do(method, path, with, "")
				require.Equal(t, may, w.Code != 403, "%s %s: %d %s", role, right.Route, w.Code, w.Body)
				require.NotEqual(t, 401, w.Code)
				require.Less(t, w.Code, 500)
			}
			w := h.Do(method, path, tokens[1], "")
			require.Equal(t, 403, w.Code, "%s %s", role, right.Route)
			if challenge := w.Header().Get("WWW-Authenticate"); may {
				want := `Bearer realm="meguri", error="insufficient_scope"`
				if right.Scope != "" {
					want += `, scope="` + right.Scope + `"`
				}
				require.Equal(t, want, challenge, right.Route)
			}
		}
	}
}

func TestPagesAndAccountsAreClosedToTokens(t *testing.T) {
	for _, right := range people.Rights() {
		path := strings.SplitN(right.Route, " ", 2)[1]
		if !strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v1/me") || right.Sign != nil || right.Half {
			require.Empty(t, right.Scope, right.Route)
		}
	}
}

// A customer's token against what is another's, on each route that is open to it. What is there for everybody says nothing of anybody.
func TestACustomerSeesAndDoesOnlyTheirOwn(t *testing.T) {
	h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
	h.Warehouse(t)
	app := h.App(t)
	staff := h.Token(t, people.Support)
	for n := 1; n <= 2; n++ {
		require.Equal(t, 201, h.Do("POST", "/v1/orders", staff, apitest.OrderBody(fmt.Sprintf("o-%d", n), fmt.Sprintf("member-%d", n), "loc-001", n)).Code)
	}
	all := "orders:read orders:write notices:read network:read rental:read"
	one := app.Token(t, "member-1", all, h.RealNow())
	line := `{"lines":[{"product_id":"prod-001","quantity":1}]}`
	covered := map[string]bool{}
	for _, c := range []struct {
		route, mine, theirs, body, others string
		own, other                        int
	}{
		{"GET /v1/orders/:id", "/v1/orders/o-1", "/v1/orders/o-2", "", "", 200, 404},
		{"PUT /v1/orders/:id/lines", "/v1/orders/o-1/lines", "/v1/orders/o-2/lines", line, line, 200, 404},
		{"POST /v1/orders/:id/cancel", "/v1/orders/o-1/cancel", "/v1/orders/o-2/cancel", "{}", "{}", 200, 404},
		{"POST /v1/orders", "/v1/orders", "/v1/orders", apitest.OrderBody("", "member-1", "loc-001", 3), apitest.OrderBody("", "member-2", "loc-001", 3), 201, 403},
		{"GET /v1/rental/orders/:id", "/v1/rental/orders/r-1", "/v1/rental/orders/r-2", "", "", 200, 404},
	} {
		method := strings.SplitN(c.route, " ", 2)[0]
		covered[c.route] = true
		w := h.Do(method, c.theirs, one, c.others)
		require.Equal(t, c.other, w.Code, "%s: %s", c.theirs, w.Body)
		require.NotContains(t, w.Body.String(), "member-2")
		w = h.Do(method, c.mine, one, c.body)
		require.Equal(t, c.own, w.Code, "%s: %s", c.mine, w.Body)
	}
	require.Equal(t, "accepted", decode[struct{ State string }](t, h.Do("GET", "/v1/orders/o-2", staff, "")).State, "nobody touched it")
	for route, path := range map[string]string{"GET /v1/notices": "/v1/notices", "GET /v1/rental/orders": "/v1/rental/orders"} {
		covered[route] = true
		w := h.Do("GET", path, one, "")
		require.Equal(t, 200, w.Code)
		require.NotContains(t, w.Body.String(), "member-2")
	}
	require.Contains(t, h.Do("GET", "/v1/rental/orders", one, "").Body.String(), "r-1")
	for _, path := range []string{"/v1/locations", "/v1/products", "/v1/deliveries?date=" + apitest.Date, "/v1/capacity?date=" + apitest.Date} {
		covered["GET "+strings.SplitN(path, "?", 2)[0]] = true
		w := h.Do("GET", path, one, "")
		require.Equal(t, 200, w.Code)
		require.NotContains(t, w.Body.String(), "member-")
	}
	for _, right := range people.Rights() {
		if right.Scope != "" && slices.Contains(right.Roles, people.Customer) {
			require.True(t, covered[right.Route], "%s is open to customers: say here what of another's it hides", right.Route)
		}
	}
}

func TestAShopsProgramSeesItsShopOnly(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	own := token(t, h, "bakery", h.Client(t, people.Client{ID: "bakery", Role: people.Shop, Place: "shop-1", Scopes: []people.Scope{"dispatch:read", "limits:write"}}), "")
	require.Equal(t, 200, h.Do("GET", "/v1/packing?date=2026-12-01&shop=shop-1", own, "").Code)
	require.Equal(t, 403, h.Do("GET", "/v1/packing?date=2026-12-01&shop=shop-2", own, "").Code)
	limit := `{"delivery_date":"2026-12-01","limit":0,"reason":"none left"}`
	require.Equal(t, 404, h.Do("PUT", "/v1/products/prod-002/limit", own, limit).Code)
	require.Equal(t, 403, h.Do("GET", "/v1/sheets?date=2026-12-01&route=route-01", own, "").Code)
}

func TestWhoAsksTooOftenIsToldWhenToAskAgain(t *testing.T) {
	h := apitest.Open(t)
	slow := h.Client(t, people.Client{ID: "slow", Scopes: []people.Scope{"network:read"}, PerMinute: 6})
	held := token(t, h, "slow", slow, "") // counts, too
	for n := range 5 {
		w := h.Do("GET", "/v1/locations", held, "")
		require.Equal(t, 200, w.Code)
		require.Equal(t, `"client";q=6;w=60`, w.Header().Get("RateLimit-Policy"))
		require.Equal(t, fmt.Sprintf(`"client";r=%d;t=%d`, 4-n, 20+10*n), w.Header().Get("RateLimit"))
	}
	w := h.Do("GET", "/v1/locations", held, "")
	require.Equal(t, 429, problem(t, w).Status)
	require.Equal(t, "10", w.Header().Get("Retry-After"))
	require.Equal(t, `"client";r=0;t=60`, w.Header().Get("RateLimit"))
	require.Equal(t, 429, h.AskToken("slow", slow, "").Code)
	other := token(t, h, "other", h.Client(t, people.Client{ID: "other", Scopes: []people.Scope{"network:read"}}), "")
	require.Equal(t, 200, h.Do("GET", "/v1/locations", other, "").Code, "others are not held up")
	require.Empty(t, h.Do("GET", "/v1/locations", h.Token(t, people.Support), "").Header().Get("RateLimit"), "nor persons")

	after, err := strconv.Atoi(w.Header().Get("Retry-After"))
	require.NoError(t, err)
	h.Later(time.Duration(after) * time.Second)
	require.Equal(t, 200, h.Do("GET", "/v1/locations", held, "").Code)
	require.Equal(t, 429, h.Do("GET", "/v1/locations", held, "").Code)
}

func TestAnIssuerThatIsAwayIsNobodysWrongToken(t *testing.T) {
	h := apitest.Open(t)
	app := h.App(t)
	app.Answer(bearertest.Down)
	w := h.Do("GET", "/v1/locations", app.Token(t, "member-1", "network:read", h.RealNow()), "")
	require.Equal(t, 503, problem(t, w).Status)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	app.Answer(nil)
	h.Later(time.Minute)
	require.Equal(t, 200, h.Do("GET", "/v1/locations", app.Token(t, "member-1", "network:read", h.RealNow()), "").Code)
}

func TestWhatACustomerDoesStandsUnderTheirPseudonym(t *testing.T) {
	h := apitest.OpenBeforeCutoff(t, storetest.SQLite(t))
	app := h.App(t)
	one := app.Token(t, "member-1", "orders:write", h.RealNow())
	w := h.Do("POST", "/v1/orders", one, apitest.OrderBody("", "member-1", "loc-001", 1))
	require.Equal(t, 201, w.Code)
	o := decode[struct {
		By string `json:"placed_by"`
	}](t, h.Do("GET", w.Header().Get("Location"), h.Token(t, people.Support), ""))
	require.Equal(t, "app:member-1", o.By)
}
