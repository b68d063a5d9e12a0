package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/fleet"
	"meguri/hub/store"
)

// Bounds of one answer: a longer span is answered in parts, each well within a request's time also for a device that sends each
// round by itself.
const (
	maxStretches = 1000
	maxPart      = 92 * 24 * time.Hour
)

type completenessJSON struct {
	DeviceID  string        `json:"device_id"`
	From      time.Time     `json:"from"`
	To        time.Time     `json:"to"`
	Sensor    string        `json:"sensor,omitempty"`
	Complete  *int          `json:"complete_permille,omitempty"`
	Stretches []stretchJSON `json:"stretches"`
	Totals    []totalJSON   `json:"totals"`
	Next      *time.Time    `json:"next,omitempty"`
}

type stretchJSON struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	State    string    `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	Sensor   string    `json:"sensor,omitempty"`
	Rounds   int       `json:"rounds"`
	Samples  int       `json:"samples"`
	WithinMS int64     `json:"within_ms"`
	Assumed  bool      `json:"interval_assumed"`
}

type totalJSON struct {
	State   string `json:"state"`
	TimeMS  int64  `json:"time_ms"`
	Rounds  int    `json:"rounds"`
	Samples int    `json:"samples"`
}

func toStretch(s fleet.Stretch) stretchJSON {
	return stretchJSON{s.From.UTC(), s.To.UTC(), string(s.State), s.Reason, s.Sensor, s.Rounds, s.Samples, s.Within.Milliseconds(), s.Assumed}
}

func toTotal(t fleet.Total) totalJSON {
	return totalJSON{string(t.State), t.Time.Milliseconds(), t.Rounds, t.Samples}
}

// getCompleteness says what the hub has and lacks of a device's readings.
func (a *API) getCompleteness(c echo.Context) error {
	from, err := time.Parse(time.RFC3339Nano, c.QueryParam("from"))
	if err != nil {
		return &invalid{[]ProblemField{{"from", "a time such as 2026-12-01T09:00:00Z"}}}
	}
	to, err := time.Parse(time.RFC3339Nano, c.QueryParam("to"))
	if err != nil {
		return &invalid{[]ProblemField{{"to", "a time such as 2026-12-01T10:00:00Z"}}}
	}
	if err := fleet.CheckSpan(from, to); err != nil {
		return &invalid{[]ProblemField{{"to", "a time after from, and at most 400 days later"}}}
	}
	out := completenessJSON{DeviceID: Param(c, "id"), From: from.UTC(), To: to.UTC(), Sensor: c.QueryParam("sensor")}
	ask := fleet.Ask{From: from, To: earlier(to, from.Add(maxPart)), Now: a.Clock.Now(), Sensor: out.Sensor, Most: maxStretches}
	err = a.read(c, func(ctx context.Context, tx *store.Tx) error {
		stretches, reached, err := tx.Ledger(ctx, out.DeviceID, ask)
		totals := fleet.Totals(stretches)
		out.Stretches, out.Totals, out.Next = each(stretches, toStretch), each(totals, toTotal), nil
		if reached.Before(to) {
			reached = reached.UTC()
			out.Next = &reached
		}
		if n, ok := fleet.Complete1000(totals); ok {
			out.Complete = &n
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
