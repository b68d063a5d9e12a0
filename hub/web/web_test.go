package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/api/apitest"
	"meguri/hub/effect"
	"meguri/hub/passkey"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/hub/web"
)

func open(t *testing.T) *apitest.Hub {
	t.Helper()
	return openAt(t, storetest.SQLite(t))
}

func openAt(t *testing.T, database string) *apitest.Hub {
	t.Helper()
	h := apitest.OpenAt(t, database)
	keys, err := passkey.New("https://example.com")
	require.NoError(t, err)
	h.People.Keys = keys
	_, err = web.Register(h.Echo, web.Config{API: h.API, Zone: time.FixedZone("Asia/Tokyo", 9*60*60)})
	require.NoError(t, err)
	return h
}

// get asks for a page as a browser does, with a session cookie unless token is empty.
func get(h *apitest.Hub, target, token string) *httptest.ResponseRecorder {
	return ask(h, httptest.NewRequest("GET", target, nil), token)
}

func ask(h *apitest.Hub, r *http.Request, token string) *httptest.ResponseRecorder {
	r.Header.Set("Accept", "text/html")
	if token != "" {
		r.AddCookie(&http.Cookie{Name: "meguri_session", Value: token})
	}
	return h.Serve(r)
}

func post(h *apitest.Hub, target, token string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return ask(h, r, token)
}

func cookie(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	i := slices.IndexFunc(w.Result().Cookies(), func(c *http.Cookie) bool { return c.Name == "meguri_session" })
	require.GreaterOrEqual(t, i, 0, "no session cookie")
	return w.Result().Cookies()[i]
}

func TestALinkIsNotUsedUpByLookingAtIt(t *testing.T) {
	h := open(t)
	code := h.Code(t, people.Admin)
	for range 3 { // a mail scanner, a preview, the person
		w := get(h, "/login?code="+code, "")
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), code)
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	w := post(h, "/login", "", url.Values{"code": {code}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/", w.Header().Get("Location"))
	session := cookie(t, w)
	require.True(t, session.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, session.SameSite)
	require.Equal(t, 200, get(h, "/", session.Value).Code)

	w = post(h, "/login", "", url.Values{"code": {code}})
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Body.String(), "does not work any more")

	w = post(h, "/logout", session.Value, nil)
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Negative(t, cookie(t, w).MaxAge)
	w = get(h, "/", session.Value)
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/login", w.Header().Get("Location"))
}

func TestEachRoleBeginsWithAPageThatItMayOpen(t *testing.T) {
	h := open(t)
	h.Day(t)
	for _, role := range people.Roles() {
		w := post(h, "/login", "", url.Values{"code": {h.Code(t, role)}})
		require.Equal(t, http.StatusSeeOther, w.Code, role)
		require.Equal(t, 200, get(h, w.Header().Get("Location"), cookie(t, w).Value).Code, role)
	}
}

func page(route string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	known := map[string]string{"/account/passkey": "/account/passkey?to=create", "/locations/:id": "/locations/loc-001", "/locations/:id/chart.json": "/locations/loc-001/chart.json",
		"/orders/:id": "/orders/order-0001", "/devices/:id": "/devices/station-loc-001", "/packing": "/packing?shop=shop-1", "/sheet": "/sheet?route=route-01", "/readings": "/readings?sensor=loc-001-fridge-1/air",
		"/alarms/:id": "/alarms/alarm-1", "/rental/items/:id": "/rental/items/" + apitest.Dress, "/rental/orders/:id": "/rental/orders/r-1", "/doors/:id": "/doors/loc-001-fridge-1", "/devices/:id/commissioning": "/devices/station-new/commissioning"}
	if p, ok := known[path]; ok {
		return method, p
	}
	return method, strings.ReplaceAll(strings.TrimSuffix(path, "*"), ":id", "none")
}

