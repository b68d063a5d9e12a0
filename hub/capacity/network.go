package capacity

import "time"

// The rows of a network. Their ids are text, unique within their kind; lists keep the order of the files they came from,
// because first-fit tries things in that order.

// CollectionKind is the kind of the fridges at collection spots, whose shelf addresses take one container a date.
const CollectionKind = "collection"

// Category is a temperature category and the kinds of fridge that it may stand in.
type Category struct {
	ID          string
	FridgeKinds []string
}

// TemperatureLimit is what a category bears on one leg of its way: collection, shipper or station.
type TemperatureLimit struct {
	Category             string
	Leg                  string
	MinMilliC, MaxMilliC int64
	MinutesOutside       int64
	GapMinutes           int64 // without a valid reading at a stretch; -1 for as long as outside
	DoubtPasses          bool  // goods of which nothing is known for longer are handed out all the same
	UnstatedHolds        bool  // goods that come without their shipper's statement are held until it or its readings come
}

// Spot is a collection spot.
type Spot struct{ ID, Name string }

// Depot is where empties and shippers return.
type Depot struct{ ID, Name string }

// Location is a pickup station.
type Location struct {
	ID, GLN, Name, Address string
	Latitude, Longitude    float64
}

// Shop hands its containers in at one collection spot.
type Shop struct{ ID, Name, SpotID string }

// Product belongs to a shop. SalesLimit is the most units of it that are sold for one delivery date, over all locations.
type Product struct {
	ID, Name, ShopID, GTIN, Category string
	VolumeML, SalesLimit             int64
	PriceYen                         int64 // of a unit, tax included; 0 when nothing is charged through the hub

	// What is 0 or false limits nothing.
	WeightG                     int64
	LengthMM, WidthMM, HeightMM int64 // may be turned over any edge, unless NoStacking: then only around the vertical
	NoStacking                  bool  // nothing stands on it, and it on nothing: its footprint counts
}

// Fridge stands at a location or, of CollectionKind, at a collection spot; the other id is empty.
type Fridge struct {
	ID, LocationID, SpotID, Kind string
	MinMilliC, MaxMilliC         int64
}

// Slot is a place for one container in a fridge at a location; CapacityML is that container's inner volume.
type Slot struct {
	ID, FridgeID, LocationID, FridgeKind string
	CapacityML                           int64

	// What is 0 limits nothing.
	MaxWeightG                  int64 // of what is in the container
	FillPercent                 int64 // of the volume may be filled, 1 to 100; 0 is 100
	LengthMM, WidthMM, HeightMM int64 // inner measures of the container
}

// Address is a shelf position at a collection spot. It holds one container a date.
type Address struct{ ID, SpotID, FridgeID string }

// Route is a standing plan: a vehicle, a driver and stops.
type Route struct{ ID, VehicleID, DriverID string }

// Kinds of stop.
const (
	Collect = "collect" // at a collection spot
	Deliver = "deliver" // at a location
	Return  = "return"  // at a depot
)

// RouteStop is a stop of a standing route. PlannedAt is the time since midnight, local to the network.
type RouteStop struct {
	RouteID       string
	Sequence      int64
	Kind, PlaceID string
	PlannedAt     time.Duration
}

// Shipper is an insulated box of one category that holds so many containers. It rides in its vehicle by default.
type Shipper struct {
	ID, VehicleID, Category string
	Containers              int64
	GRAI                    string
}

// Delivery is a location's schedule of a date. Date is YYYY-MM-DD; the times are absolute.
type Delivery struct {
	LocationID, Date                       string
	OrderCutoff, PickupOpens, PickupCloses time.Time
	ClosedAt                               time.Time // leftovers are decided; zero before
}

// Run is a route on a date.
type Run struct {
	ID, RouteID, Date, VehicleID, DriverID string
	Version                                int64
}

// Stop is a stop of a run.
type Stop struct {
	RunID         string
	Sequence      int64
	Kind, PlaceID string
	PlannedAt     time.Time
}

// Call says that a run collects at a spot and after that delivers to a location.
type Call struct {
	RunID, SpotID, LocationID        string
	CollectSequence, DeliverSequence int64
}

// Calls gives the calls that stops make, each with the earliest way to make it: the first time that the run is at the spot,
// and the first time after that at the location. The stops are one run's, in the order of their sequence.
func Calls(stops []Stop) []Call {
	var calls []Call
	type pair struct{ spot, location string }
	known := map[pair]bool{}
	for i, from := range stops {
		if from.Kind != Collect {
			continue
		}
		for _, to := range stops[i+1:] {
			p := pair{from.PlaceID, to.PlaceID}
			if to.Kind != Deliver || known[p] {
				continue
			}
			known[p] = true
			calls = append(calls, Call{RunID: from.RunID, SpotID: p.spot, LocationID: p.location,
				CollectSequence: from.Sequence, DeliverSequence: to.Sequence})
		}
	}
	return calls
}

// RunID is the id of a route's run on a date.
func RunID(route, date string) string { return route + "@" + date }

// Aboard is a shipper in a run.
type Aboard struct {
	RunID, ShipperID, Category string
	Containers                 int64
}

// Network is all that numbering has to know of one delivery date. Each list is in the order in which first-fit tries it.
type Network struct {
	Date       string // YYYY-MM-DD
	Categories []Category
	Shops      []Shop
	Products   []Product
	Locations  []string // those with a delivery on the date
	Slots      []Slot
	Addresses  []Address
	Calls      []Call
	Aboard     []Aboard // by run, then by shipper
}
