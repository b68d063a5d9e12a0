package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/store"
)

// zoom is a span that the page of a sensor shows, in bars of so much time.
type zoom struct {
	key       string
	span, bar time.Duration
}

// zooms: each has about as many bars as a wide screen has dots to tell apart.
var zooms = []zoom{
	{"day", 24 * time.Hour, 3 * time.Minute},
	{"week", 7 * 24 * time.Hour, 15 * time.Minute},
	{"month", 31 * 24 * time.Hour, time.Hour},
	{"year", 365 * 24 * time.Hour, 12 * time.Hour},
}

// readingsView is the page of one sensor.
type readingsView struct {
	Sensor, Place string
	Zooms         []zoomLink
	Before, After string // addresses; After is empty where that is the future
	CSV           string
	From, Until   time.Time
	Span          string // in words
	Plot          plot
	Samples       int
	Faults        int
	Low, High     string // of all; empty when there is no temperature
	HasLimits     bool
	MinC, MaxC    string // limits
	Rules         []string
}

type zoomLink struct {
	Key, Href string
	Here      bool
}

// plot is a chart that is made here: all of it in a box of plotW by plotH that is stretched to the screen, with labels beside it.
type plot struct {
	Path          string // the band between lowest and highest, broken where nothing is known
	Holes         []span
	Faults        []span
	HighY, LowY   float64 // of the limits
	BandH         float64
	Ticks         []chartTick
	Top, Bottom   string // temperatures at the edges
	HighPc, LowPc string // of the limits, hundredths of the height
}

type span struct{ X, W float64 }

type chartTick struct {
	Left, Text string
}

// minuteStamp is a time with its year: a chart may end in any.
const minuteStamp = "2006-01-02 15:04"

const (
	plotW = 1000.0
	plotH = 240.0
)

func (w *Web) readings(c echo.Context) error {
	l, now := chooseLang(c), w.Clock.Now()
	z := zooms[0]
	for _, o := range zooms {
		if o.key == c.QueryParam("span") {
			z = o
		}
	}
	v := readingsView{Sensor: c.QueryParam("sensor"), Until: now.Truncate(z.bar).Add(z.bar)}
	if v.Sensor == "" {
		return echo.ErrNotFound
	}
	if at, err := time.Parse(time.RFC3339, c.QueryParam("until")); err == nil && at.Before(v.Until) {
		v.Until = at.Truncate(z.bar)
	}
	v.From = v.Until.Add(-z.span)
	v.Span = v.From.In(w.zone).Format(minuteStamp) + " – " + v.Until.In(w.zone).Format(minuteStamp)
	v.links(z, now)
	if err := w.plotReadings(c.Request().Context(), l, &v, z); err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "readings", v.Sensor, "", v)
}

// links says where one goes from here: to other spans that end at the same time, and along.
func (v *readingsView) links(z zoom, now time.Time) {
	to := func(key string, until time.Time) string {
		return "/readings?sensor=" + url.QueryEscape(v.Sensor) + "&span=" + key + "&until=" + url.QueryEscape(until.UTC().Format(time.RFC3339))
	}
	for _, o := range zooms {
		v.Zooms = append(v.Zooms, zoomLink{o.key, to(o.key, v.Until), o.key == z.key})
	}
	v.Before = to(z.key, v.From)
	if v.Until.Before(now) {
		v.After = to(z.key, v.Until.Add(z.span))
	}
	v.CSV = "/v1/readings/csv?sensor=" + url.QueryEscape(v.Sensor) + "&from=" + url.QueryEscape(v.From.UTC().Format(time.RFC3339)) +
		"&to=" + url.QueryEscape(v.Until.UTC().Format(time.RFC3339))
	v.Place, _, _ = strings.Cut(v.Sensor, "/")
}

