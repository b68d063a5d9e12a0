package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/door"
	"meguri/hub/fleet"
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

// doorView is one door of a station, and its openings from the hub.
type doorView struct {
	Fridge               string
	LocationID, Location string
	Asked                *fleet.Opening // that waits for its number
	Openings             []fleet.Opening
	Commands             map[string]store.CommandView
	People               map[string]string
	Wrong                string
}

func (w *Web) door(c echo.Context) error { return w.showDoor(c, http.StatusOK, "") }

func (w *Web) showDoor(c echo.Context, status int, wrong string) (err error) {
	ctx := c.Request().Context()
	v := doorView{Fridge: api.Param(c, "id"), Wrong: wrong}
	if v.Openings, v.Commands, err = w.OpeningsOf(ctx, v.Fridge); err != nil {
		return err
	}
	for i := range v.Openings {
		if v.Openings[i].State == fleet.OpeningAsked {
			v.Asked = &v.Openings[i]
		}
	}
	err = w.read(ctx, func(tx *store.Tx) error {
		if v.LocationID, err = tx.LocationOfFridge(ctx, v.Fridge); err != nil {
			return err
		}
		place, err := tx.LocationView(ctx, v.LocationID)
		if err != nil {
			return err
		}
		v.Location = place.Name
		v.People, err = names(c, tx)
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "door", chooseLang(c).text("door.title"), "", v)
}

// openDoor is the forms of a door's page.
func (w *Web) openDoor(c echo.Context) (err error) {
	l, fridge := chooseLang(c), api.Param(c, "id")
	switch c.FormValue("do") {
	case "ask":
		_, err = w.AskOpening(c, fridge, strings.TrimSpace(c.FormValue("reason")))
	case "confirm":
		_, err = w.ConfirmOpening(c, c.FormValue("opening"), c.FormValue("number"), c.FormValue("at_door"))
	default:
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	var field *door.FieldError
	for _, known := range []struct {
		is  error
		key string
	}{{fleet.ErrWrongNumber, "door.err.wrong"}, {fleet.ErrOpeningOver, "door.err.over"}, {fleet.ErrOpeningsMany, "door.err.many"},
		{fleet.ErrShowsNoNumbers, "door.err.away"}, {fleet.ErrTooManyCommands, "door.err.away"}} {
		if errors.Is(err, known.is) {
			return w.showDoor(c, http.StatusConflict, l.text(known.key))
		}
	}
	switch {
	case errors.As(err, &field):
		return w.showDoor(c, http.StatusUnprocessableEntity, l.text("door.err.field"))
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/doors/"+url.PathEscape(fridge))
}

// stolen is the form of a device's page that says that it was stolen.
func (w *Web) stolen(c echo.Context) error {
	id := api.Param(c, "id")
	_, err := w.Stolen(c, id, strings.TrimSpace(c.FormValue("reason")))
	if err != nil && !errors.Is(err, fleet.ErrStolen) && !errors.As(err, new(*door.FieldError)) { // the page shows how it stands
		return err
	}
	if err != nil {
		return c.Redirect(http.StatusSeeOther, "/devices/"+url.PathEscape(id))
	}
	return c.Redirect(http.StatusSeeOther, "/work-items") // what is left to do; the device is on no page any more
}
