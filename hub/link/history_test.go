package link_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

func testForkIsFoundWhereTheLogsPart(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(5)
	h.hello(l)
	h.batch(l.batch(1, 6))
	branch := &devLog{incarnation: l.incarnation, log: l.log, first: 1, records: slices.Clone(l.records[:5]), hashes: slices.Clone(l.hashes[:6])}
	l.scans(1)
	branch.add(protocol.ScanRefused{Step: "the other branch"}).scans(1)
	require.Equal(t, protocol.Current, h.batch(l.batch(6, 7)).Verdict)

	a := h.batch(branch.batch(6, 8))
	require.Equal(t, protocol.Forked, a.Verdict)
	require.EqualValues(t, 6, a.Applied)
	h.batch(branch.batch(6, 8))
	require.Len(t, h.events(), 6, "nothing of the branch seen second")
	require.Len(t, h.work(), 1, "a person is asked once")
	require.Equal(t, "fork", h.work()[0].Kind)
	require.Equal(t, fleet.Forked, h.completeness()[0].State)
	require.EqualValues(t, 2, h.Stats().Forks.Load())

	l.scans(1)
	a = h.batch(l.batch(7, 8))
	require.Equal(t, protocol.Current, a.Verdict, "the branch seen first goes on")
	require.EqualValues(t, 7, a.Applied)

	// The other one draws a new incarnation, with what was not delivered numbered from 1.
	renewed := newLog(protocol.Events).scans(2)
	hello := helloOf(renewed)
	hello.Parent = &protocol.Parent{Incarnation: l.incarnation, Events: 5}
	w, err := h.Hello(t.Context(), station, hello)
	require.NoError(t, err)
	require.Equal(t, protocol.Current, w.Verdict)
	require.EqualValues(t, 2, h.batch(renewed.batch(1, 3)).Applied)
	require.Equal(t, 9, h.applied(), "both are kept")
}

func testARestoredImageIsToldWhatItLacks(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(5)
	h.hello(l)
	h.batch(l.batch(1, 6))
	old := &devLog{incarnation: l.incarnation, log: l.log, first: 1, records: l.records[:3], hashes: l.hashes[:4]}
	w := h.hello(old)
	require.Equal(t, protocol.Current, w.Verdict, "the hello may be older than the records: only the device knows")
	require.EqualValues(t, 6, w.Expect[0].Next, "which it has never written, so that it draws a new incarnation")

	other := newLog(protocol.Events).add(protocol.ScanRefused{Step: "other"}).scans(6)
	other.incarnation, other.first = l.incarnation, 6
	require.Equal(t, protocol.Forked, h.hello(other).Verdict, "the same numbers with another hash")
	require.Equal(t, protocol.Current, h.hello(l).Verdict)
}

func testLostNumbersAreANamedGapAndOnlyAHelloMakesOne(t *testing.T, h *hub) {
	events, readings := newLog(protocol.Events).scans(2), newLog(protocol.Readings)
	readings.incarnation = events.incarnation
	sample := func(n int64) protocol.Body {
		return protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: n}}}
	}
	for n := range int64(10) {
		readings.add(sample(n))
	}
	h.hello(events, readings)
	h.batch(readings.batch(1, 4))
	require.EqualValues(t, 3, h.batch(readings.batch(9, 11)).Applied, "what is missing may still be on its way")

	// The device thins 2 to 7, says so in a record, and then says hello.
	readings.first = 8
	readings.add(protocol.Thinned{From: 2, To: 7, Samples: 6, MinMilliC: 1, MaxMilliC: 6, FromWall: noon.UnixMilli(), ToWall: noon.UnixMilli()})
	w := h.hello(events, readings)
	require.EqualValues(t, 8, w.Expect[1].Next)
	require.Equal(t, protocol.Current, w.Verdict)
	c := h.completeness()[1]
	require.Equal(t, []fleet.Gap{{First: 4, Last: 7, Kind: fleet.NotHeld, Reason: "the device no longer has them"}}, c.Gaps)
	require.EqualValues(t, 3, c.Received)

	require.EqualValues(t, 11, h.batch(readings.batch(8, 12)).Applied)
	c = h.completeness()[1]
	require.EqualValues(t, 7, c.Received, "1 to 3 and 8 to 11")
	require.Len(t, c.Gaps, 1)
	require.EqualValues(t, 4, c.Gaps[0].First)
	require.EqualValues(t, 7, c.Gaps[0].Last)
	require.Contains(t, c.Gaps[0].Reason, "thinned by the device: 6 samples")
	h.hello(events, readings)
	require.Len(t, h.completeness()[1].Gaps, 1, "the same again changes nothing")
}

