package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
)

// RentalEnd is how a piece leaves an order or the fleet without coming back, or money of it is settled.
type RentalEnd struct {
	Do     string `json:"do"`
	ItemID string `json:"item_id"`
	Yen    *int64 `json:"yen"` // of sell and lose; nil is the price of the garment
	Reason string `json:"reason"`
}

// What may be done to an order or a piece by the word of a person.
const (
	RentalCancel = "cancel" // the order
	RentalSettle = "settle" // the order's charge for a piece
	RentalSell   = "sell"
	RentalLose   = "lose"
	RentalRetire = "retire"
)

// EndRental does what a person has decided about an order or a piece.
func (a *API) EndRental(c echo.Context, order string, in RentalEnd) error {
	item, subject := "", order
	if in.Do != RentalCancel {
		var err error
		if item, _, err = bulk.SGTIN(in.ItemID); err != nil {
			return &invalid{[]ProblemField{{"item_id", err.Error()}}}
		}
		if order == "" {
			subject = item
		}
	}
	return a.rentalAct(c, in.Do, subject, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error {
		switch in.Do {
		case RentalCancel:
			return k.CancelOrder(ctx, tx, order, by, in.Reason, now)
		case RentalSettle:
			return k.SettleCharge(ctx, tx, order, item, by, in.Reason, now)
		case RentalSell:
			return k.Sell(ctx, tx, item, in.Yen, by, now)
		case RentalLose:
			return k.Lose(ctx, tx, item, in.Yen, by, in.Reason, now)
		case RentalRetire:
			return k.Retire(ctx, tx, item, by, in.Reason, now)
		}
		return &invalid{[]ProblemField{{"do", "cancel, settle, sell, lose or retire"}}}
	})
}

// endRentalOrder cancels an order, or settles one of its charges.
func (a *API) endRentalOrder(c echo.Context) error {
	var in RentalEnd
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.EndRental(c, Param(c, "id"), in); err != nil {
		return err
	}
	return a.rentalOrder(c, http.StatusOK, nil)
}

// endPiece sells, loses or retires a piece.
func (a *API) endPiece(c echo.Context) error {
	var in RentalEnd
	if err := c.Bind(&in); err != nil {
		return err
	}
	in.ItemID = Param(c, "id")
	if err := a.EndRental(c, "", in); err != nil {
		return err
	}
	return a.getPiece(c)
}

type batchJSON struct {
	BatchID     string     `json:"batch_id"`
	WarehouseID string     `json:"warehouse_id"`
	Vendor      string     `json:"vendor,omitempty"`
	OpenedAt    time.Time  `json:"opened_at"`
	DueAt       time.Time  `json:"due_at"`
	SentAt      *time.Time `json:"sent_at,omitempty"`
	ClosedAt    *time.Time `json:"closed_at,omitempty"`
	In          int        `json:"in"`
	Back        int        `json:"back"`
	Overdue     bool       `json:"overdue"`
}

type batchesJSON struct {
	Batches []batchJSON `json:"batches"`
}

// Overdue says that pieces should have come back from a batch by now.
func Overdue(b store.CleaningBatch, now time.Time) bool {
	return b.In > 0 && b.Closed.IsZero() && now.After(b.Due)
}

func (a *API) listBatches(c echo.Context) error { return a.batches(c, http.StatusOK) }

