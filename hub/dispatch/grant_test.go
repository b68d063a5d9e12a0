package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAGrantIssuedAnewHasAnIDAndACodeOfItsOwn(t *testing.T) {
	g := Grant{ID: "R1@2026-12-01-loc-1", Holder: Courier, PIN: "11111111"}
	require.True(t, g.Counted())
	second := g.Again("22222222", time.UnixMilli(7))
	require.Equal(t, "R1@2026-12-01-loc-1~1", second.ID)
	require.Equal(t, "22222222", second.PIN)
	require.Equal(t, time.UnixMilli(7), second.IssuedAt, "a token of the former one is older than the plan that leaves it out")
	require.Equal(t, "R1@2026-12-01-loc-1~2", second.Again("3", time.UnixMilli(8)).ID)
	odd := Grant{ID: "R~x"}
	require.Equal(t, "R~x~1", odd.Again("3", time.UnixMilli(8)).ID)
	require.False(t, Grant{Holder: Customer}.Counted(), "a customer's code is not counted: nothing of it is lost with a board")
}
