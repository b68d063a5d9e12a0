package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/api"
	"meguri/hub/people"
	"meguri/hub/store"
)

// alarmItem is one alarm of a list, with where it is.
type alarmItem struct {
	store.AlarmLine
	Where    string
	Link     string // to its location
	Title    string
	Grave    bool
	Overdue  bool // a person should have acknowledged it by now
	Forecast *store.LimitForecast
	Below    int // consequences, where they are told
}

// alarmsView is the list of alarms.
type alarmsView struct {
	Show      string // open, mine or all
	Shows     []string
	Items     []alarmItem
	Calling   int
	More      bool
	Told      bool // somebody is told when nobody acknowledges
	Undone    int  // notices that could not be sent
	Service   []alarm.Service
	MayAnswer bool
	Maintain  maintainForm
	Now       time.Time
}

var shows = []string{"open", "mine", "all"}

func (w *Web) alarms(c echo.Context) error { return w.showAlarms(c, http.StatusOK, "") }

func (w *Web) showAlarms(c echo.Context, status int, wrong string) error {
	l, who, now := chooseLang(c), api.Who(c), w.Clock.Now()
	v := alarmsView{Show: c.QueryParam("show"), Shows: shows, Now: now, Told: w.Told,
		MayAnswer: w.mayAct(who, "POST /alarms/:id/acknowledge")}
	v.Maintain = maintainForm{Wrong: wrong, May: w.mayAct(who, "POST /maintenance"), Hours: maintainHours}
	filter := store.AlarmFilter{}
	switch v.Show {
	case "mine":
		filter.Owner = string(who.Role)
	case "all":
		filter.All = true
	default:
		v.Show = "open"
	}
	err := w.read(c.Request().Context(), func(tx *store.Tx) error {
		ctx := c.Request().Context()
		lines, err := tx.AlarmLines(ctx, filter, now, maxRows)
		if err != nil {
			return err
		}
		v.More = len(lines) == maxRows
		if v.Undone, err = tx.FailedNotices(ctx, w.RealNow().Add(-24*time.Hour)); err != nil {
			return err
		}
		if v.Service, err = tx.Services(ctx, now); err != nil {
			return err
		}
		if err = v.Maintain.read(c, tx, len(v.Service) > 0); err != nil {
			return err
		}
		v.Items, err = w.alarmItems(ctx, tx, l, lines, now)
		return err
	})
	if err != nil {
		return err
	}
	for _, i := range v.Items {
		if i.State.Calls() {
			v.Calling++
		}
	}
	return w.render(c, status, "alarms", l.text("alarms.title"), "", v)
}

// alarmItems says of alarms where they are. Consequences of an alarm that stands are told with it, and not on their own.
func (w *Web) alarmItems(ctx context.Context, tx *store.Tx, l lang, lines []store.AlarmLine, now time.Time) ([]alarmItem, error) {
	locations, err := tx.Locations(ctx)
	if err != nil {
		return nil, err
	}
	place := newWhere(l, locations)
	below := map[string]int{}
	for _, a := range lines {
		if a.State == alarm.Suppressed {
			below[a.Parent]++
		}
	}
	var items []alarmItem
	for _, a := range lines {
		if a.State == alarm.Suppressed {
			continue
		}
		t := alarmTrouble(place, a)
		i := alarmItem{AlarmLine: a, Where: t.Where, Title: t.Title, Grave: t.Grave, Below: below[a.ID],
			Overdue: a.About.Within > 0 && a.State == alarm.Unacknowledged && now.Sub(a.Raised) > a.About.Within}
		i.Detail = alarm.Said(t.Detail)
		if t.Location != "" {
			i.Link = "/locations/" + t.Location
		}
		f, ok, err := tx.ForecastOf(ctx, a.Alarm, now)
		if err != nil {
			return nil, err
		}
		if ok {
			var at trouble
			place.at(&at, f.Fridge)
			f.Fridge, i.Forecast = at.Where, &f
		}
		items = append(items, i)
	}
	return items, nil
}

// alarmView is the page of one alarm.
type alarmView struct {
	alarmItem
	Lang         lang
	Page         api.AlarmPage
	Consequences []alarmItem
	Names        map[string]string // of persons, by id
	May          map[string]bool   // verbs
	Wrong        string
	OnlySee      bool
	Shelves      []int // minutes
	Now          time.Time
}

