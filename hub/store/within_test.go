package store

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
)

// Whoever adds a table says whose its rows are.
func TestEveryTableBelongsToOneBusinessOrToAll(t *testing.T) {
	s := openTest(t)
	require.NoError(t, s.Read(t.Context(), func(tx *Tx) error {
		scan := func(row scanner) (name string, err error) { return name, row.Scan(&name) }
		tables, err := list(t.Context(), tx, scan, `SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'`)
		for _, table := range tables {
			if table == "goose_db_version" {
				continue
			}
			_, owned := byTable[table]
			require.NotEqual(t, owned, slices.Contains(sharedTables, table), "%s: want it in ownedTables or in sharedTables", table)
		}
		require.Len(t, tables, len(byTable)+len(sharedTables)+1, "and none that is not there")
		return err
	}))
}

// What is written for each table can be read by the database, in the first business and in another, and in one warehouse of each.
func TestEveryTableCanBeReadWithinABusiness(t *testing.T) {
	s := openTest(t)
	texts := make([]any, namesAtOnce)
	for i := range texts {
		texts[i] = "a"
	}
	for _, ctx := range []context.Context{people.InBusiness(t.Context(), people.MainBusiness), people.InBusiness(t.Context(), "other"),
		people.InBusiness(t.Context(), "no'business"), people.InWarehouse(t.Context(), people.MainBusiness, "w-1"), people.InWarehouse(t.Context(), "other", "w'1")} {
		require.NoError(t, s.Read(ctx, func(tx *Tx) error {
			for _, o := range ownedTables {
				var n int
				require.NoError(t, tx.row(ctx, "SELECT COUNT(*) FROM "+o.table).Scan(&n), o.table)
			}
			for _, query := range findIn {
				_, err := list(ctx, tx, func(row scanner) (id string, err error) { return id, row.Scan(&id) }, query, texts...)
				require.NoError(t, err, query)
			}
			_, err := tx.Elsewhere(ctx, []string{"a", "b/c"})
			return err
		}))
	}
}

func TestAStatementThatWritesIsAsItWas(t *testing.T) {
	w := &within{}
	for _, query := range []string{"UPDATE orders SET state = 'a'", "INSERT INTO orders (id) SELECT id FROM shops", "DELETE FROM orders"} {
		require.Equal(t, query, w.of(sqliteEngine{}, "b", "", query))
	}
	require.Equal(t, "SELECT 1", w.of(sqliteEngine{}, "b", "", "SELECT 1"))
	text := w.of(postgresEngine{}, "b", "", "WITH x AS (SELECT id FROM shops) SELECT id FROM x")
	require.True(t, strings.HasPrefix(text, "WITH shops AS NOT MATERIALIZED (SELECT t.* FROM public.shops t WHERE t.business_id = 'b')"), text)
	require.Equal(t, 1, strings.Count(text, "WITH"))
}
