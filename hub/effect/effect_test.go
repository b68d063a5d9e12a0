package effect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

func TestEffects(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty())
		for rule, test := range map[string]func(*world){
			"a driver's device may be heard before the shop's scanner":           loadBeforeFill,
			"a box that is placed before it is loaded is placed":                 placeBeforeLoad,
			"word of yesterday does not move today's container":                  yesterday,
			"the same fact told twice changes nothing":                           twice,
			"a box is bound to one container a date":                             boundTwice,
			"a device speaks only of its own place, and in its own role":         otherPlaces,
			"everything that comes after closing counts, and settles the work":   afterClosing,
			"an order whose only item is short is undelivered, and told once":    onlyItemShort,
			"a shortage falls on who ordered last, and no further than there is": shortage,
			"the earliest of several openings is the pickup":                     openings,
			"a stop that is reached late is known, one in time clears the alarm": lateStops,
			"door and supply of a fridge are known, and alarms clear":            doors,
			"a clock that has lost the time is an alarm until it keeps it":       clocks,
			"a board that was replaced does not speak over the new one":          replaced,
			"a board that was shut out raises and clears nothing":                shutOut,
			"nor does one that the next has spoken after":                        spokenAfter,
		} {
			t.Run(rule, func(t *testing.T) { tried(t, s, test) })
		}
		t.Run("any interleaving of the devices' logs ends in the same state", func(t *testing.T) { interleavings(t, s) })
		t.Run("places are touched after the commit, and not for what is undone", func(t *testing.T) { touches(t, s) })
	})
}

func loadBeforeFill(w *world) {
	j := journey(w.container(coldA), 0)
	for _, i := range []int{2, 3} {
		require.Error(w.t, w.say(j[i].device, j[i].at, j[i].body), "the box is unknown")
	}
	require.Len(w.t, w.work(), 2, "a person may look")
	w.ok(j[0].device, j[0].at, j[0].body)
	c := w.container(coldA)
	require.Equal(w.t, dispatch.Placed, c.State)
	require.Equal(w.t, j[2].at, c.LoadedAt)
	require.Equal(w.t, j[3].at, c.PlacedAt)
	require.Equal(w.t, order.Ready, w.order("o-2").State)
	require.Empty(w.t, w.work(), "nobody needs to look any more")
}

func placeBeforeLoad(w *world) {
	j := journey(w.container(coldA), 0)
	for _, i := range []int{0, 3, 2, 1} {
		w.ok(j[i].device, j[i].at, j[i].body)
	}
	c := w.container(coldA)
	require.Equal(w.t, dispatch.Placed, c.State)
	require.Equal(w.t, j[1].at, c.ShelvedAt)
	require.Equal(w.t, j[2].at, c.LoadedAt)
}

func yesterday(w *world) {
	old, today := journey(w.container(coldA), 0), journey(w.container(tomorrow), 24*time.Hour)
	require.Equal(w.t, w.container(coldA).SlotID, w.container(tomorrow).SlotID, "the same slot, and the same box")
	w.ok(old[0].device, old[0].at, old[0].body)
	w.ok(today[0].device, today[0].at, today[0].body)
	w.ok(old[3].device, old[3].at, old[3].body)
	require.Equal(w.t, dispatch.Placed, w.container(coldA).State)
	require.Equal(w.t, dispatch.Filled, w.container(tomorrow).State)
	w.ok(old[2].device, old[2].at, old[2].body)
	w.ok(today[2].device, today[2].at, today[2].body)
	require.Equal(w.t, dispatch.Loaded, w.container(tomorrow).State)
}

func twice(w *world) {
	j := journey(w.container(coldA), 0)
	for _, s := range j {
		w.ok(s.device, s.at, s.body)
	}
	before := w.containers()
	for _, s := range j {
		w.ok(s.device, s.at.Add(time.Hour), s.body)
	}
	require.Equal(w.t, before, w.containers())
}

