package quality_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/order"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const (
	day = "2026-12-01"
	inc = "00000000000000000000000000000001"
)

// at is a time on the date, in Tokyo.
func at(hour, minute int) time.Time {
	return time.Date(2026, 12, 1, hour, minute, 0, 0, time.FixedZone("JST", 9*3600)).UTC()
}

// site is a hub's store with a day under way: o-1 and o-2 share a cold container of shop-a at loc-1, o-1 has strawberries of shop-b
// besides, and o-3 is for loc-2.
type site struct {
	*testing.T
	store   *store.Store
	service *quality.Service
	watch   *quality.Watch
	touched map[string]bool
	numbers map[string]uint64
}

var devices = map[string]fleet.Device{
	"station-1": {ID: "station-1", Role: fleet.Station, Place: "loc-1"}, "station-2": {ID: "station-2", Role: fleet.Station, Place: "loc-2"},
	"shelf-1": {ID: "shelf-1", Role: fleet.Station, Place: "spot-1"}, "box-1": {ID: "box-1", Role: fleet.Shipper, Place: "box-1-cold"},
	"scanner-a": {ID: "scanner-a", Role: fleet.Scanner, Place: "shop-a"}, "scanner-b": {ID: "scanner-b", Role: fleet.Scanner, Place: "shop-b"},
	"driver-1": {ID: "driver-1", Role: fleet.Driver, Place: "route-1"},
}

