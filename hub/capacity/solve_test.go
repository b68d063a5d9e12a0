package capacity

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain is a network with one category, shops a and b at spots a and b, products named by shop and volume, and one run that calls
// everywhere.
func plain(slots map[string][]int64, volumes ...int64) Network {
	n := Network{Date: "2026-12-01", Categories: []Category{{ID: "cold", FridgeKinds: []string{"cold"}}}}
	for _, shop := range []string{"a", "b"} {
		n.Shops = append(n.Shops, Shop{ID: shop, SpotID: shop})
		for _, ml := range volumes {
			n.Products = append(n.Products, Product{ID: fmt.Sprint(shop, ml), ShopID: shop, Category: "cold", VolumeML: ml, SalesLimit: 99})
		}
		for i := range 9 {
			n.Addresses = append(n.Addresses, Address{ID: fmt.Sprint(shop, i), SpotID: shop})
		}
	}
	for _, l := range []string{"x", "y"} {
		n.Locations = append(n.Locations, l)
		for i, ml := range slots[l] {
			n.Slots = append(n.Slots, Slot{ID: fmt.Sprint(l, i), FridgeID: fmt.Sprint(l, "-fridge-", i/2), LocationID: l, FridgeKind: "cold", CapacityML: ml})
		}
		for _, shop := range n.Shops {
			n.Calls = append(n.Calls, Call{RunID: "r1", SpotID: shop.SpotID, LocationID: l})
		}
	}
	n.Aboard = []Aboard{{RunID: "r1", ShipperID: "box-1", Category: "cold", Containers: 9}}
	return n
}

func book(t *testing.T, n Network) *Book {
	t.Helper()
	b, err := NewBook(n, State{})
	require.NoError(t, err)
	return b
}

func accept(t *testing.T, b *Book, order, location string, of ...any) Change {
	t.Helper()
	c, err := b.Place(order, location, lines(of...))
	require.NoError(t, err)
	return c
}

func refuse(t *testing.T, b *Book, order, location string, want Refused, of ...any) {
	t.Helper()
	before := fmt.Sprint(b.Remaining())
	_, err := b.Place(order, location, lines(of...))
	var refused *Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, *refused)
	require.Equal(t, before, fmt.Sprint(b.Remaining()), "a refused order takes nothing")
}

func TestTwoContainersInTwoSlotsCanBeImpossible(t *testing.T) {
	b := book(t, plain(map[string][]int64{"x": {30, 15}}, 10, 20))
	accept(t, b, "1", "x", "a10", 3)
	refuse(t, b, "2", "x", Refused{NoContainer, "b"}, "b20", 1)
	accept(t, b, "3", "x", "b10", 1)
}

func TestWhatIsNumberedMovesWhenAnOrderFitsOnlyThen(t *testing.T) {
	t.Run("within a container's group", func(t *testing.T) {
		b := book(t, plain(map[string][]int64{"x": {10, 10}}, 3, 4, 6, 7))
		accept(t, b, "1", "x", "a3", 1, "a4", 1) // 3 and 4 stand together
		accept(t, b, "2", "x", "a6", 1)
		c := accept(t, b, "3", "x", "a7", 1) // 7 with 3, 6 with 4
		require.Len(t, c.Moved, 1)
		require.Empty(t, c.Opened)
	})
	t.Run("another shop's container gives way to one that needs a large slot", func(t *testing.T) {
		b := book(t, plain(map[string][]int64{"x": {20, 15}}, 12, 20))
		accept(t, b, "1", "x", "b12", 1)
		require.Equal(t, "x1", b.State([]string{"1"}).Containers[0].Slot.ID, "the smallest slot that holds it")
		b = book(t, plain(map[string][]int64{"x": {20, 15}}, 8, 12, 20))
		accept(t, b, "1", "x", "a8", 2) // needs the large one
		b.Withdraw([]Item{{Order: "1", Line: 1, Unit: 2}})
		c := accept(t, b, "2", "x", "b20", 1)
		require.Equal(t, "x1", c.Relocated[0].To.Slot.ID)
		require.Equal(t, 1, c.Moves())
	})
	t.Run("containers at another location become fewer for a place in a shipper", func(t *testing.T) {
		n := plain(map[string][]int64{"x": {10, 10}, "y": {10}}, 4, 6)
		n.Aboard[0].Containers = 2
		b := book(t, n)
		accept(t, b, "1", "x", "a6", 1)
		accept(t, b, "2", "x", "a6", 1)
		accept(t, b, "3", "x", "a4", 1)
		b.Remove("1") // 4 and 6 are in a container each
		c := accept(t, b, "4", "y", "a6", 1)
		require.Equal(t, []int{1, 1, 1}, []int{len(c.Moved), len(c.Closed), len(c.Opened)})
		refuse(t, b, "5", "x", Refused{NoShipper, "b"}, "b4", 1)
	})
	t.Run("a container rides with another run so that one that cannot finds a place", func(t *testing.T) {
		n := plain(map[string][]int64{"x": {10}, "y": {10}}, 6)
		n.Aboard = []Aboard{{RunID: "r1", ShipperID: "box-1", Category: "cold", Containers: 1}, {RunID: "r2", ShipperID: "box-2", Category: "cold", Containers: 1}}
		n.Calls = append(n.Calls, Call{RunID: "r2", SpotID: "a", LocationID: "x"})
		b := book(t, n)
		require.Equal(t, "r1", accept(t, b, "1", "x", "a6", 1).Opened[0].Run)
		c := accept(t, b, "2", "y", "a6", 1)
		require.Equal(t, "r2", c.Relocated[0].To.Run)
		require.Equal(t, "r1", c.Opened[0].Run)
		require.Equal(t, 1, c.Moves())
	})
}