func testDamagedRecordsAreNamedGaps(t *testing.T, h *hub) {
	events, readings := newLog(protocol.Events), newLog(protocol.Readings)
	readings.incarnation = events.incarnation
	events.scans(1).add(protocol.Damaged{Bytes: 40}).scans(1)
	readings.add(protocol.Thinned{From: 1, To: 1}, protocol.Thinned{Samples: 3, MinMilliC: -5, MaxMilliC: 5})
	h.hello(events, readings)
	h.batch(events.batch(1, 4))
	h.batch(readings.batch(1, 3))
	c := h.completeness()
	require.Equal(t, []fleet.Gap{{First: 2, Last: 2, Kind: fleet.Damaged, Reason: "damaged in the device's storage: 40 bytes"}}, c[0].Gaps)
	require.EqualValues(t, 2, c[0].Received)
	require.Equal(t, fleet.Gap{First: 1, Last: 1, Kind: fleet.Damaged, Reason: "damaged in the device's storage"}, c[1].Gaps[0])
	require.Contains(t, c[1].Gaps[1].Reason, "3 samples", "what was thinned in a parent incarnation keeps its note")
	require.EqualValues(t, 1, c[1].Received)
}

func testNewIncarnationSupersedesAndTheOldMayDrain(t *testing.T, h *hub) {
	old := newLog(protocol.Events).scans(3)
	h.hello(old)
	h.batch(old.batch(1, 2))
	fresh := newLog(protocol.Events).scans(1)
	require.Equal(t, protocol.Current, h.hello(fresh).Verdict)
	require.Equal(t, []string{"loc-1", "loc-1"}, h.greeted, "each incarnation needs plans of its own")
	require.EqualValues(t, 1, h.batch(fresh.batch(1, 2)).Applied)

	require.Equal(t, protocol.Superseded, h.hello(old).Verdict)
	a := h.batch(old.batch(2, 4))
	require.Equal(t, protocol.Superseded, a.Verdict)
	require.EqualValues(t, 3, a.Applied)
	require.Equal(t, fresh.incarnation.String(), h.device().Incarnation)
	require.Equal(t, 4, h.applied())
	require.Len(t, h.greeted, 2)
	require.Equal(t, fleet.Current, h.completeness()[0].State)
	require.Equal(t, fleet.Superseded, h.completeness()[2].State)
}

func TestBatchWithoutHelloIsToldOfTheEpochAndNothingElse(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	known := newLog(protocol.Events)
	w := h.hello(known)
	l := newLog(protocol.Events).scans(1)
	a := h.batch(l.batch(1, 2))
	require.Equal(t, protocol.Ack{Epoch: w.Epoch, Incarnation: l.incarnation, Log: protocol.Events, HubTime: a.HubTime, Window: a.Window}, a)
	require.Empty(t, h.events())
}

func testPresenceFollowsTheNewestSession(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(1)
	require.Equal(t, fleet.Unknown, h.device().Presence())
	hello := helloOf(l)
	hello.Boot, hello.Session = 2, 5
	_, err := h.Hello(t.Context(), station, hello)
	require.NoError(t, err)
	gone := func(boot, session uint64) {
		require.NoError(t, h.Gone(t.Context(), station, protocol.Gone{Incarnation: l.incarnation, Boot: boot, Session: session}))
	}
	gone(2, 4)
	gone(1, 9)
	require.Equal(t, fleet.Online, h.device().Presence(), "wills of older sessions say nothing")
	gone(2, 5)
	require.Equal(t, fleet.Offline, h.device().Presence())
	h.batch(l.batch(1, 2))
	require.Equal(t, fleet.Online, h.device().Presence(), "who sends is there")
	other := newLog(protocol.Events)
	require.NoError(t, h.Gone(t.Context(), station, protocol.Gone{Incarnation: other.incarnation, Boot: 9, Session: 9}))
	require.Equal(t, fleet.Online, h.device().Presence(), "a will of another incarnation says nothing")
	h.restart()
	require.Equal(t, fleet.Unknown, h.device().Presence(), "nobody has seen who left while the hub was away")
}