func open(t *testing.T, url string) *site {
	s := &site{T: t, store: storetest.Open(t, url), watch: quality.NewWatch(), touched: map[string]bool{}, numbers: map[string]uint64{}}
	s.service = &quality.Service{Store: s.store, Touch: func(place string) { s.touched[place] = true }}
	storetest.Import(t, s.store, storetest.Network(t))
	one := func(products ...string) (lines []order.Line) {
		for _, p := range products {
			lines = append(lines, order.Line{ProductID: p, Quantity: 1})
		}
		return lines
	}
	storetest.Accept(t, s.store, at(0, 0), order.Request{ID: "o-1", DeliveryDate: day, LocationID: "loc-1", Lines: one("a-cold", "b-cold")},
		order.Request{ID: "o-2", DeliveryDate: day, LocationID: "loc-1", Lines: one("a-cold")},
		order.Request{ID: "o-3", DeliveryDate: day, LocationID: "loc-2", Lines: one("a-cold")})
	s.change(func(tx *store.Tx) error {
		for _, d := range devices {
			d.AddedBy, d.AddedAt, d.Incarnation = "test", at(0, 0), inc
			if err := tx.AddDevice(t.Context(), d); err != nil {
				return err
			}
			if err := tx.SaveDevice(t.Context(), d); err != nil {
				return err
			}
			if err := tx.SaveDeviceLog(t.Context(), d.ID, fleet.Log{Incarnation: inc, Log: uint8(protocol.Readings), Next: 1, State: fleet.Current}); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *site) change(fn func(*store.Tx) error) {
	s.Helper()
	require.NoError(s, s.store.Change(s.Context(), fn))
}

func read[T any](s *site, fn func(*store.Tx) (T, error)) (v T) {
	s.Helper()
	require.NoError(s, s.store.Read(s.Context(), func(tx *store.Tx) (err error) {
		v, err = fn(tx)
		return err
	}))
	return v
}

// says has a device record an event.
func (s *site) says(device string, when time.Time, body protocol.Body) {
	s.Helper()
	s.numbers[device]++
	incarnation, err := protocol.ParseIncarnation(inc)
	require.NoError(s, err)
	d := devices[device]
	effects := effect.Effects{Touch: s.service.Touch, Hold: s.service.DeviceHeld, Freed: s.service.DeviceFreed, Taken: s.service.Taken}
	s.change(func(tx *store.Tx) error {
		return effects.Apply(s.Context(), tx, link.Event{Device: device, Role: string(d.Role), Place: d.Place, Incarnation: incarnation,
			Number: s.numbers[device], At: when, Received: when.Add(time.Second), Body: body})
	})
}

// reads has a device's sensor read values of whole degrees, one a minute from a time on; fault is none.
func (s *site) reads(device, sensor string, from time.Time, celsius ...int) {
	s.Helper()
	var rows []store.ReadingRow
	for i, c := range celsius {
		s.numbers[device+"/readings"]++
		row := store.ReadingRow{Number: s.numbers[device+"/readings"], Boot: 1, Dated: fleet.Dated{At: from.Add(time.Duration(i) * time.Minute)},
			Received: at(12, 0), Sensor: sensor, Samples: 1, MilliC: int64(c) * 1000}
		if row.Min, row.Max = row.MilliC, row.MilliC; c == fault {
			row.MilliC, row.Min, row.Max, row.Fault, row.Faults = 0, 0, 0, 1, 1
		}
		rows = append(rows, row)
	}
	s.arrives(device, rows)
}

func (s *site) arrives(device string, rows []store.ReadingRow) {
	s.Helper()
	s.arrivesAt(device, at(12, 0), rows)
}

func (s *site) arrivesAt(device string, when time.Time, rows []store.ReadingRow) {
	s.Helper()
	s.change(func(tx *store.Tx) error {
		if err := s.watch.Readings(s.Context(), tx, when, rows); err != nil {
			return err
		}
		return tx.AddReadings(s.Context(), device, inc, when, rows)
	})
}

const fault = -99

func repeat(n, celsius int) []int { return slices.Repeat([]int{celsius}, n) }

func (s *site) judge(now time.Time) {
	s.Helper()
	for {
		n, err := s.service.JudgeDue(s.Context(), now)
		require.NoError(s, err)
		if n == 0 {
			return
		}
	}
}

// cold is the container of shop-a at loc-1, and red that of shop-b.
func (s *site) container(location, shop string) dispatch.Container {
	s.Helper()
	for _, c := range read(s, func(tx *store.Tx) ([]dispatch.Container, error) {
		return tx.ContainersOfLocation(s.Context(), day, location)
	}) {
		if c.ShopID == shop {
			return c
		}
	}
	s.Fatal("no container")
	return dispatch.Container{}
}

// Steps of the day of a container: shelved at 5:00, loaded at 6:30, placed at 8:30.
func (s *site) shelve(c dispatch.Container, scanner string) {
	s.says(scanner, at(4, 50), protocol.ContainerFilled{DatedContainer: c.ID, GRAI: grai(c)})
	s.says(scanner, at(5, 0), protocol.ContainerShelved{GRAI: grai(c), Address: c.AddressID})
}

func (s *site) load(c dispatch.Container) {
	s.says("driver-1", at(6, 30), protocol.ContainerLoaded{Run: c.RunID, GRAI: grai(c), Shipper: c.ShipperGRAI})
}

func (s *site) place(c dispatch.Container) {
	s.says("station-1", at(8, 30), protocol.ContainerPlaced{GRAI: grai(c), Slot: c.SlotID})
}

func grai(c dispatch.Container) string { return "095200010000" + c.ID[len(c.ID)-2:] }

func (s *site) delivered() (cold, red dispatch.Container) {
	cold, red = s.container("loc-1", "shop-a"), s.container("loc-1", "shop-b")
	s.shelve(cold, "scanner-a")
	s.shelve(red, "scanner-b")
	for _, c := range []dispatch.Container{cold, red} {
		s.load(c)
		s.place(c)
	}
	return cold, red
}

func (s *site) holds() []store.Hold {
	s.Helper()
	return read(s, func(tx *store.Tx) ([]store.Hold, error) { return tx.OpenHolds(s.Context(), 100) })
}

func (s *site) notices(order string) (kinds []store.NoticeKind) {
	s.Helper()
	for _, n := range read(s, func(tx *store.Tx) ([]store.Notice, error) { return tx.NoticesOfOrder(s.Context(), order) }) {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func (s *site) work(kind string) (subjects []string) {
	s.Helper()
	for _, w := range read(s, func(tx *store.Tx) ([]store.WorkView, error) { return tx.Work(s.Context(), false, 100) }) {
		if w.Kind == kind {
			subjects = append(subjects, w.Subject)
		}
	}
	slices.Sort(subjects)
	return subjects
}

func (s *site) alarms(kind string) (all []string) {
	s.Helper()
	for _, a := range read(s, func(tx *store.Tx) ([]store.AlarmView, error) { return tx.Alarms(s.Context(), 100) }) {
		if a.Kind == kind && !a.Raised.Equal(a.Cleared) {
			cleared := "open"
			if !a.Cleared.IsZero() {
				cleared = a.Cleared.Format("15:04")
			}
			all = append(all, a.ID+" "+a.Raised.Format("15:04")+" "+cleared)
		}
	}
	slices.Sort(all)
	return all
}

func (s *site) act(scope store.Scope, id string) quality.Act {
	return quality.Act{Scope: scope, ID: id, By: "p-quality", Reason: "felt and smelt", At: at(12, 0)}
}

func each(t *testing.T, tests map[string]func(*site)) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range tests {
			t.Run(rule, func(t *testing.T) { test(open(t, empty())) })
		}
	})
}

const air = "loc-1-f1/air"

func TestGoodsAreHeld(t *testing.T) {
	each(t, map[string]func(*site){
		"that stood too warm for too long, and exactly those": func(s *site) {
			cold, red := s.delivered()
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			holds := s.holds()
			require.Len(s, holds, 2)
			for _, h := range holds {
				require.Contains(s, []string{cold.ID, red.ID}, h.Container)
				require.Equal(s, at(9, 10), h.Since.UTC(), "10 minutes in, 30 allowed")
				require.Equal(s, store.CauseBroken, h.Cause)
			}
			require.True(s, s.touched["loc-1"])
			barred := read(s, func(tx *store.Tx) (map[string]store.Barred, error) { return tx.BarredAt(s.Context(), "loc-1", day) })
			require.Equal(s, store.Undecided, barred[cold.ID].Decision)
			require.Equal(s, []store.NoticeKind{store.NoticeHeld, store.NoticeHeld}, s.notices("o-1"))
			require.Equal(s, []store.NoticeKind{store.NoticeHeld}, s.notices("o-2"))
			require.Empty(s, s.notices("o-3"))
			require.Len(s, s.work(quality.WorkHold), 2)
			s.reads("station-1", air, at(9, 16), repeat(20, 12)...)
			s.judge(at(9, 40))
			require.Len(s, s.holds(), 2, "the same breach is the same hold")
			require.Equal(s, 55*time.Minute, s.holds()[0].Outside)
		},
		"whichever comes first, the readings or the scans": func(s *site) {
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			require.Empty(s, s.holds())
			s.delivered()
			s.judge(at(9, 30))
			require.Len(s, s.holds(), 2)
		},
		"on the leg that broke it, before they are loaded": func(s *site) {
			cold := s.container("loc-1", "shop-a")
			s.shelve(cold, "scanner-a")
			s.reads("shelf-1", "spot-1-f1/air", at(5, 0), repeat(40, 11)...)
			s.judge(at(5, 50))
			require.Len(s, s.holds(), 1)
			require.Equal(s, coldchain.Collection, s.holds()[0].Leg)
			kept := read(s, func(tx *store.Tx) (map[string]string, error) { return tx.KeptBack(s.Context(), day) })
			require.Contains(s, kept[cold.ID], "quality: ")
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeFridge, "spot-1-f1"), store.Released, nil)
			require.NoError(s, err)
			require.Empty(s, read(s, func(tx *store.Tx) (map[string]string, error) { return tx.KeptBack(s.Context(), day) }))
		},
		"and what a person keeps back stays theirs": func(s *site) {
			cold := s.container("loc-1", "shop-a")
			s.shelve(cold, "scanner-a")
			s.change(func(tx *store.Tx) error { return tx.KeepBack(s.Context(), cold, "wet", "p-disp", at(5, 10)) })
			s.reads("shelf-1", "spot-1-f1/air", at(5, 0), repeat(40, 11)...)
			s.judge(at(5, 50))
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeFridge, "spot-1-f1"), store.Released, nil)
			require.NoError(s, err)
			require.Equal(s, map[string]string{cold.ID: "wet"}, read(s, func(tx *store.Tx) (map[string]string, error) { return tx.KeptBack(s.Context(), day) }))
		},
		"in a shipper, by the time they were in it": func(s *site) {
			s.delivered()
			s.reads("box-1", "box-1-cold/air", at(6, 0), slices.Concat(repeat(30, 20), repeat(20, 4), repeat(15, 9), repeat(85, 4), repeat(60, 20))...)
			s.judge(at(9, 0))
			require.Empty(s, s.holds(), "warm before and after, and 15 of 20 minutes in between")
			s.reads("box-1", "box-1-cold/air", at(8, 25).Add(30*time.Second), 4, 4)
			s.judge(at(9, 1))
			require.Empty(s, s.holds())
		},
		"and no longer than until the run has reached the station, whoever says that": func(s *site) {
			cold := s.container("loc-1", "shop-a")
			s.shelve(cold, "scanner-a")
			s.load(cold)
			s.says("driver-1", at(8, 30), protocol.StopReached{Run: cold.RunID, Sequence: 3})
			s.reads("box-1", "box-1-cold/air", at(6, 30), slices.Concat(repeat(120, 4), repeat(60, 20))...)
			s.judge(at(9, 30))
			require.Empty(s, s.holds(), "the station is offline, and the empty box is warm")
		},
		"when the station says so itself": func(s *site) {
			cold, _ := s.delivered()
			s.says("station-1", at(9, 0), protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: cold.ID, Cause: protocol.GoodsBroken,
				Since: at(8, 50).UnixMilli(), OutsideMS: 31 * 60_000, MilliC: 12_000})
			require.Len(s, s.holds(), 1)
			require.Equal(s, store.CauseDevice, s.holds()[0].Cause)
			require.Equal(s, []store.NoticeKind{store.NoticeHeld}, s.notices("o-2"))
		},
		"when a person says so, all that is there": func(s *site) {
			s.delivered()
			held, err := s.service.Hold(s.Context(), s.act(store.ScopeLocation, "loc-1"), time.Time{})
			require.NoError(s, err)
			require.Len(s, held, 2)
			_, err = s.service.Hold(s.Context(), s.act(store.ScopeLocation, "loc-9"), time.Time{})
			require.ErrorIs(s, err, quality.ErrNothing)
			_, err = s.service.Hold(s.Context(), s.act("planet", "loc-1"), time.Time{})
			require.ErrorIs(s, err, quality.ErrScope)
		},
	})
}

