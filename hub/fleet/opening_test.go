package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADoorOpensOnlyForWhoCanSayWhatItShows(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	asked := Opening{Number: "004217", Until: now.Add(OpeningTime), State: OpeningAsked}
	o, err := asked.Confirm("004-217 ", "  Sato ", now)
	require.NoError(t, err)
	require.Equal(t, Opening{Until: asked.Until, State: OpeningConfirmed, EndedAt: now, AtDoor: "Sato"}, o, "the number is gone")
	_, err = o.Confirm("004217", "Sato", now)
	require.ErrorIs(t, err, ErrOpeningOver, "once")

	_, err = asked.Confirm("004217", "Sato", asked.Until)
	require.ErrorIs(t, err, ErrOpeningOver, "in time")
	_, err = asked.Confirm("004217", "Sato", asked.Until.Add(-1))
	require.NoError(t, err)

	o = asked
	for i := range WrongNumbers {
		require.Equal(t, OpeningAsked, o.State)
		o, err = o.Confirm([]string{"4217", "", "004218"}[i], "Sato", now)
		require.ErrorIs(t, err, ErrWrongNumber)
	}
	require.Equal(t, OpeningRefused, o.State)
	_, err = o.Confirm("004217", "Sato", now)
	require.ErrorIs(t, err, ErrOpeningOver, "after three wrong ones the right one, too")
	_, err = o.Confirm("", "Sato", now)
	require.ErrorIs(t, err, ErrOpeningOver, "an ended opening has no number, and none is not it")
	require.Len(t, DrawNumber(), NumberDigits)
	require.Error(t, CheckNameAtDoor("  "))
}
