package bulk_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/storetest"
)

func TestNetworkIsReadInTheOrderOfItsFiles(t *testing.T) {
	n := storetest.Network(t)
	require.Equal(t, []bulk.Row[capacity.Shop]{{Line: 2, V: capacity.Shop{ID: "shop-a", Name: "青木精肉店", SpotID: "spot-1"}},
		{Line: 3, V: capacity.Shop{ID: "shop-b", Name: "馬場青果店", SpotID: "spot-2"}}}, n.Shops)
	require.Equal(t, capacity.Category{ID: "dry", FridgeKinds: []string{"refrigerated", "shelf"}}, n.Categories[1].V)
	require.Equal(t, capacity.TemperatureLimit{Category: "cold", Leg: "station", MinMilliC: -500, MaxMilliC: 10_000, MinutesOutside: 30, GapMinutes: -1}, n.Limits[2].V)
	require.Equal(t, "東京都, 一番", n.Locations[0].V.Address)
	require.Equal(t, capacity.Fridge{ID: "spot-1-f1", SpotID: "spot-1", Kind: "collection", MinMilliC: 2000, MaxMilliC: 8000}, n.Fridges[3].V)
	require.Equal(t, capacity.Slot{ID: "loc-1-f2-s1", FridgeID: "loc-1-f2", LocationID: "loc-1", FridgeKind: "shelf", CapacityML: 1000}, n.Slots[2].V)
	require.Equal(t, time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC), n.Deliveries[0].V.OrderCutoff.UTC())
	require.Equal(t, []string{"2026-12-01", "2026-12-02"}, n.Dates())
	require.Empty(t, n.Notes)
}

// Programs that people make tables with write a byte order mark, CRLF, and columns as they please.
func TestOtherWaysToWriteTheSame(t *testing.T) {
	files := storetest.Files()
	for name, text := range files {
		files[name] = "\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n")
	}
	files[bulk.ShopsFile] = "\ufeffcollection_spot_id,name,remark,id\r\nspot-1,青木精肉店,,shop-a\r\nspot-2,馬場青果店,\"two\r\nlines\",shop-b"
	n, err := bulk.ReadNetwork(storetest.FS(files))
	require.NoError(t, err)
	want := storetest.Network(t)
	want.Notes = []string{`shops.csv: column "remark" is not used`}
	require.Equal(t, want, n)
}

func TestScheduleTakesLocalTimesAtTheDatesOffset(t *testing.T) {
	runs, err := storetest.Network(t).Schedule("2026-12-01")
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.Equal(t, capacity.Run{ID: "route-1@2026-12-01", RouteID: "route-1", Date: "2026-12-01", VehicleID: "vehicle-1",
		DriverID: "driver-1", Version: 1}, runs[0].Run)
	require.Equal(t, time.Date(2026, 11, 30, 21, 30, 0, 0, time.UTC), runs[0].Stops[0].PlannedAt.UTC())
	require.Equal(t, []capacity.Call{{RunID: "route-1@2026-12-01", SpotID: "spot-1", LocationID: "loc-1", CollectSequence: 1, DeliverSequence: 3},
		{RunID: "route-1@2026-12-01", SpotID: "spot-2", LocationID: "loc-1", CollectSequence: 2, DeliverSequence: 3}}, runs[0].Calls)
	require.Equal(t, []capacity.Aboard{{RunID: "route-2@2026-12-01", ShipperID: "box-2-cold", Category: "cold", Containers: 1}}, runs[1].Aboard)
	_, err = storetest.Network(t).Schedule("2026-12-03")
	require.ErrorContains(t, err, "2026-12-03")
}

// A shipper is in one run a date at most; the schema says so too.
func TestAVehicleWithTwoRoutesCarriesItsShippersInTheFirst(t *testing.T) {
	runs, err := storetest.Network(t, bulk.RoutesFile, "route-2,vehicle-2", "route-2,vehicle-1").Schedule("2026-12-01")
	require.NoError(t, err)
	require.Len(t, runs[0].Aboard, 2)
	require.Empty(t, runs[1].Aboard)
}

// problem is a change of the small network that makes it wrong, and what is said of it.
type problem struct{ rule, file, old, new, want string }