func TestEveryPageAgainstEveryRole(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Warehouse(t)
	h.Replace(t, "station-loc-003", "station-new")
	tested := 0
	for _, right := range people.Rights() {
		method, path := page(right.Route)
		if right.Public || strings.HasPrefix(path, "/v1/") || strings.HasSuffix(path, "/live") {
			continue // the API is tested where it is made, streams below
		}
		tested++
		do := func(token string) int {
			if method == "POST" {
				return post(h, path, token, nil).Code
			}
			return get(h, path, token).Code
		}
		require.Contains(t, []int{http.StatusSeeOther, http.StatusUnauthorized}, do(""), "nobody: %s", right.Route)
		for _, role := range people.Roles() {
			code := do(h.Token(t, role))
			switch {
			case !slices.Contains(right.Roles, role):
				require.Equal(t, http.StatusForbidden, code, "%s %s", role, right.Route)
			case method == "GET":
				require.Equal(t, http.StatusOK, code, "%s %s", role, right.Route)
			default:
				require.NotEqual(t, http.StatusForbidden, code, "%s %s", role, right.Route)
				require.Less(t, code, 500, "%s %s", role, right.Route)
			}
		}
	}
	require.Greater(t, tested, 10)
}

func TestEveryRouteOfThePagesIsInTheTableOfRights(t *testing.T) {
	h := open(t)
	table := people.NewTable(people.Rights())
	for _, r := range h.Echo.Routes() {
		route := r.Method + " " + r.Path
		right, known := table[route]
		require.True(t, known, route)
		method, path := page(route)
		w := h.Serve(httptest.NewRequest(method, path, nil))
		require.Equal(t, right.Public, w.Code != http.StatusUnauthorized, "%s answers %d without a session", route, w.Code)
	}
	for route := range table {
		method, path, _ := strings.Cut(route, " ")
		require.True(t, slices.ContainsFunc(routesOf(h), func(r [2]string) bool { return r == [2]string{method, path} }),
			"%s is in the table of rights and not registered", route)
	}
}

func routesOf(h *apitest.Hub) (all [][2]string) {
	for _, r := range h.Echo.Routes() {
		all = append(all, [2]string{r.Method, r.Path})
	}
	return all
}

func TestAShopSeesItsOwnListAndADriverTheirOwnSheet(t *testing.T) {
	h := open(t)
	h.Day(t)
	shop, driver := h.Token(t, people.Shop), h.Token(t, people.Driver)
	require.Equal(t, 200, get(h, "/packing?shop=shop-1", shop).Code)
	require.Equal(t, 403, get(h, "/packing?shop=shop-2", shop).Code)
	require.Equal(t, 403, get(h, "/packing", shop).Code)
	w := get(h, "/sheet?route=route-01&date="+apitest.Date, driver)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "876 5432 0", "the driver's code for the door")
	require.Equal(t, 403, get(h, "/sheet?route=route-02", driver).Code)
	require.NotContains(t, get(h, "/sheet?route=route-01", h.Token(t, people.Dispatcher)).Body.String(), "876 5432 0")
}

func TestTheDashboardSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	h := open(t)
	h.Day(t)
	body := get(h, "/?lang=en", h.Token(t, people.Dispatcher)).Body.String()
	for _, want := range []string{"Temperature out of range", "9.4 °C, limit 8.0 °C", "Door stands open", "Run is late: route-02",
		"Device offline", "Short: milk × 2", "Scan that did not fit: 1 to do", "Pickup open until 23:00", "25 placed, 24 accepted",
		"too warm", "Offline since 15:20"} {
		require.Contains(t, body, want)
	}
	require.NotContains(t, body, "No power", "a cleared alarm is not wrong now")
	i, j := strings.Index(body, "Door stands open"), strings.Index(body, "Device offline")
	require.Less(t, i, j, "grave things come first")

	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		return tx.RaiseAlarm(t.Context(), "box", "temperature", "vehicle-01-precooled-1/air", alarm.Say(effect.TemperatureDetail(9000, 8000)), apitest.Now)
	}))
	body = get(h, "/?lang=ja", h.Token(t, people.Dispatcher)).Body.String()
	require.Contains(t, body, "保冷箱 vehicle-01-precooled-1")
	require.Contains(t, body, "9.0 °C、限度 8.0 °C")
	require.NotContains(t, body, "member-", "no customers on a wall screen")
}

func TestAQuietHubSaysThatNothingIsWrong(t *testing.T) {
	h := open(t)
	body := get(h, "/?lang=en", h.Token(t, people.Dispatcher)).Body.String()
	require.Contains(t, body, "Nothing is wrong.")
	require.Contains(t, body, "No orders yet.")
}

