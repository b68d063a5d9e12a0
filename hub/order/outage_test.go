package order_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/capacity"
	"meguri/hub/order"
)

func TestWhatIsOutOfServiceIsNotInTheNetwork(t *testing.T) {
	whole := func() capacity.Network {
		return capacity.Network{Locations: []string{"l1", "l2"},
			Slots:     []capacity.Slot{{ID: "s1", FridgeID: "f1", LocationID: "l1"}, {ID: "s2", FridgeID: "f2", LocationID: "l2"}},
			Addresses: []capacity.Address{{ID: "a1", FridgeID: "c1"}, {ID: "a2", FridgeID: "c2"}},
			Calls:     []capacity.Call{{RunID: "r1", LocationID: "l1"}, {RunID: "r2", LocationID: "l2"}},
			Aboard:    []capacity.Aboard{{RunID: "r1", ShipperID: "x1"}, {RunID: "r2", ShipperID: "x2"}}}
	}
	for out, want := range map[order.Out]func(*capacity.Network){
		{Kind: order.OutSlot, ID: "s1"}:    func(n *capacity.Network) { n.Slots = n.Slots[1:] },
		{Kind: order.OutFridge, ID: "f1"}:  func(n *capacity.Network) { n.Slots = n.Slots[1:] },
		{Kind: order.OutFridge, ID: "c1"}:  func(n *capacity.Network) { n.Addresses = n.Addresses[1:] },
		{Kind: order.OutAddress, ID: "a1"}: func(n *capacity.Network) { n.Addresses = n.Addresses[1:] },
		{Kind: order.OutShipper, ID: "x1"}: func(n *capacity.Network) { n.Aboard = n.Aboard[1:] },
		{Kind: order.OutRun, ID: "r1"}:     func(n *capacity.Network) { n.Aboard, n.Calls = n.Aboard[1:], n.Calls[1:] },
		{Kind: order.OutLocation, ID: "l1"}: func(n *capacity.Network) {
			n.Locations, n.Slots, n.Calls = n.Locations[1:], n.Slots[1:], n.Calls[1:]
		},
		{Kind: order.OutSlot, ID: "none"}: func(*capacity.Network) {},
	} {
		given, expected := whole(), whole()
		want(&expected)
		require.Equal(t, expected, order.Without(given, []order.Out{out}), out)
		require.Equal(t, whole(), given, "what was given stays as it is")
	}
	require.Equal(t, whole(), order.Without(whole(), nil))
}
