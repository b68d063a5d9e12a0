package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/audit"
	"meguri/hub/order"
	"meguri/hub/store"
)

// actsOf are the entries about an order, the oldest first, as "who act before>after".
func actsOf(t *testing.T, s *store.Store, id string) (told []string) {
	t.Helper()
	var found []audit.Entry
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		found, err = tx.AuditEntries(t.Context(), store.AuditFilter{Of: id, Most: 10})
		return err
	}))
	for _, e := range found {
		require.NotEmpty(t, e.Chain, "it is chained")
		told = append([]string{e.Person + " " + e.Act + " " + e.Before + ">" + e.After}, told...)
	}
	return told
}

func TestAnOrderLeavesOneActForEachThatSomebodyDid(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, _ := fresh(t, empty)
		service := order.NewService(s.Orders())
		place(t, service, held("o-1", time.Minute, "a-rare", 2))
		_, err := service.Confirm(t.Context(), "o-1", "person-2", before.Add(time.Second))
		require.NoError(t, err)
		again, err := service.Confirm(t.Context(), "o-1", "person-2", before.Add(2*time.Second))
		require.NoError(t, err)
		require.True(t, again.Repeated)
		_, err = service.Cancel(t.Context(), "o-1", "person-3", "no need", before.Add(3*time.Second))
		require.NoError(t, err)
		_, err = service.Confirm(t.Context(), "o-1", "person-2", before.Add(4*time.Second))
		require.Error(t, err)
		require.Equal(t, []string{"person-1 order.place >held", "person-2 order.confirm held>accepted",
			"person-3 order.cancel accepted>cancelled"}, actsOf(t, s, "o-1"), "what is repeated or refused leaves none")

		place(t, service, held("o-2", time.Minute, "a-rare", 2))
		place(t, service, request("o-3", "a-rare", 2))
		require.Equal(t, []string{"person-1 order.refused >refused"}, actsOf(t, s, "o-3"))
		_, err = service.ExpireDue(t.Context(), before.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, []string{"person-1 order.place >held"}, actsOf(t, s, "o-2"), "the clock is nobody")
	})
}