var shelves = []int{15, 60, 240, 720}

func (w *Web) alarm(c echo.Context) error { return w.showAlarm(c, http.StatusOK, "") }

func (w *Web) showAlarm(c echo.Context, status int, wrong string) error {
	l, ctx, now := chooseLang(c), c.Request().Context(), w.Clock.Now()
	v := alarmView{Lang: l, Now: now, Names: map[string]string{}, May: map[string]bool{}, Wrong: wrong, Shelves: shelves}
	err := w.read(ctx, func(tx *store.Tx) (err error) {
		if v.Page, err = api.ReadAlarm(ctx, tx, api.Param(c, "id"), now); err != nil {
			return err
		}
		all := append([]store.AlarmLine{v.Page.Alarm}, v.Page.Consequences...)
		items, err := w.alarmItems(ctx, tx, l, notSuppressed(all), now)
		if err != nil {
			return err
		}
		v.alarmItem, v.Consequences = items[0], items[1:]
		v.State = v.Page.Alarm.State
		for i, a := range v.Page.Consequences {
			v.Consequences[i].State = a.State
			v.Consequences[i].Overdue = v.Consequences[i].Overdue && a.State == alarm.Unacknowledged
		}
		return v.readNames(ctx, tx)
	})
	if err != nil {
		return err
	}
	v.OnlySee = !v.Over() && !w.mayAct(api.Who(c), "POST /alarms/:id/acknowledge")
	for verb, may := range v.Page.Alarm.May(now) {
		v.May[string(verb)] = may && w.mayAct(api.Who(c), "POST /alarms/:id/"+string(verb))
	}
	return w.render(c, status, "alarm", v.Title, "", v)
}

// notSuppressed gives alarms as if nothing explained them, for a page that shows them with their cause.
func notSuppressed(all []store.AlarmLine) []store.AlarmLine {
	all = slices.Clone(all)
	for i := range all {
		if all[i].State == alarm.Suppressed {
			all[i].State = alarm.Unacknowledged
		}
	}
	return all
}

func (v *alarmView) readNames(ctx context.Context, tx *store.Tx) error {
	ids := []string{v.Acknowledged.By, v.Confirmed.By, v.Shelf.By, v.ServedBy}
	for _, h := range v.Page.History {
		ids = append(ids, h.By)
	}
	for _, r := range v.Page.Revisions {
		ids = append(ids, r.Acknowledged.By, r.Confirmed.By)
	}
	for _, id := range ids {
		if _, has := v.Names[id]; has || id == "" {
			continue
		}
		p, err := tx.Person(ctx, id)
		if errors.Is(err, people.ErrNoPerson) {
			p.Name, err = id, nil // the console
		}
		if err != nil {
			return err
		}
		v.Names[id] = p.Name
	}
	return nil
}

// alarmVerb makes the handler of a button of an alarm's page. What is refused is told on the page as it is now.
func (w *Web) alarmVerb(verb alarm.Verb) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := api.Param(c, "id")
		wish := alarm.Wish{Verb: verb, By: api.Who(c).ID, Reason: c.FormValue("reason")}
		wish.Revision, _ = strconv.Atoi(c.FormValue("revision")) // none is 0, which is no revision
		wish.Once = c.FormValue("minutes") == "once"
		wish.Minutes, _ = strconv.Atoi(c.FormValue("minutes"))
		err := w.DoToAlarm(c.Request().Context(), id, wish)
		for _, known := range []struct {
			is  error
			key string
		}{
			{alarm.ErrOldRevision, "alarm.oldrevision"}, {alarm.ErrAlready, "alarm.already"}, {alarm.ErrOver, "alarm.isover"}, {alarm.ErrNotYet, "alarm.notyet"},
		} {
			if errors.Is(err, known.is) {
				return w.showAlarm(c, http.StatusConflict, chooseLang(c).text(known.key))
			}
		}
		if field := new(alarm.FieldError); errors.As(err, &field) {
			return w.showAlarm(c, http.StatusUnprocessableEntity, chooseLang(c).known("alarm.field.", field.Field))
		}
		if err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/alarms/"+url.PathEscape(id))
	}
}
