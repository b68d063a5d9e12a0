package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/people"
)

// accountView is what lets a person in, and where they are logged in.
type accountView struct {
	people.Has
	Whole    bool // no second factor is owed
	Must     bool // the role needs one
	May      bool // change it now
	Sessions []people.Session
	This     string // id of the session that asks
	Enrol    *people.Enrolment
	Recovery []string // shown once
	Present  bool     // a new password asks for the present one
	Old      bool     // nothing to show yet, and the link was used too long ago
	Field    string
	Wrong    string
	Login    string // as it was given
	Keys     passkeysHere
	Mine     []people.Passkey
	Idle     time.Duration // after it a session ends that nobody uses, and
	Absolute time.Duration // any
	Company  string        // name of the company's login, for who came by it
}

func (w *Web) account(c echo.Context) error { return w.showAccount(c, http.StatusOK, accountView{}) }

func (w *Web) showAccount(c echo.Context, status int, v accountView) (err error) {
	ctx, who, now := c.Request().Context(), w.Caller(c), w.RealNow()
	if v.Has, err = w.People.Has(ctx, who.ID); err != nil {
		return err
	}
	v.Whole, v.Must = who.Whole, who.Role.NeedsSecond()
	v.Present, err = w.People.MayChange(ctx, api.Token(c), now)
	v.May, v.Old = err == nil, errors.Is(err, people.ErrOldLink)
	if err != nil && !v.Old && !errors.Is(err, people.ErrConfirm) && !errors.Is(err, people.ErrSecond) {
		return err
	}
	if who.Whole {
		if v.Sessions, err = w.People.Sessions(ctx, who.ID, now); err != nil {
			return err
		}
	}
	if v.Mine, err = w.People.Passkeys(ctx, who.ID); err != nil {
		return err
	}
	if api.SessionBy(c) == people.ByCompany {
		v.Company = w.companyLogin()
	}
	v.Idle, v.Absolute = people.IdleEnd, people.AbsoluteEnd
	v.Keys, v.This = w.passkeysFor(c), api.SessionID(c)
	if v.Login == "" {
		v.Login = v.Has.Login
	}
	return w.render(c, status, "account", chooseLang(c).text("account.title"), "", v)
}

// confirmAccount has nothing left to do: the proof of a form is taken before its handler.
func (w *Web) confirmAccount(c echo.Context) error {
	if c.FormValue("then") == "home" {
		return c.Redirect(http.StatusSeeOther, w.afterLogin(c.Request().Context(), api.Who(c)))
	}
	return c.Redirect(http.StatusSeeOther, "/account")
}

func (w *Web) setPassword(c echo.Context) error {
	login := c.FormValue("login")
	err := w.People.SetPassword(c.Request().Context(), api.Token(c), c.FormValue("present"), login, c.FormValue("password"), w.RealNow())
	var field *people.FieldError
	if errors.Is(err, people.ErrPassword) {
		return w.showAccount(c, http.StatusForbidden, accountView{Field: "present", Login: login, Wrong: chooseLang(c).text("account.err.present")})
	}
	if text, status := wrongProof(chooseLang(c), err); text != "" {
		return w.showAccount(c, status, accountView{Field: "present", Login: login, Wrong: text})
	}
	switch l := chooseLang(c); {
	case errors.As(err, &field):
		return w.showAccount(c, http.StatusUnprocessableEntity, accountView{Field: field.Field, Login: login, Wrong: l.text("account.err." + field.Field)})
	case errors.Is(err, people.ErrLoginTaken):
		return w.showAccount(c, http.StatusConflict, accountView{Field: "login", Login: login, Wrong: l.text("account.err.taken")})
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/account")
}

// enrol shows a new secret for the authenticator, and takes its first code.
func (w *Web) enrol(c echo.Context) error {
	ctx, now := c.Request().Context(), w.RealNow()
	switch c.FormValue("do") {
	case "begin":
		e, err := w.People.BeginTOTP(ctx, api.Token(c), now)
		if err != nil {
			return err
		}
		return w.showAccount(c, http.StatusOK, accountView{Enrol: &e})
	case "confirm":
		codes, token, err := w.People.ConfirmTOTP(ctx, api.Token(c), c.FormValue("code"), now)
		if text, status := wrongProof(chooseLang(c), err); text != "" {
			return w.showAccount(c, status, accountView{Field: "totp", Wrong: text})
		}
		if err == nil {
			err = w.GoOn(c, token)
		}
		if err != nil {
			return err
		}
		return w.showRecovery(c, codes)
	}
	return echo.ErrBadRequest
}

// showRecovery shows recovery codes for the only time.
func (w *Web) showRecovery(c echo.Context, codes []string) error {
	if err := w.Again(c); err != nil {
		return err
	}
	return w.showAccount(c, http.StatusOK, accountView{Recovery: codes})
}

func (w *Web) newRecovery(c echo.Context) error {
	codes, err := w.People.NewRecovery(c.Request().Context(), api.Token(c), w.RealNow())
	if err != nil {
		return err
	}
	return w.showRecovery(c, codes)
}

// endSessions ends one session of the person, all others, or all of them.
func (w *Web) endSessions(c echo.Context) error {
	id := c.FormValue("session")
	if c.FormValue("others") != "" {
		if err := w.People.SignOutOthers(c.Request().Context(), api.Token(c), w.RealNow()); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	if id == "" {
		if err := w.SignOutEverywhere(c); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/login")
	}
	err := w.People.EndSession(c.Request().Context(), api.Who(c).ID, id, w.RealNow())
	if err != nil && !errors.Is(err, people.ErrNoSession) { // it has ended by itself
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/account")
}

// confirmView asks a person to show that it is they, with the form that waits for it.
type confirmView struct {
	people.Has
	Action string
	Fields []formField
	Wrong  string
	Keys   passkeysHere
}

// askWithin bounds how long the page that asks may take.
const askWithin = 5 * time.Second

type formField struct{ Name, Value string }

// askAgain asks for the proof that a form needs, and keeps the form: it is sent with the proof. On the account's own page there is
// nothing to keep, and a new password must not stand in a page.
func (w *Web) askAgain(c echo.Context, p api.Problem) error {
	// The request's own context ended with its handler.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), askWithin)
	defer cancel()
	c.SetRequest(c.Request().WithContext(ctx))
	text, status := wrongProof(chooseLang(c), p.Err)
	if text == "" {
		status = http.StatusForbidden
	}
	if strings.HasPrefix(c.Path(), "/account/") {
		return w.showAccount(c, status, accountView{Field: "confirm", Wrong: text})
	}
	v := confirmView{Action: c.Request().URL.RequestURI(), Wrong: text, Keys: w.passkeysFor(c)}
	var err error
	if v.Has, err = w.People.Has(ctx, api.Who(c).ID); err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if name == api.ProofPassword || name == api.ProofCode || name == api.ProofPasskey {
			continue
		}
		for _, value := range form[name] {
			v.Fields = append(v.Fields, formField{name, value})
		}
	}
	return w.render(c, status, "confirm", chooseLang(c).text("confirm.title"), "", v)
}
