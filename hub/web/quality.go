package web

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/coldchain"
	"meguri/hub/people"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/protocol"
)

// qualityView is what quality has to decide about, by place, with the forms that hold and measure.
type qualityView struct {
	Places  []heldPlace
	Decided []store.Hold
	People  map[string]string
	Scopes  []store.Scope
	Wrong   string
	Done    string
	MaySee  bool // the pages of single orders
	Decides bool // the person may release and condemn
	Holds   bool // the person may hold
}

// heldPlace is a fridge or shipper in which something happened, with the holds that one decision is about.
type heldPlace struct {
	Scope    store.Scope
	ID       string // of the position
	Name     string // where it is
	Holds    []heldContainer
	Orders   int
	Recalled int
	Mark     []string // the holds as they were shown
}

type heldContainer struct {
	store.Hold
	Orders []store.Concerned
	Judged store.Judgement   // that it follows from; its revision is 0 for none
	Ride   *store.RideJudged // by which its station holds it, nil for none
}

// RideMinutes is how long the goods were outside on the way or, where that is the matter, nothing was known at a stretch.
func (h heldContainer) RideMinutes() int {
	if h.Ride.Outcome == store.RideUncertain {
		return int(h.Ride.Gap.Minutes())
	}
	return int(h.Ride.Outside.Minutes())
}

// OutsideMinutes and GapMinutes are whole minutes of what was judged.
func (h heldContainer) OutsideMinutes() int { return int(h.Judged.Outside.Minutes()) }

// GapMinutes is how long nothing was known at a stretch.
func (h heldContainer) GapMinutes() int { return int(h.Judged.Gap.Minutes()) }

// deviceSays are the texts for what a station held by itself.
var deviceSays = map[protocol.GoodsCause]string{
	protocol.GoodsBroken:   "quality.device.broken",
	protocol.GoodsDoubtful: "quality.device.doubtful",
	protocol.RideBroken:    "quality.device.ridebroken",
	protocol.RideDoubtful:  "quality.device.ridedoubtful",
	protocol.RideUnstated:  "quality.device.unstated",
	protocol.RideCarried:   "quality.device.carried",
}

// DeviceSays is the text for why a station held it by itself; empty when it did not, or a newer one did for what is not known here.
func (h heldContainer) DeviceSays() string { return deviceSays[h.DeviceCause] }

// HeldMinutes is how long its station has known it to be outside.
func (h heldContainer) HeldMinutes() int { return int(h.Outside.Minutes()) }

func (w *Web) quality(c echo.Context) error {
	v := qualityView{}
	if key := c.QueryParam("done"); slices.Contains([]string{"released", "condemned", "held", "probed"}, key) {
		v.Done = chooseLang(c).text("quality.done." + key)
	}
	return w.showQuality(c, http.StatusOK, v)
}

func (w *Web) showQuality(c echo.Context, status int, v qualityView) error {
	l, ctx, who := chooseLang(c), c.Request().Context(), api.Who(c)
	v.Decides, v.MaySee = who.Role == people.Quality, w.mayOpen(who, "/orders/:id")
	v.Holds = slices.Contains([]people.Role{people.Quality, people.Dispatcher, people.Admin}, who.Role)
	v.Scopes = []store.Scope{store.ScopeFridge, store.ScopeShipper, store.ScopeLocation, store.ScopeContainer}
	err := w.read(ctx, func(tx *store.Tx) error {
		v.Places = nil
		open, err := tx.OpenHolds(ctx, maxRows)
		if err != nil {
			return err
		}
		locations, err := tx.Locations(ctx)
		if err != nil {
			return err
		}
		at := newWhere(l, locations)
		for _, h := range open {
			orders, err := tx.ConcernedBy(ctx, h.ID)
			if err != nil {
				return err
			}
			held := heldContainer{Hold: h, Orders: orders}
			if h.Revision > 0 {
				if held.Judged, err = tx.JudgementOf(ctx, h.Container, h.Leg); err != nil {
					return err
				}
			}
			if h.Cause == store.CauseDevice && h.Leg == coldchain.Shipper {
				rides, err := tx.RidesJudged(ctx, h.Container)
				if err != nil {
					return err
				}
				if n := len(rides); n > 0 {
					held.Ride = &rides[n-1]
				}
			}
			v.add(at, held)
		}
		if v.Decided, err = tx.DecidedHolds(ctx, maxEvents); err != nil {
			return err
		}
		v.People, err = names(c, tx)
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "quality", l.text("quality.title"), "", v)
}

// add puts a hold to those of its place.
func (v *qualityView) add(at where, h heldContainer) {
	i := slices.IndexFunc(v.Places, func(p heldPlace) bool { return p.ID == h.Position })
	if i < 0 {
		p := heldPlace{Scope: store.ScopeFridge, ID: h.Position}
		var t trouble
		if at.at(&t, h.Position); t.Location == "" && h.Leg == coldchain.Shipper {
			p.Scope = store.ScopeShipper
		}
		p.Name = t.Where
		v.Places, i = append(v.Places, p), len(v.Places)
	}
	p := &v.Places[i]
	p.Holds, p.Mark = append(p.Holds, h), append(p.Mark, quality.Seen(h.Hold))
	for _, o := range h.Orders {
		if p.Orders++; !o.Taken.IsZero() {
			p.Recalled++
		}
	}
}

// changeQuality holds, decides, or takes a temperature, as a form says.
func (w *Web) changeQuality(c echo.Context) error {
	l, ctx, who := chooseLang(c), c.Request().Context(), api.Who(c)
	act := quality.Act{Scope: store.Scope(c.FormValue("scope")), ID: strings.TrimSpace(c.FormValue("id")), By: who.ID,
		Reason: strings.TrimSpace(c.FormValue("reason")), At: w.Clock.Now()}
	var err error
	done := c.FormValue("do")
	switch done {
	case "released", "condemned":
		if who.Role != people.Quality {
			return echo.ErrForbidden
		}
		form, failed := c.FormParams()
		if failed != nil {
			return failed
		}
		_, err = w.Quality.Decide(ctx, act, store.Decision(done), append([]string{}, form["hold"]...))
	case "held":
		_, err = w.Quality.Hold(ctx, act, time.Time{})
	case "probed":
		err = w.probed(c, act)
	default:
		return echo.ErrBadRequest
	}
	for known, key := range map[error]string{quality.ErrNothing: "quality.nothing", quality.ErrChanged: "disrupt.changed", quality.ErrScope: "disrupt.notfound",
		quality.ErrReason: "disrupt.noreason", store.ErrNotFound: "disrupt.notfound", quality.ErrProbing: "quality.notprobed"} {
		if errors.Is(err, known) {
			return w.showQuality(c, http.StatusUnprocessableEntity, qualityView{Wrong: l.text(key)})
		}
	}
	if err != nil {
		return err
	}
	w.Feed.Changed()
	return c.Redirect(http.StatusSeeOther, "/quality?"+url.Values{"done": {done}}.Encode())
}

func (w *Web) probed(c echo.Context, act quality.Act) error {
	celsius, err := strconv.ParseFloat(strings.TrimSpace(c.FormValue("celsius")), 64)
	if err != nil || math.IsNaN(celsius) || math.Abs(celsius) > 1000 {
		return quality.ErrProbing
	}
	return w.Quality.Probe(c.Request().Context(), act.ID, coldchain.Probing{At: act.At, MilliC: int64(math.Round(celsius * 1000)), By: act.By}, act.At)
}
