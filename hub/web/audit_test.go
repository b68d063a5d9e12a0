package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
)

func TestThePageOfTheTrailSaysWhoDidWhatAndHowItWasBefore(t *testing.T) {
	h := open(t)
	h.Day(t)
	admin := h.Token(t, people.Admin)
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		for n := range 250 { // more than a page has
			at := apitest.Now.Add(-time.Duration(n) * time.Millisecond) // an import does as many in one minute
			if err := tx.RecordAct(t.Context(), people.NewAct(at, "p-many", "work.close", fmt.Sprintf("w-%03d", n), "")); err != nil {
				return err
			}
		}
		return tx.RecordAct(t.Context(), people.NewAct(apitest.Now, people.Console, "limit.set", "prod-003", "sold <out>").From("20", "5"))
	}))
	shown := func(q url.Values) string {
		w := get(h, "/audit?"+q.Encode(), admin)
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	body := shown(url.Values{"lang": {"en"}, "of": {"prod-003"}})
	for _, want := range []string{"Sales limit set", "before: 20 → after: 5", "sold &lt;out&gt;", "Nothing is signed yet."} {
		require.Contains(t, body, want)
	}
	require.Contains(t, shown(url.Values{"lang": {"ja"}, "of": {"prod-003"}}), "変更前: 20 → 変更後: 5")
	first := shown(url.Values{"by": {"p-many"}, "lang": {"en"}})
	require.Equal(t, 200, strings.Count(first, "Work closed"))
	require.Contains(t, first, "w-199")
	require.NotContains(t, first, "w-200")
	require.Contains(t, first, `name="skip" value="200"`)
	next := shown(url.Values{"by": {"p-many"}, "skip": {"200"}, "lang": {"en"}})
	for n := 200; n < 250; n++ { // none is passed over
		require.Contains(t, next, fmt.Sprintf("w-%03d", n))
	}
	require.NotContains(t, next, "Older")
	require.Contains(t, shown(url.Values{"by": {"p-nobody"}, "lang": {"en"}}), "Nothing was done in this span.")
	for _, q := range []string{"from=tomorrow", "from=2026-12-01T00:00&until=2026-11-01T00:00"} {
		require.Equal(t, http.StatusUnprocessableEntity, get(h, "/audit?"+q, admin).Code, q)
	}
	require.Equal(t, http.StatusForbidden, get(h, "/audit", h.Token(t, people.Support)).Code)
	require.Contains(t, get(h, "/rights", admin).Body.String(), `href="/audit"`)
	require.NotContains(t, get(h, "/rights", h.Token(t, people.Support)).Body.String(), `href="/audit"`)
}

func TestInABrowserTheTrailFitsAPhone(t *testing.T) {
	h := open(t)
	h.Day(t)
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		long := people.NewAct(apitest.Now, people.Console, "person.role", "p-averyveryverylongidentifierthatnobodywouldtype", "main: dispatcher -> quality")
		return tx.RecordAct(t.Context(), long.From("dispatcher", "quality"))
	}))
	address := serve(t, h)
	for _, lang := range []string{"en", "ja"} {
		tab, complaints := browser(t)
		require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
			chromedp.Navigate(address+"/login?lang="+lang+"&code="+h.Code(t, people.Admin)), chromedp.Click(chromedp.CSS(".gate button"))))
		appears(t, tab, `!location.pathname.startsWith("/login")`)
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/audit")))
		appears(t, tab, `/Role changed|役割の変更/.test(document.querySelector(".timeline")?.textContent)`)
		wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
		require.NoError(t, err)
		require.False(t, wide, "no sideways scrolling on a phone")
		screenshot(t, tab, "audit-"+lang)
		require.Empty(t, complaints())
	}
}