func boundTwice(w *world) {
	w.ok("scanner-a", at(5, 0), protocol.ContainerFilled{DatedContainer: coldA, GRAI: "09520001000010A"})
	w.refused("scanner-a", protocol.ContainerFilled{DatedContainer: dryA, GRAI: "09520001000010A"}, "bound to another container of the date")
	w.refused("scanner-a", protocol.ContainerFilled{DatedContainer: coldA, GRAI: "09520001000010B"}, "has box")
	w.refused("scanner-a", protocol.ContainerFilled{DatedContainer: dryA}, "is no GRAI")
	w.ok("scanner-a", at(29, 0), protocol.ContainerFilled{DatedContainer: tomorrow, GRAI: "09520001000010A"})
}

func otherPlaces(w *world) {
	a, b := w.container(coldA), w.container(coldB)
	w.ok("scanner-b", at(5, 0), protocol.ContainerFilled{DatedContainer: coldB, GRAI: box(coldB)})
	before := w.containers()
	for _, c := range []struct {
		device string
		body   protocol.Body
	}{
		{"scanner-b", protocol.ContainerFilled{DatedContainer: a.ID, GRAI: box(a.ID)}},
		{"driver-1", protocol.ContainerFilled{DatedContainer: a.ID, GRAI: box(a.ID)}},
		{"station-1", protocol.ContainerFilled{DatedContainer: a.ID, GRAI: box(a.ID)}},
		{"scanner-a", protocol.ContainerShelved{GRAI: box(b.ID), Address: b.AddressID}},
		{"driver-2", protocol.ContainerLoaded{Run: b.RunID, GRAI: box(b.ID), Shipper: b.ShipperGRAI}},
		{"station-2", protocol.ContainerPlaced{GRAI: box(b.ID), Slot: b.SlotID}},
		{"driver-1", protocol.ContainerPlaced{GRAI: box(b.ID), Slot: b.SlotID}},
		{"scanner-a", protocol.ItemShort{DatedContainer: b.ID, GTIN: "9520001000041", Units: 1}},
		{"station-1", protocol.ItemShort{DatedContainer: b.ID, GTIN: "9520001000041", Units: 1}},
		{"driver-2", reached("route-1", day1, 1)},
		{"station-2", protocol.PickupInferred{Position: "loc-1-f1", Order: "o-2"}},
		{"scanner-a", protocol.PickupInferred{Position: "loc-1-f1", Order: "o-2"}},
		{"station-2", protocol.DoorOpened{Position: "loc-1-f1"}},
		{"scanner-a", protocol.DoorOpened{Position: "loc-1-f1"}},
		{"station-2", protocol.Mains{Position: "loc-1-f1"}},
		{"station-2", protocol.Alarm{Sensor: "loc-1-f1/air", Raised: true}},
		{"driver-1", protocol.Alarm{Sensor: "loc-1-f1/air", Raised: true}},
		{"sensor-1", protocol.Alarm{Sensor: "box-2-cold/air", Raised: true}},
		{"station-1", protocol.Alarm{Sensor: "box-1-cold/air", Raised: true, First: 41}},
	} {
		w.refused(c.device, c.body, "")
	}
	for _, c := range []struct {
		device string
		body   protocol.Body
	}{
		{"scanner-a", protocol.ContainerFilled{DatedContainer: "C-none", GRAI: "1"}},
		{"driver-1", protocol.ContainerLoaded{GRAI: "0952"}},
		{"driver-1", reached("route-9", day1, 1)},
		{"driver-1", reached("route-1", day1, 99)},
		{"station-1", protocol.PickupInferred{Position: "loc-1-f1", Order: "o-9"}},
		{"station-1", protocol.DoorOpened{Position: "loc-9-f1"}},
		{"station-1", protocol.Alarm{Sensor: "loc-9/air", Raised: true}},
	} {
		w.refused(c.device, c.body, "not found")
	}
	w.refused("station-1", protocol.DoorOpened{Position: "spot-1-f1"}, "is at spot-1")
	for sensor, want := range map[string]bool{"loc-1-f1/air": true, "spot-1-f1/air": false, "loc-9/air": false} {
		owns, err := effect.Owns(w.ctx, w.tx, fleet.Device{ID: "station-1", Place: "loc-1", Role: fleet.Station}, sensor)
		require.NoError(w.t, err)
		require.Equal(w.t, want, owns, sensor)
	}
	w.refused("station-1", protocol.PickupInferred{Position: "loc-1-f2", Order: "o-2"}, "has nothing in fridge")
	require.Equal(w.t, before, w.containers())
	require.Empty(w.t, w.alarms())
	require.Equal(w.t, order.Accepted, w.order("o-2").State)
}

