package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A tote's number does not begin again while orders still have the first ones.
func TestNoToteIsNumberedTwice(t *testing.T) {
	require.Equal(t, "0001", nextTote("", nil))
	require.Equal(t, "0004", nextTote("0001", []string{"0002", "0003", "0005"}))
	require.Equal(t, "10000", nextTote("9999", nil), "and not 0000")
	require.Equal(t, "10001", nextTote("10000", nil))
}
