package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
)

type doorCodeJSON struct {
	State     dispatch.GrantState `json:"state"`
	Closes    time.Time           `json:"closes"`
	IssuedAt  *time.Time          `json:"issued_at,omitempty"`
	RevokedAt *time.Time          `json:"revoked_at,omitempty"`
	EndedAt   *time.Time          `json:"ended_at,omitempty"`
	EndedBy   dispatch.RevokeEnd  `json:"ended_by,omitempty"`
	UsedAt    *time.Time          `json:"used_at,omitempty"`
	WaitsFor  []string            `json:"waits_for,omitempty"`
	Risk      *riskJSON           `json:"risk,omitempty"`
}

type riskJSON struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// doorCodes is how far the codes of an order have come. Which device is waited for, and who took a risk, is for staff.
func (a *API) doorCodes(c echo.Context, id string) (all []doorCodeJSON, err error) {
	staff := Who(c).Role != people.Customer
	err = a.read(c, func(ctx context.Context, tx *store.Tx) error {
		codes, err := tx.CodesOfOrder(ctx, id)
		all = each(codes, func(r dispatch.Revocation) doorCodeJSON {
			code := doorCodeJSON{State: r.State(), Closes: r.Until, RevokedAt: optional(r.RevokedAt), EndedAt: optional(r.EndedAt), EndedBy: r.End,
				UsedAt: optional(r.UsedAt)}
			if r.IssuedAt.UnixMilli() > 0 { // it was not kept once
				code.IssuedAt = &r.IssuedAt
			}
			if staff {
				code.WaitsFor = r.WaitsFor()
			}
			if staff && r.Risk.By != "" {
				code.Risk = &riskJSON{r.Risk.By, r.Risk.Reason, r.Risk.At}
			}
			return code
		})
		return err
	})
	return all, err
}

// actOf is what who is logged in does now.
func (a *API) actOf(c echo.Context, reason string) door.Act {
	return door.Act{By: Who(c).ID, Reason: reason, At: a.Clock.Now()}
}

func (a *API) takeRisk(c echo.Context) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.TakeRisk(c, Param(c, "id"), in.Reason); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// TakeRisk lets money go that waits for an order's codes, for whoever is logged in.
func (a *API) TakeRisk(c echo.Context, order, reason string) error {
	if err := a.Doors.TakeRisk(c.Request().Context(), order, a.actOf(c, reason)); err != nil {
		return err
	}
	a.Feed.Changed()
	return nil
}

type openingJSON struct {
	OpeningID string             `json:"opening_id"`
	FridgeID  string             `json:"fridge_id"`
	DeviceID  string             `json:"device_id"`
	Reason    string             `json:"reason"`
	AskedBy   string             `json:"asked_by"`
	AskedAt   time.Time          `json:"asked_at"`
	Until     time.Time          `json:"until"`
	State     fleet.OpeningState `json:"state"`
	Wrong     int                `json:"wrong"`
	EndedAt   *time.Time         `json:"ended_at,omitempty"`
	AtDoor    string             `json:"at_door,omitempty"`
	ShowState string             `json:"show_state,omitempty"`
	OpenState string             `json:"open_state,omitempty"`
}

func toOpening(o fleet.Opening) openingJSON {
	return openingJSON{OpeningID: o.ID, FridgeID: o.Fridge, DeviceID: o.Device, Reason: o.Reason, AskedBy: o.AskedBy, AskedAt: o.AskedAt,
		Until: o.Until, State: o.State, Wrong: o.Wrong, EndedAt: optional(o.EndedAt), AtDoor: o.AtDoor}
}

const maxOpenings = 50

// OpeningsOf gives the newest openings of a door, and what has become of their commands, by id.
func (a *API) OpeningsOf(ctx context.Context, fridge string) (all []fleet.Opening, commands map[string]store.CommandView, err error) {
	commands = map[string]store.CommandView{}
	if all, err = a.Doors.Openings(ctx, fridge, maxOpenings, door.Act{At: a.Clock.Now()}); err != nil {
		return nil, nil, err
	}
	err = a.Store.Read(ctx, func(tx *store.Tx) error {
		for _, o := range all {
			for _, id := range []string{o.ShowCommand, o.OpenCommand} {
				if id == "" {
					continue
				}
				if commands[id], err = tx.CommandView(ctx, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return all, commands, err
}

func (a *API) listOpenings(c echo.Context) error {
	var out struct {
		Openings []openingJSON `json:"openings"`
	}
	all, commands, err := a.OpeningsOf(c.Request().Context(), Param(c, "id"))
	if err != nil {
		return err
	}
	out.Openings = each(all, func(o fleet.Opening) openingJSON {
		j := toOpening(o)
		j.ShowState, j.OpenState = commands[o.ShowCommand].State, commands[o.OpenCommand].State
		return j
	})
	return c.JSON(http.StatusOK, out)
}

func (a *API) askOpening(c echo.Context) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	o, err := a.AskOpening(c, Param(c, "id"), in.Reason)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, toOpening(o))
}

// AskOpening begins to open a door, for whoever is logged in.
func (a *API) AskOpening(c echo.Context, fridge, reason string) (fleet.Opening, error) {
	o, err := a.Doors.Ask(c.Request().Context(), fridge, a.actOf(c, reason))
	if err == nil {
		a.Feed.Changed() // which the outbox follows, too
	}
	return o, err
}

func (a *API) confirmOpening(c echo.Context) error {
	var in struct {
		Number string `json:"number"`
		AtDoor string `json:"at_door"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	o, err := a.ConfirmOpening(c, Param(c, "id"), in.Number, in.AtDoor)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, toOpening(o))
}

// ConfirmOpening opens a door with the number that it shows, for whoever is logged in.
func (a *API) ConfirmOpening(c echo.Context, id, number, atDoor string) (fleet.Opening, error) {
	o, err := a.Doors.Confirm(c.Request().Context(), id, number, atDoor, a.actOf(c, ""))
	if err == nil {
		a.Feed.Changed()
	}
	return o, err
}

// deviceStolen shuts a stolen device out and issues the codes of its station anew.
func (a *API) deviceStolen(c echo.Context) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	r, err := a.Stolen(c, Param(c, "id"), in.Reason)
	if err != nil {
		return err
	}
	out := struct {
		Orders []string `json:"orders"`
		Runs   []string `json:"runs"`
	}{append([]string{}, r.Orders...), each(r.Codes, func(g dispatch.Grant) string { return g.RunID })}
	return c.JSON(http.StatusOK, out)
}

// Stolen does what is to be done about a stolen device, for whoever is logged in.
func (a *API) Stolen(c echo.Context, device, reason string) (door.Reissued, error) {
	r, err := a.Doors.Stolen(c.Request().Context(), device, a.actOf(c, reason), a.RealNow())
	if err == nil {
		a.Feed.Changed()
	}
	return r, err
}
