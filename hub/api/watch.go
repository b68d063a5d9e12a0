package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/people"
	"meguri/hub/store"
)

const (
	maxList     = 500
	maxReadings = 10_000
	maxSpan     = 31 * 24 * time.Hour
)

func (a *API) listReadings(c echo.Context) error {
	from, err := time.Parse(time.RFC3339Nano, c.QueryParam("from"))
	if err != nil {
		return &invalid{[]ProblemField{{"from", "a time such as 2026-12-01T09:00:00Z"}}}
	}
	until, err := time.Parse(time.RFC3339Nano, c.QueryParam("to"))
	if err != nil {
		return &invalid{[]ProblemField{{"to", "a time such as 2026-12-01T10:00:00Z"}}}
	}
	if span := until.Sub(from); span <= 0 || span > maxSpan {
		return &invalid{[]ProblemField{{"to", "a time after from, and at most 31 days later"}}}
	}
	var out struct {
		Readings []readingJSON `json:"readings"`
		Next     *time.Time    `json:"next,omitempty"`
	}
	err = a.read(c, func(ctx context.Context, tx *store.Tx) error {
		found, next, err := tx.ReadingsOf(ctx, c.QueryParam("sensor"), from, until, maxReadings)
		out.Readings, out.Next = each(found, toReading), optional(next)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type eventJSON struct {
	DeviceID    string    `json:"device_id"`
	Incarnation string    `json:"incarnation"`
	Number      int64     `json:"number"`
	Name        string    `json:"name"`
	Subject     string    `json:"subject"`
	At          time.Time `json:"at"`
	Within      int64     `json:"uncertainty_ms"`
	ClaimedAt   time.Time `json:"claimed_at"`
	ReceivedAt  time.Time `json:"received_at"`
	Outcome     string    `json:"outcome"`
	Reason      string    `json:"reason,omitempty"`
}

// claimed is what a device says its clock showed, as far as a date in JSON can say it.
func claimed(t time.Time) time.Time {
	first, last := time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	switch {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t
}

// listEvents looks by subject, the newest first, or goes through what one device said, in its order.
func (a *API) listEvents(c echo.Context) error {
	subject, device := c.QueryParam("subject"), c.QueryParam("device")
	if (subject == "") == (device == "") {
		return &invalid{[]ProblemField{{"subject", "this or device"}}}
	}
	after := int64(0)
	if text := c.QueryParam("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || device == "" {
			return &invalid{[]ProblemField{{"after", "with device, the number of an event"}}}
		}
	}
	var out struct {
		Events []eventJSON `json:"events"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		var found []store.EventView
		var err error
		if device != "" {
			found, err = tx.EventsOfDevice(ctx, device, after, maxList)
		} else {
			found, err = tx.EventsOf(ctx, subject, maxList)
		}
		out.Events = each(found, func(e store.EventView) eventJSON {
			return eventJSON{e.Device, e.Incarnation, e.Number, e.Name, e.Subject, e.At, e.Within.Milliseconds(), claimed(e.Claimed), e.Received,
				e.Outcome, e.Reason}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type workJSON struct {
	WorkID     string     `json:"work_id"`
	Kind       string     `json:"kind"`
	Subject    string     `json:"subject"`
	Detail     string     `json:"detail"`
	DetailText textJSON   `json:"detail_text"`
	OpenedAt   time.Time  `json:"opened_at"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
	ClosedBy   string     `json:"closed_by,omitempty"`
}

func (a *API) listWork(c echo.Context) error {
	var out struct {
		Work []workJSON `json:"work"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		found, err := tx.Work(ctx, c.QueryParam("all") == "true", maxList)
		out.Work = each(found, func(w store.WorkView) workJSON {
			return workJSON{w.ID, w.Kind, w.Subject, w.Detail.In("en"), textJSON(w.Detail.Text()), w.Opened, optional(w.Closed), w.ClosedBy}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (a *API) closeWork(c echo.Context) error {
	if err := a.CloseWork(c.Request().Context(), Who(c), Param(c, "id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// CloseWork notes that a person has done a work item. It is store.ErrNotFound for one that is not there or closed already.
func (a *API) CloseWork(ctx context.Context, who people.Person, id string) error {
	now := a.Clock.Now()
	err := a.Store.Change(ctx, func(tx *store.Tx) error {
		if err := tx.CloseWork(ctx, id, who.ID, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, people.NewAct(now, who.ID, "work.close", id, ""))
	})
	if err != nil {
		return fmt.Errorf("close work: %w", err)
	}
	a.Feed.Changed()
	return nil
}
