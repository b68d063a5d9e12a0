package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/order"
	"meguri/hub/store"
)

func itoa(n int) string { return strconv.Itoa(n) }

// locationView is what a location's page shows.
type locationView struct {
	Lang     lang
	Now      time.Time
	ID       string
	Name     string
	Address  string
	GLN      string
	Date     string
	HasDate  bool
	Presence presence
	Troubles []trouble
	Fridges  []fridgeBlock
	Orders   []order.Order
	Devices  []store.DeviceView
	Events   []eventLine
	MaySee   bool // the pages of single orders
	MayOpen  bool // the doors
}

// fridgeBlock is a fridge with its slots and, for readers without scripts, its chart.
type fridgeBlock struct {
	fridgeRow
	Slots []store.SlotView
	Chart sparkline
}

// eventLine is an event as people read it.
type eventLine struct {
	At      time.Time
	Name    string
	Subject string
	Odd     bool // it did not fit what is known
	Reason  string
	Within  time.Duration // At may be off so much, either way
	Claimed time.Time     // by the device's own clock
}

const (
	chartSpan   = 24 * time.Hour
	maxReadings = 50_000 // of one sensor in that time: one each two seconds
	chartPoints = 1500
	maxEvents   = 20
)

func (w *Web) readLocation(ctx context.Context, l lang, id, asked string) (v locationView, err error) {
	now := w.Clock.Now()
	err = w.read(ctx, func(tx *store.Tx) error {
		loc, err := tx.LocationView(ctx, id)
		if err != nil {
			return err
		}
		v = locationView{Lang: l, Now: now, ID: id, Name: loc.Name, Address: loc.Address, GLN: loc.GLN}
		d := data{locations: []store.LocationView{loc}}
		if d.date, d.hasDate, err = w.dateOf(ctx, tx, asked); err != nil {
			return err
		}
		v.Date, v.HasDate = d.date.Date, d.hasDate
		if err := d.sources.readAlarms(ctx, tx, id, now); err != nil {
			return err
		}
		if d.devices, err = tx.DeviceViewsAt(ctx, id); err != nil {
			return err
		}
		v.Devices = d.devices
		for _, dev := range d.devices {
			v.Presence = better(v.Presence, presence{!dev.Seen.IsZero(), dev.Online, dev.Seen})
		}
		for _, t := range newTroubles(w, l, d, now) {
			if t.Location == id {
				if !strings.HasPrefix(t.Link, "/alarms/") {
					t.Link = "" // we are there
				}
				v.Troubles = append(v.Troubles, t)
			}
		}
		return w.readInside(ctx, tx, loc, &v)
	})
	return v, err
}

// readInside reads slots, orders and events of a location.
func (w *Web) readInside(ctx context.Context, tx *store.Tx, loc store.LocationView, v *locationView) error {
	slots, err := tx.SlotViews(ctx, loc.ID, v.Date)
	if err != nil {
		return err
	}
	for i, f := range loc.Fridges {
		block := fridgeBlock{fridgeRow: newFridgeRow(f, i+1, v.Now)}
		for _, s := range slots {
			if s.FridgeID == f.ID {
				block.Slots = append(block.Slots, s)
			}
		}
		v.Fridges = append(v.Fridges, block)
	}
	if v.Orders, err = tx.ListOrders(ctx, order.Filter{Date: v.Date, LocationID: loc.ID}); err != nil {
		return err
	}
	events, err := tx.EventsAt(ctx, loc.ID, maxEvents)
	for _, e := range events {
		v.Events = append(v.Events, eventLine{e.At, e.Name, e.Subject, e.Outcome != string(store.Applied), e.Reason, e.Within, e.Claimed})
	}
	return err
}

// addCharts reads the last day of each fridge.
func (w *Web) addCharts(ctx context.Context, v *locationView) error {
	from := v.Now.Add(-chartSpan)
	return w.read(ctx, func(tx *store.Tx) error {
		for i := range v.Fridges {
			f := &v.Fridges[i]
			readings, _, err := tx.ReadingsOf(ctx, f.ID+"/air", from, v.Now, maxReadings)
			if err != nil {
				return err
			}
			f.Chart = newSparkline(thin(newSeries(readings), 600), f.MinMilliC, f.MaxMilliC, from, v.Now)
		}
		return nil
	})
}

func (w *Web) location(c echo.Context) error {
	l, ctx := chooseLang(c), c.Request().Context()
	v, err := w.readLocation(ctx, l, api.Param(c, "id"), c.QueryParam("date"))
	if err != nil {
		return err
	}
	if err := w.addCharts(ctx, &v); err != nil {
		return err
	}
	v.MaySee = w.mayOpen(api.Who(c), "/orders/:id")
	v.MayOpen = w.mayOpen(api.Who(c), "/doors/:id")
	return w.render(c, http.StatusOK, "location", v.Name, "/locations/"+v.ID+"/live", v)
}

func (w *Web) locationStream(c echo.Context) error {
	l, id := chooseLang(c), api.Param(c, "id")
	maySee := w.mayOpen(api.Who(c), "/orders/:id")
	key := "location " + string(l) + " " + strconv.FormatBool(maySee) + " " + id
	return w.stream(c, key, func(ctx context.Context) ([]byte, error) {
		v, err := w.readLocation(ctx, l, id, "")
		if err != nil {
			return nil, err
		}
		v.MaySee = maySee
		return w.fragment(l, "location", "live", v)
	})
}

// chartJSON is a fridge's temperature as the page's script draws it: seconds and degrees, null where the line breaks.
type chartJSON struct {
	ID     string     `json:"id"`
	Low    float64    `json:"low"`
	High   float64    `json:"high"`
	Times  []float64  `json:"times"`
	Values []*float64 `json:"values"`
}

func (w *Web) chart(c echo.Context) error {
	ctx, now := c.Request().Context(), w.Clock.Now()
	from := now.Add(-chartSpan)
	out := struct {
		From    int64       `json:"from"`
		Until   int64       `json:"until"`
		Fridges []chartJSON `json:"fridges"`
	}{From: from.Unix(), Until: now.Unix(), Fridges: []chartJSON{}}
	err := w.read(ctx, func(tx *store.Tx) error {
		out.Fridges = out.Fridges[:0]
		loc, err := tx.LocationView(ctx, api.Param(c, "id"))
		if err != nil {
			return err
		}
		for _, f := range loc.Fridges {
			readings, _, err := tx.ReadingsOf(ctx, f.ID+"/air", from, now, maxReadings)
			if err != nil {
				return err
			}
			out.Fridges = append(out.Fridges, newChart(f, thin(newSeries(readings), chartPoints)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func newChart(f store.FridgeView, points []point) chartJSON {
	chart := chartJSON{ID: f.ID, Low: degrees(f.MinMilliC), High: degrees(f.MaxMilliC), Times: []float64{}, Values: []*float64{}}
	for _, p := range points {
		chart.Times = append(chart.Times, float64(p.At.UnixMilli())/1000)
		if p.Gap {
			chart.Values = append(chart.Values, nil)
			continue
		}
		v := degrees(p.MilliC)
		chart.Values = append(chart.Values, &v)
	}
	return chart
}

func degrees(milliC int64) float64 { return float64(milliC) / 1000 }
