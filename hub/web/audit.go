package web

import (
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
	askedSpan
	By, Of  string
	Persons []choiceItem
	People  map[string]string
	Entries []audit.Entry
	Older   int // how many entries the next page leaves out; 0 where nothing is older
	Signed  *audit.Head
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
	v.askedSpan = w.pickedSpan(c, first.Add(-trailAtOnce), last)
	skip, _ := strconv.Atoi(c.QueryParam("skip")) // none is 0
	skip = min(max(skip, 0), maxSkipped)
	err := w.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if v.People, err = names(c, tx); err != nil || v.Wrong {
			return err
		}
		if v.Signed, err = tx.NewestHead(ctx); err != nil {
			return err
		}
		v.Entries, err = tx.AuditEntries(ctx, store.AuditFilter{By: v.By, Of: v.Of, From: v.from, To: v.until, Skip: skip, Most: entriesAtOnce + 1})
		return err
	})
	if err != nil {
		return err
	}
	if len(v.Entries) > entriesAtOnce {
		v.Entries = v.Entries[:entriesAtOnce]
		v.Older = skip + entriesAtOnce
	}
	v.Persons = byName(v.People)
	return w.render(c, v.status, "audit", chooseLang(c).text("audit.title"), "", v)
}