func afterClosing(w *world) {
	w.close(day1, "loc-1", at(18, 0))
	require.Equal(w.t, []string{"undelivered o-1", "undelivered o-2"}, w.work())
	o := w.order("o-2")
	require.Equal(w.t, order.Undelivered, o.State)
	require.Equal(w.t, at(18, 0), o.EndedAt)
	for _, s := range journey(w.container(coldA), 0) {
		w.ok(s.device, s.at, s.body)
	}
	require.Equal(w.t, []string{"left_over o-2", "undelivered o-1"}, w.work(), "the goods were there")
	w.ok("station-1", at(13, 0), protocol.PickupInferred{Position: "loc-1-f1", Order: "o-2", Basis: "test"})
	o = w.order("o-2")
	require.Equal(w.t, order.PickedUp, o.State)
	require.Equal(w.t, at(9, 0), o.ReadyAt)
	require.Equal(w.t, at(13, 0), o.EndedAt)
	require.Equal(w.t, []string{"undelivered o-1"}, w.work())
}

func onlyItemShort(w *world) {
	c := w.container(coldA2)
	w.ok("scanner-a", at(5, 0), protocol.ItemShort{DatedContainer: c.ID, GTIN: "9520001000010", Units: 1})
	require.Equal(w.t, order.Accepted, w.order("o-3").State)
	w.refused("scanner-a", protocol.ItemShort{DatedContainer: c.ID, GTIN: "9520001000010", Units: 1}, "not short already")
	w.close(day1, "loc-2", at(18, 0))
	require.Equal(w.t, order.Undelivered, w.order("o-3").State)
	require.Equal(w.t, []string{"not_applied other", "shortage o-3"}, w.work(), "the money goes back once")
}

func shortage(w *world) {
	w.ok("scanner-a", at(5, 0), protocol.ItemShort{DatedContainer: coldA, GTIN: "9520001000010", Units: 1})
	require.Equal(w.t, []string{"shortage o-2"}, w.work())
	w.ok("scanner-a", at(5, 1), protocol.ItemShort{DatedContainer: coldA, GTIN: "9520001000010", Units: 1<<32 - 1})
	require.Equal(w.t, []string{"shortage o-1", "shortage o-2"}, w.work())
}

func openings(w *world) {
	for _, minute := range []int{5, 1, 3} {
		w.ok("station-1", at(13, minute), protocol.PickupInferred{Position: "loc-1-f1", Order: "o-2", Basis: "test"})
	}
	require.Equal(w.t, at(13, 1), w.order("o-2").EndedAt)
}

func lateStops(w *world) {
	w.ok("driver-1", at(6, 40), reached("route-1", day1, 1))
	require.Empty(w.t, w.alarms())
	w.ok("driver-1", at(7, 40), reached("route-1", day1, 2))
	require.Empty(w.t, w.alarms(), "late, but over")
	all, err := w.tx.Alarms(w.ctx, 10)
	require.NoError(w.t, err)
	require.Len(w.t, all, 1)
	w.ok("driver-1", at(8, 0), reached("route-1", day1, 2))
	run, err := w.tx.Run(w.ctx, "route-1@"+day1)
	require.NoError(w.t, err)
	require.Equal(w.t, at(7, 40), run.Stops[1].ReachedAt, "the earliest counts")
}

