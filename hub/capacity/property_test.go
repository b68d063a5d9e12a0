package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawNetwork makes a small network with several of everything: slot sizes, fridge kinds that share categories, runs that
// call at some of the places.
func drawNetwork(t *rapid.T) Network {
	n := Network{Date: "2026-12-01", Categories: []Category{
		{ID: "cat-0", FridgeKinds: []string{"kind-0"}}, {ID: "cat-1", FridgeKinds: []string{"kind-0", "kind-1"}}}}
	count := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
	spots, locations, measured := 2, count("locations", 1, 2), rapid.Bool().Draw(t, "measured")
	sizes := []int64{15, 30, 30, 45}
	if rapid.Bool().Draw(t, "many sizes") {
		sizes = []int64{10, 17, 23, 31, 44, 60}
	}
	for i := range count("shops", 1, 3) {
		shop := fmt.Sprintf("shop-%d", i)
		n.Shops = append(n.Shops, Shop{ID: shop, SpotID: fmt.Sprintf("spot-%d", i%spots)})
		for c := range n.Categories {
			p := Product{ID: fmt.Sprintf("p-%d-%d", i, c), ShopID: shop, Category: n.Categories[c].ID,
				VolumeML: int64(count("volume", 1, 30)), SalesLimit: int64(count("limit", 0, 12))}
			if measured {
				p.WeightG, p.NoStacking = int64(count("weight", 0, 9)), rapid.Bool().Draw(t, "no stacking")
				p.LengthMM, p.WidthMM, p.HeightMM = int64(count("length", 0, 5)), int64(count("width", 1, 5)), int64(count("height", 1, 5))
			}
			n.Products = append(n.Products, p)
		}
	}
	for l := range locations {
		id := fmt.Sprintf("loc-%d", l)
		n.Locations = append(n.Locations, id)
		for s := range count("slots", 0, 4) {
			kind := fmt.Sprintf("kind-%d", count("kind", 0, 1))
			slot := Slot{ID: fmt.Sprintf("%s-slot-%d", id, s), FridgeID: id + kind, LocationID: id, FridgeKind: kind,
				CapacityML: rapid.SampledFrom(sizes).Draw(t, "capacity")}
			if measured {
				slot.MaxWeightG, slot.FillPercent = int64(count("max weight", 0, 30)), int64(count("fill", 50, 100))
				slot.LengthMM, slot.WidthMM, slot.HeightMM = int64(count("inner length", 0, 6)), int64(count("inner width", 1, 6)), int64(count("inner height", 1, 6))
			}
			n.Slots = append(n.Slots, slot)
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

// day is what was numbered, put together from the changes alone, as a store would.
type day struct {
	containers map[string]Container
	items      []Item
	sequence   int64
	orders     []string
}

func newDay() *day { return &day{containers: map[string]Container{}} }

// add applies a change. What a store could not do is a failure: two containers in one place, an item that is not there.
func (d *day) add(t *rapid.T, c Change) {
	for _, o := range c.Opened {
		if _, there := d.containers[o.ID]; there || o.Sequence <= d.sequence {
			t.Fatalf("container %s is opened again", o.ID)
		}
		d.sequence = o.Sequence
		d.containers[o.ID] = o
	}
	for _, f := range c.Filled {
		was := d.containers[f.ID]
		if was.UsedML = f.UsedML; was != f {
			t.Fatalf("filled %v, was %v", f, d.containers[f.ID])
		}
		d.containers[f.ID] = f
	}
	for _, r := range c.Relocated {
		if d.containers[r.From.ID] != r.From || r.To.ID != r.From.ID {
			t.Fatalf("relocated %v, was %v", r, d.containers[r.From.ID])
		}
		d.containers[r.To.ID] = r.To
	}
	d.items = append(d.items, c.Added...)
	for _, m := range c.Moved {
		i := d.index(t, m.Item)
		if d.items[i].ContainerID != m.From || m.From == m.ContainerID {
			t.Fatalf("moved %v, was %v", m, d.items[i])
		}
		d.items[i] = m.Item
	}
	for _, r := range c.Removed {
		i := d.index(t, r)
		if d.items[i] != r {
			t.Fatalf("removed %v, was %v", r, d.items[i])
		}
		d.items = slices.Delete(d.items, i, i+1)
	}
	for _, gone := range c.Closed {
		if d.containers[gone.ID] != gone {
			t.Fatalf("closed %v, was %v", gone, d.containers[gone.ID])
		}
		delete(d.containers, gone.ID)
	}
}

func (d *day) index(t *rapid.T, it Item) int {
	i := slices.IndexFunc(d.items, func(o Item) bool { return o.Order == it.Order && o.Line == it.Line && o.Unit == it.Unit })
	if i < 0 {
		t.Fatalf("%v is not numbered", it)
	}
	return i
}

func (d *day) state() State {
	s := State{Items: slices.Clone(d.items), Sequence: d.sequence}
	at := func(it Item) int { return slices.Index(d.orders, it.Order) }
	slices.SortStableFunc(s.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Unit, b.Unit))
	})
	for _, c := range d.containers {
		s.Containers = append(s.Containers, c)
	}
	slices.SortFunc(s.Containers, func(a, b Container) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return s
}

// check knows the physical rules and not the book.
func (d *day) check(t *rapid.T, n Network) {
	products, slots := map[string]Product{}, map[string]Slot{}
	for _, p := range n.Products {
		products[p.ID] = p
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
		var within oracleBin
		var ml int64
		for _, i := range d.items {
			if i.ContainerID != c.ID {
				continue
			}
			p := products[i.Product]
			ml += p.VolumeML
			if p.ShopID != c.Shop || p.Category != c.Category || i.Shop != p.ShopID || i.Category != p.Category {
				t.Fatalf("%s of %s %s is in a container of %s %s", p.ID, p.ShopID, p.Category, c.Shop, c.Category)
			}
			if !within.add(p, slots[c.Slot.ID]) {
				t.Fatalf("%+v does not hold %v", c, p)
			}
		}
		if ml != c.UsedML || ml == 0 || c.Slot != slots[c.Slot.ID] {
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

// What the book does is what its changes say; a book that is loaded decides the same as the one that has numbered; what is
// refused changes nothing; and nothing is ever where it cannot be.
func TestNoLimitIsEverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawNetwork(t)
		b, err := NewBook(n, State{})
		if err != nil {
			t.Fatal(err)
		}
		d := newDay()
		for i := range rapid.IntRange(1, 16).Draw(t, "acts") {
			loaded, err := NewBook(n, d.state())
			if err != nil {
				t.Fatal(err)
			}
			before := fmt.Sprint(b.Remaining(), b.State(d.orders))
			if was := fmt.Sprint(loaded.Remaining(), loaded.State(d.orders)); was != before {
				t.Fatalf("loaded %s, want %s", was, before)
			}
			act := drawAct(t, &n, d, i)
			change, err := act(b)
			again, errAgain := act(loaded)
			if fmt.Sprint(errAgain) != fmt.Sprint(err) || len(again.Added) != len(change.Added) || len(again.Removed) != len(change.Removed) {
				t.Fatalf("loaded book: %v %v, want %v %v", again, errAgain, change, err)
			}
			if after := fmt.Sprint(b.Remaining(), b.State(d.orders)); err != nil && after != before {
				t.Fatalf("a refused order changed %s to %s", before, after)
			}
			d.add(t, change)
			d.check(t, n)
		}
	})
}

// drawAct draws something to do with a book: most often to place an order.
func drawAct(t *rapid.T, n *Network, d *day, number int) func(*Book) (Change, error) {
	location, lines := rapid.SampledFrom(n.Locations).Draw(t, "at"), drawLines(t, *n)
	kind := rapid.SampledFrom([]string{"place", "place", "place", "remove", "withdraw", "replace", "renumber"}).Draw(t, "act")
	if kind == "place" || len(d.items) == 0 {
		order := fmt.Sprint("order-", number)
		d.orders = append(d.orders, order)
		return func(b *Book) (Change, error) { return b.Place(order, location, lines) }
	}
	some := rapid.SampledFrom(d.items).Draw(t, "item")
	switch kind {
	case "remove":
		return func(b *Book) (Change, error) { return b.Remove(some.Order), nil }
	case "withdraw":
		return func(b *Book) (Change, error) {
			return b.Withdraw([]Item{some, {Order: "nobody", Line: 1, Unit: 1}}), nil
		}
	case "replace":
		return func(b *Book) (Change, error) { return b.Replace(some.Order, location, lines) }
	}
	if rapid.Bool().Draw(t, "slot breaks") {
		s := rapid.SampledFrom(n.Slots).Draw(t, "slot")
		n.Slots = slices.DeleteFunc(slices.Clone(n.Slots), func(o Slot) bool { return o.ID == s.ID })
	} else if len(n.Aboard) > 0 {
		a := rapid.SampledFrom(n.Aboard).Draw(t, "shipper")
		n.Aboard = slices.DeleteFunc(slices.Clone(n.Aboard), func(o Aboard) bool { return o.ShipperID == a.ShipperID })
	}
	orders := slices.Clone(d.orders)
	return func(b *Book) (Change, error) {
		change, gone, err := b.Renumber(*n, orders)
		if err != nil {
			return change, err
		}
		return change, checkGone(change, gone)
	}
}

// checkGone: whole orders are removed, those that are said to be, and no others.
func checkGone(c Change, gone []string) error {
	for _, r := range c.Removed {
		if !slices.Contains(gone, r.Order) {
			return fmt.Errorf("%v was removed, and only %v are gone", r, gone)
		}
	}
	return nil
}
