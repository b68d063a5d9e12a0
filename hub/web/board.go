package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/protocol"
)

// boardView is what the dashboard shows.
type boardView struct {
	Lang      lang
	Now       time.Time
	Date      store.DateView
	HasDate   bool
	Phase     string
	Troubles  []trouble
	Wrong     int // troubles in all, and
	More      int // of them, not shown
	InRange   int // fridges
	Online    int // devices
	Orders    orderBar
	Locations []locationCard
}

// orderBar is a date's orders by state.
type orderBar struct {
	Placed, Accepted int64
	Parts            []orderPart
}

// orderPart is one state's share of the bar, in thousandths.
type orderPart struct {
	State  order.State
	Orders int64
	X, W   int64
}

// states in the order in which orders go through them.
var states = []order.State{order.Held, order.Accepted, order.Ready, order.PickedUp, order.LeftOver, order.Undelivered, order.Cancelled,
	order.CalledOff, order.Expired, order.Refused}

func newOrderBar(counts []order.Count) orderBar {
	var bar orderBar
	by := map[order.State]int64{}
	for _, c := range counts {
		by[c.State] += c.Orders
		bar.Placed += c.Orders
	}
	for state, n := range by {
		if state.Holds() && state != order.Held {
			bar.Accepted += n
		}
	}
	var done int64
	for _, s := range states {
		if by[s] > 0 {
			x := done * 1000 / bar.Placed
			done += by[s]
			bar.Parts = append(bar.Parts, orderPart{s, by[s], x, done*1000/bar.Placed - x})
		}
	}
	return bar
}

// locationCard is one station at a glance.
type locationCard struct {
	ID, Name string
	Presence presence
	Fridges  []fridgeRow
	Orders   []orderPart // without refused ones
	Trouble  bool        // something is wrong there
	Grave    bool        // and goods or safety are at stake
}

// presence is whether a station's devices are there.
type presence struct {
	Known, Online bool
	Since         time.Time // last heard of, when it is not online
}

// fridgeRow is one fridge at a glance.
type fridgeRow struct {
	store.FridgeView
	N      int // within the location, from 1
	Status string
	Fault  string // message key
	Stale  bool   // the newest reading is old
	Bar    rangeBar
}

// Silent says whether nothing was heard of door and lock.
func (r fridgeRow) Silent() bool {
	none := func(s string) bool { return s == "" || s == "unknown" }
	return none(r.Door) && none(r.Lock)
}

// staleAfter is how old a fridge's newest reading may be to count as now.
const staleAfter = 15 * time.Minute

// faultMessages are "fault.NUMBER" of each fault of a sensor that this hub knows.
func faultMessages() map[string]message {
	all := map[string]message{"fault.unknown": {alarm.UnknownFault.EN, alarm.UnknownFault.JA}}
	for number, text := range alarm.Faults {
		all[fmt.Sprintf("fault.%d", number)] = message{text.EN, text.JA}
	}
	return all
}

// faultKey is the text of a sensor's fault. A newer device may name one that this hub does not know.
func faultKey(fault int) string {
	key := fmt.Sprintf("fault.%d", fault)
	if _, ok := messages[key]; !ok {
		return "fault.unknown"
	}
	return key
}

func newFridgeRow(f store.FridgeView, n int, now time.Time) fridgeRow {
	row := fridgeRow{FridgeView: f, N: n, Status: "nodata"}
	switch {
	case f.Reading == nil:
		return row
	case f.Reading.Fault != 0:
		row.Status, row.Fault = "fault", faultKey(f.Reading.Fault)
	case f.Reading.MilliC > f.MaxMilliC:
		row.Status = "warm"
	case f.Reading.MilliC < f.MinMilliC:
		row.Status = "cold"
	default:
		row.Status = "ok"
	}
	row.Stale = now.Sub(f.Reading.At) > staleAfter
	row.Bar = newRangeBar(f.Reading.MilliC, f.MinMilliC, f.MaxMilliC)
	return row
}

// rangeBar shows a value and its limits on a track 100 wide. The track goes half a range beyond each limit.
type rangeBar struct{ Low, Width, Mark int64 }

func newRangeBar(value, low, high int64) rangeBar {
	room := max((high-low)/2, 1000)
	from, to := low-room, high+room
	at := func(v int64) int64 { return (min(max(v, from), to) - from) * 100 / (to - from) }
	return rangeBar{at(low), at(high) - at(low), at(value)}
}

// data is what board and troubles are made from.
type data struct {
	date      store.DateView
	hasDate   bool
	locations []store.LocationView
	devices   []store.DeviceView
	counts    []order.Count
	perPlace  []store.PlaceCount
	sources   sources
}

