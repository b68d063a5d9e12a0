package capacity

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// oracle finds out by trying everything whether a set of orders can be numbered. It shares nothing with the book but the network.
type oracle struct {
	n        Network
	products map[string]Product
	spots    map[string]string // by shop
	kinds    map[string][]string

	items []oracleItem
	bins  map[string]*oracleBin // by slot
}

type oracleItem struct {
	location string
	product  Product
}

// oracleBin is what is in a slot's container.
type oracleBin struct {
	shop, category string
	items          int
	ml, g, ground  int64
}

// add puts one unit in, if the container of the slot may hold it with all that is in it.
func (b *oracleBin) add(p Product, s Slot) bool {
	fill := s.FillPercent
	if fill == 0 {
		fill = 100
	}
	ground := int64(0)
	if p.NoStacking && p.LengthMM > 0 {
		ground = p.LengthMM * p.WidthMM
	}
	switch {
	case b.items > 0 && (b.shop != p.ShopID || b.category != p.Category),
		b.ml+p.VolumeML > s.CapacityML*fill/100,
		s.MaxWeightG > 0 && b.g+p.WeightG > s.MaxWeightG,
		s.LengthMM > 0 && s.WidthMM > 0 && b.ground+ground > s.LengthMM*s.WidthMM,
		!standsIn(p, s):
		return false
	}
	b.shop, b.category, b.items = p.ShopID, p.Category, b.items+1
	b.ml, b.g, b.ground = b.ml+p.VolumeML, b.g+p.WeightG, b.ground+ground
	return true
}

// standsIn tries every way to turn a product.
func standsIn(p Product, s Slot) bool {
	if p.LengthMM == 0 || s.LengthMM == 0 || s.WidthMM == 0 || s.HeightMM == 0 {
		return true
	}
	l, w, h := p.LengthMM, p.WidthMM, p.HeightMM
	turns := [][3]int64{{l, w, h}, {w, l, h}}
	if !p.NoStacking {
		turns = append(turns, [][3]int64{{l, h, w}, {h, l, w}, {w, h, l}, {h, w, l}}...)
	}
	return slices.ContainsFunc(turns, func(t [3]int64) bool { return t[0] <= s.LengthMM && t[1] <= s.WidthMM && t[2] <= s.HeightMM })
}

func newOracle(n Network) *oracle {
	o := &oracle{n: n, products: map[string]Product{}, spots: map[string]string{}, kinds: map[string][]string{}}
	for _, p := range n.Products {
		o.products[p.ID] = p
	}
	for _, s := range n.Shops {
		o.spots[s.ID] = s.SpotID
	}
	for _, c := range n.Categories {
		o.kinds[c.ID] = c.FridgeKinds
	}
	return o
}

// place decides on an order in the terms of Limit; it is kept when it is accepted.
func (o *oracle) place(location string, lines []Line) Limit {
	sold := map[string]int64{}
	for _, i := range o.items {
		sold[i.product.ID]++
	}
	for _, l := range lines {
		if sold[l.Product] += l.Quantity; sold[l.Product] > o.products[l.Product].SalesLimit {
			return SalesLimit
		}
	}
	before := len(o.items)
	for _, l := range lines {
		for range l.Quantity {
			o.items = append(o.items, oracleItem{location, o.products[l.Product]})
		}
	}
	for _, stage := range []struct {
		limit               Limit
		shippers, addresses bool
	}{{NoContainer, false, false}, {NoShipper, true, false}, {NoAddress, true, true}} {
		o.bins = map[string]*oracleBin{}
		if !o.stand(0, stage.shippers, stage.addresses) {
			o.items = o.items[:before]
			return stage.limit
		}
	}
	return ""
}

// stand tries each slot for the item.
func (o *oracle) stand(i int, shippers, addresses bool) bool {
	if i == len(o.items) {
		return !shippers || o.ride(addresses)
	}
	it := o.items[i]
	for _, s := range o.n.Slots {
		if o.bins[s.ID] == nil && o.tried(s) {
			continue // an empty one just like it was tried
		}
		if s.LocationID != it.location || !slices.Contains(o.kinds[it.product.Category], s.FridgeKind) {
			continue
		}
		var was oracleBin
		if b := o.bins[s.ID]; b != nil {
			was = *b
		}
		now := was
		if !now.add(it.product, s) {
			continue
		}
		o.bins[s.ID] = &now
		if o.stand(i+1, shippers, addresses) {
			return true
		}
		if o.bins[s.ID] = &was; was.items == 0 {
			delete(o.bins, s.ID)
		}
	}
	return false
}

// tried says whether a slot before this one is empty and alike in everything.
func (o *oracle) tried(s Slot) bool {
	for _, before := range o.n.Slots {
		alike := before
		if alike.ID = s.ID; before.ID == s.ID {
			return false
		}
		if alike == s && o.bins[before.ID] == nil {
			return true
		}
	}
	return false
}

// ride tries each shipper for each container that is in use, and counts addresses.
func (o *oracle) ride(addresses bool) bool {
	var used []Slot
	free := map[string]int{}
	for _, a := range o.n.Addresses {
		free[a.SpotID]++
	}
	for _, s := range o.n.Slots {
		if b := o.bins[s.ID]; b != nil {
			used = append(used, s)
			spot := o.spots[b.shop]
			if free[spot]--; free[spot] < 0 && addresses {
				return false
			}
		}
	}
	aboard := make([]int64, len(o.n.Aboard))
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(used) {
			return true
		}
		b := o.bins[used[i].ID]
		for a, one := range o.n.Aboard {
			if one.Category != b.category || aboard[a] == one.Containers || !slices.ContainsFunc(o.n.Calls, func(c Call) bool {
				return c.RunID == one.RunID && c.SpotID == o.spots[b.shop] && c.LocationID == used[i].LocationID
			}) {
				continue
			}
			aboard[a]++
			if try(i + 1) {
				return true
			}
			aboard[a]--
		}
		return false
	}
	return try(0)
}

