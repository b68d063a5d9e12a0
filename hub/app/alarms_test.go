package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

func (b *bench) watch() *watch {
	return &watch{store: b.store, feed: b.feed, clock: clock.Real(), zone: time.FixedZone("JST", 9*3600), logger: slog.New(slog.DiscardHandler)}
}

func (b *bench) look(w *watch, now time.Time) []string {
	b.t.Helper()
	require.NoError(b.t, w.turn(b.t.Context(), now))
	return b.troubles()
}

// presence says that a device comes or goes at a time.
func (b *bench) presence(id string, online bool, at time.Time) {
	b.t.Helper()
	b.change(func(tx *store.Tx) error {
		d, err := tx.Device(b.t.Context(), id)
		if err != nil {
			return err
		}
		d.Online, d.SeenAt = online, at
		return tx.SaveDevice(b.t.Context(), d)
	})
}

func (b *bench) alarmOf(kind, subject string) alarm.Alarm {
	b.t.Helper()
	var a alarm.Alarm
	b.change(func(tx *store.Tx) error {
		found, stands, err := tx.ActiveAlarmOf(b.t.Context(), kind, subject)
		require.True(b.t, stands, "%s of %s", kind, subject)
		a = found
		return err
	})
	return a
}

func TestWatch(t *testing.T) {
	for name, test := range map[string]func(*bench){
		"a station that is silent before its pickup opens, with whom to call": darkOpening,
		"an outage of the hub is one alarm":                                   outageOfAll,
		"a probe that gives no value":                                         sensorFault,
		"a power cut, with the first of a fridge's probes to be too warm":     cutWithTwoProbes,
		"a calibration that is due":                                           calibrationDue,
		"leftovers that nobody came for":                                      leftBehind,
		"leftovers whose customers had come after all":                        leftBehindUntilItsCustomersCame,
		"leftovers of which a person says that they are collected":            leftBehindUntilAPersonSaysSo,
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, empty func() string) { test(newBench(t, empty())) })
		})
	}
}

func darkOpening(b *bench) {
	b.device("station-1", "loc-1")
	b.device("station-2", "loc-2")
	b.presence("station-1", false, at(9, 0))
	b.presence("station-2", true, at(9, 0))
	w := b.watch()
	require.Empty(b.t, b.look(w, at(8, 0)))
	require.Empty(b.t, b.look(w, at(9, 59)), "pickup opens at 11")
	require.Equal(b.t, []string{"dark_opening loc-1"}, b.look(w, at(10, 0)))
	a := b.alarmOf(alarm.DarkOpening, "loc-1")
	require.Equal(b.t, "nothing was heard since 09:00; pickup opens at 11:00. Call driver-1 (route-1)", a.Detail.In("en"))
	require.Equal(b.t, "09:00 から通信なし、受け取り開始 11:00。連絡先 driver-1 (route-1)", a.Detail.In("ja"))
	b.presence("station-1", false, at(9, 20))
	b.change(func(tx *store.Tx) error {
		_, err := tx.ChangeAlarm(b.t.Context(), a.ID, func(a alarm.Alarm) (alarm.Alarm, alarm.Transition, error) { return a.Acknowledge("p-1", 1, at(10, 1)) })
		return err
	})
	b.look(w, at(10, 1))
	renewed := b.alarmOf(alarm.DarkOpening, "loc-1")
	require.Contains(b.t, renewed.Detail.In("en"), "since 09:20", "it was heard for a moment meanwhile")
	require.Contains(b.t, renewed.Detail.In("ja"), "09:20 から")
	require.Equal(b.t, []any{a.ID, a.Raised, 1, "p-1", a.Changes + 1}, []any{renewed.ID, renewed.Raised, renewed.Revision, renewed.Acknowledged.By, renewed.Changes},
		"the same alarm, and who has answered it is not asked again")
	require.Equal(b.t, []string{"dark_opening loc-1"}, b.look(b.watch(), at(10, 1)), "another hub, or this one started again, knows it")
	b.presence("station-1", true, at(10, 5))
	require.Empty(b.t, b.look(w, at(10, 6)))
	b.presence("station-1", false, at(10, 10))
	require.Equal(b.t, []string{"dark_opening loc-1"}, b.look(w, at(10, 30)), "silent again is another alarm")
}

