// Package bulk reads data that comes in CSV files: a network, and orders. It checks everything that can be checked without
// a database, and says of each problem the file, the row, the column and what was expected.
package bulk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"meguri/hub/capacity"
	"meguri/hub/coldchain"
)

// Row is a value and where it stands in its file, for what the database has to say of it.
type Row[T any] struct {
	Line int // the header is 1
	V    T
}

// Network is what the CSV files of a network say. Its references hold, its ids are unique, and its lists keep the order of
// the files.
type Network struct {
	Categories []Row[capacity.Category]
	Limits     []Row[capacity.TemperatureLimit]
	Spots      []Row[capacity.Spot]
	Depots     []Row[capacity.Depot]
	Locations  []Row[capacity.Location]
	Shops      []Row[capacity.Shop]
	Products   []Row[capacity.Product]
	Fridges    []Row[capacity.Fridge]
	Slots      []Row[capacity.Slot]
	Addresses  []Row[capacity.Address]
	Routes     []Row[capacity.Route]
	Stops      []Row[capacity.RouteStop] // by route, then by sequence
	Shippers   []Row[capacity.Shipper]
	Deliveries []Row[capacity.Delivery]

	// Rules are alarm rules of the network's own. HasRules says that their file is there: without it those that are stored stay.
	Rules    []Row[coldchain.Own]
	HasRules bool

	Notes []string // what was passed over
	zones map[string]*time.Location
}

// Files of a network.
const (
	CategoriesFile = "temperature_categories.csv"
	LimitsFile     = "temperature_limits.csv"
	SpotsFile      = "collection_spots.csv"
	DepotsFile     = "depots.csv"
	LocationsFile  = "locations.csv"
	ShopsFile      = "shops.csv"
	ProductsFile   = "products.csv"
	FridgesFile    = "fridges.csv"
	SlotsFile      = "slots.csv"
	AddressesFile  = "collection_addresses.csv"
	RoutesFile     = "routes.csv"
	StopsFile      = "route_stops.csv"
	ShippersFile   = "shippers.csv"
	DeliveriesFile = "deliveries.csv"
)

// maxVolumeML bounds volumes, far beyond any product or box, so that sums cannot overflow.
const maxVolumeML = 1_000_000_000

// Bounds of what need not be given, far beyond what is sold and what a box bears or measures.
const (
	maxPriceYen = 100_000_000
	maxWeightG  = 10_000_000
	maxMM       = 100_000
)

// networkReader holds the tables whose ids others refer to.
type networkReader struct {
	files    fs.FS
	problems Problems
	n        Network

	categories, spots, depots, locations, shops, products, fridges, routes *table
}

// ReadNetwork reads the files of a network. The error is *Problems when something is wrong with them.
func ReadNetwork(files fs.FS) (Network, error) {
	r := &networkReader{files: files}
	r.n.zones = map[string]*time.Location{}
	r.readTemperatures()
	r.readRules()
	r.readPlaces()
	r.readGoods()
	r.readFridges()
	r.readRoutes()
	r.readDeliveries()
	return r.n, r.problems.err()
}

// read goes through one file. Its table stays for references to it.
func (r *networkReader) read(file string, columns []string, each func(*row), optional ...string) *table {
	f, err := r.files.Open(file)
	if err != nil {
		why := "this file"
		if !errors.Is(err, fs.ErrNotExist) {
			why = "a readable file: " + err.Error()
		}
		r.problems.add(Problem{File: file, Want: why})
		return &table{file: file, broken: true}
	}
	t := open(f, file, columns, &r.problems, optional...)
	t.rows(each)
	if err := f.Close(); err != nil {
		t.problem(0, "", "", "a readable file: "+err.Error())
	}
	r.n.Notes = append(r.n.Notes, t.notes...)
	return t
}

