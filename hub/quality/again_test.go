package quality_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/effect"
	"meguri/hub/link"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/protocol"
)

func (s *site) picksUp(order string, when time.Time) {
	s.Helper()
	s.says("station-1", when, protocol.PickupInferred{Position: "loc-1-f1", Grant: "order-" + order + "@loc-1-f1", Order: order, Basis: "door"})
}

// Whoever comes again, for what was forgotten, takes goods as they are by then.
func TestASecondPickupIsOneOfItsOwnTime(t *testing.T) {
	each(t, map[string]func(*site){
		"after the breach it is a recall, whether the readings come before it": func(s *site) {
			s.delivered()
			s.picksUp("o-2", at(9, 5))
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 24))
			require.Empty(s, s.work(quality.WorkRecall), "at 9:05 all was well")
			s.picksUp("o-2", at(9, 25))
			s.judge(at(9, 30))
			require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall), "what was taken at 9:25 had been too warm since 9:10")
		},
		"or after it": func(s *site) {
			s.delivered()
			s.picksUp("o-2", at(9, 25))
			s.picksUp("o-2", at(9, 5)) // another board at the same door, heard later
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			require.Contains(s, s.notices("o-2"), store.NoticeRecalled)
			require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall))
		},
		"before it, it is none": func(s *site) {
			s.delivered()
			s.picksUp("o-2", at(9, 2))
			s.picksUp("o-2", at(9, 8))
			s.reads("station-1", air, at(8, 30), slices.Concat(repeat(10, 5), repeat(35, 12))...)
			s.judge(at(9, 30))
			require.Empty(s, s.work(quality.WorkRecall))
		},
	})
}

// A board that had lost its clock dated a pickup at 9:05. It was at 9:20, ten minutes after the fridge's goods were broken.
func TestAPickupThatIsDatedAnewBehindTheBreachIsRecalled(t *testing.T) {
	each(t, map[string]func(*site){"redated": func(s *site) {
		s.delivered()
		body := protocol.PickupInferred{Position: "loc-1-f1", Grant: "order-o-2@loc-1-f1", Order: "o-2", Basis: "door"}
		s.says("station-1", at(9, 5), body)
		s.reads("station-1", air, at(8, 30), append(repeat(10, 5), repeat(35, 12)...)...)
		s.judge(at(9, 30))
		require.Empty(s, s.work(quality.WorkRecall))
		d := devices["station-1"]
		incarnation, err := protocol.ParseIncarnation(inc)
		require.NoError(s, err)
		effects := effect.Effects{Touch: s.service.Touch, Hold: s.service.DeviceHeld, Freed: s.service.DeviceFreed, Taken: s.service.Taken}
		s.change(func(tx *store.Tx) error {
			return effects.Redate(s.Context(), tx, link.Event{Device: d.ID, Role: string(d.Role), Place: d.Place, Incarnation: incarnation,
				Number: s.numbers["station-1"], At: at(9, 20), Received: at(9, 40).Add(time.Second), Body: body}, at(9, 5))
		})
		s.judge(at(9, 41))
		require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall))
	}})
}

// A station judges all that stands in it, and knows of no order that has been fetched. What it holds when everybody has been there is nobody's,
// and nobody would ever decide: the hub has it let go, and asks when somebody comes for it after all.
func TestWhatAStationHoldsOfNobodyIsLetGo(t *testing.T) {
	each(t, map[string]func(*site){"until somebody comes again": func(s *site) {
		cold, _ := s.delivered()
		for _, o := range []string{"o-1", "o-2"} {
			s.picksUp(o, at(9, 5))
		}
		held := protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: cold.ID, Cause: protocol.GoodsBroken, Since: at(9, 44).UnixMilli(),
			OutsideMS: 31 * 60_000, MilliC: 12_000, HeldAt: at(9, 45).UnixMilli()}
		s.says("station-1", at(9, 45), held)
		require.Empty(s, s.holds())
		require.Empty(s, s.work(quality.WorkHold))
		barred := func() store.Barred {
			return read(s, func(tx *store.Tx) (map[string]store.Barred, error) { return tx.BarredAt(s.Context(), "loc-1", day) })[cold.ID]
		}
		require.Equal(s, store.Lifted, barred().Decision)
		require.Equal(s, []int64{held.HeldAt}, barred().Lifted, "so its plan tells the station")

		s.picksUp("o-2", at(10, 0))
		require.Equal(s, []string{"o-2"}, s.work(quality.WorkRecall))
		require.Len(s, s.holds(), 1)
		s.picksUp("o-2", at(10, 1))
		require.Len(s, s.holds(), 1, "that is asked once")
		_, err := s.service.Decide(s.Context(), s.act(store.ScopeContainer, cold.ID), store.Released, nil)
		require.NoError(s, err)
		require.Empty(s, s.work(quality.WorkRecall))
	}})
}

