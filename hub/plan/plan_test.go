package plan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

const day1, day2 = "2026-12-01", "2026-12-02"

// at is a time on the first date, in Tokyo. Pickup is from 11 to 17; the second date's, at loc-1 only, a day later.
func at(hour, minute int) time.Time {
	return time.Date(2026, 12, 1, hour, minute, 0, 0, time.FixedZone("JST", 9*3600)).UTC()
}

type bench struct {
	t     *testing.T
	store *store.Store
}

func newBench(t *testing.T, url string, replace ...string) *bench {
	t.Helper()
	b := &bench{t: t, store: storetest.Open(t, url)}
	storetest.Import(t, b.store, storetest.Network(t, replace...))
	return b
}

func (b *bench) change(fn func(ctx context.Context, tx *store.Tx) error) {
	b.t.Helper()
	require.NoError(b.t, b.store.Change(b.t.Context(), func(tx *store.Tx) error { return fn(b.t.Context(), tx) }))
}

// place places orders for loc-1, each for one unit.
func (b *bench) place(date, product string, ids ...string) {
	b.t.Helper()
	service := order.NewService(b.store.Orders())
	for len(ids) > 0 {
		n := min(len(ids), order.MaxGroup)
		var group []order.Arrival
		for _, id := range ids[:n] {
			group = append(group, order.Arrival{At: at(0, 0), By: "test", Request: order.Request{ID: id, DeliveryDate: date, LocationID: "loc-1",
				CustomerID: "member-1", Lines: []order.Line{{ProductID: product, Quantity: 1}}}})
		}
		results, err := service.PlaceGroup(b.t.Context(), group)
		require.NoError(b.t, err)
		for _, r := range results {
			require.NoError(b.t, r.Err)
			require.Equal(b.t, order.Accepted, r.Outcome.State)
		}
		ids = ids[n:]
	}
}

// freeze freezes a date and gives each order at loc-1 a code.
func (b *bench) freeze(date string) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Freeze(ctx, date, at(2, 0)); err != nil {
			return err
		}
		d, err := tx.Delivery(ctx, date, "loc-1")
		if err != nil {
			return err
		}
		orders, err := tx.AcceptedOrders(ctx, date, "loc-1")
		for i, o := range orders {
			g := dispatch.Grant{ID: "order-" + o, DeliveryDate: date, LocationID: "loc-1", Holder: dispatch.Customer, OrderID: o,
				PIN: fmt.Sprintf("%06d", i), From: d.PickupOpens, Until: d.PickupCloses, IssuedAt: at(2, 0)}
			if err := tx.AddGrant(ctx, g); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		from, until := dispatch.CourierWindow(d.PickupOpens, d.PickupCloses)
		return tx.AddGrant(ctx, dispatch.Grant{ID: "run-" + date, DeliveryDate: date, LocationID: "loc-1", Holder: dispatch.Courier,
			RunID: "route-1@" + date, PIN: "12345678", From: from, Until: until})
	})
}

func (b *bench) build(role, place string, now time.Time) map[string][]byte {
	b.t.Helper()
	parts, err := b.tryBuild(role, place, now)
	require.NoError(b.t, err)
	return parts
}

func (b *bench) tryBuild(role, place string, now time.Time) (parts map[string][]byte, err error) {
	failed := b.store.Read(b.t.Context(), func(tx *store.Tx) error {
		parts, err = Build(b.t.Context(), tx, role, place, protocol.Revision, now)
		return nil
	})
	require.NoError(b.t, failed)
	return parts, err
}

// part decodes a part; nil when the plan does not have it.
func part[P any](t *testing.T, parts map[string][]byte, name string) *P {
	t.Helper()
	body, ok := parts[name]
	if !ok {
		return nil
	}
	var p P
	require.NoError(t, protocol.DecodeBody(body, &p))
	return &p
}

func TestPlans(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range map[string]func(*testing.T, func() string){
			"a lock knows its grants and containers until leftovers are collected":       locks,
			"a scanner has the lists of all dates that are not picked up":                scanners,
			"a driver has the first run that is not over":                                drivers,
			"a shipper has the limits of its category":                                   shippers,
			"before numbering is frozen there is nothing to do":                          unfrozen,
			"a lock that cannot hold all grants holds those with goods behind its door":  manyGrants,
			"a plan that is too large is work for a person, and others are made":         tooLarge,
			"a device gets its plan at hello, and a new hub makes no other of the same":  makers,
			"a device that is revoked or has not said hello has no plan":                 noPlan,
			"what another has changed in the database is seen when the place is touched": touched,
		} {
			t.Run(rule, func(t *testing.T) { test(t, empty) })
		}
	})
}

