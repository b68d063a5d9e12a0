package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

func TestADevicesPageSaysWhatIsMissingAndWhy(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Ledger(t)
	token := h.Token(t, people.Quality)
	body := get(h, "/devices/"+apitest.LedgerDevice+"?lang=en", token).Body.String()
	for _, words := range []string{"Last 24 hours", "Last 7 days", "Received", "Sensor fault", "Thinned by the device", "Power cut before it was stored",
		"Lost: storage damaged", "Lost: storage replaced", "Lost: device no longer has it", "Received, unreadable", "Not arrived yet", "Device off",
		`<pattern id="p-thinned"`, `fill="url(#p-thinned)"`, `role="img" aria-label="Last 7 days: Received`, "stopped in order", "sensor missing"} {
		require.Contains(t, body, words)
	}
	require.NotContains(t, body, "style=", "the content policy refuses it")
	require.Contains(t, get(h, "/devices/"+apitest.LedgerDevice+"?lang=ja", token).Body.String(), "機器が間引き")

	one := get(h, "/devices/"+apitest.LedgerDevice+"?lang=en&sensor=loc-001-fridge-2/back", token).Body.String()
	require.NotContains(t, one, "Sensor fault", "that is the other sensor's")
	require.Contains(t, one, "Thinned by the device")
	require.Equal(t, 404, get(h, "/devices/none", token).Code)

	list := get(h, "/devices?lang=en", token).Body.String()
	require.Regexp(t, apitest.LedgerDevice+`(?s).*?\d+\.\d %.*?Lost`, list)
	require.NotContains(t, get(h, "/devices?after="+apitest.LedgerDevice, token).Body.String(), apitest.LedgerDevice+"</b>")
}

func TestInABrowserTheStripFitsAPhoneAndIsTold(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Ledger(t)
	tab, complaints := browser(t)
	address := serve(t, h)
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(address+"/login?lang=en&code="+h.Code(t, people.Admin)), chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `document.querySelector(".tabs") !== null`)
	for _, view := range []struct {
		name, path string
		width      int64
	}{{"phone", "/devices/" + apitest.LedgerDevice, 390}, {"phone-ja", "/devices/" + apitest.LedgerDevice + "?lang=ja", 390},
		{"desk", "/devices/" + apitest.LedgerDevice + "?lang=en", 1280}, {"list", "/devices", 390}, {"list-desk", "/devices", 1280}} {
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
	for _, said := range complaints() {
		require.False(t, strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
	}
}
