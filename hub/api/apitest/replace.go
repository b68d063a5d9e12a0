package apitest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
)

// Replace adds a board that is being put into service at the place of another, which goes on. It has said hello.
func (h *Hub) Replace(tb testing.TB, former, device string) {
	tb.Helper()
	ctx := tb.Context()
	require.NoError(tb, h.Store.Change(ctx, func(tx *store.Tx) error {
		old, err := tx.Device(ctx, former)
		if err != nil {
			return err
		}
		d := fleet.Device{ID: device, Place: old.Place, Role: old.Role, AddedAt: Now, AddedBy: "test"}
		if err := tx.AddDevice(ctx, d); err != nil {
			return err
		}
		d = d.Greet(fleet.Greeting{Incarnation: incarnation(device), Boot: 1, Session: 1, Software: "test", Revision: 4}, false, Now)
		if err := tx.SaveDevice(ctx, d); err != nil {
			return err
		}
		return tx.BeginCommissioning(ctx, fleet.Commissioning{ID: "m-" + device, Device: device, Former: former, Location: old.Place, BeganAt: Now,
			BeganBy: "console"})
	}))
}
