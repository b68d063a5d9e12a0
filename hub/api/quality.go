package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/hub/people"
	"meguri/hub/quality"
	"meguri/hub/store"
)

type holdJSON struct {
	HoldID      string          `json:"hold_id"`
	Revision    int64           `json:"revision"`
	ContainerID string          `json:"container_id"`
	LocationID  string          `json:"location_id"`
	Date        string          `json:"delivery_date"`
	Position    string          `json:"position"`
	Cause       store.HoldCause `json:"cause"`
	Leg         coldchain.Leg   `json:"leg,omitempty"`
	Since       time.Time       `json:"since"`
	OutsideMS   int64           `json:"outside_ms"`
	HeldAt      time.Time       `json:"held_at"`
	HeldBy      string          `json:"held_by"`
	Reason      string          `json:"reason"`
	ReasonText  textJSON        `json:"reason_text"`
	Decision    store.Decision  `json:"decision,omitempty"`
	DecidedAt   *time.Time      `json:"decided_at,omitempty"`
	DecidedBy   string          `json:"decided_by,omitempty"`
	Why         string          `json:"why,omitempty"`
	Orders      []concernedJSON `json:"orders"`
}

type concernedJSON struct {
	OrderID string     `json:"order_id"`
	TakenAt *time.Time `json:"taken_at,omitempty"`
}

func toHold(h store.Hold, orders []store.Concerned) holdJSON {
	return holdJSON{HoldID: h.ID, Revision: h.Revision, ContainerID: h.Container, LocationID: h.LocationID, Date: h.Date, Position: h.Position, Cause: h.Cause, Leg: h.Leg,
		Since: h.Since, OutsideMS: h.Outside.Milliseconds(), HeldAt: h.HeldAt, HeldBy: h.HeldBy, Reason: h.Reason.In("en"), ReasonText: textJSON(h.Reason.Text()), Decision: h.Decision,
		DecidedAt: optional(h.DecidedAt), DecidedBy: h.DecidedBy, Why: h.Why, Orders: each(orders, func(c store.Concerned) concernedJSON {
			return concernedJSON{c.OrderID, optional(c.Taken)}
		})}
}

type holdsJSON struct {
	Holds []holdJSON `json:"holds"`
}

// listHolds gives the goods that wait for a decision, or those that were decided about.
func (a *API) listHolds(c echo.Context) error {
	out := holdsJSON{Holds: []holdJSON{}}
	return a.answer(c, &out, func(ctx context.Context, tx *store.Tx) error {
		find := tx.OpenHolds
		if c.QueryParam("decided") == "true" {
			find = tx.DecidedHolds
		}
		holds, err := find(ctx, maxList)
		if err != nil {
			return err
		}
		out.Holds, err = withOrders(ctx, tx, holds)
		return err
	})
}

