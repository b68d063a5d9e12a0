package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"meguri/edge/app"
	"meguri/firmware-sim/chip"
	"meguri/internal/clock"
)

// Item is one device of a network's fleet, as it has to be added on the hub.
type Item struct {
	ID    string
	Role  Role
	Place string
}

// Inventory lists the devices that a network needs: one for each station, collection spot, shop, shipper and route.
func Inventory(n Network) []Item {
	var items []Item
	for _, l := range n.Locations {
		items = append(items, Item{"station-" + slug(l.ID), Station, l.ID})
	}
	for _, l := range n.Spots {
		items = append(items, Item{"store-" + slug(l.ID), Station, l.ID})
	}
	for _, s := range n.Shops {
		items = append(items, Item{"scanner-" + slug(s.ID), Scanner, s.ID})
	}
	for _, s := range n.Shippers {
		items = append(items, Item{"shipper-" + slug(s.ID), Carrier, s.ID})
	}
	for _, r := range n.Routes {
		items = append(items, Item{"driver-" + slug(r.ID), Driver, r.ID})
	}
	return items
}

// slug makes part of a device id out of a place's id.
func slug(id string) string { return strings.ReplaceAll(strings.ToLower(id), "_", "-") }

// Fleet is all devices of a network with the world that they stand in.
type Fleet struct {
	Stations map[string]*StationSet // by location
	Spots    map[string]*Device     // by collection spot
	Scanners map[string]*Handheld   // by shop
	Drivers  map[string]*Handheld   // by route
	Shippers map[string]*ShipperSet // by shipper
}

// StationSet is a location's device with its doors and the reader where drivers hand in.
type StationSet struct {
	Device *Device
	HandIn *Terminal
	Doors  map[string]*Door // by fridge
}

// Handheld is a device with a barcode reader and a line of text.
type Handheld struct {
	Device   *Device
	Terminal *Terminal
}

// Terminal is a keypad or reader and its display. One person at a time stands before it.
type Terminal struct {
	Keys    *chip.Stream
	Display *chip.Stream
	Person  sync.Mutex
}

func newTerminal(h *chip.Hardware, name string) *Terminal {
	return &Terminal{Keys: h.Stream(name + "-in"), Display: h.Stream(name + "-out")}
}

// New builds the fleet of a network. Nothing runs yet.
func New(n Network, c clock.Clock, seed uint64) *Fleet {
	f := &Fleet{Stations: map[string]*StationSet{}, Spots: map[string]*Device{}, Scanners: map[string]*Handheld{}, Drivers: map[string]*Handheld{},
		Shippers: map[string]*ShipperSet{}}
	items := map[Role]map[string]Item{Station: {}, Scanner: {}, Carrier: {}, Driver: {}}
	for _, i := range Inventory(n) {
		items[i.Role][i.Place] = i
	}
	for _, l := range n.Locations {
		f.Stations[l.ID] = newStation(l, items[Station][l.ID], c, seed)
	}
	for _, l := range n.Spots {
		f.Spots[l.ID] = newSpot(l, items[Station][l.ID], c, seed)
	}
	for _, s := range n.Shops {
		f.Scanners[s.ID] = newHandheld(items[Scanner][s.ID], c)
	}
	for _, r := range n.Routes {
		f.Drivers[r.ID] = newHandheld(items[Driver][r.ID], c)
	}
	for _, s := range n.Shippers {
		f.Shippers[s.ID] = newShipper(s, items[Carrier][s.ID], c, seed)
	}
	return f
}

func newHandheld(i Item, c clock.Clock) *Handheld {
	h := chip.New(c.Now)
	t := newTerminal(h, "reader")
	wiring := &app.Terminal{Position: i.Place, Reader: "reader-in", Display: "reader-out"}
	kit := app.Kit{BatteryClock: true, Scanner: wiring}
	if i.Role == Driver {
		kit = app.Kit{BatteryClock: true, Driver: wiring}
	}
	return &Handheld{Device: newDevice(i.ID, i.Role, i.Place, kit, h), Terminal: t}
}

// Devices gives all devices in order of their ids.
func (f *Fleet) Devices() []*Device {
	all := map[string]*Device{}
	for _, s := range f.Stations {
		all[s.Device.ID] = s.Device
	}
	for _, d := range f.Spots {
		all[d.ID] = d
	}
	for _, h := range f.Scanners {
		all[h.Device.ID] = h.Device
	}
	for _, h := range f.Drivers {
		all[h.Device.ID] = h.Device
	}
	for _, s := range f.Shippers {
		all[s.Device.ID] = s.Device
	}
	var devices []*Device
	for _, id := range slices.Sorted(maps.Keys(all)) {
		devices = append(devices, all[id])
	}
	return devices
}

// Restarts is how often agents were started again after their first start.
func (f *Fleet) Restarts() int64 {
	n := int64(0)
	for _, d := range f.Devices() {
		n += d.restarts.Load()
	}
	return n
}

// DoorCounts sums up what the world saw of all doors.
func (f *Fleet) DoorCounts() DoorCounts {
	var sum DoorCounts
	for _, s := range f.Stations {
		for _, d := range s.Doors {
			c := d.Counts()
			sum.Fired += c.Fired
			sum.Opened += c.Opened
		}
	}
	return sum
}

// DoorCounts is what the world saw of a door: pulses at the strike, and openings.
type DoorCounts struct{ Fired, Opened int64 }

func pin(position int, what string) string { return fmt.Sprintf("%s-%d", what, position) }