func (w *Web) readBoard(ctx context.Context, asked string) (d data, err error) {
	now := w.Clock.Now()
	err = w.read(ctx, func(tx *store.Tx) error {
		d = data{}
		if d.date, d.hasDate, err = w.dateOf(ctx, tx, asked); err != nil {
			return err
		}
		if d.locations, err = tx.Locations(ctx); err != nil {
			return err
		}
		if d.devices, err = tx.DeviceViews(ctx); err != nil {
			return err
		}
		if d.counts, err = tx.OrderCounts(ctx, d.date.Date); err != nil {
			return err
		}
		if d.perPlace, err = tx.OrdersByLocation(ctx, d.date.Date); err != nil {
			return err
		}
		d.sources, err = readSources(ctx, tx, d.date.Date, now)
		return err
	})
	return d, err
}

const maxTroubles = 12

func (w *Web) newBoard(l lang, d data) boardView {
	now := w.Clock.Now()
	v := boardView{Lang: l, Now: now, Date: d.date, HasDate: d.hasDate, Phase: w.phase(l, d, now), Orders: newOrderBar(d.counts)}
	stations := map[string]presence{}
	for _, dev := range d.devices {
		if dev.Online {
			v.Online++
		}
		if dev.Role == "station" {
			stations[dev.Place] = better(stations[dev.Place], presence{!dev.Seen.IsZero(), dev.Online, dev.Seen})
		}
	}
	all := newTroubles(w, l, d, now)
	troubled, grave := map[string]bool{}, map[string]bool{}
	for _, t := range all {
		troubled[t.Location] = true
		grave[t.Location] = grave[t.Location] || t.Grave
	}
	v.Troubles = all[:min(len(all), maxTroubles)]
	v.Wrong, v.More = len(all), len(all)-len(v.Troubles)
	for _, loc := range d.locations {
		card := locationCard{ID: loc.ID, Name: loc.Name, Presence: stations[loc.ID], Trouble: troubled[loc.ID], Grave: grave[loc.ID],
			Orders: placeOrders(d.perPlace, loc.ID)}
		for i, f := range loc.Fridges {
			row := newFridgeRow(f, i+1, now)
			if row.Status == "ok" && !row.Stale {
				v.InRange++
			}
			card.Fridges = append(card.Fridges, row)
		}
		v.Locations = append(v.Locations, card)
	}
	return v
}

// better is the presence of a place that has several devices: it is there when one is.
func better(a, b presence) presence {
	if a.Online || b.Online {
		return presence{Known: true, Online: true}
	}
	if a.Since.After(b.Since) {
		return a
	}
	return b
}

func placeOrders(counts []store.PlaceCount, location string) []orderPart {
	var parts []orderPart
	for _, s := range states {
		i := slices.IndexFunc(counts, func(c store.PlaceCount) bool { return c.LocationID == location && c.State == string(s) })
		if i >= 0 && s != order.Refused {
			parts = append(parts, orderPart{State: s, Orders: int64(counts[i].Orders)})
		}
	}
	return parts
}

// phase says where in its day a delivery date is.
func (w *Web) phase(l lang, d data, now time.Time) string {
	local := func(t time.Time) string { return w.moment(l, t) }
	switch {
	case !d.hasDate:
		return l.text("phase.none")
	case !d.date.Frozen && now.Before(d.date.Cutoff):
		return l.text("phase.orders", local(d.date.Cutoff))
	case now.Before(d.date.Opens):
		return l.text("phase.delivery", local(d.date.Opens))
	case now.Before(d.date.Closes):
		return l.text("phase.pickup", local(d.date.Closes))
	case !d.date.Closed:
		return l.text("phase.closing", local(d.date.Closes))
	}
	return l.text("phase.closed")
}

func (w *Web) board(c echo.Context) error {
	l := chooseLang(c)
	d, err := w.readBoard(c.Request().Context(), c.QueryParam("date"))
	if err != nil {
		return err
	}
	stream := "/live"
	if date := c.QueryParam("date"); date != "" {
		stream += "?date=" + d.date.Date
	}
	return w.render(c, http.StatusOK, "board", l.text("nav.today"), stream, w.newBoard(l, d))
}

// boardStream sends the dashboard's live part when it has changed.
func (w *Web) boardStream(c echo.Context) error {
	l, date := chooseLang(c), c.QueryParam("date")
	return w.stream(c, "board "+string(l)+" "+date, func(ctx context.Context) ([]byte, error) {
		d, err := w.readBoard(ctx, date)
		if err != nil {
			return nil, err
		}
		return w.fragment(l, "board", "live", w.newBoard(l, d))
	})
}

// fragment makes a part of a page.
func (w *Web) fragment(l lang, page, part string, v any) ([]byte, error) {
	var b bytes.Buffer
	err := w.pages[l][page].ExecuteTemplate(&b, part, v)
	return b.Bytes(), err
}

// faulty says whether the newest reading of a fridge is a fault of its sensor.
func faulty(f store.FridgeView) bool {
	return f.Reading != nil && protocol.SensorFault(f.Reading.Fault) != protocol.SensorOK
}
