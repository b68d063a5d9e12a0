package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"meguri/edge/app"
	"meguri/firmware-sim/chip"

	"periph.io/x/conn/v3/gpio"
)

// Bench is a circuit without a world, soldered to fit a kit: probes at some 4 °C, doors shut and bolted, the mains on. Its parts
// can be broken by name.
type Bench struct {
	Hardware *chip.Hardware
	breaks   map[string]map[string]func() // by part and fault
}

// NewBench solders what a kit names. now is what the chips take conversion times from; time.Now when nil.
func NewBench(k app.Kit, now func() time.Time) (*Bench, error) {
	b := &Bench{Hardware: chip.New(now), breaks: map[string]map[string]func(){}}
	fridges := k.Fridges
	if k.Shipper != nil {
		fridges = append(slices.Clone(fridges), app.Fridge{Position: k.Shipper.Position, Probes: k.Shipper.Probes})
	}
	converters := map[string]*chip.ADS1115{}
	for _, f := range fridges {
		for i, p := range f.Probes {
			if err := b.probe(f.Position+"/"+p.Name, p, 4_000+int64(i)*250, converters); err != nil {
				return nil, err
			}
		}
		if f.Mains != "" {
			b.contact(f.Mains)
		}
	}
	for _, l := range k.Locks {
		b.contact(l.Door)
		b.contact(l.Bolt)
		if m := l.Matrix; m != nil {
			b.keypad(*m)
		}
		relay := b.Hardware.Pin(l.Relay)
		b.breaks[l.Relay] = map[string]func(){"high": func() { relay.Short(gpio.High) }}
	}
	for _, name := range k.Streams() {
		s := b.Hardware.Stream(name)
		b.breaks[name] = map[string]func(){"unplugged": func() { s.SetUnplugged(true) }}
	}
	if k.BatteryClock {
		b.breaks["clock"] = map[string]func(){"low": func() { b.Hardware.SetClockBatteryLow(true) }}
	}
	return b, nil
}

func (b *Bench) probe(sensor string, p app.Probe, milliC int64, converters map[string]*chip.ADS1115) error {
	temperature := func() int64 { return milliC }
	hot := func(at int64) func() { return func() { milliC = at } }
	if p.Chip == "ds18b20" {
		serial, err := serialOf(p)
		if err != nil {
			return fmt.Errorf("probe %s: %w", sensor, err)
		}
		bus := b.Hardware.OneWire(p.Bus)
		d := bus.Add(serial, temperature)
		b.breaks[sensor] = map[string]func(){"missing": func() { d.SetMissing(true) }, "checksum": func() { d.Corrupt(-1) },
			"power-on": func() { d.SetWeakSupply(true) }, "stuck": func() { d.SetStuck(true) }}
		b.breaks[p.Bus] = map[string]func(){"shorted": func() { bus.SetShort(true) }, "dead": func() { bus.SetFault(errDead) }}
		return nil
	}
	bus := b.Hardware.I2C(p.Bus)
	b.breaks[p.Bus] = map[string]func(){"dead": func() { bus.SetFault(errDead) }, "hung": func() { bus.SetHung(true) }}
	if t := p.Thermistor; t != nil {
		key := p.Bus + " " + strconv.FormatUint(p.Address, 16)
		c := converters[key]
		if c == nil {
			c = bus.AddADS1115(uint16(p.Address))
			converters[key] = c
		}
		b.thermistor(sensor, c, *t, temperature)
		return nil
	}
	c := bus.AddSHT4x(uint16(p.Address), 0x0BADCAFE, temperature, func() int64 { return 50_000 })
	b.breaks[sensor] = map[string]func(){"missing": func() { c.SetMissing(true) }, "checksum": func() { c.Corrupt(-1) },
		"range": hot(130_000), "stuck": func() { c.SetStuck(true) }}
	return nil
}

var errDead = errors.New("input/output error")

const supplyMicroV = 3_300_000

func (b *Bench) thermistor(sensor string, c *chip.ADS1115, t app.Thermistor, milliC func() int64) {
	r25, beta := t.R25Ohm, t.BetaK
	if len(t.Table) > 0 { // near enough for a bench: the middle line
		r25, beta = t.Table[1].Ohm, 3950
	}
	ohm := chip.NTC(r25, beta, milliC)
	wire := func(ohm func() int64) {
		c.Wire(t.Input, chip.Divider{SupplyMicroV: supplyMicroV, SeriesOhm: t.SeriesOhm, Ohm: ohm}.MicroV)
	}
	wire(ohm)
	c.Wire(t.Supply, func() int64 { return supplyMicroV })
	b.breaks[sensor] = map[string]func(){"missing": func() { c.SetMissing(true) }, "power-on": func() { c.SetWeakSupply(true) },
		"open": func() { wire(func() int64 { return -1 }) }, "shorted": func() { wire(func() int64 { return 0 }) },
		"unsupplied": func() { c.Wire(t.Supply, nil) }, "stuck": func() { c.SetStuck(true) }}
}

// keypad is a matrix whose keys can be jammed, "ROW PIN=KEY".
func (b *Bench) keypad(m app.Matrix) {
	pins := func(names []string) (all []*chip.Pin) {
		for _, name := range names {
			all = append(all, b.Hardware.Pin(name))
		}
		return all
	}
	pad := chip.NewMatrix(pins(m.Rows), pins(m.Columns), m.Keys)
	for i, keys := range m.Keys {
		b.breaks[m.Rows[i]] = map[string]func(){}
		for _, key := range []byte(keys) {
			b.breaks[m.Rows[i]][string(key)] = func() { pad.Press(key) }
		}
	}
}

// serialOf is a ROM code without family and checksum.
func serialOf(p app.Probe) (uint64, error) {
	if p.ROM == "" {
		return p.Address >> 8 & 0xFFFF_FFFF_FFFF, nil
	}
	_, serial, _ := strings.Cut(p.ROM, "-")
	return strconv.ParseUint(serial, 16, 48)
}

// contact is a switch to ground, closed.
func (b *Bench) contact(name string) {
	p := b.Hardware.Pin(name)
	p.Switch(true)
	b.breaks[name] = map[string]func(){"open": func() { p.Switch(false) }, "chatter": func() { p.SetChatter(true) }}
}

// Break breaks a part, "PART=FAULT": a sensor as POSITION/NAME, a bus, a pin or a stream by its name in the kit. The error of an
// unknown one says what there is.
func (b *Bench) Break(what string) error {
	at := strings.LastIndexByte(what, '=') // a stream's name may have one, too
	part, fault := what, ""
	if at >= 0 {
		part, fault = what[:at], what[at+1:]
	}
	faults, ok := b.breaks[part]
	if !ok {
		return fmt.Errorf("fault %q: want PART=FAULT, where PART is one of %s", what, strings.Join(slices.Sorted(maps.Keys(b.breaks)), ", "))
	}
	do, ok := faults[fault]
	if !ok {
		return fmt.Errorf("fault %q: of %s want one of %s", what, part, strings.Join(slices.Sorted(maps.Keys(faults)), ", "))
	}
	do()
	return nil
}
