package web

import (
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
	askedSpan
	By, Of  string
	Lookers []choiceItem
	People  map[string]string // names of those who looked
	Persons []exposedPerson
	Exposed int // of them; the others are nobody
	Times   int
	More    bool
}

// exposures shows nobody's data, and so it is no look itself. Its times are the machine's, as those of looks are.
func (w *Web) exposures(c echo.Context) error {
	ctx, now := c.Request().Context(), w.RealNow()
	v := exposuresView{By: c.QueryParam("by"), Of: strings.TrimSpace(c.QueryParam("of"))}
	v.askedSpan = w.pickedSpan(c, now.Add(-exposuresAtOnce), now)
	err := w.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if v.People, err = names(c, tx); err != nil || v.Wrong {
			return err
		}
		all, err := tx.Exposed(ctx, register.Question{From: v.from, Until: v.until, By: v.By, Of: v.Of, Most: maxExposures + 1})
		v.group(all)
		return err
	})
	if err != nil {
		return err
	}
	v.Lookers = byName(v.People)
	return w.render(c, v.status, "exposures", chooseLang(c).text("exposed.title"), "", v)
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
