package web_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
)

// cut takes the power of a station with two fridges, of which one is warm after a while.
func cut(t *testing.T, h *apitest.Hub) {
	t.Helper()
	ctx, at := t.Context(), apitest.Now.Add(-40*time.Minute)
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.RaiseAlarm(ctx, "power-1", alarm.Power, "loc-001", "", at),
			tx.RaiseAlarm(ctx, "mains-1", alarm.Mains, "loc-001-fridge-1", "", at),
			tx.RaiseAlarm(ctx, "mains-2", alarm.Mains, "loc-001-fridge-2", "", at),
			tx.RaiseAlarm(ctx, "warm-1", "temperature", "loc-001-fridge-1/air", "8.4 °C, limit 8.0 °C", apitest.Now))
	}))
}

func TestOnePowerCutIsOneAlarmOnBoardAndListWithItsConsequencesUnderIt(t *testing.T) {
	h := open(t)
	h.Day(t)
	cut(t, h)
	token := h.Token(t, people.Dispatcher)
	for _, path := range []string{"/?lang=en", "/alarms?lang=en", "/locations/loc-001?lang=en"} {
		body := get(h, path, token).Body.String()
		require.Equal(t, 1, strings.Count(body, ">Power is out at the station<"), path)
		require.NotContains(t, body, `href="/alarms/mains-1"`, path)
		require.NotContains(t, body, `href="/alarms/warm-1"`, path)
	}
	page := get(h, "/alarms/power-1?lang=en", token).Body.String()
	for _, want := range []string{`href="/alarms/mains-1"`, `href="/alarms/mains-2"`, `href="/alarms/warm-1"`, "reaches its limit in about",
		"Keep the doors shut", "Dispatcher", "The fridges warm up"} {
		require.Contains(t, page, want)
	}
	require.Contains(t, get(h, "/alarms/warm-1?lang=ja", token).Body.String(), `href="/alarms/power-1"`)
}

func TestOnlyWhoMayAnswerGetsTheButtonsAndARefusalIsTold(t *testing.T) {
	h := open(t)
	h.Day(t)
	warehouse, dispatcher, quality := h.Token(t, people.Warehouse), h.Token(t, people.Dispatcher), h.Token(t, people.Quality)
	see := get(h, "/alarms/alarm-1?lang=en", warehouse)
	require.Equal(t, 200, see.Code)
	require.NotContains(t, see.Body.String(), "<button")
	require.Equal(t, 403, post(h, "/alarms/alarm-1/acknowledge", warehouse, url.Values{"revision": {"1"}}).Code)
	require.Equal(t, 403, post(h, "/alarms/alarm-1/confirm", dispatcher, url.Values{"revision": {"1"}}).Code)

	w := post(h, "/alarms/alarm-1/acknowledge?lang=en", dispatcher, url.Values{"revision": {"7"}})
	require.Equal(t, 409, w.Code)
	require.Contains(t, w.Body.String(), "judged anew meanwhile")
	require.Equal(t, 303, post(h, "/alarms/alarm-1/acknowledge", dispatcher, url.Values{"revision": {"1"}}).Code)
	w = post(h, "/alarms/alarm-1/acknowledge?lang=en", quality, url.Values{"revision": {"1"}})
	require.Equal(t, 409, w.Code)
	require.Contains(t, w.Body.String(), "Somebody has done that already")
	require.NotContains(t, get(h, "/alarms/alarm-1", dispatcher).Body.String(), `id="confirm"`)
	require.Equal(t, 303, post(h, "/alarms/alarm-1/confirm", quality, url.Values{"revision": {"1"}}).Code)
	w = post(h, "/alarms/alarm-1/shelve?lang=en", dispatcher, url.Values{"minutes": {"60"}})
	require.Equal(t, 422, w.Code)
	require.Contains(t, w.Body.String(), "A reason is wanted")
	require.Equal(t, 303, post(h, "/alarms/alarm-1/shelve", dispatcher, url.Values{"minutes": {"once"}, "reason": {"driver is there"}}).Code)
	body := get(h, "/alarms/alarm-1?lang=en", dispatcher).Body.String()
	require.Contains(t, body, "Shelved by")
	require.Contains(t, body, "or until it clears")
	require.NotContains(t, get(h, "/?lang=en", dispatcher).Body.String(), `href="/alarms/alarm-1"`, "what is put aside is not on the board")
	require.Equal(t, 303, post(h, "/alarms/alarm-1/unshelve", dispatcher, url.Values{}).Code)
	require.Equal(t, 404, post(h, "/alarms/none/acknowledge", dispatcher, url.Values{"revision": {"1"}}).Code)
	require.Contains(t, get(h, "/alarms?lang=en", dispatcher).Body.String(), "Nobody is told by mail or webhook")
}

