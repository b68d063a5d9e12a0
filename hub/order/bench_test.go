package order_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/pgtest"
)

// benchNetwork has 24 locations and limits that no benchmark reaches, so that all orders are accepted.
func benchNetwork(tb testing.TB) bulk.Network {
	const locations, room = 24, 1_000_000_000
	files := storetest.Files()
	rows := map[string]*strings.Builder{}
	add := func(file, format string, args ...any) {
		if rows[file] == nil {
			header, _, _ := strings.Cut(files[file], "\n")
			rows[file] = &strings.Builder{}
			rows[file].WriteString(header + "\n")
		}
		fmt.Fprintf(rows[file], format+"\n", args...)
	}
	add(bulk.StopsFile, "route-1,1,collect,spot-1,06:30")
	add(bulk.StopsFile, "route-1,2,collect,spot-2,07:00")
	add(bulk.FridgesFile, "spot-1-f1,spot-1,collection,2,8")
	add(bulk.FridgesFile, "spot-2-f1,spot-2,collection,2,8")
	for l := 1; l <= locations; l++ {
		gln := fmt.Sprintf("952000100%03d", l)
		add(bulk.LocationsFile, "loc-%d,%s%c,ステーション%d,東京都,35.6,139.7", l, gln, checkDigit(gln), l)
		add(bulk.FridgesFile, "loc-%d-f1,loc-%d,refrigerated,2,8", l, l)
		for s := range 4 {
			add(bulk.SlotsFile, "loc-%d-s%d,loc-%d-f1,%d", l, s, l, room)
		}
		add(bulk.StopsFile, "route-1,%d,deliver,loc-%d,09:00", l+2, l)
		add(bulk.DeliveriesFile, "loc-%d,2026-12-01,2026-12-01T02:00:00+09:00,2026-12-01T11:00:00+09:00,2026-12-01T17:00:00+09:00", l)
	}
	for a := range 4 * locations {
		add(bulk.AddressesFile, "spot-1-%d,spot-1,spot-1-f1", a)
		add(bulk.AddressesFile, "spot-2-%d,spot-2,spot-2-f1", a)
	}
	add(bulk.ShippersFile, "box-1-cold,vehicle-1,cold,1000,09520001000010")
	add(bulk.ShippersFile, "box-1-dry,vehicle-1,dry,1000,09520001000027")
	for file, b := range rows {
		files[file] = b.String()
	}
	files[bulk.ProductsFile] = strings.ReplaceAll(files[bulk.ProductsFile], ",20\n", fmt.Sprintf(",%d\n", room))
	n, err := bulk.ReadNetwork(storetest.FS(files))
	require.NoError(tb, err)
	return n
}

func checkDigit(body string) byte {
	sum := 0
	for i := range len(body) {
		sum += int(body[len(body)-1-i]-'0') * (1 + 2*((i+1)%2))
	}
	return byte('0' + (10-sum%10)%10)
}

// benchOrder is the n-th order: two units of two products at one of the locations.
func benchOrder(n int64) order.Arrival {
	return order.Arrival{At: arrived, By: "bench", Request: order.Request{ID: fmt.Sprintf("o-%09d", n), DeliveryDate: "2026-12-01",
		LocationID: fmt.Sprintf("loc-%d", n%24+1), CustomerID: "member-1",
		Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}, {ProductID: "b-cold", Quantity: 1}}}}
}

// perSecond reports a rate, and what part it is of a bare writer's on the same engine; 0 when that was not asked for.
func perSecond(b *testing.B, orders int, bare float64) float64 {
	rate := float64(orders) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "orders/s")
	if bare > 0 {
		b.ReportMetric(rate/bare, "of-bare")
	}
	return rate
}

// BenchmarkOrders compares orders that are decided and durable in the database, at the databases' own settings, alone, by 32
// clients at once and in groups, with a bare writer that only inserts decided orders in the same groups; and shows how fast
// decisions alone are. Run it with
//
//	go test ./hub/order -run - -bench Orders -benchtime 3s
func BenchmarkOrders(b *testing.B) {
	b.Run("memory", benchMemory)
	b.Run("sqlite", func(b *testing.B) { benchEngine(b, func() string { return storetest.SQLite(b) }) })
	b.Run("postgres", func(b *testing.B) {
		cluster := pgtest.Start(b)
		benchEngine(b, func() string { return cluster.Database(b) })
	})
}

