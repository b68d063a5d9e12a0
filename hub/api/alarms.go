package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/people"
	"meguri/hub/store"
)

type alarmJSON struct {
	AlarmID        string      `json:"alarm_id"`
	Kind           string      `json:"kind"`
	Subject        string      `json:"subject"`
	Place          string      `json:"place"`
	Detail         string      `json:"detail"`
	DetailText     textJSON    `json:"detail_text"`
	State          alarm.State `json:"state"`
	Priority       int         `json:"priority"`
	Owner          string      `json:"owner"`
	Title          textJSON    `json:"title"`
	Consequence    textJSON    `json:"consequence"`
	Action         textJSON    `json:"action"`
	RaisedAt       time.Time   `json:"raised_at"`
	ClearedAt      *time.Time  `json:"cleared_at,omitempty"`
	Revision       int         `json:"revision"`
	AcknowledgedAt *time.Time  `json:"acknowledged_at,omitempty"`
	AcknowledgedBy string      `json:"acknowledged_by,omitempty"`
	ConfirmedAt    *time.Time  `json:"confirmed_at,omitempty"`
	ConfirmedBy    string      `json:"confirmed_by,omitempty"`
	ShelvedUntil   *time.Time  `json:"shelved_until,omitempty"`
	ShelvedBy      string      `json:"shelved_by,omitempty"`
	ShelvedReason  string      `json:"shelved_reason,omitempty"`
	Latched        bool        `json:"latched"`
	CausedBy       string      `json:"caused_by,omitempty"`

	Forecast *forecastJSON `json:"forecast,omitempty"`
}

type forecastJSON struct {
	Fridge   string `json:"fridge"`
	Minutes  int    `json:"minutes"`
	Measured bool   `json:"measured"`
}

type textJSON struct {
	EN string `json:"en"`
	JA string `json:"ja"`
}

func toAlarm(l store.AlarmLine) alarmJSON {
	out := alarmJSON{AlarmID: l.ID, Kind: l.Kind, Subject: l.Subject, Place: l.Place, Detail: l.Detail.In("en"), DetailText: textJSON(l.Detail.Text()), State: l.State,
		Priority: int(l.About.Priority), Owner: l.About.Owner, Title: textJSON(l.About.Title), Consequence: textJSON(l.About.Consequence),
		Action: textJSON(l.About.Action), RaisedAt: l.Raised, ClearedAt: optional(l.Cleared), Revision: l.Revision,
		AcknowledgedAt: optional(l.Acknowledged.At), AcknowledgedBy: l.Acknowledged.By, ConfirmedAt: optional(l.Confirmed.At),
		ConfirmedBy: l.Confirmed.By, Latched: l.Latched, CausedBy: l.Parent}
	if l.Shelf.By != "" {
		out.ShelvedUntil, out.ShelvedBy, out.ShelvedReason = optional(l.Shelf.Until), l.Shelf.By, l.Shelf.Reason
	}
	return out
}

// withForecast is toAlarm with how long the cold lasts, where that can be said.
func withForecast(ctx context.Context, tx *store.Tx, l store.AlarmLine, now time.Time) (alarmJSON, error) {
	out := toAlarm(l)
	f, ok, err := tx.ForecastOf(ctx, l.Alarm, now)
	if err == nil && ok {
		out.Forecast = &forecastJSON{f.Fridge, int(f.Left.Minutes()), f.Measured}
	}
	return out, err
}

