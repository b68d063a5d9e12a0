package app

import (
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/edge/station"
	"meguri/internal/clock"
	"meguri/protocol"
)

// withLog is an agent without devices, on a small log.
func withLog(t *testing.T) *agent {
	t.Helper()
	return withLogOf(t, edgelog.Options{MaxBytes: 1 << 20})
}

func withLogOf(t *testing.T, options edgelog.Options) *agent {
	t.Helper()
	l, err := edgelog.Open(filepath.Join(t.TempDir(), "edge.db"), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return newAgent(Config{Kit: Kit{BatteryClock: true}}, Deps{Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}, l)
}

// fill leaves no room for the smallest event.
func fill(t *testing.T, a *agent) {
	t.Helper()
	for _, size := range []int{15_000, 100, 0} {
		var err error
		for err == nil {
			err = a.write(a.stamp(), []protocol.Body{protocol.ScanRefused{Scan: string(make([]byte, size))}}, nil)
		}
		require.ErrorIs(t, err, edgelog.ErrFull)
	}
}

// drain is the hub's acknowledgement of everything.
func drain(t *testing.T, a *agent) {
	t.Helper()
	p, err := a.log.Positions()
	require.NoError(t, err)
	require.NoError(t, a.log.DeleteUpTo(protocol.Events, p[0].Next-1))
}

// held are the events that are held now.
func held(t *testing.T, a *agent) (records []protocol.Record) {
	t.Helper()
	b, err := a.log.Read(protocol.Events, 1, 1000, 1<<20)
	require.NoError(t, err)
	for _, raw := range b.Records {
		r, err := protocol.DecodeRecord(raw)
		require.NoError(t, err)
		records = append(records, r)
	}
	return records
}

func doorOpened(position string) []protocol.Body {
	return []protocol.Body{protocol.DoorOpened{Position: position}}
}

func TestWhatHappenedWhileTheStorageWasFullIsRecordedInItsOrder(t *testing.T) {
	a := withLog(t)
	fill(t, a)
	a.happened(doorOpened("f1"), map[string]any{keyStation: 1})
	when := a.owed[0].stamp
	a.happened(doorOpened("f2"), map[string]any{keyStation: 2})
	require.ErrorIs(t, a.commit(doorOpened("act"), nil), edgelog.ErrFull, "an act is refused")
	drain(t, a)
	require.NoError(t, a.commit(doorOpened("act"), map[string]any{keyDriver: 3}))
	records := held(t, a)
	require.Len(t, records, 3)
	for i, want := range []string{"f1", "f2", "act"} {
		b, err := protocol.DecodeEvent(records[i].Kind, records[i].Body)
		require.NoError(t, err)
		require.Equal(t, want, b.(protocol.DoorOpened).Position)
	}
	require.Equal(t, when.Mono, records[0].Mono, "with the time at which it happened")
	require.NoError(t, a.log.View(func(tx *edgelog.Tx) error {
		var state int
		require.NoError(t, get(tx, keyStation, &state))
		require.Equal(t, 2, state, "the newest state")
		return nil
	}))
	require.Empty(t, a.owed)
	require.False(t, a.full)
	require.NoError(t, a.broken)
}

func TestOwedFactsAreBoundedAndTheirStateIsTheNewest(t *testing.T) {
	a := withLog(t)
	fill(t, a)
	for i := range maxOwed + 10 {
		a.happened(doorOpened("f1"), map[string]any{keyStation: i})
	}
	require.Len(t, a.owed, maxOwed)
	require.Equal(t, 10, a.lost)
	drain(t, a)
	require.NoError(t, a.settle())
	require.Len(t, held(t, a), maxOwed)
	require.NoError(t, a.log.View(func(tx *edgelog.Tx) error {
		var state int
		require.NoError(t, get(tx, keyStation, &state))
		require.Equal(t, maxOwed+9, state)
		return nil
	}))
}

func TestReadingsAreRecordedWhileTheStorageIsFullForEvents(t *testing.T) {
	a := withLog(t)
	fill(t, a)
	a.station.Goods = map[string]station.Goods{} // which is stored with readings when there is room for it
	a.plan.temperatures = map[string]protocol.TemperaturePlan{"f1": {MaxMilliC: 8000}}
	hot := []protocol.Sample{{Sensor: "f1/air", MilliC: 9000}}
	for range 3 {
		a.sampled(a.mono(), hot)
	}
	p, err := a.log.Positions()
	require.NoError(t, err)
	require.Equal(t, uint64(4), p[1].Next, "three rounds")
	require.Empty(t, a.monitors, "the alarm could not be recorded, so it is not raised")
	drain(t, a)
	a.sampled(a.mono(), hot)
	require.True(t, a.monitors["f1/air"].Alarmed)
	records := held(t, a)
	require.Equal(t, protocol.KindAlarm, records[len(records)-1].Kind)
}

// A storage without room is no gap in what the probes say: the readings wait in memory, and the goods are judged by them.
func TestGoodsAreJudgedWhileTheStorageIsFull(t *testing.T) {
	for name, c := range map[string]struct {
		warm int // minutes outside, at the beginning of an hour without room
		held protocol.GoodsCause
	}{
		"a short opening":   {warm: 2},
		"as long as it may": {warm: 30},
		"too long":          {warm: 40, held: protocol.GoodsBroken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				full := false
				a := withLogOf(t, edgelog.Options{Commit: func(commit func() error) error {
					if full {
						return syscall.ENOSPC
					}
					return commit()
				}})
				bears := protocol.GoodsLimit{MaxMilliC: 10_000, OutsideMS: 30 * 60_000, GapMS: 15 * 60_000, DoubtHolds: true}
				a.plan.locks = station.Plan{"f1": {Position: "f1", Containers: []protocol.SlotAssignment{{DatedContainer: "c1", Slot: "s1", Goods: bears}}}}
				a.station.In = map[string]station.Box{"c1": {GRAI: "b1"}}
				round := func(milliC int64) {
					time.Sleep(time.Minute)
					a.sampled(a.mono(), []protocol.Sample{{Sensor: "f1/air", MilliC: milliC}})
				}
				round(5000)
				full = true
				for minute := range 60 {
					if minute < c.warm {
						round(12_000)
					} else {
						round(5000)
					}
				}
				require.Empty(t, a.station.Goods["c1"].Held, "nothing is held that is not on record")
				full = false
				round(5000)
				held := a.station.Goods["c1"].Held
				require.Equal(t, c.held != 0, len(held) == 1)
				require.True(t, len(held) == 0 || held[0].Cause == c.held)
			})
		})
	}
}