// ridden has a station say that it holds the cold goods for the way in their shipper.
func (s *site) ridden(c dispatch.Container, cause protocol.GoodsCause, heldAt int64) {
	s.says("station-1", at(8, 31), protocol.RideJudged{Position: "loc-1-f1", DatedContainer: c.ID, Shipper: "box-1-cold", Outcome: protocol.RideUnknown})
	s.says("station-1", at(8, 31), protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: c.ID, Cause: cause, Since: at(8, 31).UnixMilli(),
		HeldAt: heldAt, Shipper: "box-1-cold"})
	require.Len(s, s.holds(), 1)
	require.Equal(s, coldchain.Shipper, s.holds()[0].Leg)
	require.Equal(s, "box-1-cold", s.holds()[0].Position)
}

// What the station has decided on before the shipper's readings came is held against them when they come.
func TestWhatAStationHoldsForTheWayIsReconciledWithTheReadings(t *testing.T) {
	each(t, map[string]func(*site){
		"it is let go when they are all here and all was well": func(s *site) {
			cold, _ := s.delivered()
			s.ridden(cold, protocol.RideUnstated, 77)
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(60, 4)...)
			s.judge(at(8, 40))
			require.Len(s, s.holds(), 1, "the way has not ended with what is here")
			s.reads("box-1", "box-1-cold/air", at(7, 0), repeat(120, 4)...)
			s.judge(at(9, 1))
			require.Empty(s, s.holds())
			barred := read(s, func(tx *store.Tx) (map[string]store.Barred, error) { return tx.BarredAt(s.Context(), "loc-1", day) })
			require.Equal(s, []int64{77}, barred[cold.ID].Lifted, "and the plan names the station's decision")
			require.Empty(s, barred[cold.ID].Released)
			rides := read(s, func(tx *store.Tx) ([]store.RideJudged, error) { return tx.RidesJudged(s.Context(), cold.ID) })
			require.Equal(s, store.RideUnknown, rides[0].Outcome)
		},
		"also when they come in a burst, before the watch has heard that goods wait for them": func(s *site) {
			cold, _ := s.delivered()
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(60, 4)...)
			s.judge(at(8, 30))
			s.ridden(cold, protocol.RideUnstated, 77)
			s.judge(at(8, 40))
			s.reads("box-1", "box-1-cold/air", at(7, 0), repeat(120, 4)...)
			s.judge(at(8, 41))
			s.judge(at(9, 1))
			require.Empty(s, s.holds())
		},
		"and a place is looked at again the less often the longer that takes": func(s *site) {
			cold, _ := s.delivered()
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(60, 4)...)
			s.ridden(cold, protocol.RideUnstated, 77)
			var judged int
			for minute := range 10 * 60 {
				n, err := s.service.JudgeDue(s.Context(), at(8, 32+minute))
				require.NoError(s, err)
				judged += n
			}
			require.Less(s, judged, 60)
			require.Greater(s, judged, 20)
		},
		"also when they are here before": func(s *site) {
			cold, _ := s.delivered()
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(180, 4)...)
			s.judge(at(9, 0))
			s.ridden(cold, protocol.RideDoubtful, 77)
			s.judge(at(9, 1))
			require.Empty(s, s.holds())
		},
		"it stays, beside the hub's own, when they say the same": func(s *site) {
			cold, _ := s.delivered()
			s.ridden(cold, protocol.RideBroken, 77)
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(180, 20)...)
			s.judge(at(9, 1))
			require.Len(s, s.holds(), 3, "with the one of the berries that rode beside")
		},
		"a statement that comes later ends it": func(s *site) {
			cold, _ := s.delivered()
			s.ridden(cold, protocol.RideUnstated, 77)
			judged := protocol.RideJudged{Position: "loc-1-f1", DatedContainer: cold.ID, Shipper: "box-1-cold", Outcome: protocol.RideSound,
				From: at(7, 0).UnixMilli(), Until: at(8, 30).UnixMilli(), Freed: 76}
			s.says("station-1", at(8, 35), judged)
			require.Len(s, s.holds(), 1, "another decision is meant")
			judged.Freed = 77
			s.says("station-1", at(8, 36), judged)
			require.Empty(s, s.holds())
			require.Equal(s, store.NoticeReleased, s.notices("o-2")[1])
		},
		"a person's release names it": func(s *site) {
			cold, _ := s.delivered()
			s.ridden(cold, protocol.RideBroken, 77)
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeShipper, "box-1-cold"), store.Released, nil)
			require.NoError(s, err)
			barred := read(s, func(tx *store.Tx) (map[string]store.Barred, error) { return tx.BarredAt(s.Context(), "loc-1", day) })
			require.EqualValues(s, 77, barred[cold.ID].DeviceAt)
			require.Equal(s, []int64{77}, barred[cold.ID].Released)
		},
		"each decision of the station is told by its name": func(s *site) {
			cold, _ := s.delivered()
			s.ridden(cold, protocol.RideUnstated, 77)
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(180, 4)...)
			s.judge(at(9, 1))
			for n, cause := range []protocol.GoodsCause{protocol.GoodsBroken, protocol.GoodsDoubtful} {
				s.says("station-1", at(9, 10+n), protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: cold.ID, Cause: cause,
					Since: at(9, 5).UnixMilli(), HeldAt: int64(78 + n)})
			}
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeFridge, "loc-1-f1"), store.Released, []string{s.holds()[0].ID})
			require.NoError(s, err)
			barred := read(s, func(tx *store.Tx) (map[string]store.Barred, error) { return tx.BarredAt(s.Context(), "loc-1", day) })[cold.ID]
			require.Equal(s, store.Undecided, barred.Decision)
			require.Equal(s, []int64{78}, barred.Released)
			require.Equal(s, []int64{77}, barred.Lifted)
		},
		"that boxes were carried for long no reading of their shipper ends": func(s *site) {
			cold, _ := s.delivered()
			s.says("station-1", at(8, 31), protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: cold.ID, Cause: protocol.RideCarried,
				Since: at(8, 30).UnixMilli(), HeldAt: 77, Shipper: "box-1-cold"})
			s.reads("box-1", "box-1-cold/air", at(6, 0), repeat(180, 4)...)
			s.judge(at(9, 1))
			require.Len(s, s.holds(), 1)
			require.Equal(s, "loc-1-f1", s.holds()[0].Position, "a person looks at them where they stand")
			require.Contains(s, s.holds()[0].Reason, "box-1-cold")
		},
	})
}

