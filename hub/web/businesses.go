package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/people"
)

func (w *Web) businessRoutes(e *echo.Echo) {
	e.GET("/businesses", w.businesses)
	e.POST("/businesses", w.chooseBusiness)
}

type businessesView struct {
	Posts []people.Post
	Here  string // the id of the one that the session is in
}

// businesses lets somebody who works for several businesses choose the one that they work for now.
func (w *Web) businesses(c echo.Context) error {
	posts, err := w.People.Posts(c.Request().Context(), api.Who(c).ID)
	if err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "businesses", chooseLang(c).text("business.title"), "", businessesView{posts, api.Who(c).Business})
}

func (w *Web) chooseBusiness(c echo.Context) error {
	err := w.People.Enter(c.Request().Context(), api.Token(c), c.FormValue("business"), w.RealNow())
	if errors.Is(err, people.ErrNoBusiness) {
		return echo.ErrNotFound
	}
	if err == nil {
		err = w.Again(c)
	}
	if err != nil {
		return err
	}
	if !w.Caller(c).Whole {
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	return c.Redirect(http.StatusSeeOther, w.home(api.Who(c)))
}

// afterLogin is where somebody begins: with the choice of a business if they work for several.
func (w *Web) afterLogin(ctx context.Context, who people.Person) string {
	if w.businessName(ctx, who) != "" {
		return "/businesses"
	}
	return w.home(who)
}

// businessName is what the business that somebody works for now is called, if they work for several; else nobody need hear of it.
func (w *Web) businessName(ctx context.Context, who people.Person) string {
	several, err := w.People.Several(ctx, w.RealNow())
	if err != nil || !several {
		return ""
	}
	posts, err := w.People.Posts(ctx, who.ID)
	if err != nil || len(posts) < 2 {
		return ""
	}
	for _, p := range posts {
		if p.Business.ID == who.Business {
			return p.Business.Title()
		}
	}
	return ""
}