func (a *API) batches(c echo.Context, status int) error {
	var out batchesJSON
	now := a.Clock.Now()
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.CleaningBatches(ctx, c.QueryParam("all") == "true", maxList)
		out.Batches = each(all, func(b store.CleaningBatch) batchJSON {
			return batchJSON{b.ID, b.Warehouse, b.Vendor, b.Made, b.Due, optional(b.Sent), optional(b.Closed), b.In, b.Back, Overdue(b, now)}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(status, out)
}

// RentalBatch is what is done to a cleaning batch.
type RentalBatch struct {
	Do          string `json:"do"`
	BatchID     string `json:"batch_id"`
	WarehouseID string `json:"warehouse_id"`
	Vendor      string `json:"vendor"`
	Days        int    `json:"days"` // until it is due
}

// BatchActs are what may be done to a cleaning batch.
var BatchActs = []string{"open", "send", "receive", "close"}

// ChangeBatch opens, sends, receives or closes a cleaning batch.
func (a *API) ChangeBatch(c echo.Context, in RentalBatch) error {
	return a.rentalAct(c, "batch."+in.Do, in.BatchID, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error {
		due := now.AddDate(0, 0, in.Days)
		switch in.Do {
		case "open":
			return k.OpenBatch(ctx, tx, store.CleaningBatch{ID: in.BatchID, Warehouse: in.WarehouseID, Vendor: in.Vendor, Made: now, By: by, Due: due})
		case "send":
			return k.SendBatch(ctx, tx, in.BatchID, due, now)
		case "receive":
			_, err := k.ReceiveBatch(ctx, tx, in.BatchID, by, now)
			return err
		case "close":
			return k.CloseBatch(ctx, tx, in.BatchID, now)
		}
		return &invalid{[]ProblemField{{"do", "open, send, receive or close"}}}
	})
}

func (a *API) changeBatch(c echo.Context) error {
	var in RentalBatch
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.ChangeBatch(c, in); err != nil {
		return err
	}
	return a.batches(c, http.StatusOK)
}

type mendingJSON struct {
	RepairID  string     `json:"repair_id"`
	ItemID    string     `json:"item_id"`
	Garment   string     `json:"garment"`
	What      string     `json:"what"`
	OpenedAt  time.Time  `json:"opened_at"`
	ClosedAt  *time.Time `json:"closed_at,omitempty"`
	Repairer  string     `json:"repairer,omitempty"`
	CostYen   int64      `json:"cost_yen"`
	Custody   string     `json:"custody"`
	InWork    bool       `json:"in_work"`
	Inspected bool       `json:"inspected"` // by another person than the repairer
}

type repairsJSON struct {
	Repairs []mendingJSON `json:"repairs"`
}

func (a *API) listRepairs(c echo.Context) error { return a.repairs(c, http.StatusOK) }

func (a *API) repairs(c echo.Context, status int) error {
	var out repairsJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.RepairOrders(ctx, c.QueryParam("all") == "true", maxList)
		out.Repairs = each(all, func(r store.RepairOrder) mendingJSON {
			return mendingJSON{r.ID, r.Item, r.Garment, r.What, r.Made, optional(r.Closed), r.Repairer, r.CostYen, rental.CustodyName(r.Custody), r.InWork,
				!r.Closed.IsZero() && r.Unseen == ""}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(status, out)
}

// RentalRepair is what is done to a repair work order.
type RentalRepair struct {
	Do       string `json:"do"`
	RepairID string `json:"repair_id"`
	ItemID   string `json:"item_id"` // of open
	What     string `json:"what"`
	Badge    string `json:"badge"` // of close: who has repaired it
	CostYen  int64  `json:"cost_yen"`
}

// ChangeRepair opens or closes a repair work order.
func (a *API) ChangeRepair(c echo.Context, in RentalRepair) error {
	item := ""
	if in.Do == "open" {
		var err error
		if item, _, err = bulk.SGTIN(in.ItemID); err != nil {
			return &invalid{[]ProblemField{{"item_id", err.Error()}}}
		}
	}
	return a.rentalAct(c, "repair."+in.Do, in.RepairID, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error {
		switch in.Do {
		case "open":
			return k.OpenRepair(ctx, tx, store.RepairOrder{ID: in.RepairID, Item: item, What: in.What, Made: now, By: by})
		case "close":
			return k.CloseRepair(ctx, tx, in.RepairID, in.Badge, in.CostYen, now)
		}
		return &invalid{[]ProblemField{{"do", "open or close"}}}
	})
}

func (a *API) changeRepair(c echo.Context) error {
	var in RentalRepair
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.ChangeRepair(c, in); err != nil {
		return err
	}
	return a.repairs(c, http.StatusOK)
}

// FindPieces promises a piece to each line of an order that has none, as far as there are some.
func (a *API) FindPieces(c echo.Context, order string) error {
	return a.rentalAct(c, "allocate", order, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error {
		_, err := k.AllocateOrder(ctx, tx, order, now.Add(promiseFor), by, now)
		return err
	})
}
