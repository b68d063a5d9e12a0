package door_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/payment"
	"meguri/hub/store"
)

func TestMoneyWaitsForTheCode(t *testing.T) {
	each(t, map[string]func(*site){
		"until the lock has a plan without it": func(s *site) {
			require.Equal(s, dispatch.GrantActive, s.code().State())
			s.takeOff(at(12, 0))
			require.Equal(s, dispatch.GrantRevoking, s.code().State())
			require.Equal(s, []string{board}, s.code().WaitsFor())
			require.Equal(s, payment.Waiting, s.money(at(12, 0)))
			s.makePlans(at(12, 1))
			require.Equal(s, dispatch.GrantRevoking, s.code().State(), "it is on its way")
			require.Equal(s, payment.Waiting, s.money(at(12, 1)))
			s.confirm(board, "i1", at(12, 2))
			require.Equal(s, dispatch.GrantRevoked, s.code().State())
			require.Equal(s, at(12, 2), s.code().EndedAt)
			require.Equal(s, payment.Refunding, s.money(at(12, 2)), "at once, not at the next look")
			require.Empty(s, s.work())
		},
		"a confirmation of a plan from before does not count": func(s *site) {
			s.takeOff(at(12, 0))
			s.confirm(board, "i1", at(12, 1))
			require.Equal(s, dispatch.GrantRevoking, s.code().State())
		},
		"a board's hello does not confirm, for what it did before it has not been heard": func(s *site) {
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.change(func(ctx context.Context, tx *store.Tx) error {
				d, err := tx.Device(ctx, board)
				if err != nil {
					return err
				}
				g := fleet.Greeting{Incarnation: "i1", Boot: 1, Session: 2, Plan: d.PlanSent}
				return tx.SaveDevice(ctx, d.Greet(g, true, at(12, 1)))
			})
			s.settle(at(12, 2))
			require.Equal(s, dispatch.GrantRevoking, s.code().State())
		},
		"a plan that the board refuses confirms nothing": func(s *site) {
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.change(func(ctx context.Context, tx *store.Tx) error {
				p, _, err := tx.NewestPlan(ctx, board)
				if err != nil {
					return err
				}
				return tx.AnswerPlan(ctx, board, "i1", p.Version, "no room", at(12, 2))
			})
			s.settle(at(12, 3))
			require.Equal(s, dispatch.GrantRevoking, s.code().State())
		},
		"or until its window is over, where the lock is silent": func(s *site) {
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.settle(at(17, 0).Add(-time.Millisecond))
			require.Equal(s, payment.Waiting, s.money(at(16, 59)))
			s.settle(at(17, 0))
			require.Equal(s, dispatch.RevokeByWindow, s.code().End)
			require.Equal(s, payment.Refunding, s.money(at(17, 0)))
		},
		"a board that was shut out never confirms": func(s *site) {
			s.change(func(ctx context.Context, tx *store.Tx) error {
				if err := tx.RevokeDevice(ctx, board, at(11, 30)); err != nil {
					return err
				}
				return tx.AddDevice(ctx, fleet.Device{ID: "station-2", Place: "loc-1", Role: fleet.Station, AddedAt: at(11, 40)})
			})
			s.hello("station-2", "j1", "")
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.confirm("station-2", "j1", at(12, 2))
			require.Equal(s, []string{board}, s.code().WaitsFor(), "the new one never had it")
			require.Equal(s, payment.Waiting, s.money(at(12, 2)))
		},
		"a storage that another goes on from is that one; one that was replaced is not": func(s *site) {
			s.hello(board, "i2", "i1")
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.confirm(board, "i2", at(12, 2))
			require.Equal(s, dispatch.GrantRevoked, s.code().State())
		},
		"one that is heard again beside the one that goes on from it holds its plan": func(s *site) {
			s.hello(board, "i2", "i1")
			s.change(func(ctx context.Context, tx *store.Tx) error {
				life, _, err := tx.Life(ctx, board, "i1")
				if err != nil {
					return err
				}
				g := fleet.Greeting{Incarnation: "i1", Boot: 2, Session: 9}
				require.True(s, life.Rival(g))
				return tx.SaveLife(ctx, board, life.Greet(g, at(11, 0)))
			})
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.confirm(board, "i2", at(12, 2))
			require.Equal(s, dispatch.GrantRevoking, s.code().State(), "the other storage still opens for it")
		},
		"a copy of a live storage that was drained by hand takes nobody's place": func(s *site) {
			s.change(func(ctx context.Context, tx *store.Tx) error {
				return tx.SaveLife(ctx, board, fleet.Life{Incarnation: "j", Parent: "i1", FirstHeardAt: at(11, 0), HeardAt: at(11, 0),
					SupersededAt: at(11, 0)})
			})
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			require.Equal(s, dispatch.GrantRevoking, s.code().State(), "the lock has said nothing")
			require.Equal(s, []string{board}, s.code().WaitsFor())
			s.confirm(board, "i1", at(12, 2))
			require.Equal(s, dispatch.GrantRevoked, s.code().State())
		},
		"a storage that is gone without a word may live elsewhere": func(s *site) {
			s.hello(board, "i2", "")
			s.takeOff(at(12, 0))
			s.makePlans(at(12, 1))
			s.confirm(board, "i2", at(12, 2))
			require.Equal(s, dispatch.GrantRevoking, s.code().State())
		},
		"a code that opened a door first is for a person to decide about": func(s *site) {
			s.takeOff(at(12, 0))
			s.used(at(12, 1), at(12, 3))
			s.makePlans(at(12, 3))
			s.confirm(board, "i1", at(12, 4))
			require.Equal(s, dispatch.GrantUsed, s.code().State())
			require.Equal(s, payment.Waiting, s.money(at(20, 0)))
			require.Equal(s, []string{store.WorkCodeUsed}, s.work())
			require.ErrorAs(s, s.closeWork(store.WorkCodeUsed, at(20, 0)), new(*store.MoneyWaits), "nobody would be reminded of the money")
			require.Equal(s, []string{store.WorkCodeUsed}, s.work())
			require.NoError(s, s.doors.TakeRisk(s.Context(), "o-1", door.Act{By: "p-1", Reason: "nothing was taken", At: at(20, 1)}))
			require.Equal(s, payment.Refunding, s.money(at(20, 1)))
			require.Empty(s, s.work(), "somebody has")
		},
		"word of its use before it was taken back counts, too, also when it comes late": func(s *site) {
			s.used(at(11, 30), at(11, 31))
			require.Empty(s, s.work(), "that is what it is for")
			s.takeOff(at(12, 0))
			require.Equal(s, dispatch.GrantUsed, s.code().State())
			require.Equal(s, []string{store.WorkCodeUsed}, s.work())
			s.used(at(11, 20), at(12, 30))
			require.Equal(s, at(11, 20), s.code().UsedAt, "the first use")
		},
		"a lock that gives its use back does not speak for another": func(s *site) {
			other := func(do func(ctx context.Context, tx *store.Tx) error) { s.change(do) }
			s.used(at(11, 30), at(11, 30))
			other(func(ctx context.Context, tx *store.Tx) error {
				return tx.GrantUsed(ctx, "order-o-1", "loc-1", "loc-1-f2", at(11, 29), at(11, 31))
			})
			require.Equal(s, at(11, 29), s.code().UsedAt)
			other(func(ctx context.Context, tx *store.Tx) error {
				return tx.GrantReturned(ctx, "order-o-1", "loc-1", "loc-1-f2")
			})
			require.Equal(s, at(11, 30), s.code().UsedAt, "the first door was opened with it")
			s.takeOff(at(11, 32))
			require.Equal(s, dispatch.GrantUsed, s.code().State())
			other(func(ctx context.Context, tx *store.Tx) error {
				return tx.GrantReturned(ctx, "order-o-1", "loc-2", "loc-1-f1")
			})
			require.Equal(s, dispatch.GrantUsed, s.code().State(), "a lock of another place has nothing to give back")
			other(func(ctx context.Context, tx *store.Tx) error {
				return tx.GrantReturned(ctx, "order-o-1", "loc-1", "loc-1-f1")
			})
			require.Equal(s, dispatch.GrantRevoking, s.code().State())
		},
		"a person's word lets it go, once and with a reason": func(s *site) {
			act := door.Act{By: "p-1", Reason: "the fridge is empty", At: at(12, 1)}
			require.ErrorIs(s, s.doors.TakeRisk(s.Context(), "o-1", act), door.ErrNothingWaits, "the order stands")
			require.ErrorIs(s, s.doors.TakeRisk(s.Context(), "o-9", act), door.ErrNothingWaits)
			s.takeOff(at(12, 0))
			require.ErrorAs(s, s.doors.TakeRisk(s.Context(), "o-1", door.Act{By: "p-1", At: at(12, 1)}), new(*door.FieldError))
			require.Equal(s, payment.Waiting, s.money(at(12, 1)))
			require.NoError(s, s.doors.TakeRisk(s.Context(), "o-1", act))
			require.Equal(s, dispatch.Risk{By: "p-1", Reason: "the fridge is empty", At: at(12, 1)}, s.code().Risk)
			require.Equal(s, dispatch.GrantRevoking, s.code().State(), "what is so stays so")
			require.Equal(s, payment.Refunding, s.money(at(12, 1)))
			require.ErrorIs(s, s.doors.TakeRisk(s.Context(), "o-1", act), door.ErrNothingWaits)
		},
		"money of an order that goes on does not wait for a former code": func(s *site) {
			g := s.code().Grant
			s.change(func(ctx context.Context, tx *store.Tx) error {
				return tx.ReissueGrant(ctx, g.ID, g.Again("22212345678", at(12, 0)), at(12, 0))
			})
			s.used(at(11, 30), at(12, 1))
			require.Empty(s, s.work(), "it was good then")
			b := payment.NewService(s.store.Payments(), nil)
			r, _, err := b.Refund(s.Context(), "o-1", payment.Ask{ID: "r-1", By: "p-1"}, at(12, 2))
			require.NoError(s, err)
			require.Equal(s, payment.Refunding, r.State)
			s.used(at(12, 3), at(12, 3))
			require.Equal(s, []string{store.WorkCodeUsed}, s.work(), "the old one was used after it was taken back")
			require.NoError(s, s.closeWork(store.WorkCodeUsed, at(12, 4)), "no money waits for it")
			require.Empty(s, s.work())
		},
	})
}

// A lock that opens and a lock that confirms are told in the order of the lock's log, so that no interleaving with the office loses a use.
func TestAUseAndACancellationAtOnce(t *testing.T) {
	each(t, map[string]func(*site){
		"whichever is stored first, the use is seen": func(s *site) {
			began := make(chan struct{})
			done := make(chan struct{}, 2)
			go func() {
				<-began
				s.used(at(12, 0), at(12, 0))
				done <- struct{}{}
			}()
			go func() {
				<-began
				s.takeOff(at(12, 0))
				done <- struct{}{}
			}()
			close(began)
			<-done
			<-done
			require.Equal(s, dispatch.GrantUsed, s.code().State())
			require.Equal(s, []string{store.WorkCodeUsed}, s.work())
			require.Equal(s, payment.Waiting, s.money(at(12, 1)))
		},
	})
}
