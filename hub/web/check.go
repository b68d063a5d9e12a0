package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/check"
	"meguri/hub/store"
)

// checkView is the page of what the checker has found.
type checkView struct {
	Lines   []findingLine
	Open    int // findings in all
	Look    store.LookView
	Looked  bool
	MaySee  bool // the pages of single orders
	Done    bool // a repair was applied just now
	Changed bool // it was not, since the rows had changed
	Now     time.Time
}

// findingLine is one finding as the page shows it.
type findingLine struct {
	store.FindingView
	Told     string             // in the reader's language
	Changes  []check.Difference // of the repair, likewise
	Why      string             // no repair is proposed, likewise
	Left     time.Duration
	HasLeft  bool
	Departed bool
}

// AllOrders is how many orders are affected.
func (f findingLine) AllOrders() int { return len(f.Orders) + f.More }

// More is how many findings the page leaves out.
func (v checkView) More() int { return max(v.Open-len(v.Lines), 0) + v.Look.Omitted }

func (w *Web) check(c echo.Context) error {
	l, ctx, now := chooseLang(c), c.Request().Context(), w.Clock.Now()
	v := checkView{MaySee: w.mayOpen(api.Who(c), "/orders/:id"), Done: c.QueryParam("done") != "", Changed: c.QueryParam("changed") != "", Now: now}
	var all []store.FindingView
	err := w.read(ctx, func(tx *store.Tx) (err error) {
		if all, err = tx.Findings(ctx, false, maxRows); err != nil {
			return err
		}
		if v.Open, err = tx.FindingsOpen(ctx); err != nil {
			return err
		}
		v.Look, v.Looked, err = tx.LastLook(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		v.Lines = append(v.Lines, newFindingLine(l, f, now))
	}
	return w.render(c, http.StatusOK, "check", l.text("check.title"), "", v)
}

func newFindingLine(l lang, f store.FindingView, now time.Time) findingLine {
	line := findingLine{FindingView: f, Told: told(l, f.Kind, f.Args), Why: whyText(l, f.None), HasLeft: !f.Departs.IsZero()}
	for _, d := range f.Differences {
		line.Changes = append(line.Changes, spoken(l, d))
	}
	line.Departed, line.Left = f.Departs.Before(now), f.Departs.Sub(now).Abs()
	return line
}

// told tells a finding. The words among its arguments are the checker's own and stand in English where the finding is kept.
func told(l lang, kind check.Kind, kept []string) string {
	args := slices.Clone(kept)
	switch {
	case kind == check.StillHolds && len(args) > 1: // the order's state
		args[1] = l.known("word.", args[1])
	case kind == check.OutOfService && len(args) > 1: // the kind of thing
		args[1] = l.known("word.", args[1])
	case kind == check.StaleCopy && len(args) > 1: // "WHAT of ID"
		what, id, _ := strings.Cut(args[1], " of ")
		if _, ok := messages["copy."+what]; ok {
			args[1] = l.text("copy."+what, id)
		}
	}
	return l.text("finding."+string(kind), anys(args)...)
}

// spoken is a difference in the reader's words. The fields of a row that comes or goes stand in one line as name=value.
func spoken(l lang, d check.Difference) check.Difference {
	whole := func(text string) string {
		parts := strings.Fields(text)
		for i, p := range parts {
			if name, value, ok := strings.Cut(p, "="); ok {
				parts[i] = l.known("field.", name) + "=" + value
			}
		}
		return strings.Join(parts, " ")
	}
	switch d.Field {
	case "":
		d.Before, d.After = whole(d.Before), whole(d.After)
	case "state":
		d.Before, d.After = l.known("word.", d.Before), l.known("word.", d.After)
	}
	d.Field = l.known("field.", d.Field)
	return d
}

// whyText tells why no repair is proposed; nothing when there is no reason.
func whyText(l lang, w check.Why) string {
	if w.Obstacle == "" {
		return ""
	}
	args := anys(w.Args)
	if w.Obstacle == check.BoxGoneOn || w.Obstacle == check.BoxOnAddress {
		args[0] = l.known("container.", w.Args[0])
	}
	text := l.text("obstacle."+string(w.Obstacle), args...)
	if w.Of != "" {
		text = w.Of + ": " + text
	}
	return text
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}

// repair applies the repair that the page showed, and shows what is left.
func (w *Web) repair(c echo.Context) error {
	err := w.Repair(c.Request().Context(), api.Who(c), api.Param(c, "id"), c.FormValue("repair"))
	back := url.Values{"done": {"1"}}
	if errors.Is(err, check.ErrChanged) {
		back = url.Values{"changed": {"1"}}
	} else if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/check?"+back.Encode())
}
