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

// Client is one person's session. Requests that fail for a passing reason, such as a hub that is being restarted, are tried
// again for a bounded time.
type Client struct {
	base  string
	token string
	http  *http.Client
}

const (
	timeout   = 10 * time.Second
	tries     = 40
	pause     = 250 * time.Millisecond
	maxAnswer = 16 << 20
)

// Login exchanges the code of a one-time link for a session.
func Login(ctx context.Context, base, code string) (*Client, error) {
	c := &Client{base: base, http: &http.Client{Timeout: timeout}}
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

// call makes a request until it is answered by anything but a failure of the hub itself.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var err error
	for range tries {
		if err = c.once(ctx, method, path, in, out); err == nil {
			return nil
		}
		var status *StatusError
		if errors.As(err, &status) && status.Status < 500 && status.Status != http.StatusTooManyRequests {
			return err
		}
		if sleep := clock.Real().Sleep(ctx, pause); sleep != nil {
			return sleep
		}
	}
	return fmt.Errorf("%s %s: gave up after %d tries: %w", method, path, tries, err)
}

func (c *Client) once(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read whole
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return &StatusError{Status: res.StatusCode, Body: string(answer)}
	}
	return json.Unmarshal(answer, out)
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
	} `json:"pickup"`
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

// Logs is what the hub has of a device's logs.
type Logs struct {
	Applied map[string]int64 // by log, the highest number applied, over all incarnations
	Gaps    int              // named gaps
}

// Logs gives what the hub has of a device's logs.
func (c *Client) Logs(ctx context.Context, device string) (Logs, error) {
	var answer struct {
		Logs []struct {
			Log        string `json:"log"`
			NextNumber int64  `json:"next_number"`
		} `json:"logs"`
		Gaps []struct{} `json:"gaps"`
	}
	l := Logs{Applied: map[string]int64{}}
	if err := c.call(ctx, http.MethodGet, "/v1/devices/"+url.PathEscape(device), nil, &answer); err != nil {
		return l, err
	}
	for _, log := range answer.Logs {
		l.Applied[log.Log] = max(l.Applied[log.Log], log.NextNumber-1)
	}
	l.Gaps = len(answer.Gaps)
	return l, nil
}

// Summary is the hub's own account of a delivery date.
type Summary struct {
	Orders struct {
		Placed         int            `json:"placed"`
		Accepted       int            `json:"accepted"`
		Refused        int            `json:"refused"`
		ByState        map[string]int `json:"by_state"`
		RefusedByLimit map[string]int `json:"refused_by_limit"`
	} `json:"orders"`
	Items struct {
		Units int `json:"units"`
		Short int `json:"short"`
	} `json:"items"`
	Used struct {
		Containers        int            `json:"containers"`
		Shippers          int            `json:"shippers"`
		Addresses         int            `json:"addresses"`
		Slots             int            `json:"slots"`
		ContainersByState map[string]int `json:"containers_by_state"`
	} `json:"used"`
	World struct {
		Scans         int `json:"scans"`
		ScansRefused  int `json:"scans_refused"`
		GrantsUsed    int `json:"grants_used"`
		GrantsRefused int `json:"grants_refused"`
		Unlocks       int `json:"unlocks"`
		DoorsOpened   int `json:"doors_opened"`
		Pickups       int `json:"pickups"`
		Alarms        int `json:"alarms"`
	} `json:"world"`
	Readings struct {
		Received       int64 `json:"received"`
		Faulty         int64 `json:"faulty"`
		Records        int64 `json:"records"`
		MissingRecords int64 `json:"missing_records"`
	} `json:"readings"`
	Log struct {
		Events        int64 `json:"events"`
		NotApplied    int64 `json:"not_applied"`
		Unknown       int64 `json:"unknown"`
		Quarantined   int64 `json:"quarantined"`
		MissingEvents int64 `json:"missing_events"`
	} `json:"log"`
	LateStops []struct {
		RunID     string     `json:"run_id"`
		Sequence  int        `json:"sequence"`
		PlaceName string     `json:"place_name"`
		PlannedAt time.Time  `json:"planned_at"`
		ReachedAt *time.Time `json:"reached_at"`
	} `json:"late_stops"`
	Shortages []struct {
		ShopID string   `json:"shop_id"`
		Name   string   `json:"name"`
		Units  int      `json:"units"`
		Orders []string `json:"orders"`
	} `json:"shortages"`
	LeftOver    []string `json:"left_over"`
	Undelivered []string `json:"undelivered"`
}

// Summary gives the hub's account of a date.
func (c *Client) Summary(ctx context.Context, date string) (s Summary, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/summary?"+url.Values{"date": {date}}.Encode(), nil, &s)
	return s, err
}