func testEventsOfABootAreDatedOnceItsClockIsSet(t *testing.T, h *hub) {
	l := newLog(protocol.Events)
	h.hello(l)
	unset := func(mono int64) {
		body, err := protocol.EncodeBody(protocol.DoorOpened{Position: "f1"})
		require.NoError(t, err)
		l.record(protocol.Record{Boot: 7, Mono: mono, Wall: mono, Kind: protocol.KindDoorOpened, Body: body})
	}
	unset(1000)
	h.batch(l.batch(1, 2))
	require.WithinDuration(t, noon, h.events()[0].At, time.Minute, "no better guess than when it arrived")

	set := noon.Add(-time.Hour)
	unset(2000)
	body, err := protocol.EncodeBody(protocol.ClockSet{Mono: 61_000, Wall: set.UnixMilli()})
	require.NoError(t, err)
	l.record(protocol.Record{Boot: 7, Mono: 61_000, Wall: set.UnixMilli(), Quality: protocol.WallSet, Kind: protocol.KindClockSet, Body: body})
	h.batch(l.batch(2, 4))
	unset(62_000) // out of order in the device; the boot's clock is known
	h.batch(l.batch(4, 5))
	at := map[int64]time.Time{}
	for _, e := range h.events() {
		at[e.Number] = e.At
	}
	require.Equal(t, map[int64]time.Time{1: set.Add(-60 * time.Second), 2: set.Add(-59 * time.Second), 3: set, 4: set.Add(time.Second)}, at)
}

// testAnyDeliveryAppliesEachRecordOnceInOrder is the promise itself: whatever the network does with batches and
// acknowledgements, and whenever the hub restarts or fails, the effects are those of the log.
func testAnyDeliveryAppliesEachRecordOnceInOrder(t *testing.T, h *hub) {
	rapid.Check(t, func(rt *rapid.T) {
		before := h.applied()
		h.now = h.now.Add(24 * time.Hour) // a device may begin anew only so often in a day
		h.restart()
		l := newLog(protocol.Events)
		h.hello(l)
		next := uint64(1) // model: what the hub must expect
		rt.Repeat(map[string]func(*rapid.T){
			"record": func(rt *rapid.T) { l.scans(rapid.IntRange(1, 5).Draw(rt, "n")) },
			"hello": func(rt *rapid.T) {
				w := h.hello(l)
				require.Equal(rt, next, w.Expect[0].Next)
			},
			"restart": func(*rapid.T) { h.restart() },
			"deliver": func(rt *rapid.T) { // any piece, once or again, in any order; what was lost is not delivered
				if l.next() == 1 {
					return
				}
				first := rapid.Uint64Range(1, l.next()-1).Draw(rt, "first")
				end := rapid.Uint64Range(first+1, min(l.next(), first+10)).Draw(rt, "end")
				fails := rapid.IntRange(0, 4).Draw(rt, "fails") == 0
				if fails {
					h.effects.set(errors.New("passing"))
				}
				a, err := h.Batch(t.Context(), station, l.batch(first, end))
				h.effects.set(nil)
				if fails && first <= next && end > next {
					require.Error(rt, err)
					return
				}
				require.NoError(rt, err)
				if first <= next {
					next = max(next, end)
				}
				require.Equal(rt, next-1, a.Applied)
				require.Equal(rt, protocol.Current, a.Verdict)
			},
		})
		var numbers []int64
		for _, e := range h.events() {
			if e.Incarnation == l.incarnation.String() {
				numbers = append(numbers, e.Number)
			}
		}
		slices.Sort(numbers)
		for i, n := range numbers {
			require.EqualValues(rt, i+1, n)
		}
		require.EqualValues(rt, next-1, len(numbers))
		require.EqualValues(rt, next-1, h.applied()-before)
	})
}

