package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/register"
	"meguri/hub/store"
)

const (
	maxExposures    = 1000               // lines of the page
	exposuresAtOnce = 7 * 24 * time.Hour // the span that is shown first
)

// exposedPerson is one of whom data were looked at.
type exposedPerson struct {
	ID     string
	Nobody bool // was found by what was tried
	Looks  []register.Exposure
}

// exposuresView is the page that says what a breach exposed: of whom data were looked at in a span of time, by whom and how.
type exposuresView struct {
	From, Until string // as the fields write them
	By, Of      string
	Lookers     []choiceItem
	People      map[string]string // names of those who looked
	Persons     []exposedPerson
	Exposed     int // of them; the others are nobody
	Times       int
	More, Wrong bool
}

// exposures shows nobody's data, and so it is no look itself. Its times are the machine's, as those of looks are.
func (w *Web) exposures(c echo.Context) error {
	ctx, now := c.Request().Context(), w.RealNow()
	v := exposuresView{By: c.QueryParam("by"), Of: strings.TrimSpace(c.QueryParam("of"))}
	from, errFrom := w.picked(c.QueryParam("from"), now.Add(-exposuresAtOnce))
	until, errUntil := w.picked(c.QueryParam("until"), now.Add(time.Minute)) // the fields are to the minute, and this one counts
	status := http.StatusOK
	if v.Wrong = errFrom != nil || errUntil != nil || !from.Before(until); v.Wrong {
		from, until, status = now.Add(-exposuresAtOnce), now.Add(time.Minute), http.StatusUnprocessableEntity
	}
	v.From, v.Until = from.In(w.zone).Format(pickerFormat), until.In(w.zone).Format(pickerFormat)
	err := w.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if v.People, err = names(c, tx); err != nil || v.Wrong {
			return err
		}
		all, err := tx.Exposed(ctx, register.Question{From: from, Until: until, By: v.By, Of: v.Of, Most: maxExposures + 1})
		v.group(all)
		return err
	})
	if err != nil {
		return err
	}
	for id, name := range v.People {
		v.Lookers = append(v.Lookers, choiceItem{id, name})
	}
	slices.SortFunc(v.Lookers, func(a, b choiceItem) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return w.render(c, status, "exposures", chooseLang(c).text("exposed.title"), "", v)
}

// group puts together what comes in the order of persons.
func (v *exposuresView) group(all []register.Exposure) {
	if v.More = len(all) > maxExposures; v.More {
		all = all[:maxExposures]
	}
	v.Persons, v.Exposed, v.Times = nil, 0, 0
	for _, e := range all {
		if n := len(v.Persons); n == 0 || v.Persons[n-1].ID != e.Subject {
			p := exposedPerson{ID: e.Subject, Nobody: strings.HasPrefix(e.Subject, register.Nobody)}
			if v.Persons = append(v.Persons, p); !p.Nobody {
				v.Exposed++
			}
		}
		last := &v.Persons[len(v.Persons)-1]
		last.Looks = append(last.Looks, e)
		v.Times += e.Count
	}
}
