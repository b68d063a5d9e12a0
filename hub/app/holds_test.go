package app

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// heldOrder is held for so long; a date of the network is far behind the bubble's clock, whose year is 2000.
func heldOrder(id string, hold time.Duration) order.Request {
	return order.Request{ID: id, DeliveryDate: day1, LocationID: "loc-1", CustomerID: "member-1", Hold: hold,
		Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}
}

func newHolds(s *store.Store, lookEvery time.Duration) *holds {
	return &holds{orders: order.NewService(s.Orders()), feed: live.New(), clock: clock.Real(), logger: slog.New(slog.DiscardHandler),
		lookEvery: lookEvery}
}

// endedAfter waits until the order is not held any more and says how long after its deadline that was.
func endedAfter(t *testing.T, s *order.Service, id string) time.Duration {
	t.Helper()
	for range 10_000 {
		o, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		if o.State != order.Held {
			require.Equal(t, order.Expired, o.State)
			return o.EndedAt.Sub(o.HoldUntil)
		}
		time.Sleep(100 * time.Millisecond) // of the bubble's clock
	}
	t.Fatal("it is held for ever")
	return 0
}

func TestAHoldComesBackWithinASecondOfItsDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		lookEvery time.Duration
		others    bool // the hub that took the hold is gone
	}{
		"of this hub":              {time.Hour, false},
		"of a hub that is no more": {lookEvery(4), true},
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.SQLite(t)
			synctest.Test(t, func(t *testing.T) {
				s, err := store.Open(t.Context(), url)
				require.NoError(t, err)
				storetest.Import(t, s, storetest.Network(t))
				h := newHolds(s, c.lookEvery)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- h.run(ctx) }()
				taker := h.orders
				if c.others {
					taker = order.NewService(s.Orders())
				}
				for id, hold := range map[string]time.Duration{"o-1": 5 * time.Minute, "o-2": 90 * time.Second} {
					o, err := taker.Place(t.Context(), heldOrder(id, hold), time.Now(), "test")
					require.NoError(t, err)
					require.Equal(t, order.Held, o.State)
				}
				require.Less(t, endedAfter(t, h.orders, "o-2"), time.Second)
				o, err := h.orders.Get(t.Context(), "o-1")
				require.NoError(t, err)
				require.Equal(t, order.Held, o.State, "only what is due")
				require.Less(t, endedAfter(t, h.orders, "o-1"), time.Second)
				cancel()
				require.ErrorIs(t, <-done, context.Canceled)
				require.NoError(t, s.Close())
			})
		})
	}
}

func TestWhatBecameDueWhileTheHubWasDownIsGivenBackBeforeItServes(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, s, storetest.Network(t, bulk.ProductsFile, "cold,400,20", "cold,400,1"))
	before := order.NewService(s.Orders())
	o, err := before.Place(t.Context(), heldOrder("o-1", time.Minute), at(0, 0), "test")
	require.NoError(t, err)
	require.Equal(t, order.Held, o.State)
	h := newHolds(s, time.Hour)
	h.clock = clock.New(time.Now(), at(0, 1), 1)
	h.start(t.Context())
	o, err = h.orders.Place(t.Context(), heldOrder("o-2", time.Minute), at(0, 1), "test")
	require.NoError(t, err)
	require.Equal(t, order.Held, o.State, "there is room again")
}

func TestADateIsFrozenOnlyWhenItsLastHoldIsDecided(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, s, storetest.Network(t))
	d := newDay(s)
	_, err := d.orders.Place(t.Context(), heldOrder("o-1", 3*time.Hour), at(0, 0), "test")
	require.NoError(t, err)
	require.NoError(t, d.turn(t.Context(), at(2, 0)))
	b := &bench{day: d, t: t}
	require.True(t, b.frozen())
	require.Equal(t, order.Expired, b.state("o-1"))
	require.Empty(t, b.grants("loc-1"), "an order that was not confirmed gets no code")
}

func TestIdempotencyKeysAreForgottenByAgeAndNumber(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, s, storetest.Network(t))
	d := newDay(s)
	now := at(0, 0)
	d.orders.WithClock(func() time.Time { return now })
	for i := range 4 {
		r := heldOrder(string(rune('a'+i)), 0)
		r.Key = order.Key{Text: r.ID, Hash: "h"}
		now = now.Add(time.Minute)
		_, err := d.orders.Place(t.Context(), r, at(0, 0), "p")
		require.NoError(t, err)
	}
	kept := func() (keys string) {
		for _, key := range []string{"a", "b", "c", "d"} {
			if _, err := d.orders.OfKey(t.Context(), "p", key); err == nil {
				keys += key
			}
		}
		return keys
	}
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.ForgetKeys(t.Context(), time.Time{}, 3) }))
	require.Equal(t, "bcd", kept())
	require.NoError(t, d.forgetKeys(t.Context(), at(0, 3).Add(keysFor)))
	require.Equal(t, "cd", kept())
}