func outageOfAll(b *bench) {
	for i := range 8 {
		id := fmt.Sprint("station-", i)
		b.device(id, "loc-1")
		b.presence(id, false, at(9, 0))
	}
	w := b.watch()
	b.look(w, at(9, 0))
	require.Equal(b.t, []string{"outage hub"}, b.look(w, at(10, 30)))
	for i := range 8 {
		b.presence(fmt.Sprint("station-", i), true, at(10, 40))
	}
	require.NotContains(b.t, b.look(w, at(10, 41)), "outage hub")
}

func (b *bench) fails(number uint64, when time.Time, fault protocol.SensorFault) {
	b.t.Helper()
	b.change(func(tx *store.Tx) error {
		return tx.AddReadings(b.t.Context(), "station-1", "i1", when, []store.ReadingRow{{Number: number, Sensor: "loc-1-f1/air",
			Dated: fleet.Dated{At: when}, Fault: uint8(fault), Samples: 1, Faults: 1}})
	})
}

func sensorFault(b *bench) {
	b.device("station-1", "loc-1")
	b.presence("station-1", true, at(9, 0))
	body, err := protocol.EncodeBody(protocol.SamplingSet{EveryMS: 60_000, Sensors: []string{"loc-1-f1/air"}})
	require.NoError(b.t, err)
	b.change(func(tx *store.Tx) error {
		return tx.AddEvent(b.t.Context(), store.EventRow{Device: "station-1", Incarnation: "i1", Number: 1, Kind: uint16(protocol.KindSamplingSet),
			Body: body, EventAt: at(9, 0), ReceivedAt: at(9, 0), Outcome: store.Applied})
	})
	w := b.watch()
	b.reads("station-1", "i1", 1, at(9, 0), 4000)
	require.Empty(b.t, b.look(w, at(9, 1)))
	b.fails(2, at(9, 2), protocol.SensorCRC)
	require.Empty(b.t, b.look(w, at(9, 2)), "once is no alarm")
	require.Equal(b.t, []string{"sensor loc-1-f1/air"}, b.look(w, at(9, 3)))
	first := b.alarmOf(alarm.Sensor, "loc-1-f1/air").ID
	b.look(b.watch(), at(9, 3))
	require.Equal(b.t, first, b.alarmOf(alarm.Sensor, "loc-1-f1/air").ID, "a hub that starts keeps it")
	require.Equal(b.t, alarm.Text{EN: "checksum wrong", JA: "チェックサム異常"}, b.alarmOf(alarm.Sensor, "loc-1-f1/air").Detail.Text())
	b.reads("station-1", "i1", 3, at(9, 4), 4000)
	require.Empty(b.t, b.look(w, at(9, 4)))
	b.fails(4, at(9, 5), protocol.SensorMissing)
	b.look(w, at(9, 5))
	require.Equal(b.t, []string{"sensor loc-1-f1/air"}, b.look(w, at(9, 6)))
	require.Empty(b.t, b.look(w, at(10, 6)), "a probe that is read no more")
}

