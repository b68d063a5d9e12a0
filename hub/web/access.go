package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/people"
)

type loginView struct {
	Code  string
	Login string
	Wrong string
	Keys  passkeysHere
	// Company is the name of the company's own login; empty where there is none.
	Company string
}

// loginPage shows a button and uses nothing up: what looks at links in mails must not be able to spend one.
func (w *Web) loginPage(c echo.Context) error {
	return w.showLogin(c, http.StatusOK, loginView{Code: c.QueryParam("code")})
}

func (w *Web) showLogin(c echo.Context, status int, v loginView) error {
	v.Keys, v.Company = w.passkeysFor(c), w.companyLogin()
	return w.render(c, status, "login", chooseLang(c).text("login.title"), "", v)
}

func (w *Web) login(c echo.Context) error {
	l := chooseLang(c)
	with := api.Credentials{Code: c.FormValue("code"), Login: c.FormValue("login"), Password: c.FormValue("password"), Passkey: c.FormValue("passkey")}
	in, err := w.SignIn(c, with)
	if errors.Is(err, people.ErrLink) {
		return w.showLogin(c, http.StatusForbidden, loginView{Wrong: l.text("login.bad")})
	}
	if text, status := wrongProof(l, err); text != "" {
		return w.showLogin(c, status, loginView{Login: with.Login, Wrong: text})
	}
	if err != nil {
		return err
	}
	if !in.Session.Whole {
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	return c.Redirect(http.StatusSeeOther, w.afterLogin(c.Request().Context(), in.Person))
}

// wrongProof is what a page says of a password or a code that was not taken; empty for another error, or none.
func wrongProof(l lang, err error) (text string, status int) {
	var throttled *people.ThrottledError
	switch {
	case errors.As(err, &throttled):
		return l.text("login.throttled", duration(l, throttled.Wait+time.Minute)), http.StatusTooManyRequests
	case errors.Is(err, people.ErrPassword):
		return l.text("login.wrong"), http.StatusForbidden
	case errors.Is(err, people.ErrCode):
		return l.text("login.wrongcode"), http.StatusForbidden
	case errors.Is(err, people.ErrPasskey):
		return l.text("login.passkey.not"), http.StatusForbidden
	case errors.Is(err, people.ErrPasskeyCopied):
		return l.text("login.passkey.copy"), http.StatusForbidden
	case errors.Is(err, people.ErrByCompany):
		return l.text("company.only"), http.StatusForbidden
	case errors.Is(err, people.ErrBusy):
		return l.text("login.busy"), http.StatusServiceUnavailable
	}
	return "", 0
}

func (w *Web) logout(c echo.Context) error {
	if err := w.SignOut(c); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/login")
}

type peopleView struct {
	People []people.Person
	Roles  []people.Role
	Self   string
	// What was just made, or what was wrong.
	LinkFor string
	Link    string
	Field   string
	Want    string
	Given   people.Person
	// Colleagues of other businesses that the administrator looks after, too, and which of them was given.
	Colleagues []people.Colleague
	Colleague  string
}

func (w *Web) people(c echo.Context) error { return w.showPeople(c, http.StatusOK, peopleView{}) }

func (w *Web) showPeople(c echo.Context, status int, v peopleView) error {
	var err error
	if v.People, err = w.People.List(c.Request().Context()); err != nil {
		return err
	}
	if v.Colleagues, err = w.People.Colleagues(c.Request().Context(), api.Who(c)); err != nil {
		return err
	}
	v.Roles, v.Self = people.Roles(), api.Who(c).ID
	return w.render(c, status, "people", chooseLang(c).text("people.title"), "", v)
}

func (w *Web) addPerson(c echo.Context) error {
	p := people.Person{Name: c.FormValue("name"), Role: people.Role(c.FormValue("role")), Place: c.FormValue("place")}
	added, code, err := w.People.Add(c.Request().Context(), api.Who(c).ID, p, w.RealNow())
	var field *people.FieldError
	if errors.As(err, &field) {
		return w.showPeople(c, http.StatusUnprocessableEntity, peopleView{Field: field.Field, Want: field.Want, Given: p})
	}
	if err != nil {
		return err
	}
	return w.showPeople(c, http.StatusOK, peopleView{LinkFor: added.Name, Link: w.linkOf(c, code)})
}

// addColleague gives somebody of another business a role in this one.
func (w *Web) addColleague(c echo.Context) error {
	p := people.Person{Role: people.Role(c.FormValue("role")), Place: c.FormValue("place")}
	id := c.FormValue("colleague")
	err := w.People.GiveColleague(c.Request().Context(), api.Who(c), id, p.Role, p.Place, w.RealNow())
	var field *people.FieldError
	if errors.As(err, &field) {
		return w.showPeople(c, http.StatusUnprocessableEntity, peopleView{Field: field.Field, Want: field.Want, Given: p, Colleague: id})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/people")
}

func (w *Web) linkPerson(c echo.Context) error {
	id := api.Param(c, "id")
	code, err := w.People.Link(c.Request().Context(), api.Who(c).ID, id, w.RealNow())
	if err != nil {
		return err
	}
	return w.showPeople(c, http.StatusOK, peopleView{LinkFor: id, Link: w.linkOf(c, code)})
}

func (w *Web) removePerson(c echo.Context) error {
	if err := w.People.Remove(c.Request().Context(), api.Who(c).ID, api.Param(c, "id"), w.RealNow()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/people")
}

// setRole is the form that changes what a person is here for.
func (w *Web) setRole(c echo.Context) error {
	role, place := people.Role(c.FormValue("role")), c.FormValue("place")
	err := w.People.SetRole(c.Request().Context(), api.Who(c).ID, api.Param(c, "id"), role, place, w.RealNow())
	var field *people.FieldError
	if errors.As(err, &field) {
		return w.showPeople(c, http.StatusUnprocessableEntity, peopleView{Field: field.Field, Want: field.Want})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/people")
}

// resetPerson takes away what lets a person in, and shows the link by which they come back.
func (w *Web) resetPerson(c echo.Context) error {
	if err := w.People.Reset(c.Request().Context(), api.Who(c).ID, api.Param(c, "id"), w.RealNow()); err != nil {
		return err
	}
	return w.linkPerson(c)
}

type rightsView struct {
	Roles []people.Role
	Rows  []people.Row
	Trail bool // may see what was done
}

func (w *Web) showRights(c echo.Context) error {
	return w.render(c, http.StatusOK, "rights", chooseLang(c).text("rights.title"), "",
		rightsView{people.Roles(), people.Matrix(), w.mayOpen(api.Who(c), "/audit")})
}

// linkOf is the login link for a code, at the address that this page was asked for.
func (w *Web) linkOf(c echo.Context, code string) string {
	u := url.URL{Scheme: "http", Host: c.Request().Host, Path: "/login", RawQuery: url.Values{"code": {code}}.Encode()}
	if w.Secure(c) {
		u.Scheme = "https"
	}
	return u.String()
}

type meView struct{ Pages []navItem }

func (w *Web) me(c echo.Context) error {
	who := api.Who(c)
	var v meView
	for _, n := range w.navFor(who, "") {
		if n.Href == "/me" {
			continue
		}
		if own := w.rights["GET "+n.Href].Own[who.Role]; own != "" {
			n.Href += "?" + own + "=" + url.QueryEscape(who.Place)
		}
		v.Pages = append(v.Pages, n)
	}
	return w.render(c, http.StatusOK, "me", strings.TrimSpace(who.Name), "", v)
}
