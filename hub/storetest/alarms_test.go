package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/store"
)

var nine = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func change(t *testing.T, s *store.Store, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) }))
}

func lines(t *testing.T, s *store.Store, f store.AlarmFilter, now time.Time) map[string]store.AlarmLine {
	t.Helper()
	all := map[string]store.AlarmLine{}
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		found, err := tx.AlarmLines(t.Context(), f, now, 100)
		for _, l := range found {
			all[l.ID] = l
		}
		return err
	}))
	return all
}

func acknowledge(by string, revision int, now time.Time) func(alarm.Alarm) (alarm.Alarm, alarm.Transition, error) {
	return func(a alarm.Alarm) (alarm.Alarm, alarm.Transition, error) { return a.Acknowledge(by, revision, now) }
}

func TestAnAcknowledgementStaysOnTheRevisionThatWasAcknowledged(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		Import(t, s, Network(t))
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.RaiseAlarm(ctx, "a", "temperature", "loc-1-f1/air", "8.4 °C", nine)
		})
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.RaiseAlarm(ctx, "a", "temperature", "loc-1-f1/air", "again", nine),
				tx.ClearAlarm(ctx, "temperature", "loc-1-f1/air", nine.Add(20*time.Minute)))
		})
		ackAt := nine.Add(30 * time.Minute)
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ChangeAlarm(ctx, "a", acknowledge("p-1", 1, ackAt))
			return err
		})
		change(t, s, func(ctx context.Context, tx *store.Tx) error { // shorter than it was taken for: seen is seen
			return tx.ReviseAlarm(ctx, "a", "8.4 °C", nine, nine.Add(15*time.Minute), nine.Add(time.Hour))
		})
		require.Equal(t, "p-1", lines(t, s, store.AlarmFilter{}, ackAt)["a"].Acknowledged.By)
		judged := nine.Add(2 * time.Hour)
		for range 2 { // the same judgement twice is one
			change(t, s, func(ctx context.Context, tx *store.Tx) error {
				return tx.ReviseAlarm(ctx, "a", "9.9 °C", nine.Add(-time.Minute), nine.Add(40*time.Minute), judged)
			})
		}
		a := lines(t, s, store.AlarmFilter{}, judged)["a"]
		require.Equal(t, 3, a.Revision)
		require.False(t, a.Acknowledged.Set(), "nobody has seen that it was worse")
		require.True(t, a.Latched)
		require.Equal(t, alarm.Returned, a.State)
		require.Equal(t, "loc-1", a.Place)
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
			revisions, err := tx.AlarmRevisions(t.Context(), "a", 10)
			require.Len(t, revisions, 2)
			require.Equal(t, store.AlarmRevision{Revision: 2, Detail: "8.4 °C", Raised: nine, Cleared: nine.Add(15 * time.Minute),
				Acknowledged: alarm.Mark{At: ackAt, By: "p-1"}, Revised: judged}, revisions[1])
			history, failed := tx.AlarmHistory(t.Context(), "a", 10)
			var told []alarm.What
			for i, h := range history {
				require.Equal(t, i+1, h.Number)
				told = append(told, h.What)
			}
			require.Equal(t, []alarm.What{alarm.WasRaised, alarm.WasCleared, alarm.WasAcknowledged, alarm.WasRevised, alarm.WasReopened}, told)
			require.Equal(t, "p-1", history[2].By)
			return errors.Join(err, failed)
		}))
		err := s.Change(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ChangeAlarm(t.Context(), "a", acknowledge("p-1", 2, judged))
			return err
		})
		require.ErrorIs(t, err, alarm.ErrOldRevision)
		err = s.Change(t.Context(), func(tx *store.Tx) error { return tx.ReviseAlarm(t.Context(), "none", "", nine, nine, nine) })
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestOfManyWhoAcknowledgeAtOnceOneDoes(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.RaiseAlarm(ctx, "a", "late", "run stop 1", "", nine)
		})
		var done, refused atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				err := s.Change(t.Context(), func(tx *store.Tx) error {
					_, err := tx.ChangeAlarm(t.Context(), "a", acknowledge("p", 1, nine))
					return err
				})
				switch {
				case err == nil:
					done.Add(1)
				case errors.Is(err, alarm.ErrAlready):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Equal(t, []int64{1, 7}, []int64{done.Load(), refused.Load()})
		require.Equal(t, 2, lines(t, s, store.AlarmFilter{}, nine)["a"].Changes)
	})
}

func TestAPowerCutExplainsWhatFollowsAtItsStationInAnyOrderOfArrival(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, causeFirst := range []bool{true, false} {
			s := Open(t, empty())
			Import(t, s, Network(t))
			cause := func(ctx context.Context, tx *store.Tx) error {
				return tx.RaiseAlarm(ctx, "p", alarm.Power, "loc-1", "", nine)
			}
			effects := func(ctx context.Context, tx *store.Tx) error {
				return errors.Join(tx.RaiseAlarm(ctx, "m", alarm.Mains, "loc-1-f1", "", nine),
					tx.RaiseAlarm(ctx, "w", "temperature", "loc-1-f1/air", "", nine.Add(time.Hour)),
					tx.RaiseAlarm(ctx, "b", "temperature", "loc-1-f2/air", "", nine.Add(-time.Hour)),
					tx.RaiseAlarm(ctx, "o", "temperature", "loc-2-f1/air", "", nine.Add(time.Hour)),
					tx.RaiseAlarm(ctx, "d", "door_ajar", "loc-1-f1", "", nine.Add(time.Hour)))
			}
			if causeFirst {
				change(t, s, cause)
			}
			change(t, s, effects)
			if !causeFirst {
				change(t, s, cause)
			}
			at := nine.Add(2 * time.Hour)
			now := lines(t, s, store.AlarmFilter{}, at)
			require.Equal(t, alarm.Suppressed, now["m"].State)
			require.Equal(t, alarm.Suppressed, now["w"].State)
			require.Equal(t, alarm.Unacknowledged, now["p"].State)
			require.Equal(t, alarm.Unacknowledged, now["b"].State, "it was warm before the power went")
			require.Equal(t, alarm.Unacknowledged, now["o"].State, "another station")
			require.Equal(t, alarm.Unacknowledged, now["d"].State, "no door opens of that")
			require.Len(t, lines(t, s, store.AlarmFilter{Place: "loc-2"}, at), 1)
			require.Len(t, lines(t, s, store.AlarmFilter{Owner: alarm.Quality}, at), 3)
		}
	})
}

