package door_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

const fresh = "station-2"

// replaced puts a board in the place of the station's, which is shut out. It has said hello.
func (s *site) replaced() {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.RevokeDevice(ctx, board, at(12, 0)); err != nil {
			return err
		}
		if err := tx.AddDevice(ctx, fleet.Device{ID: fresh, Place: "loc-1", Role: fleet.Station, AddedAt: at(12, 0)}); err != nil {
			return err
		}
		return tx.BeginCommissioning(ctx, fleet.Commissioning{ID: "m-1", Device: fresh, Former: board, Location: "loc-1", BeganAt: at(12, 0),
			BeganBy: "console"})
	})
	s.hello(fresh, "j1", "")
	s.makePlans(at(12, 1))
}

// locks are the locks of the new board's newest plan.
func (s *site) locks() (all []protocol.LockPlan) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		p, _, err := tx.NewestPlan(ctx, fresh)
		if err != nil {
			return err
		}
		for _, part := range p.Parts {
			if !strings.HasPrefix(part.Name, "lock/") {
				continue
			}
			body, err := tx.PlanPart(ctx, fresh, p.Version, part.Hash)
			if err != nil {
				return err
			}
			var lock protocol.LockPlan
			require.NoError(s, protocol.DecodeBody(body, &lock))
			all = append(all, lock)
		}
		return nil
	})
	return all
}

// reads stores readings of the new board: a temperature in millidegrees, a minute apart.
func (s *site) reads(sensor string, number uint64, from time.Time, milliC ...int64) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		for i, c := range milliC {
			when := from.Add(time.Duration(i) * time.Minute)
			row := store.ReadingRow{Sensor: sensor, Number: number + uint64(i), Boot: 1, MilliC: c, Dated: fleet.Dated{At: when}, Samples: 1}
			if err := tx.AddReadings(ctx, fresh, "j1", when, []store.ReadingRow{row}); err != nil {
				return err
			}
		}
		return nil
	})
}

// says stores an event of the new board about a door.
func (s *site) says(number uint64, when time.Time, body protocol.Body) {
	s.Helper()
	raw, err := protocol.EncodeBody(body)
	require.NoError(s, err)
	s.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.AddEvent(ctx, store.EventRow{Device: fresh, Incarnation: "j1", Number: number, Boot: 1, Kind: uint16(body.Kind()), Name: "test",
			Subject: fridge, Body: raw, EventAt: when, ReceivedAt: when, Outcome: store.Applied})
	})
}

func (s *site) checkOf(fridge string, step fleet.Step) fleet.Check {
	s.Helper()
	c, err := s.doors.Commissioning(s.Context(), fresh)
	require.NoError(s, err)
	return c.Check(fridge, step)
}

