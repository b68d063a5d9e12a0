package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/capacity"
	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
)

type orderRequestJSON struct {
	OrderID      string          `json:"order_id"`
	DeliveryDate string          `json:"delivery_date"`
	LocationID   string          `json:"location_id"`
	CustomerID   string          `json:"customer_id"`
	HoldSeconds  int64           `json:"hold_seconds"`
	Lines        []orderLineJSON `json:"lines"`
	Payment      *paymentAskJSON `json:"payment,omitempty"`
}

type orderLineJSON struct {
	ProductID string `json:"product_id"`
	Quantity  int64  `json:"quantity"`
}

type orderedLineJSON struct {
	ProductID    string `json:"product_id"`
	Quantity     int64  `json:"quantity"`
	Withdrawn    int64  `json:"withdrawn,omitempty"`
	UnitPriceYen int64  `json:"unit_price_yen,omitempty"`
}

type orderJSON struct {
	OrderID      string            `json:"order_id"`
	DeliveryDate string            `json:"delivery_date"`
	LocationID   string            `json:"location_id"`
	CustomerID   string            `json:"customer_id,omitempty"`
	State        order.State       `json:"state"`
	HoldUntil    *time.Time        `json:"hold_until,omitempty"`
	Refusal      *refusalJSON      `json:"refusal,omitempty"`
	PlacedAt     time.Time         `json:"placed_at"`
	PlacedBy     string            `json:"placed_by,omitempty"`
	ReadyAt      *time.Time        `json:"ready_at,omitempty"`
	EndedAt      *time.Time        `json:"ended_at,omitempty"`
	EndReason    string            `json:"end_reason,omitempty"`
	Lines        []orderedLineJSON `json:"lines"`
	Items        []orderItemJSON   `json:"items"`
	Pickup       *pickupJSON       `json:"pickup,omitempty"`
	Payment      *paymentJSON      `json:"payment,omitempty"`
	Quality      *orderHoldJSON    `json:"quality,omitempty"`
	DoorCodes    []doorCodeJSON    `json:"door_codes,omitempty"`
}

// orderHoldJSON is the last that quality has said of goods of an order.
type orderHoldJSON struct {
	State      string   `json:"state"` // held, recalled, released, condemned
	Reason     string   `json:"reason"`
	ReasonText textJSON `json:"reason_text"`
}

type refusalJSON struct {
	Limit capacity.Limit `json:"limit"`
	What  string         `json:"what"`
}

type pickupJSON struct {
	Code   string    `json:"code"`
	Opens  time.Time `json:"opens"`
	Closes time.Time `json:"closes"`
	// Tokens open the same doors by the reader, one for each fridge with goods of the order.
	Tokens []tokenJSON `json:"tokens"`
}

type tokenJSON struct {
	FridgeID string `json:"fridge_id"`
	Token    string `json:"token"`
}

type orderItemJSON struct {
	Line        int64  `json:"line"`
	Unit        int64  `json:"unit"`
	ProductID   string `json:"product_id"`
	ShopID      string `json:"shop_id"`
	Category    string `json:"category"`
	ContainerID string `json:"container_id"`
	GRAI        string `json:"grai,omitempty"`
	FridgeID    string `json:"fridge_id"`
	SlotID      string `json:"slot_id"`
	RunID       string `json:"run_id"`
	ShipperID   string `json:"shipper_id"`
	AddressID   string `json:"address_id"`
	Short       bool   `json:"short"`
}

// optional is nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *API) getOrder(c echo.Context) error {
	o, err := a.Orders.Get(c.Request().Context(), Param(c, "id"))
	if err != nil {
		return err
	}
	if !Who(c).Owns(o.CustomerID) {
		return order.NotFound(o.ID) // that there is one is not theirs to know either
	}
	return a.writeOrder(c, http.StatusOK, o, false)
}

// writeOrder answers with an order, and with its pickup code for those who may read it. A fresh one has none: it was decided
// before the cutoff.
func (a *API) writeOrder(c echo.Context, status int, o order.Order, fresh bool) error {
	out := orderJSON{OrderID: o.ID, DeliveryDate: o.DeliveryDate, LocationID: o.LocationID, State: o.State,
		HoldUntil: optional(o.HoldUntil),
		PlacedAt:  o.PlacedAt, ReadyAt: optional(o.ReadyAt), EndedAt: optional(o.EndedAt), EndReason: o.EndReason,
		Lines: make([]orderedLineJSON, 0, len(o.Lines)), Items: make([]orderItemJSON, 0, len(o.Items))}
	who := Who(c)
	if who.Role.SeesCustomer() {
		out.CustomerID = o.CustomerID
	}
	if who.Role != people.Customer {
		out.PlacedBy = o.PlacedBy
	}
	if o.State == order.Refused {
		out.Refusal = &refusalJSON{o.Limit, o.What}
	}
	for i, l := range o.Lines {
		out.Lines = append(out.Lines, orderedLineJSON{l.ProductID, l.Quantity, o.LineStates[i].Withdrawn, o.LineStates[i].UnitPriceYen})
	}
	for _, i := range o.Items {
		out.Items = append(out.Items, orderItemJSON(i))
	}
	if !fresh {
		var err error
		if out.Quality, err = a.orderHold(c, o.ID); err != nil {
			return err
		}
	}
	if !fresh && o.State.Holds() && o.State != order.Held && who.Role.SeesPickupCode() {
		var err error
		if out.Pickup, err = a.pickup(c, o.ID); err != nil {
			return err
		}
	}
	var err error
	if out.Payment, err = a.paymentOf(c, o, fresh); err != nil {
		return err
	}
	if !fresh {
		if out.DoorCodes, err = a.doorCodes(c, o.ID); err != nil {
			return err
		}
	}
	return c.JSON(status, out)
}

