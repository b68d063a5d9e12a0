package api

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/store"
)

type previewJSON struct {
	At       time.Time        `json:"at"`
	Final    bool             `json:"final"`
	Accepted int              `json:"orders_accepted"`
	Held     int              `json:"orders_held"`
	LastHold *time.Time       `json:"last_hold_until,omitempty"`
	Cutoff   time.Time        `json:"last_cutoff"`
	Out      int              `json:"containers_out_of_service"`
	Runs     []runSummaryJSON `json:"runs"`
}

type runSummaryJSON struct {
	RunID      string            `json:"run_id"`
	RouteID    string            `json:"route_id"`
	Version    int               `json:"version"`
	Stops      int               `json:"stops"`
	Containers int               `json:"containers"`
	OnlyHeld   int               `json:"containers_of_held_orders_only"`
	Units      int               `json:"units"`
	Out        int               `json:"containers_out_of_service"`
	Shippers   []shipperFillJSON `json:"shippers"`
}

type shipperFillJSON struct {
	ShipperID  string `json:"shipper_id"`
	Category   string `json:"category"`
	Containers int    `json:"containers"`
	Capacity   int    `json:"capacity"`
}

// preview is how final a date is, nil unless dry_run asks for it. A shop or driver sees numbers of its own run only.
func (a *API) preview(ctx context.Context, c echo.Context, tx *store.Tx, route string) (*previewJSON, error) {
	if c.QueryParam("dry_run") != "true" {
		return nil, nil
	}
	p, err := tx.Preview(ctx, c.QueryParam("date"), a.Clock.Now())
	if err != nil {
		return nil, err
	}
	out := previewJSON{At: p.At.UTC(), Final: p.Final(), Accepted: p.Accepted, Held: p.Held, LastHold: optional(p.LastHold),
		Cutoff: p.Cutoff, Out: p.Broken(), Runs: []runSummaryJSON{}}
	if run := p.Of(route); run != nil {
		out.Runs = append(out.Runs, toRunSummary(*run))
	}
	return &out, nil
}

func toRunSummary(r dispatch.RunSummary) runSummaryJSON {
	return runSummaryJSON{r.RunID, r.RouteID, r.Version, r.Stops, r.Containers, r.OnlyHeld, r.Units, r.Out,
		each(r.Shippers, func(s dispatch.ShipperFill) shipperFillJSON { return shipperFillJSON(s) })}
}