// The station and the hub may hold the same goods, each by itself. What the customers were told by either ends with the last.
func TestAReleaseEndsWhatAllHoldsHaveSaid(t *testing.T) {
	holds := func(s *site, cold string, since time.Time) {
		s.says("station-1", at(9, 31), protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: cold, Cause: protocol.GoodsBroken,
			Since: since.UnixMilli(), OutsideMS: 31 * 60_000, MilliC: 12_000, HeldAt: at(9, 31).UnixMilli()})
	}
	release := func(s *site, cold string) {
		_, err := s.service.Decide(s.Context(), s.act(store.ScopeContainer, cold), store.Released, nil)
		require.NoError(s, err)
	}
	each(t, map[string]func(*site){
		"when both agree": func(s *site) {
			cold, _ := s.broken()
			holds(s, cold.ID, at(9, 10))
			s.picksUp("o-2", at(9, 32))
			require.Equal(s, []string{"o-2", "o-2"}, s.work(quality.WorkRecall))
			release(s, cold.ID)
			require.Empty(s, s.work(quality.WorkRecall), "nothing is to be recalled any more")
		},
		"when one customer is concerned by the first only": func(s *site) {
			cold, _ := s.broken()
			s.picksUp("o-2", at(9, 20))
			holds(s, cold.ID, at(9, 25))
			release(s, cold.ID)
			require.Empty(s, s.work(quality.WorkRecall))
			told := slices.DeleteFunc(s.notices("o-2"), func(k store.NoticeKind) bool { return k != store.NoticeReleased })
			require.Len(s, told, 1, "who was told of a recall is told that all is well, once")
		},
		"and nobody is told again by a later one": func(s *site) {
			cold, _ := s.broken()
			release(s, cold.ID)
			s.says("station-1", at(13, 0), protocol.GoodsHeld{Position: "loc-1-f1", DatedContainer: cold.ID, Cause: protocol.GoodsDoubtful,
				Since: at(12, 50).UnixMilli(), HeldAt: at(13, 0).UnixMilli()})
			s.picksUp("o-1", at(12, 30))
			act := s.act(store.ScopeContainer, cold.ID)
			act.At = at(13, 30)
			before := len(s.notices("o-1"))
			_, err := s.service.Decide(s.Context(), act, store.Released, nil)
			require.NoError(s, err)
			require.Len(s, s.notices("o-1"), before+1, "o-1 waits since 13:00, and is told once")
		},
	})
}

// A person releases goods whose probe was silent for 40 min. What is not known after that is another question; what was decided is not.
func TestALaterGapIsAnotherQuestion(t *testing.T) {
	each(t, map[string]func(*site){"second gap": func(s *site) {
		s.delivered()
		s.reads("station-1", air, at(8, 30), slices.Concat(repeat(5, 5), repeat(40, fault), repeat(5, 5))...)
		s.judge(at(9, 30))
		require.Len(s, s.holds(), 2)
		act := s.act(store.ScopeFridge, "loc-1-f1")
		act.At = at(9, 40)
		_, err := s.service.Decide(s.Context(), act, store.Released, nil)
		require.NoError(s, err)
		s.reads("station-1", air, at(9, 20), slices.Concat(repeat(20, 5), repeat(20, fault), repeat(5, 5))...)
		s.judge(at(10, 10))
		require.Empty(s, s.holds(), "20 more minutes are less than is allowed, and the first 40 were decided about")
		s.reads("station-1", air, at(10, 5), slices.Concat(repeat(5, 5), repeat(120, fault), repeat(5, 5))...)
		s.judge(at(12, 20))
		require.Len(s, s.holds(), 2, "from 10:10 to 12:10 nobody knows, 30 minutes allowed")
		require.Equal(s, at(10, 40), s.holds()[0].Since.UTC().Truncate(time.Minute), "ten past, and the thirty")
		s.judge(at(12, 25))
		require.Len(s, s.holds(), 2)
		act.At = at(12, 30)
		_, err = s.service.Decide(s.Context(), act, store.Released, nil)
		require.NoError(s, err)
		s.reads("station-1", air, at(12, 15), repeat(20, 5)...)
		s.judge(at(12, 40))
		require.Empty(s, s.holds(), "and that is decided, too")
	}})
}

// The board starts anew while the power is out, and says again what its mains sense says.
func TestOneFridgeWithoutSupplyIsOneAlarmHoweverOftenItsBoardStarts(t *testing.T) {
	each(t, map[string]func(*site){"reboots": func(s *site) {
		for i := range 5 {
			s.says("station-1", at(9, i), protocol.Mains{Position: "loc-1-f1"})
		}
		require.Len(s, s.alarms(alarm.Power), 1)
		require.Len(s, s.alarms(alarm.Mains), 1)
	}})
}