// benchBook is the owner's memory of an empty date.
func benchBook(b *testing.B, s *store.Store) *capacity.Book {
	storetest.Import(b, s, benchNetwork(b))
	var d order.Date
	require.NoError(b, s.Read(b.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.Date(b.Context(), "2026-12-01")
		return err
	}))
	book, err := capacity.NewBook(d.Network, d.State)
	require.NoError(b, err)
	return book
}

var benchLines = []capacity.Line{{Product: "a-cold", Quantity: 1}, {Product: "b-cold", Quantity: 1}}

func benchMemory(b *testing.B) {
	book := benchBook(b, storetest.Open(b, storetest.SQLite(b)))
	for n := int64(0); b.Loop(); n++ {
		if _, err := book.Place(fmt.Sprint("o-", n), fmt.Sprintf("loc-%d", n%24+1), benchLines); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, b.N, 0)
}

// benchBare inserts the rows of decided orders in groups, with no check, no revision and no answer.
func benchBare(b *testing.B, url string) float64 {
	s := storetest.Open(b, url)
	book := benchBook(b, s)
	orders := 0
	for n := int64(0); b.Loop(); n += order.MaxGroup {
		var group []order.Decision
		for i := range int64(order.MaxGroup) {
			a := benchOrder(n + i)
			change, err := book.Place(a.Request.ID, a.Request.LocationID, benchLines)
			require.NoError(b, err)
			group = append(group, order.Decision{Sequence: n + i + 1, Change: change,
				Order: order.Order{Request: a.Request, State: order.Accepted, PlacedBy: a.By, PlacedAt: a.At,
					LineStates: make([]order.LineState, len(a.Request.Lines))}})
		}
		require.NoError(b, s.Change(b.Context(), func(tx *store.Tx) error { return tx.AddDecisions(b.Context(), group, arrived) }))
		orders += len(group)
	}
	return perSecond(b, orders, 0)
}

func benchEngine(b *testing.B, url func() string) {
	service := func(b *testing.B) *order.Service {
		s := storetest.Open(b, url())
		storetest.Import(b, s, benchNetwork(b))
		return order.NewService(s.Orders())
	}
	check := func(b *testing.B, o order.Outcome, err error) {
		if err != nil || !o.Accepted() {
			b.Error(o, err)
		}
	}
	var bare float64
	b.Run("bare writer, groups of 256", func(b *testing.B) { bare = benchBare(b, url()) })
	b.Run("one by one", func(b *testing.B) {
		s := service(b)
		for n := int64(0); b.Loop(); n++ {
			a := benchOrder(n)
			o, err := s.Place(b.Context(), a.Request, a.At, a.By)
			check(b, o, err)
		}
		perSecond(b, b.N, bare)
	})
	b.Run("32 clients", func(b *testing.B) {
		s := service(b)
		var next atomic.Int64
		b.SetParallelism(16) // times two processors
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				a := benchOrder(next.Add(1))
				o, err := s.Place(b.Context(), a.Request, a.At, a.By)
				check(b, o, err)
			}
		})
		perSecond(b, b.N, bare)
	})
	b.Run("groups of 256", func(b *testing.B) {
		s := service(b)
		orders := 0
		for n := int64(0); b.Loop(); n += order.MaxGroup {
			var group []order.Arrival
			for i := range int64(order.MaxGroup) {
				group = append(group, benchOrder(n+i))
			}
			results, err := s.PlaceGroup(b.Context(), group)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range results {
				check(b, r.Outcome, r.Err)
			}
			orders += len(results)
		}
		perSecond(b, orders, bare)
	})
	for _, size := range []int64{1, order.MaxGroup} {
		b.Run(fmt.Sprintf("the acts of groups of %d", size), func(b *testing.B) { benchAct(b, service(b), size) })
	}
}

// benchAct says what the acts of the trail cost of placing orders: groups of them by turns with acts and without, as of nobody.
func benchAct(b *testing.B, s *order.Service, size int64) {
	next := int64(0)
	place := func(by string) time.Duration {
		var group []order.Arrival
		for range size {
			a := benchOrder(next)
			a.By = by
			group = append(group, a)
			next++
		}
		begin := time.Now()
		results, err := s.PlaceGroup(b.Context(), group)
		require.NoError(b, err)
		took := time.Since(begin)
		for _, r := range results {
			require.NoError(b, r.Err)
			require.True(b, r.Outcome.Accepted())
		}
		return took
	}
	var with, without time.Duration
	for b.Loop() {
		without += place("")
		with += place("bench")
	}
	b.ReportMetric(float64(with)/float64(without), "times-without")
	b.ReportMetric(float64((with-without).Microseconds())/float64(int64(b.N)*size), "us/act")
}
