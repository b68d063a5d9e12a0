package app

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

const day1 = "2026-12-01"

// at is a time on the first date, in Tokyo. Cutoffs are at 1 and 2, pickup is from 11 to 17.
func at(hour, minute int) time.Time {
	return time.Date(2026, 12, 1, hour, minute, 0, 0, time.FixedZone("JST", 9*3600)).UTC()
}

// bench is a day's work on a database with two orders for loc-1 and one for loc-2.
type bench struct {
	*day
	t *testing.T
}

func newBench(t *testing.T, url string, replace ...string) *bench {
	t.Helper()
	s := storetest.Open(t, url)
	storetest.Import(t, s, storetest.Network(t, replace...))
	b := &bench{t: t, day: newDay(s)}
	for id, location := range map[string]string{"o-1": "loc-1", "o-2": "loc-1", "o-3": "loc-2"} {
		b.place(id, location)
	}
	return b
}

func newDay(s *store.Store) *day {
	quiet := slog.New(slog.DiscardHandler)
	return &day{store: s, orders: order.NewService(s.Orders()), plans: plan.NewMaker(s, nil, clock.Real(), quiet), feed: live.New(), clock: clock.Real(), logger: quiet}
}

func (b *bench) place(id, location string) {
	b.t.Helper()
	o, err := order.NewService(b.store.Orders()).Place(b.t.Context(), order.Request{ID: id, DeliveryDate: day1, LocationID: location,
		CustomerID: "member-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, at(0, 0), "test")
	require.NoError(b.t, err)
	require.Equal(b.t, order.Accepted, o.State)
}

func (b *bench) turnAt(now time.Time) {
	b.t.Helper()
	require.NoError(b.t, b.turn(b.t.Context(), now))
}

func (b *bench) change(fn func(*store.Tx) error) {
	b.t.Helper()
	require.NoError(b.t, b.store.Change(b.t.Context(), fn))
}

func (b *bench) frozen() bool {
	b.t.Helper()
	var dates []string
	b.change(func(tx *store.Tx) (err error) {
		dates, err = tx.DatesUnderWay(b.t.Context(), time.Time{})
		return err
	})
	return slices.Contains(dates, day1)
}

func (b *bench) grants(location string) []dispatch.Grant {
	b.t.Helper()
	var all []dispatch.Grant
	b.change(func(tx *store.Tx) (err error) {
		all, err = tx.GrantsOfLocation(b.t.Context(), day1, location)
		return err
	})
	return all
}

func (b *bench) closed(location string) bool {
	b.t.Helper()
	var d store.Delivery
	b.change(func(tx *store.Tx) (err error) {
		d, err = tx.Delivery(b.t.Context(), day1, location)
		return err
	})
	return !d.ClosedAt.IsZero()
}

func TestABrokenRowDoesNotKeepADateFromFreezing(t *testing.T) {
	of := func(location string) string {
		return " WHERE location_id = '" + location + "' AND delivery_date = '" + day1 + "'"
	}
	for rule, statement := range map[string]string{
		"a run that is not":         "UPDATE dated_containers SET run_id = 'route-9@" + day1 + "'" + of("loc-1"),
		"a run without stops":       "DELETE FROM run_stops WHERE run_id = 'route-1@" + day1 + "'",
		"a slot elsewhere":          "UPDATE dated_containers SET slot_id = 'loc-2-f1-s9'" + of("loc-1") + " AND slot_id = 'loc-1-f1-s1'",
		"a sum that is not":         "UPDATE dated_containers SET used_ml = used_ml + 1" + of("loc-1"),
		"a hold that outlasts":      "UPDATE orders SET hold_until = hold_until + 864000000 WHERE state = 'held'",
		"an item that is lost":      "DELETE FROM order_items WHERE order_id = 'o-1'",
		"a container that is lost":  "DELETE FROM dated_containers" + of("loc-1"),
		"a delivery that is lost":   "DELETE FROM deliveries" + of("loc-1"),
		"a shop's spot that is not": "UPDATE shops SET collection_spot_id = 'spot-2'",
	} {
		t.Run(rule, func(t *testing.T) {
			url := storetest.SQLite(t)
			b := newBench(t, url)
			_, err := b.orders.Place(t.Context(), heldOrder("h-1", time.Minute), at(0, 30), "test")
			require.NoError(t, err)
			storetest.Break(t, url, statement)
			b.orders = order.NewService(b.store.Orders()) // a hub that was started anew
			b.turnAt(at(2, 0))
			require.True(t, b.frozen())
			require.Equal(t, order.Expired, b.state("h-1"))
			require.Len(t, b.grants("loc-2"), 2, "of its customer and its driver")
		})
	}
}

func (b *bench) state(id string) order.State {
	b.t.Helper()
	o, err := order.NewService(b.store.Orders()).Get(b.t.Context(), id)
	require.NoError(b.t, err)
	return o.State
}

// troubles are the open alarms and the open work.
func (b *bench) troubles() []string {
	b.t.Helper()
	all := []string{}
	b.change(func(tx *store.Tx) error {
		alarms, err := tx.AlarmsNow(b.t.Context(), at(12, 0), 100)
		require.NoError(b.t, err)
		for _, a := range alarms {
			all = append(all, a.Kind+" "+a.Subject)
		}
		work, err := tx.Work(b.t.Context(), false, 100)
		for _, i := range work {
			all = append(all, i.Kind+" "+i.Subject)
		}
		return err
	})
	slices.Sort(all)
	return all
}

// device adds a station's device that has said hello.
func (b *bench) device(id, place string) {
	b.t.Helper()
	b.change(func(tx *store.Tx) error {
		d := fleet.Device{ID: id, Place: place, Role: fleet.Station, AddedAt: at(0, 0), AddedBy: "test"}
		if err := tx.AddDevice(b.t.Context(), d); err != nil {
			return err
		}
		return tx.SaveDevice(b.t.Context(), d.Greet(fleet.Greeting{Incarnation: "i1", Boot: 1, Session: 1}, false, at(0, 0)))
	})
}

func (b *bench) reads(device, incarnation string, number uint64, when time.Time, milliC int64) {
	b.t.Helper()
	b.change(func(tx *store.Tx) error {
		return tx.AddReadings(b.t.Context(), device, incarnation, when, []store.ReadingRow{{Number: number, Sensor: "loc-1-f1/air",
			Dated: fleet.Dated{At: when}, MilliC: milliC, Samples: 1}})
	})
}

func TestDay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range map[string]func(*bench){
			"numbering is frozen after the last cutoff, and codes are drawn once": freezes,
			"history is left alone": history,
			"a hub that was down over the whole day tells who got nothing":  down,
			"a location without devices is closed at once":                  noDevice,
			"leftovers wait for word of the station, and then are decided":  dark,
			"each device of a station is waited for until it is revoked":    twoBoards,
			"a late stop is told once, and not for ever":                    late,
			"a stop that was reached in time is not late":                   inTime,
			"an alarm of a board that is gone ends when all is well":        orphan,
			"what a second hub has done is not done again":                  twoHubs,
			"what fails does not keep the rest from being done":             failing,
			"a date without orders is frozen and closed like any other":     noOrders,
			"an order that comes in time is known to shop, driver and lock": plans,
		} {
			t.Run(rule, func(t *testing.T) { test(newBench(t, empty())) })
		}
		t.Run("codes are there when the first pickup opens, even before the last cutoff", func(t *testing.T) {
			b := newBench(t, empty(), bulk.DeliveriesFile, "2026-12-01T01:00:00+09:00,2026-12-01T11:00:00+09:00,2026-12-01T17:00:00+09:00",
				"2026-12-01T15:00:00+09:00,2026-12-01T16:00:00+09:00,2026-12-01T17:00:00+09:00")
			b.turnAt(at(10, 59))
			require.False(t, b.frozen())
			b.turnAt(at(11, 0))
			require.Len(t, b.grants("loc-1"), 3)
		})
	})
}

