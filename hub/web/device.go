package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/fleet"
	"meguri/hub/store"
)

// devicesView is the list of devices, a page of it, with how complete each one's last day is.
type devicesView struct {
	Devices []deviceLine
	Next    string // id to go on behind; empty when this was all
}

type deviceLine struct {
	store.DeviceView
	Presence presence
	Complete string // "99.8 %"; empty when no readings ought to be there
	Worst    string // what to look at; empty when nothing is wrong
}

const devicesPerPage = 50

func (w *Web) devices(c echo.Context) error {
	l, ctx, now, after := chooseLang(c), c.Request().Context(), w.Clock.Now(), c.QueryParam("after")
	var v devicesView
	err := w.read(ctx, func(tx *store.Tx) error {
		v = devicesView{}
		all, err := tx.DeviceViews(ctx)
		if err != nil {
			return err
		}
		begun := after == ""
		for _, d := range all {
			switch {
			case !begun:
				begun = d.ID == after
				continue
			case len(v.Devices) == devicesPerPage:
				v.Next = v.Devices[len(v.Devices)-1].ID
				return nil
			}
			line, err := readDeviceLine(ctx, tx, l, d, now)
			if err != nil {
				return err
			}
			v.Devices = append(v.Devices, line)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "devices", l.text("devices.title"), "", v)
}

func readDeviceLine(ctx context.Context, tx *store.Tx, l lang, d store.DeviceView, now time.Time) (deviceLine, error) {
	line := deviceLine{DeviceView: d, Presence: presenceOf(d)}
	stretches, _, err := tx.Ledger(ctx, d.ID, fleet.Ask{From: now.Add(-24 * time.Hour), To: now, Now: now})
	totals := fleet.Totals(stretches)
	line.Complete = complete(totals)
	if worst := fleet.Worst(totals); line.Complete != "" && worst != fleet.StateReceived {
		line.Worst = l.text("ledger." + string(worst))
	}
	return line, err
}

func presenceOf(d store.DeviceView) presence { return presence{!d.Seen.IsZero(), d.Online, d.Seen} }

// complete writes how much of what ought to be there was received, rounded down: 100 % means all.
func complete(totals []fleet.Total) string {
	n, ok := fleet.Complete1000(totals)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d.%d %%", n/10, n%10)
}

// oneDevice is the page of a device: what the hub has and lacks of its readings.
type oneDevice struct {
	store.DeviceView
	Presence presence
	Now      time.Time
	Sensor   string // that was chosen; empty for all
	Sensors  []string
	Strips   []strip
	Commands []store.CommandView // the newest
	MayOpen  bool                // whoever looks may report it stolen

	InCommissioning bool // it is being put into service, and serves nobody
}

// strip is what holds of readings over a span, drawn and in words.
type strip struct {
	Key      string // message that names the span
	From, To time.Time
	Complete string
	Segments []segment
	Ticks    []tick
	Totals   []stripTotal
	Lines    []stripLine
	More     bool // not all lines are shown
	Text     string
}

// segment is a part of the strip: left end and width in hundredths of it.
type segment struct {
	Left, Width, Middle string
	State               string
	Letter              string // empty where there is no room
}

type tick struct {
	Left string
	At   time.Time
	Day  bool // a date is shown, not a time of day
}

type stripTotal struct {
	State, Letter string
	Time          time.Duration
	Rounds        int
}

type stripLine struct {
	fleet.Stretch
	Reason string
}

const (
	stripStretches = 4000 // that are drawn: more than there are dots on a screen
	stripLines     = 100
	shownCommands  = 20
)

func (w *Web) device(c echo.Context) error {
	l, ctx, now := chooseLang(c), c.Request().Context(), w.Clock.Now()
	v := oneDevice{Now: now, Sensor: c.QueryParam("sensor")}
	err := w.read(ctx, func(tx *store.Tx) error {
		v.Strips = nil
		var err error
		if v.DeviceView, err = tx.DeviceView(ctx, api.Param(c, "id")); err != nil {
			return err
		}
		if v.Sensors, err = tx.LedgerSensors(ctx, v.ID); err != nil {
			return err
		}
		for _, s := range []struct {
			key  string
			span time.Duration
		}{{"ledger.day", 24 * time.Hour}, {"ledger.week", 7 * 24 * time.Hour}} {
			ask := fleet.Ask{From: now.Add(-s.span), To: now, Now: now, Sensor: v.Sensor, Most: stripStretches}
			stretches, reached, err := tx.Ledger(ctx, v.ID, ask)
			if err != nil {
				return err
			}
			v.Strips = append(v.Strips, w.newStrip(l, s.key, stretches, ask.From, reached))
		}
		if v.InCommissioning, err = tx.InCommissioning(ctx, v.ID); err != nil {
			return err
		}
		v.MayOpen = w.mayAct(api.Who(c), "POST /devices/:id/stolen")
		v.Commands, err = tx.CommandViews(ctx, v.ID, shownCommands)
		return err
	})
	if err != nil {
		return err
	}
	v.Presence = presenceOf(v.DeviceView)
	return w.render(c, http.StatusOK, "device", v.ID, "", v)
}

// newStrip draws stretches that lie side by side from from to to.
func (w *Web) newStrip(l lang, key string, stretches []fleet.Stretch, from, to time.Time) strip {
	totals := fleet.Totals(stretches)
	s := strip{Key: key, From: from, To: to, Complete: complete(totals)}
	span := to.Sub(from)
	at := func(t time.Time) float64 { return 100 * float64(t.Sub(from)) / float64(span) }
	var words []string
	for _, t := range totals {
		s.Totals = append(s.Totals, stripTotal{string(t.State), l.text("ledger.letter." + string(t.State)), t.Time, t.Rounds})
		words = append(words, l.text("ledger."+string(t.State))+" "+duration(l, t.Time))
	}
	s.Text = l.text(key) + ": " + strings.Join(words, ", ")
	for _, x := range stretches {
		s.Segments = append(s.Segments, newSegment(l, x.State, at(x.From), at(x.To)))
		if x.State != fleet.StateReceived && len(s.Lines) < stripLines {
			s.Lines = append(s.Lines, stripLine{x, l.known("ledger.reason.", x.Reason)})
		} else if x.State != fleet.StateReceived {
			s.More = true
		}
	}
	s.Ticks = w.ticks(from, to)
	return s
}

// letterRoom is the least width of a segment, in hundredths of the strip, that a letter fits in on a phone.
const letterRoom = 4.5

// thinnest keeps the shortest stretch visible: about one dot.
const thinnest = 0.25

func newSegment(l lang, state fleet.State, from, to float64) segment {
	width := max(to-from, thinnest)
	s := segment{Left: hundredths(min(from, 100-thinnest)), Width: hundredths(width), Middle: hundredths(from + width/2), State: string(state)}
	if width >= letterRoom {
		s.Letter = l.text("ledger.letter." + string(state))
	}
	return s
}

func hundredths(f float64) string { return fmt.Sprintf("%.2f%%", f) }

// ticks are the midnights of a long span, and each sixth hour of a short one, where a label fits.
func (w *Web) ticks(from, to time.Time) (all []tick) {
	day := to.Sub(from) > 48*time.Hour
	f := from.In(w.zone)
	at, step := time.Date(f.Year(), f.Month(), f.Day(), 0, 0, 0, 0, w.zone), 6*time.Hour
	if day {
		step = 24 * time.Hour
	}
	for ; at.Before(to); at = at.Add(step) {
		left := 100 * float64(at.Sub(from)) / float64(to.Sub(from))
		if left >= 0 && left <= 93 {
			all = append(all, tick{hundredths(left), at, day})
		}
	}
	return all
}