func (r *networkReader) readTemperatures() {
	r.categories = r.read(CategoriesFile, []string{"id", "fridge_kinds"}, func(row *row) {
		c := capacity.Category{ID: row.newID("id")}
		for kind := range strings.SplitSeq(row.text("fridge_kinds"), "|") {
			if !IsID(kind) || slices.Contains(c.FridgeKinds, kind) {
				row.problem("fridge_kinds", "fridge kinds separated by |, each once")
				break
			}
			c.FridgeKinds = append(c.FridgeKinds, kind)
		}
		r.n.Categories = append(r.n.Categories, Row[capacity.Category]{row.line, c})
	})
	r.read(LimitsFile, []string{"temperature_category", "leg", "min_celsius", "max_celsius", "minutes_outside"}, func(row *row) {
		const year = 366 * 24 * 60
		l := capacity.TemperatureLimit{
			Category: row.reference("temperature_category", r.categories), Leg: row.oneOf("leg", "collection", "shipper", "station"),
			MinMilliC: row.degrees("min_celsius"), MaxMilliC: row.degrees("max_celsius"),
			MinutesOutside: row.number("minutes_outside", 0, year), GapMinutes: -1,
		}
		if row.given("gap_minutes") {
			l.GapMinutes = row.number("gap_minutes", 0, year)
		}
		l.DoubtPasses = row.given("in_doubt") && row.oneOf("in_doubt", "hold", "pass") == "pass"
		l.UnstatedHolds = row.given("unstated") && row.oneOf("unstated", "hold", "pass") == "hold"
		if l.UnstatedHolds && l.Leg != "shipper" {
			row.problem("unstated", "hold on the leg shipper only: no other makes statements")
		}
		if l.MinMilliC > l.MaxMilliC {
			row.problem("max_celsius", "no less than min_celsius")
		}
		row.unique("leg", l.Category+" "+l.Leg)
		r.n.Limits = append(r.n.Limits, Row[capacity.TemperatureLimit]{row.line, l})
	}, "gap_minutes", "in_doubt", "unstated")
}

func (r *networkReader) readPlaces() {
	r.spots = r.read(SpotsFile, []string{"id", "name"}, func(row *row) {
		r.n.Spots = append(r.n.Spots, Row[capacity.Spot]{row.line, capacity.Spot{ID: row.newID("id"), Name: row.text("name")}})
	})
	r.depots = r.read(DepotsFile, []string{"id", "name"}, func(row *row) {
		r.n.Depots = append(r.n.Depots, Row[capacity.Depot]{row.line, capacity.Depot{ID: row.newID("id"), Name: row.text("name")}})
	})
	glns := map[string]int{}
	r.locations = r.read(LocationsFile, []string{"id", "gln", "name", "address", "latitude", "longitude"}, func(row *row) {
		l := capacity.Location{
			ID: row.newID("id"), GLN: row.key("gln", 13, 0), Name: row.text("name"), Address: row.text("address"),
			Latitude: row.coordinate("latitude", 90), Longitude: row.coordinate("longitude", 180),
		}
		row.uniqueIn(glns, "gln", l.GLN)
		r.n.Locations = append(r.n.Locations, Row[capacity.Location]{row.line, l})
	})
}

func (r *networkReader) readGoods() {
	r.shops = r.read(ShopsFile, []string{"id", "name", "collection_spot_id"}, func(row *row) {
		r.n.Shops = append(r.n.Shops, Row[capacity.Shop]{row.line, capacity.Shop{ID: row.newID("id"), Name: row.text("name"),
			SpotID: row.reference("collection_spot_id", r.spots)}})
	})
	columns := []string{"id", "name", "shop_id", "gtin", "temperature_category", "volume_ml", "sales_limit_per_day"}
	gtins := map[string]int{}
	r.products = r.read(ProductsFile, columns, func(row *row) {
		p := capacity.Product{
			ID: row.newID("id"), Name: row.text("name"), ShopID: row.reference("shop_id", r.shops), GTIN: row.key("gtin", 13, 0),
			Category: row.reference("temperature_category", r.categories),
			VolumeML: row.number("volume_ml", 1, maxVolumeML), SalesLimit: row.number("sales_limit_per_day", 0, maxVolumeML),
			PriceYen: row.optional("price_yen", maxPriceYen), WeightG: row.optional("weight_g", maxWeightG),
			NoStacking: row.yes("no_stacking"),
		}
		p.LengthMM, p.WidthMM, p.HeightMM = row.measures()
		if p.NoStacking && p.LengthMM == 0 {
			row.problem("no_stacking", "length_mm, width_mm and height_mm with it, for its footprint counts")
		}
		row.uniqueIn(gtins, "gtin", p.GTIN)
		r.n.Products = append(r.n.Products, Row[capacity.Product]{row.line, p})
	}, "price_yen", "weight_g", "length_mm", "width_mm", "height_mm", "no_stacking")
}

