package storetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
	"meguri/hub/storetest"
)

// A transaction that conflicts with every other one that comes meanwhile is not tried in vain for ever: in the end it is alone.
func TestAChangeThatAlwaysConflictsIsMadeInTheEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		open := func(tx *store.Tx, id string) error {
			all, err := tx.Work(t.Context(), true, 1000) // whoever else opens work has not seen it
			if err != nil {
				return err
			}
			return tx.OpenWork(t.Context(), id, "test", id, fmt.Sprint(len(all)), at)
		}
		n := 0
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Work(t.Context(), true, 1000); err != nil {
				return err
			}
			if s.Writers() > 1 {
				n++
				other := make(chan error, 1)
				id := fmt.Sprintf("other-%d", n)
				go func() { other <- s.Change(t.Context(), func(tx *store.Tx) error { return open(tx, id) }) }()
				select {
				case err := <-other:
					require.NoError(t, err)
				case <-time.After(500 * time.Millisecond): // it has to wait: this one is alone
				}
			}
			return open(tx, "this")
		}))
		if s.Writers() > 1 {
			require.Greater(t, n, 1, "there was no conflict")
		}
	})
}
