package capacity

import (
	"maps"
	"slices"
)

// UnitByUnit is first-fit in the words of the data's README, made without a thought for speed: units one by one, the first
// dated container of that shop and category with room, else the first free slot, the first shipper with room, the first free
// address. A refused order is undone by going back to a copy.
type UnitByUnit struct {
	n        Network
	products map[string]Product
	spots    map[string]string
	kinds    map[string][]string
	unitState
}

type unitState struct {
	sold       map[string]int64
	containers []unitContainer
	taken      map[string]bool
	aboard     map[string]int64
}

type unitContainer struct {
	location, shop, category string
	free                     int64
}

// NewUnitByUnit starts a date with nothing numbered.
func NewUnitByUnit(n Network) *UnitByUnit {
	u := &UnitByUnit{n: n, products: map[string]Product{}, spots: map[string]string{}, kinds: map[string][]string{},
		unitState: unitState{sold: map[string]int64{}, taken: map[string]bool{}, aboard: map[string]int64{}}}
	for _, p := range n.Products {
		u.products[p.ID] = p
	}
	for _, s := range n.Shops {
		u.spots[s.ID] = s.SpotID
	}
	for _, c := range n.Categories {
		u.kinds[c.ID] = c.FridgeKinds
	}
	return u
}

// Place numbers an order and returns the empty limit, or the first limit that a unit met.
func (u *UnitByUnit) Place(location string, lines []Line) Limit {
	before := unitState{maps.Clone(u.sold), slices.Clone(u.containers), maps.Clone(u.taken), maps.Clone(u.aboard)}
	for _, line := range lines {
		for range line.Quantity {
			if limit := u.unit(location, u.products[line.Product]); limit != "" {
				u.unitState = before
				return limit
			}
		}
	}
	return ""
}

func (u *UnitByUnit) unit(location string, p Product) Limit {
	if u.sold[p.ID]++; u.sold[p.ID] > p.SalesLimit {
		return SalesLimit
	}
	for i, c := range u.containers {
		if c.location == location && c.shop == p.ShopID && c.category == p.Category && c.free >= p.VolumeML {
			u.containers[i].free -= p.VolumeML
			return ""
		}
	}
	slot := slices.IndexFunc(u.n.Slots, func(s Slot) bool {
		return s.LocationID == location && !u.taken["slot "+s.ID] && slices.Contains(u.kinds[p.Category], s.FridgeKind) && s.CapacityML >= p.VolumeML
	})
	if slot < 0 {
		return NoContainer
	}
	spot := u.spots[p.ShopID]
	shipper := slices.IndexFunc(u.n.Aboard, func(a Aboard) bool {
		return a.Category == p.Category && u.aboard[a.ShipperID] < a.Containers && slices.ContainsFunc(u.n.Calls, func(c Call) bool {
			return c.RunID == a.RunID && c.SpotID == spot && c.LocationID == location
		})
	})
	if shipper < 0 {
		return NoShipper
	}
	address := slices.IndexFunc(u.n.Addresses, func(a Address) bool { return a.SpotID == spot && !u.taken["address "+a.ID] })
	if address < 0 {
		return NoAddress
	}
	s := u.n.Slots[slot]
	u.taken["slot "+s.ID], u.taken["address "+u.n.Addresses[address].ID] = true, true
	u.aboard[u.n.Aboard[shipper].ShipperID]++
	u.containers = append(u.containers, unitContainer{location, p.ShopID, p.Category, s.CapacityML - p.VolumeML})
	return ""
}
