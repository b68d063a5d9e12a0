package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/people"
	"meguri/hub/store"
)

type containerJSON struct {
	ContainerID string         `json:"container_id"`
	Category    string         `json:"category"`
	State       dispatch.State `json:"state"`
	GRAI        string         `json:"grai,omitempty"`
	AddressID   string         `json:"address_id"`
	RunID       string         `json:"run_id"`
	ShipperID   string         `json:"shipper_id"`
	ShipperGRAI string         `json:"shipper_grai"`
	LocationID  string         `json:"location_id"`
	FridgeID    string         `json:"fridge_id"`
	SlotID      string         `json:"slot_id"`
	ShopID      string         `json:"shop_id"`
	FilledAt    *time.Time     `json:"filled_at,omitempty"`
	ShelvedAt   *time.Time     `json:"shelved_at,omitempty"`
	LoadedAt    *time.Time     `json:"loaded_at,omitempty"`
	PlacedAt    *time.Time     `json:"placed_at,omitempty"`
	DoNotLoad   *doNotLoadJSON `json:"do_not_load,omitempty"`
}

func toContainer(c dispatch.Container) containerJSON {
	return containerJSON{ContainerID: c.ID, Category: c.Category, State: c.State, GRAI: c.GRAI, AddressID: c.AddressID,
		RunID: c.RunID, ShipperID: c.ShipperID, ShipperGRAI: c.ShipperGRAI, LocationID: c.LocationID, FridgeID: c.FridgeID,
		SlotID: c.SlotID, ShopID: c.ShopID, FilledAt: optional(c.FilledAt), ShelvedAt: optional(c.ShelvedAt),
		LoadedAt: optional(c.LoadedAt), PlacedAt: optional(c.PlacedAt), DoNotLoad: toDoNotLoad(c.Broken)}
}

type packingListJSON struct {
	DeliveryDate string            `json:"delivery_date"`
	ShopID       string            `json:"shop_id"`
	ShopName     string            `json:"shop_name"`
	SpotName     string            `json:"spot_name"`
	Units        int               `json:"units"`
	Containers   []packingLineJSON `json:"containers"`
	Lost         []lostUnitsJSON   `json:"lost,omitempty"`
	Preview      *previewJSON      `json:"preview,omitempty"`
}

type packingLineJSON struct {
	Container    containerJSON       `json:"container"`
	LocationName string              `json:"location_name"`
	Products     []packedProductJSON `json:"products"`
}

type packedProductJSON struct {
	ProductID string `json:"product_id"`
	Name      string `json:"name"`
	GTIN      string `json:"gtin"`
	Units     int    `json:"units"`
	Short     int    `json:"short"`

	DoNotPack int            `json:"do_not_pack,omitempty"`
	DoNotLoad *doNotLoadJSON `json:"do_not_load,omitempty"`
}

func (a *API) getPacking(c echo.Context) error {
	var l dispatch.PackingList
	var preview *previewJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) (err error) {
		if preview, err = a.preview(ctx, c, tx, ""); err != nil {
			return err
		}
		l, err = tx.PackingList(ctx, c.QueryParam("date"), c.QueryParam("shop"))
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, packingListJSON{DeliveryDate: l.DeliveryDate, ShopID: l.ShopID, ShopName: l.ShopName,
		SpotName: l.SpotName, Units: l.Units(), Preview: preview, Containers: each(l.Lines, func(line dispatch.PackingLine) packingLineJSON {
			return packingLineJSON{toContainer(line.Container), line.Location,
				each(line.Products, toPackedProduct)}
		}), Lost: toLost(l.Lost)})
}

type sheetJSON struct {
	RunID        string          `json:"run_id"`
	RouteID      string          `json:"route_id"`
	DeliveryDate string          `json:"delivery_date"`
	Version      int             `json:"version"`
	VehicleID    string          `json:"vehicle_id"`
	DriverID     string          `json:"driver_id"`
	Stops        []sheetStopJSON `json:"stops"`
	Astray       []containerJSON `json:"astray,omitempty"`
	Preview      *previewJSON    `json:"preview,omitempty"`
}

type sheetStopJSON struct {
	Sequence   int               `json:"sequence"`
	Kind       dispatch.StopKind `json:"kind"`
	PlaceID    string            `json:"place_id"`
	PlaceName  string            `json:"place_name"`
	PlannedAt  time.Time         `json:"planned_at"`
	ReachedAt  *time.Time        `json:"reached_at,omitempty"`
	Code       string            `json:"code,omitempty"`
	Containers []containerJSON   `json:"containers"`
}

func (a *API) getSheet(c echo.Context) error {
	var s dispatch.Sheet
	var preview *previewJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) (err error) {
		if preview, err = a.preview(ctx, c, tx, c.QueryParam("route")); err != nil {
			return err
		}
		run, err := tx.RunOfRoute(ctx, c.QueryParam("route"), c.QueryParam("date"))
		if err != nil {
			return err
		}
		s, err = tx.Sheet(ctx, run)
		return err
	})
	if err != nil {
		return err
	}
	out := toSheet(s, Who(c))
	out.Preview = preview
	return c.JSON(http.StatusOK, out)
}

func toSheet(s dispatch.Sheet, who people.Person) sheetJSON {
	return sheetJSON{RunID: s.ID, RouteID: s.RouteID, DeliveryDate: s.DeliveryDate, Version: s.Version,
		VehicleID: s.VehicleID, DriverID: s.DriverID, Astray: each(s.Astray, toContainer), Stops: each(s.Stops, func(stop dispatch.SheetStop) sheetStopJSON {
			out := sheetStopJSON{Sequence: stop.Sequence, Kind: stop.Kind, PlaceID: stop.PlaceID, PlaceName: stop.PlaceName,
				PlannedAt: stop.PlannedAt, ReachedAt: optional(stop.ReachedAt), Containers: each(stop.Containers, toContainer)}
			if who.Role.SeesCourierCode() {
				out.Code = stop.Code
			}
			return out
		})}
}
