package capacity

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// drawNetwork makes a small network with several of everything: slot sizes, fridge kinds that share categories, runs that
// call at some of the places.
func drawNetwork(t *rapid.T) Network {
	n := Network{Date: "2026-12-01", Categories: []Category{
		{ID: "cat-0", FridgeKinds: []string{"kind-0"}}, {ID: "cat-1", FridgeKinds: []string{"kind-0", "kind-1"}}}}
	count := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
	spots, locations := 2, count("locations", 1, 2)
	for i := range count("shops", 1, 3) {
		shop := fmt.Sprintf("shop-%d", i)
		n.Shops = append(n.Shops, Shop{ID: shop, SpotID: fmt.Sprintf("spot-%d", i%spots)})
		for c := range n.Categories {
			n.Products = append(n.Products, Product{ID: fmt.Sprintf("p-%d-%d", i, c), ShopID: shop, Category: n.Categories[c].ID,
				VolumeML: int64(count("volume", 1, 30)), SalesLimit: int64(count("limit", 0, 12))})
		}
	}
	for l := range locations {
		id := fmt.Sprintf("loc-%d", l)
		n.Locations = append(n.Locations, id)
		for s := range count("slots", 0, 4) {
			kind := fmt.Sprintf("kind-%d", count("kind", 0, 1))
			n.Slots = append(n.Slots, Slot{ID: fmt.Sprintf("%s-slot-%d", id, s), FridgeID: id + kind, LocationID: id, FridgeKind: kind,
				CapacityML: int64(count("capacity", 10, 60))})
		}
	}
	for s := range spots {
		for a := range count("addresses", 0, 4) {
			n.Addresses = append(n.Addresses, Address{ID: fmt.Sprintf("spot-%d-%d", s, a), SpotID: fmt.Sprintf("spot-%d", s)})
		}
	}
	for r := range count("runs", 1, 3) {
		run := fmt.Sprintf("run-%d", r)
		var stops []Stop
		for s := range count("stops", 0, 5) {
			stop := Stop{RunID: run, Sequence: int64(s), Kind: Collect, PlaceID: fmt.Sprintf("spot-%d", count("spot", 0, spots-1))}
			if rapid.Bool().Draw(t, "deliver") {
				stop.Kind, stop.PlaceID = Deliver, fmt.Sprintf("loc-%d", count("location", 0, locations-1))
			}
			stops = append(stops, stop)
		}
		n.Calls = append(n.Calls, Calls(stops)...)
		for b := range count("boxes", 0, 2) {
			n.Aboard = append(n.Aboard, Aboard{RunID: run, ShipperID: fmt.Sprintf("box-%d-%d", r, b),
				Category: n.Categories[count("category", 0, 1)].ID, Containers: int64(count("places", 1, 3))})
		}
	}
	return n
}

func drawLines(t *rapid.T, n Network) []Line {
	var all []Line
	for range rapid.IntRange(1, 3).Draw(t, "lines") {
		p := rapid.SampledFrom(n.Products).Draw(t, "product")
		all = append(all, Line{p.ID, rapid.Int64Range(1, 4).Draw(t, "quantity")})
	}
	return all
}

// day is what was numbered, put together from the numberings alone.
type day struct {
	containers map[string]Container
	order      []string
	content    map[string][]Item
	sold       map[string]int64
	items      []Item
}

func (d *day) add(n Change) {
	for _, c := range n.Opened {
		d.order = append(d.order, c.ID)
		d.containers[c.ID] = c
	}
	for _, c := range n.Filled {
		d.containers[c.ID] = c
	}
	for _, i := range n.Added {
		d.content[i.ContainerID] = append(d.content[i.ContainerID], i)
		d.sold[i.Product]++
		d.items = append(d.items, i)
	}
}

func (d *day) state() State {
	s := State{Items: d.items}
	for _, id := range d.order {
		s.Containers = append(s.Containers, d.containers[id])
	}
	return s
}

