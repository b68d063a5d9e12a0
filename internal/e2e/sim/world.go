package sim

import (
	"fmt"
	"strings"
	"testing/fstest"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/internal/gs1"
)

// firstDate is the first delivery date; a run begins on it at dawn, in Tokyo.
var firstDate = time.Date(2026, 12, 1, 0, 0, 0, 0, time.FixedZone("JST", 9*60*60))

const (
	products = 4
	dawn     = 5 * time.Hour
	opens    = 15 * time.Hour // pickup, after midnight
	closes   = 23 * time.Hour
)

// date is the n-th delivery date, from 0.
func date(n int) string { return firstDate.AddDate(0, 0, n).Format(time.DateOnly) }

// at is a time on the n-th date.
func at(n int, sinceMidnight time.Duration) time.Time {
	return firstDate.AddDate(0, 0, n).Add(sinceMidnight).UTC()
}

func location(n int) string  { return fmt.Sprintf("loc-%d", n+1) }
func fridge(l, n int) string { return fmt.Sprintf("loc-%d-fridge-%d", l+1, n+1) }
func shop(n int) string      { return fmt.Sprintf("shop-%d", n+1) }
func product(n int) string   { return fmt.Sprintf("prod-%d", n+1) }

// boxOf is the n-th box that is used on a date.
func boxOf(day, n int) string {
	const kind = "0952000100001"
	return kind + string(gs1.CheckDigit(kind)) + fmt.Sprint(1000*(day+1)+n)
}

// key is a GS1 key of so many digits with the prefix for examples.
func key(digits, n int) string {
	body := fmt.Sprintf("952%0*d", digits-4, n)
	return body + string(gs1.CheckDigit(body))
}

const (
	theRoute   = "route-1"
	theShipper = "vehicle-1-cold"
)

// files is the network as the hub imports it.
func (p Params) files() fstest.MapFS {
	fs := fstest.MapFS{}
	table := func(name, header string, rows ...string) {
		fs[name+".csv"] = &fstest.MapFile{Data: []byte(header + "\n" + strings.Join(rows, "\n") + "\n")}
	}
	var locations, fridges, slotRows, addresses, deliveries, shops, goods, stops []string
	fridges = append(fridges, "spot-1-fridge,spot-1,collection,2,8")
	for a := range 10 * p.Slots {
		addresses = append(addresses, fmt.Sprintf("spot-1-a%02d,spot-1,spot-1-fridge", a))
	}
	stops = append(stops, theRoute+",1,collect,spot-1,09:00")
	for l := range p.Stations {
		locations = append(locations, fmt.Sprintf("%s,%s,Station %d,Tokyo %d,35.6,139.%d", location(l), key(13, l), l, l, l+1))
		stops = append(stops, fmt.Sprintf("%s,%d,deliver,%s,%02d:00", theRoute, l+2, location(l), 11+l))
		for f := range p.Fridges {
			fridges = append(fridges, fmt.Sprintf("%s,%s,refrigerated,2,8", fridge(l, f), location(l)))
			for s := range p.Slots {
				slotRows = append(slotRows, fmt.Sprintf("%s-slot-%d,%[1]s,4000", fridge(l, f), s+1))
			}
		}
		for d := range p.Days {
			deliveries = append(deliveries, fmt.Sprintf("%s,%s,%[2]sT02:00:00+09:00,%[2]sT15:00:00+09:00,%[2]sT23:00:00+09:00", location(l), date(d)))
		}
	}
	stops = append(stops, fmt.Sprintf("%s,%d,return,depot-1,15:00", theRoute, p.Stations+2))
	for s := range p.Shops {
		shops = append(shops, fmt.Sprintf("%s,Shop %d,spot-1", shop(s), s))
	}
	for n := range products {
		goods = append(goods, fmt.Sprintf("%s,Product %d,%s,%s,cold,%d,%d", product(n), n, shop(n%p.Shops), key(13, 100+n), 1500+400*n, 10*p.Slots))
	}
	table("temperature_categories", "id,fridge_kinds", "cold,refrigerated")
	table("temperature_limits", "temperature_category,leg,min_celsius,max_celsius,minutes_outside", "cold,collection,0,8,20",
		"cold,shipper,0,8,20", "cold,station,0,8,20")
	table("depots", "id,name", "depot-1,Depot")
	table("collection_spots", "id,name", "spot-1,Spot")
	table("locations", "id,gln,name,address,latitude,longitude", locations...)
	table("fridges", "id,place_id,kind,min_celsius,max_celsius", fridges...)
	table("slots", "id,fridge_id,capacity_ml", slotRows...)
	table("collection_addresses", "id,collection_spot_id,fridge_id", addresses...)
	table("deliveries", "location_id,delivery_date,order_cutoff,pickup_opens,pickup_closes", deliveries...)
	table("shops", "id,name,collection_spot_id", shops...)
	table("products", "id,name,shop_id,gtin,temperature_category,volume_ml,sales_limit_per_day", goods...)
	table("routes", "id,vehicle_id,driver_id", theRoute+",vehicle-1,driver-1")
	table("route_stops", "route_id,sequence,kind,place_id,planned_at", stops...)
	table("shippers", "id,vehicle_id,temperature_category,capacity_containers,grai", fmt.Sprintf("%s,vehicle-1,cold,%d,0%s", theShipper, max(30, 5*p.Slots), key(13, 500)))
	return fs
}

// hardware is the network as the simulated boards need it.
func (p Params) hardware() fleet.Network {
	n := fleet.Network{Routes: []fleet.Route{{ID: theRoute}}}
	for l := range p.Stations {
		place := fleet.Location{ID: location(l)}
		for f := range p.Fridges {
			place.Fridges = append(place.Fridges, fleet.Fridge{ID: fridge(l, f), MinMilliC: 2000, MaxMilliC: 8000})
		}
		n.Locations = append(n.Locations, place)
	}
	for s := range p.Shops {
		n.Shops = append(n.Shops, fleet.Shop{ID: shop(s)})
	}
	if p.Shipper {
		n.Shippers = append(n.Shippers, fleet.Shipper{ID: theShipper, MaxMilliC: 8000})
	}
	return n
}