func (r *networkReader) readFridges() {
	fridges := map[string]capacity.Fridge{}
	r.fridges = r.read(FridgesFile, []string{"id", "place_id", "kind", "min_celsius", "max_celsius"}, func(row *row) {
		f := capacity.Fridge{ID: row.newID("id"), Kind: row.id("kind"),
			MinMilliC: row.degrees("min_celsius"), MaxMilliC: row.degrees("max_celsius")}
		if f.Kind == capacity.CollectionKind {
			f.SpotID = row.reference("place_id", r.spots)
		} else {
			f.LocationID = row.reference("place_id", r.locations)
		}
		if f.MinMilliC > f.MaxMilliC {
			row.problem("max_celsius", "no less than min_celsius")
		}
		fridges[f.ID] = f
		r.n.Fridges = append(r.n.Fridges, Row[capacity.Fridge]{row.line, f})
	})
	r.read(SlotsFile, []string{"id", "fridge_id", "capacity_ml"}, func(row *row) {
		s := capacity.Slot{ID: row.newID("id"), FridgeID: row.reference("fridge_id", r.fridges),
			CapacityML: row.number("capacity_ml", 1, maxVolumeML), MaxWeightG: row.optional("max_weight_g", maxWeightG),
			FillPercent: row.optional("fill_percent", 100)}
		s.LengthMM, s.WidthMM, s.HeightMM = row.measures()
		f, ok := fridges[s.FridgeID]
		if ok && !r.fridges.broken && f.Kind == capacity.CollectionKind {
			row.problem("fridge_id", "a fridge at a location: those at collection spots have addresses")
		}
		s.LocationID, s.FridgeKind = f.LocationID, f.Kind
		r.n.Slots = append(r.n.Slots, Row[capacity.Slot]{row.line, s})
	}, "max_weight_g", "fill_percent", "length_mm", "width_mm", "height_mm")
	r.read(AddressesFile, []string{"id", "collection_spot_id", "fridge_id"}, func(row *row) {
		a := capacity.Address{ID: row.newID("id"), SpotID: row.reference("collection_spot_id", r.spots),
			FridgeID: row.reference("fridge_id", r.fridges)}
		if f, ok := fridges[a.FridgeID]; ok && !r.fridges.broken && f.SpotID != a.SpotID {
			row.problem("fridge_id", "a fridge of kind "+capacity.CollectionKind+" at "+a.SpotID)
		}
		r.n.Addresses = append(r.n.Addresses, Row[capacity.Address]{row.line, a})
	})
}

