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
	networks, baskets := year(t)
	require.Len(t, baskets, 7975)
	books, others := map[string]*capacity.Book{}, map[string]*capacity.UnitByUnit{}
	for date, network := range networks {
		others[date] = capacity.NewUnitByUnit(network)
		var err error
		books[date], err = capacity.NewBook(network, capacity.State{})
		require.NoError(t, err)
	}
	ours, readme := map[capacity.Limit]int{}, map[capacity.Limit]int{}
	for _, o := range baskets {
		var limit capacity.Limit
		_, err := books[o.date].Place(o.id, o.location, o.lines)
		if refused := (*capacity.Refused)(nil); errors.As(err, &refused) {
			limit = refused.Limit
		} else {
			require.NoError(t, err)
		}
		ours[limit]++
		readme[others[o.date].Place(o.location, o.lines)]++
	}
	require.Equal(t, map[capacity.Limit]int{"": 6886, "container": 629, "sales_limit": 276, "shipper": 184}, readme)
	require.Equal(t, map[capacity.Limit]int{"": 6902, "container": 614, "sales_limit": 292, "shipper": 167}, ours)
}

func networkOf(t testing.TB, n bulk.Network, date string) capacity.Network {
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