func cutWithTwoProbes(b *bench) {
	b.device("station-1", "loc-1")
	body, err := protocol.EncodeBody(protocol.SamplingSet{EveryMS: 60_000, Sensors: []string{"loc-1-f1/bottom", "loc-1-f1/top"}})
	require.NoError(b.t, err)
	ctx := b.t.Context()
	b.change(func(tx *store.Tx) error {
		var rows []store.ReadingRow
		for i := range 20 {
			when := fleet.Dated{At: at(9, i)}
			rows = append(rows, store.ReadingRow{Number: uint64(2*i + 1), Sensor: "loc-1-f1/bottom", Dated: when, MilliC: 4000, Samples: 1},
				store.ReadingRow{Number: uint64(2*i + 2), Sensor: "loc-1-f1/top", Dated: when, MilliC: 4000 + 150*int64(i), Samples: 1})
		}
		return errors.Join(tx.AddEvent(ctx, store.EventRow{Device: "station-1", Incarnation: "i1", Number: 1, Kind: uint16(protocol.KindSamplingSet),
			Body: body, EventAt: at(8, 0), ReceivedAt: at(8, 0), Outcome: store.Applied}), tx.AddReadings(ctx, "station-1", "i1", at(9, 20), rows),
			tx.RaiseAlarm(ctx, "p", alarm.Power, "loc-1", "", at(9, 0)), tx.RaiseAlarm(ctx, "m", alarm.Mains, "loc-1-f1", "", at(9, 0)))
	})
	power := b.alarmOf(alarm.Power, "loc-1")
	b.change(func(tx *store.Tx) error {
		f, ok, err := tx.ForecastOf(ctx, power, at(9, 19))
		require.True(b.t, ok, "neither probe is called air")
		require.True(b.t, f.Measured)
		require.InDelta(b.t, 7.7, f.Left.Minutes(), 1.5, "the upper one is at 6.85 °C and warms by 0.15 °C a minute: 8 °C")
		return err
	})
}

func calibrationDue(b *bench) {
	add := func(on, due string) {
		b.change(func(tx *store.Tx) error {
			return tx.AddCalibration(b.t.Context(), alarm.Calibrated{Sensor: "loc-1-f1/air", On: on, Due: due, Certificate: "K-1"}, "p-1", at(0, 0))
		})
	}
	add("2025-12-15", "2026-12-15")
	w := b.watch()
	require.Equal(b.t, []string{"calibration loc-1-f1/air"}, b.look(w, at(9, 0)))
	require.Equal(b.t, []string{"calibration loc-1-f1/air"}, b.look(w, at(9, 0).AddDate(0, 0, 14)))
	require.Equal(b.t, []string{"calibration_overdue loc-1-f1/air"}, b.look(w, at(9, 0).AddDate(0, 0, 15)))
	add("2026-12-16", "2027-12-16")
	require.Empty(b.t, b.look(w, at(9, 0).AddDate(0, 0, 15)))
}

func leftBehind(b *bench) {
	b.leaveGoods()
	w := b.watch()
	require.NotContains(b.t, b.look(w, at(19, 59)), "leftover loc-1-f1", "the driver's code opens until 20:00")
	require.Contains(b.t, b.look(w, at(20, 0)), "leftover loc-1-f1")
	require.Equal(b.t, at(20, 0), b.alarmOf(alarm.Leftover, "loc-1-f1").Raised)
	require.Contains(b.t, b.alarmOf(alarm.Leftover, "loc-1-f1").Detail.In("ja"), "の商品が容器")
	b.opens("order-somebody-else", at(20, 10))
	require.True(b.t, b.isLeft(w), "a customer of other goods came to the fridge")
	b.opens("courier-of-tomorrow", at(20, 20))
	require.True(b.t, b.isLeft(w), "the driver of another run came")
	courier := b.courier()
	b.opens(courier, at(20, 25))
	b.told(protocol.KindUseReturned, protocol.UseReturned{Position: "loc-1-f1", Grant: courier + "@loc-1-f1"}, at(20, 26))
	require.True(b.t, b.isLeft(w), "their door jammed, and the use was given back")
	b.opens(courier, at(20, 30))
	require.False(b.t, b.isLeft(w), "the driver whose run had brought it came")
}

// leftBehindUntilItsCustomersCame holds that a late word of the customers themselves is what ends it.
func leftBehindUntilItsCustomersCame(b *bench) {
	orders := b.leaveGoods()
	w := b.watch()
	b.look(w, at(20, 0))
	for i, order := range orders {
		require.True(b.t, b.isLeft(w), "%d of %d have come", i, len(orders))
		b.change(func(tx *store.Tx) error {
			_, err := tx.AddPickup(b.t.Context(), order, "loc-1-f1", at(16, 59), "opened and shut")
			return err
		})
	}
	require.False(b.t, b.isLeft(w))
}

