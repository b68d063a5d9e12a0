package api

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

func TestOnlyAProxyThatIsNamedIsBelieved(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/64")}
	for _, c := range []struct {
		remote, forwarded string
		proxies           []netip.Prefix
		address           string
		secure            bool
	}{
		{"192.0.2.1:1234", "198.51.100.7", proxies, "198.51.100.7", true},
		{"[2001:db8::1]:1234", "198.51.100.7", proxies, "198.51.100.7", true},
		{"192.0.2.1:1234", "203.0.113.9, 198.51.100.7, 192.0.2.2", proxies, "198.51.100.7", true},
		{"192.0.2.1:1234", "", proxies, "192.0.2.1", true},
		{"198.51.100.8:1234", "203.0.113.9", proxies, "198.51.100.8", false},
		{"127.0.0.1:1234", "203.0.113.9", proxies, "127.0.0.1", false},
		{"10.0.0.1:1234", "203.0.113.9", proxies, "10.0.0.1", false},
		{"192.0.2.1:1234", "203.0.113.9", nil, "192.0.2.1", false},
	} {
		a := &API{Config: Config{Proxies: c.proxies}}
		e := echo.New()
		e.IPExtractor = a.addressOf()
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-Proto", "https")
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		ctx := e.NewContext(r, httptest.NewRecorder())
		require.Equal(t, c.address, ctx.RealIP(), c)
		require.Equal(t, c.secure, a.Secure(ctx), c)
		require.Equal(t, c.secure, a.cookie(ctx, "x", "y", time.Time{}).Secure, c)
	}
}

func TestItIsSaidOnceThatSomebodyForwardsWhoIsNotTrusted(t *testing.T) {
	var log bytes.Buffer
	a := &API{Config: Config{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	ask := func(remote, forwarded string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		served := false
		require.NoError(t, a.forwarded(func(echo.Context) error { served = true; return nil })(echo.New().NewContext(r, httptest.NewRecorder())))
		require.True(t, served)
	}
	ask("192.0.2.1:1234", "198.51.100.7")
	ask("10.0.0.1:1234", "")
	require.Empty(t, log.String())
	ask("10.0.0.1:1234", "198.51.100.7")
	ask("10.0.0.2:1234", "198.51.100.7")
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "--trust-proxy")
	require.Contains(t, log.String(), "from=10.0.0.1:1234")
}