func TestPositionsAreTakenOutOfServiceOnThePage(t *testing.T) {
	h := open(t)
	h.Day(t)
	cut(t, h)
	kitting, support := h.Token(t, people.Kitting), h.Token(t, people.Support)
	require.Contains(t, get(h, "/?lang=en", kitting).Body.String(), `href="/alarms/power-1"`)
	form := url.Values{"position": {"loc-001"}, "hours": {"2"}, "reason": {"new compressor"}}
	require.Equal(t, 403, post(h, "/maintenance", support, form).Code)
	for wrong, want := range map[string]string{"hours=400": "Between one minute and 14 days", "reason=": "A reason is wanted",
		"position=loc-999": "There is no position loc-999"} {
		bad, _ := url.ParseQuery(form.Encode())
		key, value, _ := strings.Cut(wrong, "=")
		bad.Set(key, value)
		w := post(h, "/maintenance?lang=en", kitting, bad)
		require.GreaterOrEqual(t, w.Code, 400, wrong)
		require.Contains(t, w.Body.String(), want)
	}
	require.Equal(t, 303, post(h, "/maintenance", kitting, form).Code)
	page := get(h, "/alarms?lang=en", support).Body.String()
	require.Contains(t, page, "new compressor")
	require.NotContains(t, get(h, "/?lang=en", kitting).Body.String(), `href="/alarms/power-1"`, "it calls nobody")
	require.NotContains(t, page, `action="/maintenance"`, "to see is not to do")
	require.Contains(t, get(h, "/alarms?lang=ja", kitting).Body.String(), "保守を終える")
	require.Equal(t, 303, post(h, "/maintenance", kitting, url.Values{"do": {"end"}, "position": {"loc-001"}}).Code)
	require.Equal(t, 303, post(h, "/maintenance", kitting, url.Values{"do": {"end"}, "position": {"loc-001"}}).Code, "it is back already")
	require.NotContains(t, get(h, "/alarms?lang=en", support).Body.String(), "new compressor")
}

// One who answers alarms needs nothing but the page and a thumb.
func TestInABrowserAnAlarmIsAnsweredOnAPhoneInBothLanguages(t *testing.T) {
	h := open(t)
	h.Day(t)
	cut(t, h)
	ctx := t.Context()
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		if _, err := tx.ChangeAlarm(ctx, "alarm-1", func(a alarm.Alarm) (alarm.Alarm, alarm.Transition, error) {
			return a.Acknowledge("console", 1, apitest.Now)
		}); err != nil {
			return err
		}
		return tx.ReviseAlarm(ctx, "alarm-1", "11.2 °C, limit 8.0 °C", apitest.Now.Add(-2*time.Hour), time.Time{}, apitest.Now)
	}))
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		return tx.TakeOutOfService(ctx, alarm.Service{ID: "m-1", Position: "loc-002-fridge-1", By: "console", Reason: "a new compressor is fitted",
			From: apitest.Now, Until: apitest.Now.Add(2 * time.Hour)})
	}))
	tab, complaints := browser(t)
	address := serve(t, h)
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang=en&code="+h.Code(t, people.Quality)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `document.querySelector(".tabs") !== null`)
	for _, view := range []struct {
		name, path string
		width      int64
	}{{"alarms-phone", "/alarms", 390}, {"alarms-phone-ja", "/alarms?lang=ja", 390}, {"alarms-desk-ja", "/alarms?show=all", 1280},
		{"alarm-phone-ja", "/alarms/power-1", 390}, {"alarm-desk", "/alarms/power-1?lang=en", 1280}, {"alarm-phone", "/alarms/alarm-1", 390},
		{"board-phone", "/", 390}, {"alarms-desk", "/alarms", 1280}} {
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
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844), chromedp.Navigate(address+"/alarms/alarm-1")))
	small, err := chromedp.Run(tab, chromedp.Evaluate[bool](`[...document.querySelectorAll(".answers button, .answers select, .answers input:not([type=hidden])")].some(b => b.offsetHeight < 48)`))
	require.NoError(t, err)
	require.False(t, small, "large enough for a thumb")
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS("#acknowledge"))))
	appears(t, tab, `document.getElementById("state").textContent === "Acknowledged" && document.getElementById("revisions") !== null`)
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS("#confirm"))))
	appears(t, tab, `document.body.textContent.includes("Confirmed by")`)
	for _, said := range complaints() {
		require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
	}
}

// told is a detail in two languages.
var told = alarm.Say(alarm.Text{EN: "as it is told in English", JA: "日本語での説明"})

func TestWhatAnAlarmOrAPieceOfWorkSaysIsInTheReadersLanguage(t *testing.T) {
	h := open(t)
	h.Day(t)
	token := h.Token(t, people.Dispatcher)
	var pages []string
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		for _, kind := range []string{alarm.DarkOpening, alarm.Leftover, alarm.Calibration, alarm.Overdue, alarm.Sensor, "quality_hold", "temperature"} {
			if err := tx.RaiseAlarm(t.Context(), "told-"+kind, kind, "loc-001-fridge-1", told, apitest.Now); err != nil {
				return err
			}
			pages = append(pages, "/alarms/told-"+kind)
		}
		return tx.OpenWork(t.Context(), "told", "recall", "order-0001", string(told), apitest.Now)
	}))
	for _, page := range append(pages, "/", "/alarms", "/work-items") {
		ja, en := get(h, page+"?lang=ja", token).Body.String(), get(h, page+"?lang=en", token).Body.String()
		require.True(t, strings.Contains(ja, "日本語での説明") && !strings.Contains(ja, "as it is told"), page)
		require.True(t, strings.Contains(en, "as it is told in English") && !strings.Contains(en, "日本語での説明"), page)
	}
}

func TestWhyGoodsAreHeldIsToldToTheirCustomersInTheReadersLanguage(t *testing.T) {
	h := open(t)
	h.Day(t)
	token := h.Token(t, people.Dispatcher)
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		return tx.AddNotice(t.Context(), store.Notice{OrderID: "order-0001", Kind: store.NoticeHeld, MadeAt: apitest.Now,
			Parameters: store.NoticeParameters{Reason: told}})
	}))
	require.True(t, strings.Contains(get(h, "/orders/order-0001?lang=ja", token).Body.String(), "（日本語での説明）"))
	require.True(t, strings.Contains(get(h, "/orders/order-0001?lang=en", token).Body.String(), "(as it is told in English)"))
}