var wrongNetworks = []problem{
	{"missing column", bulk.ProductsFile, "volume_ml", "volume", `products.csv, row 1, column volume_ml: want this column`},
	{"column twice", bulk.ShopsFile, "id,name", "name,id,name", `shops.csv, row 1, column name: "name": want each column once`},
	{"unknown reference", bulk.ProductsFile, "塩,shop-a", "塩,shop-x", `products.csv, row 3, column shop_id: "shop-x": want an id of shops.csv`},
	{"negative volume", bulk.ProductsFile, "cold,100,3", "cold,-100,3", `products.csv, row 4, column volume_ml: "-100": want a whole number from 1 to`},
	{"volume in litres", bulk.ProductsFile, "cold,100,3", "cold,0.1,3", `products.csv, row 4, column volume_ml: "0.1": want a whole number`},
	{"broken UTF-8", bulk.ProductsFile, "特選", "\x93\xc1\x91\x49", `products.csv, row 4, column name: "\x93\xc1\x91I": want text in UTF-8`},
	{"broken UTF-8 in an id", bulk.ProductsFile, "a-rare", "a-\xff", `products.csv, row 4, column id: "a-\xff": want text in UTF-8`},
	{"broken UTF-8 in the header", bulk.ProductsFile, "id,", "\xff,id,", `products.csv, row 1: "\xff": want a column name in UTF-8`},
	{"duplicate id", bulk.ProductsFile, "a-dry,", "a-cold,", `products.csv, row 3, column id: "a-cold": want an id that no other row has (row 2 has it)`},
	{"duplicate GTIN", bulk.ProductsFile, "9520001000027", "9520001000010", `products.csv, row 3, column gtin: "9520001000010": want a gtin that no other row has (row 2 has it)`},
	{"bad GTIN", bulk.ProductsFile, "9520001000027", "9520001000028", `products.csv, row 3, column gtin: "9520001000028": want 13 digits with a right check digit`},
	{"short GLN", bulk.LocationsFile, "9520001000027", "952000100002", `locations.csv, row 3, column gln: "952000100002": want 13 digits`},
	{"bad GRAI", bulk.ShippersFile, "09520001000027", "09520001000021", `shippers.csv, row 3, column grai: "09520001000021": want 14 digits and a serial of at most 16`},
	{"bad serial of a GRAI", bulk.ShippersFile, "09520001000027", "09520001000027*", `shippers.csv, row 3, column grai`},
	{"too few fields", bulk.ShopsFile, "shop-b,馬場青果店,spot-2", "shop-b,馬場青果店", `shops.csv, row 3: want 3 fields as in the header, has 2`},
	{"open quote", bulk.ShopsFile, "馬場青果店", `"馬場`, `shops.csv, row 3: want comma-separated values`},
	{"open quote in an earlier row", bulk.ShopsFile, "青木精肉店", `"青木`, `shops.csv, row 2: want comma-separated values (the row goes on to line `},
	{"empty name", bulk.ShopsFile, "馬場青果店", "", `shops.csv, row 3, column name: want a text of 1 to 200 bytes`},
	{"control character", bulk.ShopsFile, "馬場青果店", "馬場\x00", `shops.csv, row 3, column name: "馬場\x00": want a text without control characters`},
	{"id with a blank", bulk.ShopsFile, "shop-b,", "shop b,", `shops.csv, row 3, column id: "shop b": want an id of 1 to 64 letters`},
	{"coordinate", bulk.LocationsFile, "139.78", "239.78", `locations.csv, row 3, column longitude: "239.78": want degrees from -180 to 180`},
	{"no number at all", bulk.LocationsFile, "139.78", "NaN", `locations.csv, row 3, column longitude: "NaN": want degrees`},
	{"fridge kinds", bulk.CategoriesFile, "refrigerated|shelf", "shelf||shelf", `temperature_categories.csv, row 3, column fridge_kinds`},
	{"leg", bulk.LimitsFile, "cold,shipper", "cold,lorry", `temperature_limits.csv, row 3, column leg: "lorry": want collection or shipper or station`},
	{"leg twice", bulk.LimitsFile, "cold,shipper", "cold,station", `temperature_limits.csv, row 4, column leg`},
	{"limits the wrong way round", bulk.LimitsFile, "shipper,0,8.5", "shipper,9,8.5", `temperature_limits.csv, row 3, column max_celsius: "8.5": want no less than min_celsius`},
	{"too fine a temperature", bulk.LimitsFile, "8.5", "8.50001", `temperature_limits.csv, row 3, column max_celsius: "8.50001": want a temperature`},
	{"fridge nowhere", bulk.FridgesFile, "loc-1-f2,loc-1", "loc-1-f2,spot-1", `fridges.csv, row 3, column place_id: "spot-1": want an id of locations.csv`},
	{"collection fridge at a location", bulk.FridgesFile, "spot-2-f1,spot-2", "spot-2-f1,loc-2", `fridges.csv, row 6, column place_id: "loc-2": want an id of collection_spots.csv`},
	{"fridge range the wrong way round", bulk.FridgesFile, "shelf,5,25", "shelf,5,2", `fridges.csv, row 3, column max_celsius`},
	{"slot in a collection fridge", bulk.SlotsFile, "loc-1-f2-s1,loc-1-f2", "loc-1-f2-s1,spot-1-f1", `slots.csv, row 4, column fridge_id: "spot-1-f1": want a fridge at a location`},
	{"address in another spot's fridge", bulk.AddressesFile, "spot-1,spot-1-f1", "spot-1,spot-2-f1", `collection_addresses.csv, row 2, column fridge_id: "spot-2-f1": want a fridge of kind collection at spot-1`},
	{"stop's kind", bulk.StopsFile, "3,deliver", "3,drop", `route_stops.csv, row 4, column kind: "drop": want collect or deliver or return`},
	{"collecting at a location", bulk.StopsFile, "2,collect,spot-2", "2,collect,loc-1", `route_stops.csv, row 3, column place_id: "loc-1": want an id of collection_spots.csv`},
	{"stop twice", bulk.StopsFile, "route-1,2", "route-1,1", `route_stops.csv, row 3, column sequence`},
	{"time of day", bulk.StopsFile, "07:00", "24:00", `route_stops.csv, row 3, column planned_at: "24:00": want a time of day HH:MM`},
	{"time of day without its nought", bulk.StopsFile, "07:00", "7:00", `route_stops.csv, row 3, column planned_at: "7:00": want a time of day HH:MM`},
	{"stops that go back in time", bulk.StopsFile, "07:00", "06:00", `route_stops.csv, row 3, column planned_at: "06:00": want no earlier than the stop before, 06:30`},
	{"shipper without room", bulk.ShippersFile, "cold,2", "cold,0", `shippers.csv, row 2, column capacity_containers: "0": want a whole number from 1`},
	{"time without its offset", bulk.DeliveriesFile, "2026-12-01T02:00:00+09:00", "2026-12-01T02:00:00", `deliveries.csv, row 2, column order_cutoff: "2026-12-01T02:00:00": want a time with its offset`},
	{"date that is none", bulk.DeliveriesFile, "loc-1,2026-12-02", "loc-1,2026-02-30", `deliveries.csv, row 4, column delivery_date: "2026-02-30": want a date YYYY-MM-DD`},
	{"cutoff after opening", bulk.DeliveriesFile, "2026-12-02T02:00:00", "2026-12-02T12:00:00", `deliveries.csv, row 4, column pickup_opens: "2026-12-02T11:00:00+09:00": want a time after order_cutoff`},
	{"closing before opening", bulk.DeliveriesFile, "2026-12-02T17:00:00", "2026-12-02T10:00:00", `deliveries.csv, row 4, column pickup_closes`},
	{"pickup on another day", bulk.DeliveriesFile, "loc-1,2026-12-02", "loc-1,2026-12-03", `deliveries.csv, row 4, column pickup_opens: "2026-12-02T11:00:00+09:00": want a time on the delivery date, 2026-12-03`},
	{"two offsets on a date", bulk.DeliveriesFile, "loc-2,2026-12-01,2026-12-01T01:00:00+09:00,2026-12-01T11:00:00+09:00",
		"loc-2,2026-12-01,2026-12-01T01:00:00+09:00,2026-12-01T11:00:00+08:00", `deliveries.csv, row 3, column pickup_opens`},
	{"delivery twice", bulk.DeliveriesFile, "loc-2,2026-12-01", "loc-1,2026-12-01", `deliveries.csv, row 3, column delivery_date`},
}

