package apitest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/store"
)

// Risky calls off the orders of the day at a station, and has the code of one open a door all the same. It gives that one's id: money that
// depends on it waits.
func (h *Hub) Risky(tb testing.TB) (id string) {
	tb.Helper()
	ctx := tb.Context()
	var orders []string
	require.NoError(tb, h.Store.Read(ctx, func(tx *store.Tx) (err error) {
		orders, err = tx.AcceptedOrders(ctx, Date, "loc-001")
		return err
	}))
	w := h.Do("POST", "/v1/calloffs", h.Token(tb, people.Admin), `{"delivery_date":"`+Date+`","location_id":"loc-001","reason":"the station burns","apply":true}`)
	require.Equal(tb, 200, w.Code, w.Body)
	require.NoError(tb, h.Store.Change(ctx, func(tx *store.Tx) error {
		for _, o := range orders {
			codes, err := tx.CodesOfOrder(ctx, o)
			if err != nil {
				return err
			}
			if len(codes) > 0 && !codes[0].RevokedAt.IsZero() {
				id = o
				return tx.GrantUsed(ctx, codes[0].ID, "loc-001", "loc-001-fridge-1", Now, Now)
			}
		}
		return errors.New("no order that was called off had a code")
	}))
	return id
}
