package warehouse_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/warehouse"
)

// A person who scans twice, scans the wrong thing and half of it, and whose scanner loses its power, leaves the very acts in the log.
func TestWhatAPersonDidIsWhatTheScannerRecorded(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, err := warehouse.Play(t.Context(), warehouse.Config{Pieces: 40, Seed: seed, File: filepath.Join(t.TempDir(), "edge.db"),
				Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			require.Empty(t, r.Differences)
			require.Equal(t, r.Acts, r.Recorded)
			require.Greater(t, r.Acts, 80)
			require.NotZero(t, r.Doubles)
			var b strings.Builder
			require.NoError(t, r.Print(&b))
			require.NotContains(t, b.String(), "WRONG")
		})
	}
}

func TestAWarehouseHasAtLeastAFewPieces(t *testing.T) {
	_, err := warehouse.Play(t.Context(), warehouse.Config{Pieces: 3})
	require.ErrorContains(t, err, "want at least")
}
