package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATellingThatWasDroppedIsToldAgain(t *testing.T) {
	all := []telling{
		{incarnation: "a", number: 89, first: 1, last: 7},
		{incarnation: "a", number: 96, first: 8, last: 14},
		{incarnation: "a", number: 110, first: 3, last: 90}, // has taken up 89
		{incarnation: "b", number: 12, first: 1, last: 11},
		{incarnation: "c", number: 9, first: 2, last: 5},
		{incarnation: "c", number: 14, first: 7, last: 10}, // with 9 between its own
	}
	markRetold(all)
	var retold []uint64
	for _, one := range all {
		if one.Retold {
			retold = append(retold, one.number)
		}
	}
	require.Equal(t, []uint64{89, 9}, retold)
}
