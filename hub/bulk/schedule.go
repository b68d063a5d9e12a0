package bulk

import (
	"fmt"
	"slices"
	"time"

	"meguri/hub/capacity"
)

// DatedRun is a route on a date, as it starts from the standing plan.
type DatedRun struct {
	Run    capacity.Run
	Stops  []capacity.Stop
	Calls  []capacity.Call
	Aboard []capacity.Aboard
}

// Dates gives the delivery dates of the network, sorted.
func (n Network) Dates() []string {
	var dates []string
	for _, d := range n.Deliveries {
		dates = append(dates, d.V.Date)
	}
	slices.Sort(dates)
	return slices.Compact(dates)
}

// Schedule plans all routes for one of the network's dates. The local times of the stops are taken at the offset from UTC
// that the deliveries of that date are written with. Shippers ride in the first run of their vehicle, since they are in one
// run a date at most.
func (n Network) Schedule(date string) ([]DatedRun, error) {
	zone := n.zones[date]
	if zone == nil {
		return nil, fmt.Errorf("schedule %s: want a date with deliveries", date)
	}
	midnight, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", date, err)
	}
	var runs []DatedRun
	vehicles := map[string]bool{}
	for _, route := range n.Routes {
		r := DatedRun{Run: capacity.Run{ID: capacity.RunID(route.V.ID, date), RouteID: route.V.ID, Date: date,
			VehicleID: route.V.VehicleID, DriverID: route.V.DriverID, Version: 1}}
		for _, s := range n.Stops {
			if s.V.RouteID == route.V.ID {
				r.Stops = append(r.Stops, capacity.Stop{RunID: r.Run.ID, Sequence: s.V.Sequence, Kind: s.V.Kind, PlaceID: s.V.PlaceID,
					PlannedAt: midnight.Add(s.V.PlannedAt)})
			}
		}
		r.Calls = capacity.Calls(r.Stops)
		for _, s := range n.Shippers {
			if s.V.VehicleID == route.V.VehicleID && !vehicles[s.V.VehicleID] {
				r.Aboard = append(r.Aboard, capacity.Aboard{RunID: r.Run.ID, ShipperID: s.V.ID, Category: s.V.Category,
					Containers: s.V.Containers})
			}
		}
		vehicles[route.V.VehicleID] = true
		runs = append(runs, r)
	}
	return runs, nil
}

// Imported says what an import did.
type Imported struct {
	Dates    int // delivery dates in the files
	RunsKept int // of them: dates that kept the runs that they had
}
