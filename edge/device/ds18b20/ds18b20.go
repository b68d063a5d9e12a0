// Package ds18b20 reads Maxim's DS18B20 thermometer on a 1-Wire bus.
//
// Section names are those of the data sheet 19-7487 (Rev 6, 2019). The probe must have its own supply (three wires): the
// Linux 1-Wire bus cannot give the strong pull-up that a conversion on parasite power needs.
package ds18b20

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/edge/device"

	"periph.io/x/conn/v3/onewire"
)

const (
	family = 0x28 // "64-Bit Lasered ROM Code"

	convertT       = 0x44 // "DS18B20 Function Commands"
	readScratchpad = 0xBE

	// conversion is the longest time of one at 12 bits, which is the longest of all ("AC Electrical Characteristics", tCONV).
	// A probe that is set to a lower resolution is ready sooner; nothing is lost by waiting.
	conversion = 750 * time.Millisecond
	// attempts is how often a scratchpad with a wrong CRC is read. Noise on a long wire is gone on the next try.
	attempts = 3

	powerOn = 0x0550 // 85 °C, "Temperature Register" and note of Table 1
	lowest  = -55_000
	highest = 125_000
)

// Dev is one probe.
type Dev struct {
	dev   onewire.Dev
	sleep func(time.Duration)
}

// New returns the probe with address a on the bus, and does not touch the bus. sleep is time.Sleep when nil.
func New(bus onewire.Bus, a onewire.Address, sleep func(time.Duration)) *Dev {
	if sleep == nil {
		sleep = time.Sleep
	}
	return &Dev{dev: onewire.Dev{Bus: bus, Addr: a}, sleep: sleep}
}

// String names the bus and the probe.
func (d *Dev) String() string { return d.dev.Bus.String() + " " + FormatAddress(d.dev.Addr) }

// Halt does nothing: the probe rests by itself.
func (d *Dev) Halt() error { return nil }

// MilliC makes one conversion, which takes 750 ms, and returns the temperature in thousandths of a degree Celsius. Errors
// are device.ErrMissing, ErrCRC, ErrPowerOn and ErrOutOfRange, wrapped.
//
// A temperature of exactly 85 °C is taken as the power-on value: no place that is watched here is that hot.
func (d *Dev) MilliC() (int64, error) {
	if byte(d.dev.Addr) != family {
		return 0, fmt.Errorf("ds18b20 %s: family %#02x, want %#02x: %w", d, byte(d.dev.Addr), family, device.ErrMissing)
	}
	if err := d.dev.TxPower([]byte{convertT}, nil); err != nil {
		return 0, fmt.Errorf("ds18b20 %s: start a conversion: %w: %w", d, device.ErrMissing, err)
	}
	d.sleep(conversion)
	var err error
	for range attempts {
		var pad [9]byte
		if err := d.dev.Tx([]byte{readScratchpad}, pad[:]); err != nil {
			return 0, fmt.Errorf("ds18b20 %s: read the scratchpad: %w: %w", d, device.ErrMissing, err)
		}
		var milliC int64
		milliC, err = decode(pad)
		if err == nil {
			return milliC, nil
		}
		if !errors.Is(err, device.ErrCRC) {
			break
		}
	}
	return 0, fmt.Errorf("ds18b20 %s: %w", d, err)
}

// decode reads a scratchpad ("Memory", Figure 9): temperature, TH, TL, configuration, three reserved, CRC.
func decode(pad [9]byte) (int64, error) {
	switch pad {
	case [9]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}:
		return 0, fmt.Errorf("%w: the line stays high", device.ErrMissing)
	case [9]byte{}: // its CRC is right
		return 0, fmt.Errorf("%w: the line stays low, is it shorted to ground?", device.ErrMissing)
	}
	if !onewire.CheckCRC(pad[:]) {
		return 0, fmt.Errorf("%w: % x", device.ErrCRC, pad)
	}
	config := pad[4]
	if config&0x9F != 0x1F { // "Configuration Register", Figure 10: these bits cannot be overwritten
		return 0, fmt.Errorf("%w: configuration register is %#02x, want 0b0xx11111", device.ErrCRC, config)
	}
	raw := int16(binary.LittleEndian.Uint16(pad[:2]))
	if raw == powerOn {
		return 0, device.ErrPowerOn
	}
	undefined := 3 - config>>5 // low bits that mean nothing at this resolution
	raw &= -1 << undefined
	milliC := int64(raw) * 1000 / 16 // 62.5 steps exactly, the half is dropped
	if milliC < lowest || milliC > highest {
		return 0, fmt.Errorf("%w: %d m°C, want %d to %d", device.ErrOutOfRange, milliC, lowest, highest)
	}
	return milliC, nil
}

// ParseAddress reads an address as Linux writes it, "28-0000071b2c3d": family and serial number in hex. The CRC follows from
// them.
func ParseAddress(text string) (onewire.Address, error) {
	fam, serial, ok := strings.Cut(text, "-")
	if !ok || len(fam) != 2 || len(serial) != 12 {
		return 0, fmt.Errorf("1-Wire address %q: want family and serial number as 28-0000071b2c3d", text)
	}
	b, err := hex.DecodeString("00" + serial + fam)
	if err != nil {
		return 0, fmt.Errorf("1-Wire address %q: %w", text, err)
	}
	if b[7] != family {
		return 0, fmt.Errorf("1-Wire address %q: family %s, want 28 of a DS18B20", text, fam)
	}
	a := binary.BigEndian.Uint64(b)
	var rom [8]byte
	binary.LittleEndian.PutUint64(rom[:], a)
	return onewire.Address(a | uint64(onewire.CalcCRC(rom[:7]))<<56), nil
}

// FormatAddress is the text that ParseAddress reads.
func FormatAddress(a onewire.Address) string {
	return fmt.Sprintf("%02x-%012x", byte(a), uint64(a)>>8&0xFFFFFFFFFFFF)
}
