package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/people"
)

type loginView struct {
	Code string
	Bad  bool
}

// loginPage shows a button and uses nothing up: what looks at links in mails must not be able to spend one.
func (w *Web) loginPage(c echo.Context) error {
	return w.render(c, http.StatusOK, "login", chooseLang(c).text("login.title"), "", loginView{Code: c.QueryParam("code")})
}

func (w *Web) login(c echo.Context) error {
	who, err := w.SignIn(c, c.FormValue("code"))
	if errors.Is(err, people.ErrLink) {
		return w.render(c, http.StatusForbidden, "login", chooseLang(c).text("login.title"), "", loginView{Bad: true})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, w.home(who))
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
}

func (w *Web) people(c echo.Context) error { return w.showPeople(c, http.StatusOK, peopleView{}) }

func (w *Web) showPeople(c echo.Context, status int, v peopleView) error {
	var err error
	if v.People, err = w.People.List(c.Request().Context()); err != nil {
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
	return w.showPeople(c, http.StatusOK, peopleView{LinkFor: added.Name, Link: linkOf(c, code)})
}

func (w *Web) linkPerson(c echo.Context) error {
	id := api.Param(c, "id")
	code, err := w.People.Link(c.Request().Context(), api.Who(c).ID, id, w.RealNow())
	if err != nil {
		return err
	}
	return w.showPeople(c, http.StatusOK, peopleView{LinkFor: id, Link: linkOf(c, code)})
}

func (w *Web) removePerson(c echo.Context) error {
	if err := w.People.Remove(c.Request().Context(), api.Who(c).ID, api.Param(c, "id"), w.RealNow()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/people")
}

// linkOf is the login link for a code, at the address that this page was asked for.
func linkOf(c echo.Context, code string) string {
	u := url.URL{Scheme: c.Scheme(), Host: c.Request().Host, Path: "/login", RawQuery: url.Values{"code": {code}}.Encode()}
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
