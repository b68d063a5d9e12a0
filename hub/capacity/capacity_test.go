package capacity

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a network in which each limit can be reached: one location with three slots of 1000 ml in a fridge of kind cold,
// two shops at two spots, one run with a cold shipper of two places.
func small() Network {
	n := Network{
		Date:       "2026-12-01",
		Categories: []Category{{ID: "cold", FridgeKinds: []string{"cold"}}, {ID: "dry", FridgeKinds: []string{"cold", "shelf"}}},
		Shops:      []Shop{{ID: "shop-a", SpotID: "spot-1"}, {ID: "shop-b", SpotID: "spot-2"}},
		Products: []Product{
			{ID: "a-cold", ShopID: "shop-a", Category: "cold", VolumeML: 400, SalesLimit: 100},
			{ID: "a-dry", ShopID: "shop-a", Category: "dry", VolumeML: 400, SalesLimit: 100},
			{ID: "a-rare", ShopID: "shop-a", Category: "cold", VolumeML: 100, SalesLimit: 3},
			{ID: "b-cold", ShopID: "shop-b", Category: "cold", VolumeML: 400, SalesLimit: 100},
			{ID: "b-large", ShopID: "shop-b", Category: "cold", VolumeML: 1001, SalesLimit: 100},
		},
		Locations: []string{"loc-1"},
		Addresses: []Address{{ID: "spot-1-1", SpotID: "spot-1"}, {ID: "spot-1-2", SpotID: "spot-1"}, {ID: "spot-1-3", SpotID: "spot-1"},
			{ID: "spot-2-1", SpotID: "spot-2"}},
		Calls: []Call{{RunID: "r1", SpotID: "spot-1", LocationID: "loc-1"}, {RunID: "r1", SpotID: "spot-2", LocationID: "loc-1"}},
		Aboard: []Aboard{{RunID: "r1", ShipperID: "box-cold", Category: "cold", Containers: 2},
			{RunID: "r1", ShipperID: "box-dry", Category: "dry", Containers: 2}},
	}
	for i := range 3 {
		n.Slots = append(n.Slots, Slot{ID: fmt.Sprintf("slot-%d", i+1), FridgeID: "fridge-1", LocationID: "loc-1", FridgeKind: "cold",
			CapacityML: 1000})
	}
	return n
}

func lines(of ...any) (all []Line) {
	for i := 0; i < len(of); i += 2 {
		all = append(all, Line{of[i].(string), int64(of[i+1].(int))})
	}
	return all
}

func TestFirstFit(t *testing.T) {
	type step struct {
		lines   []Line
		refused string // limit of what; empty when accepted
	}
	for _, c := range []struct {
		rule   string
		change func(*Network)
		steps  []step
	}{
		{"units fill a container before another is opened", nil, []step{{lines("a-cold", 2), ""}, {lines("a-rare", 2), ""}, {lines("b-cold", 2), ""}}},
		{"the sales limit counts all orders of the date", nil, []step{{lines("a-rare", 2), ""}, {lines("a-rare", 2), "sales_limit of a-rare"}, {lines("a-rare", 1), ""}}},
		{"several lines of a product count as their sum", nil, []step{{lines("a-rare", 2, "a-cold", 1, "a-rare", 2), "sales_limit of a-rare"}}},
		{"a refused order takes nothing", nil, []step{
			{lines("a-cold", 2, "b-cold", 5), "container of shop-b"}, {lines("a-cold", 2), ""}, {lines("b-cold", 2), ""}}},
		{"a shop's container takes no other shop's goods", func(n *Network) { n.Slots = n.Slots[:1] },
			[]step{{lines("a-rare", 1), ""}, {lines("b-cold", 1), "container of shop-b"}}},
		{"a container takes no other category's goods", func(n *Network) { n.Slots = n.Slots[:1] },
			[]step{{lines("a-cold", 1), ""}, {lines("a-dry", 1), "container of shop-a"}}},
		{"a product that fits no slot finds no container", nil, []step{{lines("b-large", 1), "container of shop-b"}}},
		{"a larger slot takes what a smaller one cannot", func(n *Network) { n.Slots[2].CapacityML = 1001 }, []step{{lines("b-large", 1), ""}}},
		{"a category stands in none but its fridge kinds", func(n *Network) { n.Slots[0].FridgeKind = "shelf"; n.Slots = n.Slots[:1] },
			[]step{{lines("a-cold", 1), "container of shop-a"}, {lines("a-dry", 1), ""}}},
		{"shippers are full when all their places are taken", nil,
			[]step{{lines("a-cold", 4), ""}, {lines("b-cold", 1), "shipper of shop-b"}, {lines("a-dry", 1), ""}}},
		{"a run that does not call at the spot and then the location takes nothing from there",
			func(n *Network) { n.Calls = n.Calls[:1] }, []step{{lines("b-cold", 1), "shipper of shop-b"}, {lines("a-cold", 1), ""}}},
		{"a second run with a call takes what the first has no room for", func(n *Network) {
			n.Calls = append(n.Calls, Call{RunID: "r2", SpotID: "spot-2", LocationID: "loc-1"})
			n.Aboard = append(n.Aboard, Aboard{RunID: "r2", ShipperID: "box-2", Category: "cold", Containers: 1})
		}, []step{{lines("a-cold", 4), ""}, {lines("b-cold", 1), ""}}},
		{"an address holds one container", func(n *Network) { n.Addresses = n.Addresses[:1] },
			[]step{{lines("a-cold", 2), ""}, {lines("a-cold", 1), "address of spot-1"}, {lines("b-cold", 1), "address of spot-2"}}},
		{"sales limits are looked at first, also of later lines", nil, []step{{lines("b-cold", 9, "a-rare", 4), "sales_limit of a-rare"}}},
		{"containers are looked at before shippers, also of later lines", func(n *Network) { n.Calls = nil },
			[]step{{lines("a-cold", 1, "b-large", 1), "container of shop-b"}}},
		{"shippers are looked at before addresses", func(n *Network) { n.Calls, n.Addresses = n.Calls[:1], n.Addresses[3:] },
			[]step{{lines("a-cold", 1, "b-cold", 1), "shipper of shop-b"}, {lines("a-cold", 1), "address of spot-1"}}},
		{"a limit lowered below what is sold sells nothing more", func(n *Network) { n.Products[0].SalesLimit = -5 },
			[]step{{lines("a-cold", 1), "sales_limit of a-cold"}}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			n := small()
			if c.change != nil {
				c.change(&n)
			}
			b, err := NewBook(n, State{})
			require.NoError(t, err)
			for i, s := range c.steps {
				_, err := b.Place("o-1", "loc-1", s.lines)
				if s.refused == "" {
					require.NoError(t, err, "order %d", i)
					continue
				}
				var refused *Refused
				require.ErrorAs(t, err, &refused, "order %d", i)
				require.Equal(t, s.refused, fmt.Sprintf("%s of %s", refused.Limit, refused.What), "order %d", i)
			}
		})
	}
}