func freezes(b *bench) {
	b.turnAt(at(1, 30))
	require.False(b.t, b.frozen(), "loc-2 takes no more orders, and loc-1 does")
	b.place("o-4", "loc-1")
	b.turnAt(at(2, 0))
	require.True(b.t, b.frozen())
	pins := map[string]bool{}
	grants := b.grants("loc-1")
	require.Len(b.t, grants, 4, "of three orders and a driver")
	for _, g := range grants {
		pins[g.PIN] = true
		if g.Holder == dispatch.Courier {
			require.Len(b.t, g.PIN, dispatch.PINDigits)
			require.Equal(b.t, at(4, 30), g.From)
			require.Equal(b.t, at(20, 0), g.Until)
			continue
		}
		require.Len(b.t, g.PIN, dispatch.PINDigits)
		require.Equal(b.t, at(11, 0), g.From)
		require.Equal(b.t, at(17, 0), g.Until)
	}
	require.Len(b.t, pins, 4, "no two alike")
	require.Len(b.t, b.grants("loc-2"), 2)
	b.turnAt(at(2, 1))
	require.Equal(b.t, grants, b.grants("loc-1"))
	_, err := order.NewService(b.store.Orders()).Place(b.t.Context(), order.Request{ID: "o-9", DeliveryDate: day1, LocationID: "loc-1",
		CustomerID: "member-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, at(0, 0), "test")
	require.ErrorIs(b.t, err, order.ErrAfterCutoff)
}

func history(b *bench) {
	b.device("station-1", "loc-1")
	b.turnAt(at(24+17, 1).Add(historyAfter)) // both dates
	require.False(b.t, b.frozen(), "so that an imported year's orders can still be placed")
	require.False(b.t, b.closed("loc-1"))
	require.Equal(b.t, order.Accepted, b.state("o-1"))
	require.Empty(b.t, b.troubles())
}

func down(b *bench) {
	b.turnAt(at(30, 0))
	require.True(b.t, b.frozen())
	require.Empty(b.t, b.grants("loc-1"), "nobody needs codes any more")
	require.True(b.t, b.closed("loc-1"))
	require.Equal(b.t, []string{"undelivered o-1", "undelivered o-2", "undelivered o-3"}, b.troubles())
}

func noDevice(b *bench) {
	b.turnAt(at(2, 0))
	b.turnAt(at(16, 59))
	require.False(b.t, b.closed("loc-1"))
	b.turnAt(at(17, 0))
	require.True(b.t, b.closed("loc-1"))
	require.Equal(b.t, order.Undelivered, b.state("o-1"))
}

func dark(b *bench) {
	b.device("station-1", "loc-1")
	b.turnAt(at(2, 0))
	b.reads("station-1", "i1", 1, at(16, 59), 5000)
	b.turnAt(at(17, 59))
	require.False(b.t, b.closed("loc-1"))
	require.True(b.t, b.closed("loc-2"), "one dark station is no other's trouble")
	require.NotContains(b.t, b.troubles(), "dark loc-1")
	for range 2 {
		b.turnAt(at(18, 0))
		require.False(b.t, b.closed("loc-1"))
		require.Contains(b.t, b.troubles(), "dark loc-1")
	}
	b.reads("station-1", "i1", 2, at(17, 0), 5000)
	b.turnAt(at(20, 0))
	require.True(b.t, b.closed("loc-1"))
	require.Equal(b.t, []string{"undelivered o-1", "undelivered o-2", "undelivered o-3"}, b.troubles())
}

func twoBoards(b *bench) {
	b.device("station-1", "loc-1")
	b.device("station-2", "loc-1")
	b.turnAt(at(2, 0))
	b.reads("station-1", "i1", 1, at(17, 1), 5000)
	b.turnAt(at(18, 0))
	require.False(b.t, b.closed("loc-1"))
	require.Contains(b.t, b.troubles(), "dark loc-1")
	b.change(func(tx *store.Tx) error { return tx.RevokeDevice(b.t.Context(), "station-2", at(18, 1)) })
	b.turnAt(at(18, 1))
	require.True(b.t, b.closed("loc-1"))
	require.NotContains(b.t, b.troubles(), "dark loc-1")
}

func late(b *bench) {
	b.turnAt(at(2, 0))
	b.turnAt(at(6, 45))
	require.Empty(b.t, b.troubles())
	for range 2 {
		b.turnAt(at(6, 46))
		require.Equal(b.t, []string{"late route-1@2026-12-01 stop 1"}, b.troubles())
	}
	b.turnAt(at(12, 0))
	require.Len(b.t, b.troubles(), 6, "the whole of both runs")
	b.turnAt(at(17, 0))
	require.Equal(b.t, []string{"undelivered o-1", "undelivered o-2", "undelivered o-3"}, b.troubles(), "nobody waits for these runs any more")
}

// inTime: the driver's device found no network for an hour.
func inTime(b *bench) {
	b.turnAt(at(2, 0))
	b.turnAt(at(6, 46))
	b.apply(link.Event{Device: "driver-1", Place: "route-1", Role: plan.RoleDriver, Number: 1, At: at(6, 31), Received: at(7, 31),
		Body: protocol.StopReached{Run: "route-1@2026-12-01", Sequence: 1}})
	require.Empty(b.t, b.troubles())
	b.change(func(tx *store.Tx) error {
		all, err := tx.Alarms(b.t.Context(), 10)
		require.Len(b.t, all, 1)
		require.Equal(b.t, all[0].Raised, all[0].Cleared, "it does not end before it began")
		return err
	})
}

func (b *bench) apply(e link.Event) {
	b.t.Helper()
	b.change(func(tx *store.Tx) error { return (&effect.Effects{}).Apply(b.t.Context(), tx, e) })
}

func orphan(b *bench) {
	b.device("station-1", "loc-1")
	old := protocol.NewIncarnation()
	b.apply(link.Event{Device: "station-1", Place: "loc-1", Role: plan.RoleStation, Incarnation: old, Number: 7, At: at(3, 0), Received: at(3, 0),
		Body: protocol.Alarm{Sensor: "loc-1-f1/air", Raised: true, First: 41, MilliC: 9000, LimitMilliC: 8000}})
	b.turnAt(at(3, 1))
	require.Equal(b.t, []string{"temperature loc-1-f1/air"}, b.troubles(), "the board's storage is new, and nothing is known yet")
	b.reads("station-1", "i1", 1, at(3, 2), 8001)
	b.turnAt(at(3, 3))
	require.Equal(b.t, []string{"temperature loc-1-f1/air"}, b.troubles(), "still too warm")
	b.reads("station-1", "i1", 2, at(3, 4), 8000)
	b.turnAt(at(3, 5))
	require.Empty(b.t, b.troubles())
}

func twoHubs(b *bench) {
	ctx := b.t.Context()
	require.NoError(b.t, b.freeze(ctx, day1, at(2, 0)))
	grants := b.grants("loc-1")
	require.NoError(b.t, b.freeze(ctx, day1, at(2, 0)))
	require.Equal(b.t, grants, b.grants("loc-1"))
	delivery := store.Delivery{LocationID: "loc-1", DeliveryDate: day1, PickupCloses: at(17, 0)}
	require.NoError(b.t, b.close(ctx, delivery, at(17, 0)))
	require.NoError(b.t, b.close(ctx, delivery, at(18, 0)))
	o, err := order.NewService(b.store.Orders()).Get(ctx, "o-1")
	require.NoError(b.t, err)
	require.Equal(b.t, at(17, 0), o.EndedAt)
}

// failing takes a code's place, so that one date cannot be frozen.
func failing(b *bench) {
	b.turnAt(at(2, 0))
	b.change(func(tx *store.Tx) error {
		return tx.AddGrant(b.t.Context(), dispatch.Grant{ID: "route-2@2026-12-02-loc-2", DeliveryDate: day1, LocationID: "loc-2", Holder: dispatch.Courier,
			PIN: "x"})
	})
	o, err := order.NewService(b.store.Orders()).Place(b.t.Context(), order.Request{ID: "o-5", DeliveryDate: "2026-12-02", LocationID: "loc-1",
		CustomerID: "member-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, at(3, 0), "test")
	require.NoError(b.t, err)
	require.Equal(b.t, order.Accepted, o.State)
	b.change(func(tx *store.Tx) error {
		return tx.AddGrant(b.t.Context(), dispatch.Grant{ID: "order-o-5", DeliveryDate: day1, LocationID: "loc-1", Holder: dispatch.Customer, PIN: "x"})
	})
	require.ErrorContains(b.t, b.turn(b.t.Context(), at(26, 0)), "freeze 2026-12-02")
	require.True(b.t, b.closed("loc-1"), "of the first date")
}

func noOrders(b *bench) {
	const day2 = "2026-12-02"
	b.device("station-1", "loc-1") // which is silent: there is nothing to decide
	b.turnAt(at(26, 0))
	b.turnAt(at(41, 0))
	b.change(func(tx *store.Tx) error {
		d, err := tx.Delivery(b.t.Context(), day2, "loc-1")
		require.False(b.t, d.ClosedAt.IsZero())
		return err
	})
}

func plans(b *bench) {
	b.turnAt(at(2, 0))
	b.change(func(tx *store.Tx) error {
		for role, place := range map[string]string{plan.RoleStation: "loc-1", plan.RoleScanner: "shop-a", plan.RoleDriver: "route-1"} {
			parts, err := plan.Build(b.t.Context(), tx, role, place, protocol.Revision, at(2, 0))
			if err != nil {
				return err
			}
			require.Contains(b.t, parts, map[string]string{plan.RoleStation: "lock/loc-1-f1", plan.RoleScanner: "scanner/shop-a",
				plan.RoleDriver: "driver/route-1"}[role])
		}
		return nil
	})
}

func TestCodesOfALocationAndDateNeverCollide(t *testing.T) {
	taken, selectors := map[string]bool{}, map[string]bool{}
	for range 1000 {
		pin := dispatch.DrawPIN(taken)
		require.Len(t, pin, dispatch.PINDigits)
		selectors[dispatch.SelectorOf(pin)] = true
	}
	require.Len(t, taken, 1000)
	require.Len(t, selectors, 1000, "as long as there are any")
	dispatch.DrawPIN(taken)
	require.Len(t, taken, 1001, "and then codes that differ behind them")
}

func TestTheDayEndsWithTheHub(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.run(ctx), context.Canceled)
}
