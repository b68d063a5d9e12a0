package api

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/order"
	"meguri/hub/people"
)

// keyHeader is where a client puts the idempotency key of a request; replayedHeader says that it was used before.
const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotent-Replayed"
)

func (a *API) placeOrder(c echo.Context) error {
	in, decoded := c.Get(requestKey).(orderRequestJSON)
	if !decoded {
		if err := c.Bind(&in); err != nil {
			return err
		}
	}
	who := Who(c)
	if !who.Owns(in.CustomerID) {
		return fmt.Errorf("%w: an order for another customer", errForbidden)
	}
	ctx := c.Request().Context()
	r := requestOf(in, who.ID, c.Request().Header.Get(keyHeader))
	if err := a.asCustomer(&r, in, who.Role); err != nil {
		return err
	}
	if err := a.holdForPayment(&r, in.Payment); err != nil {
		return err
	}
	if r.Key.Text != "" {
		if done, err := a.replay(c, r, in.Payment, who.ID); done || err != nil {
			return err
		}
	}
	o, repeated, err := a.Orders.Take(ctx, r, a.Clock.Now(), who.ID)
	if err != nil {
		return err
	}
	if repeated && r.Key.Text != "" { // somebody sent it at the same time
		if done, err := a.replay(c, r, in.Payment, who.ID); done || err != nil {
			return err
		}
	}
	if o, err = a.beginPayment(ctx, o, in.Payment, who.ID); err != nil {
		return err
	}
	if repeated {
		return a.writeOrder(c, http.StatusOK, o, false)
	}
	a.Feed.Changed()
	return a.writePlaced(c, o)
}

func (a *API) writePlaced(c echo.Context, o order.Order) error {
	c.Response().Header().Set("Location", "/v1/orders/"+url.PathEscape(o.ID))
	return a.writeOrder(c, http.StatusCreated, o, true)
}

// requestOf is what is asked. Without an id one is drawn, and with a key it follows from the key: who asks again after a crash,
// when nobody knows whether the key was stored, asks for the same order.
func requestOf(in orderRequestJSON, person, key string) order.Request {
	r := order.Request{ID: in.OrderID, DeliveryDate: in.DeliveryDate, LocationID: in.LocationID, CustomerID: in.CustomerID,
		Hold: time.Duration(in.HoldSeconds) * time.Second, Lines: make([]order.Line, 0, len(in.Lines))}
	for _, l := range in.Lines {
		r.Lines = append(r.Lines, order.Line(l))
	}
	if key != "" {
		body, _ := json.Marshal(in) // strings and numbers
		hash := sha256.Sum256(body)
		r.Key = order.Key{Text: key, Hash: hex.EncodeToString(hash[:])}
	}
	switch {
	case r.ID != "":
	case key == "" && person == "": // it is only looked at
		r.ID = "o"
	case key == "":
		r.ID = people.NewID("o")
	default:
		of := sha256.Sum256([]byte(person + "\x00" + key))
		r.ID = "o-" + strings.ToLower(base32.StdEncoding.EncodeToString(of[:20]))
	}
	return r
}

// replay answers again what was decided under a key, as it was then. It returns false for a key that was not used yet.
func (a *API) replay(c echo.Context, r order.Request, ask *paymentAskJSON, person string) (bool, error) {
	ctx := c.Request().Context()
	k, err := a.Orders.OfKey(ctx, person, r.Key.Text)
	switch {
	case errors.Is(err, order.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case k.Hash != r.Key.Hash:
		return false, fmt.Errorf("%s %q: %w", keyHeader, r.Key.Text, order.ErrKeyReused)
	}
	o, err := a.Orders.AsDecided(ctx, k)
	if err != nil {
		return false, err
	}
	o.Lines, o.LineStates = r.Lines, pricesOf(o, r.Lines)
	if o, err = a.beginPayment(ctx, o, ask, person); err != nil { // the hub may have died before it began
		return false, err
	}
	c.Response().Header().Set(replayedHeader, "true")
	return true, a.writePlaced(c, o)
}

// pricesOf are the prices of lines as they were asked for: those of the order's own, unless it has been changed since.
func pricesOf(o order.Order, lines []order.Line) []order.LineState {
	states := make([]order.LineState, len(lines))
	for i, line := range lines {
		if i < len(o.Lines) && o.Lines[i].ProductID == line.ProductID {
			states[i].UnitPriceYen = o.LineStates[i].UnitPriceYen
		}
	}
	return states
}

// standingJSON is how an order stands.
type standingJSON struct {
	OrderID      string      `json:"order_id"`
	DeliveryDate string      `json:"delivery_date"`
	State        order.State `json:"state"`
}

func (a *API) confirmOrder(c echo.Context) error {
	if err := a.notPaidHere(c.Request().Context(), Param(c, "id")); err != nil {
		return err
	}
	out, err := a.Orders.Confirm(c.Request().Context(), Param(c, "id"), Who(c).ID, a.Clock.Now())
	return a.writeStanding(c, out, err)
}

func (a *API) cancelOrder(c echo.Context) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	id := Param(c, "id")
	if err := a.ownOrder(c, id); err != nil {
		return err
	}
	out, err := a.Orders.Cancel(c.Request().Context(), id, Who(c).ID, in.Reason, a.Clock.Now())
	return a.writeStanding(c, out, err)
}

func (a *API) writeStanding(c echo.Context, out order.Outcome, err error) error {
	if err != nil {
		return err
	}
	if !out.Repeated {
		a.Feed.Changed()
	}
	return c.JSON(http.StatusOK, standingJSON{out.OrderID, out.DeliveryDate, out.State})
}

func (a *API) changeOrder(c echo.Context) error {
	var in struct {
		Lines []orderLineJSON `json:"lines"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	id := Param(c, "id")
	if err := a.ownOrder(c, id); err != nil {
		return err
	}
	lines := make([]order.Line, 0, len(in.Lines))
	for _, l := range in.Lines {
		lines = append(lines, order.Line(l))
	}
	ctx := c.Request().Context()
	if err := a.revise(ctx, id, Who(c), lines); err != nil {
		return err
	}
	a.Feed.Changed()
	o, err := a.Orders.Get(ctx, id)
	if err != nil {
		return err
	}
	return a.writeOrder(c, http.StatusOK, o, false)
}

// ownOrder keeps customers from the orders of others: that there is one is not theirs to know either.
func (a *API) ownOrder(c echo.Context, id string) error {
	who := Who(c)
	if who.Role != people.Customer {
		return nil
	}
	o, err := a.Orders.Get(c.Request().Context(), id)
	if err == nil && !who.Owns(o.CustomerID) {
		err = order.NotFound(id)
	}
	return err
}
