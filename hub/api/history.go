package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/store"
)

type historyJSON struct {
	LocationID   string            `json:"location_id"`
	DeliveryDate string            `json:"delivery_date"`
	AsKnownAt    time.Time         `json:"as_known_at"`
	At           time.Time         `json:"at"`
	Containers   []historyLineJSON `json:"containers"`
}

type historyLineJSON struct {
	Then    *pastJSON        `json:"then,omitempty"` // absent for one that was not there
	Now     *pastJSON        `json:"now,omitempty"`  // absent for one that is gone
	Differs []dispatch.Field `json:"differs"`
}

type pastJSON struct {
	ContainerID string         `json:"container_id"`
	FridgeID    string         `json:"fridge_id"`
	SlotID      string         `json:"slot_id"`
	ShopID      string         `json:"shop_id"`
	Category    string         `json:"category"`
	RunID       string         `json:"run_id"`
	ShipperID   string         `json:"shipper_id"`
	AddressID   string         `json:"address_id"`
	Items       int            `json:"items"`
	State       dispatch.State `json:"state"`
}

func toPast(p *dispatch.Past) *pastJSON {
	if p == nil {
		return nil
	}
	out := pastJSON(*p)
	return &out
}

// getHistory answers with a location's containers as they stood and as they are.
func (a *API) getHistory(c echo.Context) error {
	now := a.Clock.Now()
	out := historyJSON{LocationID: c.QueryParam("location"), DeliveryDate: c.QueryParam("date"), AsKnownAt: now}
	var err error
	if out.AsKnownAt, err = momentParam(c, "as_known_at", now); err != nil {
		return err
	}
	if out.At, err = momentParam(c, "at", out.AsKnownAt); err != nil {
		return err
	}
	err = a.read(c, func(ctx context.Context, tx *store.Tx) error {
		then, err := tx.History(ctx, out.LocationID, out.DeliveryDate, out.AsKnownAt, out.At)
		if err != nil {
			return err
		}
		today, err := tx.History(ctx, out.LocationID, out.DeliveryDate, now, now)
		out.Containers = each(dispatch.Compare(then, today), func(l dispatch.PastLine) historyLineJSON {
			return historyLineJSON{toPast(l.Then), toPast(l.Now), append([]dispatch.Field{}, l.Differs...)}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// momentParam is a time in the query, or another when it is not given.
func momentParam(c echo.Context, name string, otherwise time.Time) (time.Time, error) {
	text := c.QueryParam(name)
	if text == "" {
		return otherwise.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, &invalid{[]ProblemField{{name, "a time such as 2026-12-01T09:00:00Z"}}}
	}
	return t.UTC(), nil
}
