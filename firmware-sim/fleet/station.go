package fleet

import (
	"context"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"

	"meguri/edge/app"
	"meguri/firmware-sim/chip"
	"meguri/firmware-sim/world"
	"meguri/internal/clock"
)

// Door is one fridge of a station as people meet it: a keypad with a display, a door with its lock, and what is behind it.
type Door struct {
	*world.Door
	Terminal *Terminal
	Fridge   *world.Fridge

	fired, opened atomic.Int64
}

// Counts is what the world saw of the door.
func (d *Door) Counts() DoorCounts { return DoorCounts{Fired: d.fired.Load(), Opened: d.opened.Load()} }

const (
	oneWireBus = "w1"
	i2cBus     = "i2c-1"
	sht4xAddr  = 0x44
)

// newStation wires a location: at each fridge a DS18B20 on 1-Wire, door, bolt and relay pins, a keypad; one SHT4x on I2C in
// the first fridge, and a reader for drivers.
func newStation(l Location, i Item, c clock.Clock, seed uint64) *StationSet {
	h := chip.New(c.Now)
	set := &StationSet{HandIn: newTerminal(h, "hand-in"), Doors: map[string]*Door{}}
	kit := app.Kit{BatteryClock: true, HandIn: &app.Terminal{Position: l.ID, Reader: "hand-in-in", Display: "hand-in-out"}}
	ambient := world.Indoors(seedOf(seed, l.ID))
	for n, f := range l.Fridges {
		door, probes := newDoor(h, n, f, ambient, c, seedOf(seed, f.ID))
		set.Doors[f.ID] = door
		mains := pin(n, "mains")
		world.NewMains(h.Pin(mains), door.Fridge.SetMains)
		kit.Fridges = append(kit.Fridges, app.Fridge{Position: f.ID, Mains: mains, Probes: probes})
		kit.Locks = append(kit.Locks, app.Lock{Position: f.ID, Relay: pin(n, "relay"), Bolt: pin(n, "bolt"), Door: pin(n, "door"),
			Keypad: pin(n, "keypad") + "-in", Display: pin(n, "keypad") + "-out"})
	}
	set.Device = newDevice(i.ID, i.Role, i.Place, kit, h)
	return set
}

func newDoor(h *chip.Hardware, n int, f Fridge, ambient world.Ambient, c clock.Clock, seed uint64) (*Door, []app.Probe) {
	d := &Door{Terminal: newTerminal(h, pin(n, "keypad"))}
	d.Fridge = world.NewFridge(world.Cabinet(f.ID, (f.MinMilliC+f.MaxMilliC)/2), c.Now, ambient.MilliC)
	relay := h.Pin(pin(n, "relay"))
	d.Door = world.NewDoor(world.DoorPins{Relay: relay, Bolt: h.Pin(pin(n, "bolt")), Contact: h.Pin(pin(n, "door"))}, seed,
		func(open bool) {
			d.Fridge.SetOpen(open)
			if open {
				d.opened.Add(1)
			}
		})
	relay.OnChange(func(l gpio.Level) {
		if l == gpio.High {
			d.fired.Add(1)
		}
	})
	rom := h.OneWire(oneWireBus).Add(seed&0xffff_ffff_ffff, d.Fridge.ProbeMilliC).Address()
	probes := []app.Probe{{Name: "air", Chip: "ds18b20", Bus: oneWireBus, Address: uint64(rom)}}
	if n == 0 {
		h.I2C(i2cBus).AddSHT4x(sht4xAddr, uint32(seed), d.Fridge.AirMilliC, func() int64 { return 60_000 })
		probes = append(probes, app.Probe{Name: "humid", Chip: "sht4x", Bus: i2cBus, Address: sht4xAddr})
	}
	return d, probes
}

