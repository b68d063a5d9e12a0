package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"meguri/hub/people"
)

// companyLogin is the name of the company's own login; empty where there is none.
func (w *Web) companyLogin() string {
	if w.Company == nil {
		return ""
	}
	return w.Company.Name()
}

// beginCompany sends the browser to the company's login. It is a link and no form: browsers let no form of ours lead elsewhere.
func (w *Web) beginCompany(c echo.Context) error {
	to, err := w.BeginCompany(c, c.QueryParam("again") != "")
	if text, status := refusedByCompany(chooseLang(c), err); text != "" {
		w.Logger.Warn("the company's login cannot be reached", "error", err)
		return w.showLogin(c, status, loginView{Wrong: text})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// endCompany lets in whom the company's login has sent back.
func (w *Web) endCompany(c echo.Context) error {
	in, err := w.EndCompany(c)
	if text, status := refusedByCompany(chooseLang(c), err); text != "" {
		w.Logger.Warn("somebody was not let in by the company's login", "error", err)
		return w.showLogin(c, status, loginView{Wrong: text})
	}
	if err != nil {
		return err
	}
	if !in.Session.Whole {
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	return c.Redirect(http.StatusSeeOther, w.afterLogin(c.Request().Context(), in.Person))
}

// refusedByCompany is what the page says of a sign-in that did not work; empty for another error, or none.
func refusedByCompany(l lang, err error) (text string, status int) {
	var field *people.FieldError
	switch {
	case errors.Is(err, people.ErrCompanyDown):
		return l.text("company.down"), http.StatusServiceUnavailable
	case errors.Is(err, people.ErrCompany):
		return l.text("company.refused"), http.StatusForbidden
	case errors.Is(err, people.ErrState):
		return l.text("company.state"), http.StatusForbidden
	case errors.Is(err, people.ErrGroup):
		return l.text("company.group"), http.StatusForbidden
	case errors.Is(err, people.ErrNoPerson):
		return l.text("company.removed"), http.StatusForbidden
	case errors.As(err, &field):
		return l.text("company.place", field.Want), http.StatusForbidden
	}
	return "", 0
}
