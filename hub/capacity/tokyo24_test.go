package capacity_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
)

// The README of the data set says how many of its orders first-fit accepts and how many exact first come, first served does.
func TestTokyo24AcceptsAsManyAsItsReadmeSays(t *testing.T) {
	const dir = "../../../shared/data/tokyo24"
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not there: only this check against it is left out", dir)
	}
	n, err := bulk.ReadNetwork(os.DirFS(dir))
	require.NoError(t, err)
	known := bulk.Known{Products: map[string]bool{}, Deliveries: map[bulk.Visit]bulk.Taking{}}
	for _, p := range n.Products {
		known.Products[p.V.ID] = true
	}
	for _, d := range n.Deliveries {
		known.Deliveries[bulk.Visit{LocationID: d.V.LocationID, Date: d.V.Date}] = bulk.Taking{Cutoff: d.V.OrderCutoff}
	}
	f, err := os.Open(dir + "/orders.csv")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	orders, _, err := bulk.ReadOrders(f, "orders.csv", known)
	require.NoError(t, err)
	require.Len(t, orders, 7975)

	books, others := map[string]*capacity.Book{}, map[string]*capacity.UnitByUnit{}
	for _, date := range n.Dates() {
		network := networkOf(t, n, date)
		others[date] = capacity.NewUnitByUnit(network)
		books[date], err = capacity.NewBook(network, capacity.State{})
		require.NoError(t, err)
	}
	ours, readme := map[capacity.Limit]int{}, map[capacity.Limit]int{}
	for _, o := range orders {
		var lines []capacity.Line
		for _, line := range o.V.Lines {
			lines = append(lines, capacity.Line{Product: line.ProductID, Quantity: line.Quantity})
		}
		var refused capacity.Refused
		_, err := books[o.V.DeliveryDate].Place(o.V.ID, o.V.LocationID, lines)
		if is := (*capacity.Refused)(nil); errors.As(err, &is) {
			refused = *is
		} else {
			require.NoError(t, err)
		}
		other := others[o.V.DeliveryDate].Place(o.V.LocationID, lines)
		ours[refused.Limit]++
		readme[other]++
	}
	require.Equal(t, map[capacity.Limit]int{"": 6886, "container": 629, "sales_limit": 276, "shipper": 184}, readme)
	require.Equal(t, map[capacity.Limit]int{"": 6902, "container": 614, "sales_limit": 292, "shipper": 167}, ours)
}

func networkOf(t *testing.T, n bulk.Network, date string) capacity.Network {
	c := capacity.Network{Date: date, Categories: values(n.Categories), Shops: values(n.Shops), Products: values(n.Products),
		Slots: values(n.Slots), Addresses: values(n.Addresses)}
	for _, l := range n.Locations {
		c.Locations = append(c.Locations, l.V.ID)
	}
	runs, err := n.Schedule(date)
	require.NoError(t, err)
	for _, r := range runs {
		c.Calls = append(c.Calls, r.Calls...)
		c.Aboard = append(c.Aboard, r.Aboard...)
	}
	return c
}

func values[T any](rows []bulk.Row[T]) (all []T) {
	for _, r := range rows {
		all = append(all, r.V)
	}
	return all
}
