package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/audit"
	"meguri/hub/store"
)

const (
	entriesAtOnce = 200                 // lines of the page
	maxSkipped    = 1_000_000           // beyond it a shorter span is asked for
	trailAtOnce   = 30 * 24 * time.Hour // the span that is shown first
)

// auditView is the page of the audit trail: who did what to what, when, and how it was before and after.
type auditView struct {
	From, Until string // as the fields write them
	By, Of      string
	Persons     []choiceItem
	People      map[string]string
	Entries     []audit.Entry
	Older       int // how many entries the next page leaves out; 0 where nothing is older
	Signed      *audit.Head
	Wrong       bool
}

// trail shows entries, the newest first. What is on a page is its span's; whether the trail is whole is said by hub audit verify, which
// reads all of it.
func (w *Web) trail(c echo.Context) error {
	ctx := c.Request().Context()
	v := auditView{By: c.QueryParam("by"), Of: strings.TrimSpace(c.QueryParam("of"))}
	first, last := w.RealNow(), w.Clock.Now() // acts about accounts have the machine's time, others the hub's
	if last.Before(first) {
		first, last = last, first
	}
	first, last = first.Add(-trailAtOnce), last.Add(time.Minute) // the fields are to the minute, and this one counts
	from, errFrom := w.picked(c.QueryParam("from"), first)
	until, errUntil := w.picked(c.QueryParam("until"), last)
	skip, _ := strconv.Atoi(c.QueryParam("skip")) // none is 0
	skip = min(max(skip, 0), maxSkipped)
	status := http.StatusOK
	if v.Wrong = errFrom != nil || errUntil != nil || !from.Before(until); v.Wrong {
		from, until, status = first, last, http.StatusUnprocessableEntity
	}
	v.From, v.Until = from.In(w.zone).Format(pickerFormat), until.In(w.zone).Format(pickerFormat)
	err := w.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if v.People, err = names(c, tx); err != nil || v.Wrong {
			return err
		}
		if v.Signed, err = tx.NewestHead(ctx); err != nil {
			return err
		}
		v.Entries, err = tx.AuditEntries(ctx, store.AuditFilter{By: v.By, Of: v.Of, From: from, To: until, Skip: skip, Most: entriesAtOnce + 1})
		return err
	})
	if err != nil {
		return err
	}
	if len(v.Entries) > entriesAtOnce {
		v.Entries = v.Entries[:entriesAtOnce]
		v.Older = skip + entriesAtOnce
	}
	for id, name := range v.People {
		v.Persons = append(v.Persons, choiceItem{id, name})
	}
	slices.SortFunc(v.Persons, func(a, b choiceItem) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return w.render(c, status, "audit", chooseLang(c).text("audit.title"), "", v)
}