func TestNumberingSaysWhereEachUnitGoes(t *testing.T) {
	b, err := NewBook(small(), State{})
	require.NoError(t, err)
	first, err := b.Place("o-1", "loc-1", lines("a-cold", 2))
	require.NoError(t, err)
	require.Equal(t, []Item{
		{"o-1", 1, 1, "a-cold", "shop-a", "cold", "C-20261201-0001"},
		{"o-1", 1, 2, "a-cold", "shop-a", "cold", "C-20261201-0001"},
	}, first.Added)
	want := Container{ID: "C-20261201-0001", Sequence: 1, Slot: small().Slots[0], UsedML: 800, Shop: "shop-a", Spot: "spot-1",
		Category: "cold", Run: "r1", Shipper: "box-cold", ShipperCapacity: 2, ShipperPlace: 1, Address: "spot-1-1"}
	require.Equal(t, []Container{want}, first.Opened)
	require.Empty(t, first.Filled)

	second, err := b.Place("o-1", "loc-1", lines("a-rare", 1, "a-cold", 1))
	require.NoError(t, err)
	want.UsedML = 900
	require.Equal(t, []Container{want}, second.Filled)
	require.Len(t, second.Opened, 1)
	require.Equal(t, "C-20261201-0002", second.Opened[0].ID)
	require.Equal(t, int64(2), second.Opened[0].ShipperPlace)
}

func TestUnknownNamesAreNotRefusals(t *testing.T) {
	b, err := NewBook(small(), State{})
	require.NoError(t, err)
	_, err = b.Place("o-1", "loc-2", lines("a-cold", 1))
	require.Equal(t, &Unknown{Kind: "location", ID: "loc-2"}, err)
	_, err = b.Place("o-1", "loc-1", lines("a-cold", 1, "melon", 1))
	require.Equal(t, &Unknown{Kind: "product", ID: "melon", Line: 1}, err)
}

