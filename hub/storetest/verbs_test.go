package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/order"
	"meguri/hub/store"
)

// held asks for products at loc-1 with a hold.
func held(id string, hold time.Duration, of ...any) order.Request {
	r := request(id, of...)
	r.Hold = hold
	return r
}

func TestOrdersThatAreHeld(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"a held order takes what it holds until it is confirmed or its deadline passes", holdTakes},
			{"no hold outlasts the cutoff", holdEndsAtCutoff},
			{"a confirmation at the deadline is too late, and gives back what was held", confirmTooLate},
			{"of confirming and expiring in two processes exactly one wins", confirmAgainstExpire},
			{"a customer puts nothing back that others take off meanwhile", lessens},
			{"cancelling gives back, once, and not after the cutoff", cancels},
			{"units that are withdrawn are given back and counted, and an order without units is called off", withdraws},
			{"what was numbered is in the history with when it was so and when it was known", history},
			{"an idempotency key belongs to the order that was decided under it", keys},
			{"an order that cannot be stored does not fail those beside it", poison},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

func stateOf(t *testing.T, s *order.Service, id string) order.State {
	t.Helper()
	o, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	return o.State
}

func soldOf(t *testing.T, s *order.Service, product string) int64 {
	t.Helper()
	left, err := s.Remaining(t.Context(), date)
	require.NoError(t, err)
	for _, p := range left.Products {
		if p.Product == product {
			return p.Sold
		}
	}
	t.Fatal("no such product ", product)
	return 0
}

func holdTakes(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	require.Equal(t, order.Held, place(t, service, held("o-1", time.Minute, "a-rare", 2)).State)
	require.Equal(t, order.Refused, place(t, service, request("o-2", "a-rare", 2)).State)
	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, before.Add(time.Minute), o.HoldUntil)
	require.Len(t, o.Items, 2)

	ended, err := service.ExpireDue(t.Context(), before.Add(time.Minute-time.Millisecond))
	require.NoError(t, err)
	require.Empty(t, ended)
	next, err := service.NextDeadline(t.Context())
	require.NoError(t, err)
	require.Equal(t, before.Add(time.Minute), next)
	ended, err = service.ExpireDue(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, []string{"o-1"}, ended)
	require.Equal(t, order.Refused, place(t, service, request("o-2", "a-rare", 2)).State, "what was refused stays so")
	require.Equal(t, order.Held, place(t, service, held("o-3", time.Minute, "a-rare", 3)).State)

	out, err := service.Confirm(t.Context(), "o-3", "person-2", before.Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, order.Outcome{OrderID: "o-3", DeliveryDate: date, State: order.Accepted}, out)
	for name, service := range map[string]*order.Service{"same": service, "new": order.NewService(s.Orders())} {
		out, err = service.Confirm(t.Context(), "o-3", "person-2", before.Add(time.Hour))
		require.NoError(t, err, name)
		require.True(t, out.Repeated, name)
		ended, err = service.ExpireDue(t.Context(), before.Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, ended, "what is confirmed does not expire")
		_, err = service.Confirm(t.Context(), "o-1", "person-2", before)
		require.ErrorIs(t, err, order.ErrExpired, name)
		_, err = service.Confirm(t.Context(), "o-2", "person-2", before)
		require.ErrorIs(t, err, order.ErrEnded, name)
		_, err = service.Confirm(t.Context(), "o-9", "person-2", before)
		require.ErrorIs(t, err, order.ErrNotFound, name)
	}
}

func holdEndsAtCutoff(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	cutoff := time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)
	_, err := service.Place(t.Context(), held("o-1", time.Hour, "a-rare", 1), cutoff.Add(-time.Minute), "person-1")
	require.NoError(t, err)
	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, cutoff, o.HoldUntil)
	for _, hold := range []time.Duration{-time.Second, order.MaxHold + time.Second} {
		_, err = service.Place(t.Context(), held("o-2", hold, "a-rare", 1), before, "person-1")
		var wrong *order.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "hold_seconds", wrong.Field)
	}
	err = s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, cutoff) })
	require.ErrorIs(t, err, store.ErrStillHeld, "numbering is not frozen while a hold is undecided")
	_, err = service.Expire(t.Context(), date, cutoff)
	require.NoError(t, err)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, cutoff) }))
}