func doors(w *world) {
	const f = "loc-1-f1"
	state := func() string {
		p, err := w.tx.Position(w.ctx, f)
		require.NoError(w.t, err)
		return p.Door + " " + p.Lock
	}
	w.ok("station-1", at(12, 0), protocol.RelayFired{Position: f})
	w.ok("station-1", at(12, 1), protocol.DoorFault{Position: f, Fault: protocol.DoorJammed})
	require.Equal(w.t, []string{"door_jammed " + f}, w.alarms())
	w.ok("station-1", at(12, 2), protocol.DoorOpened{Position: f})
	require.Equal(w.t, "open fired", state())
	require.Empty(w.t, w.alarms())
	w.ok("station-1", at(12, 3), protocol.DoorFault{Position: f, Fault: protocol.DoorAlreadyOpen})
	require.Empty(w.t, w.alarms())
	w.ok("station-1", at(12, 4), protocol.DoorFault{Position: f, Fault: protocol.DoorAjar})
	w.ok("station-1", at(12, 5), protocol.DoorFault{Position: f, Fault: protocol.DoorUncommanded})
	require.Len(w.t, w.alarms(), 2)
	w.ok("station-1", at(12, 6), protocol.DoorClosed{Position: f})
	require.Equal(w.t, "closed locked", state())
	require.Empty(w.t, w.alarms())
	w.ok("station-1", at(12, 6), protocol.DoorWarm{Position: f, Sensor: f + "/air", MilliC: 9100, LimitMilliC: 8000})
	require.Equal(w.t, "ajar locked", state())
	w.ok("station-1", at(12, 6), protocol.Unbolted{Position: f})
	require.Len(w.t, w.alarms(), 2)
	w.ok("station-1", at(12, 6), protocol.DoorClosed{Position: f})
	require.Empty(w.t, w.alarms())
	w.ok("station-1", at(12, 6), protocol.UseReturned{Position: f, Grant: "g"})
	w.refused("station-1", protocol.DoorWarm{Position: "loc-2-f1"}, "")
	w.refused("station-1", protocol.DoorFault{Position: f, Fault: 99}, "unknown")
	w.ok("station-1", at(12, 7), protocol.Mains{Position: f, On: false})
	require.Equal(w.t, []string{"mains " + f, "power loc-1"}, w.alarms())
	w.ok("station-1", at(12, 7), protocol.Mains{Position: "loc-1-f2", On: false})
	require.Equal(w.t, []string{"mains " + f, "mains loc-1-f2", "power loc-1"}, w.alarms(), "one alarm a station above those of its fridges")
	power, stands, err := w.tx.ActiveAlarmOf(w.ctx, "power", "loc-1")
	require.NoError(w.t, err)
	require.True(w.t, stands)
	below, err := w.tx.Consequences(w.ctx, power.ID, 10)
	require.NoError(w.t, err)
	require.Len(w.t, below, 2)
	w.ok("station-1", at(12, 8), protocol.Mains{Position: f, On: true})
	require.Equal(w.t, []string{"mains loc-1-f2", "power loc-1"}, w.alarms())
	w.ok("station-1", at(12, 8), protocol.Mains{Position: "loc-1-f2", On: true})
	require.Empty(w.t, w.alarms())
	w.ok("station-1", at(12, 9), protocol.Alarm{Sensor: f + "/air", Raised: true, First: 41, MilliC: 9000, LimitMilliC: 8000})
	w.ok("sensor-1", at(12, 9), protocol.Alarm{Sensor: "box-1-cold/air", Raised: true, First: 41})
	require.Equal(w.t, []string{"temperature box-1-cold/air", "temperature " + f + "/air"}, w.alarms())
	w.ok("station-1", at(12, 10), protocol.Alarm{Sensor: f + "/air"})
	w.ok("sensor-1", at(12, 10), protocol.Alarm{Sensor: "box-1-cold/air"})
	require.Empty(w.t, w.alarms())
}

