package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/check"
	"meguri/hub/people"
	"meguri/hub/store"
)

type findingsJSON struct {
	Findings []findingJSON `json:"findings"`
	Open     int           `json:"open"`
	Look     *lookJSON     `json:"last_look,omitempty"`
}

type lookJSON struct {
	At         time.Time `json:"at"`
	TookMS     int64     `json:"took_ms"`
	Dates      int       `json:"dates"`
	Containers int       `json:"containers"`
	Orders     int       `json:"orders"`
	Items      int       `json:"items"`
	Findings   int       `json:"findings"`
	Omitted    int       `json:"omitted"`
}

type findingJSON struct {
	FindingID    string      `json:"finding_id"`
	Kind         check.Kind  `json:"kind"`
	Severity     string      `json:"severity"`
	DeliveryDate string      `json:"delivery_date"`
	Subject      string      `json:"subject"`
	Detail       string      `json:"detail"`
	Rows         []rowJSON   `json:"rows"`
	Orders       []string    `json:"orders"`
	MoreOrders   int         `json:"more_orders,omitempty"`
	DepartsAt    *time.Time  `json:"departs_at,omitempty"`
	Minutes      *int        `json:"minutes_to_departure,omitempty"`
	Repair       *repairJSON `json:"repair,omitempty"`
	NoRepair     string      `json:"no_repair,omitempty"`
	FirstSeenAt  time.Time   `json:"first_seen_at"`
	LastSeenAt   time.Time   `json:"last_seen_at"`
	GoneAt       *time.Time  `json:"gone_at,omitempty"`
}

type rowJSON struct {
	Table string `json:"table"`
	Key   string `json:"key"`
}

type repairJSON struct {
	RepairID    string           `json:"repair_id"`
	Differences []differenceJSON `json:"differences"`
}

type differenceJSON struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Field  string `json:"field,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

func toFinding(f store.FindingView, now time.Time) findingJSON {
	same := func(s string) string { return s }
	out := findingJSON{FindingID: f.ID, Kind: f.Kind, Severity: f.Severity.String(), DeliveryDate: f.Date, Subject: f.Subject,
		Detail: f.Text(), Rows: each(f.Rows, func(r check.Row) rowJSON { return rowJSON(r) }), Orders: each(f.Orders, same),
		MoreOrders: f.More, DepartsAt: optional(f.Departs), NoRepair: f.None.Text(), FirstSeenAt: f.First, LastSeenAt: f.Last,
		GoneAt: optional(f.GoneAt)}
	if !f.Departs.IsZero() {
		minutes := int(f.Departs.Sub(now).Minutes())
		out.Minutes = &minutes
	}
	if f.Repair != "" {
		out.Repair = &repairJSON{f.Repair, each(f.Differences, func(d check.Difference) differenceJSON {
			return differenceJSON{d.Row.Table, d.Row.Key, d.Field, d.Before, d.After}
		})}
	}
	return out
}

// listFindings gives what the checker has found.
func (a *API) listFindings(c echo.Context) error {
	var out findingsJSON
	now := a.Clock.Now()
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Findings(ctx, c.QueryParam("all") == "true", maxList)
		if err != nil {
			return err
		}
		out = findingsJSON{Findings: each(all, func(f store.FindingView) findingJSON { return toFinding(f, now) })}
		if out.Open, err = tx.FindingsOpen(ctx); err != nil {
			return err
		}
		look, found, err := tx.LastLook(ctx)
		if found {
			out.Look = &lookJSON{look.At, look.Took.Milliseconds(), look.Dates, look.Containers, look.Orders, look.Items, look.Findings, look.Omitted}
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// Repair applies the repair that was shown with a finding. It is check.ErrChanged when it is not to be made any more.
func (a *API) Repair(ctx context.Context, who people.Person, finding, repair string) error {
	var f store.FindingView
	err := a.Store.Read(ctx, func(tx *store.Tx) (err error) {
		f, err = tx.Finding(ctx, finding)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return check.ErrChanged
	}
	if err != nil {
		return err
	}
	service, now := check.NewService(a.Store.Checks()), a.Clock.Now()
	done, err := service.Apply(ctx, f.Dates, repair, who.ID, now)
	if err == nil && a.Touch != nil {
		for _, place := range done.Repair.Places() {
			a.Touch(place)
		}
	}
	if errors.Is(err, check.ErrChanged) { // what was shown is old
		err = errors.Join(err, service.Refresh(ctx, now, f.Dates...))
	}
	a.Feed.Changed()
	return err
}
