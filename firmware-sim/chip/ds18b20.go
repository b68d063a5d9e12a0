package chip

import (
	"encoding/binary"
	"time"

	"periph.io/x/conn/v3/onewire"
)

// Function commands and registers, as in the DS18B20's data sheet 19-7487.
const (
	convertT        = 0x44
	writeScratchpad = 0x4E
	readScratchpad  = 0xBE
	copyScratchpad  = 0x48
	recallE2        = 0xB8
	readPowerSupply = 0xB4

	powerOnTemp = 0x0550 // 85 °C
)

// DS18B20 is a thermometer on a 1-Wire bus. Its methods are for the world; the agent meets it on the bus only.
type DS18B20 struct {
	bus     *OneWire // its mutex guards all below
	address onewire.Address
	milliC  func() int64

	temp    int16
	pending int16     // result of the conversion that runs
	ready   time.Time // when it is done; zero when none runs
	alarms  [2]byte   // TH, TL
	config  byte
	eeprom  [3]byte // TH, TL, configuration

	missing  bool
	stuck    bool
	weak     bool
	parasite bool
	corrupt  int
}

func newDS18B20(bus *OneWire, serial uint64, milliC func() int64) *DS18B20 {
	rom := serial&0xFFFFFFFFFFFF<<8 | 0x28
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], rom)
	d := &DS18B20{bus: bus, milliC: milliC, eeprom: [3]byte{0x4B, 0x46, 0x7F}}
	d.address = onewire.Address(rom | uint64(onewire.CalcCRC(b[:7]))<<56)
	d.reset()
	return d
}

// Address is the 64-bit ROM code.
func (d *DS18B20) Address() onewire.Address { return d.address }

// Reset is a brown-out: the chip holds 85 °C until its next conversion.
func (d *DS18B20) Reset() { d.set(d.reset) }

// SetMissing pulls the probe off the bus, or puts it back, which powers it up.
func (d *DS18B20) SetMissing(missing bool) {
	d.set(func() {
		if d.missing && !missing {
			d.reset()
		}
		d.missing = missing
	})
}

// SetStuck makes conversions leave the old value, or ends that.
func (d *DS18B20) SetStuck(stuck bool) { d.set(func() { d.stuck = stuck }) }

// SetWeakSupply makes every conversion end in a brown-out, as with too thin a supply wire, or ends that.
func (d *DS18B20) SetWeakSupply(weak bool) { d.set(func() { d.weak = weak }) }

// SetParasite wires the chip without a supply of its own, or with one. It changes only the answer to READ POWER SUPPLY.
func (d *DS18B20) SetParasite(parasite bool) { d.set(func() { d.parasite = parasite }) }

// Corrupt turns a bit over in each of the next n scratchpads that are read; for ever when n is negative, no longer when 0.
func (d *DS18B20) Corrupt(n int) { d.set(func() { d.corrupt = n }) }

func (d *DS18B20) set(do func()) {
	d.bus.mu.Lock()
	defer d.bus.mu.Unlock()
	do()
}

func (d *DS18B20) reset() {
	d.temp, d.ready = powerOnTemp, time.Time{}
	d.recall()
}

func (d *DS18B20) recall() {
	d.alarms = [2]byte(d.eeprom[:2])
	d.config = d.eeprom[2]
}

// function obeys a command and ANDs its answer into r. The caller has settled it.
func (d *DS18B20) function(w, r []byte, now time.Time) {
	if len(w) == 0 {
		return
	}
	switch w[0] {
	case convertT:
		d.convert(now)
		d.hold(r, 0) // read slots give 0 while it converts
	case readScratchpad:
		pad := d.scratchpad()
		and(r, pad[:])
	case writeScratchpad:
		if len(w) >= 4 {
			d.alarms = [2]byte(w[1:3])
			d.config = w[3]&0x60 | 0x1F
		}
	case copyScratchpad:
		d.eeprom = [3]byte{d.alarms[0], d.alarms[1], d.config}
	case recallE2:
		d.recall()
	case readPowerSupply:
		if d.parasite {
			d.hold(r, 0)
		}
	}
}

func (d *DS18B20) hold(r []byte, b byte) {
	for i := range r {
		r[i] &= b
	}
}

// convert starts a conversion. It takes 80 % of the data sheet's longest time: 600 ms at 12 bits.
func (d *DS18B20) convert(now time.Time) {
	milliC := min(max(d.milliC(), -55_000), 125_000)
	raw := milliC * 16
	half := int64(500)
	if raw < 0 {
		half = -half
	}
	bits := d.config >> 5 & 3 // over 9
	d.pending = int16((raw+half)/1000) &^ (1<<(3-bits) - 1)
	d.ready = now.Add(75 * time.Millisecond << bits)
}

// settle ends a conversion whose time has come.
func (d *DS18B20) settle(now time.Time) {
	if d.ready.IsZero() || now.Before(d.ready) {
		return
	}
	d.ready = time.Time{}
	switch {
	case d.weak:
		d.reset()
	case !d.stuck:
		d.temp = d.pending
	}
}

func (d *DS18B20) scratchpad() [9]byte {
	pad := [9]byte{0, 0, d.alarms[0], d.alarms[1], d.config, 0xFF, 0x0C, 0x10}
	binary.LittleEndian.PutUint16(pad[:], uint16(d.temp))
	pad[8] = onewire.CalcCRC(pad[:8])
	if d.corrupt != 0 {
		pad[0] ^= 0x04
		d.corrupt = max(d.corrupt-1, -1)
	}
	return pad
}

// alarmed compares the whole degrees of the last conversion with TH and TL.
func (d *DS18B20) alarmed() bool {
	c := int8(d.temp >> 4)
	return c >= int8(d.alarms[0]) || c <= int8(d.alarms[1])
}