func replaced(w *world) {
	const f = "loc-1-f1"
	w.tx.SavePosition(store.Position{ID: f, DeviceID: "scanner-a", Door: "closed", Lock: "locked", Mains: true,
		ChangedAt: at(13, 0)})
	w.ok("station-1", at(12, 0), protocol.DoorOpened{Position: f})
	p, err := w.tx.Position(w.ctx, f)
	require.NoError(w.t, err)
	require.Equal(w.t, "closed", p.Door)
	w.ok("station-1", at(14, 0), protocol.DoorOpened{Position: f})
	p, err = w.tx.Position(w.ctx, f)
	require.NoError(w.t, err)
	require.Equal(w.t, "open", p.Door)
}

// What is drained from a board that was shut out is history: what its doors and supply did then is not what they do now, whether the
// next board has spoken or not.
func shutOut(w *world) {
	const f = "loc-1-f1"
	w.ok("station-1", at(12, 0), protocol.Mains{Position: f, On: false})
	w.ok("station-1", at(12, 1), protocol.DoorFault{Position: f, Fault: protocol.DoorJammed})
	before := w.alarms()
	require.Len(w.t, before, 3)
	require.NoError(w.t, w.tx.RevokeDevice(w.ctx, "station-1", at(12, 5)))
	w.ok("station-1", at(12, 2), protocol.Mains{Position: f, On: true})
	w.ok("station-1", at(12, 2), protocol.DoorOpened{Position: f})
	w.ok("station-1", at(12, 2), protocol.DoorClosed{Position: f})
	require.Equal(w.t, before, w.alarms(), "nothing is cleared by it")
	w.ok("station-1", at(12, 3), protocol.DoorFault{Position: f, Fault: protocol.DoorUncommanded})
	w.ok("station-1", at(12, 3), protocol.DoorWarm{Position: f, Sensor: f + "/air", MilliC: 9100, LimitMilliC: 8000})
	w.ok("station-1", at(12, 3), protocol.Unbolted{Position: f})
	w.ok("station-1", at(12, 3), protocol.Mains{Position: "loc-1-f2", On: false})
	require.Equal(w.t, before, w.alarms(), "nor raised")
	p, err := w.tx.Position(w.ctx, f)
	require.NoError(w.t, err)
	require.Equal(w.t, "jammed", p.Door)
}

// The same holds for the word of another board from before the one that serves has spoken last.
func spokenAfter(w *world) {
	const f = "loc-1-f1"
	w.tx.SavePosition(store.Position{ID: f, DeviceID: "scanner-a", Door: "closed", Lock: "locked", Mains: true, ChangedAt: at(13, 0)})
	w.ok("station-1", at(12, 0), protocol.DoorFault{Position: f, Fault: protocol.DoorAjar})
	w.ok("station-1", at(12, 0), protocol.Mains{Position: f, On: false})
	require.Empty(w.t, w.alarms())
}

func touches(t *testing.T, s *store.Store) {
	var touched []string
	undo := fmt.Errorf("undo")
	for _, fail := range []error{undo, nil} {
		err := s.Change(t.Context(), func(tx *store.Tx) error {
			w := &world{t: t, tx: tx, ctx: t.Context(), numbers: map[string]uint64{}}
			w.effects.Touch = func(place string) { touched = append(touched, place) }
			w.ok("scanner-a", at(5, 0), protocol.ContainerFilled{DatedContainer: coldA, GRAI: "09520001000010Z"})
			w.refused("scanner-b", protocol.ContainerFilled{DatedContainer: coldB, GRAI: "09520001000010Z"}, "bound to another")
			require.Empty(t, touched, "not yet")
			return fail
		})
		require.ErrorIs(t, err, fail)
	}
	require.Equal(t, []string{"shop-a", "loc-1", "route-1"}, touched)
}

// outcome is what all devices and the clock have brought about.
type outcome struct {
	containers []dispatch.Container
	orders     []order.Order
	work       []string
	runs       []dispatch.Run
}