func locks(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.place(day1, "a-cold", "o-1", "o-2")
	b.place(day1, "b-cold", "o-3")
	b.freeze(day1)
	b.change(func(ctx context.Context, tx *store.Tx) error {
		items, err := tx.ShortItems(ctx, "C-20261201-0002", "9520001000041")
		require.NoError(t, err)
		require.Len(t, items, 1)
		return tx.MarkShort(ctx, items[0])
	})
	parts := b.build(RoleStation, "loc-1", at(2, 0))
	require.Len(t, parts, 4, "two fridges, two locks")
	lock := part[protocol.LockPlan](t, parts, "lock/loc-1-f1")
	require.Len(t, lock.Containers, 2)
	require.Len(t, lock.Grants, 4)
	byID := map[string]protocol.Grant{}
	for _, g := range lock.Grants {
		byID[g.ID] = g
	}
	mine := byID["order-o-1@loc-1-f1"]
	require.True(t, mine.HasPIN("000000"))
	require.Equal(t, []string{"C-20261201-0001"}, mine.Containers)
	require.Zero(t, mine.Uses)
	require.Equal(t, "000", mine.Selector)
	require.Zero(t, mine.PIN, "nothing that is checked fast")
	require.NoError(t, b.store.Read(t.Context(), func(tx *store.Tx) error {
		old, err := Build(t.Context(), tx, RoleStation, "loc-1", 2, at(2, 0))
		g := part[protocol.LockPlan](t, old, "lock/loc-1-f1").Grants[0]
		require.Empty(t, g.Check, "a lock of before knows no better")
		require.NotZero(t, g.PIN)
		return err
	}))
	require.Empty(t, byID["order-o-3@loc-1-f1"].Containers, "nobody waits for what is short")
	require.EqualValues(t, dispatch.CourierUses, byID["run-"+day1+"@loc-1-f1"].Uses)
	elsewhere := part[protocol.LockPlan](t, parts, "lock/loc-1-f2").Grants[0]
	require.Equal(t, []string{"loc-1-f1"}, elsewhere.Elsewhere)

	again := b.build(RoleStation, "loc-1", at(19, 59))
	require.Equal(t, parts, again, "the driver's code still opens")

	b.change(func(ctx context.Context, tx *store.Tx) error {
		for id, ends := range map[string]time.Time{"new": {}, "ending": at(3, 0)} {
			if err := tx.AddTokenKey(ctx, store.TokenKey{ID: id, Public: []byte(id), Made: at(1, 0), Ends: ends}); err != nil {
				return err
			}
		}
		return nil
	})
	locked := func(now time.Time) protocol.LockPlan {
		return *part[protocol.LockPlan](t, b.build(RoleStation, "loc-1", now), "lock/loc-1-f2")
	}
	require.Equal(t, at(2, 0).UnixMilli(), locked(at(2, 0)).Issued, "of a courier's, too, which tokens are compared with")
	require.Equal(t, [][]byte{[]byte("ending"), []byte("new")}, locked(at(2, 59)).Keys)
	require.Equal(t, [][]byte{[]byte("new")}, locked(at(3, 0)).Keys)
	b.change(func(ctx context.Context, tx *store.Tx) error {
		g, err := tx.GrantOfOrder(ctx, "o-1")
		require.NoError(t, err)
		tokens, err := Tokens(ctx, tx, g)
		require.Len(t, tokens, 1, "one for each fridge with goods")
		require.Equal(t, "loc-1-f1", tokens[0].Lock)
		want := mine
		want.Selector, want.Salt, want.Check = "", nil, nil
		require.Equal(t, want, tokens[0].Grant, "what the lock has in its plan")
		short, err2 := tx.GrantOfOrder(ctx, "o-3")
		require.NoError(t, err2)
		none, err2 := Tokens(ctx, tx, short)
		require.Empty(t, none, "all of it is short")
		return errors.Join(err, err2)
	})
	lock = part[protocol.LockPlan](t, b.build(RoleStation, "loc-1", at(20, 0)), "lock/loc-1-f1")
	require.Empty(t, lock.Grants)
	require.Empty(t, lock.Containers)
	require.Len(t, b.build(RoleStation, "loc-2", at(2, 0)), 2, "nothing is delivered there, and it is watched all the same")
}