func (w *Web) plotReadings(ctx context.Context, l lang, v *readingsView, z zoom) error {
	var bars []store.Bar
	var limits store.Limits
	err := w.read(ctx, func(tx *store.Tx) (err error) {
		if bars, err = tx.Envelope(ctx, v.Sensor, v.From, v.Until, z.bar); err != nil {
			return err
		}
		if standing, own, err := tx.RulesAt(ctx, v.Place); err != nil {
			return err
		} else {
			v.Rules = rulesText(l, standing, own)
		}
		limits, err = tx.SensorLimits(ctx, v.Sensor)
		v.HasLimits = err == nil
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("chart of %s: %w", v.Sensor, err)
	}
	v.Plot = newPlot(bars, limits, v.HasLimits, v.From, v.Until)
	v.Plot.Ticks = w.chartTicks(l, z.key, v.From, v.Until)
	v.MinC, v.MaxC = celsius(limits.MinMilliC), celsius(limits.MaxMilliC)
	low, high, any := int64(0), int64(0), false
	for i := range bars {
		v.Samples, v.Faults = v.Samples+bars[i].Samples, v.Faults+bars[i].Faults
		if b := &bars[i]; b.Values() {
			if !any {
				low, high, any = b.Low, b.High, true
			}
			low, high = min(low, b.Low), max(high, b.High)
		}
	}
	if any {
		v.Low, v.High = celsius(low), celsius(high)
	}
	return nil
}

// newPlot draws bars that lie side by side. Time in which nothing was measured stays empty and is marked, if it can be seen at all.
func newPlot(bars []store.Bar, limits store.Limits, limited bool, from, until time.Time) plot {
	bottom, top := int64(1<<62), int64(-1<<62)
	if limited {
		bottom, top = limits.MinMilliC, limits.MaxMilliC
	}
	for i := range bars {
		if bars[i].Values() {
			bottom, top = min(bottom, bars[i].Low), max(top, bars[i].High)
		}
	}
	if bottom > top {
		bottom, top = 0, 10_000
	}
	bottom, top = bottom-1000, top+1000
	p := plot{Top: celsius(top), Bottom: celsius(bottom)}
	x := func(t time.Time) float64 { return plotW * float64(t.Sub(from)) / float64(until.Sub(from)) }
	y := func(v int64) float64 { return plotH * float64(top-v) / float64(top-bottom) }
	if limited {
		p.HighY, p.LowY = y(limits.MaxMilliC), y(limits.MinMilliC)
		p.BandH = p.LowY - p.HighY
		p.HighPc, p.LowPc = hundredths(100*p.HighY/plotH), hundredths(100*p.LowY/plotH)
	}
	longest := max(time.Duration(gapFactor*float64(store.BarStep(bars))), until.Sub(from)/time.Duration(plotW))
	var path strings.Builder
	last := from
	var piece []store.Bar
	for i := range bars {
		b := bars[i]
		if b.Faults*2 > b.Samples {
			p.Faults = append(p.Faults, span{x(b.At), plotW / float64(len(bars))})
		}
		if !b.Values() {
			continue
		}
		if b.First.Sub(last) > longest {
			p.Holes = append(p.Holes, span{x(last), x(b.First) - x(last)})
			drawPiece(&path, piece, x, y)
			piece = piece[:0]
		}
		piece, last = append(piece, b), b.Last
	}
	drawPiece(&path, piece, x, y)
	if until.Sub(last) > longest {
		p.Holes = append(p.Holes, span{x(last), plotW - x(last)})
	}
	p.Path = path.String()
	return p
}

// drawPiece draws the band of bars that follow each other: along the highest, and back along the lowest.
func drawPiece(path *strings.Builder, piece []store.Bar, x func(time.Time) float64, y func(int64) float64) {
	if len(piece) == 0 {
		return
	}
	pen := "M"
	point := func(t time.Time, v int64) {
		fmt.Fprintf(path, "%s%.1f %.1f", pen, x(t), y(v))
		pen = "L"
	}
	for i := range piece {
		point(piece[i].First, piece[i].High)
	}
	end := piece[len(piece)-1]
	point(end.Last, end.High)
	point(end.Last, end.Low)
	for i := range slices.Backward(piece) {
		point(piece[i].First, piece[i].Low)
	}
	path.WriteString("Z")
}

// chartTicks are the times under a chart: each sixth hour, midnights, each fifth one, or the beginnings of every other month.
func (w *Web) chartTicks(l lang, key string, from, until time.Time) (all []chartTick) {
	f := from.In(w.zone)
	at := time.Date(f.Year(), f.Month(), f.Day(), 0, 0, 0, 0, w.zone)
	next := func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	text := func(t time.Time) string { return w.date(l, t) }
	switch key {
	case "day":
		next = func(t time.Time) time.Time { return t.Add(6 * time.Hour) }
		text = func(t time.Time) string { return t.Format("15:04") }
	case "month":
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 6) }
	case "year":
		at = time.Date(f.Year(), f.Month(), 1, 0, 0, 0, 0, w.zone)
		next = func(t time.Time) time.Time { return t.AddDate(0, 2, 0) }
		text = func(t time.Time) string {
			if l == japanese {
				return t.Format("1月")
			}
			return t.Format("Jan")
		}
	}
	for ; at.Before(until); at = next(at) {
		if left := 100 * float64(at.Sub(from)) / float64(until.Sub(from)); left >= 0 && left <= 92 {
			all = append(all, chartTick{hundredths(left), text(at)})
		}
	}
	return all
}
