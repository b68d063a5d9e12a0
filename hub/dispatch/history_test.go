package dispatch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTwoLooksAreComparedContainerByContainer(t *testing.T) {
	then := []Past{{ContainerID: "same", SlotID: "1"}, {ContainerID: "moved", SlotID: "2", AddressID: "a", State: Planned},
		{ContainerID: "gone", SlotID: "3"}}
	now := []Past{{ContainerID: "new", SlotID: "3"}, {ContainerID: "moved", SlotID: "4", AddressID: "b", State: Loaded, Items: 1},
		{ContainerID: "same", SlotID: "1"}}
	lines := Compare(then, now)
	require.Len(t, lines, 4)
	require.True(t, lines[0].Same())
	require.Equal(t, []Field{FieldSlot, FieldAddress, FieldItems, FieldState}, lines[1].Differs)
	require.False(t, lines[1].Same())
	require.Nil(t, lines[2].Now)
	require.False(t, lines[2].Same())
	require.Equal(t, "gone", lines[2].Either().ContainerID)
	require.Nil(t, lines[3].Then)
	require.Equal(t, "new", lines[3].Either().ContainerID)
	require.Empty(t, Compare(nil, nil))

	a := Past{RunID: "r", ShipperID: "s"}
	require.Equal(t, []Field{FieldRun, FieldShipper}, differs(a, Past{}))
}