func TestAnOrderStandsInFewFridges(t *testing.T) {
	b := book(t, plain(map[string][]int64{"x": {10, 10, 10, 10}}, 4, 6)) // fridge 0 has slots 0 and 1, fridge 1 slots 2 and 3
	first := accept(t, b, "1", "x", "a6", 1, "b6", 1)
	require.Equal(t, []string{"x0", "x1"}, []string{first.Opened[0].Slot.ID, first.Opened[1].Slot.ID}, "in unloading order")
	accept(t, b, "2", "x", "a6", 1) // opens slot 2 in fridge 1
	c := accept(t, b, "3", "x", "b4", 1, "a4", 1)
	require.Empty(t, c.Opened)
	for _, f := range c.Filled {
		require.Equal(t, "x-fridge-0", f.Slot.FridgeID)
	}
}

func TestReplacingAnOrdersLines(t *testing.T) {
	b := book(t, plain(map[string][]int64{"x": {10, 10}}, 6, 4))
	accept(t, b, "1", "x", "a6", 1)
	accept(t, b, "2", "x", "b6", 1)
	before := fmt.Sprint(b.Remaining(), b.State([]string{"1", "2"}))
	_, err := b.Replace("1", "x", lines("a6", 2))
	var refused *Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, before, fmt.Sprint(b.Remaining(), b.State([]string{"1", "2"})), "refused, and as before")
	c, err := b.Replace("1", "x", lines("a4", 2))
	require.NoError(t, err)
	require.Len(t, c.Removed, 1)
	require.Len(t, c.Added, 2)
}

func TestASearchBeyondItsBoundIsARefusalOfItsOwn(t *testing.T) {
	for _, nodes := range []int{3, SearchNodes} {
		b := book(t, plain(map[string][]int64{"x": {10, 10}}, 3, 4, 6, 7))
		b.nodes = nodes
		accept(t, b, "1", "x", "a3", 1, "a4", 1)
		accept(t, b, "2", "x", "a6", 1)
		if nodes < SearchNodes {
			refuse(t, b, "3", "x", Refused{SearchBound, "x"}, "a7", 1)
			continue
		}
		accept(t, b, "3", "x", "a7", 1)
	}
}

func TestWhatWasRefusedIsRefusedAtOnceUntilSomethingChanges(t *testing.T) {
	b := book(t, plain(map[string][]int64{"x": {10}}, 6))
	accept(t, b, "1", "x", "a6", 1)
	for range 2 {
		refuse(t, b, "2", "x", Refused{NoContainer, "a"}, "a6", 1)
	}
	require.Len(t, b.locations["x"].refused, 1)
	b.Remove("1")
	accept(t, b, "2", "x", "a6", 1)
}