func confirmTooLate(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	place(t, service, held("o-1", time.Minute, "a-rare", 3))
	_, err := service.Confirm(t.Context(), "o-1", "person-1", before.Add(time.Minute))
	require.ErrorIs(t, err, order.ErrExpired)
	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, order.Expired, o.State)
	require.Equal(t, before.Add(time.Minute), o.EndedAt)
	require.Equal(t, order.ReasonExpired, o.EndReason)
	require.Empty(t, o.Items)
	require.Equal(t, order.Accepted, place(t, service, request("o-2", "a-rare", 3)).State)
}

func confirmAgainstExpire(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	one, two := order.NewService(s.Orders()), order.NewService(Open(t, url).Orders())
	deadline := before.Add(time.Minute)
	for round := range 10 {
		id := fmt.Sprintf("o-%d", round)
		require.Equal(t, order.Held, place(t, one, held(id, time.Minute, "a-rare", 3)).State, "what expired is free again")
		var confirmed, expired error
		var ended []string
		var both sync.WaitGroup
		both.Go(func() { _, confirmed = one.Confirm(t.Context(), id, "person-1", deadline.Add(-time.Millisecond)) })
		both.Go(func() { ended, expired = two.Expire(t.Context(), date, deadline) })
		both.Wait()
		require.NoError(t, expired)
		if confirmed == nil {
			require.Empty(t, ended)
			require.Equal(t, order.Accepted, stateOf(t, two, id))
			_, err := two.Cancel(t.Context(), id, "person-1", "", deadline)
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, confirmed, order.ErrExpired)
		require.Equal(t, []string{id}, ended)
		require.Equal(t, order.Expired, stateOf(t, one, id))
	}
	require.Zero(t, soldOf(t, one, "a-rare"))
}

// lessens: a customer whose page still shows three sends the three again while support takes two of them off, in two processes. Whoever
// comes first, nobody gets for nothing what was taken off.
func lessens(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	one, two := order.NewService(s.Orders()), order.NewService(Open(t, url).Orders())
	lines := func(units int64) []order.Line { return []order.Line{{ProductID: "a-rare", Quantity: units}} }
	has := func(id string) int {
		o, err := two.Get(t.Context(), id)
		require.NoError(t, err)
		return len(o.Items)
	}
	refused := map[bool]int{}
	for round := range 20 {
		id := fmt.Sprintf("o-%d", round)
		require.Equal(t, order.Accepted, place(t, one, request(id, "a-rare", 3)).State)
		var again, less error
		var both sync.WaitGroup
		both.Go(func() { _, again = one.Lessen(t.Context(), id, "customer", lines(3), before) })
		both.Go(func() { _, less = two.Revise(t.Context(), id, "support", lines(1), before) })
		both.Wait()
		require.NoError(t, less)
		if again != nil {
			require.ErrorIs(t, again, order.ErrMore)
		}
		refused[again != nil]++
		require.Equal(t, 1, has(id), "round %d: the customer got %v", round, again)
		_, err := one.Lessen(t.Context(), id, "customer", []order.Line{{ProductID: "a-rare", Quantity: 1}, {ProductID: "a-rare", Quantity: 1}}, before)
		require.ErrorIs(t, err, order.ErrMore, "nor in two lines")
		_, err = one.Lessen(t.Context(), id, "customer", []order.Line{{ProductID: "a-cold", Quantity: 1}}, before)
		require.ErrorIs(t, err, order.ErrMore, "nor something else in its place")
		_, err = one.Lessen(t.Context(), id, "customer", lines(1), before)
		require.NoError(t, err)
		_, err = one.Cancel(t.Context(), id, "customer", "", before)
		require.NoError(t, err)
	}
	t.Log("the customer was refused", refused[true], "times of 20")
}

