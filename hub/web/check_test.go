package web_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/check"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

// brokenHub is the fixture's day with things that are broken: a container on a run that does not call at its location, a cancelled
// order that holds, a location that is out of service, a limit that was lowered.
func brokenHub(t *testing.T, more ...string) *apitest.Hub {
	t.Helper()
	address := storetest.SQLite(t)
	h := openAt(t, address)
	h.Day(t)
	look(t, h)
	require.Empty(t, findings(t, h), "the fixture's day is clean")
	storetest.Break(t, address,
		`UPDATE dated_containers SET run_id = (SELECT id FROM runs r WHERE r.delivery_date = '2026-12-01' AND r.id <> run_id LIMIT 1)
			WHERE id = (SELECT id FROM dated_containers WHERE location_id <> 'loc-003' ORDER BY sequence LIMIT 1)`,
		"UPDATE orders SET state = 'cancelled' WHERE id = (SELECT order_id FROM order_items WHERE delivery_date = '2026-12-01' ORDER BY order_id DESC LIMIT 1)",
		"INSERT INTO out_of_service VALUES ('location', 'loc-003', '2026-12-01', 'water damage', 'person-1', 1)",
		"INSERT INTO product_limits SELECT product_id, delivery_date, 0, 'person-1', 9999999999999 FROM order_items WHERE delivery_date = '2026-12-01' LIMIT 1")
	storetest.Break(t, address, more...)
	look(t, h)
	return h
}

func look(t *testing.T, h *apitest.Hub) {
	t.Helper()
	_, err := check.NewService(h.Store.Checks()).Watch(t.Context(), h.Clock.Now(), time.Now)
	require.NoError(t, err)
}

func findings(t *testing.T, h *apitest.Hub) (all []store.FindingView) {
	t.Helper()
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Findings(t.Context(), false, 100)
		return err
	}))
	return all
}

func TestTheCheckPageTellsWhatIsBrokenAndAppliesItsRepair(t *testing.T) {
	h := brokenHub(t)
	token := h.Token(t, people.Dispatcher)
	body := get(h, "/check?lang=en", token).Body.String()
	require.Contains(t, body, "Order "+orderOf(t, h)+" is cancelled and still holds")
	require.Contains(t, body, "Something it needs is out of service")
	require.Contains(t, body, "location loc-003 is out of service", "why there is no repair")
	require.Contains(t, body, "Nothing more is sold.")
	require.Regexp(t, `departed \d+ h`, body)
	require.Contains(t, get(h, "/check?lang=ja", token).Body.String(), "まだ", "told in Japanese, too")
	require.Contains(t, get(h, "/?lang=en", token).Body.String(), "Broken assignment")

	post1 := func() string {
		m := regexp.MustCompile(`(?s)action="(/check/[0-9a-f]+/repair)"><input type="hidden" name="repair" value="([0-9a-f]+)"`).
			FindStringSubmatch(get(h, "/check", token).Body.String())
		require.NotNil(t, m)
		w := post(h, m[1], token, url.Values{"repair": {m[2]}})
		require.Equal(t, http.StatusSeeOther, w.Code)
		return w.Header().Get("Location")
	}
	before := len(findings(t, h))
	require.Equal(t, "/check?done=1", post1())
	require.Less(t, len(findings(t, h)), before)
	require.Contains(t, get(h, "/check?done=1&lang=en", token).Body.String(), "Repaired.")
	w := post(h, "/check/000000000000/repair", token, url.Values{"repair": {"000000000000"}})
	require.Equal(t, "/check?changed=1", w.Header().Get("Location"))
	require.Contains(t, get(h, "/check?changed=1&lang=en", token).Body.String(), "The rows have changed")
}

