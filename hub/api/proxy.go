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

// Secure says whether who asks reached the hub, or a proxy that is believed, over TLS.
func (a *API) Secure(c echo.Context) bool {
	if a.TLS || c.Request().TLS != nil {
		return true
	}
	from, err := netip.ParseAddrPort(c.Request().RemoteAddr)
	if err != nil || c.Request().Header.Get(echo.HeaderXForwardedProto) != "https" {
		return false
	}
	for _, p := range a.Proxies {
		if p.Contains(from.Addr().Unmap()) {
			return true
		}
	}
	return false
}