func testPlanIsOwedUntilTheLogAnswersIt(t *testing.T, h *hub) {
	ctx := t.Context()
	l := newLog(protocol.Events)
	h.hello(l)
	parts := map[string][]byte{"lock/f1": []byte("one"), "fridge/f1": []byte("two")}
	save := func(incarnation string) error {
		return h.store.Change(ctx, func(tx *store.Tx) error {
			_, _, err := tx.SavePlan(ctx, station, incarnation, parts, noon)
			return err
		})
	}
	d := h.device()
	require.Error(t, save(""), "no plan for nobody")
	require.Error(t, save("another"))
	incarnation := d.Incarnation
	require.NoError(t, save(incarnation))
	require.NoError(t, save(incarnation))
	require.EqualValues(t, 1, h.device().PlanSent, "the same parts are the same version")

	owed, err := h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Len(t, owed, 1)
	m := owed[0].(protocol.Manifest)
	require.EqualValues(t, 1, m.Plan)
	require.Equal(t, []string{"fridge/f1", "lock/f1"}, []string{m.Parts[0].Name, m.Parts[1].Name})
	require.EqualValues(t, 3, m.Parts[0].Size)
	got, err := h.Want(ctx, station, protocol.Want{Plan: 1, Hashes: []protocol.Hash{m.Parts[1].Hash, protocol.HashPart([]byte("none"))}})
	require.NoError(t, err)
	require.Equal(t, []protocol.Part{{Hash: protocol.HashPart([]byte("one")), Body: []byte("one")}}, got)

	h.addDevice("dev-2", "loc-2")
	got, err = h.Want(ctx, "dev-2", protocol.Want{Plan: 1, Hashes: []protocol.Hash{m.Parts[1].Hash}})
	require.NoError(t, err)
	require.Empty(t, got, "nobody gets the parts of another's plan")

	l.add(protocol.PlanApplied{Plan: 1})
	h.batch(l.batch(1, 2))
	require.EqualValues(t, 1, h.device().PlanActive)
	owed, err = h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Empty(t, owed)

	parts["lock/f1"] = []byte("three")
	require.NoError(t, save(incarnation))
	l.add(protocol.PlanApplied{Plan: 2, Reason: "a lock that is not here"})
	h.batch(l.batch(2, 3))
	owed, err = h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Empty(t, owed, "a refused plan is not sent again")
	require.EqualValues(t, 1, h.device().PlanActive)
	require.Equal(t, "plan_refused", h.work()[0].Kind)
}

func TestNewIncarnationGetsNoPlanOfTheOld(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	ctx := t.Context()
	save := func(l *devLog) {
		h.change(func(tx *store.Tx) error {
			_, _, err := tx.SavePlan(ctx, station, l.incarnation.String(), map[string][]byte{"a": []byte("b")}, noon)
			return err
		})
	}
	old, fresh := newLog(protocol.Events), newLog(protocol.Events)
	h.hello(old)
	save(old)
	w := h.hello(fresh)
	require.Zero(t, w.Plan)
	owed, err := h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Empty(t, owed)
	save(fresh)
	require.EqualValues(t, 2, h.hello(fresh).Plan, "a version of its own, also for the same parts")
}

func TestRestoredHubMakesPlansAndCommandsAboveWhatTheDeviceHasSeen(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	ctx := t.Context()
	l := newLog(protocol.Events)
	hello := helloOf(l)
	hello.Plan, hello.CommandCounter = 40, 17 // of a history that the backup does not have
	_, err := h.Hello(ctx, station, hello)
	require.NoError(t, err)
	h.change(func(tx *store.Tx) error {
		version, made, err := tx.SavePlan(ctx, station, l.incarnation.String(), map[string][]byte{"a": []byte("b")}, noon)
		require.NoError(t, err)
		require.True(t, made)
		require.EqualValues(t, 41, version)
		c, err := tx.AddCommand(ctx, fleet.Command{ID: "c", Device: station, Deadline: noon, AskedAt: noon})
		require.NoError(t, err)
		require.EqualValues(t, 18, c.Counter)
		return nil
	})
}

