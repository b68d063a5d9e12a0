package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

type deviceJSON struct {
	DeviceID    string     `json:"device_id"`
	Role        string     `json:"role"`
	Place       string     `json:"place"`
	Online      bool       `json:"online"`
	SeenAt      *time.Time `json:"seen_at,omitempty"`
	Software    string     `json:"software"`
	Incarnation string     `json:"incarnation"`
	Boot        int64      `json:"boot"`
	PlanSent    int64      `json:"plan_sent"`
	PlanActive  int64      `json:"plan_active"`
}

func toDevice(d store.DeviceView) deviceJSON {
	return deviceJSON{d.ID, d.Role, d.Place, d.Online, optional(d.Seen), d.Software, d.Incarnation, d.Boot, d.PlanSent, d.PlanActive}
}

func (a *API) listDevices(c echo.Context) error {
	var out struct {
		Devices []deviceJSON `json:"devices"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.DeviceViews(ctx)
		out.Devices = each(all, toDevice)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type deviceDetailJSON struct {
	Device   deviceJSON    `json:"device"`
	Logs     []logJSON     `json:"logs"`
	Gaps     []gapJSON     `json:"gaps"`
	Commands []commandJSON `json:"commands"`
}

type logJSON struct {
	Incarnation string `json:"incarnation"`
	Log         string `json:"log"`
	NextNumber  int64  `json:"next_number"`
	State       string `json:"state"`
}

type gapJSON struct {
	Incarnation string    `json:"incarnation"`
	Log         string    `json:"log"`
	FirstNumber int64     `json:"first_number"`
	LastNumber  int64     `json:"last_number"`
	Reason      string    `json:"reason"`
	NotedAt     time.Time `json:"noted_at"`
}

type commandJSON struct {
	CommandID  string     `json:"command_id"`
	Kind       string     `json:"kind"`
	Target     string     `json:"target"`
	AskedBy    string     `json:"asked_by"`
	AskedAt    time.Time  `json:"asked_at"`
	Deadline   time.Time  `json:"deadline"`
	State      string     `json:"state"`
	Outcome    string     `json:"outcome,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
}

func toCommand(v store.CommandView) commandJSON {
	kind := "unknown"
	switch protocol.CommandKind(v.Kind) {
	case protocol.CommandUnlock:
		kind = "unlock"
	case protocol.CommandIdentify:
		kind = "identify"
	case protocol.CommandShowNumber:
		kind = "show_number"
	}
	return commandJSON{v.ID, kind, v.Target, v.AskedBy, v.Asked, v.Deadline, v.State, v.Outcome, v.Reason,
		optional(v.Answered)}
}

func (a *API) getDevice(c echo.Context) error {
	var out deviceDetailJSON
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.DeviceView(ctx, Param(c, "id"))
		if err != nil {
			return err
		}
		logs, err := tx.LogViews(ctx, d.ID)
		if err != nil {
			return err
		}
		gaps, err := tx.GapViews(ctx, d.ID, maxList)
		if err != nil {
			return err
		}
		commands, err := tx.CommandViews(ctx, d.ID, 50)
		out = deviceDetailJSON{Device: toDevice(d),
			Logs: each(logs, func(l store.LogView) logJSON {
				return logJSON{l.Incarnation, protocol.LogID(l.Log).String(), l.Next, l.State}
			}),
			Gaps: each(gaps, func(g store.GapView) gapJSON {
				return gapJSON{g.Incarnation, protocol.LogID(g.Log).String(), g.First, g.Last, g.Reason, g.Noted}
			}),
			Commands: each(commands, toCommand)}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// commandTime is how long a device may take to do what was asked, on the hub's clock. A door that opens much later than
// somebody asked is worse than one that stays shut.
const commandTime = 5 * time.Minute

// commandKinds are what anybody may ask of a device. Doors are opened by door.Service alone, for somebody who is there.
var commandKinds = map[string]protocol.CommandKind{"identify": protocol.CommandIdentify}

// commandDevice puts an act into the device's outbox, and records who asked, in one transaction.
func (a *API) commandDevice(c echo.Context) error {
	var in struct {
		Kind   string `json:"kind"`
		Target string `json:"target"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	ctx, who, now := c.Request().Context(), Who(c), a.Clock.Now()
	ask := fleet.Command{ID: people.NewID("c"), Device: Param(c, "id"), Kind: uint8(commandKinds[in.Kind]), Target: in.Target,
		Deadline: now.Add(commandTime), AskedBy: who.ID, AskedAt: now}
	var v store.CommandView
	err := a.Store.Change(ctx, func(tx *store.Tx) error {
		if _, err := tx.AddCommand(ctx, ask); err != nil {
			return err
		}
		act := people.NewAct(now, who.ID, "command."+in.Kind, ask.Device, ask.ID+" "+in.Target)
		if err := tx.RecordAct(ctx, act); err != nil {
			return err
		}
		var err error
		v, err = tx.CommandView(ctx, ask.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("command to %s: %w", ask.Device, err)
	}
	a.Feed.Changed() // which the outbox follows, too
	return c.JSON(http.StatusAccepted, toCommand(v))
}
