package effect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/order"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const (
	day1, day2 = "2026-12-01", "2026-12-02"
	inc        = "00000000000000000000000000000001"
)

// at is a time on the first date, in Tokyo.
func at(hour, minute int) time.Time {
	return time.Date(2026, 12, 1, hour, minute, 0, 0, time.FixedZone("JST", 9*3600)).UTC()
}

var devices = []fleet.Device{
	{ID: "scanner-a", Role: fleet.Scanner, Place: "shop-a"}, {ID: "scanner-b", Role: fleet.Scanner, Place: "shop-b"},
	{ID: "driver-1", Role: fleet.Driver, Place: "route-1"}, {ID: "driver-2", Role: fleet.Driver, Place: "route-2"},
	{ID: "station-1", Role: fleet.Station, Place: "loc-1"}, {ID: "station-2", Role: fleet.Station, Place: "loc-2"},
	{ID: "sensor-1", Role: fleet.Shipper, Place: "box-1-cold"},
}

// open gives the small network with four orders, the last of them for the second date, and a device at each place.
func open(t *testing.T, url string) *store.Store {
	t.Helper()
	s := storetest.Open(t, url)
	storetest.Import(t, s, storetest.Network(t))
	service := order.NewService(s.Orders())
	for _, r := range []order.Request{
		{ID: "o-1", DeliveryDate: day1, LocationID: "loc-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1},
			{ProductID: "b-cold", Quantity: 1}, {ProductID: "a-dry", Quantity: 1}}},
		{ID: "o-2", DeliveryDate: day1, LocationID: "loc-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}},
		{ID: "o-3", DeliveryDate: day1, LocationID: "loc-2", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}},
		{ID: "o-4", DeliveryDate: day2, LocationID: "loc-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}},
	} {
		r.CustomerID = "member-1"
		o, err := service.Place(t.Context(), r, at(0, 0), "test")
		require.NoError(t, err)
		require.Equal(t, order.Accepted, o.State)
	}
	change(t, s, func(tx *store.Tx) error {
		for _, d := range devices {
			d.AddedBy, d.AddedAt = "test", at(0, 0)
			if err := tx.AddDevice(t.Context(), d); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func change(t require.TestingT, s *store.Store, fn func(*store.Tx) error) {
	require.NoError(t, s.Change(context.Background(), fn))
}

var errUndo = errors.New("undo")

// tried runs fn in a transaction that is undone.
func tried(t require.TestingT, s *store.Store, fn func(w *world)) {
	err := s.Change(context.Background(), func(tx *store.Tx) error {
		fn(&world{t: t, tx: tx, ctx: context.Background(), numbers: map[string]uint64{}})
		return errUndo
	})
	require.ErrorIs(t, err, errUndo)
}

// world applies events inside one transaction, as the link does: each in a savepoint, and stored with its outcome.
type world struct {
	t       require.TestingT
	tx      *store.Tx
	ctx     context.Context
	effects effect.Effects
	numbers map[string]uint64
}

// said is what a device says, and when it happened.
type said struct {
	device string
	at     time.Time
	body   protocol.Body
}

func (w *world) say(device string, when time.Time, body protocol.Body) error {
	w.numbers[device]++
	i := slices.IndexFunc(devices, func(d fleet.Device) bool { return d.ID == device })
	incarnation, err := protocol.ParseIncarnation(inc)
	require.NoError(w.t, err)
	ev := link.Event{Device: device, Role: string(devices[i].Role), Place: devices[i].Place, Incarnation: incarnation,
		Number: w.numbers[device], At: when, Received: at(48, 0), Body: body}
	applied := w.tx.Savepoint(w.ctx, func() error { return w.effects.Apply(w.ctx, w.tx, ev) })
	raw, err := protocol.EncodeBody(body)
	require.NoError(w.t, err)
	row := store.EventRow{Device: device, Incarnation: inc, Number: ev.Number, Boot: 1, Kind: uint16(body.Kind()), Name: "test",
		Subject: subject(body), Body: raw, EventAt: when, ReceivedAt: ev.Received, Outcome: store.Applied}
	var not *link.NotApplied
	if errors.As(applied, &not) {
		row.Outcome, row.Reason = store.NotApplied, not.Reason
	} else {
		require.NoError(w.t, applied)
	}
	require.NoError(w.t, w.tx.AddEvent(w.ctx, row))
	return applied
}

// ok says what must be applied at once.
func (w *world) ok(device string, when time.Time, body protocol.Body) {
	require.NoError(w.t, w.say(device, when, body))
}

// refused says what must not be applied.
func (w *world) refused(device string, body protocol.Body, why string) {
	err := w.say(device, at(12, 0), body)
	require.ErrorAs(w.t, err, new(*link.NotApplied))
	require.ErrorContains(w.t, err, why)
}

// subject is what the link files an event under.
func subject(b protocol.Body) string {
	switch b := b.(type) {
	case protocol.ContainerFilled:
		return b.GRAI
	case protocol.ContainerShelved:
		return b.GRAI
	case protocol.ContainerLoaded:
		return b.GRAI
	case protocol.ContainerPlaced:
		return b.GRAI
	}
	return "other"
}

func (w *world) containers() (all []dispatch.Container) {
	for _, date := range []string{day1, day2} {
		for _, location := range []string{"loc-1", "loc-2"} {
			c, err := w.tx.ContainersOfLocation(w.ctx, date, location)
			require.NoError(w.t, err)
			all = append(all, c...)
		}
	}
	return all
}

func (w *world) container(id string) dispatch.Container {
	c, err := w.tx.Container(w.ctx, id)
	require.NoError(w.t, err)
	return c
}

func (w *world) order(id string) order.Order {
	o, err := w.tx.Order(w.ctx, id)
	require.NoError(w.t, err)
	return o
}

// work gives the open work, as kind and subject.
func (w *world) work() []string {
	all, err := w.tx.Work(w.ctx, false, 100)
	require.NoError(w.t, err)
	open := []string{}
	for _, i := range all {
		if i.Closed.IsZero() {
			open = append(open, i.Kind+" "+i.Subject)
		}
	}
	slices.Sort(open)
	return open
}

// alarms gives the open alarms, as kind and subject.
func (w *world) alarms() []string {
	all, err := w.tx.AlarmsNow(w.ctx, at(12, 0), 100)
	require.NoError(w.t, err)
	open := []string{}
	for _, a := range all {
		open = append(open, a.Kind+" "+a.Subject)
	}
	slices.Sort(open)
	return open
}

func (w *world) close(date, location string, when time.Time) {
	_, err := w.tx.CloseDelivery(w.ctx, date, location, when)
	require.NoError(w.t, err)
	orders, err := w.tx.AcceptedOrders(w.ctx, date, location)
	require.NoError(w.t, err)
	require.NoError(w.t, effect.Refresh(w.ctx, w.tx, when, orders...))
}

// Containers of the orders: shop-a's cold one at loc-1, shop-b's, shop-a's dry one, the one at loc-2, and that of day 2.
const (
	coldA, coldB, dryA, coldA2, tomorrow = "C-20261201-0001", "C-20261201-0002", "C-20261201-0003", "C-20261201-0004", "C-20261202-0001"
)

// box is the box that is used for a container. The first one's is used again on the second date.
func box(container string) string {
	if container == tomorrow {
		container = coldA
	}
	return "0952000100" + container[len(container)-4:]
}

// journey is what devices say of one container.
func journey(c dispatch.Container, day time.Duration) []said {
	scanner, driver, station := "scanner-a", "driver-1", "station-1"
	if c.ShopID == "shop-b" {
		scanner = "scanner-b"
	}
	if c.LocationID == "loc-2" {
		driver, station = "driver-2", "station-2"
	}
	b := box(c.ID)
	return []said{
		{scanner, at(5, 0).Add(day), protocol.ContainerFilled{DatedContainer: c.ID, GRAI: b}},
		{scanner, at(5, 30).Add(day), protocol.ContainerShelved{GRAI: b, Address: c.AddressID}},
		{driver, at(7, 0).Add(day), protocol.ContainerLoaded{Run: c.RunID, GRAI: b, Shipper: c.ShipperGRAI}},
		{station, at(9, 0).Add(day), protocol.ContainerPlaced{GRAI: b, Slot: c.SlotID}},
	}
}

func reached(route, date string, sequence uint32) protocol.StopReached {
	return protocol.StopReached{Run: fmt.Sprintf("%s@%s", route, date), Sequence: sequence}
}

var _ link.Effects = &effect.Effects{Touch: (&plan.Maker{}).Touch}