func TestBookRefusesStoredRowsThatDoNotFit(t *testing.T) {
	good := Container{ID: "C-20261201-0001", Sequence: 1, Slot: small().Slots[0], UsedML: 800, Shop: "shop-a", Spot: "spot-1",
		Category: "cold", Run: "r1", Shipper: "box-cold", ShipperCapacity: 2, ShipperPlace: 1, Address: "spot-1-1"}
	for rule, change := range map[string]func(c *Container, s *State){
		"unknown location":          func(c *Container, _ *State) { c.Slot.LocationID = "loc-9" },
		"unknown slot":              func(c *Container, _ *State) { c.Slot.ID = "slot-9" },
		"shipper of another run":    func(c *Container, _ *State) { c.Run = "r9" },
		"place beyond the shipper":  func(c *Container, _ *State) { c.ShipperPlace = 3 },
		"address of another spot":   func(c *Container, _ *State) { c.Address = "spot-2-1" },
		"over volume":               func(c *Container, _ *State) { c.UsedML = 1001 },
		"category not for the slot": func(c *Container, _ *State) { c.Category = "frozen" },
		"sold product is unknown":   func(_ *Container, s *State) { s.Items = []Item{{Order: "o-1", Line: 1, Unit: 1, Product: "melon"}} },
	} {
		s, c := State{}, good
		change(&c, &s)
		s.Containers = []Container{c}
		_, err := NewBook(small(), s)
		var broken *BrokenError
		require.ErrorAs(t, err, &broken, rule)
		require.Len(t, append(broken.Containers, broken.Orders...), map[bool]int{true: 2, false: 1}[s.Items != nil], rule)
	}
	twin := good
	twin.ID = "C-20261201-0002"
	alone := Item{Order: "o-2", Line: 1, Unit: 1, Product: "a-cold", ContainerID: "C-20261201-0009"}
	_, err := NewBook(small(), State{Containers: []Container{good, twin}, Items: []Item{alone, alone}})
	require.ErrorContains(t, err, "taken")
	require.ErrorContains(t, err, "the assignments of 2026-12-01 are broken, see /check: containers C-20261201-0002, C-20261201-0001; orders o-2 (")
	require.Equal(t, "the assignments of d are broken, see /check: containers 1, 2, 3, 4, 5 and 2 more (why)",
		(&BrokenError{Date: "d", Containers: []string{"1", "2", "3", "4", "5", "6", "7"}, Why: "why"}).Error())
	broken := small()
	broken.Products[0].VolumeML = 0
	_, err = NewBook(broken, State{})
	require.ErrorContains(t, err, "a-cold")
	broken = small()
	broken.Slots[0].CapacityML = -1
	_, err = NewBook(broken, State{})
	require.ErrorContains(t, err, "slot-1")
}

func TestRemainingCountsWhatIsLeft(t *testing.T) {
	b, err := NewBook(small(), State{})
	require.NoError(t, err)
	_, err = b.Place("o-1", "loc-1", lines("a-cold", 2, "b-cold", 1, "a-rare", 2))
	require.NoError(t, err)
	r := b.Remaining()
	require.Equal(t, "2026-12-01", r.Date)
	require.Contains(t, r.Products, UnitsLeft{Product: "a-rare", Limit: 3, Sold: 2, Left: 1})
	require.Contains(t, r.Products, UnitsLeft{Product: "a-cold", Limit: 100, Sold: 2, Left: 98})
	require.Equal(t, []SlotsLeft{{"cold", 1, 3}}, r.Locations[0].Kinds)
	require.Equal(t, []SlotsLeft{{"cold", 1, 3}, {"dry", 1, 3}}, r.Locations[0].Categories)
	require.Equal(t, []ContainerRoom{{"C-20261201-0002", "shop-b", "cold", 600}}, r.Locations[0].Open)
	require.Equal(t, []ShipperLeft{{"r1", "box-cold", "cold", 0, 2}, {"r1", "box-dry", "dry", 2, 2}}, r.Shippers)
	require.Equal(t, []SpotLeft{{"spot-1", 2, 3}, {"spot-2", 0, 1}}, r.Spots)
}

// A run calls at a location only for what it has collected before.
func TestCallsFollowTheOrderOfStops(t *testing.T) {
	stop := func(sequence int64, kind, place string) Stop {
		return Stop{RunID: "r", Sequence: sequence, Kind: kind, PlaceID: place}
	}
	calls := Calls([]Stop{stop(1, Collect, "spot-1"), stop(2, Deliver, "loc-1"), stop(3, Collect, "spot-2"), stop(4, Deliver, "loc-2"),
		stop(5, Deliver, "loc-1"), stop(6, Collect, "spot-1"), stop(7, Return, "depot")})
	require.Equal(t, []Call{
		{"r", "spot-1", "loc-1", 1, 2}, {"r", "spot-1", "loc-2", 1, 4}, {"r", "spot-2", "loc-2", 3, 4}, {"r", "spot-2", "loc-1", 3, 5},
	}, calls)
}

func TestRefusedIsAnError(t *testing.T) {
	var err error = &Refused{NoAddress, "spot-1"}
	require.EqualError(t, err, "refused: address of spot-1")
	require.False(t, errors.Is(err, &Unknown{}))
	require.EqualError(t, &Unknown{Kind: "product", ID: "x"}, `unknown product "x"`)
}