// check knows the physical rules and not the book.
func (d *day) check(t *rapid.T, n Network) {
	products, slots := map[string]Product{}, map[string]Slot{}
	for _, p := range n.Products {
		products[p.ID] = p
		if d.sold[p.ID] > p.SalesLimit {
			t.Fatalf("%s: sold %d over the limit %d", p.ID, d.sold[p.ID], p.SalesLimit)
		}
	}
	for _, s := range n.Slots {
		slots[s.ID] = s
	}
	used := map[string]bool{}
	once := func(what, id string) {
		if used[what+id] {
			t.Fatalf("%s %s is used twice", what, id)
		}
		used[what+id] = true
	}
	for _, c := range d.containers {
		once("slot ", c.Slot.ID)
		once("address ", c.Address)
		once("place ", fmt.Sprint(c.Run, c.Shipper, c.ShipperPlace))
		var ml int64
		for _, i := range d.content[c.ID] {
			p := products[i.Product]
			ml += p.VolumeML
			if p.ShopID != c.Shop || p.Category != c.Category || i.Shop != p.ShopID || i.Category != p.Category {
				t.Fatalf("%s of %s %s is in a container of %s %s", p.ID, p.ShopID, p.Category, c.Shop, c.Category)
			}
		}
		if ml != c.UsedML || ml == 0 || ml > slots[c.Slot.ID].CapacityML || c.Slot != slots[c.Slot.ID] {
			t.Fatalf("%+v holds %d ml", c, ml)
		}
		checkWay(t, n, c)
	}
}

func checkWay(t *rapid.T, n Network, c Container) {
	stands, calls, aboard, address, spot := false, false, false, false, ""
	for _, category := range n.Categories {
		for _, kind := range category.FridgeKinds {
			stands = stands || category.ID == c.Category && kind == c.Slot.FridgeKind
		}
	}
	for _, s := range n.Shops {
		if s.ID == c.Shop {
			spot = s.SpotID
		}
	}
	for _, call := range n.Calls {
		calls = calls || call.RunID == c.Run && call.SpotID == spot && call.LocationID == c.Slot.LocationID
	}
	for _, a := range n.Aboard {
		aboard = aboard || a.RunID == c.Run && a.ShipperID == c.Shipper && a.Category == c.Category &&
			c.ShipperPlace >= 1 && c.ShipperPlace <= a.Containers
	}
	for _, a := range n.Addresses {
		address = address || a.ID == c.Address && a.SpotID == spot
	}
	if !stands || !calls || !aboard || !address || c.Spot != spot {
		t.Fatalf("%+v: stands %v, calls %v, aboard %v, address %v", c, stands, calls, aboard, address)
	}
}

func TestNoLimitIsEverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawNetwork(t)
		b, err := NewBook(n, State{})
		if err != nil {
			t.Fatal(err)
		}
		d := &day{containers: map[string]Container{}, content: map[string][]Item{}, sold: map[string]int64{}}
		for i := range rapid.IntRange(1, 12).Draw(t, "orders") {
			order := fmt.Sprint("order-", i)
			location, lines := rapid.SampledFrom(n.Locations).Draw(t, "at"), drawLines(t, n)
			before := fmt.Sprint(b.Remaining())
			// A book that is loaded from what is stored decides the same as the one that has numbered it.
			loaded, err := NewBook(n, d.state())
			if err != nil {
				t.Fatal(err)
			}
			if was := fmt.Sprint(loaded.Remaining()); was != before {
				t.Fatalf("loaded %s, want %s", was, before)
			}
			numbering, err := b.Place(order, location, lines)
			again, errAgain := loaded.Place(order, location, lines)
			if fmt.Sprint(again, errAgain) != fmt.Sprint(numbering, err) {
				t.Fatalf("loaded book: %v %v, want %v %v", again, errAgain, numbering, err)
			}
			if err != nil {
				if after := fmt.Sprint(b.Remaining()); after != before {
					t.Fatalf("a refused order changed %s to %s", before, after)
				}
				continue
			}
			var units int64
			for _, l := range lines {
				units += l.Quantity
			}
			if int64(len(numbering.Added)) != units {
				t.Fatalf("%d units were numbered, want %d", len(numbering.Added), units)
			}
			d.add(numbering)
			d.check(t, n)
		}
	})
}

// Looking at the limits one after the other names the limit by a rule; it accepts the very orders that first-fit accepts when
// it takes each unit through all limits before the next.
func TestAcceptsWhatUnitByUnitFirstFitAccepts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawNetwork(t)
		b, err := NewBook(n, State{})
		if err != nil {
			t.Fatal(err)
		}
		u := NewUnitByUnit(n)
		for range rapid.IntRange(1, 12).Draw(t, "orders") {
			location, lines := rapid.SampledFrom(n.Locations).Draw(t, "at"), drawLines(t, n)
			_, err := b.Place("order", location, lines)
			if refused := u.Place(location, lines); (err == nil) != (refused == "") {
				t.Fatalf("book: %v, unit by unit: %q", err, refused)
			}
		}
	})
}