func TestABoardThatTakesThePlaceOfAnother(t *testing.T) {
	engineer := func(when time.Time) door.Act { return door.Act{By: "p-eng", At: when} }
	each(t, map[string]func(*site){
		"serves nobody until it is signed": func(s *site) {
			s.replaced()
			require.Len(s, s.locks(), 2)
			for _, l := range s.locks() {
				require.True(s, l.OutOfService)
				require.Empty(s, l.Grants)
			}
			require.ErrorIs(s, s.doors.Sign(s.Context(), fresh, true, engineer(at(12, 2))), fleet.ErrChecksMissing)
			require.ErrorIs(s, s.doors.Sign(s.Context(), board, true, engineer(at(12, 2))), fleet.ErrNotCommissioning)
			s.change(func(ctx context.Context, tx *store.Tx) error {
				for _, f := range []string{"loc-1-f1", "loc-1-f2"} {
					for _, step := range fleet.Steps() {
						if err := tx.SaveCheck(ctx, "m-1", fleet.Check{Fridge: f, Step: step, BeganAt: at(12, 3)}.End(true, "", at(12, 3))); err != nil {
							return err
						}
					}
				}
				return nil
			})
			require.ErrorIs(s, s.doors.Sign(s.Context(), fresh, false, engineer(at(12, 4))), fleet.ErrNoEngineer)
			require.NoError(s, s.doors.Sign(s.Context(), fresh, true, engineer(at(12, 4))))
			s.makePlans(at(12, 4))
			granted := 0
			for _, l := range s.locks() {
				require.False(s, l.OutOfService)
				granted += len(l.Grants)
			}
			require.Positive(s, granted)
			require.ErrorIs(s, s.doors.Sign(s.Context(), fresh, true, engineer(at(12, 5))), fleet.ErrNotCommissioning, "once")
			require.ErrorIs(s, s.doors.BeginCheck(s.Context(), fresh, fridge, fleet.StepDoor, engineer(at(12, 5))), fleet.ErrNotCommissioning,
				"whoever has signed has no way any more to open doors")
		},
		"its door test opens the door, and passes when it has opened and shut": func(s *site) {
			s.replaced()
			require.ErrorIs(s, s.doors.EndCheck(s.Context(), fresh, fridge, fleet.StepDoor, engineer(at(12, 2))), fleet.ErrNotRunning)
			require.NoError(s, s.doors.BeginCheck(s.Context(), fresh, fridge, fleet.StepDoor, engineer(at(12, 2))))
			require.NoError(s, s.doors.EndCheck(s.Context(), fresh, fridge, fleet.StepDoor, engineer(at(12, 3))))
			require.Equal(s, "not fired", s.checkOf(fridge, fleet.StepDoor).Detail)

			require.NoError(s, s.doors.BeginCheck(s.Context(), fresh, fridge, fleet.StepDoor, engineer(at(12, 4))))
			k := s.checkOf(fridge, fleet.StepDoor)
			s.change(func(ctx context.Context, tx *store.Tx) error {
				c, err := tx.Command(ctx, k.Command)
				require.NoError(s, err)
				require.Equal(s, fridge, c.Target)
				c, err = c.Answer(fleet.CommandDone, "", at(12, 4))
				require.NoError(s, err)
				return tx.SaveCommand(ctx, c)
			})
			s.says(1, at(12, 4), protocol.RelayFired{Position: fridge, Command: k.Command})
			s.says(2, at(12, 4), protocol.DoorOpened{Position: fridge})
			s.says(3, at(12, 5), protocol.DoorClosed{Position: fridge})
			require.NoError(s, s.doors.EndCheck(s.Context(), fresh, fridge, fleet.StepDoor, engineer(at(12, 6))))
			require.Equal(s, fleet.CheckPassed, s.checkOf(fridge, fleet.StepDoor).State)
		},
		"its probe test tells which probe moved": func(s *site) {
			s.replaced()
			require.NoError(s, s.doors.BeginCheck(s.Context(), fresh, fridge, fleet.StepProbe, engineer(at(12, 2))))
			s.reads("loc-1-f1/air", 1, at(12, 2), 4000, 4100, 4000)
			s.reads("loc-1-f2/air", 11, at(12, 2), 5000, 9000, 12000)
			require.NoError(s, s.doors.EndCheck(s.Context(), fresh, fridge, fleet.StepProbe, engineer(at(12, 5))))
			k := s.checkOf(fridge, fleet.StepProbe)
			require.Equal(s, []any{fleet.CheckFailed, "loc-1-f2: 7.0 °C"}, []any{k.State, k.Detail})
			require.NoError(s, s.doors.BeginCheck(s.Context(), fresh, fridge, fleet.StepProbe, engineer(at(12, 6))))
			s.reads("loc-1-f1/air", 21, at(12, 6), 4000, 1000)
			s.reads("loc-1-f2/air", 31, at(12, 6), 5000, 5100)
			require.NoError(s, s.doors.EndCheck(s.Context(), fresh, fridge, fleet.StepProbe, engineer(at(12, 8))))
			require.Equal(s, fleet.CheckPassed, s.checkOf(fridge, fleet.StepProbe).State)

			require.NoError(s, s.doors.Reference(s.Context(), fresh, fridge, 1600, engineer(at(12, 8))))
			require.Equal(s, fleet.CheckFailed, s.checkOf(fridge, fleet.StepReference).State)
			require.NoError(s, s.doors.Reference(s.Context(), fresh, fridge, 1500, engineer(at(12, 8))))
			require.Equal(s, fleet.CheckPassed, s.checkOf(fridge, fleet.StepReference).State)
			require.NoError(s, s.doors.Reference(s.Context(), fresh, fridge, 1500, engineer(at(12, 30))))
			require.Equal(s, fleet.CheckFailed, s.checkOf(fridge, fleet.StepReference).State, "a reading of long ago")
			require.ErrorAs(s, s.doors.Reference(s.Context(), fresh, "loc-2-f1", 1500, engineer(at(12, 8))), new(*door.FieldError), "another's fridge")
			require.ErrorAs(s, s.doors.Reference(s.Context(), fresh, fridge, 90_000, engineer(at(12, 8))), new(*door.FieldError))
		},
		"its alarms are out of service meanwhile, and after 15 minutes it is one itself": func(s *site) {
			alarms := func(now time.Time) (kinds []string) {
				s.change(func(ctx context.Context, tx *store.Tx) error {
					all, err := tx.AlarmsNow(ctx, now, 10)
					for _, a := range all {
						kinds = append(kinds, a.Kind)
					}
					return err
				})
				return kinds
			}
			raise := func(now time.Time) {
				s.change(func(ctx context.Context, tx *store.Tx) error {
					_, err := door.RaiseLate(ctx, tx, now)
					return err
				})
			}
			s.replaced()
			s.change(func(ctx context.Context, tx *store.Tx) error {
				if err := tx.RaiseAlarm(ctx, "a-1", "temperature", "loc-1-f1/air", "", at(12, 2)); err != nil {
					return err
				}
				return tx.RaiseAlarm(ctx, "a-2", "door_ajar", "loc-2-f1", "", at(12, 2))
			})
			require.Equal(s, []string{"door_ajar"}, alarms(at(12, 3)), "another place's are not")
			raise(at(12, 15))
			require.Len(s, alarms(at(12, 14)), 1)
			raise(at(12, 16))
			require.ElementsMatch(s, []string{"door_ajar", "temperature", door.AlarmCommissioning}, alarms(at(12, 16)),
				"it takes too long, and what is wrong meanwhile is told")
			s.change(func(ctx context.Context, tx *store.Tx) error {
				return tx.AddService(ctx, alarm.Service{ID: "m-1", Position: "loc-2-f1", By: "p-1", Reason: "cleaning", From: at(12, 16), Until: at(13, 0)})
			})
			require.NotContains(s, alarms(at(12, 20)), "door_ajar", "nor where a person works")
			require.Contains(s, alarms(at(13, 0)), "door_ajar")
			s.change(func(ctx context.Context, tx *store.Tx) error {
				c, err := tx.Commissioning(ctx, fresh)
				c.SignedAt, c.SignedBy = at(12, 17), "p-eng"
				require.NoError(s, err)
				return tx.SignCommissioning(ctx, c)
			})
			require.Contains(s, alarms(at(12, 17)), "temperature", "what is still wrong then is told")
		},
		"the alarm of a board that is shut out before anybody has signed ends": func(s *site) {
			s.replaced()
			active := func() (n int) {
				s.change(func(ctx context.Context, tx *store.Tx) error {
					_, err := door.RaiseLate(ctx, tx, at(12, 20))
					require.NoError(s, err)
					all, err := tx.ActiveAlarms(ctx, door.AlarmCommissioning)
					n = len(all)
					return err
				})
				return n
			}
			require.Equal(s, 1, active())
			s.change(func(ctx context.Context, tx *store.Tx) error { return tx.RevokeDevice(ctx, fresh, at(12, 20)) })
			require.Zero(s, active(), "nobody can sign it any more")
		},
	})
}
