package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/door"
	"meguri/hub/store"
)

// codesOf reads how far an order's codes have come.
func (w *Web) codesOf(c echo.Context, tx *store.Tx, v *orderView) (err error) {
	if v.Codes, err = tx.CodesOfOrder(c.Request().Context(), v.ID); err != nil {
		return err
	}
	for _, r := range v.Codes {
		v.Waits = v.Waits || !v.State.Holds() && r.MayOpen()
	}
	v.People, err = names(c, tx)
	return err
}

// takeRisk is the form of an order's page that lets money go.
func (w *Web) takeRisk(c echo.Context) error {
	l, id := chooseLang(c), api.Param(c, "id")
	err := w.TakeRisk(c, id, strings.TrimSpace(c.FormValue("reason")))
	switch {
	case errors.As(err, new(*door.FieldError)):
		return w.showOrder(c, http.StatusUnprocessableEntity, l.text("disrupt.noreason"))
	case errors.Is(err, door.ErrNothingWaits): // the page shows that the money goes already
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/orders/"+id)
}
