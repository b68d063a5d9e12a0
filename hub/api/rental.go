package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/store"
)

// keeper changes what is promised; scanners get their lists soon after.
func (a *API) keeper() *rental.Keeper {
	return &rental.Keeper{Changed: func(tx *store.Tx, warehouse string) {
		if a.Touch != nil {
			tx.OnCommit(func() { a.Touch(warehouse) })
		}
	}}
}

type pieceJSON struct {
	ItemID      string           `json:"item_id"`
	GTIN        string           `json:"gtin"`
	Garment     string           `json:"garment"`
	WarehouseID string           `json:"warehouse_id"`
	Custody     string           `json:"custody"`
	Since       time.Time        `json:"since"`
	Place       string           `json:"place"`
	Bag         string           `json:"bag,omitempty"`
	OrderID     string           `json:"order_id,omitempty"`
	PromisedTo  string           `json:"promised_to,omitempty"`
	Grade       string           `json:"grade,omitempty"`
	Fit         bool             `json:"fit"`
	Available   bool             `json:"available"`
	Turns       int              `json:"turns"`
	DamageKinds []string         `json:"damages"`
	Events      []pieceEventJSON `json:"events"`
	Commitments []commitmentJSON `json:"commitments"`
}

// pieceEventJSON is what was done to a piece, with its step and state as EPCIS 2.0 and CBV 2.0 name them.
type pieceEventJSON struct {
	Step        string    `json:"step"`
	BizStep     string    `json:"biz_step,omitempty"`
	Disposition string    `json:"disposition,omitempty"`
	HappenedAt  time.Time `json:"happened_at"`
	WithinMS    int64     `json:"within_ms"`
	RecordedAt  time.Time `json:"recorded_at"`
	DeviceID    string    `json:"device_id,omitempty"`
	Number      uint64    `json:"number"`
	Who         string    `json:"who,omitempty"`
	Place       string    `json:"place,omitempty"`
	Bag         string    `json:"bag,omitempty"`
	OrderID     string    `json:"order_id,omitempty"`
	Batch       string    `json:"batch,omitempty"`
	After       string    `json:"after"`
	Breach      string    `json:"breach,omitempty"`
	Why         string    `json:"why,omitempty"`
}

type commitmentJSON struct {
	OrderID string     `json:"order_id"`
	Line    int        `json:"line"`
	MadeAt  time.Time  `json:"made_at"`
	EndedAt *time.Time `json:"ended_at,omitempty"`
	How     string     `json:"how,omitempty"`
}