// tight makes a small network in which goods nearly fill the slots, several runs share the work, and what one location gives up
// another needs.
func tight(r *rand.Rand) Network {
	n := Network{Date: "2026-12-01", Categories: []Category{{ID: "cat-0", FridgeKinds: []string{"kind-0"}},
		{ID: "cat-1", FridgeKinds: []string{"kind-0", "kind-1"}}}[:1+r.IntN(2)]}
	sizes := [][]int64{{30}, {30, 15}, {30, 15, 45}, {20, 30}, {31, 17, 44}}[r.IntN(5)]
	volumes := [][]int64{{10, 20}, {5, 7, 8, 10, 12, 15}, {10, 15, 20, 22}, {11, 13, 6, 9, 16}}[r.IntN(4)]
	for i := range 1 + r.IntN(3) {
		shop := fmt.Sprintf("shop-%d", i)
		n.Shops = append(n.Shops, Shop{ID: shop, SpotID: fmt.Sprintf("spot-%d", r.IntN(2))})
		for c := range n.Categories {
			for v, ml := range volumes {
				p := Product{ID: fmt.Sprintf("p-%d-%d-%d", i, c, v), ShopID: shop, Category: n.Categories[c].ID, VolumeML: ml, SalesLimit: 1 + r.Int64N(20)}
				if r.IntN(4) == 0 {
					p.WeightG = r.Int64N(5)
				}
				n.Products = append(n.Products, p)
			}
		}
	}
	for l := range 1 + r.IntN(3) {
		id := fmt.Sprintf("loc-%d", l)
		n.Locations = append(n.Locations, id)
		for s := range 1 + r.IntN(4) {
			slot := Slot{ID: fmt.Sprintf("%s-slot-%d", id, s), LocationID: id, FridgeKind: fmt.Sprintf("kind-%d", r.IntN(2)),
				CapacityML: sizes[r.IntN(len(sizes))]}
			if slot.FridgeID = id + slot.FridgeKind; r.IntN(4) == 0 {
				slot.MaxWeightG = 4 + r.Int64N(5)
			}
			n.Slots = append(n.Slots, slot)
		}
	}
	for s := range 2 {
		for a := range 1 + r.IntN(5) {
			n.Addresses = append(n.Addresses, Address{ID: fmt.Sprintf("spot-%d-%d", s, a), SpotID: fmt.Sprintf("spot-%d", s)})
		}
	}
	for run := range 1 + r.IntN(3) {
		id := fmt.Sprintf("run-%d", run)
		for s := range 2 {
			for _, l := range n.Locations {
				if r.IntN(4) > 0 {
					n.Calls = append(n.Calls, Call{RunID: id, SpotID: fmt.Sprintf("spot-%d", s), LocationID: l})
				}
			}
		}
		for b := range 1 + r.IntN(2) {
			n.Aboard = append(n.Aboard, Aboard{RunID: id, ShipperID: fmt.Sprintf("box-%d-%d", run, b),
				Category: n.Categories[r.IntN(len(n.Categories))].ID, Containers: 1 + r.Int64N(3)})
		}
	}
	return n
}

func tightLines(r *rand.Rand, n Network) []Line {
	var all []Line
	for range 1 + r.IntN(2) {
		all = append(all, Line{n.Products[r.IntN(len(n.Products))].ID, 1 + r.Int64N(2)})
	}
	return all
}

var oracleCases = flag.Int("oracle", 2000, "random networks on which every decision is compared with trying everything")

// mostItems bounds what the oracle has to try.
const mostItems = 12

// An order is accepted if some numbering holds it with all that were accepted before, and refused if none does, by the limit that
// cannot be held.
func TestEveryDecisionIsThatOfTryingEverything(t *testing.T) {
	var orders, moved, elsewhere int
	decided := map[Limit]int{}
	for seed := range uint64(*oracleCases) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := tight(r)
		b, err := NewBook(n, State{})
		require.NoError(t, err)
		o := newOracle(n)
		for i := range 12 {
			location, lines := n.Locations[r.IntN(len(n.Locations))], tightLines(r, n)
			if len(o.items) > mostItems {
				break
			}
			want := o.place(location, lines)
			change, err := b.Place(fmt.Sprint("order-", i), location, lines)
			var got Limit
			if refused := (*Refused)(nil); errors.As(err, &refused) {
				got = refused.Limit
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, want, got, "seed %d, order %d: %v at %s after %d items", seed, i, lines, location, len(o.items))
			orders++
			decided[got]++
			if change.Moves() > 0 {
				moved++
			}
			if slices.ContainsFunc(change.Moved, func(m Move) bool { return b.locationOf(m.Order) != location }) {
				elsewhere++
			}
		}
	}
	t.Logf("%d networks, %d orders: %v; %d moved others, %d of them at another location", *oracleCases, orders, decided, moved, elsewhere)
}

func (b *Book) locationOf(order string) string { return b.orders[order][0].group.way.location.id }
