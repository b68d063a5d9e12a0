package capacity_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
)

// basket is an order of a data set.
type basket struct {
	id, date, location string
	lines              []capacity.Line
}

// year is the data set with a year of real baskets, or the project's own sample where it is not present.
func year(tb testing.TB) (map[string]capacity.Network, []basket) {
	dir := "../../../shared/data/tokyo24"
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		dir = "../../deploy/sample"
	}
	n, err := bulk.ReadNetwork(os.DirFS(dir))
	require.NoError(tb, err)
	known := bulk.Known{Products: map[string]bool{}, Deliveries: map[bulk.Visit]bulk.Taking{}}
	for _, p := range n.Products {
		known.Products[p.V.ID] = true
	}
	for _, d := range n.Deliveries {
		known.Deliveries[bulk.Visit{LocationID: d.V.LocationID, Date: d.V.Date}] = bulk.Taking{Cutoff: d.V.OrderCutoff}
	}
	f, err := os.Open(dir + "/orders.csv")
	require.NoError(tb, err)
	defer func() { require.NoError(tb, f.Close()) }()
	rows, _, err := bulk.ReadOrders(f, "orders.csv", known)
	require.NoError(tb, err)
	networks := map[string]capacity.Network{}
	for _, date := range n.Dates() {
		networks[date] = networkOf(tb, n, date)
	}
	var all []basket
	for _, o := range rows {
		b := basket{id: o.V.ID, date: o.V.DeliveryDate, location: o.V.LocationID}
		for _, line := range o.V.Lines {
			b.lines = append(b.lines, capacity.Line{Product: line.ProductID, Quantity: line.Quantity})
		}
		all = append(all, b)
	}
	return networks, all
}

// BenchmarkYear decides on a year of real baskets: exactly, and by extending alone, which refuses some that would fit.
//
//	go test ./hub/capacity -run - -bench .
func BenchmarkYear(b *testing.B) {
	networks, baskets := year(b)
	var extending float64
	run := func(b *testing.B, nodes int) float64 {
		var accepted, moves, moving int
		for b.Loop() {
			books := map[string]*capacity.Book{}
			for date, n := range networks {
				book, err := capacity.NewBook(n, capacity.State{})
				require.NoError(b, err)
				book.SetSearchNodes(nodes)
				books[date] = book
			}
			accepted, moves, moving = 0, 0, 0
			for _, o := range baskets {
				c, err := books[o.date].Place(o.id, o.location, o.lines)
				if err != nil {
					continue
				}
				accepted++
				if moves += c.Moves(); c.Moves() > 0 {
					moving++
				}
			}
		}
		perSecond := float64(len(baskets)*b.N) / b.Elapsed().Seconds()
		b.ReportMetric(perSecond, "orders/s")
		b.ReportMetric(float64(accepted), "accepted")
		b.ReportMetric(float64(moving), "orders-that-moved-others")
		b.ReportMetric(float64(moves), "moves")
		return perSecond
	}
	b.Run("extending alone", func(b *testing.B) { extending = run(b, 0) })
	b.Run("exact", func(b *testing.B) { b.ReportMetric(run(b, capacity.SearchNodes)/extending, "of-extending") })
}

// BenchmarkFlashSale has everybody want one product in the same minute, at all locations: accepted ones, and those who come when
// the containers are full.
func BenchmarkFlashSale(b *testing.B) {
	flash := func(slots int) *capacity.Book {
		n := capacity.Network{Date: "2026-12-01", Categories: []capacity.Category{{ID: "cold", FridgeKinds: []string{"cold"}}},
			Shops:    []capacity.Shop{{ID: "shop", SpotID: "spot"}},
			Products: []capacity.Product{{ID: "cake", ShopID: "shop", Category: "cold", VolumeML: 1500, SalesLimit: 1 << 40}},
			Aboard:   []capacity.Aboard{{RunID: "run", ShipperID: "box", Category: "cold", Containers: 1 << 14}}}
		for l := range 24 {
			id := fmt.Sprintf("loc-%d", l)
			n.Locations = append(n.Locations, id)
			n.Calls = append(n.Calls, capacity.Call{RunID: "run", SpotID: "spot", LocationID: id})
			for s := range slots {
				n.Slots = append(n.Slots, capacity.Slot{ID: fmt.Sprint(id, "-", s), FridgeID: id, LocationID: id, FridgeKind: "cold", CapacityML: 15000})
				n.Addresses = append(n.Addresses, capacity.Address{ID: fmt.Sprint("a-", l, "-", s), SpotID: "spot"})
			}
		}
		book, err := capacity.NewBook(n, capacity.State{})
		require.NoError(b, err)
		return book
	}
	const slots = 20
	place := func(book *capacity.Book, i int) error {
		_, err := book.Place(fmt.Sprint("order-", i), fmt.Sprintf("loc-%d", i%24), []capacity.Line{{Product: "cake", Quantity: 1}})
		return err
	}
	b.Run("accepted", func(b *testing.B) {
		book := flash(slots)
		for i := 0; b.Loop(); i++ {
			if i%(24*slots*10) == 0 {
				b.StopTimer()
				book = flash(slots)
				b.StartTimer()
			}
			if err := place(book, i); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	})
	b.Run("refused", func(b *testing.B) {
		book := flash(slots)
		for i := range 24 * slots * 10 {
			require.NoError(b, place(book, i))
		}
		for i := 0; b.Loop(); i++ {
			if err := place(book, i); err == nil {
				b.Fatal("accepted")
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	})
}
