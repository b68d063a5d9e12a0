package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/store"
	"meguri/protocol"
)

// read runs fn on one consistent view of the data.
func (a *API) read(c echo.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	ctx := c.Request().Context()
	return a.Store.Read(ctx, func(tx *store.Tx) error { return fn(ctx, tx) })
}

type locationJSON struct {
	LocationID string       `json:"location_id"`
	GLN        string       `json:"gln"`
	Name       string       `json:"name"`
	Address    string       `json:"address"`
	Latitude   float64      `json:"latitude"`
	Longitude  float64      `json:"longitude"`
	Fridges    []fridgeJSON `json:"fridges"`
}

type fridgeJSON struct {
	FridgeID  string       `json:"fridge_id"`
	Kind      string       `json:"kind"`
	MinMilliC int64        `json:"min_milli_c"`
	MaxMilliC int64        `json:"max_milli_c"`
	Slots     int          `json:"slots"`
	Air       *readingJSON `json:"air,omitempty"`
	Door      string       `json:"door"`
	Lock      string       `json:"lock"`
	Mains     bool         `json:"mains"`
}

type readingJSON struct {
	Sensor     string     `json:"sensor"`
	DeviceID   string     `json:"device_id,omitempty"`
	Number     int64      `json:"number,omitempty"`
	At         time.Time  `json:"at"`
	ReceivedAt *time.Time `json:"received_at,omitempty"`
	MilliC     *int64     `json:"milli_c,omitempty"`
	Fault      string     `json:"fault,omitempty"`
	Within     int64      `json:"uncertainty_ms"`
}

func toReading(r store.ReadingView) readingJSON {
	out := readingJSON{Sensor: r.Sensor, DeviceID: r.Device, Number: r.Number, At: r.At, ReceivedAt: optional(r.Received),
		Within: r.Within.Milliseconds()}
	if r.Fault == 0 {
		out.MilliC = &r.MilliC
	} else {
		out.Fault = protocol.SensorFault(r.Fault).String()
	}
	return out
}

func toLocation(l store.LocationView) locationJSON {
	return locationJSON{LocationID: l.ID, GLN: l.GLN, Name: l.Name, Address: l.Address, Latitude: l.Latitude,
		Longitude: l.Longitude, Fridges: each(l.Fridges, toFridge)}
}

func toFridge(f store.FridgeView) fridgeJSON {
	out := fridgeJSON{FridgeID: f.ID, Kind: f.Kind, MinMilliC: f.MinMilliC, MaxMilliC: f.MaxMilliC, Slots: f.Slots,
		Door: f.Door, Lock: f.Lock, Mains: !f.MainsOff}
	if f.Reading != nil {
		air := toReading(*f.Reading)
		out.Air = &air
	}
	return out
}

func (a *API) listLocations(c echo.Context) error {
	var out struct {
		Locations []locationJSON `json:"locations"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Locations(ctx)
		out.Locations = each(all, toLocation)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type productJSON struct {
	ID         string `json:"product_id"`
	Name       string `json:"name"`
	ShopID     string `json:"shop_id"`
	GTIN       string `json:"gtin"`
	Category   string `json:"category"`
	VolumeML   int64  `json:"volume_ml"`
	SalesLimit int64  `json:"sales_limit_per_day"`
}

func (a *API) listProducts(c echo.Context) error {
	var out struct {
		Products []productJSON `json:"products"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Products(ctx)
		out.Products = each(all, func(p store.ProductView) productJSON { return productJSON(p) })
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type deliveryJSON struct {
	LocationID   string     `json:"location_id"`
	DeliveryDate string     `json:"delivery_date"`
	OrderCutoff  time.Time  `json:"order_cutoff"`
	PickupOpens  time.Time  `json:"pickup_opens"`
	PickupCloses time.Time  `json:"pickup_closes"`
	ClosedAt     *time.Time `json:"closed_at,omitempty"`
}

func (a *API) listDeliveries(c echo.Context) error {
	var out struct {
		Deliveries []deliveryJSON `json:"deliveries"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.DeliveriesOfDate(ctx, c.QueryParam("date"))
		out.Deliveries = each(all, func(d store.Delivery) deliveryJSON {
			return deliveryJSON{d.LocationID, d.DeliveryDate, d.OrderCutoff, d.PickupOpens, d.PickupCloses, optional(d.ClosedAt)}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}