func TestNoPageNamesACustomerOrTheirCode(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Replace(t, "station-loc-003", "station-new")
	admin := h.Token(t, people.Admin)
	for _, path := range []string{"/", "/locations/loc-001", "/packing?shop=shop-1", "/sheet?route=route-01", "/orders/order-0001", "/work-items"} {
		body := get(h, path, admin).Body.String()
		require.NotContains(t, body, "member-", path)
		require.NotRegexp(t, regexp.MustCompile(`\b(123456|131375|139294)\b`), body, path)
	}
}

func TestWorkIsClosedOnThePage(t *testing.T) {
	h := open(t)
	h.Day(t)
	token := h.Token(t, people.Support)
	body := get(h, "/work-items", token).Body.String()
	target := regexp.MustCompile(`action="(/work-items/[^"]+/close)"`).FindStringSubmatch(body)
	require.NotNil(t, target)
	require.Equal(t, http.StatusSeeOther, post(h, target[1], token, nil).Code)
	require.NotContains(t, get(h, "/work-items", token).Body.String(), target[1])
	require.Equal(t, http.StatusNotFound, post(h, target[1], token, nil).Code)
}

func TestPersonsAreAddedWithALinkThatIsShownOnce(t *testing.T) {
	h := open(t)
	admin := h.Token(t, people.Admin)
	w := post(h, "/people", admin, url.Values{"name": {"<b>Ito</b>"}, "role": {"quality"}})
	require.Equal(t, 200, w.Code)
	code := regexp.MustCompile(`/login\?code=([\w-]+)`).FindStringSubmatch(w.Body.String())
	require.NotNil(t, code)
	require.NotContains(t, w.Body.String(), "<b>Ito", "escaped")
	require.NotContains(t, get(h, "/people", admin).Body.String(), code[1])
	require.Equal(t, http.StatusSeeOther, post(h, "/login", "", url.Values{"code": {code[1]}}).Code)

	w = post(h, "/people", admin, url.Values{"name": {"Ito"}, "role": {"shop"}})
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), "the id of the shop")

	all, err := h.People.List(t.Context())
	require.NoError(t, err)
	ito := all[slices.IndexFunc(all, func(p people.Person) bool { return p.Role == people.Quality })]
	require.Equal(t, 200, post(h, "/people/"+ito.ID+"/link", admin, nil).Code)
	require.Equal(t, http.StatusSeeOther, post(h, "/people/"+ito.ID+"/remove", admin, nil).Code)
	require.Equal(t, http.StatusNotFound, post(h, "/people/"+ito.ID+"/link", admin, nil).Code)
}

func TestTheLanguageIsChosenByAddressThenCookieThenBrowser(t *testing.T) {
	h := open(t)
	in := func(target, cookie, accept string) string {
		r := httptest.NewRequest("GET", target, nil)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "meguri_lang", Value: cookie})
		}
		r.Header.Set("Accept-Language", accept)
		w := ask(h, r, "")
		return regexp.MustCompile(`<html lang="(\w+)">`).FindStringSubmatch(w.Body.String())[1]
	}
	require.Equal(t, "en", in("/login", "", ""))
	require.Equal(t, "ja", in("/login", "", "ja-JP,ja;q=0.9,en;q=0.8"))
	require.Equal(t, "en", in("/login", "", "fr, en;q=0.7, ja;q=0.5"))
	require.Equal(t, "ja", in("/login", "", "en;q=0.1, ja;q=0.5, *;q=broken"))
	require.Equal(t, "en", in("/login", "en", "ja"))
	require.Equal(t, "ja", in("/login?lang=ja", "en", "en"))
	require.Equal(t, "en", in("/login?lang=xx", "yy", "de"))
	w := get(h, "/login?code=abc&lang=en", "")
	require.Contains(t, w.Body.String(), `href="/login?code=abc&amp;lang=ja"`)
}

func TestBothLanguagesShowEveryPageWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) { everyPage(t, openAt(t, empty())) })
}

