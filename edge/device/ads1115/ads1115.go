// Package ads1115 reads Texas Instruments' four-channel converter ADS1115 on an I2C bus. Section names are those of the data
// sheet SBAS444D (2018).
package ads1115

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"meguri/edge/device"

	"periph.io/x/conn/v3/i2c"
)

const (
	// Address is that of a chip whose ADDR pin is at ground; supply, SDA and SCL give 0x49, 0x4A and 0x4B ("I2C Address
	// Selection").
	Address = 0x48
	// Inputs is how many there are, AIN0 to AIN3, each measured against ground.
	Inputs = 4

	conversionRegister = 0x00 // "Address Pointer Register"
	configRegister     = 0x01

	// "Config Register", from the top: start (OS), input against ground (MUX 1xx), ±4.096 V (PGA 001), single shot, 128 samples
	// a second (DR 100), comparator off.
	start      = 0x8000
	muxSingle  = 0x4000
	muxShift   = 12
	settings   = 0x0200 | 0x0100 | 0x0080 | 0x0003
	powerOn    = 0x8583               // the register's reset value
	conversion = 9 * time.Millisecond // 1/128 s and 10 % more ("Electrical Characteristics"), and 25 µs to wake up
	looks      = 3                    // at the OS bit, before a conversion is given up
)

// Dev is one chip. It is safe for concurrent use.
type Dev struct {
	mu    sync.Mutex // a conversion is several transactions
	dev   i2c.Dev
	sleep func(time.Duration)
}

// New returns the chip at addr on the bus, and does not touch the bus. sleep is time.Sleep when nil.
func New(bus i2c.Bus, addr uint16, sleep func(time.Duration)) *Dev {
	if sleep == nil {
		sleep = time.Sleep
	}
	return &Dev{dev: i2c.Dev{Bus: bus, Addr: addr}, sleep: sleep}
}

// String names the bus and the address.
func (d *Dev) String() string { return fmt.Sprintf("%s %#02x", d.dev.Bus, d.dev.Addr) }

// Halt does nothing: after a single shot the chip sleeps by itself.
func (d *Dev) Halt() error { return nil }

// Raw makes one conversion of an input, 0 to 3, which takes 9 ms, and returns it in units of 125 µV. Errors are
// device.ErrMissing and ErrPowerOn, wrapped; the chip has no checksum.
func (d *Dev) Raw(input int) (int64, error) {
	if input < 0 || input >= Inputs {
		return 0, fmt.Errorf("ads1115 %s: input %d: want 0 to %d", d, input, Inputs-1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	raw, err := d.convert(uint16(muxSingle | input<<muxShift | settings))
	if err != nil {
		return 0, fmt.Errorf("ads1115 %s: input %d: %w", d, input, err)
	}
	return int64(raw), nil
}

func (d *Dev) convert(config uint16) (int16, error) {
	w := binary.BigEndian.AppendUint16([]byte{configRegister}, config|start)
	if err := d.dev.Tx(w, nil); err != nil {
		return 0, fmt.Errorf("start a conversion: %w: %w", device.ErrMissing, err)
	}
	for range looks {
		d.sleep(conversion)
		now, err := d.register(configRegister)
		switch {
		case err != nil:
			return 0, err
		case now&start == 0: // converting still
		case now&^start == config:
			raw, err := d.register(conversionRegister)
			return int16(raw), err
		case now == powerOn: // a brown-out in between: what the conversion register holds is of no input that was asked for
			return 0, device.ErrPowerOn
		default:
			return 0, fmt.Errorf("%w: its settings read %#04x and were written %#04x, is it another chip?", device.ErrMissing, now, config)
		}
	}
	return 0, fmt.Errorf("%w: %w", device.ErrMissing, errBusy)
}

var errBusy = errors.New("a conversion does not end")

func (d *Dev) register(pointer byte) (uint16, error) {
	var r [2]byte
	if err := d.dev.Tx([]byte{pointer}, r[:]); err != nil {
		return 0, fmt.Errorf("read register %d: %w: %w", pointer, device.ErrMissing, err)
	}
	return binary.BigEndian.Uint16(r[:]), nil
}
