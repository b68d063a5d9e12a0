package storetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
	"meguri/hub/storetest"
)

// TestAStepThatFailsIsUndoneAlone: on either engine, whether it writes, only reads, or holds other steps.
func TestAStepThatFailsIsUndoneAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		ctx, failed := t.Context(), errors.New("failed")
		work := func(tx *store.Tx, id string) error {
			return tx.OpenWork(ctx, id, "kind", "subject", "", time.UnixMilli(0))
		}
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
			require.NoError(t, work(tx, "before"))
			require.ErrorIs(t, tx.Savepoint(ctx, func() error { // only reads
				_, err := tx.Work(ctx, true, 10)
				require.NoError(t, err)
				return failed
			}), failed)
			require.ErrorIs(t, tx.Savepoint(ctx, func() error {
				require.NoError(t, work(tx, "undone"))
				return failed
			}), failed)
			require.NoError(t, tx.Savepoint(ctx, func() error { // writes only after an inner step that fails
				require.ErrorIs(t, tx.Savepoint(ctx, func() error {
					require.NoError(t, tx.Savepoint(ctx, func() error { return work(tx, "undone with its outer step") }))
					return failed
				}), failed)
				return work(tx, "kept")
			}))
			require.ErrorIs(t, tx.Savepoint(ctx, func() error {
				require.NoError(t, tx.Savepoint(ctx, func() error { return work(tx, "undone, too") }))
				return failed
			}), failed)
			require.NoError(t, tx.Savepoint(ctx, func() error { return nil }))
			return work(tx, "after")
		}))
		var ids []string
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
			all, err := tx.Work(ctx, true, 10)
			for _, w := range all {
				ids = append(ids, w.ID)
			}
			return err
		}))
		require.ElementsMatch(t, []string{"before", "kept", "after"}, ids)
	})
}