// getPiece gives a piece's whole life.
func (a *API) getPiece(c echo.Context) error {
	id, _, err := bulk.SGTIN(Param(c, "id"))
	if err != nil {
		return &invalid{[]ProblemField{{"id", err.Error()}}}
	}
	var out pieceJSON
	err = a.read(c, func(ctx context.Context, tx *store.Tx) error {
		l, err := rental.LifeOf(ctx, tx, id)
		out = toPiece(l, a.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func toPiece(l rental.Life, now time.Time) pieceJSON {
	i := l.Item
	out := pieceJSON{ItemID: i.ID, GTIN: i.GTIN, Garment: l.Garment, WarehouseID: i.Warehouse, Custody: rental.CustodyName(i.Custody), Since: i.Since,
		Place: i.Place, Bag: i.Bag, OrderID: i.Order, PromisedTo: i.Commitment.Order, Grade: rental.GradeName(i.Grade), Fit: i.Fit(),
		Available: i.Available(now), Turns: i.Turns, DamageKinds: []string{}}
	for _, d := range i.Damages {
		out.DamageKinds = append(out.DamageKinds, d.Kind)
	}
	out.Events = each(l.Events, func(m rental.Moment) pieceEventJSON {
		step := rental.StepName(m.Step)
		if m.Act != 0 {
			step = rental.ActName(m.Act)
		}
		bizStep, disposition := rental.CBV(m.RentalEvent)
		return pieceEventJSON{Step: step, BizStep: bizStep, Disposition: disposition, HappenedAt: m.At, WithinMS: m.Within.Milliseconds(),
			RecordedAt: m.Recorded, DeviceID: m.DeviceID(), Number: m.Number, Who: m.Operator, Place: m.Place, Bag: m.Bag, OrderID: m.Order,
			Batch: m.Batch, After: rental.CustodyName(m.After), Breach: m.Breach, Why: m.Why}
	})
	out.Commitments = each(l.Commitments, func(x store.Commitment) commitmentJSON {
		return commitmentJSON{x.Order, x.Line, x.Made, optional(x.Ended), x.How}
	})
	return out
}

type stagesJSON struct {
	Stages []stageJSON `json:"stages"`
	Cycles []cycleJSON `json:"cycles"`
	Rates  ratesJSON   `json:"rates"`
}

type stageJSON struct {
	Custody  string    `json:"custody"`
	Pieces   int       `json:"pieces"`
	OldestAt time.Time `json:"oldest_at"`
	MeanMS   int64     `json:"mean_wait_ms"`
}

type cycleJSON struct {
	Custody   string `json:"custody"`
	Entered   int    `json:"entered"`
	GoneOn    int    `json:"gone_on"`
	MeanMS    int64  `json:"mean_ms"`
	LongestMS int64  `json:"longest_ms"`
}

type ratesJSON struct {
	Pieces        int     `json:"pieces"`
	TurnsPerPiece float64 `json:"turns_per_piece"`
	DamageRate    float64 `json:"damage_rate"`
	LossRate      float64 `json:"loss_rate"`
	Retired       int     `json:"retired"`
	Sold          int     `json:"sold"`
	RepairYen     int64   `json:"repair_yen"`
}

// statsDays is how many days cycle times and rates are of.
const statsDays = 30

// getStages says where pieces wait, and what the round costs.
func (a *API) getStages(c echo.Context) error {
	out := stagesJSON{Stages: []stageJSON{}, Cycles: []cycleJSON{}}
	now, warehouse := a.Clock.Now(), c.QueryParam("warehouse")
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		stages, err := tx.Stages(ctx, warehouse, now)
		if err != nil {
			return err
		}
		turns, err := tx.StageTurns(ctx, warehouse, now.AddDate(0, 0, -statsDays))
		if err != nil {
			return err
		}
		r, err := tx.Rates(ctx, warehouse, now.AddDate(0, 0, -statsDays))
		out.Stages = each(stages, func(s store.StageCount) stageJSON {
			return stageJSON{rental.CustodyName(s.Custody), s.Pieces, s.Oldest, s.Waited.Milliseconds()}
		})
		out.Cycles = each(turns, func(s store.StageTurn) cycleJSON {
			return cycleJSON{rental.CustodyName(s.Custody), s.Entered, s.GoneOn, s.Mean.Milliseconds(), s.Longest.Milliseconds()}
		})
		out.Rates = ratesJSON{r.Pieces, r.TurnsPerPiece(), r.DamageRate(), r.LossRate(), r.Retired, r.Sold, r.RepairYen}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type todayJSON struct {
	Until  string         `json:"until"`
	Orders int            `json:"orders"`
	Ready  int            `json:"ready"`
	Steps  map[string]int `json:"steps"`
	Lines  []todoJSON     `json:"lines"`
}

type todoJSON struct {
	OrderID  string `json:"order_id"`
	ShipDate string `json:"ship_date"`
	Line     int    `json:"line"`
	GTIN     string `json:"gtin"`
	Do       string `json:"do"`
	ItemID   string `json:"item_id,omitempty"`
	Place    string `json:"place,omitempty"`
}

// getRentalToday says what must be done for the orders that are to be shipped until a date.
func (a *API) getRentalToday(c echo.Context) error {
	var out todayJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		t, err := rental.TodoUntil(ctx, tx, c.QueryParam("warehouse"), c.QueryParam("until"))
		out = todayJSON{t.Until, t.Orders, t.Ready, t.Steps, each(t.Lines[:min(len(t.Lines), maxList)], func(l store.ToShip) todoJSON {
			return todoJSON{l.Order, l.ShipDate, l.Line, l.GTIN, rental.NextFor(l), l.Piece, l.Place}
		})}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type rentalOrdersJSON struct {
	Orders []rentalOrderJSON `json:"orders"`
}

type rentalOrderJSON struct {
	OrderID     string           `json:"order_id"`
	CustomerID  string           `json:"customer_id"`
	WarehouseID string           `json:"warehouse_id"`
	ShipDate    string           `json:"ship_date"`
	State       string           `json:"state,omitempty"`
	Tote        string           `json:"tote,omitempty"`
	Pieces      *progressJSON    `json:"pieces,omitempty"`
	Lines       []rentalLineJSON `json:"lines,omitempty"`
	Charges     []chargeJSON     `json:"charges,omitempty"`
}

// progressJSON is what has become of an order's pieces so far.
type progressJSON struct {
	Open     int `json:"open"`
	Returned int `json:"returned"`
	Sold     int `json:"sold"`
	Lost     int `json:"lost"`
}

type chargeJSON struct {
	ItemID    string     `json:"item_id"`
	Kind      string     `json:"kind"`
	Yen       int64      `json:"yen"`
	MadeAt    time.Time  `json:"made_at"`
	SettledAt *time.Time `json:"settled_at,omitempty"`
	Note      string     `json:"note,omitempty"`
}

type rentalLineJSON struct {
	Line    int    `json:"line"`
	GTIN    string `json:"gtin"`
	Chosen  string `json:"chosen,omitempty"`
	ItemID  string `json:"item_id,omitempty"`
	Custody string `json:"custody,omitempty"`
	Ended   string `json:"ended,omitempty"`
	Why     string `json:"why,omitempty"`
}

func toRentalOrder(o store.RentalOrder) rentalOrderJSON {
	return rentalOrderJSON{OrderID: o.ID, CustomerID: o.Customer, WarehouseID: o.Warehouse, ShipDate: o.ShipDate, State: o.State, Tote: o.Tote}
}

func progressOf(ctx context.Context, tx *store.Tx, order string) (*progressJSON, error) {
	all, err := tx.RentalProgress(ctx, order)
	p, has := all[order]
	if err != nil || !has {
		return nil, err
	}
	return &progressJSON{p.Open, p.Returned, p.Sold, p.Lost}, nil
}

// listRentalOrders gives a customer their own.
func (a *API) listRentalOrders(c echo.Context) error {
	out := rentalOrdersJSON{}
	customer := ""
	if who := Who(c); who.Role == people.Customer {
		customer = who.Place
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.RentalOrders(ctx, c.QueryParam("state"), customer, maxList)
		out.Orders = each(all, toRentalOrder)
		for n := range out.Orders {
			if err == nil {
				out.Orders[n].Pieces, err = progressOf(ctx, tx, out.Orders[n].OrderID)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (a *API) getRentalOrder(c echo.Context) error { return a.rentalOrder(c, http.StatusOK, nil) }

// rentalOrder answers with an order, and why lines have no piece where that was tried.
func (a *API) rentalOrder(c echo.Context, status int, tried []rental.LineOutcome) error {
	var out rentalOrderJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		o, err := tx.RentalOrder(ctx, Param(c, "id"))
		if err != nil {
			return err
		}
		if !Who(c).Owns(o.Customer) {
			return fmt.Errorf("rental order %s: %w", o.ID, store.ErrNotFound) // that there is one is not theirs to know either
		}
		out = toRentalOrder(o)
		if out.Pieces, err = progressOf(ctx, tx, o.ID); err != nil {
			return err
		}
		charges, err := tx.RentalCharges(ctx, o.ID)
		if err != nil {
			return err
		}
		for _, c := range charges {
			out.Charges = append(out.Charges, chargeJSON{c.Item, c.Kind, c.Yen, c.Made, optional(c.Settled), c.Note})
		}
		ends, err := tx.RentalEnds(ctx, o.ID)
		if err != nil {
			return err
		}
		lines, err := tx.RentalLines(ctx, o.ID)
		out.Lines = each(lines, func(l store.RentalLine) rentalLineJSON {
			line := rentalLineJSON{Line: l.Line, GTIN: l.GTIN, Chosen: l.Chosen, ItemID: l.Piece}
			if l.Piece != "" {
				line.Custody = rental.CustodyName(l.Custody)
			}
			for _, e := range ends {
				if e.Line == l.Line && l.Piece == "" {
					line.ItemID, line.Ended = e.Item, e.How
				}
			}
			for _, t := range tried {
				if t.Line == l.Line && l.Piece == "" {
					line.Why = t.Why
				}
			}
			return line
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(status, out)
}

// addRentalOrder adds a customer's order with its styling. The same again is harmless.
func (a *API) addRentalOrder(c echo.Context) error {
	var in struct {
		OrderID     string `json:"order_id"`
		CustomerID  string `json:"customer_id"`
		WarehouseID string `json:"warehouse_id"`
		ShipDate    string `json:"ship_date"`
		Lines       []struct {
			GTIN   string `json:"gtin"`
			ItemID string `json:"item_id"`
		} `json:"lines"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	o := bulk.RentalOrder{ID: in.OrderID, CustomerID: in.CustomerID, WarehouseID: in.WarehouseID, ShipDate: in.ShipDate}
	for _, l := range in.Lines {
		line := bulk.RentalLine{GTIN: l.GTIN}
		if l.ItemID != "" {
			var err error
			if line.ItemID, line.GTIN, err = bulk.SGTIN(l.ItemID); err != nil {
				return &invalid{[]ProblemField{{"lines.item_id", err.Error()}}}
			}
		}
		o.Lines = append(o.Lines, line)
	}
	added := false
	err := a.rentalAct(c, "order", o.ID, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) (err error) {
		if err := a.knownTo(ctx, tx, o); err != nil {
			return err
		}
		added, err = k.AddOrder(ctx, tx, o, by, now)
		return err
	})
	if err != nil {
		return err
	}
	c.SetParamNames("id")
	c.SetParamValues(o.ID)
	if added {
		return a.rentalOrder(c, http.StatusCreated, nil)
	}
	return a.rentalOrder(c, http.StatusOK, nil)
}

// knownTo says what an order names that is not there.
func (a *API) knownTo(ctx context.Context, tx *store.Tx, o bulk.RentalOrder) error {
	there, err := tx.HasWarehouse(ctx, o.WarehouseID)
	if err == nil && !there {
		err = &invalid{[]ProblemField{{"warehouse_id", "a warehouse that was imported"}}}
	}
	for _, l := range o.Lines {
		if err != nil {
			return err
		}
		if there, err = tx.HasGarment(ctx, l.GTIN); err == nil && !there {
			err = &invalid{[]ProblemField{{"lines.gtin", "a garment that was imported, by 14 digits"}}}
		}
		if l.ItemID == "" || err != nil {
			continue
		}
		piece, no := tx.RentalItem(ctx, l.ItemID)
		if err = no; errors.Is(no, store.ErrNotFound) || no == nil && piece.Warehouse != o.WarehouseID {
			err = &invalid{[]ProblemField{{"lines.item_id", "a piece of the order's warehouse"}}}
		}
	}
	return err
}

// rentalAct runs fn in a transaction that also records who did it.
func (a *API) rentalAct(c echo.Context, verb, subject string, fn func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error) error {
	now, by := a.Clock.Now(), Who(c).ID
	err := a.Store.Change(c.Request().Context(), func(tx *store.Tx) error {
		if err := fn(c.Request().Context(), a.keeper(), tx, by, now); err != nil {
			return err
		}
		return tx.RecordAct(c.Request().Context(), people.NewAct(now, by, "rental."+verb, subject, ""))
	})
	if err == nil {
		a.Feed.Changed()
	}
	return err
}

// promiseFor is how long a promise holds when nothing is said.
const promiseFor = 72 * time.Hour

// allocateRental promises a piece to each line that has none, or the piece that is named.
func (a *API) allocateRental(c echo.Context) error {
	var in struct {
		ItemID string     `json:"item_id"`
		Until  *time.Time `json:"until"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	var tried []rental.LineOutcome
	id := Param(c, "id")
	err := a.rentalAct(c, "allocate", id, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) (err error) {
		until := now.Add(promiseFor)
		if in.Until != nil {
			until = *in.Until
		}
		if in.ItemID == "" {
			tried, err = k.AllocateOrder(ctx, tx, id, until, by, now)
			return err
		}
		item, _, err := bulk.SGTIN(in.ItemID)
		if err != nil {
			return &invalid{[]ProblemField{{"item_id", err.Error()}}}
		}
		return k.Allocate(ctx, tx, id, item, until, by, now)
	})
	if err != nil {
		return err
	}
	return a.rentalOrder(c, http.StatusOK, tried)
}

// releaseRental takes a promise back.
func (a *API) releaseRental(c echo.Context) error {
	var in struct {
		ItemID string `json:"item_id"`
		Reason string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	id := Param(c, "id")
	item, _, err := bulk.SGTIN(in.ItemID)
	if err != nil {
		return &invalid{[]ProblemField{{"item_id", err.Error()}}}
	}
	err = a.rentalAct(c, "release", id, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error {
		return k.Release(ctx, tx, id, item, by, in.Reason, now)
	})
	if err != nil {
		return err
	}
	return a.rentalOrder(c, http.StatusOK, nil)
}

// deliverRental says that an order is with its customer.
func (a *API) deliverRental(c echo.Context) error {
	id := Param(c, "id")
	err := a.rentalAct(c, "deliver", id, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) error {
		_, err := k.Deliver(ctx, tx, id, by, now)
		return err
	})
	if err != nil {
		return err
	}
	return a.rentalOrder(c, http.StatusOK, nil)
}

type bagsJSON struct {
	Bags []bagJSON `json:"bags"`
}

type bagJSON struct {
	Bag       string    `json:"bag"`
	OrderID   string    `json:"order_id,omitempty"`
	State     string    `json:"state"`
	Waybill   string    `json:"waybill,omitempty"`
	ChangedAt time.Time `json:"changed_at"`
}

func bagOf(b store.Bag) bagJSON { return bagJSON{b.ID, b.Order, b.State, b.Waybill, b.Changed} }

func (a *API) listBags(c echo.Context) error {
	out := bagsJSON{}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.RentalBags(ctx, c.QueryParam("state"), maxList)
		out.Bags = each(all, bagOf)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// carrierRental takes in what a carrier says of a bag, by its SSCC or waybill.
func (a *API) carrierRental(c echo.Context) error {
	var in struct {
		Event string `json:"event"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	step, ok := rental.CarrierEvents[in.Event]
	if !ok {
		return &invalid{[]ProblemField{{"event", "delivered or sent_back"}}}
	}
	id := Param(c, "id")
	var b store.Bag
	err := a.rentalAct(c, "carrier", id, func(ctx context.Context, k *rental.Keeper, tx *store.Tx, by string, now time.Time) (err error) {
		if err = k.Carried(ctx, tx, id, step, by, now); err == nil {
			b, err = tx.RentalBagOrWaybill(ctx, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, bagOf(b))
}

// rentalProblem is what a refusal of the round means to who asked.
func rentalProblem(err error) (Problem, bool) {
	var refused *rental.Refusal
	if !errors.As(err, &refused) {
		return Problem{}, false
	}
	return Problem{Status: http.StatusConflict, Detail: refused.Error()}, true
}