func scanners(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.place(day1, "a-cold", "o-1")
	b.place(day2, "a-cold", "o-2")
	b.freeze(day1)
	list := func(now time.Time) *protocol.ScannerPlan {
		return part[protocol.ScannerPlan](t, b.build(RoleScanner, "shop-a", now), "scanner/shop-a")
	}
	require.Len(t, list(at(5, 0)).Containers, 1)
	b.freeze(day2)
	require.Len(t, list(at(16, 59)).Containers, 2)
	require.Equal(t, day1, list(at(16, 59)).Date)
	// The first date is not closed, for its station is silent. That is no reason to keep its boxes from being filled again.
	require.Len(t, list(at(17, 0)).Containers, 1)
	require.Equal(t, day2, list(at(17, 0)).Date)
	require.Nil(t, list(at(41, 0)))
	require.Empty(t, b.build(RoleScanner, "shop-b", at(5, 0)))
}

func drivers(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.place(day1, "a-cold", "o-1")
	b.place(day2, "a-cold", "o-2")
	b.freeze(day1)
	b.freeze(day2)
	run := func(now time.Time) string {
		p := part[protocol.DriverPlan](t, b.build(RoleDriver, "route-1", now), "driver/route-1")
		require.NotNil(t, p)
		require.Len(t, p.Containers, 1)
		require.Len(t, p.Stops, 4)
		return p.Run
	}
	require.Equal(t, "route-1@"+day1, run(at(5, 0)))
	require.Equal(t, "route-1@"+day1, run(at(16, 0)), "late, and still on its way")
	require.Equal(t, "route-1@"+day2, run(at(17, 1)), "nobody says that it is over, and it must be")
	b.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.ReachStop(ctx, "route-1@"+day1, 4, at(10, 50))
	})
	require.Equal(t, "route-1@"+day2, run(at(11, 0)))
	require.Empty(t, b.build(RoleDriver, "route-2", at(5, 0)), "a run that carries nothing")
	b.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.ReachStop(ctx, "route-1@"+day2, 4, at(34, 50))
	})
	require.Equal(t, "route-1@"+day2, run(at(35, 0)), "the last one stays")
}

func shippers(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	p := part[protocol.TemperaturePlan](t, b.build(RoleShipper, "box-1-cold", at(5, 0)), "shipper/box-1-cold")
	require.EqualValues(t, 8500, p.MaxMilliC)
	require.EqualValues(t, 20*60_000, p.AlarmAfterMS)
	require.Empty(t, b.build(RoleShipper, "box-1-dry", at(5, 0)), "no limit is set")
}

func unfrozen(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.place(day1, "a-cold", "o-1")
	for role, place := range map[string]string{RoleScanner: "shop-a", RoleDriver: "route-1"} {
		require.Empty(t, b.build(role, place, at(1, 0)))
	}
	require.Empty(t, part[protocol.LockPlan](t, b.build(RoleStation, "loc-1", at(1, 0)), "lock/loc-1-f1").Containers)
}

// vast is a network in which hundreds of orders fit into one container.
func vast(t *testing.T, url string) *bench {
	return newBench(t, url, bulk.CategoriesFile, "dry,refrigerated|shelf", "dry,shelf",
		bulk.ProductsFile, "cold,400,20\na-dry", "cold,1,5000\na-dry", bulk.ProductsFile, "dry,400,20", "dry,1,5000")
}

// long makes so many order ids, as long as they may be.
func long(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-%d-%s", prefix, 10000+i, strings.Repeat("x", 64-len(prefix)-7)))
	}
	return ids
}

func manyGrants(t *testing.T, empty func() string) {
	b := vast(t, empty())
	b.place(day1, "a-cold", long("cold", 350)...)
	b.place(day1, "a-dry", long("dry", 350)...)
	b.freeze(day1)
	parts := b.build(RoleStation, "loc-1", at(2, 0))
	for _, fridge := range []string{"loc-1-f1", "loc-1-f2"} {
		grants := part[protocol.LockPlan](t, parts, "lock/"+fridge).Grants
		require.Len(t, grants, 351, "who has goods here, and the driver")
		for _, g := range grants {
			require.True(t, len(g.Containers) == 1 || g.Holder == protocol.HolderCourier)
		}
	}
}

