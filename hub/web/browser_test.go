package web_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
)

// browser starts a headless Chromium and gives a tab. What its console says is collected.
func browser(t *testing.T) (tab context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("this test needs Debian's chromium and does without none: apt-get install chromium")
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(path), chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	var mu sync.Mutex
	var said []string
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			mu.Lock()
			said = append(said, m.String())
			mu.Unlock()
		}
	}()
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

func text(t *testing.T, ctx context.Context, css string) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(css)))
	require.NoError(t, err)
	return got
}

// appears waits until an expression of the page is true.
func appears(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	require.Eventually(t, func() bool {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		return err == nil && yes // while a page gives way to the next there is nothing to ask
	}, 20*time.Second, 50*time.Millisecond, expression)
}

func TestInABrowserALinkLogsInAndTheDashboardFollowsWhatHappensInBothLanguages(t *testing.T) {
	h := open(t)
	h.Day(t)
	tab, complaints := browser(t)
	address := serve(t, h)

	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang=en&code="+h.Code(t, people.Admin)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `location.pathname === "/" && document.querySelector("#live-state.on") !== null`)
	require.Contains(t, text(t, tab, "h1"), "Tue 1 Dec 2026")
	require.Contains(t, text(t, tab, ".tabs [aria-current]"), "Today")

	raise := func(id, kind string) {
		require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
			return tx.RaiseAlarm(t.Context(), id, kind, "loc-001-fridge-1", "", apitest.Now)
		}))
		h.Feed.Changed()
	}
	_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`window.kept = document.getElementById("card-loc-003"), true`))
	require.NoError(t, err)
	raise("alarm-live-1", "mains")
	appears(t, tab, `document.getElementById("wrong").textContent.includes("No power")`)
	appears(t, tab, `window.kept === document.getElementById("card-loc-003")`) // what has not changed stays

	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS(".lang"))))
	appears(t, tab, `document.documentElement.lang === "ja" && document.querySelector("#live-state.on") !== null`)
	require.Contains(t, text(t, tab, "h1"), "2026年12月1日")
	raise("alarm-live-2", "door_jammed")
	appears(t, tab, `document.getElementById("wrong").textContent.includes("扉が開かない")`)

	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/locations/loc-002")))
	appears(t, tab, `document.querySelectorAll(".plot canvas").length === 2`)
	require.Contains(t, text(t, tab, "#state"), "温度が範囲外")
	wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
	require.NoError(t, err)
	require.False(t, wide, "no sideways scrolling on a phone")

	for _, said := range complaints() {
		require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
	}
}

// After cutoff a dispatcher calls a location off and the driver confirms the new sheet, each with nothing but the page.
func TestInABrowserADispatcherLooksFirstAndTheDriverConfirmsTheNewSheet(t *testing.T) {
	h := open(t)
	h.Day(t)
	editions(t, h)
	tab, complaints := browser(t)
	address := serve(t, h)
	narrow := func() {
		t.Helper()
		wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
		require.NoError(t, err)
		require.False(t, wide, "no sideways scrolling on a phone")
	}
	login := func(role people.Role, lang string) {
		t.Helper()
		require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
			chromedp.Navigate(address+"/login?lang="+lang+"&code="+h.Code(t, role)), chromedp.Click(chromedp.CSS(".gate button"))))
		appears(t, tab, `!location.pathname.startsWith("/login")`)
	}

	login(people.Dispatcher, "ja")
	form := `form:has(input[value="calloff"]):has(input[value="location"]) `
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/outages?date="+apitest.Date),
		chromedp.SetValue(chromedp.CSS(form+"select"), "loc-002"), chromedp.SendKeys(chromedp.CSS(form+`input[name="reason"]`), "台風"),
		chromedp.Click(chromedp.CSS(form+"button"))))
	appears(t, tab, `document.getElementById("result") !== null`)
	narrow()
	id, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector('#result a[href^="/orders/"]').getAttribute("href").slice(8)`))
	require.NoError(t, err)
	state := func() order.State {
		o, err := h.Orders.Get(t.Context(), id)
		require.NoError(t, err)
		return o.State
	}
	require.NotEqual(t, order.CalledOff, state(), "only looked")
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS("#result form button"))))
	appears(t, tab, `document.querySelector("#result form") === null`)
	narrow()
	require.Equal(t, order.CalledOff, state())

	login(people.Driver, "en")
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/sheet?route=route-01&date="+apitest.Date)))
	appears(t, tab, `document.querySelector('form[action$="/confirm"] button') !== null`)
	narrow()
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS(`form[action$="/confirm"] button`))))
	appears(t, tab, `document.querySelector('form[action$="/confirm"]') === null && document.querySelector(".sheethead") !== null`)
	for _, said := range complaints() {
		require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
	}
}
