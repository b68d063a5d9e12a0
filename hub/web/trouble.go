package web

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/quality"
	"meguri/hub/store"
)

// trouble is one thing that is wrong now, and what to do about it.
type trouble struct {
	ID       string // for the page's script: the same trouble keeps its place
	Grave    bool   // goods or safety are at stake
	Title    string
	Where    string
	Location string // id, when it is at one
	Link     string
	Detail   string
	Since    time.Time // zero when that is not known
	NoSince  bool      // the detail says it better
	Do       string
	State    string // what people have said to it; empty while nobody has
}

// sources are the rows that troubles are made from.
type sources struct {
	alarms    []store.AlarmLine
	forecasts map[string]store.LimitForecast // by alarm
	late      []dispatch.Stop
	shortages []store.Shortage
	work      []store.WorkCount
}

const maxRows = 200

func readSources(ctx context.Context, tx *store.Tx, date string, now time.Time) (s sources, err error) {
	if err = s.readAlarms(ctx, tx, "", now); err != nil {
		return s, err
	}
	if s.late, err = tx.LateStopsOf(ctx, date, now); err != nil {
		return s, err
	}
	if s.shortages, err = tx.Shortages(ctx, date); err != nil {
		return s, err
	}
	s.work, err = tx.WorkCounts(ctx)
	return s, err
}

// readAlarms reads the alarms that are open, at a place or everywhere, and how long the cold lasts where the power is out.
func (s *sources) readAlarms(ctx context.Context, tx *store.Tx, place string, now time.Time) (err error) {
	if s.alarms, err = tx.AlarmLines(ctx, store.AlarmFilter{Place: place}, now, maxRows); err != nil {
		return err
	}
	s.forecasts = map[string]store.LimitForecast{}
	for _, a := range s.alarms {
		f, ok, err := tx.ForecastOf(ctx, a.Alarm, now)
		if err != nil {
			return err
		}
		if ok {
			s.forecasts[a.ID] = f
		}
	}
	return nil
}

// where finds the place that a subject is at: a location, a fridge or a sensor in it, a device.
type where struct {
	l         lang
	locations map[string]string // name by id
	fridges   map[string]fridgeAt
}

type fridgeAt struct {
	location string
	n        int
}

func newWhere(l lang, locations []store.LocationView) where {
	w := where{l, map[string]string{}, map[string]fridgeAt{}}
	for _, loc := range locations {
		w.locations[loc.ID] = loc.Name
		for i, f := range loc.Fridges {
			w.fridges[f.ID] = fridgeAt{loc.ID, i + 1}
		}
	}
	return w
}

// at fills in the place of a trouble.
func (w where) at(t *trouble, subject string) {
	thing, _, _ := strings.Cut(subject, "/")
	if f, ok := w.fridges[thing]; ok {
		t.Location, t.Where = f.location, w.locations[f.location]+" · "+w.l.text("fridge.n", itoa(f.n))
	} else if name, ok := w.locations[thing]; ok {
		t.Location, t.Where = thing, name
	} else {
		t.Where = thing
	}
	if t.Location != "" {
		t.Link = "/locations/" + t.Location
	}
}

// newTroubles gives what is wrong, grave things first and then the newest.
func newTroubles(w *Web, l lang, d data, now time.Time) []trouble {
	place := newWhere(l, d.locations)
	all := slices.Concat(alarmTroubles(place, d.sources), sensorTroubles(place, d.locations, d.sources.alarms), lateTroubles(w, place, d, now),
		offlineTroubles(place, d.devices), shortTroubles(place, d), workTroubles(place, d.sources.work))
	slices.SortStableFunc(all, func(a, b trouble) int {
		switch {
		case a.Grave != b.Grave && a.Grave:
			return -1
		case a.Grave != b.Grave:
			return 1
		}
		return b.Since.Compare(a.Since)
	})
	return all
}

func alarmTroubles(w where, s sources) []trouble {
	var all []trouble
	for _, a := range s.alarms {
		switch a.State {
		case alarm.Suppressed, alarm.Shelved, alarm.OutOfService, alarm.Over:
			continue // they call nobody; the page of alarms has them
		}
		if a.Kind == "late" {
			continue // told from the stops themselves
		}
		t := alarmTrouble(w, a)
		if f, ok := s.forecasts[a.ID]; ok {
			t.Detail = forecastText(w, f)
		}
		t.Link = "/alarms/" + url.PathEscape(a.ID)
		switch a.Kind {
		case store.AlarmCheck:
			t.Link = "/check"
		case quality.AlarmHold:
			t.Link = "/quality"
		}
		all = append(all, t)
	}
	return all
}

func forecastText(w where, f store.LimitForecast) string {
	var at trouble
	w.at(&at, f.Fridge)
	if f.Left == 0 {
		return w.l.text("alarm.forecast.now", at.Where)
	}
	return w.l.text("alarm.forecast", at.Where, duration(w.l, f.Left))
}

// detailed are the kinds whose detail says more than their title.
var detailed = map[string]bool{store.AlarmCheck: true, alarm.DarkOpening: true, alarm.Leftover: true, alarm.Calibration: true, alarm.Overdue: true,
	alarm.ClockLost: true, alarm.ClockLow: true, "quality_hold": true}

