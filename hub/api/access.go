package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/people"
)

type personJSON struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Role  people.Role `json:"role"`
	Place string      `json:"place"`
}

func toPerson(p people.Person) personJSON { return personJSON{p.ID, p.Name, p.Role, p.Place} }

type sessionJSON struct {
	Token     string     `json:"token"`
	ExpiresAt time.Time  `json:"expires_at"`
	Person    personJSON `json:"person"`
	Owes      bool       `json:"second_factor_owed"`
	Device    string     `json:"device,omitempty"`
}

func (a *API) login(c echo.Context) error {
	var in struct {
		Code     string `json:"code"`
		Login    string `json:"login"`
		Password string `json:"password"`
		Second   string `json:"second"`
		Device   string `json:"device"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	got, err := a.enter(c, Credentials{Code: in.Code, Login: in.Login, Password: in.Password, Device: in.Device})
	if err != nil {
		return err
	}
	if in.Second != "" { // the session stays half when it is wrong: it may be given again without the password
		goesOn, err := a.People.Confirm(c.Request().Context(), got.Token, people.Proof{Code: in.Second}, a.RealNow())
		if err != nil && !errors.Is(err, people.ErrCode) {
			return err
		}
		if err == nil {
			got.Token, got.Session.Whole = goesOn, true
		}
	}
	return c.JSON(http.StatusOK, sessionJSON{got.Token, got.Session.Expires.UTC(), toPerson(got.Person), !got.Session.Whole, got.Device})
}

func (a *API) logout(c echo.Context) error {
	if err := a.SignOut(c); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type meJSON struct {
	personJSON
	Owes      bool       `json:"second_factor_owed"`
	Confirmed *time.Time `json:"confirmed_until,omitempty"`
	Business  string     `json:"business_id,omitempty"`
	Posts     []postJSON `json:"businesses,omitempty"`
}

func (a *API) me(c echo.Context) error {
	session := sessionOf(c)
	me := meJSON{personJSON: toPerson(Who(c)), Owes: !session.Whole}
	if session.Fresh(a.RealNow()) {
		me.Confirmed = optional(session.Confirmed.Add(people.ConfirmFor))
	}
	if err := a.addPosts(c, &me); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, me)
}

// goesOnJSON is the token with which a session goes on, which is whole now.
type goesOnJSON struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// confirmMe takes the proof of a program's person that it is they, and the second factor that the session owes.
func (a *API) confirmMe(c echo.Context) error {
	var in struct {
		Password string `json:"password"`
		Code     string `json:"code"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	was := Token(c)
	if err := a.Confirm(c, people.Proof{Password: in.Password, Code: in.Code}); err != nil {
		return err
	}
	if Token(c) != was && !byCookie(c) {
		return c.JSON(http.StatusOK, goesOnJSON{Token(c), sessionOf(c).Expires.UTC()})
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) setPassword(c echo.Context) error {
	var in struct {
		Present  string `json:"present_password"`
		Login    string `json:"login"`
		Password string `json:"password"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.People.SetPassword(c.Request().Context(), Token(c), in.Present, in.Login, in.Password, a.RealNow()); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type mySessionJSON struct {
	ID      string       `json:"session_id"`
	Made    time.Time    `json:"began_at"`
	Seen    time.Time    `json:"seen_at"`
	Expires time.Time    `json:"expires_at"`
	By      people.Means `json:"by"`
	Agent   string       `json:"agent,omitempty"`
	This    bool         `json:"this"`
}

type mySessionsJSON struct {
	Sessions []mySessionJSON `json:"sessions"`
}

func (a *API) listSessions(c echo.Context) error {
	all, err := a.People.Sessions(c.Request().Context(), Who(c).ID, a.RealNow())
	if err != nil {
		return err
	}
	this := sessionOf(c).ID()
	return c.JSON(http.StatusOK, mySessionsJSON{each(all, func(s people.Session) mySessionJSON {
		return mySessionJSON{s.ID(), s.Made.UTC(), s.Seen.UTC(), s.Expires.UTC(), s.By, s.Agent, s.ID() == this}
	})})
}

func (a *API) endSessions(c echo.Context) error {
	if err := a.SignOutEverywhere(c); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) endSession(c echo.Context) error {
	if err := a.People.EndSession(c.Request().Context(), Who(c).ID, Param(c, "id"), a.RealNow()); errors.Is(err, people.ErrNoSession) {
		return echo.ErrNotFound // not 401: it is the other session that is not there
	} else if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
