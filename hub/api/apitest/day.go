package apitest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/protocol"
)

// Refused is an order that asks for more than is sold.
const Refused = "order-refused"

// Day plays the day up to Now: orders are placed, containers filled, loaded and placed; one product is short, route-02 is
// late, a fridge of loc-002 is too warm and has a gap in its readings, loc-003 is offline.
func (h *Hub) Day(tb testing.TB) {
	tb.Helper()
	h.placeOrders(tb)
	require.NoError(tb, h.Store.Change(tb.Context(), func(tx *store.Tx) error {
		d := &day{tx: tx, ctx: tb.Context()}
		for _, step := range []func() error{d.freeze, d.devices, d.containers, d.stops, d.temperatures, d.trouble} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (h *Hub) placeOrders(tb testing.TB) {
	tb.Helper()
	place := func(r order.Request) order.Outcome {
		out, err := h.Orders.Place(tb.Context(), r, at("01:00"), "p-test")
		require.NoError(tb, err)
		return out
	}
	for n := 1; n <= 24; n++ {
		r := order.Request{ID: fmt.Sprintf("order-%04d", n), DeliveryDate: Date, LocationID: fmt.Sprintf("loc-%03d", 1+n%locations),
			CustomerID: fmt.Sprintf("member-%04d", n)}
		for l := range 1 + n%3 {
			r.Lines = append(r.Lines, order.Line{ProductID: fmt.Sprintf("prod-%03d", 1+(n+3*l)%len(goods)), Quantity: int64(1 + n%2)})
		}
		place(r)
	}
	refused := place(order.Request{ID: Refused, DeliveryDate: Date, LocationID: "loc-001", CustomerID: "member-0099",
		Lines: []order.Line{{ProductID: "prod-001", Quantity: 100}}})
	require.Equal(tb, order.Refused, refused.State)
}

type day struct {
	tx     *store.Tx
	ctx    context.Context
	number uint64
}

func (d *day) freeze() error {
	if err := d.tx.Freeze(d.ctx, Date, at("02:00")); err != nil {
		return err
	}
	for l := 1; l <= locations; l++ {
		location := fmt.Sprintf("loc-%03d", l)
		orders, err := d.tx.AcceptedOrders(d.ctx, Date, location)
		if err != nil {
			return err
		}
		for i, o := range orders {
			g := dispatch.Grant{ID: "order-" + o, DeliveryDate: Date, LocationID: location, Holder: dispatch.Customer, OrderID: o,
				PIN: fmt.Sprintf("%06d", 123456+i*7919), From: at("16:00"), Until: at("23:00")}
			if err := d.tx.AddGrant(d.ctx, g); err != nil {
				return err
			}
		}
		run := map[int]string{1: "route-01@" + Date, 2: "route-01@" + Date, 3: "route-02@" + Date}[l]
		g := dispatch.Grant{ID: "run-" + location, DeliveryDate: Date, LocationID: location, Holder: dispatch.Courier, RunID: run,
			PIN: fmt.Sprintf("%08d", 87654321-l), From: at("07:00"), Until: at("23:59")}
		if err := d.tx.AddGrant(d.ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func incarnation(device string) string { return fmt.Sprintf("%032x", device[:min(len(device), 16)]) }

func (d *day) devices() error {
	add := func(id, place string, role fleet.Role, online bool) error {
		v := fleet.Device{ID: id, Place: place, Role: role, AddedAt: Start, AddedBy: "p-test"}
		if err := d.tx.AddDevice(d.ctx, v); err != nil {
			return err
		}
		v = v.Greet(fleet.Greeting{Incarnation: incarnation(id), Boot: 1, Session: 1, Software: "test", Revision: 4}, false, at("09:00"))
		v.Online, v.SeenAt = online, Now.Add(-time.Minute)
		if !online {
			v.SeenAt = at("15:20")
		}
		return d.tx.SaveDevice(d.ctx, v)
	}
	for l := 1; l <= locations; l++ {
		place := fmt.Sprintf("loc-%03d", l)
		if err := add("station-"+place, place, fleet.Station, l != 3); err != nil {
			return err
		}
	}
	for s := 1; s <= shops; s++ {
		if err := add(fmt.Sprintf("scanner-%d", s), fmt.Sprintf("shop-%d", s), fleet.Scanner, true); err != nil {
			return err
		}
	}
	for r := 1; r <= 2; r++ {
		if err := add(fmt.Sprintf("driver-%d", r), fmt.Sprintf("route-%02d", r), fleet.Driver, true); err != nil {
			return err
		}
	}
	return nil
}

// event stores a fact as the link would.
func (d *day) event(device, subject, name string, body protocol.Body, when time.Time) error {
	d.number++
	raw, err := protocol.EncodeBody(body)
	if err != nil {
		return err
	}
	return d.tx.AddEvent(d.ctx, store.EventRow{Device: device, Incarnation: incarnation(device), Number: d.number, Boot: 1,
		Kind: uint16(body.Kind()), Name: name, Subject: subject, Body: raw, EventAt: when, ReceivedAt: when.Add(time.Second),
		Outcome: store.Applied})
}

func (d *day) containers() error {
	for l := 1; l <= locations; l++ {
		all, err := d.tx.ContainersOfLocation(d.ctx, Date, fmt.Sprintf("loc-%03d", l))
		if err != nil {
			return err
		}
		for i, c := range all {
			if err := d.container(l, i, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *day) container(location, i int, c dispatch.Container) error {
	box := key(14, 7000+100*location+i)
	if err := c.Fill(box, at("07:30")); err != nil {
		return err
	}
	if err := c.Shelve(c.AddressID, at("08:30")); err != nil {
		return err
	}
	if err := c.Load(c.RunID, c.ShipperGRAI, at("09:20")); err != nil {
		return err
	}
	device := "driver-" + c.RunID[7:8]
	if err := d.event(device, box, "container loaded", protocol.ContainerLoaded{Run: c.RunID, GRAI: box, Shipper: c.ShipperGRAI}, at("09:20")); err != nil {
		return err
	}
	if location == 3 { // the late run
		return d.tx.SaveContainer(d.ctx, c)
	}
	if err := c.Place(c.SlotID, at("11:30")); err != nil {
		return err
	}
	station := "station-" + c.LocationID
	if err := d.event(station, box, "container placed", protocol.ContainerPlaced{GRAI: box, Slot: c.SlotID}, at("11:30")); err != nil {
		return err
	}
	if err := d.tx.SaveContainer(d.ctx, c); err != nil {
		return err
	}
	orders, err := d.tx.OrdersInContainer(d.ctx, c.ID)
	if err != nil {
		return err
	}
	return d.pickups(station, c, orders)
}

// pickups lets every third order be taken by now.
func (d *day) pickups(station string, c dispatch.Container, orders []string) error {
	for i, o := range orders {
		if i%3 == 0 {
			when := at("16:20").Add(time.Duration(i) * 7 * time.Minute)
			taken := protocol.PickupInferred{Position: c.FridgeID, Grant: "order-" + o, Order: o, Basis: "grant used, door opened and shut"}
			for _, body := range []struct {
				name string
				body protocol.Body
			}{
				{"grant used", protocol.GrantUsed{Position: c.FridgeID, Grant: "order-" + o, Use: 1}},
				{"relay fired", protocol.RelayFired{Position: c.FridgeID, Grant: "order-" + o}},
				{"door opened", protocol.DoorOpened{Position: c.FridgeID, Grant: "order-" + o}},
				{"door closed", protocol.DoorClosed{Position: c.FridgeID, Grant: "order-" + o, OpenMS: 9000}},
				{"pickup inferred", taken},
			} {
				subject := c.FridgeID
				if body.name == "pickup inferred" {
					subject = o
				}
				if err := d.event(station, subject, body.name, body.body, when); err != nil {
					return err
				}
			}
			if _, err := d.tx.AddPickup(d.ctx, o, c.FridgeID, when, taken.Basis); err != nil {
				return err
			}
		}
		if err := effect.Refresh(d.ctx, d.tx, at("16:30"), o); err != nil {
			return err
		}
	}
	return nil
}

func (d *day) stops() error {
	for _, s := range []struct {
		route, clock string
		sequence     int
	}{{"route-01", "08:58", 1}, {"route-01", "09:31", 2}, {"route-01", "11:05", 3}, {"route-01", "11:42", 4}, {"route-01", "14:02", 5}, {"route-02", "09:00", 1},
		{"route-02", "10:20", 2}} {
		if err := d.tx.ReachStop(d.ctx, s.route+"@"+Date, s.sequence, at(s.clock)); err != nil {
			return err
		}
	}
	return nil
}

// temperatures writes a day of samples, one each two minutes. The second fridge of loc-002 has a gap, and is warming up.
func (d *day) temperatures() error {
	for l := 1; l <= locations; l++ {
		for f := 1; f <= fridges; f++ {
			fridge := fmt.Sprintf("loc-%03d-fridge-%d", l, f)
			p := store.Position{ID: fridge, DeviceID: fmt.Sprintf("station-loc-%03d", l), Door: "closed", Lock: "locked", Mains: true,
				ChangedAt: at("16:20")}
			if l == 1 && f == 2 {
				p.Door = "open"
			}
			d.tx.SavePosition(p)
			if err := d.readings(l, f, fridge); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *day) readings(l, f int, fridge string) error {
	var rows []store.ReadingRow
	until := Now
	if l == 3 {
		until = at("15:20")
	}
	for when := Now.Add(-24 * time.Hour); !when.After(until); when = when.Add(2 * time.Minute) {
		h := when.Sub(Now).Hours()
		milliC := int64(4500 + 900*math.Sin(h*2.6+float64(3*l+f)) + 300*math.Sin(h*11))
		fault := uint8(0)
		if l == 2 && f == 2 {
			switch {
			case h > -9 && h < -7.5:
				continue // nothing was measured
			case h > -5 && h < -4.8:
				milliC, fault = 0, uint8(protocol.SensorCRC)
			case h > -1.5:
				milliC += int64((h + 1.5) * 3600)
			}
		}
		d.number++
		rows = append(rows, store.ReadingRow{Number: d.number, Sensor: fridge + "/air", Dated: fleet.Dated{At: when},
			MilliC: milliC, Fault: fault, Samples: 1, Faults: min(int(fault), 1)})
	}
	device := fmt.Sprintf("station-loc-%03d", l)
	return d.tx.AddReadings(d.ctx, device, incarnation(device), Now, rows)
}

func (d *day) trouble() error {
	tx, ctx := d.tx, d.ctx
	if err := tx.RaiseAlarm(ctx, "alarm-1", effect.AlarmTemperature, "loc-002-fridge-2/air", alarm.Say(effect.TemperatureDetail(9400, 8000)), at("17:31")); err != nil {
		return err
	}
	if err := tx.RaiseAlarm(ctx, "alarm-2", "door_ajar", "loc-001-fridge-2", "door ajar", at("17:52")); err != nil {
		return err
	}
	if err := tx.RaiseAlarm(ctx, "alarm-0", effect.AlarmMains, "loc-001-fridge-1", "the fridge has no supply", at("12:00")); err != nil {
		return err
	}
	if err := tx.ClearAlarm(ctx, effect.AlarmMains, "loc-001-fridge-1", at("12:04")); err != nil {
		return err
	}
	containers, err := tx.ContainersOfShop(ctx, Date, "shop-2")
	if err != nil {
		return err
	}
	products, err := tx.PackedProducts(ctx, containers[0].ID)
	if err != nil {
		return err
	}
	items, err := tx.ShortItems(ctx, containers[0].ID, products[0].GTIN)
	if err != nil {
		return err
	}
	for _, i := range dispatch.ChooseShort(items, 2) {
		if err := tx.MarkShort(ctx, i); err != nil {
			return err
		}
		id := fmt.Sprintf("shortage/%s/%d/%d", i.OrderID, i.Line, i.Unit)
		if err := tx.OpenWork(ctx, id, "shortage", i.OrderID, "tell the customer, give the money back", at("07:40")); err != nil {
			return err
		}
	}
	return tx.OpenWork(ctx, "not_applied/driver-2/7", "not_applied", key(14, 7999), "container loaded by driver-2, number 7: no such box", at("10:20"))
}
