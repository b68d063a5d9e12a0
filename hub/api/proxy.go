package api

import (
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"
)

// addressOf gives what tells the address of who asks. Behind proxies it is the last in X-Forwarded-For that is none of them: what
// stands before it anybody may have written, and an address that is made up would be a new one for each guess at a password.
func (a *API) addressOf() echo.IPExtractor {
	if len(a.Proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range a.Proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// forwarded says once that somebody forwards requests who is not believed: behind a proxy that nobody has named all people have one
// address, and guesses of one keep out all.
func (a *API) forwarded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := c.Request(); r.Header.Get(echo.HeaderXForwardedFor) != "" && !a.trusted(r.RemoteAddr) {
			a.warned.Do(func() {
				a.Logger.Warn("a request with X-Forwarded-For came from an address that is not trusted, so the header is not believed: if that is a proxy of yours, name it with --trust-proxy",
					"from", r.RemoteAddr)
			})
		}
		return next(c)
	}
}

// trusted says whether a connection is a proxy's.
func (a *API) trusted(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range a.Proxies {
		if p.Contains(from.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// Secure says whether who asks reached the hub, or a proxy that is believed, over TLS.
func (a *API) Secure(c echo.Context) bool {
	if a.TLS || c.Request().TLS != nil {
		return true
	}
	return c.Request().Header.Get(echo.HeaderXForwardedProto) == "https" && a.trusted(c.Request().RemoteAddr)
}