func (w *world) outcome() outcome {
	o := outcome{containers: w.containers(), work: w.work()}
	for _, id := range []string{"o-1", "o-2", "o-3", "o-4"} {
		o.orders = append(o.orders, w.order(id))
	}
	for _, id := range []string{"route-1@" + day1, "route-2@" + day1, "route-1@" + day2} {
		r, err := w.tx.Run(w.ctx, id)
		require.NoError(w.t, err)
		o.runs = append(o.runs, r)
	}
	return o
}

// streams are two days, by device, each in its own order; the clock closes the deliveries. The dry container is short and stays
// away, o-2 is left over, and the first box is used on both days.
func streams(w *world) map[string][]said {
	all := map[string][]said{"clock": {{device: "loc-1", at: at(18, 0)}, {device: "loc-2", at: at(18, 0)}, {device: "loc-1", at: at(42, 0)}}}
	add := func(s ...said) {
		for _, one := range s {
			all[one.device] = append(all[one.device], one)
		}
	}
	for _, c := range w.containers() {
		day := time.Duration(0)
		if c.DeliveryDate == day2 {
			day = 24 * time.Hour
		}
		if c.ID != dryA {
			add(journey(c, day)...)
		}
	}
	add(said{"scanner-a", at(5, 10), protocol.ItemShort{DatedContainer: dryA, GTIN: "9520001000027", Units: 1}},
		said{"driver-1", at(6, 30), reached("route-1", day1, 1)}, said{"driver-1", at(9, 30), reached("route-1", day1, 3)},
		said{"station-1", at(12, 0), protocol.PickupInferred{Position: "loc-1-f1", Order: "o-1", Basis: "test"}},
		said{"station-2", at(12, 0), protocol.PickupInferred{Position: "loc-2-f1", Order: "o-3", Basis: "test"}},
		said{"station-1", at(36, 0), protocol.PickupInferred{Position: "loc-1-f1", Order: "o-4", Basis: "test"}})
	for device, s := range all {
		if device != "clock" {
			slices.SortStableFunc(s, func(a, b said) int { return a.at.Compare(b.at) })
		}
	}
	return all
}

// play says what comes next of one stream after the other, as choose says, until all is said.
func play(w *world, choose func(names []string) string) outcome {
	left := streams(w)
	for len(left) > 0 {
		var names []string
		for name := range left {
			names = append(names, name)
		}
		slices.Sort(names)
		name := choose(names)
		next := left[name][0]
		if left[name] = left[name][1:]; len(left[name]) == 0 {
			delete(left, name)
		}
		if name != "clock" {
			_ = w.say(name, next.at, next.body) // what waits is to be applied in the end
			continue
		}
		date := day1
		if next.at.After(at(24, 0)) {
			date = day2
		}
		w.close(date, next.device, next.at)
	}
	return w.outcome()
}

func interleavings(t *testing.T, s *store.Store) {
	var want outcome
	tried(t, s, func(w *world) { // the day as it goes: everybody in turn, the clock last
		order := []string{"scanner-a", "scanner-b", "driver-1", "driver-2", "station-1", "station-2", "clock"}
		want = play(w, func(names []string) string {
			for _, name := range order {
				if slices.Contains(names, name) {
					return name
				}
			}
			return ""
		})
	})
	require.Equal(t, []string{"left_over o-2", "shortage o-1"}, want.work)
	for i, state := range []order.State{order.PickedUp, order.LeftOver, order.PickedUp, order.PickedUp} {
		require.Equal(t, state, want.orders[i].State, want.orders[i].ID)
	}
	rapid.Check(t, func(rt *rapid.T) {
		tried(rt, s, func(w *world) {
			got := play(w, func(names []string) string { return rapid.SampledFrom(names).Draw(rt, "next") })
			require.Equal(rt, want.containers, got.containers)
			require.Equal(rt, want.orders, got.orders)
			require.Equal(rt, want.work, got.work)
			require.Equal(rt, want.runs, got.runs)
		})
	})
}
