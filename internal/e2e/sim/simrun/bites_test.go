package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A break whose text is no longer in the code breaks nothing. Whether each is found takes an hour: make sim-bites.
func TestEveryBreakFitsTheCode(t *testing.T) {
	t.Chdir("../../../..")
	all, err := readBites("internal/e2e/sim/bites")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), 30)
	for _, b := range all {
		_, err := b.overlay(t.TempDir())
		require.NoError(t, err, b.name)
	}
}
