package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"

	"meguri/edge/device"
	"meguri/edge/device/ads1115"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/sht4x"
)

// oneWire lists what is on a 1-Wire bus, and says what the kit does not know of and what is missing.
func (x *examiner) oneWire(name string) {
	what := "1-Wire bus " + name
	bus, err := x.board.OneWire(name)
	if err != nil {
		x.dead[name] = true
		x.fail(what, err, adviceName)
		return
	}
	var found []onewire.Address
	if !x.comesBack(name, what, func() { found, err = bus.Search(false) }) {
		return
	}
	var none onewire.NoDevicesError
	var short onewire.ShortedBusError
	switch {
	case errors.As(err, &short) && short.IsShorted():
		x.dead[name] = true
		x.fail(what, err, "the data line is at ground: look for a pinched cable or a plug put in the wrong way round; take the probes off one by one")
		return
	case errors.As(err, &none) && none.NoDevices() || err == nil && len(found) == 0:
		x.say(Finding{What: what, Wrong: "nothing answers", Do: adviceOneWire})
		return
	case err != nil:
		x.fail(what, err, adviceOneWire)
		return
	}
	mine := x.addresses(name)
	f := Finding{What: what, Found: fmt.Sprintf("%d answer: %s", len(found), addresses(found))}
	known := func(a onewire.Address) bool { return slices.Contains(mine, a) }
	if len(mine) > 0 {
		if extra := slices.DeleteFunc(slices.Clone(found), known); len(extra) > 0 {
			f.Found += "; not in the kit: " + addresses(extra)
		}
		gone := slices.DeleteFunc(slices.Clone(mine), func(a onewire.Address) bool { return slices.Contains(found, a) })
		if len(gone) > 0 {
			f.Wrong = "in the kit and not on the bus: " + addresses(gone)
			f.Do = "if a probe was replaced, write its rom into the kit; else look at its plug"
		}
	}
	x.say(f)
}

// addresses are the probes of the kit on a bus.
func (x *examiner) addresses(bus string) (all []onewire.Address) {
	x.kit.eachProbe(func(_ string, p Probe) {
		if p.Chip == chipDS18B20 && p.Bus == bus {
			if a, err := p.oneWireAddress(); err == nil { // else the sensor says so
				all = append(all, a)
			}
		}
	})
	return all
}

func addresses(all []onewire.Address) string {
	var names []string
	for _, a := range all {
		names = append(names, ds18b20.FormatAddress(a))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func romOf(p Probe) string { return ds18b20.FormatAddress(onewire.Address(p.Address)) }

// i2c looks which of the chips that we know answer on a bus. Other addresses are left alone: a read of one byte moves some
// chip's state on.
func (x *examiner) i2c(name string) {
	what := "I2C bus " + name
	bus, err := x.board.I2C(name)
	if err != nil {
		x.dead[name] = true
		x.fail(what, err, adviceName)
		return
	}
	var found []string
	if !x.comesBack(name, what, func() { found, err = x.answering(bus) }) {
		return
	}
	if len(found) == 0 {
		x.say(Finding{What: what, Wrong: fmt.Sprintf("nothing answers at 0x44 to 0x46 nor at 0x48 to 0x4b: %v", err), Do: adviceI2C})
		return
	}
	x.say(Finding{What: what, Found: fmt.Sprintf("%d answer: %s", len(found), strings.Join(found, ", "))})
}

// answering lists the chips that answer, and gives the last error of those that do not.
func (x *examiner) answering(bus i2c.Bus) (found []string, last error) {
	for addr := uint16(sht4x.Address); addr <= sht4x.Address+2; addr++ {
		serial, err := x.humidity(bus, addr)
		switch {
		case errors.Is(err, device.ErrCRC):
			found = append(found, fmt.Sprintf("%#x (not as an SHT4x should: %v)", addr, err))
		case err != nil:
			last = err
		default:
			found = append(found, fmt.Sprintf("%#x (SHT4x, serial number %08x)", addr, serial))
		}
	}
	for addr := uint16(ads1115.Address); addr <= ads1115.Address+3; addr++ {
		var r [2]byte
		if err := bus.Tx(addr, []byte{1}, r[:]); err != nil {
			last = err
		} else {
			found = append(found, fmt.Sprintf("%#x (ADS1115, or another at its place)", addr))
		}
	}
	return found, last
}

// humidity reads the serial number of an SHT4x, data sheet section 4.8.
func (x *examiner) humidity(bus i2c.Bus, addr uint16) (serial uint32, err error) {
	if err := bus.Tx(addr, []byte{0x89}, nil); err != nil {
		return 0, err
	}
	x.sleep(10 * time.Millisecond)
	var r [6]byte
	if err := bus.Tx(addr, nil, r[:]); err != nil {
		return 0, err
	}
	if sht4x.CRC(r[:2]) != r[2] || sht4x.CRC(r[3:5]) != r[5] {
		return 0, fmt.Errorf("%w: % x", device.ErrCRC, r)
	}
	return uint32(r[0])<<24 | uint32(r[1])<<16 | uint32(r[3])<<8 | uint32(r[4]), nil
}