func TestLimitsBeyondVolume(t *testing.T) {
	for rule, c := range map[string]struct {
		change func(*Network)
		fit    int // units of 10 ml that one slot of 100 ml takes
	}{
		"neutral":                  {func(*Network) {}, 10},
		"weight":                   {func(n *Network) { n.Products[0].WeightG, n.Slots[0].MaxWeightG = 300, 1000 }, 3},
		"fill factor":              {func(n *Network) { n.Slots[0].FillPercent = 75 }, 7},
		"no weight, no limit":      {func(n *Network) { n.Slots[0].MaxWeightG = 1 }, 10},
		"measures fit when turned": {measures(10, 40, 20, false), 10},
		"measures do not fit":      {measures(10, 41, 20, false), 0},
		"too high to stand upright": {func(n *Network) {
			measures(10, 20, 40, true)(n)
		}, 0},
		"nothing stands on it": {measures(20, 15, 10, true), 4}, // 1,200 mm2 of ground, 300 each
	} {
		t.Run(rule, func(t *testing.T) {
			n := plain(map[string][]int64{"x": {100}}, 10)
			c.change(&n)
			b := book(t, n)
			for i := range c.fit {
				accept(t, b, fmt.Sprint(i), "x", "a10", 1)
			}
			refuse(t, b, "last", "x", Refused{NoContainer, "a"}, "a10", 1)
		})
	}
}

// measures gives the product its edges, and the slot 40 by 30 by 25 mm.
func measures(length, width, height int64, noStacking bool) func(*Network) {
	return func(n *Network) {
		p, s := &n.Products[0], &n.Slots[0]
		p.LengthMM, p.WidthMM, p.HeightMM, p.NoStacking = length, width, height, noStacking
		s.LengthMM, s.WidthMM, s.HeightMM = 40, 30, 25
	}
}

func TestRenumberingAfterABreakdown(t *testing.T) {
	orders := []string{"1", "2", "3"}
	three := func(t *testing.T) (*Book, Network) {
		n := plain(map[string][]int64{"x": {10, 10, 10}}, 4, 6)
		b := book(t, n)
		accept(t, b, "1", "x", "a6", 1)
		accept(t, b, "2", "x", "b6", 1)
		accept(t, b, "3", "x", "a6", 1)
		return b, n
	}
	without := func(n Network, slot string) Network {
		all := n.Slots
		n.Slots = nil
		for _, s := range all {
			if s.ID != slot {
				n.Slots = append(n.Slots, s)
			}
		}
		return n
	}
	t.Run("what stood there moves, and nothing else", func(t *testing.T) {
		b, n := three(t)
		b.Remove("3")
		c, gone, err := b.Renumber(without(n, "x0"), orders[:2])
		require.NoError(t, err)
		require.Empty(t, gone)
		require.Len(t, c.Moved, 1)
		require.Equal(t, "1", c.Moved[0].Order)
		require.Len(t, c.Closed, 1)
		require.Equal(t, "x2", c.Opened[0].Slot.ID)
	})
	t.Run("who was accepted last gives way, whoever stood there", func(t *testing.T) {
		b, n := three(t)
		c, gone, err := b.Renumber(without(n, "x0"), orders)
		require.NoError(t, err)
		require.Equal(t, []string{"3"}, gone)
		require.Len(t, c.Removed, 1)
		held := b.State(orders)
		require.Len(t, held.Items, 2)
	})
	t.Run("a limit below what is sold takes nothing back", func(t *testing.T) {
		b, n := three(t)
		n.Products[1].SalesLimit = 0
		c, gone, err := b.Renumber(n, orders)
		require.NoError(t, err)
		require.Empty(t, gone)
		require.Zero(t, c)
		refuse(t, b, "4", "x", Refused{SalesLimit, "a6"}, "a6", 1)
	})
	t.Run("a location that is called off loses its orders", func(t *testing.T) {
		b, n := three(t)
		accept(t, b, "4", "x", "a4", 1)
		n.Locations = []string{"y"}
		c, gone, err := b.Renumber(n, []string{"1", "2", "3", "4"})
		require.NoError(t, err)
		require.Equal(t, []string{"1", "2", "3", "4"}, gone)
		require.Len(t, c.Removed, 4)
		require.Len(t, c.Closed, 3)
	})
	t.Run("a search that is too long leaves all as it was", func(t *testing.T) {
		b, n := three(t)
		before := fmt.Sprint(b.State(orders))
		broken := n
		broken.Products = append([]Product{{ID: "z", ShopID: "nobody", VolumeML: 1}}, n.Products...)
		_, _, err := b.Renumber(broken, orders)
		require.Error(t, err)
		require.Equal(t, before, fmt.Sprint(b.State(orders)))
		require.False(t, errors.Is(err, &Refused{}))
	})
}
