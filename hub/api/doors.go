package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/door"
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