// alarmTrouble tells an alarm in the reader's language.
func alarmTrouble(w where, a store.AlarmLine) trouble {
	t := trouble{ID: "alarm-" + a.ID, Grave: a.Active() && a.About.Priority <= alarm.High, Title: a.About.Title.In(string(w.l)),
		Detail: a.Detail.In(string(w.l)), Since: a.Raised, Do: a.About.Action.In(string(w.l))}
	isTemperature := strings.HasPrefix(a.Kind, "temperature")
	if a.Kind == alarm.Sensor {
		t.Detail = a.Subject + ": " + t.Detail
	} else if !isTemperature && alarm.Known(a.Kind) && !detailed[a.Kind] {
		t.Detail = "" // the title says the same, in the reader's language
	}
	w.at(&t, a.Subject)
	if isTemperature && t.Location == "" { // fridges stand at a location, boxes ride
		t.Where, t.Do = w.l.text("trouble.shipper", t.Where), w.l.text("do.shipper")
	}
	if a.State != alarm.Unacknowledged {
		t.State = w.l.text("alarm.state." + string(a.State))
	}
	return t
}

// sensorTroubles tells of probes without a value until the hub has raised an alarm of them, which it does at the second look.
func sensorTroubles(w where, locations []store.LocationView, alarms []store.AlarmLine) []trouble {
	var all []trouble
	told := map[string]bool{}
	for _, a := range alarms {
		told[a.Subject] = told[a.Subject] || a.Kind == alarm.Sensor
	}
	for _, loc := range locations {
		for _, f := range loc.Fridges {
			if faulty(f) && !told[f.ID+"/air"] {
				t := trouble{ID: "sensor-" + f.ID, Title: w.l.text("trouble.sensor"), Since: f.Reading.At, Do: w.l.text("do.sensor"),
					Detail: w.l.text(faultKey(f.Reading.Fault))}
				w.at(&t, f.ID)
				all = append(all, t)
			}
		}
	}
	return all
}

// lateTroubles tells of each late run the first stop that it has not reached.
func lateTroubles(web *Web, w where, d data, now time.Time) []trouble {
	var all []trouble
	told := map[string]bool{}
	for _, s := range d.sources.late {
		if told[s.RunID] || !s.ReachedAt.IsZero() || d.date.Closed || s.Kind == dispatch.Return {
			continue
		}
		told[s.RunID] = true
		route, _, _ := strings.Cut(s.RunID, "@")
		t := trouble{ID: "late-" + s.RunID, Grave: true, Title: w.l.text("trouble.late", route), Since: s.PlannedAt, NoSince: true, Do: w.l.text("do.late"),
			Detail: w.l.text("sheet.planned", web.moment(w.l, s.PlannedAt)) + " · " + w.l.text("sheet.late", duration(w.l, s.Late(now)))}
		w.at(&t, s.PlaceID)
		t.Where = w.l.text("stop."+string(s.Kind)) + " · " + s.PlaceName
		t.Link = "/sheet?date=" + d.date.Date + "&route=" + route
		all = append(all, t)
	}
	return all
}

// maxOffline is how many stations are told of one by one; more of them have most likely one reason.
const maxOffline = 4

// offlineTroubles tells of each station, unless they are many, and of the other devices together.
func offlineTroubles(w where, devices []store.DeviceView) []trouble {
	var stations []trouble
	var names, others []string
	var newest, newestOther time.Time
	for _, dev := range devices {
		if dev.Online || dev.Seen.IsZero() {
			continue
		}
		if dev.Role != "station" {
			others = append(others, dev.ID)
			newestOther = later(newestOther, dev.Seen)
			continue
		}
		t := trouble{ID: "offline-" + dev.ID, Title: w.l.text("trouble.offline"), Detail: dev.ID, Since: dev.Seen, Do: w.l.text("do.offline")}
		w.at(&t, dev.Place)
		stations = append(stations, t)
		names = append(names, t.Where)
		newest = later(newest, dev.Seen)
	}
	many := func(id string, ids []string, since time.Time) trouble {
		return trouble{ID: id, Title: w.l.text("trouble.offline.many", len(ids)), Where: some(ids), Since: since, Do: w.l.text("do.offline")}
	}
	if len(stations) > maxOffline {
		stations = []trouble{many("offline-stations", names, newest)}
	}
	if len(others) > 0 {
		stations = append(stations, many("offline-others", others, newestOther))
	}
	return stations
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func shortTroubles(w where, d data) []trouble {
	var all []trouble
	for _, s := range d.sources.shortages {
		if len(s.Open) == 0 {
			continue
		}
		all = append(all, trouble{ID: "short-" + s.ProductID, Title: w.l.text("trouble.short", s.Name, s.Units), Where: s.Shop,
			Detail: some(s.Open), Link: "/work-items", Do: w.l.text("do.short")})
	}
	return all
}

// some names the first few of many.
func some(names []string) string {
	const shown = 4
	text := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		text += " …"
	}
	return text
}

// workTroubles counts what waits for a person, by kind. Shortages are told by product.
func workTroubles(w where, work []store.WorkCount) []trouble {
	var all []trouble
	for _, c := range work {
		if c.Kind == "shortage" {
			continue
		}
		all = append(all, trouble{ID: "work-" + c.Kind, Title: w.l.text("trouble.work", w.l.known("work.", c.Kind), c.Items),
			Since: c.Oldest, Link: "/work-items", Do: w.l.text("do.work")})
	}
	return all
}
