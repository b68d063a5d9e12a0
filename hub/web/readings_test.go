package web_test

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

const longSensor = "loc-001-fridge-1/air"

// longStation adds a year of a fridge's air until apitest.Now, an hour in a record: it swings, is warm for a day, is off for three weeks
// in summer, and its sensor fails for a day.
func longStation(t *testing.T, h *apitest.Hub) {
	t.Helper()
	gaps := make([]int64, 59)
	for i := range gaps {
		gaps[i] = 60_000
	}
	begun := apitest.Now.Add(-365 * 24 * time.Hour)
	ctx, number := t.Context(), uint64(0)
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		if err := tx.AddDevice(ctx, fleet.Device{ID: "station-long", Place: "loc-001", Role: fleet.Station, AddedAt: begun}); err != nil {
			return err
		}
		if err := tx.SaveDeviceLog(ctx, "station-long", fleet.Log{Incarnation: "long", Log: uint8(protocol.Readings), Next: 1, State: fleet.Current}); err != nil {
			return err
		}
		for hour := range 365*24 - 30 {
			at := begun.Add(time.Duration(hour+1) * time.Hour)
			day := hour / 24
			if day > 200 && day < 222 {
				continue
			}
			number++
			values := make([]int64, 60)
			for i := range values {
				values[i] = int64(i%31)*100 - int64((i+59)%31)*100
			}
			values[0] = 3000
			if day == 100 {
				values[0] = 9000
			}
			last := int64(0)
			for _, v := range values {
				last += v
			}
			var faults []protocol.RoundFault
			row := store.ReadingRow{Number: number, Boot: 1, Mono: int64(hour) * 3_600_000, Dated: fleet.Dated{At: at}, Sensor: longSensor, MilliC: last,
				Span: 59 * time.Minute, Samples: 60}
			if day == 300 {
				for i := range 60 {
					faults = append(faults, protocol.RoundFault{Round: uint16(i), Fault: protocol.SensorMissing})
				}
				row.MilliC, row.Fault, row.Faults = 0, uint8(protocol.SensorMissing), 60
			}
			row.Earlier = store.AppendEarlier(nil, gaps, values, faults, 0)
			if err := tx.AddReadings(ctx, "station-long", "long", at, []store.ReadingRow{row}); err != nil {
				return err
			}
		}
		return nil
	}))
	did, err := h.Store.PackReadings(ctx, store.PackingAt(apitest.Now))
	require.NoError(t, err)
	require.Greater(t, did.Blocks, 10)
}

func TestInABrowserAYearOfASensorIsSeenWithItsGapsAndLimitsAndOneZoomsIn(t *testing.T) {
	h := open(t)
	h.Day(t)
	longStation(t, h)
	tab, complaints := browser(t)
	address := serve(t, h)
	look := func(name string) {
		if dir := os.Getenv("MEGURI_SCREENSHOTS"); dir != "" {
			png, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(dir+"/"+name+".png", png, 0o600))
		}
	}
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang=ja&code="+h.Code(t, people.Quality)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `!location.pathname.startsWith("/login")`)
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/readings?span=year&sensor="+url.QueryEscape(longSensor))))
	appears(t, tab, `document.querySelector(".longplot path.area") !== null`)
	require.Contains(t, text(t, tab, ".spans [aria-current]"), "1年")
	for _, holds := range []string{
		`document.querySelectorAll(".longplot .limit").length === 1`,
		`[...document.querySelectorAll(".longplot .hole")].some(r => r.width.baseVal.value > 50 && r.width.baseVal.value < 65)`, // three weeks
		`document.querySelectorAll(".longplot .faulty").length >= 1`,
		`document.querySelector(".longplot path.area").getAttribute("d").split("M").length >= 3`, // the line is broken
		`document.documentElement.scrollWidth <= innerWidth`,
	} {
		appears(t, tab, holds)
	}
	look("year-ja-phone")
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS(`.spans a[href*="span=month"]`))))
	appears(t, tab, `location.search.includes("span=month") && document.querySelector(".spans [aria-current]").textContent === "1か月"`)
	look("month-ja-phone")
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(1200, 900), chromedp.Navigate(address+"/readings?lang=en&span=year&sensor="+url.QueryEscape(longSensor))))
	appears(t, tab, `document.querySelector(".spans [aria-current]").textContent === "Year"`)
	look("year-en")
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS(`.along a`))))
	appears(t, tab, `document.querySelectorAll(".along a").length === 2`)
	require.Empty(t, complaints())
}