// newSpot wires the fridges of a collection spot: a probe in each, and no lock, since the spot is staffed.
func newSpot(l Location, i Item, c clock.Clock, seed uint64) *Device {
	h := chip.New(c.Now)
	kit := app.Kit{BatteryClock: true}
	ambient := world.Indoors(seedOf(seed, l.ID))
	for n, f := range l.Fridges {
		fridge := world.NewFridge(world.Cabinet(f.ID, (f.MinMilliC+f.MaxMilliC)/2), c.Now, ambient.MilliC)
		mains := pin(n, "mains")
		world.NewMains(h.Pin(mains), fridge.SetMains)
		rom := h.OneWire(oneWireBus).Add(seedOf(seed, f.ID)&0xffff_ffff_ffff, fridge.ProbeMilliC).Address()
		kit.Fridges = append(kit.Fridges, app.Fridge{Position: f.ID, Mains: mains,
			Probes: []app.Probe{{Name: "air", Chip: "ds18b20", Bus: oneWireBus, Address: uint64(rom)}}})
	}
	return newDevice(i.ID, i.Role, i.Place, kit, h)
}

// Enter lets a person pull at the handle while they enter a code, and says whether the door came open. ask enters the code.
func (d *Door) Enter(ctx context.Context, ask func() (opens bool, err error)) (opened bool, err error) {
	pulling, cancel := context.WithCancel(ctx)
	defer cancel()
	pull := d.Grip()
	opens, err := ask()
	if err == nil && opens {
		timer := time.AfterFunc(pullFor, cancel)
		defer timer.Stop()
	} else {
		cancel()
	}
	return pull(pulling) == nil, err
}

// pullFor is how long a person pulls once the display has said that the door is open, on the machine's clock: the strike fires
// within milliseconds of it, and a busy machine may be late.
const pullFor = 500 * time.Millisecond

// ShipperSet is a shipper: its device and the box.
type ShipperSet struct {
	Device *Device
	Box    *world.Shipper
	Lid    *world.Lid
	// Display shows the shipper's statement.
	Display *chip.Stream
	// GoodsMilliC is how warm what belongs into the box is when a shop hands it in: as warm as the box was made ready.
	GoodsMilliC int64
}

func newShipper(s Shipper, i Item, c clock.Clock, seed uint64) *ShipperSet {
	h := chip.New(c.Now)
	cfg := conditioned(s)
	seed = seedOf(seed, s.ID)
	box := world.NewShipper(cfg, c.Now, world.Indoors(seed).MilliC)
	rom := h.OneWire(oneWireBus).Add(seed&0xffff_ffff_ffff, box.ProbeMilliC).Address()
	kit := app.Kit{BatteryClock: true, Flush: shipperFlush, Shipper: &app.Shipper{Position: s.ID, Display: "display",
		Probes: []app.Probe{{Name: "air", Chip: "ds18b20", Bus: oneWireBus, Address: uint64(rom)}}}}
	return &ShipperSet{Device: newDevice(i.ID, i.Role, i.Place, kit, h), Box: box, GoodsMilliC: cfg.StartMilliC,
		Lid: world.NewLid(h.Pin("lid"), seed, box.SetOpen), Display: h.Stream("display")}
}

// Statement is the code that the display shows, as a reader reads it; empty while there is none.
func (s *ShipperSet) Statement() string {
	if text := s.Display.Last(); strings.HasPrefix(text, "MEGURIS1:") {
		return text
	}
	return ""
}

// shipperFlush is how long a shipper, which runs on a battery, gathers readings before it wakes its storage.
const shipperFlush = 10 * time.Minute

// conditioned is a box as it is made ready for its goods: with as many ice packs as they need.
func conditioned(s Shipper) world.ShipperConfig {
	switch {
	case s.MaxMilliC < 10_000:
		return world.Precooled(s.ID)
	case s.MaxMilliC < ambientBoxMilliC:
		cfg := world.Precooled(s.ID)
		cfg.Packs = 3
		cfg.StartMilliC = s.MaxMilliC / 2
		return cfg
	}
	return world.Plain(s.ID, ambientBoxMilliC)
}

// ambientBoxMilliC is how warm a shipper without packs starts.
const ambientBoxMilliC = 18_000

// seedOf gives each thing a seed of its own.
func seedOf(seed uint64, id string) uint64 {
	f := fnv.New64a()
	_, _ = f.Write([]byte(id)) // never fails
	return f.Sum64() ^ seed*0x9e3779b97f4a7c15
}