func cancels(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	place(t, service, request("o-1", "a-rare", 3, "b-cold", 1))
	place(t, service, request("o-2", "a-cold", 1))
	out, err := service.Cancel(t.Context(), "o-1", "person-2", "changed my mind", before.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, order.Outcome{OrderID: "o-1", DeliveryDate: date, State: order.Cancelled}, out)
	again, err := service.Cancel(t.Context(), "o-1", "person-2", "", before.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, again.Repeated)
	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Empty(t, o.Items)
	require.Equal(t, "changed my mind", o.EndReason)
	require.Equal(t, before.Add(time.Minute), o.EndedAt)
	require.Equal(t, order.Accepted, place(t, service, request("o-3", "a-rare", 3, "b-cold", 1)).State, "and all is free again")
	acts, err := read(t, s, func(tx *store.Tx) (all []string, err error) {
		of, err := tx.Acts(t.Context(), "o-1", 10)
		for _, a := range of {
			all = append(all, a.Act+" "+a.Person)
		}
		return all, err
	})
	require.NoError(t, err)
	require.Equal(t, []string{"order.cancel person-2", "order.place person-1"}, acts)

	cutoff := time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)
	_, err = service.Cancel(t.Context(), "o-2", "person-1", "", cutoff)
	require.ErrorIs(t, err, order.ErrAfterCutoff)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, cutoff) }))
	for _, do := range []func(string) error{
		func(id string) error { _, err := service.Cancel(t.Context(), id, "p", "", before); return err },
		func(id string) error {
			_, err := service.Revise(t.Context(), id, "p", []order.Line{{ProductID: "a-cold", Quantity: 1}}, before)
			return err
		},
		func(id string) error {
			_, err := service.Withdraw(t.Context(), id, "p", []order.Unit{{Line: 1, Unit: 1}}, "", before)
			return err
		},
	} {
		require.ErrorIs(t, do("o-2"), order.ErrAfterCutoff, "numbering is frozen")
		require.ErrorIs(t, do("o-9"), order.ErrNotFound)
	}
	require.Equal(t, order.Accepted, stateOf(t, service, "o-2"))
}

func withdraws(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	place(t, service, request("o-1", "a-rare", 2, "a-cold", 1))
	_, err := service.Withdraw(t.Context(), "o-1", "person-1", []order.Unit{{Line: 1, Unit: 2}, {Line: 7, Unit: 1}}, "no more", before)
	require.NoError(t, err)
	again, err := service.Withdraw(t.Context(), "o-1", "person-1", []order.Unit{{Line: 1, Unit: 2}}, "no more", before)
	require.NoError(t, err)
	require.True(t, again.Repeated)
	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, order.Accepted, o.State)
	require.Equal(t, []order.LineState{{Withdrawn: 1}, {}}, o.LineStates)
	require.Len(t, o.Items, 2)
	require.Equal(t, int64(1), soldOf(t, service, "a-rare"))
	out, err := service.Withdraw(t.Context(), "o-1", "person-1", []order.Unit{{Line: 1, Unit: 1}, {Line: 2, Unit: 1}}, "no more", before)
	require.NoError(t, err)
	require.Equal(t, order.CalledOff, out.State)
	o, err = service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, "no more", o.EndReason)
	require.Equal(t, []order.LineState{{Withdrawn: 2}, {Withdrawn: 1}}, o.LineStates)
	require.Empty(t, o.Items)
}