func tooLarge(t *testing.T, empty func() string) {
	b := vast(t, empty())
	b.place(day1, "a-cold", long("cold", 700)...)
	b.freeze(day1)
	_, err := b.tryBuild(RoleStation, "loc-1", at(2, 0))
	var large *TooLarge
	require.ErrorAs(t, err, &large)
	require.Equal(t, "lock/loc-1-f1", large.Part)
	require.Greater(t, large.Bytes, protocol.MaxPart)

	b.device("station-1", fleet.Station, "loc-1")
	b.device("scanner-1", fleet.Scanner, "shop-a")
	m := b.maker(at(2, 0))
	m.Touch("loc-1")
	m.Touch("shop-a")
	require.False(t, m.makeTouched(t.Context()), "trying again does not help")
	require.Zero(t, b.plan("station-1"))
	require.EqualValues(t, 1, b.plan("scanner-1"))
	work := b.work()
	require.Len(t, work, 1)
	require.Contains(t, work[0].Detail, "at most 131072")

	over := b.maker(at(20, 0))
	over.Touch("loc-1")
	require.False(t, over.makeTouched(t.Context()))
	require.EqualValues(t, 1, b.plan("station-1"))
	require.Empty(t, b.work())
}

func (b *bench) device(id string, role fleet.Role, place string) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.AddDevice(ctx, fleet.Device{ID: id, Place: place, Role: role, AddedAt: at(0, 0), AddedBy: "test"})
	})
	b.hello(id, "i1")
}

func (b *bench) hello(id, incarnation string) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.Device(ctx, id)
		if err != nil {
			return err
		}
		return tx.SaveDevice(ctx, d.Greet(fleet.Greeting{Incarnation: incarnation, Boot: 1, Session: 1}, false, at(0, 0)))
	})
}

func (b *bench) maker(now time.Time) *Maker {
	return NewMaker(b.store, live.New(), clock.New(time.Now(), now, 1), slog.New(slog.DiscardHandler))
}

// plan is the version of a device's newest plan; 0 for none.
func (b *bench) plan(id string) (version uint64) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *store.Tx) error {
		p, _, err := tx.NewestPlan(ctx, id)
		version = p.Version
		return err
	})
	return version
}

func (b *bench) work() (open []store.WorkView) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *store.Tx) (err error) {
		open, err = tx.Work(ctx, false, 100)
		return err
	})
	return open
}

// running runs a maker until the returned function is called. It gives a channel that tells of new plans.
func (b *bench) running() (m *Maker, changed <-chan struct{}, stop func()) {
	m = b.maker(at(2, 0))
	changed = m.feed.Subscribe(b.t.Context())
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return m, changed, func() {
		cancel()
		require.ErrorIs(b.t, <-ended, context.Canceled)
	}
}

func makers(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.place(day1, "a-cold", "o-1")
	b.freeze(day1)
	m, changed, stop := b.running()
	b.device("station-1", fleet.Station, "loc-1")
	m.Touch("loc-1")
	<-changed
	require.EqualValues(t, 1, b.plan("station-1"))
	b.hello("station-1", "i2") // its storage was replaced: the plan is for the old one's life
	m.Touch("loc-1")
	<-changed
	require.EqualValues(t, 2, b.plan("station-1"))
	stop()

	b.device("driver-1", fleet.Driver, "route-1") // while no hub was there to be told of it
	_, changed, stop = b.running()
	<-changed
	stop()
	require.EqualValues(t, 1, b.plan("driver-1"))
	require.EqualValues(t, 2, b.plan("station-1"), "the same facts, the same plan")
}

func noPlan(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.device("station-1", fleet.Station, "loc-1")
	b.change(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddDevice(ctx, fleet.Device{ID: "station-2", Place: "loc-1", Role: fleet.Station, AddedAt: at(0, 0)}); err != nil {
			return err
		}
		return tx.RevokeDevice(ctx, "station-1", at(1, 0))
	})
	m := b.maker(at(2, 0))
	m.Touch("loc-1")
	require.False(t, m.makeTouched(t.Context()))
	require.Zero(t, b.plan("station-1"))
	require.Zero(t, b.plan("station-2"))
}

func touched(t *testing.T, empty func() string) {
	b := newBench(t, empty())
	b.place(day1, "a-cold", "o-1")
	b.freeze(day1)
	b.device("station-1", fleet.Station, "loc-1")
	m, changed, stop := b.running()
	defer stop()
	<-changed
	b.change(func(ctx context.Context, tx *store.Tx) error {
		c, err := tx.Container(ctx, "C-20261201-0001")
		if err != nil {
			return err
		}
		if err := c.Fill("09520001000010A", at(5, 0)); err != nil {
			return err
		}
		tx.OnCommit(func() { m.Touch("loc-1") })
		return tx.SaveContainer(ctx, c)
	})
	<-changed
	require.EqualValues(t, 2, b.plan("station-1"))
	m.Touch("loc-1")
	m.Touch("nowhere")
	require.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.touched) == 0
	}, 20*time.Second, time.Millisecond)
	require.EqualValues(t, 2, b.plan("station-1"), "nothing has changed")
}