func TestAnAgentWhoseStorageFailsEnds(t *testing.T) {
	a := withLog(t)
	require.NoError(t, a.log.Close())
	require.Error(t, a.commit(doorOpened("f1"), nil))
	require.ErrorIs(t, a.broken, edgelog.ErrClosed)
	require.ErrorIs(t, a.loop(t.Context()), edgelog.ErrClosed)
}

func TestACommandThatCannotBeRecordedIsNotCarriedOut(t *testing.T) {
	a := withLog(t)
	a.cfg.Kit.Locks = []Lock{{Position: "f1"}}
	fill(t, a)
	unlock := protocol.Command{ID: "c-1", Incarnation: a.log.Incarnation(), Counter: 1, Deadline: a.now().UnixMilli() + 60_000,
		Kind: protocol.CommandUnlock, Target: "f1"}
	a.takeCommand(unlock) // with no hardware at all: a relay that fired would be a panic
	a.takeCommand(unlock)
	drain(t, a)
	a.tick()
	records := held(t, a)
	require.Len(t, records, 1)
	b, err := protocol.DecodeEvent(records[0].Kind, records[0].Body)
	require.NoError(t, err)
	require.Equal(t, protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandRefused,
		Reason: "storage is full: nothing was done"}, b)
}

func TestAForkedLogHonoursNoGrantOfThePlanBefore(t *testing.T) {
	a := withLog(t)
	grant := protocol.Grant{ID: "g@f1", Holder: protocol.HolderCourier, PIN: protocol.HashPIN("g@f1", "12345678"), Until: 1 << 60, Uses: 3}
	body, err := protocol.EncodeBody(protocol.LockPlan{Position: "f1", Grants: []protocol.Grant{grant}})
	require.NoError(t, err)
	m := protocol.Manifest{Incarnation: a.log.Incarnation(), Plan: 7, MadeAt: a.now().UnixMilli(), Parts: []protocol.PartRef{{Name: "lock/f1", Hash: protocol.HashPart(body)}}}
	require.NoError(t, a.activate(m, map[string][]byte{"lock/f1": body}))
	opens := func() bool {
		d := station.Code(a.station, a.locks(), "f1", "12345678", a.now())
		return slices.ContainsFunc(d.Actions, func(x station.Action) bool { _, fires := x.(station.Fire); return fires })
	}
	require.True(t, opens())
	require.NoError(t, a.log.Renew())
	require.False(t, opens(), "another copy of this storage may have used it")
	require.EqualValues(t, 7, a.planVersion.Load(), "versions go on rising")
}
