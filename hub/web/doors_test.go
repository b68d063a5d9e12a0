package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/disruption"
	"meguri/hub/fleet"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
)

// phone logs a person in at the width of a phone.
func phone(t *testing.T, h *apitest.Hub, address string, role people.Role, lang string) (see func(path, until, picture string)) {
	tab, complaints := browser(t)
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang="+lang+"&code="+h.Code(t, role)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `!location.pathname.startsWith("/login")`)
	t.Cleanup(func() {
		for _, said := range complaints() {
			require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
		}
	})
	return func(path, until, picture string) {
		t.Helper()
		if path != "" {
			require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+path)))
		}
		appears(t, tab, until)
		wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
		require.NoError(t, err)
		require.False(t, wide, "no sideways scrolling on a phone: %s", path)
		screenshot(t, tab, picture+"-"+lang)
	}
}

// waiting is an order that nobody has picked up yet, at a location whose board has its code.
func waiting(t *testing.T, h *apitest.Hub) string {
	t.Helper()
	for n := 1; n <= 24; n++ {
		o, err := h.Orders.Get(t.Context(), fmt.Sprintf("order-%04d", n))
		require.NoError(t, err)
		if o.State != order.Ready && o.State != order.Accepted {
			continue
		}
		require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
			d, err := tx.Device(t.Context(), "station-"+o.LocationID)
			if err != nil {
				return err
			}
			return tx.SaveLife(t.Context(), d.ID, fleet.Life{Incarnation: d.Incarnation, FirstHeardAt: apitest.Start, HeardAt: apitest.Start, Boot: 1})
		}))
		m := plan.NewMaker(h.Store, h.Feed, h.Clock, slog.New(slog.DiscardHandler))
		require.NoError(t, m.Make(t.Context(), o.LocationID))
		return o.ID
	}
	require.FailNow(t, "all orders are picked up")
	return ""
}

func TestAnOrdersPageTellsHowFarItsCodeHasCome(t *testing.T) {
	h := open(t)
	h.Day(t)
	address := serve(t, h)
	id := waiting(t, h)
	_, err := h.API.Disruptions.TakeOff(t.Context(), id, disruption.Act{By: "p-1", Reason: "spoilt", At: apitest.Now.Add(-4 * time.Hour), Apply: true})
	require.NoError(t, err)
	for lang, words := range map[string][]string{"en": {"Being taken back", "station-loc-", "Let the money go"}, "ja": {"取消中", "未確認", "今すぐ返金"}} {
		see := phone(t, h, address, people.Support, lang)
		for _, word := range words {
			see("/orders/"+id, `document.getElementById("codes")?.textContent.includes("`+word+`")`, "order-code")
		}
	}
}

