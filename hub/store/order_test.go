package store

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Who waits for the only writer waits no longer than for those who came before.
func TestWritersComeInOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"))
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		release, order := make(chan struct{}), []int{}
		write := func(fn func()) {
			go func() {
				err := s.Change(t.Context(), func(*Tx) error { fn(); return nil })
				if err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		write(func() { <-release })
		for n := range 12 {
			write(func() { order = append(order, n) })
		}
		close(release)
		synctest.Wait()
		require.Len(t, order, 12)
		require.True(t, slices.IsSorted(order), "%v", order)
	})
}

func TestAWriterThatIsToldToEndWaitsNoLonger(t *testing.T) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Change(t.Context(), func(*Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, s.Change(ctx, func(*Tx) error { return nil }), context.Canceled)
		return nil
	}))
}