func (a *API) listAlarms(c echo.Context) error {
	var out struct {
		Alarms []alarmJSON `json:"alarms"`
	}
	filter := store.AlarmFilter{All: c.QueryParam("all") == "true", Owner: c.QueryParam("owner"), Place: c.QueryParam("place")}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		now := a.Clock.Now()
		found, err := tx.AlarmLines(ctx, filter, now, maxList)
		out.Alarms = make([]alarmJSON, len(found))
		for i, l := range found {
			if err == nil {
				out.Alarms[i], err = withForecast(ctx, tx, l, now)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

type transitionJSON struct {
	Number   int        `json:"number"`
	At       time.Time  `json:"at"`
	What     alarm.What `json:"what"`
	By       string     `json:"by,omitempty"`
	Detail   string     `json:"detail,omitempty"`
	Revision int        `json:"revision"`
}

type revisionJSON struct {
	Revision       int        `json:"revision"`
	Detail         string     `json:"detail"`
	DetailText     textJSON   `json:"detail_text"`
	RaisedAt       time.Time  `json:"raised_at"`
	ClearedAt      *time.Time `json:"cleared_at,omitempty"`
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty"`
	AcknowledgedBy string     `json:"acknowledged_by,omitempty"`
	ConfirmedAt    *time.Time `json:"confirmed_at,omitempty"`
	ConfirmedBy    string     `json:"confirmed_by,omitempty"`
	RevisedAt      time.Time  `json:"revised_at"`
}

// AlarmPage is all that is known of one alarm.
type AlarmPage struct {
	Alarm        store.AlarmLine
	Consequences []store.AlarmLine
	Revisions    []store.AlarmRevision
	History      []alarm.Transition
}

// ReadAlarm gives all that is known of an alarm, or store.ErrNotFound.
func ReadAlarm(ctx context.Context, tx *store.Tx, id string, now time.Time) (p AlarmPage, err error) {
	a, err := tx.AlarmLife(ctx, id)
	if err != nil {
		return p, err
	}
	own, err := tx.Stand(ctx, []alarm.Alarm{a}, now)
	if err != nil {
		return p, err
	}
	p.Alarm = own[0]
	below, err := tx.Consequences(ctx, id, maxList)
	if err != nil {
		return p, err
	}
	if p.Consequences, err = tx.Stand(ctx, below, now); err != nil {
		return p, err
	}
	if p.Revisions, err = tx.AlarmRevisions(ctx, id, maxList); err != nil {
		return p, err
	}
	p.History, err = tx.AlarmHistory(ctx, id, maxList)
	return p, err
}

func (a *API) getAlarm(c echo.Context) error {
	var out struct {
		Alarm        alarmJSON        `json:"alarm"`
		Consequences []alarmJSON      `json:"consequences"`
		Revisions    []revisionJSON   `json:"earlier_revisions"`
		History      []transitionJSON `json:"history"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		p, err := ReadAlarm(ctx, tx, Param(c, "id"), a.Clock.Now())
		if err != nil {
			return err
		}
		out.Consequences = each(p.Consequences, toAlarm)
		out.Revisions = each(p.Revisions, func(r store.AlarmRevision) revisionJSON {
			return revisionJSON{r.Revision, r.Detail.In("en"), textJSON(r.Detail.Text()), r.Raised, optional(r.Cleared), optional(r.Acknowledged.At), r.Acknowledged.By,
				optional(r.Confirmed.At), r.Confirmed.By, r.Revised}
		})
		out.History = each(p.History, func(t alarm.Transition) transitionJSON {
			return transitionJSON{t.Number, t.At, t.What, t.By, t.Detail.In("en"), t.Revision}
		})
		out.Alarm, err = withForecast(ctx, tx, p.Alarm, a.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// alarmVerb makes the handler of one verb.
func (a *API) alarmVerb(verb alarm.Verb) echo.HandlerFunc {
	return func(c echo.Context) error {
		var in struct {
			Revision int    `json:"revision"`
			Minutes  int    `json:"minutes"`
			Once     bool   `json:"once"`
			Reason   string `json:"reason"`
		}
		if err := c.Bind(&in); err != nil {
			return err
		}
		err := a.DoToAlarm(c.Request().Context(), Param(c, "id"),
			alarm.Wish{Verb: verb, By: Who(c).ID, Revision: in.Revision, Minutes: in.Minutes, Once: in.Once, Reason: in.Reason})
		if err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// DoToAlarm does what a person wants done to an alarm. It is store.ErrNotFound for one that is not there, or the refusal.
func (a *API) DoToAlarm(ctx context.Context, id string, w alarm.Wish) error {
	now := a.Clock.Now()
	err := a.Store.Change(ctx, func(tx *store.Tx) error {
		_, err := tx.ChangeAlarm(ctx, id, func(was alarm.Alarm) (alarm.Alarm, alarm.Transition, error) { return w.Do(was, now) })
		if err != nil {
			return err
		}
		return tx.RecordAct(ctx, people.NewAct(now, w.By, "alarm."+string(w.Verb), id, w.Reason))
	})
	if err != nil {
		return fmt.Errorf("%s: %w", w.Verb, err)
	}
	a.Feed.Changed()
	return nil
}

type maintenanceJSON struct {
	Position string    `json:"position"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
}

func (a *API) listMaintenance(c echo.Context) error {
	var out struct {
		Maintenance []maintenanceJSON `json:"maintenance"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Services(ctx, a.Clock.Now())
		out.Maintenance = each(all, func(s alarm.Service) maintenanceJSON {
			return maintenanceJSON{s.Position, s.Reason, s.By, s.From, s.Until}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (a *API) addMaintenance(c echo.Context) error {
	var in struct {
		Position string `json:"position"`
		Reason   string `json:"reason"`
		Minutes  int    `json:"minutes"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.BeginMaintenance(c.Request().Context(), Who(c).ID, in.Position, in.Reason, in.Minutes); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// BeginMaintenance takes a position out of service for so many minutes: its alarms are kept and call nobody.
func (a *API) BeginMaintenance(ctx context.Context, by, position, reason string, minutes int) error {
	now := a.Clock.Now()
	s, err := alarm.NewService(alarm.Service{ID: people.NewID("m"), Position: position, By: by, Reason: reason, From: now,
		Until: now.Add(time.Duration(max(0, min(minutes, 1<<20))) * time.Minute)})
	if err != nil {
		return err
	}
	err = a.Store.Change(ctx, func(tx *store.Tx) error { return tx.TakeOutOfService(ctx, s) })
	if err == nil {
		a.Feed.Changed()
	}
	return err
}

func (a *API) endMaintenance(c echo.Context) error {
	if err := a.EndMaintenance(c.Request().Context(), Who(c).ID, c.QueryParam("position")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// EndMaintenance puts a position back into service; store.ErrNotFound when it is in it.
func (a *API) EndMaintenance(ctx context.Context, by, position string) error {
	now := a.Clock.Now()
	err := a.Store.Change(ctx, func(tx *store.Tx) error { return tx.PutIntoService(ctx, position, by, now) })
	if err == nil {
		a.Feed.Changed()
	}
	return err
}
