package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/people"
)

// passkeysHere says whether this page was asked for where passkeys are taken, and the address at which they are: a browser makes and shows
// them for one address only.
type passkeysHere struct {
	Here bool
	At   string // empty for a hub that takes none
}

func (w *Web) passkeysFor(c echo.Context) passkeysHere {
	if w.People.Keys == nil {
		return passkeysHere{}
	}
	at := w.People.Keys.Address()
	return passkeysHere{w.Origin(c) == at, at}
}

// loginOptions and passkeyOptions are asked for by the page's script when somebody presses the button: what a page brings with it is too
// old by then.
func (w *Web) loginOptions(c echo.Context) error { return w.PasskeyOptions(c, "login") }

func (w *Web) passkeyOptions(c echo.Context) error {
	if to := c.QueryParam("to"); to == "create" || to == "confirm" {
		return w.PasskeyOptions(c, to)
	}
	return echo.ErrBadRequest
}

// changePasskeys adds, names and removes passkeys of who asks.
func (w *Web) changePasskeys(c echo.Context) (err error) {
	ctx, token, now, l := c.Request().Context(), api.Token(c), w.RealNow(), chooseLang(c)
	id, name := c.FormValue("id"), c.FormValue("name")
	switch c.FormValue("do") {
	case "add":
		if token, err = w.People.AddPasskey(ctx, token, name, c.FormValue("passkey"), now); err == nil {
			err = w.GoOn(c, token)
		}
	case "rename":
		err = w.People.RenamePasskey(ctx, token, id, name, now)
	case "remove":
		err = w.People.RemovePasskey(ctx, token, id, now)
	default:
		return echo.ErrBadRequest
	}
	var field *people.FieldError
	switch {
	case errors.As(err, &field):
		return w.showAccount(c, http.StatusUnprocessableEntity, accountView{Field: "passkey", Wrong: l.text("account.err.passkey", people.MaxPasskeys)})
	case errors.Is(err, people.ErrLastMeans):
		return w.showAccount(c, http.StatusConflict, accountView{Field: "passkey", Wrong: l.text("account.err.last")})
	}
	if text, status := wrongProof(l, err); text != "" {
		w.Logger.Debug("passkey refused", "person", api.Who(c).ID, "error", err)
		return w.showAccount(c, status, accountView{Field: "passkey", Wrong: text})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/account#passkeys")
}

// registerEntry adds the routes of passkeys and of the company's login.
func (w *Web) registerEntry(e *echo.Echo) {
	e.GET("/login/passkey", w.loginOptions)
	e.GET("/account/passkey", w.passkeyOptions)
	e.POST("/account/passkeys", w.changePasskeys)
	e.GET("/login/company", w.beginCompany)
	e.GET("/login/company/back", w.endCompany)
}
