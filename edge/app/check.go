package app

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/onewire"

	"meguri/edge/device/ads1115"
	"meguri/edge/device/matrix"
	"meguri/protocol"
)

// Check says everything that is wrong with a kit.
func (k Kit) Check() error {
	c := checker{used: map[string]string{}}
	if err := k.Language.Check(); err != nil {
		c.errs = append(c.errs, err)
	}
	if k.Flush < 0 || k.Flush > maxFlush {
		c.say("flush: %v: want 0s to %v", k.Flush, maxFlush)
	}
	sensors := 0
	k.eachProbe(func(string, Probe) { sensors++ })
	if sensors > protocol.MaxSensors {
		c.say("%d probes: want at most %d", sensors, protocol.MaxSensors)
	}
	for i, f := range k.Fridges {
		at := fmt.Sprintf("fridges[%d].", i)
		c.once("fridge", at+"position", c.need(at+"position", f.Position))
		c.probes(at, f.Position, f.Probes)
		if f.Mains != "" {
			c.once("pin", at+"mains", f.Mains)
		}
	}
	for i, l := range k.Locks {
		at := fmt.Sprintf("locks[%d].", i)
		c.once("lock", at+"position", c.need(at+"position", l.Position))
		c.once("pin", at+"relay", c.need(at+"relay", l.Relay))
		c.once("pin", at+"bolt", c.need(at+"bolt", l.Bolt))
		c.once("pin", at+"door", c.need(at+"door", l.Door))
		c.once("pin", at+"key", l.Key)
		c.keypad(at, l)
	}
	if k.Shipper != nil {
		c.need("shipper.position", k.Shipper.Position)
		c.probes("shipper.", k.Shipper.Position, k.Shipper.Probes)
	}
	c.terminal("hand_in", k.HandIn)
	c.terminal("scanner", k.Scanner)
	c.terminal("driver", k.Driver)
	c.terminal("warehouse", k.Warehouse)
	if k.HandIn != nil && len(k.Locks) == 0 {
		c.say("hand_in: needs locks, whose slots are scanned at it")
	}
	if len(k.Roles()) == 0 {
		c.say("no role: want fridges, locks, shipper, scanner, driver or warehouse")
	}
	return errors.Join(c.errs...)
}

// checker collects what is wrong, and remembers what is used where.
type checker struct {
	errs []error
	used map[string]string
}

func (c *checker) say(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *checker) need(at, value string) string {
	if value == "" {
		c.say("%s is missing", at)
	}
	return value
}

// once refuses to give the same thing two uses. A missing one is said elsewhere.
func (c *checker) once(kind, at, name string) {
	if name == "" {
		return
	}
	key := kind + " " + name
	if other, ok := c.used[key]; ok {
		c.say("%s: %s is %s already", at, key, other)
		return
	}
	c.used[key] = at
}

func (c *checker) terminal(at string, t *Terminal) {
	if t != nil {
		c.need(at+".position", t.Position)
		c.once("reader", at+".reader", c.need(at+".reader", t.Reader))
		if t.Framing != "" && t.Framing != framingLine && t.Framing != framingSSI {
			c.say("%s.framing %q: want %s or %s", at, t.Framing, framingLine, framingSSI)
		}
		if t.Framing == framingSSI && !strings.HasPrefix(t.Reader, "serial:") {
			c.say("%s.framing: ssi is for a reader on a serial line", at)
		}
	}
}

// keypad wants one of the two kinds.
func (c *checker) keypad(at string, l Lock) {
	if l.Matrix == nil {
		c.once("reader", at+"keypad", c.need(at+"keypad", l.Keypad))
		return
	}
	if l.Keypad != "" {
		c.say("%skeypad or %smatrix: not both", at, at)
	}
	for i, pin := range slices.Concat(l.Matrix.Rows, l.Matrix.Columns) {
		c.once("pin", fmt.Sprintf("%smatrix pin %d", at, i), c.need(fmt.Sprintf("%smatrix pin %d", at, i), pin))
	}
	if err := matrix.CheckKeys(len(l.Matrix.Rows), len(l.Matrix.Columns), l.Matrix.Keys); err != nil {
		c.say("%smatrix: %w", at, err)
	}
}

// airProbe is what the probe of a position is called that stands for it where only one is shown.
const airProbe = "air"

func (c *checker) probes(at, position string, probes []Probe) {
	switch {
	case len(probes) == 0:
		c.say("%sprobes: want at least one", at)
	case !slices.ContainsFunc(probes, func(p Probe) bool { return p.Name == airProbe }):
		c.say("%sprobes: want one with the name %s: it is the one that boards and charts show", at, airProbe)
	}
	for i, p := range probes {
		at := fmt.Sprintf("%sprobes[%d].", at, i)
		name := sensorName(position, c.need(at+"name", p.Name))
		c.once("sensor", at+"name", name)
		if len(name) > maxSensorName {
			c.say("%sname: sensor %s: %d bytes, want at most %d", at, name, len(name), maxSensorName)
		}
		c.need(at+"bus", p.Bus)
		switch p.Chip {
		case chipDS18B20:
			c.oneWire(at, p)
		case chipSHT4x:
			if p.Address < 0x44 || p.Address > 0x46 {
				c.say("%saddress %#x: want 0x44, 0x45 or 0x46 of an SHT4x", at, p.Address)
			}
		case chipADS1115:
			c.converter(at, p)
		default:
			c.say("%schip %q: want %s, %s or %s", at, p.Chip, chipDS18B20, chipSHT4x, chipADS1115)
		}
		if p.Thermistor != nil && p.Chip != chipADS1115 {
			c.say("%sthermistor: a %s has none", at, p.Chip)
		}
	}
}

func (c *checker) converter(at string, p Probe) {
	if p.Address < ads1115.Address || p.Address > ads1115.Address+3 {
		c.say("%saddress %#x: want 0x48 to 0x4b of an ADS1115", at, p.Address)
	}
	if p.Thermistor == nil {
		c.say("%sthermistor is missing", at)
		return
	}
	if _, err := p.Thermistor.parameters(); err != nil {
		c.say("%sthermistor: %w", at, err)
	}
	c.once("input", at+"thermistor.input", fmt.Sprintf("%d of %#x on %s", p.Thermistor.Input, p.Address, p.Bus))
}

func (c *checker) oneWire(at string, p Probe) {
	if (p.ROM == "") == (p.Address == 0) {
		c.say("%srom is missing: want it as Linux lists it in /sys/bus/w1/devices, 28-0000071b2c3d; or address, not both", at)
		return
	}
	address, err := p.oneWireAddress()
	if err != nil {
		c.say("%srom: %w", at, err)
		return
	}
	var rom [8]byte
	binary.LittleEndian.PutUint64(rom[:], uint64(address))
	if rom[0] != ds18b20Family || !onewire.CheckCRC(rom[:]) {
		c.say("%saddress %#x: want family 0x28 in the lowest byte and the checksum in the highest; rom is easier", at, p.Address)
	}
}

func sensorName(position, probe string) string { return position + "/" + probe }

// Bounds of a kit.
const (
	maxFlush      = 24 * time.Hour
	maxSensorName = 100 // bytes: all names of all sensors have to fit into one record
)

const ds18b20Family = 0x28
