package dispatch

import (
	"slices"
	"strings"
	"time"
)

// PackedProduct is so many units of a product in one container.
type PackedProduct struct {
	ProductID string
	Name      string
	GTIN      string
	Units     int
	Short     int // of Units, how many the shop could not deliver
	Barred    int // of Units, how many must not be packed, and
	Broken    Broken
}

// PackingLine is one container of a packing list.
type PackingLine struct {
	Container
	Location string // name
	Products []PackedProduct
}

// PackingList is what one shop packs for one delivery date, container by container.
type PackingList struct {
	DeliveryDate string
	ShopID       string
	ShopName     string
	SpotName     string
	Lines        []PackingLine
	Lost         []PackingLine // units that are numbered into containers which do not exist
}

// NewPackingList sorts the lines as a shop walks: by category, then by address.
func NewPackingList(date, shopID, shopName, spotName string, lines []PackingLine) PackingList {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b PackingLine) int {
		if c := strings.Compare(a.Category, b.Category); c != 0 {
			return c
		}
		return strings.Compare(a.AddressID, b.AddressID)
	})
	return PackingList{DeliveryDate: date, ShopID: shopID, ShopName: shopName, SpotName: spotName, Lines: lines}
}

// Units is how many units the list asks for, short ones included.
func (l PackingList) Units() int {
	n := 0
	for _, line := range l.Lines {
		for _, p := range line.Products {
			n += p.Units
		}
	}
	return n
}

// StopKind is what a run does at a stop.
type StopKind string

// Kinds of stop.
const (
	Collect StopKind = "collect"
	Deliver StopKind = "deliver"
	Return  StopKind = "return"
)

// LateAfter is how much later than planned a stop may be reached.
const LateAfter = 15 * time.Minute

// Stop is one stop of a run, and when it was reached; the zero time is not yet.
type Stop struct {
	RunID     string
	Sequence  int
	Kind      StopKind
	PlaceID   string
	PlaceName string
	PlannedAt time.Time
	ReachedAt time.Time
}

// Late is how much later than planned the stop was reached, or has not been reached by now; 0 within LateAfter.
func (s Stop) Late(now time.Time) time.Duration {
	at := s.ReachedAt
	if at.IsZero() {
		at = now
	}
	if late := at.Sub(s.PlannedAt); late > LateAfter {
		return late
	}
	return 0
}

// Run is a route on a delivery date.
type Run struct {
	ID           string
	RouteID      string
	DeliveryDate string
	Version      int
	VehicleID    string
	DriverID     string
	Stops        []Stop
}

// RunPatience is how long after its last planned stop a run counts as over, although nobody has said so.
const RunPatience = 6 * time.Hour

// Over says whether a run needs its driver no more: its last stop was reached, or should have been long ago.
func (r Run) Over(now time.Time) bool {
	if len(r.Stops) == 0 {
		return true
	}
	last := r.Stops[len(r.Stops)-1]
	return !last.ReachedAt.IsZero() || now.Sub(last.PlannedAt) > RunPatience
}

// SheetStop is one stop with what is handled there: at a collect stop from the addresses, at a deliver stop into the slots.
type SheetStop struct {
	Stop
	Code       string // opens the locks of a location, for the driver
	Containers []Container
}

// Sheet is a driver's sheet: collect address → container → shipper, then stop → shipper → container → slot.
type Sheet struct {
	Run
	Stops  []SheetStop
	Astray []Container // ride with the run, and no stop of it is theirs: not to be loaded
}

// NewSheet puts each container at the stop where it is collected and at the one where it is delivered. Codes are by location.
func NewSheet(r Run, containers []Container, codes map[string]string) Sheet {
	sheet := Sheet{Run: r}
	containers = sheet.placeAll(containers)
	for _, stop := range r.Stops {
		at := SheetStop{Stop: stop}
		switch stop.Kind {
		case Collect:
			at.Containers = sorted(containers, func(c Container) bool { return c.SpotID == stop.PlaceID },
				func(c Container) string { return c.AddressID })
		case Deliver:
			at.Code = codes[stop.PlaceID]
			at.Containers = sorted(containers, func(c Container) bool { return c.LocationID == stop.PlaceID },
				func(c Container) string { return c.ShipperID + " " + c.SlotID })
		}
		sheet.Stops = append(sheet.Stops, at)
	}
	return sheet
}

func sorted(containers []Container, keep func(Container) bool, key func(Container) string) []Container {
	var kept []Container
	for _, c := range containers {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	slices.SortStableFunc(kept, func(a, b Container) int { return strings.Compare(key(a), key(b)) })
	return kept
}