func TestAPositionOutOfServiceCallsNobody(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		Import(t, s, Network(t))
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			for _, p := range []string{"loc-1-f1", "loc-2"} {
				if err := tx.AddService(ctx, alarm.Service{ID: "s-" + p, Position: p, By: "p-1", Reason: "repair", From: nine, Until: nine.Add(time.Hour)}); err != nil {
					return err
				}
			}
			return errors.Join(tx.RaiseAlarm(ctx, "w", "temperature", "loc-1-f1/air", "", nine),
				tx.RaiseAlarm(ctx, "o", "door_ajar", "loc-1-f2", "", nine), tx.RaiseAlarm(ctx, "x", "door_ajar", "loc-2-f1", "", nine))
		})
		now := lines(t, s, store.AlarmFilter{}, nine)
		require.Equal(t, alarm.OutOfService, now["w"].State)
		require.Equal(t, "p-1", now["w"].ServedBy)
		require.Equal(t, alarm.OutOfService, now["x"].State, "a location is all that is in it")
		require.Equal(t, alarm.Unacknowledged, now["o"].State)
		require.Equal(t, alarm.Unacknowledged, lines(t, s, store.AlarmFilter{}, nine.Add(time.Hour))["w"].State, "it ends by itself")
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.EndService(ctx, "loc-1-f1", "p-2", nine.Add(time.Minute))
		})
		require.Equal(t, alarm.Unacknowledged, lines(t, s, store.AlarmFilter{}, nine.Add(time.Minute))["w"].State)
		err := s.Change(t.Context(), func(tx *store.Tx) error { return tx.EndService(t.Context(), "loc-1-f1", "p-2", nine.Add(time.Minute)) })
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestAnAlarmFollowsItsReadingsAndIsRevisedOnlyWhenTheJudgementChanges(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		keep := func(detail alarm.Said, raised, cleared time.Time) store.AlarmLine {
			for range 2 {
				change(t, s, func(ctx context.Context, tx *store.Tx) error {
					return tx.KeepAlarm(ctx, store.AlarmView{ID: "a", Kind: "temperature", Subject: "loc-1-f1/air", Detail: detail, Raised: raised, Cleared: cleared}, nine.Add(time.Hour))
				})
			}
			return lines(t, s, store.AlarmFilter{All: true}, nine.Add(time.Hour))["a"]
		}
		require.Equal(t, 1, keep("8.4 °C", nine, time.Time{}).Revision)
		a := keep("8.9 °C", nine, time.Time{})
		require.Equal(t, []any{1, "8.9 °C", 1}, []any{a.Revision, a.Detail.String(), a.Changes}, "warmer still: the same alarm")
		a = keep("9.0 °C", nine, nine.Add(time.Minute))
		require.Equal(t, []any{1, "9.0 °C", 2}, []any{a.Revision, a.Detail.String(), a.Changes})
		a = keep("9.0 °C", nine, nine.Add(2*time.Minute))
		require.Equal(t, 2, a.Revision, "a late reading: it lasted longer")
		a = keep("9.0 °C", nine.Add(-time.Minute), time.Time{})
		require.Equal(t, 3, a.Revision)
		require.True(t, a.Active())
	})
}

func TestAlarmsAreFoundHoweverManyOthersAreOpen(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		Import(t, s, Network(t))
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			for i := range 3 {
				old := fmt.Sprint("temperature/", i)
				err := errors.Join(tx.RaiseAlarm(ctx, old, "temperature", "loc-1-f1/air", "", nine.Add(-24*time.Hour)), tx.ClearAlarmOf(ctx, old, nine.Add(-23*time.Hour)),
					tx.RaiseAlarm(ctx, fmt.Sprint("late/", i), "late", fmt.Sprint("run-", i), "", nine.Add(time.Minute)))
				if err != nil {
					return err
				}
				if _, err := tx.ChangeAlarm(ctx, old, acknowledge("p-1", 1, nine)); err != nil {
					return err
				}
			}
			return tx.RaiseAlarm(ctx, "door/x", "door_uncommanded", "loc-2-f1", "", nine)
		})
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
			at, err := tx.AlarmLines(t.Context(), store.AlarmFilter{Place: "loc-2"}, nine, 3)
			require.NoError(t, err)
			require.Len(t, at, 1, "at a place, with as many newer ones elsewhere as are asked for")
			calls, err := tx.Callings(t.Context(), nine, 0, 3)
			require.NoError(t, err)
			require.Equal(t, "door/x", calls[0].ID, "those that wait for a confirmation by day are in nobody's way")
			rest, err := tx.Callings(t.Context(), nine, 3, 3)
			require.NoError(t, err)
			require.Len(t, rest, 1, "and what does not fit comes next")
			return nil
		}))
	})
}
