package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/order"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestAnOrderIsShownAndCancelled(t *testing.T) {
	g, out := globals(t)
	g.Clock = clock.New(time.Now(), time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), 1)
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	running := order.NewService(s.Orders())
	_, err := running.Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "member-1",
		Hold: time.Hour, Lines: []order.Line{{ProductID: "a-rare", Quantity: 3}}}, g.Clock.Now(), "p")
	require.NoError(t, err)
	require.NoError(t, (&OrderShowCmd{ID: "o-1"}).Run(g))
	require.Contains(t, out.String(), "o-1, held, loc-1 on 2026-12-01")
	require.Contains(t, out.String(), "item      1.3 a-rare in C-20261201-0001, address spot-1-1, shipper box-1-cold of route-1@2026-12-01, slot loc-1-f1-s1")
	require.EqualError(t, (&OrderShowCmd{ID: "o-9"}).Run(g), "order o-9: no such order")

	require.NoError(t, (&OrderCancelCmd{ID: "o-1", Reason: "by phone"}).Run(g))
	require.Contains(t, out.String(), "order o-1 for 2026-12-01 is cancelled\n")
	require.NoError(t, (&OrderCancelCmd{ID: "o-1"}).Run(g))
	require.Contains(t, out.String(), "is cancelled, as it was before")
	require.EqualError(t, (&OrderCancelCmd{ID: "o-9"}).Run(g), "order o-9: no such order")
	out.Reset()
	require.NoError(t, (&OrderShowCmd{ID: "o-1"}).Run(g))
	require.Contains(t, out.String(), "by phone")
	// A service that was running learns of it.
	o, err := running.Place(t.Context(), order.Request{ID: "o-2", DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "member-1",
		Lines: []order.Line{{ProductID: "a-rare", Quantity: 3}}}, g.Clock.Now(), "p")
	require.NoError(t, err)
	require.Equal(t, order.Accepted, o.State)
}