// A station can judge how goods rode by what its plan says: in which shipper, since when, what they bear, and its key.
func TestAStationKnowsHowItsGoodsComeToIt(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	b.place(day1, "a-cold", "o-1")
	b.freeze(day1)
	lock := func(revision uint64) (l protocol.LockPlan) {
		require.NoError(t, b.store.Read(t.Context(), func(tx *store.Tx) error {
			parts, err := Build(t.Context(), tx, RoleStation, "loc-1", revision, at(3, 0))
			if err != nil {
				return err
			}
			return protocol.DecodeBody(parts["lock/loc-1-f1"], &l)
		}))
		return l
	}
	ride := lock(protocol.Revision).Containers[0].Ride
	require.Equal(t, "box-1-cold", ride.Shipper)
	require.Equal(t, protocol.GoodsLimit{MaxMilliC: 8_500, OutsideMS: 20 * 60_000, GapMS: 20 * 60_000, DoubtHolds: true}, ride.Limit)
	require.False(t, ride.UnstatedHolds, "a day on which nobody shows a statement is as it was")
	require.Empty(t, lock(protocol.Revision).Shippers)
	b.change(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddDevice(ctx, fleet.Device{ID: "box-1", Role: fleet.Shipper, Place: "box-1-cold", AddedBy: "test", AddedAt: at(0, 0)}); err != nil {
			return err
		}
		if _, err := tx.SaveSigningKey(ctx, "box-1", make([]byte, 32), at(3, 0)); err != nil {
			return err
		}
		containers, err := tx.ContainersOfLocation(ctx, day1, "loc-1")
		if err != nil {
			return err
		}
		run, err := tx.Run(ctx, containers[0].RunID)
		if err != nil {
			return err
		}
		for _, stop := range run.Stops {
			if stop.Kind == "collect" && stop.PlaceID == containers[0].SpotID {
				require.Equal(t, stop.PlannedAt.UnixMilli(), ride.From, "as planned until the hub has heard of the scan")
			}
		}
		c := containers[0]
		c.State, c.GRAI, c.LoadedAt = dispatch.Loaded, "095200010000101", at(7, 12)
		return tx.SaveContainer(ctx, c)
	})
	require.Equal(t, at(7, 12).UnixMilli(), lock(protocol.Revision).Containers[0].Ride.From)
	require.Equal(t, []protocol.ShipperKey{{Shipper: "box-1-cold", Public: make([]byte, 32)}}, lock(protocol.Revision).Shippers)
	require.Zero(t, lock(protocol.Revision - 1).Containers[0].Ride)
	require.Empty(t, lock(protocol.Revision-1).Shippers)
}

// A category may have alarm rules for its way and no limit there: its shippers watch by them.
func TestAShipperWithRulesAndNoLimitHasAPlan(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	boxed := func(revision uint64) map[string][]byte {
		var parts map[string][]byte
		require.NoError(t, b.store.Read(t.Context(), func(tx *store.Tx) (err error) {
			parts, err = Build(t.Context(), tx, RoleShipper, "box-1-cold", revision, at(3, 0))
			return err
		}))
		return parts
	}
	files := storetest.Files()
	var limits []string
	for line := range strings.Lines(files[bulk.LimitsFile]) {
		if !strings.HasPrefix(line, "cold,shipper,") {
			limits = append(limits, line)
		}
	}
	files[bulk.LimitsFile] = strings.Join(limits, "")
	importAgain := func() {
		n, err := bulk.ReadNetwork(storetest.FS(files))
		require.NoError(t, err)
		storetest.Import(t, b.store, n)
	}
	importAgain()
	require.Empty(t, boxed(protocol.Revision))
	files[bulk.RulesFile] = "temperature_category,leg,kind,minutes,min_celsius,max_celsius,off_delay_minutes,ignore_start_minutes,ignore_end_minutes\n" +
		"cold,shipper,instant,,,15,,,\n"
	importAgain()
	var watched protocol.TemperaturePlan
	require.NoError(t, protocol.DecodeBody(boxed(protocol.Revision)["shipper/box-1-cold"], &watched))
	require.True(t, slices.ContainsFunc(watched.Rules, func(r protocol.AirRule) bool { return !r.Low && r.LimitMilliC == 15_000 }))
	require.Empty(t, boxed(airRules-1), "an older agent has no rules")
}