func (r *networkReader) readRoutes() {
	r.routes = r.read(RoutesFile, []string{"id", "vehicle_id", "driver_id"}, func(row *row) {
		r.n.Routes = append(r.n.Routes, Row[capacity.Route]{row.line, capacity.Route{ID: row.newID("id"),
			VehicleID: row.id("vehicle_id"), DriverID: row.id("driver_id")}})
	})
	places := map[string]*table{capacity.Collect: r.spots, capacity.Deliver: r.locations, capacity.Return: r.depots}
	stops := r.read(StopsFile, []string{"route_id", "sequence", "kind", "place_id", "planned_at"}, func(row *row) {
		s := capacity.RouteStop{RouteID: row.reference("route_id", r.routes), Sequence: row.number("sequence", 0, 10_000),
			Kind: row.oneOf("kind", capacity.Collect, capacity.Deliver, capacity.Return), PlannedAt: row.clock("planned_at")}
		if at := places[s.Kind]; at != nil {
			s.PlaceID = row.reference("place_id", at)
		}
		row.unique("sequence", fmt.Sprintf("%s %d", s.RouteID, s.Sequence))
		r.n.Stops = append(r.n.Stops, Row[capacity.RouteStop]{row.line, s})
	})
	r.orderStops(stops)
	grais := map[string]int{}
	columns := []string{"id", "vehicle_id", "temperature_category", "capacity_containers", "grai"}
	r.read(ShippersFile, columns, func(row *row) {
		s := capacity.Shipper{ID: row.newID("id"), VehicleID: row.id("vehicle_id"),
			Category:   row.reference("temperature_category", r.categories),
			Containers: row.number("capacity_containers", 1, 10_000), GRAI: row.key("grai", 14, 16)}
		row.uniqueIn(grais, "grai", s.GRAI)
		r.n.Shippers = append(r.n.Shippers, Row[capacity.Shipper]{row.line, s})
	})
}

// orderStops brings stops into the order of their sequence and wants their times to go the same way.
func (r *networkReader) orderStops(t *table) {
	if t.broken {
		return
	}
	slices.SortStableFunc(r.n.Stops, func(a, b Row[capacity.RouteStop]) int {
		return cmp.Or(cmp.Compare(r.routes.ids[a.V.RouteID], r.routes.ids[b.V.RouteID]),
			cmp.Compare(a.V.Sequence, b.V.Sequence))
	})
	for i, s := range r.n.Stops[min(1, len(r.n.Stops)):] {
		if before := r.n.Stops[i].V; before.RouteID == s.V.RouteID && before.PlannedAt > s.V.PlannedAt {
			t.problem(s.Line, "planned_at", ClockText(s.V.PlannedAt), "no earlier than the stop before, "+ClockText(before.PlannedAt))
		}
	}
}

// ClockText is a time of day as HH:MM.
func ClockText(d time.Duration) string { return time.Time{}.Add(d).Format("15:04") }

func (r *networkReader) readDeliveries() {
	zoneRow := map[string]int{}
	columns := []string{"location_id", "delivery_date", "order_cutoff", "pickup_opens", "pickup_closes"}
	r.read(DeliveriesFile, columns, func(row *row) {
		d := capacity.Delivery{LocationID: row.reference("location_id", r.locations), Date: row.date("delivery_date"),
			OrderCutoff: row.instant("order_cutoff"),
			PickupOpens: row.instant("pickup_opens"), PickupCloses: row.instant("pickup_closes")}
		row.unique("delivery_date", d.LocationID+" "+d.Date)
		if d.Date == "" || d.OrderCutoff.IsZero() || d.PickupOpens.IsZero() || d.PickupCloses.IsZero() {
			return
		}
		switch {
		case !d.OrderCutoff.Before(d.PickupOpens):
			row.problem("pickup_opens", "a time after order_cutoff")
		case !d.PickupOpens.Before(d.PickupCloses):
			row.problem("pickup_closes", "a time after pickup_opens")
		case d.PickupOpens.Format(time.DateOnly) != d.Date:
			row.problem("pickup_opens", "a time on the delivery date, "+d.Date)
		}
		if zone := r.n.zones[d.Date]; zone == nil {
			_, offset := d.PickupOpens.Zone()
			r.n.zones[d.Date], zoneRow[d.Date] = time.FixedZone("", offset), row.line
		} else if !sameOffset(d.PickupOpens, zone) {
			row.problem("pickup_opens",
				fmt.Sprintf("the same offset from UTC as in row %d, for stops are planned in it", zoneRow[d.Date]))
		}
		r.n.Deliveries = append(r.n.Deliveries, Row[capacity.Delivery]{row.line, d})
	})
}

func sameOffset(t time.Time, zone *time.Location) bool {
	_, a := t.Zone()
	_, b := t.In(zone).Zone()
	return a == b
}
