package storetest

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Break changes rows as no code of ours does: past the keys and checks of the schema. Whoever has the rows in memory is not told.
func Break(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	db := raw(tb, url)
	defer func() { require.NoError(tb, db.Close()) }()
	db.SetMaxOpenConns(1) // what follows is said of one connection
	lawless := []string{"SET session_replication_role = replica"}
	if strings.HasPrefix(url, "sqlite:") {
		lawless = []string{"PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"}
	}
	for _, s := range append(lawless, statements...) {
		_, err := db.ExecContext(tb.Context(), s)
		require.NoError(tb, err, s)
	}
}

// raw opens a database beside the store, with the keys that the store has and leaving as little behind, until the test ends.
func raw(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	driver, address := "pgx", url
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, address = "sqlite", "file:"+file+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=secure_delete(1)"
	}
	db, err := sql.Open(driver, address)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// Rows gives all rows of a query, read beside the store.
func Rows(tb testing.TB, url, query string) (all [][]any) {
	tb.Helper()
	rows, err := raw(tb, url).QueryContext(tb.Context(), query)
	require.NoError(tb, err, query)
	defer func() { require.NoError(tb, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(tb, err)
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		require.NoError(tb, rows.Scan(into...))
		all = append(all, row)
	}
	require.NoError(tb, rows.Err())
	return all
}
