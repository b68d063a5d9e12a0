// Package hubclient is what simulated people use of the hub's HTTP API: a consumer's app, a shop's list, a driver's sheet.
package hubclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"meguri/internal/clock"
)

// Client is one person's session. Requests that fail for a passing reason, such as a hub that is being restarted, are made again
// for a bounded time. That may repeat one whose answer was lost, so nothing is asked through a Client that must not be repeated:
// reads, orders whose id is the caller's, and a login, of which the second would be refused and seen.
type Client struct {
	base     string
	token    string
	http     *http.Client
	patience time.Duration
}

// On the machine's clock, which is the one that a hub starts and answers by.
const (
	timeout   = 10 * time.Second       // of one request
	patience  = 40 * time.Second       // of all tries together; a hub that was killed is back in less
	pause     = 250 * time.Millisecond // between tries
	maxAnswer = 16 << 20               // bytes
)

// Login exchanges the code of a one-time link for a session.
func Login(ctx context.Context, base, code string) (*Client, error) {
	c := &Client{base: base, http: &http.Client{Timeout: timeout}, patience: patience}
	var session struct{ Token string }
	if err := c.call(ctx, http.MethodPost, "/v1/login", map[string]string{"code": code}, &session); err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	c.token = session.Token
	return c, nil
}

// StatusError is an answer of the hub that is no success.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string { return fmt.Sprintf("hub answered %d: %s", e.Status, e.Body) }

// passing says whether the answer may be another one in a moment.
func (e *StatusError) passing() bool {
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// call makes a request until it is answered by anything but a failure of the hub itself, and decodes the answer into out.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for end := time.Now().Add(c.patience); ; {
		answer, err := c.once(ctx, method, path, body)
		if err == nil {
			if err := json.Unmarshal(answer, out); err != nil {
				return fmt.Errorf("%s %s: the hub's answer: %w", method, path, err)
			}
			return nil
		}
		var status *StatusError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errTooLong), errors.As(err, &status) && !status.passing():
			return fmt.Errorf("%s %s: %w", method, path, err)
		case time.Now().After(end):
			return fmt.Errorf("%s %s: gave up after %v: %w", method, path, c.patience, err)
		}
		if err := clock.Real().Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)

func (c *Client) once(ctx context.Context, method, path string, body []byte) (answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // read whole
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > maxAnswer:
		return nil, errTooLong
	case res.StatusCode >= http.StatusMultipleChoices:
		return nil, &StatusError{Status: res.StatusCode, Body: string(answer)}
	}
	return answer, nil
}

// OrderLine asks for units of a product.
type OrderLine struct {
	ProductID string `json:"product_id"`
	Quantity  int    `json:"quantity"`
}

// OrderRequest is an order as a consumer's app places it.
type OrderRequest struct {
	OrderID      string      `json:"order_id"`
	DeliveryDate string      `json:"delivery_date"`
	LocationID   string      `json:"location_id"`
	CustomerID   string      `json:"customer_id"`
	Lines        []OrderLine `json:"lines"`
}

// Order is what the hub says of an order.
type Order struct {
	OrderID    string `json:"order_id"`
	LocationID string `json:"location_id"`
	State      string `json:"state"`
	Refusal    *struct {
		Limit string `json:"limit"`
		What  string `json:"what"`
	} `json:"refusal"`
	Items []struct {
		ContainerID string `json:"container_id"`
		FridgeID    string `json:"fridge_id"`
		Short       bool   `json:"short"`
	} `json:"items"`
	Pickup *struct {
		Code   string    `json:"code"`
		Opens  time.Time `json:"opens"`
		Closes time.Time `json:"closes"`
		Tokens []struct {
			FridgeID string `json:"fridge_id"`
			Token    string `json:"token"`
		} `json:"tokens"`
	} `json:"pickup"`
}

// Token is what the app shows as a QR code for a fridge; empty for none.
func (o Order) Token(fridge string) string {
	for _, t := range o.Pickup.Tokens {
		if t.FridgeID == fridge {
			return t.Token
		}
	}
	return ""
}

// Place places an order. Asking again is harmless: the id is the caller's.
func (c *Client) Place(ctx context.Context, r OrderRequest) (o Order, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/orders", r, &o)
	return o, err
}

// Order looks an order up.
func (c *Client) Order(ctx context.Context, id string) (o Order, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/orders/"+url.PathEscape(id), nil, &o)
	return o, err
}

// Container is one dated container on a list or sheet.
type Container struct {
	ContainerID string `json:"container_id"`
	State       string `json:"state"`
	GRAI        string `json:"grai"`
	AddressID   string `json:"address_id"`
	ShipperID   string `json:"shipper_id"`
	ShipperGRAI string `json:"shipper_grai"`
	LocationID  string `json:"location_id"`
	FridgeID    string `json:"fridge_id"`
	SlotID      string `json:"slot_id"`
}

// PackingList is what a shop packs.
type PackingList struct {
	Containers []struct {
		Container Container `json:"container"`
		Products  []struct {
			ProductID string `json:"product_id"`
			Name      string `json:"name"`
			GTIN      string `json:"gtin"`
			Units     int    `json:"units"`
		} `json:"products"`
	} `json:"containers"`
}

// Packing gives a shop's list of a date.
func (c *Client) Packing(ctx context.Context, date, shop string) (l PackingList, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/packing?"+url.Values{"date": {date}, "shop": {shop}}.Encode(), nil, &l)
	return l, err
}

// Sheet is a driver's sheet.
type Sheet struct {
	RunID string `json:"run_id"`
	Stops []Stop `json:"stops"`
}

// Stop is one stop of a sheet.
type Stop struct {
	Sequence   int         `json:"sequence"`
	Kind       string      `json:"kind"`
	PlaceID    string      `json:"place_id"`
	PlannedAt  time.Time   `json:"planned_at"`
	Code       string      `json:"code"`
	Containers []Container `json:"containers"`
}

// Sheet gives the sheet of a route's run on a date.
func (c *Client) Sheet(ctx context.Context, date, route string) (s Sheet, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/sheets?"+url.Values{"date": {date}, "route": {route}}.Encode(), nil, &s)
	return s, err
}

// Delivery is a location's schedule of a date.
type Delivery struct {
	LocationID   string     `json:"location_id"`
	OrderCutoff  time.Time  `json:"order_cutoff"`
	PickupOpens  time.Time  `json:"pickup_opens"`
	PickupCloses time.Time  `json:"pickup_closes"`
	ClosedAt     *time.Time `json:"closed_at"`
}

// Deliveries gives the schedule of a date.
func (c *Client) Deliveries(ctx context.Context, date string) ([]Delivery, error) {
	var answer struct{ Deliveries []Delivery }
	err := c.call(ctx, http.MethodGet, "/v1/deliveries?"+url.Values{"date": {date}}.Encode(), nil, &answer)
	return answer.Deliveries, err
}