func TestAKeyIsAShippersAndWordOfARideItsStations(t *testing.T) {
	each(t, map[string]func(*site){"": func(s *site) {
		cold, _ := s.delivered()
		keys := func() map[string][]byte {
			return read(s, func(tx *store.Tx) (map[string][]byte, error) { return tx.ShipperKeys(s.Context(), "loc-1", day) })
		}
		clear(s.touched)
		s.says("box-1", at(5, 0), protocol.SigningKey{Public: make([]byte, 32)})
		require.Equal(s, map[string][]byte{"box-1-cold": make([]byte, 32)}, keys())
		require.True(s, s.touched["loc-1"])
		clear(s.touched)
		s.says("box-1", at(5, 1), protocol.SigningKey{Public: make([]byte, 32)})
		require.Empty(s, s.touched, "each boot says it, and nobody needs another plan for that")
		knowing := func(id string) []string {
			return read(s, func(tx *store.Tx) ([]string, error) {
				return tx.StationsKnowing(s.Context(), fleet.Device{Role: devices[id].Role, Place: devices[id].Place})
			})
		}
		require.Equal(s, []string{"loc-1"}, knowing("box-1"), "who hears of it when it is shut out or replaced")
		require.Empty(s, knowing("station-1"))
		s.says("box-1", at(5, 1), protocol.SigningKey{Public: bytes.Repeat([]byte{1}, 32)})
		require.Equal(s, bytes.Repeat([]byte{1}, 32), keys()["box-1-cold"], "the newest counts")
		s.refused("station-1", protocol.SigningKey{Public: make([]byte, 32)})
		s.refused("box-1", protocol.SigningKey{Public: make([]byte, 31)})
		judged := protocol.RideJudged{Position: "loc-1-f1", DatedContainer: cold.ID, Shipper: "box-1-cold", Outcome: protocol.RideSound}
		s.refused("station-2", judged)
		judged.Outcome = 99
		s.refused("station-1", judged)
		s.change(func(tx *store.Tx) error { return tx.RevokeDevice(s.Context(), "box-1", at(6, 0)) })
		require.Empty(s, keys(), "a board that was stolen speaks for no shipper")
	}})
}

