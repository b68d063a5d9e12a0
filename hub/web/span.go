package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// askedSpan is the time that a page is asked for by its fields from and until.
type askedSpan struct {
	From, Until string // as the fields write them
	Wrong       bool   // what they said was none: the span that is shown first is in its place

	from, until time.Time
	status      int // of the page
}

// pickedSpan reads the fields; first and last are what is meant where they are empty. The fields are to the minute, and the last one counts.
func (w *Web) pickedSpan(c echo.Context, first, last time.Time) askedSpan {
	last = last.Add(time.Minute)
	s := askedSpan{status: http.StatusOK}
	var errFrom, errUntil error
	s.from, errFrom = w.picked(c.QueryParam("from"), first)
	s.until, errUntil = w.picked(c.QueryParam("until"), last)
	if s.Wrong = errFrom != nil || errUntil != nil || !s.from.Before(s.until); s.Wrong {
		s.from, s.until, s.status = first, last, http.StatusUnprocessableEntity
	}
	s.From, s.Until = s.from.In(w.zone).Format(pickerFormat), s.until.In(w.zone).Format(pickerFormat)
	return s
}

// byName are things to choose from by their ids, in the order of their names.
func byName(names map[string]string) (all []choiceItem) {
	for id, name := range names {
		all = append(all, choiceItem{id, name})
	}
	slices.SortFunc(all, func(a, b choiceItem) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return all
}
