// Package fleet builds the simulated devices of a delivery network and runs a real edge agent on each: stations, shippers,
// shops' scanners and drivers' devices, wired to chips that the world acts on.
package fleet

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Network is what the simulator needs to know of a network to build its hardware: what stands where.
type Network struct {
	Locations []Location
	Spots     []Location // collection spots, where the shops' goods wait in fridges without locks
	Shops     []Shop
	Shippers  []Shipper
	Routes    []Route
}

// Location is a place with fridges: a pickup station or a collection spot.
type Location struct {
	ID      string
	Fridges []Fridge
}

// Fridge is one fridge of a station, with its allowed air temperature.
type Fridge struct {
	ID        string
	MinMilliC int64
	MaxMilliC int64
}

// Shop is a shop and where it hands in.
type Shop struct {
	ID   string
	Spot string
}

// Shipper is an insulated box, with the highest air temperature that its goods allow.
type Shipper struct {
	ID        string
	MaxMilliC int64
}

// Route is a standing route.
type Route struct{ ID string }

// ReadNetwork reads the CSV files of a network's directory.
func ReadNetwork(dir string) (Network, error) {
	var n Network
	warmest := map[string]int64{} // in shippers, by temperature category
	err := errors.Join(
		each(dir, "temperature_limits.csv", func(r row) (err error) {
			if r["leg"] == "shipper" {
				warmest[r["temperature_category"]], err = milliC(r["max_celsius"])
			}
			return err
		}),
		each(dir, "locations.csv", func(r row) error {
			n.Locations = append(n.Locations, Location{ID: r["id"]})
			return nil
		}),
		each(dir, "collection_spots.csv", func(r row) error {
			n.Spots = append(n.Spots, Location{ID: r["id"]})
			return nil
		}),
		each(dir, "fridges.csv", func(r row) error { return n.addFridge(r) }),
		each(dir, "shops.csv", func(r row) error {
			n.Shops = append(n.Shops, Shop{ID: r["id"], Spot: r["collection_spot_id"]})
			return nil
		}),
		each(dir, "shippers.csv", func(r row) error {
			n.Shippers = append(n.Shippers, Shipper{ID: r["id"], MaxMilliC: warmest[r["temperature_category"]]})
			return nil
		}),
		each(dir, "routes.csv", func(r row) error {
			n.Routes = append(n.Routes, Route{ID: r["id"]})
			return nil
		}),
	)
	return n, err
}

func (n *Network) addFridge(r row) error {
	least, err := milliC(r["min_celsius"])
	if err != nil {
		return err
	}
	most, err := milliC(r["max_celsius"])
	if err != nil {
		return err
	}
	for _, places := range [][]Location{n.Locations, n.Spots} {
		for i := range places {
			if places[i].ID == r["place_id"] {
				places[i].Fridges = append(places[i].Fridges, Fridge{ID: r["id"], MinMilliC: least, MaxMilliC: most})
			}
		}
	}
	return nil
}

func milliC(celsius string) (int64, error) {
	f, err := strconv.ParseFloat(celsius, 64)
	if err != nil {
		return 0, fmt.Errorf("temperature %q: want degrees Celsius", celsius)
	}
	return int64(math.Round(f * 1000)), nil
}

// FirstCutoff gives the earliest order cutoff of a date.
func FirstCutoff(dir, date string) (time.Time, error) {
	var first time.Time
	err := each(dir, "deliveries.csv", func(r row) error {
		if r["delivery_date"] != date {
			return nil
		}
		t, err := time.Parse(time.RFC3339, r["order_cutoff"])
		if err == nil && (first.IsZero() || t.Before(first)) {
			first = t
		}
		return err
	})
	if err == nil && first.IsZero() {
		err = fmt.Errorf("deliveries.csv: nothing is delivered on %s", date)
	}
	return first, err
}

type row map[string]string

// each reads a CSV file whose rows the hub has checked at import.
func each(dir, name string, fn func(row) error) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for i, values := range all {
		if i == 0 {
			continue
		}
		r := row{}
		for j, column := range all[0] {
			r[column] = values[j]
		}
		if err := fn(r); err != nil {
			return fmt.Errorf("%s row %d: %w", name, i+1, err)
		}
	}
	return nil
}
