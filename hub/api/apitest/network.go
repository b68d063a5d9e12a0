// Package apitest gives the tests of the API and of the pages a hub with a small network, in the middle of a day in which a
// few things have gone wrong.
package apitest

import (
	"fmt"
	"strings"
	"testing/fstest"

	"meguri/internal/gs1"
)

// Date is the delivery date of the fixture; its pickup is open.
const Date = "2026-12-01"

// Locations, fridges at each and slots in each fridge.
const (
	locations = 3
	fridges   = 2
	slots     = 5
	shops     = 4
)

var (
	stations = []string{"下北沢駅ステーション", "水天宮前駅ステーション", "Harbour Gate"}
	goods    = []string{"牛肉 beef", "milk", "bread", "kabocha", "salmon", "tofu", "rice 2 kg", "mikan"}
	shopList = []string{"Butcher 1", "Dairy 1", "Bakery 1", "Greengrocer 1"}
)

// Network is a small network as CSV files.
func Network() fstest.MapFS {
	files := map[string]*strings.Builder{}
	row := func(file, format string, args ...any) {
		b := files[file]
		if b == nil {
			b = &strings.Builder{}
			b.WriteString(headers[file] + "\n")
			files[file] = b
		}
		fmt.Fprintf(b, format+"\n", args...)
	}
	row("temperature_categories.csv", "precooled,refrigerated")
	row("temperature_categories.csv", "ambient,refrigerated|room")
	for _, leg := range []string{"collection", "shipper", "station"} {
		row("temperature_limits.csv", "precooled,%s,0,8,20", leg)
		row("temperature_limits.csv", "ambient,%s,0,30,60", leg)
	}
	row("depots.csv", "depot-1,Depot 1")
	places(row)
	trade(row)
	routes(row)
	fs := fstest.MapFS{}
	for name, b := range files {
		fs[name] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return fs
}

// Priced is Network with prices.
func Priced() fstest.MapFS {
	files := Network()
	lines := strings.Split(strings.TrimSpace(string(files["products.csv"].Data)), "\n")
	for i := range lines {
		price := fmt.Sprint(110 * (i % len(goods)))
		lines[i] += "," + map[bool]string{true: "price_yen", false: price}[i == 0]
	}
	files["products.csv"] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n") + "\n")}
	return files
}

var headers = map[string]string{
	"temperature_categories.csv": "id,fridge_kinds",
	"temperature_limits.csv":     "temperature_category,leg,min_celsius,max_celsius,minutes_outside",
	"depots.csv":                 "id,name",
	"collection_spots.csv":       "id,name",
	"locations.csv":              "id,gln,name,address,latitude,longitude",
	"fridges.csv":                "id,place_id,kind,min_celsius,max_celsius",
	"slots.csv":                  "id,fridge_id,capacity_ml",
	"collection_addresses.csv":   "id,collection_spot_id,fridge_id",
	"deliveries.csv":             "location_id,delivery_date,order_cutoff,pickup_opens,pickup_closes",
	"shops.csv":                  "id,name,collection_spot_id",
	"products.csv":               "id,name,shop_id,gtin,temperature_category,volume_ml,sales_limit_per_day",
	"routes.csv":                 "id,vehicle_id,driver_id",
	"route_stops.csv":            "route_id,sequence,kind,place_id,planned_at",
	"shippers.csv":               "id,vehicle_id,temperature_category,capacity_containers,grai",
}

type rowFunc func(file, format string, args ...any)

// key is a GS1 key of so many digits with the prefix for examples.
func key(digits, n int) string {
	body := fmt.Sprintf("952%0*d", digits-4, n)
	return body + string(gs1.CheckDigit(body))
}

func places(row rowFunc) {
	for s := 1; s <= 2; s++ {
		row("collection_spots.csv", "spot-%d,Collection spot %d", s, s)
		row("fridges.csv", "spot-%d-fridge-1,spot-%d,collection,2,8", s, s)
		for a := 1; a <= 20; a++ {
			row("collection_addresses.csv", "spot-%d-fridge-1-%02d,spot-%d,spot-%d-fridge-1", s, a, s, s)
		}
	}
	for l := 1; l <= locations; l++ {
		row("locations.csv", "loc-%03d,%s,%s,Tokyo %d-1,35.6%d,139.6%d", l, key(13, l), stations[l-1], l, l, l)
		row("deliveries.csv", "loc-%03d,%s,%[2]sT02:00:00+09:00,%[2]sT16:00:00+09:00,%[2]sT23:00:00+09:00", l, Date)
		for f := 1; f <= fridges; f++ {
			row("fridges.csv", "loc-%03d-fridge-%d,loc-%03d,refrigerated,2,8", l, f, l)
			for s := 1; s <= slots; s++ {
				row("slots.csv", "loc-%03d-fridge-%d-slot-%d,loc-%03d-fridge-%d,15000", l, f, s, l, f)
			}
		}
	}
}

func trade(row rowFunc) {
	for s := 1; s <= shops; s++ {
		row("shops.csv", "shop-%d,%s,spot-%d", s, shopList[s-1], 1+s%2)
	}
	for p, name := range goods {
		category := "precooled"
		if p%4 == 2 {
			category = "ambient"
		}
		row("products.csv", "prod-%03d,%s,shop-%d,%s,%s,%d,40", p+1, name, 1+p%shops, key(13, 100+p), category, 800+300*p)
	}
}

func routes(row rowFunc) {
	for r := 1; r <= 2; r++ {
		row("routes.csv", "route-%02d,vehicle-%02d,driver-%02d", r, r, r)
		row("route_stops.csv", "route-%02d,1,collect,spot-1,09:00", r)
		row("route_stops.csv", "route-%02d,2,collect,spot-2,09:30", r)
		for i, category := range []string{"precooled", "precooled", "ambient"} {
			row("shippers.csv", "vehicle-%02d-%s-%d,vehicle-%02d,%s,6,%s", r, category, i+1, r, category, "0"+key(13, 500+10*r+i))
		}
	}
	row("route_stops.csv", "route-01,3,deliver,loc-001,11:00")
	row("route_stops.csv", "route-01,4,deliver,loc-002,11:40")
	row("route_stops.csv", "route-01,5,return,depot-1,14:00")
	row("route_stops.csv", "route-02,3,deliver,loc-003,11:00")
	row("route_stops.csv", "route-02,4,return,depot-1,14:00")
}