// refused wants what a device says not to be applied.
func (s *site) refused(device string, body protocol.Body) {
	s.Helper()
	d := devices[device]
	err := s.store.Change(s.Context(), func(tx *store.Tx) error {
		return (&effect.Effects{}).Apply(s.Context(), tx, link.Event{Device: device, Role: string(d.Role), Place: d.Place, Number: 999, At: at(9, 0),
			Received: at(9, 0), Body: body})
	})
	require.ErrorAs(s, err, new(*link.NotApplied))
}

func TestDoubt(t *testing.T) {
	each(t, map[string]func(*site){
		"faults for longer than allowed hold, and readings that come late lift": func(s *site) {
			s.delivered()
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(5, 5), repeat(40, fault), repeat(5, 5))...)
			s.judge(at(9, 30))
			require.Len(s, s.holds(), 2)
			require.Equal(s, store.CauseDoubtful, s.holds()[0].Cause)
			require.Equal(s, at(8, 35).Add(30*time.Minute), s.holds()[0].Since.UTC())
			s.reads("station-1", "loc-1-f1/product", at(8, 30), repeat(50, 5)...) // the other probe was offline
			s.judge(at(9, 31))
			require.Empty(s, s.holds())
			require.Equal(s, []store.NoticeKind{store.NoticeHeld, store.NoticeReleased}, s.notices("o-2"))
			require.Empty(s, s.work(quality.WorkHold))
			require.Equal(s, store.Lifted, read(s, func(tx *store.Tx) ([]store.Hold, error) { return tx.DecidedHolds(s.Context(), 10) })[0].Decision)
		},
		"a probing closes it": func(s *site) {
			s.delivered()
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(5, 5), repeat(40, fault), repeat(5, 5))...)
			s.judge(at(9, 30))
			require.Len(s, s.holds(), 2)
			require.NoError(s, s.service.Probe(s.Context(), "loc-1-f1", coldchain.Probing{At: at(9, 20), MilliC: 4800, By: "p-driver"}, at(9, 31)))
			s.judge(at(9, 31))
			require.Empty(s, s.holds())
			err := s.service.Probe(s.Context(), "nowhere", coldchain.Probing{At: at(9, 20), MilliC: 4800, By: "p"}, at(9, 31))
			require.ErrorIs(s, err, store.ErrNotFound)
			err = s.service.Probe(s.Context(), "loc-1-f1", coldchain.Probing{At: at(9, 40), MilliC: 4800, By: "p"}, at(9, 31))
			require.ErrorIs(s, err, quality.ErrProbing)
		},
		"a gap that ends when the goods have left": func(s *site) {
			cold := s.container("loc-1", "shop-a")
			s.shelve(cold, "scanner-a")
			s.reads("shelf-1", "spot-1-f1/air", at(5, 0), repeat(10, 5)...)
			s.load(cold)
			s.judge(at(6, 31))
			s.reads("shelf-1", "spot-1-f1/air", at(7, 0), repeat(5, 5)...)
			s.judge(at(7, 10))
			require.Len(s, s.holds(), 1, "from 5:10 to 6:30 nobody knows")
			require.Equal(s, coldchain.Collection, s.holds()[0].Leg)
		},
		"silence is none": func(s *site) {
			s.delivered()
			s.reads("station-1", air, at(8, 30), repeat(5, 5)...)
			s.judge(at(16, 0))
			require.Empty(s, s.holds())
		},
	})
}

