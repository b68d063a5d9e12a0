package dispatch

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

func container(s State) Container {
	c := Container{ID: "c1", RunID: "r1@2026-12-01", ShipperGRAI: "s1", AddressID: "a1", SlotID: "slot1", State: s}
	if s != Planned {
		c.GRAI = "box1"
	}
	if s == OnAddress {
		c.ShelvedAt = noon
	}
	if s == Loaded {
		c.LoadedAt = noon
	}
	return c
}

func TestEachMoveIsLegalFromItsStatesOnly(t *testing.T) {
	moves := map[string]struct {
		do   func(*Container) error
		to   State
		from []State
	}{
		"fill":   {func(c *Container) error { return c.Fill("box1", noon) }, Filled, []State{Planned}},
		"shelve": {func(c *Container) error { return c.Shelve("a1", noon) }, OnAddress, []State{Filled, Loaded, Placed}},
		"load":   {func(c *Container) error { return c.Load("r1@2026-12-01", "s1", noon) }, Loaded, []State{Filled, OnAddress, Placed}},
		"place":  {func(c *Container) error { return c.Place("slot1", noon) }, Placed, []State{Filled, OnAddress, Loaded}},
	}
	for name, m := range moves {
		for _, from := range []State{Planned, Filled, OnAddress, Loaded, Placed} {
			t.Run(name+" from "+string(from), func(t *testing.T) {
				c := container(from)
				before := c
				err := m.do(&c)
				if contains(m.from, from) {
					require.NoError(t, err)
					want := m.to
					if passed(from, m.to) {
						want = from // late word of an earlier step
					}
					require.Equal(t, want, c.State)
					require.Error(t, m.do(&c), "once")
					return
				}
				var illegal *IllegalMove
				require.ErrorAs(t, err, &illegal)
				require.Equal(t, before, c, "a refused move changes nothing")
			})
		}
	}
}

func passed(from, to State) bool {
	order := []State{Planned, Filled, OnAddress, Loaded, Placed}
	return slices.Index(order, from) > slices.Index(order, to)
}

func contains(list []State, s State) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestAMoveToAnotherPlaceThanTheAssignedOneIsRefused(t *testing.T) {
	for want, do := range map[string]func(*Container) error{
		"belongs on address a1": func(c *Container) error { return c.Shelve("a2", noon) },
		"rides with run":        func(c *Container) error { return c.Load("r2@2026-12-01", "s1", noon) },
		"goes into shipper s1":  func(c *Container) error { return c.Load("r1@2026-12-01", "s2", noon) },
		"belongs in slot slot1": func(c *Container) error { return c.Place("slot2", noon) },
	} {
		c := container(Filled)
		require.ErrorContains(t, do(&c), want)
	}
	c := container(Filled)
	require.ErrorContains(t, c.Fill("box2", noon), "has box box1 already")
}

func TestAStopIsLateAfterAQuarterOfAnHour(t *testing.T) {
	s := Stop{PlannedAt: noon}
	require.Zero(t, s.Late(noon.Add(LateAfter)))
	require.Equal(t, 16*time.Minute, s.Late(noon.Add(16*time.Minute)), "not reached yet")
	s.ReachedAt = noon.Add(20 * time.Minute)
	require.Equal(t, 20*time.Minute, s.Late(noon.Add(time.Hour)), "reached late, and stays so")
}

func TestASheetShowsEachContainerWhereItIsCollectedAndWhereItIsDelivered(t *testing.T) {
	run := Run{ID: "r", Stops: []Stop{
		{Sequence: 1, Kind: Collect, PlaceID: "spot1"}, {Sequence: 2, Kind: Collect, PlaceID: "spot2"},
		{Sequence: 3, Kind: Deliver, PlaceID: "loc1"}, {Sequence: 4, Kind: Return, PlaceID: "depot"},
	}}
	containers := []Container{
		{ID: "b", SpotID: "spot1", AddressID: "2", LocationID: "loc1", ShipperID: "x", SlotID: "1"},
		{ID: "a", SpotID: "spot1", AddressID: "1", LocationID: "loc1", ShipperID: "y", SlotID: "2"},
		{ID: "c", SpotID: "spot2", AddressID: "3", LocationID: "loc1", ShipperID: "x", SlotID: "3"},
	}
	s := NewSheet(run, containers, map[string]string{"loc1": "12345678"})
	ids := func(n int) (ids []string) {
		for _, c := range s.Stops[n].Containers {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, []string{"a", "b"}, ids(0), "by address")
	require.Equal(t, []string{"c"}, ids(1))
	require.Equal(t, []string{"b", "c", "a"}, ids(2), "by shipper, then slot")
	require.Empty(t, ids(3))
	require.Equal(t, "12345678", s.Stops[2].Code)
	require.Empty(t, s.Stops[0].Code)
}

func TestAPackingListGoesByCategoryAndAddress(t *testing.T) {
	line := func(category, address string, units int) PackingLine {
		return PackingLine{Container: Container{Category: category, AddressID: address}, Products: []PackedProduct{{Units: units}}}
	}
	l := NewPackingList("2026-12-01", "s", "Shop", "Spot", []PackingLine{line("b", "1", 1), line("a", "2", 2), line("a", "1", 3)})
	require.Equal(t, "1", l.Lines[0].AddressID)
	require.Equal(t, "a", l.Lines[1].Category)
	require.Equal(t, "b", l.Lines[2].Category)
	require.Equal(t, 6, l.Units())
}