func TestWrongNetworksAreToldWithFileRowAndColumn(t *testing.T) {
	for _, p := range wrongNetworks {
		t.Run(p.rule, func(t *testing.T) {
			files := storetest.Files()
			require.Contains(t, files[p.file], p.old)
			files[p.file] = strings.Replace(files[p.file], p.old, p.new, 1)
			_, err := bulk.ReadNetwork(storetest.FS(files))
			var problems *bulk.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems.List, 1, "one mistake is one problem: %v", err)
			require.ErrorContains(t, err, p.want)
		})
	}
}

func TestMissingAndEmptyFilesAreTold(t *testing.T) {
	files := storetest.Files()
	delete(files, bulk.DepotsFile)
	files[bulk.LimitsFile] = ""
	_, err := bulk.ReadNetwork(storetest.FS(files))
	require.EqualError(t, err, "temperature_limits.csv, row 1: want a header with the columns temperature_category, leg, min_celsius, "+
		"max_celsius, minutes_outside\ndepots.csv: want this file")
}

func TestManyProblemsAreToldAtOnceButNotAll(t *testing.T) {
	files := storetest.Files()
	files[bulk.SpotsFile] += strings.Repeat("spot-1,\n", 15)
	_, err := bulk.ReadNetwork(storetest.FS(files))
	var problems *bulk.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems.List, 20)
	require.Equal(t, 10, problems.More)
	require.ErrorContains(t, err, "and 10 more")
}

