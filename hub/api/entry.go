package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
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
func (a *API) browserOf(c echo.Context) string {
	if cookie, err := c.Cookie(a.cookieNamed(c, browserName)); err == nil && len(cookie.Value) <= 100 {
		return cookie.Value
	}
	return ""
}

// Browser is the secret of a browser that has no session, which it is given when it has none.
func (a *API) Browser(c echo.Context) string {
	if b := a.browserOf(c); b != "" {
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

// SessionBy is how the session of who asks began.
func SessionBy(c echo.Context) people.Means { return sessionOf(c).By }

// Company signs people in by a company's own login.
type Company interface {
	// Name is what the button says.
	Name() string
	// Begin gives the address where the person is asked who they are, and what the browser is to keep for End. again makes sure of them anew.
	Begin(ctx context.Context, again bool) (to string, keep []byte, err error)
	// End takes what the browser was sent back with, and says who it is.
	End(ctx context.Context, keep []byte, query url.Values) (people.Company, error)
}

// companyCookie is the cookie of a sign-in by the company's login that has begun; it is sealed.
const (
	companyCookie = "meguri_company"
	companySeal   = "sign-in by the company"
)

// BeginCompany gives the address of the company's login for a new sign-in of this browser.
func (a *API) BeginCompany(c echo.Context, again bool) (to string, err error) {
	switch {
	case a.Company == nil:
		return "", echo.ErrNotFound
	case a.People.Vault == nil:
		return "", people.ErrNoKey
	}
	to, keep, err := a.Company.Begin(c.Request().Context(), again)
	if err != nil {
		return "", err
	}
	sealed := base64.RawURLEncoding.EncodeToString(a.People.Vault.Seal(keep, companySeal))
	c.SetCookie(a.cookie(c, companyCookie, sealed, a.RealNow().Add(people.CompanyFor)))
	return to, nil
}

// EndCompany lets in whom the company's login has sent back, if this browser began it.
func (a *API) EndCompany(c echo.Context) (people.In, error) {
	if a.Company == nil || a.People.Vault == nil {
		return people.In{}, echo.ErrNotFound
	}
	cookie, err := c.Cookie(a.cookieNamed(c, companyCookie))
	if err != nil {
		return people.In{}, people.ErrState
	}
	gone := a.cookie(c, companyCookie, "", time.Time{})
	gone.MaxAge = -1
	c.SetCookie(gone)
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return people.In{}, people.ErrState
	}
	keep, err := a.People.Vault.Open(sealed, companySeal)
	if err != nil {
		return people.In{}, people.ErrState
	}
	who, err := a.Company.End(c.Request().Context(), keep, c.QueryParams())
	if err != nil {
		return people.In{}, err
	}
	in, err := a.People.CompanyLogin(c.Request().Context(), who, a.from(c), a.RealNow())
	if err == nil {
		a.keep(c, in)
	}
	return in, err
}
