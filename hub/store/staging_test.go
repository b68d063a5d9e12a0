package store_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
)

// A column of texts is an enumeration, an id or a code, or a copy for development has something else in its place: say which in
// staging_columns.go.
func TestSomebodyHasDecidedOnEachColumnOfTextsThatACopyHas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hub.db")
	s, err := store.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.QueryContext(t.Context(), `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.type NOT IN ('BIGINT', 'INTEGER', 'BOOLEAN', 'BYTEA', 'REAL', 'DOUBLE PRECISION')`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var there []string
	for rows.Next() {
		var table, column string
		require.NoError(t, rows.Scan(&table, &column))
		if !slices.Contains(store.NotStaged, table) {
			there = append(there, table+"."+column)
			require.True(t, store.Decided(table+"."+column), "%s.%s: what has a copy for development in its place?", table, column)
		}
	}
	require.NoError(t, rows.Err())
	for _, c := range store.DecidedColumns() {
		require.True(t, slices.Contains(there, c), "there is no column %s", c)
	}
}