type brokenFile struct{ fs.FS }

func (brokenFile) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

func TestUnreadableFilesAreTold(t *testing.T) {
	_, err := bulk.ReadNetwork(brokenFile{})
	require.ErrorContains(t, err, "shops.csv: want a readable file: permission denied")
}

// FuzzNetwork: whatever stands in a file, reading it ends, and what is accepted holds together.
func FuzzNetwork(f *testing.F) {
	f.Add(bulk.ProductsFile, storetest.Files()[bulk.ProductsFile])
	f.Add(bulk.StopsFile, "route_id,sequence,kind,place_id,planned_at\nroute-1,1,collect,spot-1,06:30\n")
	f.Add(bulk.RulesFile, withRules("cold,station,consecutive,5,2,8,1,1,5,15,5\n")[bulk.RulesFile])
	f.Add(bulk.DeliveriesFile, "location_id,\"")
	f.Fuzz(func(t *testing.T, file, text string) {
		files := storetest.Files()
		files[file] = text
		n, err := bulk.ReadNetwork(storetest.FS(files))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for _, date := range n.Dates() {
			_, err := n.Schedule(date)
			require.NoError(t, err)
		}
		for _, p := range n.Products {
			require.Positive(t, p.V.VolumeML)
		}
	})
}

func TestALimitMaySayHowLongAGapMayBeAndWhatIsDoneInDoubt(t *testing.T) {
	files := storetest.Files()
	files[bulk.LimitsFile] = "temperature_category,leg,min_celsius,max_celsius,minutes_outside,gap_minutes,in_doubt\n" +
		"cold,station,-0.5,10,30,5,pass\ncold,shipper,0,8,20,,hold\ncold,collection,0,8,20,0,\n"
	n, err := bulk.ReadNetwork(storetest.FS(files))
	require.NoError(t, err)
	require.Equal(t, []int64{5, -1, 0}, []int64{n.Limits[0].V.GapMinutes, n.Limits[1].V.GapMinutes, n.Limits[2].V.GapMinutes})
	require.Equal(t, []bool{true, false, false}, []bool{n.Limits[0].V.DoubtPasses, n.Limits[1].V.DoubtPasses, n.Limits[2].V.DoubtPasses})
	files[bulk.LimitsFile] = "temperature_category,leg,min_celsius,max_celsius,minutes_outside,unstated\ncold,shipper,0,8,20,hold\ncold,station,0,8,20,pass\n"
	n, err = bulk.ReadNetwork(storetest.FS(files))
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, []bool{n.Limits[0].V.UnstatedHolds, n.Limits[1].V.UnstatedHolds})
	files[bulk.LimitsFile] = "temperature_category,leg,min_celsius,max_celsius,minutes_outside,unstated\ncold,station,0,8,20,hold\n"
	_, err = bulk.ReadNetwork(storetest.FS(files))
	require.ErrorContains(t, err, "unstated")
	files[bulk.LimitsFile] = "temperature_category,leg,min_celsius,max_celsius,minutes_outside,in_doubt\ncold,station,-0.5,10,30,perhaps\n"
	_, err = bulk.ReadNetwork(storetest.FS(files))
	require.ErrorContains(t, err, "in_doubt")
	require.ErrorContains(t, err, "hold or pass")
}
