package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/people"
)

// browserName is the cookie that challenges are bound to before there is a session. It lets nobody in.
const (
	browserName  = "meguri_browser"
	browserKeeps = 24 * time.Hour
)

// browserOf is the secret of a browser that has no session; empty for one that was given none.
func browserOf(c echo.Context) string {
	if cookie, err := c.Cookie(browserName); err == nil && len(cookie.Value) <= 100 {
		return cookie.Value
	}
	return ""
}

// Browser is the secret of a browser that has no session, which it is given when it has none.
func (a *API) Browser(c echo.Context) string {
	if b := browserOf(c); b != "" {
		return b
	}
	b := people.NewBrowser()
	c.SetCookie(a.cookie(c, browserName, b, a.RealNow().Add(browserKeeps)))
	return b
}

// Origin is where who asks has reached the hub, as browsers say it.
func (a *API) Origin(c echo.Context) string {
	if a.Secure(c) {
		return "https://" + c.Request().Host
	}
	return "http://" + c.Request().Host
}

// PasskeyOptions is what a browser is told to make or ask for a passkey: to "login", "confirm" or "create".
func (a *API) PasskeyOptions(c echo.Context, to string) error {
	var options []byte
	var err error
	ctx := c.Request().Context()
	switch to {
	case "login":
		options, err = a.People.LoginOptions(a.Browser(c), a.RealNow())
	case "confirm":
		options, err = a.People.ConfirmOptions(ctx, Token(c), a.RealNow())
	case "create":
		options, err = a.People.CreateOptions(ctx, Token(c), a.RealNow())
	default:
		return echo.ErrBadRequest
	}
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, options)
}
