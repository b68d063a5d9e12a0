package scenario

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
)

func planned(incidents bool) *Day {
	return New(Config{Date: "2026-12-01", Incidents: incidents, Logger: slog.New(slog.DiscardHandler), Network: fleet.Network{
		Locations: []fleet.Location{{ID: "l-1"}, {ID: "l-2"}}, Shops: []fleet.Shop{{ID: "s-1"}}, Routes: []fleet.Route{{ID: "r-1"}, {ID: "r-2"}}}})
}

func TestNobodyComesForTheLastOrderOfTheFirstLocationThatHasAny(t *testing.T) {
	d := planned(true)
	for _, o := range [][2]string{{"o-1", "l-2"}, {"o-2", "l-2"}, {"o-3", "elsewhere"}} {
		d.accepted = append(d.accepted, hubclient.OrderRequest{OrderID: o[0], LocationID: o[1]})
	}
	d.chooseLeftOver()
	require.Equal(t, map[string]Fate{"o-2": LeftOver}, d.Fates())
	require.EqualValues(t, 2, d.AcceptedAt("l-2"))
	require.Equal(t, []string{"o-1", "o-2", "o-3"}, d.AcceptedOrders())
}

func TestWithoutIncidentsNothingGoesWrong(t *testing.T) {
	d := planned(false)
	d.accepted = []hubclient.OrderRequest{{OrderID: "o-1", LocationID: "l-1"}}
	d.chooseLeftOver()
	require.Empty(t, d.Fates())
	run, _ := d.LateStops()
	require.Empty(t, run)
	require.Equal(t, -1, d.shortLine("s-1", hubclient.PackingList{}))
	run, _ = planned(true).LateStops()
	require.Equal(t, "r-2@2026-12-01", run)
}

func TestThePhaseNeverGoesBack(t *testing.T) {
	d := planned(true)
	require.Equal(t, "waiting", d.Phase())
	d.enter("pickup")
	d.enter("delivering")
	require.Equal(t, "pickup", d.Phase())
}

func TestAnActorsChanceHangsOnTheSeedAndTheActorOnly(t *testing.T) {
	a, b := planned(true), planned(true)
	b.chance("another").Uint64()
	require.Equal(t, a.chance("customer o-1").Uint64(), b.chance("customer o-1").Uint64())
	require.NotEqual(t, a.chance("customer o-1").Uint64(), a.chance("customer o-2").Uint64())
}

func TestACustomerGoesToEachFridgeThatHasSomethingOfTheOrderOnce(t *testing.T) {
	var o hubclient.Order
	type item = struct {
		ContainerID string `json:"container_id"`
		FridgeID    string `json:"fridge_id"`
		Short       bool   `json:"short"`
	}
	o.Items = append(o.Items, item{FridgeID: "f-1"}, item{FridgeID: "f-2"}, item{FridgeID: "f-1"}, item{FridgeID: "f-3", Short: true})
	require.Equal(t, []string{"f-1", "f-2"}, fridgesOf(o))
}

func TestABoxesSerialFitsIntoItsLabel(t *testing.T) {
	long := newBox("a-shop-with-a-rather-long-name", 12)
	require.Len(t, long, len(boxType)+1+16)
	require.NotEqual(t, long, newBox("a-shop-with-a-rather-long-name", 13))
}