func TestTheJapaneseCheckPageHasNoEnglishWords(t *testing.T) {
	const day = " WHERE delivery_date = '2026-12-01' "
	nth := func(n string) string {
		return "(SELECT id FROM dated_containers" + day + "ORDER BY sequence DESC LIMIT 1 OFFSET " + n + ")"
	}
	h := brokenHub(t,
		"UPDATE dated_containers SET capacity_ml = capacity_ml + 1, fridge_kind = '常温', fridge_id = '2', shipper_capacity = 99 WHERE id = "+nth("0"),
		"UPDATE order_items SET shop_id = '9' WHERE order_id = (SELECT MIN(order_id) FROM order_items"+day+")",
		"INSERT INTO out_of_service SELECT 'slot', slot_id, delivery_date, '故障', 'person-1', 1 FROM dated_containers WHERE id = "+nth("1"),
		"INSERT INTO out_of_service SELECT 'shipper', shipper_id, delivery_date, '故障', 'person-1', 1 FROM dated_containers WHERE id = "+nth("2"),
		"UPDATE orders SET state = 'held', hold_until = 1, confirmed_at = NULL WHERE id = (SELECT MIN(order_id) FROM order_items"+day+")",
		"UPDATE slots SET length_mm = 1, width_mm = 1, height_mm = 9999 WHERE id = (SELECT slot_id FROM dated_containers WHERE id = "+nth("3")+")",
		"UPDATE products SET length_mm = 1, width_mm = 1, height_mm = 1, no_stacking = TRUE")
	kinds := map[check.Kind]bool{}
	for _, f := range findings(t, h) {
		kinds[f.Kind] = true
	}
	for _, k := range []check.Kind{check.StillHolds, check.OutOfService, check.StaleCopy, check.FrozenHold, check.OverFloor} {
		require.Contains(t, kinds, k)
	}
	body := get(h, "/check?lang=ja", h.Token(t, people.Dispatcher)).Body.String()
	body = body[strings.Index(body, `<ul class="findings">`):]
	shown := regexp.MustCompile(`(?s)<p class="(?:told|facts|do)">(.*?)</p>|<small>(.*?)</small>|<ins>(.*?)</ins>|<del>(.*?)</del>`).
		FindAllStringSubmatch(body, -1)
	require.NotEmpty(t, shown)
	bare := strings.NewReplacer("water damage", "", "refrigerated", "", "precooled", "", "chilled", "", "frozen", "", "ambient", "") // data
	for _, m := range shown {
		text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(strings.Join(m[1:], ""), " ")
		text = regexp.MustCompile(`[\w.-]*[0-9@/=][\w.@/=:-]*|\bm[lm]²?`).ReplaceAllString(text, "") // ids, times, units
		require.NotRegexp(t, `[a-z]{2,}`, bare.Replace(text), "in %q", m[0])
	}
}

func orderOf(t *testing.T, h *apitest.Hub) string {
	for _, f := range findings(t, h) {
		if f.Kind == check.StillHolds {
			return f.Subject
		}
	}
	t.Fatal("no cancelled order was found")
	return ""
}

func TestInABrowserTheCheckPageAndBrokenRowsOnPaperFitAPhone(t *testing.T) {
	h := brokenHub(t)
	tab, complaints := browser(t)
	address := serve(t, h)
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang=en&code="+h.Code(t, people.Admin)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `document.querySelector(".tabs") !== null`)
	for _, view := range []struct {
		name, path string
		width      int64
	}{{"check-phone", "/check", 390}, {"check-phone-ja", "/check?lang=ja", 390}, {"check-desk-ja", "/check", 1280},
		{"check-desk", "/check?lang=en", 1280}, {"sheet-phone", "/sheet?route=route-01", 390}, {"sheet-desk", "/sheet?route=route-02", 1280},
		{"sheet-phone-ja", "/sheet?route=route-02&lang=ja", 390}, {"packing-phone-ja", "/packing?shop=shop-1", 390},
		{"packing-desk", "/packing?shop=shop-2&lang=en", 1280}} {
		require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(view.width, 844), chromedp.Navigate(address+view.path)))
		wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
		require.NoError(t, err)
		require.False(t, wide, "no sideways scrolling: %s", view.name)
		if dir := os.Getenv("MEGURI_SCREENSHOTS"); dir != "" {
			png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, view.name+".png"), png, 0o600))
		}
	}
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/check?lang=en"), chromedp.Click(chromedp.CSS(".repair button"))))
	appears(t, tab, `location.search === "?done=1" && document.body.textContent.includes("Repaired.")`)
	for _, said := range complaints() {
		require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
	}
}
