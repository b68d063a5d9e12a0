package web

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
)

// commissionView is the checklist of a board that is being put into service.
type commissionView struct {
	fleet.Commissioning
	Place    string // name of the location
	Fridges  []commissionFridge
	Now      time.Time
	Left     time.Duration // until it is late
	IsLate   bool
	Engineer bool
	People   map[string]string
	Wrong    string
}

type commissionFridge struct {
	ID                     string
	N                      int
	Probe, Reference, Door fleet.Check
}

func (w *Web) commissioning(c echo.Context) error { return w.showCommissioning(c, http.StatusOK, "") }

func (w *Web) showCommissioning(c echo.Context, status int, wrong string) (err error) {
	ctx := c.Request().Context()
	v := commissionView{Wrong: wrong, Now: w.Clock.Now(), Engineer: api.Who(c).Role == people.Kitting}
	if v.Commissioning, err = w.Doors.Commissioning(ctx, api.Param(c, "id")); err != nil {
		return err
	}
	v.Left, v.IsLate = max(0, v.Due().Sub(v.Now)), v.Late(v.Now)
	for i, f := range v.Commissioning.Fridges {
		v.Fridges = append(v.Fridges, commissionFridge{f, i + 1, v.Check(f, fleet.StepProbe), v.Check(f, fleet.StepReference), v.Check(f, fleet.StepDoor)})
	}
	err = w.read(ctx, func(tx *store.Tx) error {
		place, err := tx.LocationView(ctx, v.Location)
		if err != nil {
			return err
		}
		v.Place = place.Name
		v.People, err = names(c, tx)
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "commissioning", chooseLang(c).text("commission.title"), "", v)
}

// commission is the forms of the checklist.
func (w *Web) commission(c echo.Context) error {
	l, device := chooseLang(c), api.Param(c, "id")
	in := api.Commission{Do: c.FormValue("do"), Step: fleet.Step(c.FormValue("step")), FridgeID: c.FormValue("fridge")}
	if in.Do == "reference" {
		degrees, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(c.FormValue("degrees")), ",", ".", 1), 64)
		if err != nil || math.IsNaN(degrees) || math.Abs(degrees) > 1000 {
			return w.showCommissioning(c, http.StatusUnprocessableEntity, l.text("commission.err.degrees"))
		}
		in.MilliC = int64(math.Round(degrees * 1000))
	}
	err := w.Commission(c, device, in)
	switch {
	case errors.Is(err, fleet.ErrChecksMissing):
		return w.showCommissioning(c, http.StatusConflict, l.text("commission.err.missing"))
	case errors.Is(err, fleet.ErrTooManyCommands), errors.Is(err, fleet.ErrRevoked):
		return w.showCommissioning(c, http.StatusConflict, l.text("door.err.away"))
	case errors.As(err, new(*door.FieldError)):
		return w.showCommissioning(c, http.StatusUnprocessableEntity, l.text("commission.err.degrees"))
	case err != nil && !errors.Is(err, fleet.ErrNotRunning): // the page shows that it has ended
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/devices/"+url.PathEscape(device)+"/commissioning#"+url.PathEscape(in.FridgeID))
}
