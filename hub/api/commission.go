package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/fleet"
	"meguri/hub/people"
)

type commissioningJSON struct {
	DeviceID   string      `json:"device_id"`
	FormerID   string      `json:"former_id"`
	LocationID string      `json:"location_id"`
	BeganAt    time.Time   `json:"began_at"`
	DueAt      time.Time   `json:"due_at"`
	HeardUntil *time.Time  `json:"heard_until,omitempty"`
	SignedAt   *time.Time  `json:"signed_at,omitempty"`
	SignedBy   string      `json:"signed_by,omitempty"`
	Checks     []checkJSON `json:"checks"`
	Missing    int         `json:"missing"`
}

type checkJSON struct {
	FridgeID string           `json:"fridge_id"`
	Step     fleet.Step       `json:"step"`
	State    fleet.CheckState `json:"state"`
	Detail   string           `json:"detail,omitempty"`
	By       string           `json:"by,omitempty"`
	BeganAt  *time.Time       `json:"began_at,omitempty"`
	EndedAt  *time.Time       `json:"ended_at,omitempty"`
}

const notBegun fleet.CheckState = "not_begun"

func toCommissioning(c fleet.Commissioning) commissioningJSON {
	out := commissioningJSON{DeviceID: c.Device, FormerID: c.Former, LocationID: c.Location, BeganAt: c.BeganAt, DueAt: c.Due(),
		HeardUntil: optional(c.HeardUntil), SignedAt: optional(c.SignedAt), SignedBy: c.SignedBy, Checks: []checkJSON{}, Missing: len(c.Missing())}
	for _, f := range c.Fridges {
		for _, s := range fleet.Steps() {
			k := c.Check(f, s)
			j := checkJSON{FridgeID: f, Step: s, State: k.State, Detail: k.Detail, By: k.By, BeganAt: optional(k.BeganAt), EndedAt: optional(k.EndedAt)}
			if j.State == "" {
				j.State = notBegun
			}
			out.Checks = append(out.Checks, j)
		}
	}
	return out
}

func (a *API) getCommissioning(c echo.Context) error {
	is, err := a.Doors.Commissioning(c.Request().Context(), Param(c, "id"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, toCommissioning(is))
}

// Commission is one act of an engineer who puts a board into service.
type Commission struct {
	Do       string     `json:"do"` // begin, end, reference, sign
	Step     fleet.Step `json:"step"`
	FridgeID string     `json:"fridge_id"`
	MilliC   int64      `json:"milli_c"`
}

func (a *API) commission(c echo.Context) error {
	var in Commission
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.Commission(c, Param(c, "id"), in); err != nil {
		return err
	}
	return a.getCommissioning(c)
}

// Commission does what an engineer asks for.
func (a *API) Commission(c echo.Context, device string, in Commission) (err error) {
	ctx, act := c.Request().Context(), a.actOf(c, "")
	switch in.Do {
	case "begin":
		err = a.Doors.BeginCheck(ctx, device, in.FridgeID, in.Step, act)
	case "end":
		err = a.Doors.EndCheck(ctx, device, in.FridgeID, in.Step, act)
	case "reference":
		err = a.Doors.Reference(ctx, device, in.FridgeID, in.MilliC, act)
	case "sign":
		err = a.Doors.Sign(ctx, device, Who(c).Role == people.Kitting, act)
	default:
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	if err == nil {
		a.Feed.Changed() // which the outbox follows, too
	}
	return err
}
