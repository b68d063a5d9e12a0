package effect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/link"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// seen is what events have left behind.
type seen struct {
	containers []dispatch.Container
	position   store.Position
	alarms     []store.AlarmView
	order      order.Order
	stop       time.Time
}

func (w *world) seen() seen {
	s := seen{containers: w.containers(), order: w.order("o-2")}
	var err error
	s.position, err = w.tx.Position(w.ctx, "loc-1-f1")
	require.NoError(w.t, err)
	s.alarms, err = w.tx.Alarms(w.ctx, 100)
	require.NoError(w.t, err)
	slices.SortFunc(s.alarms, func(a, b store.AlarmView) int { return len(a.ID+a.Kind) - len(b.ID+b.Kind) })
	run, err := w.tx.Run(w.ctx, "route-1@"+day1)
	require.NoError(w.t, err)
	s.stop = run.Stops[1].ReachedAt
	return s
}

// TestWhatEventsLeftBehindMovesWithThem: events that all came with the same guess, and are dated afterwards, end in what they would
// have ended in with their own times.
func TestWhatEventsLeftBehindMovesWithThem(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty())
		guess := at(14, 0)
		var want, got seen
		tried(t, s, func(w *world) {
			for _, e := range day(w) {
				w.ok(e.device, e.at, e.body)
			}
			want = w.seen()
		})
		require.Len(t, want.alarms, 9)
		require.Equal(t, at(13, 1), want.order.EndedAt)
		tried(t, s, func(w *world) {
			all := day(w)
			for _, e := range all {
				w.ok(e.device, guess, e.body)
			}
			numbers := map[string]uint64{}
			var events []link.Event
			incarnation, err := protocol.ParseIncarnation(inc)
			require.NoError(t, err)
			for _, e := range all {
				numbers[e.device]++
				events = append(events, link.Event{Device: e.device, Incarnation: incarnation, Number: numbers[e.device], At: e.at,
					Received: at(48, 0), Body: e.body})
			}
			for _, ev := range slices.Backward(events) {
				require.NoError(t, w.effects.Redate(w.ctx, w.tx, ev, guess))
			}
			got = w.seen()
		})
		require.Equal(t, want, got)
	})
}

// day is a container's journey, a door that jams, a late stop and two pickups.
func day(w *world) []said {
	const f = "loc-1-f1"
	all := journey(w.container(coldA), 0)
	return append(all, said{"driver-1", at(7, 40), reached("route-1", day1, 2)},
		said{"station-1", at(12, 0), protocol.RelayFired{Position: f}},
		said{"station-1", at(12, 1), protocol.DoorFault{Position: f, Fault: protocol.DoorJammed}},
		said{"station-1", at(12, 2), protocol.DoorOpened{Position: f}},
		said{"station-1", at(12, 3), protocol.DoorClosed{Position: f}},
		said{"station-1", at(12, 3), protocol.DoorFault{Position: f, Fault: protocol.DoorAjar}},
		said{"station-1", at(12, 3), protocol.DoorClosed{Position: f}},
		said{"station-1", at(12, 4), protocol.DoorWarm{Position: f, Sensor: f + "/air", MilliC: 9100, LimitMilliC: 8000}},
		said{"station-1", at(12, 5), protocol.DoorClosed{Position: f}},
		said{"station-1", at(12, 5), protocol.Unbolted{Position: f}},
		said{"station-1", at(12, 5), protocol.Bolted{Position: f}},
		said{"station-1", at(12, 5), protocol.Mains{Position: f}},
		said{"station-1", at(12, 6), protocol.Mains{Position: f, On: true}},
		said{"station-1", at(12, 6), protocol.ClockBattery{State: protocol.ClockLost}},
		said{"station-1", at(12, 6), protocol.ClockBattery{State: protocol.ClockKept}},
		said{"station-1", at(12, 6), protocol.Alarm{Sensor: f + "/air", Raised: true, First: 41, MilliC: 9000, LimitMilliC: 8000}},
		said{"station-1", at(12, 7), protocol.Alarm{Sensor: f + "/air"}},
		said{"station-1", at(13, 1), protocol.PickupInferred{Position: f, Order: "o-2", Basis: "test"}},
		said{"station-1", at(13, 2), protocol.PickupInferred{Position: f, Order: "o-2", Basis: "test"}})
}
