package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// In a flash sale thousands are held while their payments go on. A confirmation must not look through all of them: the index of
// what is held offers itself, since it is small when nobody is buying.
func TestAConfirmationFindsItsOrderByItsID(t *testing.T) {
	s := openTest(t)
	text := confirmOrders.text(s.engine, 16)
	for _, fill := range []string{"ANALYZE", `INSERT INTO sqlite_stat1 VALUES ('orders', 'orders_by_date', '50000 50000 2084'),
		('orders', 'sqlite_autoindex_orders_1', '50000 1'), ('orders', 'orders_held', '0 0')`, "ANALYZE sqlite_schema"} {
		_, err := s.database.migrates().ExecContext(t.Context(), fill)
		require.NoError(t, err)
	}
	rows, err := s.database.migrates().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, 48)...)
	require.NoError(t, err)
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		plan = append(plan, step)
	}
	require.NoError(t, rows.Close())
	require.Contains(t, strings.Join(plan, "\n"), "SEARCH orders USING INDEX sqlite_autoindex_orders_1 (id=?)")
}
