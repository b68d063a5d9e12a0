package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/api"
	"meguri/hub/store"
)

// maintainForm takes positions out of service and puts them back.
type maintainForm struct {
	May    bool
	Wrong  string
	Hours  []int
	Places []string          // ids of locations and fridges, to choose from
	People map[string]string // names
}

// maintainHours is for how long one may choose; at most alarm.MaxService.
var maintainHours = []int{1, 2, 4, 8, 24, 72, 168, 336}

// read reads what the form offers, and the names of those who have taken something out of service.
func (f *maintainForm) read(c echo.Context, tx *store.Tx, any bool) (err error) {
	if any {
		if f.People, err = names(c, tx); err != nil {
			return err
		}
	}
	if !f.May {
		return nil
	}
	locations, err := tx.Locations(c.Request().Context())
	for _, l := range locations {
		f.Places = append(f.Places, l.ID)
		for _, r := range l.Fridges {
			f.Places = append(f.Places, r.ID)
		}
	}
	return err
}

// maintain takes a position out of service, or puts it back. What is wrong with the form is told on the page.
func (w *Web) maintain(c echo.Context) error {
	l, ctx, who := chooseLang(c), c.Request().Context(), api.Who(c).ID
	position, hours := strings.TrimSpace(c.FormValue("position")), 0
	var err error
	if c.FormValue("do") == "end" {
		err = w.EndMaintenance(ctx, who, position)
		if errors.Is(err, store.ErrNotFound) {
			err = nil // somebody was faster, or the time was over: the page shows that
		}
	} else {
		hours, _ = strconv.Atoi(c.FormValue("hours")) // none is 0, which is no time
		err = w.BeginMaintenance(ctx, who, position, strings.TrimSpace(c.FormValue("reason")), max(0, min(hours, 1<<16))*60)
	}
	field := new(alarm.FieldError)
	switch {
	case errors.As(err, &field):
		return w.showAlarms(c, http.StatusUnprocessableEntity, l.text("maintain.field."+field.Field))
	case errors.Is(err, store.ErrNotFound):
		return w.showAlarms(c, http.StatusNotFound, l.text("maintain.unknown", position))
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/alarms#maintenance")
}
