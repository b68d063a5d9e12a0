// Package sht4x reads Sensirion's SHT40, SHT41 and SHT45 on an I2C bus. Section numbers are those of the data sheet SHT4x,
// version 6.5 (2024).
package sht4x

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"meguri/edge/device"

	"periph.io/x/conn/v3/i2c"
)

const (
	// Address is that of the usual kinds (SHT4x-A…); the B kinds are at 0x45.
	Address = 0x44

	measure  = 0xFD                  // section 4.5: temperature and humidity with high repeatability
	ready    = 10 * time.Millisecond // section 3.1: at most 8.3 ms
	attempts = 3                     // readings with a wrong CRC
)

// Dev is one sensor.
type Dev struct {
	dev   i2c.Dev
	sleep func(time.Duration)
}

// New returns the sensor at addr on the bus, and does not touch the bus. sleep is time.Sleep when nil.
func New(bus i2c.Bus, addr uint16, sleep func(time.Duration)) *Dev {
	if sleep == nil {
		sleep = time.Sleep
	}
	return &Dev{dev: i2c.Dev{Bus: bus, Addr: addr}, sleep: sleep}
}

// String names the bus and the address.
func (d *Dev) String() string { return fmt.Sprintf("%s %#02x", d.dev.Bus, d.dev.Addr) }

// Halt does nothing: the sensor rests by itself.
func (d *Dev) Halt() error { return nil }

// MilliC is the temperature of Read.
func (d *Dev) MilliC() (int64, error) {
	milliC, _, err := d.Read()
	return milliC, err
}

// Read measures, which takes 10 ms, and returns the temperature in thousandths of a degree Celsius and the relative humidity
// in thousandths of a percent. Errors are device.ErrMissing, ErrCRC and ErrOutOfRange, wrapped.
func (d *Dev) Read() (milliC, milliRH int64, err error) {
	for range attempts {
		milliC, milliRH, err = d.read()
		if !errors.Is(err, device.ErrCRC) {
			break
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("sht4x %s: %w", d, err)
	}
	return milliC, milliRH, nil
}

func (d *Dev) read() (milliC, milliRH int64, err error) {
	if err := d.dev.Tx([]byte{measure}, nil); err != nil {
		return 0, 0, fmt.Errorf("start a measurement: %w: %w", device.ErrMissing, err)
	}
	d.sleep(ready)
	var answer [6]byte
	if err := d.dev.Tx(nil, answer[:]); err != nil {
		return 0, 0, fmt.Errorf("read the measurement: %w: %w", device.ErrMissing, err)
	}
	return decode(answer)
}

// decode reads the answer to a measurement (section 4.4, conversion in 4.6): two words, each with a CRC.
func decode(b [6]byte) (milliC, milliRH int64, err error) {
	if CRC(b[:2]) != b[2] || CRC(b[3:5]) != b[5] {
		return 0, 0, fmt.Errorf("%w: % x", device.ErrCRC, b)
	}
	t, h := int64(binary.BigEndian.Uint16(b[:2])), int64(binary.BigEndian.Uint16(b[3:5]))
	milliC = -45_000 + 175_000*t/0xFFFF
	if milliC < -40_000 || milliC > 125_000 { // section 3.1; the ends of the scale mean a broken element
		return 0, 0, fmt.Errorf("%w: %d m°C, want -40000 to 125000", device.ErrOutOfRange, milliC)
	}
	milliRH = -6_000 + 125_000*h/0xFFFF
	return milliC, min(max(milliRH, 0), 100_000), nil // 4.6: values a little outside are possible, and to be cut off
}

// CRC is the checksum of a word (section 4.4): polynomial 0x31, start 0xFF.
func CRC(word []byte) byte {
	crc := byte(0xFF)
	for _, b := range word {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x31
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
