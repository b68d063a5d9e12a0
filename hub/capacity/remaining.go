package capacity

import (
	"slices"
	"strings"
)

// Remaining is what a date still has room for. Lists are in the network's order.
type Remaining struct {
	Date      string
	Products  []UnitsLeft
	Locations []LocationLeft
	Shippers  []ShipperLeft
	Spots     []SpotLeft
}

// UnitsLeft is a product's. Left is 0 also when the limit was lowered below what is sold.
type UnitsLeft struct {
	Product           string
	Limit, Sold, Left int64
}

// LocationLeft is the free room of a location's slots and of the containers opened there.
type LocationLeft struct {
	Location   string
	Kinds      []SlotsLeft     // by fridge kind
	Categories []SlotsLeft     // by temperature category: slots that it may stand in
	Open       []ContainerRoom // dated containers with room
}

// SlotsLeft counts slots: those of a fridge kind, or those in which a category may stand.
type SlotsLeft struct {
	Name        string
	Free, Total int64
}

// ContainerRoom is the room in a dated container.
type ContainerRoom struct {
	Container, Shop, Category string
	FreeML                    int64
}

// ShipperLeft counts a shipper's places for containers.
type ShipperLeft struct {
	Run, Shipper, Category string
	Free, Total            int64
}

// SpotLeft counts a collection spot's addresses.
type SpotLeft struct {
	Spot        string
	Free, Total int64
}

// Remaining counts what is left. It is a snapshot that shares nothing with the book.
func (b *Book) Remaining() Remaining {
	r := Remaining{Date: b.network.Date}
	for _, p := range b.network.Products {
		sold := b.products[p.ID].sold
		r.Products = append(r.Products, UnitsLeft{p.ID, p.SalesLimit, sold, max(0, p.SalesLimit-sold)})
	}
	for _, id := range b.network.Locations {
		r.Locations = append(r.Locations, b.locationLeft(id))
	}
	for _, s := range b.shippers {
		left := ShipperLeft{Run: s.RunID, Shipper: s.ShipperID, Category: s.Category, Total: s.Containers}
		for _, c := range s.inUse {
			left.Free += one(c == nil)
		}
		r.Shippers = append(r.Shippers, left)
	}
	for _, s := range b.spots {
		r.Spots = append(r.Spots, SpotLeft{s.id, int64(s.free), int64(len(s.addresses))})
	}
	return r
}

func (b *Book) locationLeft(id string) LocationLeft {
	l := b.locations[id]
	left := LocationLeft{Location: id}
	for _, s := range l.slots {
		if i := len(left.Kinds) - 1; i < 0 || left.Kinds[i].Name != s.FridgeKind {
			left.Kinds = appendKind(left.Kinds, s.FridgeKind)
		}
	}
	for i := range left.Kinds {
		left.Kinds[i].count(l.slots, func(s *slot) bool { return s.FridgeKind == left.Kinds[i].Name })
	}
	for _, c := range b.network.Categories {
		may := SlotsLeft{Name: c.ID}
		may.count(l.slots, func(s *slot) bool { return s.class.categories[c.ID] })
		left.Categories = append(left.Categories, may)
	}
	for _, g := range l.groups {
		for _, c := range g.containers {
			if free := c.slot.class.room.ml - c.load.ml; free > 0 {
				left.Open = append(left.Open, ContainerRoom{c.ID, c.Shop, c.Category, free})
			}
		}
	}
	slices.SortFunc(left.Open, func(a, b ContainerRoom) int { return strings.Compare(a.Container, b.Container) })
	return left
}

func appendKind(kinds []SlotsLeft, name string) []SlotsLeft {
	for _, k := range kinds {
		if k.Name == name {
			return kinds
		}
	}
	return append(kinds, SlotsLeft{Name: name})
}

func (left *SlotsLeft) count(slots []*slot, of func(*slot) bool) {
	for _, s := range slots {
		if of(s) {
			left.Total++
			left.Free += one(s.inUse == nil)
		}
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