func testCommandIsOwedUntilAnsweredOrOverdue(t *testing.T, h *hub) {
	ctx := t.Context()
	l := newLog(protocol.Events)
	h.hello(l)
	add := func(id string, deadline time.Time) {
		h.change(func(tx *store.Tx) error {
			_, err := tx.AddCommand(ctx, fleet.Command{ID: id, Device: station, Kind: uint8(protocol.CommandUnlock), Target: "f1",
				PlanAtLeast: 3, Deadline: deadline, AskedBy: "p", AskedAt: noon})
			return err
		})
	}
	outcome := func(id string) (c fleet.Command) {
		h.change(func(tx *store.Tx) (err error) {
			c, err = tx.Command(ctx, id)
			return err
		})
		return c
	}
	add("in-time", noon.Add(time.Hour))
	add("late", noon.Add(-time.Hour))
	owed, err := h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Len(t, owed, 2)
	c := owed[0].(protocol.Command)
	require.Equal(t, protocol.Command{ID: "in-time", Incarnation: l.incarnation, Counter: 1, Deadline: noon.Add(time.Hour).UnixMilli(),
		PlanAtLeast: 3, Kind: protocol.CommandUnlock, Target: "f1"}, c)

	require.NoError(t, h.ExpireCommands(ctx))
	require.Equal(t, fleet.CommandOpen, outcome("in-time").Outcome)
	require.Equal(t, fleet.CommandExpired, outcome("late").Outcome)

	l.add(protocol.CommandAnswered{ID: "in-time", Counter: 1, Outcome: protocol.CommandRefused, Reason: "no"})
	l.add(protocol.CommandAnswered{ID: "late", Counter: 2, Outcome: protocol.CommandDone})
	l.add(protocol.CommandAnswered{ID: "late", Counter: 2, Outcome: protocol.CommandDone})
	l.add(protocol.CommandAnswered{ID: "late", Counter: 2, Outcome: protocol.CommandRefused})
	l.add(protocol.CommandAnswered{ID: "nobody's", Counter: 9, Outcome: protocol.CommandDone})
	l.add(protocol.CommandAnswered{ID: "late", Counter: 2, Outcome: 77})
	h.batch(l.batch(1, 7))
	require.Equal(t, fleet.CommandRefused, outcome("in-time").Outcome)
	require.Equal(t, fleet.CommandDone, outcome("late").Outcome, "the device's own answer stands above the hub's guess")
	require.EqualValues(t, 3, h.Stats().NotApplied.Load(), "a changed answer, another's command, an unknown outcome")
	owed, err = h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Empty(t, owed)
}

func FuzzPayload(f *testing.F) {
	h := newHub(f, storetest.SQLite(f))
	l := newLog(protocol.Events).scans(3)
	_, err := h.Hello(f.Context(), station, helloOf(l))
	require.NoError(f, err)
	for _, m := range []protocol.Message{helloOf(l), l.batch(1, 3), protocol.Want{Plan: 1, Hashes: []protocol.Hash{{1}}},
		protocol.Gone{Incarnation: l.incarnation, Boot: 1}, protocol.Welcome{}} {
		b, err := protocol.Encode(m)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		answers, err := h.Payload(t.Context(), station, payload)
		require.NoError(t, err)
		for _, a := range answers {
			_, err := protocol.Encode(a)
			require.NoError(t, err, fmt.Sprintf("%#v", a))
		}
	})
}

// account is a log with the numbers that it lacks.
type account struct {
	fleet.Log
	Received uint64 // numbers that were taken and are in no gap; gaps of the tests do not overlap
	Gaps     []fleet.Gap
}

// completeness gives the accounts of all logs of the device, the current ones first, events before readings.
func (h *hub) completeness() (all []account) {
	h.change(func(tx *store.Tx) error {
		all = nil
		positions, err := tx.LogPositions(h.t.Context())
		require.NoError(h.t, err)
		for _, p := range positions {
			if p.Device != station {
				continue
			}
			l, _, err := tx.DeviceLog(h.t.Context(), station, p.Incarnation, p.Log)
			require.NoError(h.t, err)
			gaps, err := tx.Gaps(h.t.Context(), station, p.Incarnation, p.Log)
			require.NoError(h.t, err)
			a := account{Log: l, Received: l.Next - 1, Gaps: gaps}
			for _, g := range gaps {
				if g.First < l.Next {
					a.Received -= min(g.Last, l.Next-1) + 1 - g.First
				}
			}
			all = append(all, a)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b account) int {
		current := func(x account) int { return map[bool]int{true: 0, false: 1}[x.State == fleet.Current] }
		return cmp.Or(cmp.Compare(current(a), current(b)), cmp.Compare(a.Incarnation, b.Incarnation), cmp.Compare(a.Log.Log, b.Log.Log))
	})
	return all
}

// An agent that was upgraded may be told more: it gets a plan for what it is now.
func TestAnUpgradedAgentNeedsAPlanOfItsRevision(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	hello := helloOf(newLog(protocol.Events))
	say := func(session, revision uint64) {
		hello.Session, hello.Revision = session, revision
		_, err := h.Hello(t.Context(), station, hello)
		require.NoError(t, err)
	}
	say(1, protocol.Revision-1)
	require.Len(t, h.greeted, 1, "of its incarnation")
	say(2, protocol.Revision-1)
	require.Len(t, h.greeted, 1)
	say(3, protocol.Revision)
	require.Len(t, h.greeted, 2)
	h.change(func(tx *store.Tx) error {
		d, err := tx.Device(t.Context(), station)
		require.Equal(t, uint64(protocol.Revision), d.Revision)
		return err
	})
}
