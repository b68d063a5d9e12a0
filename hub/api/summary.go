package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/protocol"
)

type summaryJSON struct {
	DeliveryDate string         `json:"delivery_date"`
	Orders       sumOrders      `json:"orders"`
	Items        sumItems       `json:"items"`
	Used         sumUsed        `json:"used"`
	World        sumWorld       `json:"world"`
	Readings     sumReadings    `json:"readings"`
	Log          sumLog         `json:"log"`
	LateStops    []lateStopJSON `json:"late_stops"`
	Shortages    []shortageJSON `json:"shortages"`
	LeftOver     []string       `json:"left_over"`
	Undelivered  []string       `json:"undelivered"`
}

type sumOrders struct {
	Placed         int64            `json:"placed"`
	Accepted       int64            `json:"accepted"`
	Refused        int64            `json:"refused"`
	ByState        map[string]int64 `json:"by_state"`
	RefusedByLimit map[string]int64 `json:"refused_by_limit"`
}

type sumItems struct {
	Units int `json:"units"`
	Short int `json:"short"`
}

type sumUsed struct {
	Containers        int            `json:"containers"`
	Shippers          int            `json:"shippers"`
	Addresses         int            `json:"addresses"`
	Slots             int            `json:"slots"`
	ContainersByState map[string]int `json:"containers_by_state"`
}

type sumWorld struct {
	Scans         int `json:"scans"`
	ScansRefused  int `json:"scans_refused"`
	GrantsUsed    int `json:"grants_used"`
	GrantsRefused int `json:"grants_refused"`
	Unlocks       int `json:"unlocks"`
	DoorsOpened   int `json:"doors_opened"`
	Pickups       int `json:"pickups"`
	Alarms        int `json:"alarms"`
	Commands      int `json:"commands"`
}

type sumReadings struct {
	Received       int `json:"received"`
	Faulty         int `json:"faulty"`
	Records        int `json:"records"`
	MissingRecords int `json:"missing_records"`
}

type sumLog struct {
	Events        int `json:"events"`
	NotApplied    int `json:"not_applied"`
	Unknown       int `json:"unknown"`
	Quarantined   int `json:"quarantined"`
	MissingEvents int `json:"missing_events"`
}

type lateStopJSON struct {
	RunID     string            `json:"run_id"`
	Sequence  int               `json:"sequence"`
	Kind      dispatch.StopKind `json:"kind"`
	PlaceID   string            `json:"place_id"`
	PlaceName string            `json:"place_name"`
	PlannedAt time.Time         `json:"planned_at"`
	ReachedAt *time.Time        `json:"reached_at,omitempty"`
}

type shortageJSON struct {
	ShopID    string   `json:"shop_id"`
	ProductID string   `json:"product_id"`
	Name      string   `json:"name"`
	Units     int      `json:"units"`
	Orders    []string `json:"orders"`
}

func (a *API) getSummary(c echo.Context) error {
	var s store.Summary
	err := a.read(c, func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = tx.Summarise(ctx, c.QueryParam("date"), a.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, toSummary(s))
}

// scans are the kinds of event that begin with a scan of a person.
var scans = []protocol.Kind{protocol.KindContainerFilled, protocol.KindItemShort, protocol.KindContainerShelved,
	protocol.KindStopReached, protocol.KindContainerLoaded, protocol.KindContainerPlaced}

func toSummary(s store.Summary) summaryJSON {
	same := func(id string) string { return id }
	out := summaryJSON{DeliveryDate: s.Date, Orders: countOrders(s.Orders),
		Items: sumItems{s.Items, s.Short},
		Used:  sumUsed{s.Containers, s.Shippers, s.Addresses, s.Slots, s.ContainersByState},
		World: sumWorld{ScansRefused: s.Events[protocol.KindScanRefused], GrantsUsed: s.Events[protocol.KindGrantUsed],
			GrantsRefused: s.Events[protocol.KindGrantRefused], Unlocks: s.Events[protocol.KindRelayFired],
			DoorsOpened: s.Events[protocol.KindDoorOpened], Pickups: s.Pickups, Alarms: s.Alarms, Commands: s.Commands},
		Readings: sumReadings{s.Readings, s.FaultyReadings, s.ReadingRecords, s.MissingRecords},
		Log:      sumLog{s.EventsAll, s.NotApplied, s.Unknown, s.Quarantined, s.MissingEvents},
		LateStops: each(s.LateStops, func(l dispatch.Stop) lateStopJSON {
			return lateStopJSON{l.RunID, l.Sequence, l.Kind, l.PlaceID, l.PlaceName, l.PlannedAt, optional(l.ReachedAt)}
		}),
		Shortages: each(s.Shortages, func(s store.Shortage) shortageJSON {
			return shortageJSON{s.ShopID, s.ProductID, s.Name, s.Units, each(s.Orders, same)}
		}),
		LeftOver: each(s.LeftOver, same), Undelivered: each(s.Undelivered, same)}
	for _, kind := range scans {
		out.World.Scans += s.Events[kind]
	}
	return out
}

func countOrders(counts []order.Count) sumOrders {
	out := sumOrders{ByState: map[string]int64{}, RefusedByLimit: map[string]int64{}}
	for _, n := range counts {
		out.Placed += n.Orders
		out.ByState[string(n.State)] += n.Orders
		if n.State == order.Refused {
			out.Refused += n.Orders
			out.RefusedByLimit[string(n.Limit)] += n.Orders
		}
		if n.State.Holds() && n.State != order.Held {
			out.Accepted += n.Orders
		}
	}
	return out
}