func TestRecall(t *testing.T) {
	each(t, map[string]func(*site){
		"goods that were taken before it broke are not concerned, those taken after are recalled": func(s *site) {
			cold, _ := s.delivered()
			s.says("station-1", at(9, 5), protocol.PickupInferred{Position: "loc-1-f1", Grant: "order-o-1@loc-1-f1", Order: "o-1", Basis: "door"})
			s.says("station-1", at(9, 20), protocol.PickupInferred{Position: "loc-1-f1", Grant: "order-o-2@loc-1-f1", Order: "o-2", Basis: "door"})
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			require.Empty(s, s.notices("o-1"))
			require.Equal(s, []store.NoticeKind{store.NoticeRecalled}, s.notices("o-2"))
			require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall))
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeContainer, cold.ID), store.Condemned, nil)
			require.NoError(s, err)
			require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall), "the customer still has to be reached")
			require.Equal(s, order.PickedUp, read(s, func(tx *store.Tx) (order.Order, error) { return tx.Order(s.Context(), "o-2") }).State)
		},
		"also of goods that were condemned meanwhile": func(s *site) {
			cold, _ := s.broken()
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeContainer, cold.ID), store.Condemned, nil)
			require.NoError(s, err)
			s.says("station-1", at(9, 20), protocol.PickupInferred{Position: "loc-1-f1", Grant: "order-o-2@loc-1-f1", Order: "o-2", Basis: "door"})
			require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall))
			require.Equal(s, store.NoticeRecalled, s.notices("o-2")[2])
		},
		"when all had been taken before, nothing is held": func(s *site) {
			s.delivered()
			for _, o := range []string{"o-1", "o-2"} {
				s.says("station-1", at(9, 5), protocol.PickupInferred{Position: "loc-1-f1", Grant: "g", Order: o, Basis: "door"})
			}
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			require.Empty(s, s.holds())
			require.Empty(s, s.work(quality.WorkHold))
		},
		"word of a pickup that comes late makes a hold a recall": func(s *site) {
			s.delivered()
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			s.says("station-1", at(9, 20), protocol.PickupInferred{Position: "loc-1-f1", Grant: "order-o-2@loc-1-f1", Order: "o-2", Basis: "door"})
			s.judge(at(9, 31))
			require.Equal(s, []store.NoticeKind{store.NoticeHeld, store.NoticeRecalled}, s.notices("o-2"))
			require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall))
		},
	})
}

