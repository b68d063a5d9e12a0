package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/report"
	"meguri/hub/store"
)

// maxLongSpan is a year and what a leap day and a time zone may add.
const maxLongSpan = 367 * 24 * time.Hour

// spanOf reads the parameters from and to, at most so far apart.
func spanOf(c echo.Context, most time.Duration, want string) (from, to time.Time, err error) {
	if from, err = time.Parse(time.RFC3339Nano, c.QueryParam("from")); err != nil {
		return from, to, &invalid{[]ProblemField{{"from", "a time such as 2026-12-01T09:00:00Z"}}}
	}
	if to, err = time.Parse(time.RFC3339Nano, c.QueryParam("to")); err != nil {
		return from, to, &invalid{[]ProblemField{{"to", "a time such as 2026-12-01T10:00:00Z"}}}
	}
	if span := to.Sub(from); span <= 0 || span > most {
		return from, to, &invalid{[]ProblemField{{"to", want}}}
	}
	return from, to, nil
}

// csvPause is how long one page may take to reach a slow reader.
const csvPause = 30 * time.Second

// exportReadings streams readings as CSV. When it fails on the way the connection is cut, so that the reader sees that it is not all.
func (a *API) exportReadings(c echo.Context) error {
	from, to, err := spanOf(c, maxLongSpan, "a time after from, and at most 367 days later")
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8; header=present")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="readings.csv"`)
	conn := http.NewResponseController(c.Response())
	extend := func(t time.Time) { _ = conn.SetWriteDeadline(t) } // a recorder in a test has none
	extend(a.RealNow().Add(csvPause))
	_, err = report.WriteCSV(c.Request().Context(), a.Store, c.Response(), c.QueryParam("sensor"), from, to, func() {
		c.Response().Flush()
		extend(a.RealNow().Add(csvPause))
	})
	if err != nil && c.Response().Committed {
		extend(a.RealNow().Add(-time.Second))
	}
	return err
}

type barJSON struct {
	At      time.Time `json:"at"`
	Samples int       `json:"samples"`
	Faults  int       `json:"faults"`
	Low     *int64    `json:"min_milli_c,omitempty"`
	High    *int64    `json:"max_milli_c,omitempty"`
}

func toBar(b store.Bar) barJSON {
	out := barJSON{At: b.At, Samples: b.Samples, Faults: b.Faults}
	if b.Values() {
		out.Low, out.High = &b.Low, &b.High
	}
	return out
}

// chartReadings gives the lowest and highest reading of each of so many stretches of a span.
func (a *API) chartReadings(c echo.Context) error {
	from, to, err := spanOf(c, maxLongSpan, "a time after from, and at most 367 days later")
	if err != nil {
		return err
	}
	var out struct {
		From  time.Time `json:"from"`
		EachS int64     `json:"each_s"`
		Min   *int64    `json:"limit_min_milli_c,omitempty"`
		Max   *int64    `json:"limit_max_milli_c,omitempty"`
		Bars  []barJSON `json:"bars"`
	}
	each1 := max((to.Sub(from)/chartBars + time.Second - 1).Truncate(time.Second), time.Minute)
	out.From, out.EachS = from.UTC(), int64(each1/time.Second)
	err = a.read(c, func(ctx context.Context, tx *store.Tx) error {
		bars, err := tx.Envelope(ctx, c.QueryParam("sensor"), from, to, each1)
		if err != nil {
			return err
		}
		out.Bars = each(bars, toBar)
		limits, err := tx.SensorLimits(ctx, c.QueryParam("sensor"))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		out.Min, out.Max = &limits.MinMilliC, &limits.MaxMilliC
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// chartBars is how many bars a chart has at most: more than there are dots on most screens.
const chartBars = 1000

// reportJourney gives the signed report of a dated container's journey as it is known now.
func (a *API) reportJourney(c echo.Context) error {
	if a.Reports == nil {
		return fmt.Errorf("%w: this hub makes no reports", errUnavailable)
	}
	lang, err := report.Language(c.QueryParam("lang"))
	if err != nil {
		return &invalid{[]ProblemField{{"lang", "en or ja"}}}
	}
	var j report.Journey
	err = a.read(c, func(ctx context.Context, tx *store.Tx) (err error) {
		j, err = report.Read(ctx, tx, Param(c, "id"), a.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	j.Lang = lang
	pdf, err := a.Reports.Print(&j)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="report-`+url.PathEscape(j.Container)+`.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", pdf)
}
