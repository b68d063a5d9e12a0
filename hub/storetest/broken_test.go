package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/capacity"
	"meguri/hub/order"
	"meguri/hub/store"
)

// heldDay is the clean day with an order that is held for a minute and one that is held for an hour.
func heldDay(t *testing.T, empty func() string) (*store.Store, string) {
	s, url := cleanDay(t, empty)
	service := order.NewService(s.Orders())
	require.Equal(t, order.Held, place(t, service, held("h-1", time.Minute, "b-cold", 1)).State)
	require.Equal(t, order.Held, place(t, service, held("h-2", time.Hour, "a-rare", 1)).State)
	return s, url
}

// Whatever row is broken: what ends or confirms an order needs no book.
func TestOnABrokenDateHoldsEndAndOrdersAreConfirmedAndCancelled(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, url := heldDay(t, empty)
		exec, restore := lawless(t, url)
		for _, c := range corruptions() {
			t.Run(c.rule, func(t *testing.T) {
				restore()
				loaded := order.NewService(s.Orders()) // knows the date as it was, and nothing tells it
				_, err := loaded.Remaining(t.Context(), date)
				require.NoError(t, err)
				for _, statement := range c.statements {
					exec(statement)
				}
				was := found(lookAt(t, s))
				ended, err := loaded.Expire(t.Context(), date, before.Add(2*time.Minute))
				require.NoError(t, err)
				require.Contains(t, ended, "h-1")
				service := order.NewService(s.Orders())
				require.Equal(t, order.Expired, stateOf(t, service, "h-1"))
				o, err := service.Confirm(t.Context(), "h-2", "person-1", before.Add(3*time.Minute))
				require.NoError(t, err)
				require.Equal(t, order.Accepted, o.State)
				if _, err = service.Cancel(t.Context(), "o-1", "person-1", "", before.Add(4*time.Minute)); errors.Is(err, order.ErrAfterCutoff) {
					return // it is frozen
				}
				require.NoError(t, err)
				left := text(t, s, url, "SELECT COUNT(*) FROM order_items WHERE order_id IN ('o-1', 'h-1')")
				require.Equal(t, "0", left, "they hold nothing any more")
				require.Subset(t, was, found(lookAt(t, s)), "nothing else is broken by it")
			})
		}
	})
}

func TestABrokenDateTakesNoOrdersAndSaysWhatIsBroken(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, url := heldDay(t, empty)
		exec, restore := lawless(t, url)
		exec(container("used_ml = used_ml + 1", coldA))
		var broken *capacity.BrokenError
		_, err := order.NewService(s.Orders()).Place(t.Context(), request("o-9", "a-dry", 1), before, "person-1")
		require.ErrorAs(t, err, &broken)
		require.Equal(t, []string{coldA}, broken.Containers)
		service := order.NewService(s.Orders())
		_, err = service.Revise(t.Context(), "o-1", "person-1", []order.Line{{ProductID: "a-dry", Quantity: 1}}, before)
		require.ErrorAs(t, err, &broken)
		_, err = service.Withdraw(t.Context(), "o-1", "person-1", []order.Unit{{Line: 1, Unit: 1}}, "", before)
		require.ErrorAs(t, err, &broken)
		_, err = service.Remaining(t.Context(), date)
		require.ErrorAs(t, err, &broken)
		again := request("o-1", "b-cold", 1, "a-cold", 1, "a-dry", 1)
		require.True(t, place(t, service, again).Repeated, "who asks again for what is decided is answered")
		restore()
		_, err = service.Remaining(t.Context(), date)
		require.NoError(t, err, "once it is whole, numbering goes on")
	})
}

func TestOnABrokenDateOfConfirmingAndExpiringInTwoProcessesExactlyOneWins(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, url := fresh(t, empty)
		one, two := order.NewService(s.Orders()), order.NewService(Open(t, url).Orders())
		ids := []string{"h-1", "h-2", "h-3"}
		for _, id := range ids {
			require.Equal(t, order.Held, place(t, one, held(id, time.Minute, "a-rare", 1)).State)
		}
		Break(t, url, "UPDATE dated_containers SET used_ml = used_ml + 1")
		was := loaded(t, s).Mark
		one = order.NewService(s.Orders()) // knows nothing of how it was
		deadline := before.Add(time.Minute)
		var all sync.WaitGroup
		var ended []string
		var expired error
		confirmed := make([]error, len(ids))
		for i, id := range ids {
			all.Go(func() { _, confirmed[i] = one.Confirm(t.Context(), id, "person-1", deadline.Add(-time.Millisecond)) })
		}
		all.Go(func() { ended, expired = two.Expire(t.Context(), date, deadline) })
		all.Wait()
		require.NoError(t, expired)
		for i, id := range ids {
			if confirmed[i] == nil {
				require.NotContains(t, ended, id)
				require.Equal(t, order.Accepted, stateOf(t, two, id))
				continue
			}
			require.ErrorIs(t, confirmed[i], order.ErrExpired)
			require.Contains(t, ended, id)
		}
		is := loaded(t, s)
		require.Greater(t, is.Mark.Revision, was.Revision, "who knows the date in memory has to look again")
		require.Len(t, is.State.Items, len(ids)-len(ended))
		require.Equal(t, fmt.Sprint(len(ended)), text(t, s, url, "SELECT COUNT(*) FROM order_item_history WHERE cause = 'expire' AND valid_until < 9223372036854775807"))
		for _, id := range ids {
			if stateOf(t, one, id) == order.Accepted {
				_, err := one.Cancel(t.Context(), id, "person-1", "", deadline)
				require.NoError(t, err)
			}
		}
		require.Empty(t, loaded(t, s).State.Containers, "what is empty is closed, broken or not")
		require.Equal(t, order.Accepted, place(t, one, request("o-1", "a-rare", 3)).State, "and the date is whole again")
	})
}
