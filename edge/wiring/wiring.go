// Package wiring draws how a kit is wired to a board with the 40-pin header of a Raspberry Pi: a table for who solders and a
// drawing for who looks for a fault. Both come from the kit file, so that they say what the agent expects.
package wiring

import (
	"fmt"
	"strconv"
	"strings"

	"meguri/edge/app"
)

// header is where a line is on the header.
var header = map[string]int{"GPIO2": 3, "GPIO3": 5, "GPIO4": 7, "GPIO14": 8, "GPIO15": 10, "GPIO17": 11, "GPIO18": 12, "GPIO27": 13,
	"GPIO22": 15, "GPIO23": 16, "GPIO24": 18, "GPIO10": 19, "GPIO9": 21, "GPIO25": 22, "GPIO11": 23, "GPIO8": 24, "GPIO7": 26, "GPIO0": 27,
	"GPIO1": 28, "GPIO5": 29, "GPIO6": 31, "GPIO12": 32, "GPIO13": 33, "GPIO19": 35, "GPIO16": 36, "GPIO26": 37, "GPIO20": 38, "GPIO21": 40}

// HighAtStart says whether the board pulls a pin up from power-on until the agent drives it, which is no place for a relay.
func HighAtStart(pin string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(line(pin), "GPIO"))
	return err == nil && n <= highAtStart
}

// highAtStart is the last of the lines that the board pulls up (BCM2835 ARM Peripherals, table 6-31:
// GPIO0 to GPIO8).
const highAtStart = 8

// Kind is what a wire carries.
type Kind int

// Kinds of wires.
const (
	Signal Kind = iota
	Power
	Ground
	Plug // a cable with plugs
)

// Wire is one connection of a part to the board.
type Wire struct {
	Kind Kind
	From string // on the board: "GPIO17", "3.3 V", "GND", "USB"
	To   string // the part's terminal
	Note string // what else belongs to it
}

// Where is the place of the wire on the board's header, or "".
func (w Wire) Where() string {
	switch {
	case w.Kind == Power:
		return "1 or 17"
	case w.Kind == Ground:
		return "6, 9, 14, 20, 25, 30, 34 or 39"
	case header[w.From] != 0:
		return strconv.Itoa(header[w.From])
	}
	return ""
}

// Part is something that is wired to the board.
type Part struct {
	Title string // "Lock f1: relay"
	Kind  string // "relay module, high pulls"
	Wires []Wire
}

var (
	supply = Wire{Kind: Power, From: "3.3 V", To: "VDD"}
	ground = Wire{Kind: Ground, From: "GND", To: "GND"}
)

// Of lists the parts of a kit in its order.
func Of(k app.Kit) (all []Part) {
	w := wirer{buses: map[string]bool{}, converters: map[string]int{}}
	for _, f := range k.Fridges {
		w.probes(f.Position, f.Probes)
		if f.Mains != "" {
			w.add("Fridge "+f.Position+": mains", "optocoupler module, conducts while the mains are on",
				Wire{From: line(f.Mains), To: "collector", Note: "low while the mains are on; pull-up inside the board"}, named(ground, "emitter"))
		}
	}
	if k.Shipper != nil {
		w.probes(k.Shipper.Position, k.Shipper.Probes)
		w.line("Shipper "+k.Shipper.Position+": display", k.Shipper.Display)
	}
	for _, l := range k.Locks {
		w.lock(l)
	}
	w.terminal("Hand-in", k.HandIn)
	w.terminal("Scanner", k.Scanner)
	w.terminal("Driver", k.Driver)
	w.terminal("Warehouse scanner", k.Warehouse)
	return w.all
}

type wirer struct {
	all        []Part
	buses      map[string]bool // that have their pull-ups
	converters map[string]int  // where an ADS1115 is in all
}

func (w *wirer) add(title, kind string, wires ...Wire) {
	w.all = append(w.all, Part{Title: title, Kind: kind, Wires: wires})
}

// first is a note for the first part of a bus only.
func (w *wirer) first(bus, note string) string {
	if w.buses[bus] {
		return ""
	}
	w.buses[bus] = true
	return note
}

func named(w Wire, to string) Wire {
	w.To = to
	return w
}

// line is a pin's name as the header knows it: "17" is GPIO17.
func line(pin string) string {
	if _, err := strconv.Atoi(pin); err == nil {
		return "GPIO" + pin
	}
	return pin
}

func (w *wirer) probes(position string, probes []app.Probe) {
	for _, p := range probes {
		title := fmt.Sprintf("Probe %s/%s", position, p.Name)
		switch {
		case p.Thermistor != nil:
			w.thermistor(title, p)
		case p.Chip == "ds18b20":
			id := p.ROM
			if id == "" {
				id = fmt.Sprintf("%#x", p.Address)
			}
			w.add(title, "DS18B20 "+id, supply, Wire{From: "GPIO4", To: "DATA",
				Note: w.first(p.Bus, "4.7 kΩ to 3.3 V, once for bus "+p.Bus)}, ground)
		default:
			w.add(title, fmt.Sprintf("SHT4x at %#x", p.Address), append([]Wire{supply}, append(w.i2c(p.Bus), ground)...)...)
		}
	}
}

