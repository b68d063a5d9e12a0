package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// TestAShippersKeyCountsAtItsStationsAsLongAsItsDeviceDoes: what a shipper states opens or holds goods at stations that have no network, so
// they are told when its device is revoked, or another takes its place.
func TestAShippersKeyCountsAtItsStationsAsLongAsItsDeviceDoes(t *testing.T) {
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	g, s := replaced(t, now)
	_, err := order.NewService(s.Orders()).Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "m",
		Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, now, "test")
	require.NoError(t, err)
	ctx := t.Context()
	change := func(fn func(*store.Tx) error) {
		t.Helper()
		require.NoError(t, s.Change(ctx, fn))
	}
	var shipper string
	change(func(tx *store.Tx) error {
		require.NoError(t, tx.Freeze(ctx, "2026-12-01", now))
		containers, err := tx.ContainersOfLocation(ctx, "2026-12-01", "loc-1")
		require.NoError(t, err)
		c := containers[0]
		shipper = c.ShipperID
		require.NotEmpty(t, shipper)
		c.State, c.GRAI, c.LoadedAt = dispatch.Loaded, "095200010000101", now
		require.NoError(t, tx.SaveContainer(ctx, c))
		d, err := tx.Device(ctx, "old")
		require.NoError(t, err)
		return tx.SaveDevice(ctx, d.Greet(fleet.Greeting{Incarnation: protocol.NewIncarnation().String(), Boot: 1, Revision: protocol.Revision}, false, now))
	})
	signs := func(device string, key byte) {
		t.Helper()
		change(func(tx *store.Tx) error {
			public := make([]byte, 32)
			public[0] = key
			_, err := tx.SaveSigningKey(ctx, device, public, now)
			return err
		})
		require.NoError(t, plan.NewMaker(s, live.New(), g.Clock, g.Logger).Make(ctx, "loc-1"))
	}
	// known are the keys in the newest plan of the station, and its version.
	known := func() (keys []byte, version uint64) {
		t.Helper()
		change(func(tx *store.Tx) error {
			p, ok, err := tx.NewestPlan(ctx, "old")
			require.NoError(t, err)
			require.True(t, ok)
			for _, part := range p.Parts {
				if !strings.HasPrefix(part.Name, "lock/") {
					continue
				}
				body, err := tx.PlanPart(ctx, "old", p.Version, part.Hash)
				require.NoError(t, err)
				var lock protocol.LockPlan
				require.NoError(t, protocol.DecodeBody(body, &lock))
				for _, k := range lock.Shippers {
					keys = append(keys, k.Public[0])
				}
			}
			version = p.Version
			return nil
		})
		return keys, version
	}

	_, err = runDevice(t, g, "add", "box", "--role", "shipper", "--place", shipper, "--out", filepath.Join(g.DataDir, "box"))
	require.NoError(t, err)
	signs("box", 1)
	keys, first := known()
	require.Equal(t, []byte{1}, keys)

	_, err = runDevice(t, g, "replace", "box", "--with", "box-b", "--out", filepath.Join(g.DataDir, "box-b"))
	require.NoError(t, err)
	keys, second := known()
	require.Empty(t, keys, "the command itself has the stations told")
	require.Greater(t, second, first)
	signs("box-b", 2)
	keys, _ = known()
	require.Equal(t, []byte{2}, keys)

	_, err = runDevice(t, g, "revoke", "box-b")
	require.NoError(t, err)
	keys, _ = known()
	require.Empty(t, keys)
}