// pickup is how the order's customer opens the fridges; nil before the order cutoff.
func (a *API) pickup(c echo.Context, id string) (p *pickupJSON, err error) {
	ctx := c.Request().Context()
	err = a.Store.Read(ctx, func(tx *store.Tx) error {
		g, err := tx.GrantOfOrder(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p = &pickupJSON{Code: g.PIN, Opens: g.From, Closes: g.Until}
		p.Tokens, err = a.tokens(ctx, tx, g)
		return err
	})
	return p, err
}

// tokens are those of an order's grant; none where nobody signs.
func (a *API) tokens(ctx context.Context, tx *store.Tx, g dispatch.Grant) ([]tokenJSON, error) {
	all := []tokenJSON{}
	if a.Sign == nil {
		return all, nil
	}
	found, err := plan.Tokens(ctx, tx, g)
	for _, t := range found {
		text, err := a.Sign(ctx, tx, t, a.Clock.Now())
		if err != nil { // the number opens all the same
			a.Logger.Error("cannot sign a token", "grant", t.Grant.ID, "error", err)
			continue
		}
		all = append(all, tokenJSON{t.Lock, text})
	}
	return all, err
}

type capacityJSON struct {
	DeliveryDate string             `json:"delivery_date"`
	Products     []unitsLeftJSON    `json:"products"`
	Locations    []locationLeftJSON `json:"locations"`
	Shippers     []shipperLeftJSON  `json:"shippers"`
	Spots        []spotLeftJSON     `json:"spots"`
}

type unitsLeftJSON struct {
	Product string `json:"product_id"`
	Limit   int64  `json:"limit"`
	Sold    int64  `json:"sold"`
	Left    int64  `json:"left"`
}

type locationLeftJSON struct {
	LocationID string              `json:"location_id"`
	Kinds      []slotsLeftJSON     `json:"slots_by_fridge_kind"`
	Categories []slotsLeftJSON     `json:"slots_by_category"`
	Open       []containerRoomJSON `json:"open_containers"`
}

type slotsLeftJSON struct {
	Name  string `json:"name"`
	Free  int64  `json:"free"`
	Total int64  `json:"total"`
}

type containerRoomJSON struct {
	Container string `json:"container_id"`
	Shop      string `json:"shop_id"`
	Category  string `json:"category"`
	FreeML    int64  `json:"free_ml"`
}

type shipperLeftJSON struct {
	Run      string `json:"run_id"`
	Shipper  string `json:"shipper_id"`
	Category string `json:"category"`
	Free     int64  `json:"free"`
	Total    int64  `json:"total"`
}

type spotLeftJSON struct {
	Spot  string `json:"spot_id"`
	Free  int64  `json:"free"`
	Total int64  `json:"total"`
}

// each converts a list; an empty one stays a list in JSON.
func each[From, To any](from []From, convert func(From) To) []To {
	to := make([]To, 0, len(from))
	for _, f := range from {
		to = append(to, convert(f))
	}
	return to
}

func (a *API) getCapacity(c echo.Context) error {
	left, err := a.Orders.Remaining(c.Request().Context(), c.QueryParam("date"))
	if err != nil {
		return err
	}
	if left, err = a.leftHere(c, left); err != nil {
		return err
	}
	out := capacityJSON{DeliveryDate: left.Date, Locations: []locationLeftJSON{},
		Products: each(left.Products, func(u capacity.UnitsLeft) unitsLeftJSON { return unitsLeftJSON(u) }),
		Shippers: each(left.Shippers, func(s capacity.ShipperLeft) shipperLeftJSON { return shipperLeftJSON(s) }),
		Spots:    each(left.Spots, func(s capacity.SpotLeft) spotLeftJSON { return spotLeftJSON(s) })}
	only := c.QueryParam("location")
	for _, l := range left.Locations {
		if only == "" || l.Location == only {
			out.Locations = append(out.Locations, toLocationLeft(l))
		}
	}
	if only != "" && len(out.Locations) == 0 {
		return fmt.Errorf("location %s on %s: %w", only, left.Date, store.ErrNotFound)
	}
	return c.JSON(http.StatusOK, out)
}

func toLocationLeft(l capacity.LocationLeft) locationLeftJSON {
	slots := func(s capacity.SlotsLeft) slotsLeftJSON { return slotsLeftJSON(s) }
	return locationLeftJSON{LocationID: l.Location, Kinds: each(l.Kinds, slots), Categories: each(l.Categories, slots),
		Open: each(l.Open, func(r capacity.ContainerRoom) containerRoomJSON { return containerRoomJSON(r) })}
}
