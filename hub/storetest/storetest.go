// Package storetest runs tests on every database engine that the hub's store supports: SQLite in a file, and a private
// PostgreSQL cluster.
package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/pgtest"
)

// Each runs test on each engine, as subtests. Every call of empty makes another database without a row and gives its URL.
func Each(t *testing.T, test func(t *testing.T, empty func() string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func() string { return SQLite(t) })
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func() string { return Postgres(t) })
	})
}

// EachBare is Each for databases in which nothing is at all.
func EachBare(t *testing.T, test func(t *testing.T, bare func() string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func() string { return sqlite(t) })
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func() string { return pgtest.Copy(t, "bare", func(string) {}) })
	})
}

// SQLite gives the URL of a database in a file that ends with the test, with the schema in it.
func SQLite(tb testing.TB) string {
	tb.Helper()
	schema, err := schemaFile()
	require.NoError(tb, err)
	url := sqlite(tb)
	require.NoError(tb, os.WriteFile(strings.TrimPrefix(url, "sqlite:"), schema, 0o600))
	return url
}

// sqlite gives the URL of a database of which there is no file yet.
func sqlite(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "hub.db") }

// schemaFile is a database file with the schema and without a row: to make it takes seconds under the race detector.
var schemaFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "meguri-schema")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "hub.db")
	s, err := store.Open(context.Background(), "sqlite:"+file)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// Postgres gives the URL of a database with the schema in it, for it takes a while to be made.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return pgtest.Copy(tb, "schema", func(url string) {
		s, err := store.Open(tb.Context(), url)
		require.NoError(tb, err)
		require.NoError(tb, s.Close())
	})
}

// Open opens a database until the test ends.
func Open(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	require.NoError(tb, s.SealNames(tb.Context(), Vault(tb)))
	return s
}

// Vault is the hub's key in tests.
func Vault(tb testing.TB) *people.Vault {
	tb.Helper()
	v, err := people.NewVault(vaultKey)
	require.NoError(tb, err)
	return v
}

var vaultKey = bytes.Repeat([]byte{7}, people.VaultKey)

// PeopleKey is that key as a hub's configuration has it.
func PeopleKey() string { return base64.StdEncoding.EncodeToString(vaultKey) }

// Import imports a network.
func Import(tb testing.TB, s *store.Store, n bulk.Network) {
	tb.Helper()
	require.NoError(tb, s.Change(tb.Context(), func(tx *store.Tx) error {
		_, err := tx.ImportNetwork(tb.Context(), n)
		return err
	}))
}