func (s *site) broken() (cold, red dispatch.Container) {
	cold, red = s.delivered()
	s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
	s.judge(at(9, 30))
	return cold, red
}

func TestAPersonDecides(t *testing.T) {
	each(t, map[string]func(*site){
		"for a whole fridge at once": func(s *site) {
			cold, _ := s.broken()
			decided, err := s.service.Decide(s.Context(), s.act(store.ScopeFridge, "loc-1-f1"), store.Released, nil)
			require.NoError(s, err)
			require.Len(s, decided, 2)
			require.Empty(s, s.holds())
			require.Empty(s, s.work(quality.WorkHold))
			require.Equal(s, []store.NoticeKind{store.NoticeHeld, store.NoticeReleased}, s.notices("o-2"))
			barred := read(s, func(tx *store.Tx) (map[string]store.Barred, error) { return tx.BarredAt(s.Context(), "loc-1", day) })
			require.Equal(s, store.Released, barred[cold.ID].Decision)
			_, err = s.service.Decide(s.Context(), s.act(store.ScopeFridge, "loc-1-f1"), store.Released, nil)
			require.ErrorIs(s, err, quality.ErrNothing)
			s.reads("station-1", air, at(9, 16), repeat(20, 12)...)
			s.judge(at(9, 40))
			require.Empty(s, s.holds(), "20 minutes more are what they may bear anew")
			s.reads("station-1", air, at(9, 36), repeat(12, 12)...)
			s.judge(at(9, 50))
			require.Len(s, s.holds(), 2, "and more is another question")
		},
		"and condemned goods are given back, and taken out": func(s *site) {
			cold, _ := s.broken()
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeContainer, cold.ID), store.Condemned, nil)
			require.NoError(s, err)
			require.Len(s, s.holds(), 1)
			require.Equal(s, []store.NoticeKind{store.NoticeHeld, store.NoticeCondemned}, s.notices("o-2"))
			require.Equal(s, []string{cold.ID}, s.work(quality.WorkRemove))
			for _, i := range read(s, func(tx *store.Tx) ([]store.HeldItem, error) { return tx.ItemsIn(s.Context(), cold.ID) }) {
				require.True(s, i.Short)
			}
			s.reads("station-1", air, at(9, 16), repeat(40, 12)...)
			s.judge(at(10, 0))
			require.Len(s, s.holds(), 1, "condemned is condemned")
		},
		"only about what was looked at": func(s *site) {
			s.broken()
			first := s.holds()[0]
			for _, names := range [][]string{{"other"}, {first.ID + "#9"}, {first.ID, first.ID + "x"}} {
				_, err := s.service.Decide(s.Context(), s.act(store.ScopeLocation, "loc-1"), store.Released, names)
				require.ErrorIs(s, err, quality.ErrChanged)
			}
			_, err := s.service.Decide(s.Context(), s.act(store.ScopeLocation, "loc-1"), store.Released, []string{quality.Seen(first)})
			require.NoError(s, err)
			require.Len(s, s.holds(), 1, "the other was not looked at")
			_, err = s.service.Decide(s.Context(), s.act(store.ScopeLocation, "loc-1"), store.Released, []string{})
			require.ErrorIs(s, err, quality.ErrNothing)
		},
		"with a reason, and one of two decisions": func(s *site) {
			s.broken()
			act := s.act(store.ScopeLocation, "loc-1")
			_, err := s.service.Decide(s.Context(), act, store.Lifted, nil)
			require.ErrorIs(s, err, quality.ErrDecision)
			act.Reason = " "
			_, err = s.service.Decide(s.Context(), act, store.Released, nil)
			require.ErrorContains(s, err, "reason")
		},
		"once, however many do": func(s *site) {
			s.broken()
			var wg sync.WaitGroup
			won := make(chan int, 8)
			for i := range 8 {
				wg.Go(func() {
					decision := []store.Decision{store.Released, store.Condemned}[i%2]
					if d, err := s.service.Decide(s.Context(), s.act(store.ScopeFridge, "loc-1-f1"), decision, nil); err == nil {
						won <- len(d)
					}
				})
			}
			wg.Wait()
			close(won)
			require.Equal(s, []int{2}, slices.Collect(func(yield func(int) bool) {
				for n := range won {
					if !yield(n) {
						return
					}
				}
			}))
			require.Len(s, s.notices("o-2"), 2)
		},
	})
}

