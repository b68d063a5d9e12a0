package web_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/people"
)

var _ cdp.NodeID

func TestShots(t *testing.T) {
	h := open(t)
	h.Day(t)
	srv := httptest.NewServer(h.Echo)
	defer srv.Close()
	token := h.Token(t, people.Admin)
	driver := h.Token(t, people.Driver)
	actx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath("/usr/bin/chromium"), chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("hide-scrollbars", true))
	defer cancel()
	ctx, cancel2 := chromedp.NewContext(actx)
	defer cancel2()
	only := os.Getenv("SHOTS")
	for _, s := range []struct{ name, path, token string }{
		{"board", "/?lang=en", token}, {"board-ja", "/?lang=ja", token}, {"location", "/locations/loc-002?lang=en", token},
		{"location-ja", "/locations/loc-001?lang=ja", token},
		{"packing", "/packing?lang=en&date=2026-12-01&shop=shop-2", token}, {"packchoose", "/packing?lang=ja", token},
		{"sheet", "/sheet?lang=en&date=2026-12-01&route=route-01", driver}, {"sheet-late", "/sheet?lang=ja&date=2026-12-01&route=route-02", token},
		{"order", "/orders/order-0005?lang=en", token}, {"order-refused", "/orders/order-refused?lang=ja", token},
		{"work", "/work?lang=en", token}, {"people", "/people?lang=en", token}, {"login", "/login?code=abc&lang=en", ""}, {"login-bad", "/login?lang=ja", ""},
		{"me", "/me?lang=ja", driver}, {"e404", "/orders/none?lang=en", token},
	} {
		if only != "" && !strings.Contains(","+only+",", ","+s.name+",") {
			continue
		}
		for _, width := range []int64{1280, 390} {
			_, err := chromedp.Call(ctx, network.ClearBrowserCookies, cdp.Empty{})
			require.NoError(t, err)
			if s.token != "" {
				_, err = chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: "meguri_session", Value: s.token, URL: srv.URL})
				require.NoError(t, err)
			}
			if os.Getenv("DARK") != "" {
				_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
				require.NoError(t, err)
			}
			if os.Getenv("PRINT") != "" {
				_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
				require.NoError(t, err)
			}
			require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 844), chromedp.Navigate(srv.URL+s.path), chromedp.Sleep(900*time.Millisecond)))
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(fmt.Sprintf("/tmp/shots/%s-%d.png", s.name, width), png, 0o644))
		}
	}
}
