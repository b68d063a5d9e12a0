package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/store"
)

// historyView is a location's containers at some moment, beside now.
type historyView struct {
	choice
	Location     string // chosen
	Name         string // of the location
	Known, Valid time.Time
	AsKnown, At  string // the two as browsers' time fields write them; At is empty when it was not asked for
	Wrong        bool   // a time that cannot be read
	Lines        []pastLine
	Changed      int // lines that are not the same now
	Shops        map[string]string
}

// pastLine is a container then and now.
type pastLine struct {
	dispatch.PastLine
	dispatch.Past // as it was, else as it is
}

// Is says whether a field is different now.
func (l pastLine) Is(field string) bool { return slices.Contains(l.Differs, dispatch.Field(field)) }

// pickerFormat is how browsers write the time of a datetime-local field: the time of the page's zone, without the zone.
const pickerFormat = "2006-01-02T15:04"

// picked reads a time field; empty is otherwise.
func (w *Web) picked(text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, f := range []string{pickerFormat, "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(f, text, w.zone); err == nil {
			return t, nil
		}
	}
	return time.Parse(time.RFC3339, text)
}

func (w *Web) history(c echo.Context) error {
	l, ctx, now := chooseLang(c), c.Request().Context(), w.Clock.Now()
	v := historyView{Location: c.QueryParam("location"), Shops: map[string]string{}}
	var errKnown, errValid error
	v.Known, errKnown = w.picked(c.QueryParam("known"), now)
	v.Valid, errValid = w.picked(c.QueryParam("at"), v.Known)
	if v.Wrong = errKnown != nil || errValid != nil; v.Wrong {
		v.Known, v.Valid = now, now
	}
	v.AsKnown = v.Known.In(w.zone).Format(pickerFormat)
	if c.QueryParam("at") != "" {
		v.At = v.Valid.In(w.zone).Format(pickerFormat)
	}
	ch, _, err := w.choices(ctx, c.QueryParam("date"), func(tx *store.Tx, date string) (items []choiceItem, err error) {
		deliveries, err := tx.DeliveriesOfDate(ctx, date)
		if err != nil {
			return nil, err
		}
		for _, d := range deliveries {
			place, err := tx.LocationView(ctx, d.LocationID)
			if err != nil {
				return nil, err
			}
			items = append(items, choiceItem{d.LocationID, place.Name})
		}
		if v.Location == "" && len(items) > 0 {
			v.Location = items[0].ID
		}
		if v.Location == "" {
			return items, nil
		}
		return items, w.lookBack(c, tx, date, now, &v)
	})
	if err != nil {
		return err
	}
	v.choice = ch
	return w.render(c, http.StatusOK, "history", l.text("history.title"), "", v)
}

// lookBack fills in what stood at the location then, and what is different now.
func (w *Web) lookBack(c echo.Context, tx *store.Tx, date string, now time.Time, v *historyView) error {
	ctx := c.Request().Context()
	place, err := tx.LocationView(ctx, v.Location)
	if err != nil {
		return err
	}
	v.Name = place.Name
	then, err := tx.History(ctx, v.Location, date, v.Known, v.Valid)
	if err != nil {
		return err
	}
	today, err := tx.History(ctx, v.Location, date, now, now)
	if err != nil {
		return err
	}
	for _, l := range dispatch.Compare(then, today) {
		v.Lines = append(v.Lines, pastLine{l, l.Either()})
		if !l.Same() {
			v.Changed++
		}
	}
	shops, err := tx.ShopsOfDate(ctx, date)
	for _, s := range shops {
		v.Shops[s.ID] = s.Name
	}
	return err
}