func TestTemperatureAlarmsAreWhatTheReadingsSay(t *testing.T) {
	each(t, map[string]func(*site){
		"raised and cleared": func(s *site) {
			s.reads("station-1", air, at(10, 0), slices.Concat(repeat(5, 5), repeat(31, 9))...)
			s.judge(at(10, 40))
			id := "temperature/high/station-1/" + inc + "/6/" + air
			require.Equal(s, []string{id + " 01:35 open"}, s.alarms("temperature"))
			s.reads("station-1", air, at(10, 36), repeat(7, 5)...)
			s.judge(at(10, 45))
			require.Equal(s, []string{id + " 01:35 01:36"}, s.alarms("temperature"))
		},
		"the device's own is the same": func(s *site) {
			s.says("station-1", at(10, 35), protocol.Alarm{Sensor: air, Raised: true, MilliC: 9000, LimitMilliC: 8000, First: 6})
			id := "temperature/high/station-1/" + inc + "/6/" + air
			require.Equal(s, []string{id + " 01:35 open"}, s.alarms("temperature"))
			s.reads("station-1", air, at(10, 0), slices.Concat(repeat(5, 5), repeat(31, 9), repeat(7, 5))...)
			s.judge(at(10, 45))
			require.Equal(s, []string{id + " 01:35 01:36"}, s.alarms("temperature"))
		},
		"one that they do not bear out is cleared": func(s *site) {
			s.says("station-1", at(10, 20), protocol.Alarm{Sensor: air, Raised: true, MilliC: 9000, LimitMilliC: 8000, First: 6})
			s.reads("station-1", air, at(10, 0), repeat(40, 5)...)
			s.judge(at(10, 45))
			require.Empty(s, s.alarms("temperature"))
		},
	})
}

// Batches of readings, moves and pickups in any order, some of them told twice, end in the same judgements, the same open holds and the
// same alarms as in order.
func TestTheOrderOfArrivalChangesNothing(t *testing.T) {
	type outcome struct {
		judged []string
		held   []string
		alarms []string
	}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		var celsius []int
		for len(celsius) < 120 {
			celsius = append(celsius, repeat(1+r.IntN(40), []int{4, 5, 12, 9, -2, fault}[r.IntN(6)])...)
		}
		play := func(order []int) (o outcome) {
			s := open(t, storetest.SQLite(t))
			cold, red := s.container("loc-1", "shop-a"), s.container("loc-1", "shop-b")
			steps := []func(){func() { s.shelve(cold, "scanner-a"); s.load(cold); s.place(cold) }, func() { s.shelve(red, "scanner-b"); s.load(red); s.place(red) },
				func() {
					s.says("station-1", at(9, 20), protocol.PickupInferred{Position: "loc-1-f1", Grant: "g", Order: "o-2", Basis: "door"})
				}}
			for i := range 12 {
				steps = append(steps, func() {
					s.numbers["station-1/readings"] = uint64(10 * i)
					s.reads("station-1", air, at(8, 30).Add(time.Duration(10*i)*time.Minute), celsius[10*i:10*i+10]...)
				})
			}
			for _, i := range order {
				steps[i]()
				if r.IntN(3) == 0 {
					s.judge(at(11, 0))
				}
			}
			s.judge(at(11, 0))
			for _, c := range []string{cold.ID, red.ID} {
				newest := map[coldchain.Leg]string{}
				for _, j := range read(s, func(tx *store.Tx) ([]store.Judgement, error) { return tx.Judgements(s.Context(), c) }) {
					newest[j.Leg] = fmt.Sprint(j.Leg, j.Container, j.State, j.At, j.Outside, j.Gap, j.Min, j.Max)
				}
				o.judged = append(o.judged, newest[coldchain.Collection], newest[coldchain.Shipper], newest[coldchain.Station])
			}
			for _, h := range s.holds() {
				o.held = append(o.held, fmt.Sprint(h.Container, h.Cause, h.Since, h.Outside))
			}
			o.alarms = s.alarms("temperature")
			return o
		}
		inOrder := make([]int, 15)
		for i := range inOrder {
			inOrder[i] = i
		}
		want := play(inOrder)
		for range 2 {
			require.Equal(t, want, play(r.Perm(15)), "seed %d", seed)
		}
	}
}
