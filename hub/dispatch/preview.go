package dispatch

import "time"

// Preview says how final what is read of a date is: sheets and packing lists can be read at any minute, long before cutoff, too.
type Preview struct {
	DeliveryDate string
	At           time.Time // when it was read
	Frozen       bool      // numbering has ended: only recorded exceptions change anything

	// Of the date's orders, how many are accepted, and how many are held: these go with them if they are paid, and leave else.
	Accepted, Held int
	LastHold       time.Time // the last deadline of a hold; zero without one
	Cutoff         time.Time // the last order cutoff: until then orders come, change and leave

	Runs    []RunSummary
	Shops   []ShopSummary
	NoSheet []Container // that ride with no run of the date, so that no driver's sheet has them; each says why it must not be loaded
}

// Final says whether nothing can change any more but by an exception.
func (p Preview) Final() bool { return p.Frozen }

// Broken is how many containers may not be loaded as they are numbered.
func (p Preview) Broken() (n int) {
	for _, r := range p.Runs {
		n += r.Out
	}
	return n
}

// RunSummary is a run in numbers.
type RunSummary struct {
	RunID, RouteID string
	Version        int
	Stops          int
	Containers     int
	OnlyHeld       int // of Containers, how many hold nothing but units of held orders
	Units          int
	Out            int // of Containers, how many have something on their way that is out of service
	Shippers       []ShipperFill
}

// ShipperFill is how full a shipper is.
type ShipperFill struct {
	ShipperID, Category  string
	Containers, Capacity int
}

// Taken is how many of the run's places in shippers are taken.
func (r RunSummary) Taken() (n int) {
	for _, s := range r.Shippers {
		n += s.Containers
	}
	return n
}

// Places is how many places the run's shippers have.
func (r RunSummary) Places() (n int) {
	for _, s := range r.Shippers {
		n += s.Capacity
	}
	return n
}

// ShopSummary is a shop's packing list in numbers.
type ShopSummary struct {
	ShopID, Name      string
	Containers, Units int
	HeldUnits         int // of Units, how many are of held orders
}

// Of gives the summary of a route, nil for one without a run.
func (p Preview) Of(route string) *RunSummary {
	for i := range p.Runs {
		if p.Runs[i].RouteID == route {
			return &p.Runs[i]
		}
	}
	return nil
}
