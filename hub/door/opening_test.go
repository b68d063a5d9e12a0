package door_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

const fridge = "loc-1-f1"

func asking(when time.Time) door.Act {
	return door.Act{By: "p-disp", Reason: "the keypad is broken", At: when}
}

// number is what the door shows.
func (s *site) number(o fleet.Opening) (n string) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) (err error) {
		n, err = tx.NumberToShow(ctx, o.ShowCommand)
		return err
	})
	return n
}

// kinds are those of the commands to the board, in order.
func (s *site) kinds() (kinds []protocol.CommandKind) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.OpenCommands(ctx, board)
		for _, c := range all {
			kinds = append(kinds, protocol.CommandKind(c.Kind))
		}
		return err
	})
	return kinds
}

func (s *site) acts(subject string) (acts []people.Act) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) (err error) {
		acts, err = tx.Acts(ctx, subject, 100)
		return err
	})
	return acts
}

func TestADoorIsOpenedFromTheHub(t *testing.T) {
	each(t, map[string]func(*site){
		"for somebody who says what it shows, by name and with a reason": func(s *site) {
			o, err := s.doors.Ask(s.Context(), fridge, asking(at(12, 0)))
			require.NoError(s, err)
			require.Empty(s, o.Number, "only the door shows it")
			require.Equal(s, []protocol.CommandKind{protocol.CommandShowNumber}, s.kinds())
			number := s.number(o)
			require.Len(s, number, fleet.NumberDigits)
			o, err = s.doors.Confirm(s.Context(), o.ID, number, "Sato", asking(at(12, 1)))
			require.NoError(s, err)
			require.Equal(s, fleet.OpeningConfirmed, o.State)
			require.Equal(s, []protocol.CommandKind{protocol.CommandShowNumber, protocol.CommandUnlock}, s.kinds())
			require.Empty(s, s.number(o))
			acts := s.acts(fridge)
			require.Len(s, acts, 2)
			for _, a := range acts {
				require.NotContains(s, a.Detail, number)
				require.Contains(s, a.Detail, "the keypad is broken")
			}
			require.Equal(s, "door.open", acts[0].Act)
			for _, a := range acts {
				require.NotContains(s, a.Detail, "Sato", "a visitor's name stands with the opening alone")
			}
			require.Equal(s, "p-disp", acts[0].Person)
			all, err := s.doors.Openings(s.Context(), fridge, 10, asking(at(12, 2)))
			require.NoError(s, err)
			require.Len(s, all, 1)
			require.Equal(s, []string{"Sato", "p-disp", "the keypad is broken"}, []string{all[0].AtDoor, all[0].AskedBy, all[0].Reason})
		},
		"and for nobody else": func(s *site) {
			o, err := s.doors.Ask(s.Context(), fridge, asking(at(12, 0)))
			require.NoError(s, err)
			number := s.number(o)
			for range fleet.WrongNumbers {
				_, err = s.doors.Confirm(s.Context(), o.ID, "x"+number, "Sato", asking(at(12, 1)))
				require.ErrorIs(s, err, fleet.ErrWrongNumber)
			}
			_, err = s.doors.Confirm(s.Context(), o.ID, number, "Sato", asking(at(12, 1)))
			require.ErrorIs(s, err, fleet.ErrOpeningOver, "wrong ones are counted where they are refused")
			require.Equal(s, []protocol.CommandKind{protocol.CommandShowNumber}, s.kinds())
			require.Equal(s, "door.wrong", s.acts(fridge)[0].Act)

			o, err = s.doors.Ask(s.Context(), fridge, asking(at(12, 2)))
			require.NoError(s, err)
			number = s.number(o)
			_, err = s.doors.Confirm(s.Context(), o.ID, number, " ", asking(at(12, 2)))
			require.ErrorAs(s, err, new(*door.FieldError))
			_, err = s.doors.Confirm(s.Context(), o.ID, number, "Sato", asking(at(12, 5)))
			require.ErrorIs(s, err, fleet.ErrOpeningOver, "late")
			require.Empty(s, s.number(o))
			_, err = s.doors.Confirm(s.Context(), "none", "1", "Sato", asking(at(12, 5)))
			require.ErrorIs(s, err, store.ErrNotFound)
		},
		"a number is good for one opening: another one takes its place, and not without end": func(s *site) {
			first, err := s.doors.Ask(s.Context(), fridge, asking(at(12, 0)))
			require.NoError(s, err)
			number := s.number(first)
			for i := range fleet.OpeningsAsked - 1 {
				_, err = s.doors.Ask(s.Context(), fridge, asking(at(12, 1).Add(time.Duration(i)*time.Second)))
				require.NoError(s, err)
			}
			_, err = s.doors.Confirm(s.Context(), first.ID, number, "Sato", asking(at(12, 1)))
			require.ErrorIs(s, err, fleet.ErrOpeningOver)
			_, err = s.doors.Ask(s.Context(), fridge, asking(at(12, 2)))
			require.ErrorIs(s, err, fleet.ErrOpeningsMany)
			_, err = s.doors.Ask(s.Context(), "loc-1-f2", asking(at(12, 2)))
			require.NoError(s, err, "another door")
			_, err = s.doors.Ask(s.Context(), fridge, asking(at(13, 2)))
			require.NoError(s, err)
		},
		"not where no number can be shown": func(s *site) {
			_, err := s.doors.Ask(s.Context(), "moon", asking(at(12, 0)))
			require.ErrorIs(s, err, store.ErrNotFound)
			_, err = s.doors.Ask(s.Context(), "spot-1-f1", asking(at(12, 0)))
			require.ErrorIs(s, err, store.ErrNotFound, "no station's")
			_, err = s.doors.Ask(s.Context(), "loc-2-f1", asking(at(12, 0)))
			require.ErrorIs(s, err, fleet.ErrShowsNoNumbers, "no board")
			_, err = s.doors.Ask(s.Context(), fridge, door.Act{By: "p-1", At: at(12, 0)})
			require.ErrorAs(s, err, new(*door.FieldError))
			s.change(func(ctx context.Context, tx *store.Tx) error {
				d, err := tx.Device(ctx, board)
				d.Revision = 3
				return errors.Join(err, tx.SaveDevice(ctx, d))
			})
			_, err = s.doors.Ask(s.Context(), fridge, asking(at(12, 0)))
			require.ErrorIs(s, err, fleet.ErrShowsNoNumbers, "an old agent")
		},
		"two who enter the number at once open it once": func(s *site) {
			o, err := s.doors.Ask(s.Context(), fridge, asking(at(12, 0)))
			require.NoError(s, err)
			number := s.number(o)
			var group sync.WaitGroup
			errs := make([]error, 2)
			for i := range errs {
				group.Go(func() { _, errs[i] = s.doors.Confirm(s.Context(), o.ID, number, "Sato", asking(at(12, 1))) })
			}
			group.Wait()
			opened := 0
			for _, err := range errs {
				if err == nil {
					opened++
				} else {
					require.ErrorIs(s, err, fleet.ErrOpeningOver)
				}
			}
			require.Equal(s, 1, opened)
			require.Len(s, s.kinds(), 2, "to show, and to open")
		},
	})
}