// leftBehindUntilAPersonSaysSo holds that closing the work to collect the goods ends it.
func leftBehindUntilAPersonSaysSo(b *bench) {
	orders := b.leaveGoods()
	w := b.watch()
	b.look(w, at(20, 0))
	for _, order := range orders {
		require.True(b.t, b.isLeft(w))
		b.change(func(tx *store.Tx) error { return tx.SettleWork(b.t.Context(), "left_over/"+order, at(20, 5)) })
	}
	require.False(b.t, b.isLeft(w))
}

func (b *bench) isLeft(w *watch) bool {
	return slices.Contains(b.look(w, at(20, 40)), "leftover loc-1-f1")
}

// leaveGoods has the orders with goods in loc-1-f1 left over, and gives them.
func (b *bench) leaveGoods() (orders []string) {
	b.change(func(tx *store.Tx) error { return tx.Freeze(b.t.Context(), day1, at(2, 0)) })
	b.device("station-1", "loc-1")
	b.leave("loc-1")
	b.change(func(tx *store.Tx) error {
		all, err := tx.AcceptedOrders(b.t.Context(), day1, "loc-1")
		require.NoError(b.t, err)
		for _, order := range all {
			needs, err := tx.OrderNeeds(b.t.Context(), order)
			require.NoError(b.t, err)
			if slices.ContainsFunc(needs, func(n dispatch.Need) bool { return n.FridgeID == "loc-1-f1" }) {
				orders = append(orders, order)
			}
		}
		return nil
	})
	require.NotEmpty(b.t, orders)
	return orders
}

// courier is the id of a code of the driver who brought the goods to loc-1.
func (b *bench) courier() string {
	ctx := b.t.Context()
	b.change(func(tx *store.Tx) error {
		containers, err := tx.ContainersOfLocation(ctx, day1, "loc-1")
		require.NoError(b.t, err)
		return tx.AddGrant(ctx, dispatch.Grant{ID: "courier", DeliveryDate: day1, LocationID: "loc-1", Holder: dispatch.Courier,
			RunID: containers[0].RunID, PIN: "12345678901", From: at(4, 0), Until: at(20, 0), IssuedAt: at(2, 0)})
	})
	return "courier"
}

// opens has a grant open loc-1-f1.
func (b *bench) opens(grant string, when time.Time) {
	b.told(protocol.KindGrantUsed, protocol.GrantUsed{Position: "loc-1-f1", Grant: grant + "@loc-1-f1", Use: 1}, when)
}

// told is a record about loc-1-f1.
func (b *bench) told(kind protocol.Kind, record protocol.Body, when time.Time) {
	b.change(func(tx *store.Tx) error {
		body, err := protocol.EncodeBody(record)
		require.NoError(b.t, err)
		return tx.AddEvent(b.t.Context(), store.EventRow{Device: "station-1", Incarnation: "i1", Number: uint64(when.Unix()), Kind: uint16(kind),
			Subject: "loc-1-f1", Body: body, EventAt: when, ReceivedAt: when, Outcome: store.Applied})
	})
}

// leave has a location's containers placed and nobody come for them; pickup has closed.
func (b *bench) leave(location string) {
	b.t.Helper()
	ctx := b.t.Context()
	b.change(func(tx *store.Tx) error {
		containers, err := tx.ContainersOfLocation(ctx, day1, location)
		require.NoError(b.t, err)
		for i, c := range containers {
			c.State, c.GRAI = dispatch.Placed, fmt.Sprintf("0952000101%04d", i)
			c.FilledAt, c.ShelvedAt, c.LoadedAt, c.PlacedAt = at(5, 0), at(5, 30), at(6, 40), at(8, 30)
			require.NoError(b.t, tx.SaveContainer(ctx, c))
		}
		changed, err := tx.CloseDelivery(ctx, day1, location, at(17, 1))
		require.NoError(b.t, err)
		require.True(b.t, changed)
		orders, err := tx.AcceptedOrders(ctx, day1, location)
		require.NoError(b.t, err)
		return effect.Refresh(ctx, tx, at(17, 1), orders...)
	})
}