// answer answers with what a read transaction puts into out.
func (a *API) answer(c echo.Context, out any, fn func(ctx context.Context, tx *store.Tx) error) error {
	if err := a.read(c, fn); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func withOrders(ctx context.Context, tx *store.Tx, holds []store.Hold) ([]holdJSON, error) {
	all := []holdJSON{}
	for _, h := range holds {
		orders, err := tx.ConcernedBy(ctx, h.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, toHold(h, orders))
	}
	return all, nil
}

type scopeJSON struct {
	Scope    store.Scope    `json:"scope"`
	ID       string         `json:"id"`
	Reason   string         `json:"reason"`
	From     *time.Time     `json:"from"`     // of a hold
	Decision store.Decision `json:"decision"` // of a decision
	Holds    []string       `json:"holds"`    // of a decision: those that were looked at
}

func (a *API) scope(c echo.Context) (in scopeJSON, act quality.Act, err error) {
	err = c.Bind(&in)
	return in, quality.Act{Scope: in.Scope, ID: in.ID, By: Who(c).ID, Reason: in.Reason, At: a.Clock.Now()}, err
}

// addHold holds all that stands or rides in a scope.
func (a *API) addHold(c echo.Context) error {
	in, act, err := a.scope(c)
	if err != nil {
		return err
	}
	var from time.Time
	if in.From != nil {
		from = *in.From
	}
	held, err := a.Quality.Hold(c.Request().Context(), act, from)
	return a.acted(c, held, err)
}

// decideHolds releases or condemns all that is held in a scope.
func (a *API) decideHolds(c echo.Context) error {
	in, act, err := a.scope(c)
	if err != nil {
		return err
	}
	decided, err := a.Quality.Decide(c.Request().Context(), act, in.Decision, in.Holds)
	return a.acted(c, decided, err)
}

// acted answers with what was held or decided, as it stands by now.
func (a *API) acted(c echo.Context, holds []store.Hold, err error) error {
	if err != nil {
		return err
	}
	a.Feed.Changed()
	out := holdsJSON{}
	return a.answer(c, &out, func(ctx context.Context, tx *store.Tx) (err error) {
		now := make([]store.Hold, len(holds))
		for i, h := range holds {
			if now[i], err = tx.Hold(ctx, h.ID); err != nil {
				return err
			}
		}
		out.Holds, err = withOrders(ctx, tx, now)
		return err
	})
}

// probe takes a temperature that a person has taken by hand.
func (a *API) probe(c echo.Context) error {
	var in struct {
		Position string     `json:"position"`
		MilliC   int64      `json:"milli_c"`
		At       *time.Time `json:"at"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	p := coldchain.Probing{At: a.Clock.Now(), MilliC: in.MilliC, By: Who(c).ID}
	if in.At != nil {
		p.At = *in.At
	}
	if err := a.mayProbe(c, in.Position, p); err != nil {
		return err
	}
	if err := a.Quality.Probe(c.Request().Context(), in.Position, p, a.Clock.Now()); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// notedWithin is how long after a temperature was taken anybody but quality may note it: it may let goods go that are held in doubt.
const notedWithin = 10 * time.Minute

// mayProbe refuses a driver's word on places that are not on their route, and what is noted long after.
func (a *API) mayProbe(c echo.Context, position string, p coldchain.Probing) error {
	who := Who(c)
	if who.Role != people.Quality && a.Clock.Now().Sub(p.At) > notedWithin {
		return quality.ErrProbing
	}
	if who.Role != people.Driver {
		return nil
	}
	return a.read(c, func(ctx context.Context, tx *store.Tx) error {
		on, err := tx.OnRoute(ctx, who.Place, position)
		if err == nil && !on {
			err = fmt.Errorf("position %.80s on route %s: %w", position, who.Place, store.ErrNotFound)
		}
		return err
	})
}

type judgementJSON struct {
	Leg       coldchain.Leg   `json:"leg"`
	Revision  int64           `json:"revision"`
	Position  string          `json:"position"`
	From      time.Time       `json:"from"`
	Until     *time.Time      `json:"until,omitempty"`
	State     coldchain.State `json:"state"`
	StateAt   *time.Time      `json:"state_at,omitempty"`
	OutsideMS int64           `json:"outside_ms"`
	GapMS     int64           `json:"gap_ms"`
	MinMilliC int64           `json:"min_milli_c"`
	MaxMilliC int64           `json:"max_milli_c"`
	Known     time.Time       `json:"known_until"`
	JudgedAt  time.Time       `json:"judged_at"`
}

// stationRideJSON is what a station knew, by itself, of the way of goods that were handed in.
type stationRideJSON struct {
	Device    string            `json:"device_id"`
	ShipperID string            `json:"shipper_id"`
	At        time.Time         `json:"at"`
	Outcome   store.RideOutcome `json:"outcome"`
	From      *time.Time        `json:"from,omitempty"`
	Until     *time.Time        `json:"until,omitempty"`
	OutsideMS int64             `json:"outside_ms"`
	GapMS     int64             `json:"gap_ms"`
	MilliC    int64             `json:"milli_c"`
}

// getColdChain gives what the readings say of a container on each leg, with all revisions, and its holds.
func (a *API) getColdChain(c echo.Context) error {
	var out struct {
		ContainerID string          `json:"container_id"`
		State       dispatch.State  `json:"state"`
		Judgements  []judgementJSON `json:"judgements"`
		Holds       []holdJSON      `json:"holds"`

		StationRides []stationRideJSON `json:"station_rides"`
	}
	return a.answer(c, &out, func(ctx context.Context, tx *store.Tx) error {
		container, err := tx.Container(ctx, c.Param("id"))
		if err != nil {
			return err
		}
		out.ContainerID, out.State = container.ID, container.State
		judged, err := tx.Judgements(ctx, container.ID)
		if err != nil {
			return err
		}
		out.Judgements = each(judged, func(j store.Judgement) judgementJSON {
			return judgementJSON{j.Leg, j.Revision, j.Position, j.From, optional(j.Until), j.State, optional(j.At), j.Outside.Milliseconds(),
				j.Gap.Milliseconds(), j.Min, j.Max, j.Known, j.JudgedAt}
		})
		rides, err := tx.RidesJudged(ctx, container.ID)
		if err != nil {
			return err
		}
		out.StationRides = each(rides, func(r store.RideJudged) stationRideJSON {
			return stationRideJSON{r.Device, r.Shipper, r.At, r.Outcome, optional(r.From), optional(r.Until), r.Outside.Milliseconds(),
				r.Gap.Milliseconds(), r.MilliC}
		})
		holds, err := tx.HoldsOf(ctx, container.ID)
		if err != nil {
			return err
		}
		out.Holds, err = withOrders(ctx, tx, holds)
		return err
	})
}

// orderHold gives the last that quality has said of goods of an order; nil for nothing.
func (a *API) orderHold(c echo.Context, id string) (*orderHoldJSON, error) {
	var last *orderHoldJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		last = nil
		holds, err := tx.HoldsOfOrder(ctx, id)
		for _, h := range holds {
			state, reason := "held", h.Reason
			switch h.Decision {
			case store.Released, store.Lifted:
				state, reason = "released", alarm.Said(h.Why)
			case store.Condemned:
				state, reason = "condemned", alarm.Said(h.Why)
			case store.Undecided:
				if !h.TakenAt.IsZero() {
					state = "recalled"
				}
			}
			if last == nil || last.State == "released" || state == "condemned" {
				last = &orderHoldJSON{state, reason.In("en"), textJSON(reason.Text())}
			}
		}
		return err
	})
	return last, err
}

// qualityProblem says what an error of quality means to who asked, if it is one.
func qualityProblem(err error) (Problem, bool) {
	switch {
	case errors.Is(err, quality.ErrNothing), errors.Is(err, quality.ErrChanged):
		return Problem{Status: http.StatusConflict, Detail: err.Error()}, true
	case errors.Is(err, quality.ErrScope):
		return Problem{Status: http.StatusUnprocessableEntity, Errors: []ProblemField{{"scope", "container, fridge, shipper or location"}}}, true
	case errors.Is(err, quality.ErrDecision):
		return Problem{Status: http.StatusUnprocessableEntity, Errors: []ProblemField{{"decision", "released or condemned"}}}, true
	case errors.Is(err, quality.ErrProbing):
		return Problem{Status: http.StatusUnprocessableEntity, Errors: []ProblemField{{"milli_c", "-60000 to 80000, of the last 7 days"}}}, true
	case errors.Is(err, quality.ErrReason):
		return Problem{Status: http.StatusUnprocessableEntity,
			Errors: []ProblemField{{"reason", fmt.Sprintf("%d to %d characters", dispatch.MinReason, dispatch.MaxReason)}}}, true
	}
	return Problem{}, false
}
