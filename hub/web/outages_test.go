package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
)

// editions stores the first version of each sheet, as at cutoff.
func editions(t *testing.T, h *apitest.Hub) {
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		_, err := tx.MakeEditions(t.Context(), apitest.Date, nil, "hub", "cutoff", apitest.Now.Add(-10*time.Hour))
		return err
	}))
}

// hidden are the hidden fields of the first form with a button to apply.
func hidden(t *testing.T, body string) url.Values {
	form := regexp.MustCompile(`(?s)id="result".*?<form method="post">(.*?)</form>`).FindStringSubmatch(body)
	require.NotNil(t, form, "no form to apply")
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form[1], -1) {
		fields.Set(m[1], m[2])
	}
	return fields
}

func TestTheDispatcherLooksFirstAndAppliesThen(t *testing.T) {
	h := open(t)
	h.Day(t)
	editions(t, h)
	token := h.Token(t, people.Dispatcher)
	ask := url.Values{"do": {"limit"}, "date": {apitest.Date}, "id": {"prod-003"}, "limit": {"0"}, "withdraw": {"yes"}, "reason": {"oven broken"}}
	w := post(h, "/outages?lang=en", token, ask)
	require.Equal(t, 200, w.Code)
	body := w.Body.String()
	require.Contains(t, body, "This would happen")
	off := regexp.MustCompile(`href="/orders/(order-\d+)"`).FindStringSubmatch(body)
	require.NotNil(t, off)
	o, err := h.Orders.Get(t.Context(), off[1])
	require.NoError(t, err)
	require.NotEqual(t, order.CalledOff, o.State, "only looked")

	fields := hidden(t, body)
	wrong := url.Values{}
	for k, v := range fields {
		wrong[k] = v
	}
	wrong.Set("expect", "0123456789abcdef")
	w = post(h, "/outages?lang=en", token, wrong)
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), "look again")
	w = post(h, "/outages?lang=en", token, fields)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "Done")
	require.Contains(t, w.Body.String(), "at most 0")

	for _, l := range []string{"en", "ja"} {
		body = get(h, "/orders/"+off[1]+"?lang="+l, token).Body.String()
		require.Contains(t, body, "oven broken", "the order's page says what its customer was told")
	}
	w = post(h, "/outages?lang=en", token, url.Values{"do": {"outage"}, "date": {apitest.Date}, "kind": {"slot"}, "id": {"<none>"}, "reason": {"broken"}})
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), "no such thing")
	require.NotContains(t, w.Body.String(), "<none>")
	require.Equal(t, http.StatusBadRequest, post(h, "/outages", token, url.Values{"do": {"magic"}}).Code)
	require.Equal(t, http.StatusBadRequest, post(h, "/exceptions", token, url.Values{"do": {"magic"}}).Code)
}

func TestTheDriverSeesWhatChangedAndConfirmsIt(t *testing.T) {
	h := open(t)
	h.Day(t)
	editions(t, h)
	driver, dispatcher := h.Token(t, people.Driver), h.Token(t, people.Dispatcher)
	sheet := "/sheet?lang=en&route=route-01&date=" + apitest.Date
	require.NotContains(t, get(h, sheet, driver).Body.String(), "replaces", "the first version replaces nothing")
	keep := url.Values{"do": {"keep_back"}, "container": {"C-20261201-0001"}, "reason": {"lid broken"}, "apply": {"yes"}}
	require.Equal(t, 200, post(h, "/exceptions", dispatcher, keep).Code)

	body := get(h, sheet, driver).Body.String()
	require.Contains(t, body, "Version 2 replaces 1: what changed")
	require.Contains(t, body, "lid broken")
	require.Contains(t, body, `action="/sheet/route-01@2026-12-01/confirm"`)
	require.Contains(t, body, "DO NOT LOAD")
	require.NotContains(t, get(h, sheet, dispatcher).Body.String(), "/confirm", "who does not drive does not confirm")
	require.Contains(t, get(h, "/outages?lang=en", dispatcher).Body.String(), "not confirmed for")

	confirm := func(token, run, version string) int {
		return post(h, "/sheet/"+run+"@"+apitest.Date+"/confirm", token, url.Values{"version": {version}}).Code
	}
	require.Equal(t, http.StatusSeeOther, confirm(driver, "route-01", "1"), "an old one: the page shows the new one")
	require.Contains(t, get(h, sheet, driver).Body.String(), `/confirm"`)
	require.Equal(t, http.StatusNotFound, confirm(driver, "route-02", "1"), "not theirs")
	require.Equal(t, http.StatusBadRequest, confirm(driver, "route-01", "x"))
	require.Equal(t, http.StatusSeeOther, confirm(driver, "route-01", "2"))
	require.NotContains(t, get(h, sheet, driver).Body.String(), `/confirm"`)
	for _, c := range []string{"C-20261201-0006", "C-20261201-0007"} {
		keep.Set("container", c)
		require.Equal(t, 200, post(h, "/exceptions", dispatcher, keep).Code)
	}
	body = get(h, sheet, driver).Body.String()
	require.Contains(t, body, "Version 4 replaces 2: what changed")
	changed := regexp.MustCompile(`(?s)id="version".*?</section>`).FindString(body)
	require.Contains(t, changed, "C-20261201-0006", "what came in version 3, which nobody has seen, too")
	require.Contains(t, changed, "C-20261201-0007")
	require.Equal(t, http.StatusSeeOther, confirm(driver, "route-01", "4"))
	require.Contains(t, get(h, "/outages?lang=en", dispatcher).Body.String(), "confirmed by Test driver")
}

func TestACustomerReadsOnlyTheirOwnNotices(t *testing.T) {
	h := open(t)
	h.Day(t)
	editions(t, h)
	all := url.Values{"do": {"calloff"}, "date": {apitest.Date}, "kind": {"location"}, "id": {"loc-002"}, "reason": {"typhoon"}, "apply": {"yes"}}
	require.Equal(t, 200, post(h, "/outages", h.Token(t, people.Dispatcher), all).Code)
	feed := h.Do("GET", "/v1/notices", h.Token(t, people.System), "").Body.String()
	require.Contains(t, feed, `"number":1`)
	require.Contains(t, feed, `"customer_id":"member-00`)
	own := h.Do("GET", "/v1/notices", h.Token(t, people.Customer), "").Body.String()
	require.NotRegexp(t, `"customer_id":"member-000[2-9]"`, own)
}