func history(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	known := before.Add(time.Second)
	service := order.NewService(s.Orders()).WithClock(func() time.Time { return known })
	place(t, service, request("o-1", "a-cold", 1))
	known = known.Add(time.Minute)
	_, err := service.Cancel(t.Context(), "o-1", "person-1", "", before.Add(time.Minute))
	require.NoError(t, err)
	known = known.Add(time.Minute)
	place(t, service, request("o-2", "a-cold", 1))
	o, err := service.Get(t.Context(), "o-2")
	require.NoError(t, err)
	require.Equal(t, "C-20261201-0002", o.Items[0].ContainerID, "no id is used twice, also by a book that is loaded")

	db := raw(t, url)
	type version struct {
		ID, Cause                     string
		From, Until, Known, KnownThen int64
	}
	// What is cancelled was thought to last; that it lasted until it was cancelled is known since.
	const open = 1<<63 - 1
	from, at := before.UnixMilli(), before.Add(time.Minute).UnixMilli()
	first, ended := known.Add(-2*time.Minute).UnixMilli(), known.Add(-time.Minute).UnixMilli()
	want := func(gone, stays string) []version {
		return []version{{gone, "cancel", from, open, first, ended}, {gone, "cancel", from, at, ended, open},
			{stays, "", from, open, known.UnixMilli(), open}}
	}
	for table, rows := range map[string][]version{
		"id FROM container_timeline":  want("C-20261201-0001", "C-20261201-0002"),
		"order_id FROM item_timeline": want("o-1", "o-2"),
	} {
		var got []version
		all, err := db.QueryContext(t.Context(), "SELECT valid_from, valid_until, known_from, known_until, cause, "+table+" ORDER BY 6, 3")
		require.NoError(t, err)
		for all.Next() {
			var v version
			require.NoError(t, all.Scan(&v.From, &v.Until, &v.Known, &v.KnownThen, &v.Cause, &v.ID))
			got = append(got, v)
		}
		require.NoError(t, all.Err())
		require.NoError(t, all.Close())
		require.Equal(t, rows, got, table)
	}
	require.Equal(t, order.Accepted, place(t, order.NewService(s.Orders()), request("o-3", "a-cold", 1)).State)
}

func keys(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	r := request("o-1", "a-rare", 2)
	r.Key = order.Key{Text: "key 1", Hash: "abc"}
	require.Equal(t, order.Accepted, place(t, service, r).State)
	k, err := service.OfKey(t.Context(), "person-1", "key 1")
	require.NoError(t, err)
	require.Equal(t, order.Keyed{OrderID: "o-1", Hash: "abc", State: order.Accepted, At: before}, k)
	_, err = service.OfKey(t.Context(), "person-2", "key 1")
	require.ErrorIs(t, err, order.ErrNotFound, "keys of others are not ours")
	require.True(t, place(t, service, r).Repeated)

	other := request("o-2", "a-rare", 1)
	other.Key = r.Key
	for range 2 {
		_, err = service.Place(t.Context(), other, before, "person-1")
		require.ErrorIs(t, err, order.ErrKeyReused)
		_, err = service.Get(t.Context(), "o-2")
		require.ErrorIs(t, err, order.ErrNotFound)
	}
	require.Equal(t, int64(2), soldOf(t, service, "a-rare"))
	_, err = service.Place(t.Context(), other, before, "person-2")
	require.NoError(t, err)
}

// A group that waits behind a slow commit holds an id that is in use for another date, and one that no database can hold.
func poison(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	taken := request("taken", "a-cold", 1)
	taken.DeliveryDate = "2026-12-02"
	place(t, service, taken)
	var all sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		all.Go(func() {
			r, by := request(fmt.Sprintf("o-%d", i), "a-rare", 1), "person-1"
			switch i {
			case 3:
				r.ID = "taken"
			case 6:
				by = "no text \x00\xff" // PostgreSQL refuses it; SQLite takes it
			}
			_, errs[i] = service.Place(t.Context(), r, before, by)
		})
	}
	all.Wait()
	require.ErrorIs(t, errs[3], order.ErrConflict)
	for i, err := range errs {
		if i != 3 && i != 6 {
			require.NoError(t, err, i)
		}
	}
	if errs[6] != nil {
		require.ErrorIs(t, errs[6], order.ErrRejected)
	}
}
