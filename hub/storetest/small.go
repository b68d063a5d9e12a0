package storetest

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/order"
	"meguri/hub/store"
)

// Files are the CSV files of a small network, by name, in which each limit can be reached. Each call gives a fresh copy.
//
// Route-1 collects at spot-1 (shop-a) and spot-2 (shop-b) and delivers to loc-1, route-2 goes from spot-1 to loc-2 only. Slots
// are 1000 ml: two cold ones and one on a shelf at loc-1, two cold ones at loc-2. Deliveries are on 2026-12-01 and 2026-12-02.
func Files() map[string]string {
	return map[string]string{
		bulk.CategoriesFile: "id,fridge_kinds\ncold,refrigerated\ndry,refrigerated|shelf\n",
		bulk.LimitsFile: "temperature_category,leg,min_celsius,max_celsius,minutes_outside\n" +
			"cold,collection,0,10,30\ncold,shipper,0,8.5,20\ncold,station,-0.5,10,30\n",
		bulk.SpotsFile:     "id,name\nspot-1,東の集荷場\nspot-2,西の集荷場\n",
		bulk.DepotsFile:    "id,name\ndepot-1,車庫\n",
		bulk.LocationsFile: "id,gln,name,address,latitude,longitude\nloc-1,9520001000010,一番ステーション,\"東京都, 一番\",35.66,139.66\nloc-2,9520001000027,二番ステーション,東京都二番,35.68,139.78\n",
		bulk.ShopsFile:     "id,name,collection_spot_id\nshop-a,青木精肉店,spot-1\nshop-b,馬場青果店,spot-2\n",
		bulk.ProductsFile: "id,name,shop_id,gtin,temperature_category,volume_ml,sales_limit_per_day\n" +
			"a-cold,鶏もも,shop-a,9520001000010,cold,400,20\na-dry,塩,shop-a,9520001000027,dry,400,20\n" +
			"a-rare,特選,shop-a,9520001000034,cold,100,3\nb-cold,苺,shop-b,9520001000041,cold,400,20\n",
		bulk.FridgesFile: "id,place_id,kind,min_celsius,max_celsius\nloc-1-f1,loc-1,refrigerated,2,8\nloc-1-f2,loc-1,shelf,5,25\n" +
			"loc-2-f1,loc-2,refrigerated,2,8\nspot-1-f1,spot-1,collection,2,8\nspot-2-f1,spot-2,collection,2,8\n",
		bulk.SlotsFile: "id,fridge_id,capacity_ml\nloc-1-f1-s1,loc-1-f1,1000\nloc-1-f1-s2,loc-1-f1,1000\nloc-1-f2-s1,loc-1-f2,1000\n" +
			"loc-2-f1-s1,loc-2-f1,1000\nloc-2-f1-s2,loc-2-f1,1000\n",
		bulk.AddressesFile: "id,collection_spot_id,fridge_id\nspot-1-1,spot-1,spot-1-f1\nspot-1-2,spot-1,spot-1-f1\nspot-1-3,spot-1,spot-1-f1\n" +
			"spot-2-1,spot-2,spot-2-f1\n",
		bulk.RoutesFile: "id,vehicle_id,driver_id\nroute-1,vehicle-1,driver-1\nroute-2,vehicle-2,driver-2\n",
		bulk.StopsFile: "route_id,sequence,kind,place_id,planned_at\nroute-1,1,collect,spot-1,06:30\nroute-1,2,collect,spot-2,07:00\n" +
			"route-1,3,deliver,loc-1,08:30\nroute-1,4,return,depot-1,11:00\nroute-2,1,collect,spot-1,06:40\nroute-2,2,deliver,loc-2,09:00\n",
		bulk.ShippersFile: "id,vehicle_id,temperature_category,capacity_containers,grai\nbox-1-cold,vehicle-1,cold,2,09520001000010\n" +
			"box-1-dry,vehicle-1,dry,2,09520001000027\nbox-2-cold,vehicle-2,cold,1,09520001000034\n",
		bulk.DeliveriesFile: "location_id,delivery_date,order_cutoff,pickup_opens,pickup_closes\n" +
			"loc-1,2026-12-01,2026-12-01T02:00:00+09:00,2026-12-01T11:00:00+09:00,2026-12-01T17:00:00+09:00\n" +
			"loc-2,2026-12-01,2026-12-01T01:00:00+09:00,2026-12-01T11:00:00+09:00,2026-12-01T17:00:00+09:00\n" +
			"loc-1,2026-12-02,2026-12-02T02:00:00+09:00,2026-12-02T11:00:00+09:00,2026-12-02T17:00:00+09:00\n",
	}
}

// Accept places orders of members named after them, which have to be accepted at a time.
func Accept(tb testing.TB, s *store.Store, at time.Time, requests ...order.Request) {
	tb.Helper()
	orders := order.NewService(s.Orders())
	for _, r := range requests {
		if r.CustomerID == "" {
			r.CustomerID = "member-" + r.ID
		}
		o, err := orders.Place(tb.Context(), r, at, "p-test")
		require.NoError(tb, err)
		require.Equal(tb, order.Accepted, o.State, r.ID)
	}
}

// Network reads files, after replacing texts in them: file, old, new, file, old, new.
func Network(tb testing.TB, replace ...string) bulk.Network {
	tb.Helper()
	files := Files()
	for i := 0; i+2 < len(replace); i += 3 {
		file, old := replace[i], replace[i+1]
		require.Contains(tb, files[file], old)
		files[file] = strings.Replace(files[file], old, replace[i+2], 1)
	}
	n, err := bulk.ReadNetwork(FS(files))
	require.NoError(tb, err)
	return n
}

// FS makes a file system of files.
func FS(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}