// i2c are the two wires of a bus.
func (w *wirer) i2c(bus string) []Wire {
	note := w.first(bus, "pull-up inside the board")
	return []Wire{{From: "GPIO2", To: "SDA", Note: note}, {From: "GPIO3", To: "SCL", Note: note}}
}

// addrPin is where the ADDR pin of an ADS1115 goes ("I2C Address Selection").
var addrPin = map[uint64]string{0x48: "GND", 0x49: "VDD", 0x4A: "SDA", 0x4B: "SCL"}

func (w *wirer) thermistor(title string, p app.Probe) {
	key := fmt.Sprintf("%s %#x", p.Bus, p.Address)
	at, ok := w.converters[key]
	if !ok {
		at = len(w.all)
		w.converters[key] = at
		wires := append([]Wire{supply}, append(w.i2c(p.Bus), ground)...)
		wires[len(wires)-1].Note = fmt.Sprintf("ADDR of the chip to its %s", addrPin[p.Address])
		w.add("Converter at "+fmt.Sprintf("%#x", p.Address), "ADS1115 on "+p.Bus, append(wires,
			Wire{Kind: Power, From: "3.3 V", To: fmt.Sprintf("AIN%d", p.Thermistor.Supply), Note: "measures the supply of the dividers"})...)
	}
	w.all[at].Wires = append(w.all[at].Wires, Wire{Kind: Power, From: "3.3 V", To: fmt.Sprintf("AIN%d", p.Thermistor.Input),
		Note: fmt.Sprintf("through %s; %s's NTC from here to GND", ohms(p.Thermistor.SeriesOhm), strings.TrimPrefix(title, "Probe "))})
}

func ohms(n int64) string {
	if n >= 1000 {
		return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64) + " kΩ"
	}
	return strconv.FormatInt(n, 10) + " Ω"
}

func (w *wirer) lock(l app.Lock) {
	rest := "10 kΩ to GND: keeps the lock shut while nobody drives the pin"
	if HighAtStart(l.Relay) {
		rest = "4.7 kΩ to GND: this pin is HIGH at power-on without it; better take GPIO9 or above"
	}
	w.add("Lock "+l.Position+": relay", "relay module, high pulls; strike on its own supply, with a diode",
		supply, Wire{From: line(l.Relay), To: "IN", Note: rest}, ground)
	w.add("Lock "+l.Position+": bolt", "switch, closed while the bolt is out", Wire{From: line(l.Bolt), To: "a", Note: "pull-up inside the board"}, named(ground, "b"))
	w.add("Lock "+l.Position+": door", "switch, closed while the door is shut", Wire{From: line(l.Door), To: "a", Note: "pull-up inside the board"}, named(ground, "b"))
	if l.Key != "" {
		w.add("Lock "+l.Position+": key", "switch at the cylinder, closed while the staff's key turns it",
			Wire{From: line(l.Key), To: "a", Note: "pull-up inside the board"}, named(ground, "b"))
	}
	w.line("Lock "+l.Position+": keypad", l.Keypad)
	if m := l.Matrix; m != nil {
		var wires []Wire
		for i, pin := range m.Rows {
			wires = append(wires, Wire{From: line(pin), To: fmt.Sprintf("row %d", i+1), Note: "keys " + m.Keys[i]})
		}
		for i, pin := range m.Columns {
			wires = append(wires, Wire{From: line(pin), To: fmt.Sprintf("column %d", i+1), Note: "pull-up inside the board"})
		}
		w.add("Lock "+l.Position+": keypad", "matrix", wires...)
	}
	if l.Display != l.Keypad || l.Matrix != nil {
		w.line("Lock "+l.Position+": display", l.Display)
	}
}

func (w *wirer) terminal(name string, t *app.Terminal) {
	if t == nil {
		return
	}
	w.line(name+" "+t.Position+": reader", t.Reader)
	if t.Display != t.Reader {
		w.line(name+" "+t.Position+": display", t.Display)
	}
}

// line is a serial line or an input device.
func (w *wirer) line(title, stream string) {
	if stream == "" {
		return
	}
	kind, rest, _ := strings.Cut(stream, ":")
	path, query, _ := strings.Cut(rest, "?")
	switch {
	case strings.HasPrefix(path, "/dev/ttyAMA"), strings.HasPrefix(path, "/dev/ttyS"), path == "/dev/serial0":
		w.add(title, "serial line "+path+" "+query, Wire{From: "GPIO14", To: "RX", Note: "3.3 V levels, never ±12 V of RS-232"},
			Wire{From: "GPIO15", To: "TX"}, ground)
	case kind == "evdev":
		w.add(title, "USB keyboard, "+path, Wire{Kind: Plug, From: "USB", To: "USB"})
	default:
		w.add(title, "USB serial, "+strings.TrimSpace(path+" "+query), Wire{Kind: Plug, From: "USB", To: "USB"})
	}
}