func TestADoorsPageOpensItForSomebodyWhoStandsThere(t *testing.T) {
	h := open(t)
	h.Day(t)
	address := serve(t, h)
	for lang, words := range map[string][2]string{"en": {"Which number", "Opened for somebody at the door"}, "ja": {"扉の番号を聞く", "本人確認のうえ解錠"}} {
		tab, complaints := browser(t)
		require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
			chromedp.Navigate(address+"/login?lang="+lang+"&code="+h.Code(t, people.Dispatcher)), chromedp.Click(chromedp.CSS(".gate button"))))
		appears(t, tab, `!location.pathname.startsWith("/login")`)
		look := func(until, picture string) {
			t.Helper()
			appears(t, tab, until)
			wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
			require.NoError(t, err)
			require.False(t, wide, "no sideways scrolling on a phone")
			screenshot(t, tab, picture+"-"+lang)
		}
		ask, confirm := `form:has(input[value="ask"]) `, `form:has(input[value="confirm"]) `
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/doors/loc-001-fridge-1"),
			chromedp.SendKeys(chromedp.CSS(ask+`input[name="reason"]`), "keypad"), chromedp.Click(chromedp.CSS(ask+"button"))))
		look(`document.getElementById("asked")?.textContent.includes("`+words[0]+`")`, "door-asked")
		var number string
		require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.OpeningsOf(t.Context(), "loc-001-fridge-1", 1)
			require.NoError(t, err)
			number, err = tx.NumberToShow(t.Context(), all[0].ShowCommand)
			return err
		}))
		page, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.documentElement.outerHTML`))
		require.NoError(t, err)
		require.NotContains(t, page, number)
		require.NoError(t, chromedp.Do(tab, chromedp.SendKeys(chromedp.CSS(confirm+`input[name="number"]`), number[:3]+" "+number[3:]),
			chromedp.SendKeys(chromedp.CSS(confirm+`input[name="at_door"]`), "Sato"), chromedp.Click(chromedp.CSS(confirm+"button"))))
		look(`document.getElementById("asked") === null && document.getElementById("openings")?.textContent.includes("`+words[1]+`")`, "door-opened")
		for _, said := range complaints() {
			require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
		}
	}
}

// screenshot keeps a picture of the page where somebody wants to look at it.
func screenshot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	dir := os.Getenv("MEGURI_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

func TestADevicesPageReportsItStolen(t *testing.T) {
	h := open(t)
	h.Day(t)
	address := serve(t, h)
	tab, _ := browser(t)
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang=ja&code="+h.Code(t, people.Dispatcher)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `!location.pathname.startsWith("/login")`)
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/devices/station-loc-003"),
		chromedp.SendKeys(chromedp.CSS(`#steal input[name="reason"]`), "扉が壊された"), chromedp.Click(chromedp.CSS("#steal button"))))
	appears(t, tab, `location.pathname === "/work-items" && document.body.textContent.includes("端末の盗難")`)
	screenshot(t, tab, "device-stolen")
	d, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
	require.NoError(t, err)
	require.False(t, d)
}

func TestAnEngineerPutsABoardIntoServiceOnAPhone(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Replace(t, "station-loc-003", "station-new")
	address := serve(t, h)
	for lang, words := range map[string][2]string{"ja": {"残り", "運用開始"}} {
		tab, complaints := browser(t)
		require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
			chromedp.Navigate(address+"/login?lang="+lang+"&code="+h.Code(t, people.Kitting)), chromedp.Click(chromedp.CSS(".gate button"))))
		appears(t, tab, `!location.pathname.startsWith("/login")`)
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/devices/station-new/commissioning")))
		appears(t, tab, `document.body.textContent.includes("`+words[0]+`")`)
		first := `.checks:first-of-type `
		require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS(first+`form:has(input[value="probe"]) button`))))
		appears(t, tab, `document.querySelector('.checks .k-running') !== null`)
		require.NoError(t, chromedp.Do(tab, chromedp.SendKeys(chromedp.CSS(first+`input[name="degrees"]`), "4,2"),
			chromedp.Click(chromedp.CSS(first+`form:has(input[name="degrees"]) button`))))
		appears(t, tab, `document.querySelector('.checks .k-failed') !== null`)
		wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
		require.NoError(t, err)
		require.False(t, wide, "no sideways scrolling on a phone")
		screenshot(t, tab, "commission-"+lang)
		require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS("#sign button"))))
		appears(t, tab, `document.querySelector(".notice.grave") !== null && document.getElementById("signed") === null`)
		require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
			c, err := tx.Commissioning(t.Context(), "station-new")
			require.NoError(t, err)
			for _, f := range c.Fridges {
				for _, step := range fleet.Steps() {
					if err := tx.SaveCheck(t.Context(), c.ID, fleet.Check{Fridge: f, Step: step, BeganAt: apitest.Now}.End(true, "", apitest.Now)); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS("#sign button"))))
		appears(t, tab, `document.getElementById("signed")?.textContent.includes("`+words[1]+`")`)
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/devices/station-new/commissioning?lang=en")))
		appears(t, tab, `document.getElementById("signed")?.textContent.includes("In service since")`)
		screenshot(t, tab, "commission-signed-en")
		require.Regexp(t, "^console link ", strings.Join(signatures(t, h, "station-new", "commission.sign"), ";"), "who signed is kept with how they showed it")
		for _, said := range complaints() {
			require.False(t, strings.Contains(said, "Refused"), "the page complains: %s", said)
		}
	}
}
