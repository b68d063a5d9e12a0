package api

import (
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
}

func (a *API) login(c echo.Context) error {
	var in struct {
		Code string `json:"code"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	who, token, ends, err := a.People.Login(c.Request().Context(), in.Code, a.RealNow())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, sessionJSON{token, ends.UTC(), toPerson(who)})
}

func (a *API) logout(c echo.Context) error {
	if err := a.SignOut(c); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) me(c echo.Context) error { return c.JSON(http.StatusOK, toPerson(Who(c))) }
