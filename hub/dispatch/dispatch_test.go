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
		"fill":   {func(c *Container) error { return c.Fill("box1", noon) }, Filled, []State{Planned, Filled, OnAddress, Loaded, Placed}},
		"shelve": {func(c *Container) error { return c.Shelve("a1", noon) }, OnAddress, []State{Filled, OnAddress, Loaded, Placed}},
		"load":   {func(c *Container) error { return c.Load("r1@2026-12-01", "s1", noon) }, Loaded, []State{Filled, OnAddress, Loaded, Placed}},
		"place":  {func(c *Container) error { return c.Place("slot1", noon) }, Placed, []State{Filled, OnAddress, Loaded, Placed}},
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
					once := c
					require.NoError(t, m.do(&c))
					require.Equal(t, once, c, "told twice")
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
	for _, none := range []string{"", "0123456789012345678901234567890"} {
		planned := container(Planned)
		require.ErrorContains(t, planned.Fill(none, noon), "is no GRAI")
	}
}

func TestOfTheSameFactToldTwiceTheEarliestTimeStands(t *testing.T) {
	c := container(Filled)
	for _, minute := range []time.Duration{3, 1, 2} {
		require.NoError(t, c.Shelve("a1", noon.Add(minute*time.Minute)))
		require.NoError(t, c.Load("r1@2026-12-01", "s1", noon.Add(minute*time.Minute)))
		require.NoError(t, c.Place("slot1", noon.Add(minute*time.Minute)))
	}
	for _, at := range []time.Time{c.ShelvedAt, c.LoadedAt, c.PlacedAt} {
		require.Equal(t, noon.Add(time.Minute), at)
	}
}

func TestAnEventOfABoxIsOfTheUseThatItWasFilledForThen(t *testing.T) {
	day := func(d, hour int) time.Time { return noon.AddDate(0, 0, d).Add(time.Duration(hour) * time.Hour) }
	use := func(id string, from, filled time.Time) BoxUse {
		return BoxUse{Container: Container{ID: id, FilledAt: filled}, From: from, Until: from.Add(18 * time.Hour)}
	}
	monday, tuesday := use("monday", day(0, -10), day(0, -5)), use("tuesday", day(1, -10), day(1, -5))
	for name, c := range map[string]struct {
		uses []BoxUse
		at   time.Time
		want string
	}{
		"the last one":                                    {[]BoxUse{tuesday, monday}, day(1, 0), "tuesday"},
		"late word of yesterday":                          {[]BoxUse{tuesday, monday}, day(0, 0), "monday"},
		"yesterday's filling was never heard of":          {[]BoxUse{tuesday}, day(0, 0), ""},
		"today's filling is not known yet":                {[]BoxUse{monday}, day(1, 0), ""},
		"clocks may differ a little":                      {[]BoxUse{tuesday, monday}, day(1, -5).Add(-ClockSlack), "tuesday"},
		"a filling that is dated when it was received":    {[]BoxUse{use("tuesday", day(1, -10), day(1, 5)), use("wednesday", day(2, -10), day(2, -5))}, day(1, 0), "tuesday"},
		"the earlier of two fillings dated when received": {[]BoxUse{use("b", day(0, -8), day(3, 2)), use("a", day(0, -10), day(3, 1))}, day(0, 0), "a"},
		"never": {nil, day(0, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := UseAt(c.uses, c.at)
			require.Equal(t, c.want, got.ID)
			require.Equal(t, c.want != "", ok)
		})
	}
}

func TestARunIsOverWhenItsLastStopWasReachedOrShouldHaveBeenLongAgo(t *testing.T) {
	r := Run{Stops: []Stop{{PlannedAt: noon, ReachedAt: noon}, {PlannedAt: noon.Add(time.Hour)}}}
	require.False(t, r.Over(noon.Add(2*time.Hour)), "late, and still on its way")
	require.True(t, r.Over(noon.Add(time.Hour+RunPatience+1)))
	r.Stops[1].ReachedAt = noon.Add(2 * time.Hour)
	require.True(t, r.Over(noon.Add(2*time.Hour)))
	require.True(t, Run{}.Over(noon))
}

func TestADriversCodeOpensUntilLeftoversAreCollected(t *testing.T) {
	from, until := CourierWindow(noon, noon.Add(8*time.Hour))
	require.Equal(t, noon.Add(-2*time.Hour), from)
	require.Equal(t, noon.Add(11*time.Hour), until)
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