func everyPage(t *testing.T, h *apitest.Hub) {
	h.Day(t)
	h.Warehouse(t)
	admin := h.Token(t, people.Admin)
	for _, path := range []string{"/", "/locations/loc-002", "/packing", "/packing?shop=shop-2", "/sheet", "/sheet?route=route-02",
		"/orders/order-0001", "/orders/" + apitest.Refused, "/work-items", "/check", "/people", "/rights", "/account", "/me", "/orders/none", "/alarms", "/alarms?show=mine", "/alarms?show=all", "/alarms/alarm-1", "/alarms/none", "/quality", "/customers", "/customers?id=member-0003", "/customers/exposures", "/customers/exposures?from=x", "/audit", "/audit?from=x", "/retention", "/rental", "/rental/items/none", "/rental/items/" + apitest.Dress, "/rental/orders", "/rental/orders?state=closed",
		"/rental/orders/r-1", "/rental/orders/r-2", "/rental/orders/none", "/rental/cleaning", "/rental/cleaning?all=true", "/rental/repairs?all=true", "/outages", "/exceptions",
		"/exceptions?container=C-20261201-0001", "/exceptions?container=none", "/doors/loc-001-fridge-1",
		"/devices/station-new", "/devices/station-new/commissioning", "/history", "/history?location=loc-002&known=2026-12-01T09:00&at=2026-12-01T08:00"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		for _, l := range []string{"en", "ja"} {
			body := get(h, path+sep+"lang="+l, admin).Body.String()
			require.Contains(t, body, "</html>", path)
			require.NotContains(t, body, "%!", "%s: a message got other arguments than it takes", path)
			text := regexp.MustCompile(`<(script|style|svg)[\s\S]*?</(script|style|svg)>|<[^>]*>`).ReplaceAllString(body, " ")
			text = strings.ReplaceAll(text, "/chart.json", "") // a route, on the page of rights
			require.NotRegexp(t, regexp.MustCompile(`\b(nav|alarms|alarm|quality|cause|decision|scope|leg|wrong|trouble|do|orders|order|state|limit|location|fridge|door|lock|fault|`+
				`chart|history|code|commission|check|stolen|opening|command|outages|outkind|differs|disrupt|exception|confirm|notice|preview|slot|container|packing|sheet|stop|work|login|account|means|rights|people|role|me|error|phase|live|date|rental|rentaldo|rentalstep|rentalend|rentalorder|rentalwhy|rentalrule|rentaleffect|custody|damage|customers|exposed|look|retention|retained)\.[a-z_]+\b`), text, "%s in %s: a key without a message", path, l)
		}
	}
}

func TestThePagesScriptsAndStylesAreOurOwn(t *testing.T) {
	h := open(t)
	body := get(h, "/login", "").Body.String()
	found := regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(body, -1)
	require.NotEmpty(t, found)
	for _, f := range found {
		w := get(h, f[1], "")
		require.Equal(t, 200, w.Code, f[1])
		require.Contains(t, w.Header().Get("Cache-Control"), "immutable")
	}
	require.Equal(t, 404, get(h, "/static/nothing.js", "").Code)
	require.Equal(t, "no-store", get(h, "/static/app.js?v=old", "").Header().Get("Cache-Control"))
	require.NotContains(t, body, "<style")
	require.NotRegexp(t, `<script>|style="|\son\w+="`, body, "the content security policy would stop it")
	require.Contains(t, get(h, "/login", "").Header().Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, 200, get(h, "/static/uPlot.LICENSE", "").Code)
}

func TestTheChartBreaksWhereNothingIsKnown(t *testing.T) {
	h := open(t)
	h.Day(t)
	w := get(h, "/locations/loc-002/chart.json", h.Token(t, people.Quality))
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "null")
	require.Equal(t, 404, get(h, "/locations/none/chart.json", h.Token(t, people.Quality)).Code)
}

func TestAnErrorIsAPageForPeopleAndAProblemForPrograms(t *testing.T) {
	h := open(t)
	token := h.Token(t, people.Quality)
	w := get(h, "/people", token)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Header().Get("Content-Type"), "text/html")
	r := httptest.NewRequest("GET", "/people", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w = h.Serve(r)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, fmt.Sprint(http.StatusNotFound), fmt.Sprint(get(h, "/nowhere", token).Code))
}
