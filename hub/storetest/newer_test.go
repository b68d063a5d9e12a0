package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
)

// An old hub on the database of a newer one would write rows that the newer one does not expect.
func TestADatabaseOfANewerHubIsNotOpened(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		url := empty()
		s, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		require.NoError(t, s.Close())

		_, err = raw(t, url).ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (90001, TRUE)")
		require.NoError(t, err)
		_, err = store.Open(t.Context(), url)
		require.ErrorIs(t, err, store.ErrNewerSchema)
		require.ErrorContains(t, err, "it has version 90001, this one knows versions up to")
	})
}
