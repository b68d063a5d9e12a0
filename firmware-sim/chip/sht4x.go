package chip

import (
	"encoding/binary"
	"time"
)

// AddSHT4x puts a sensor at an address, 0x44 as a rule. milliC and milliRH are its surroundings in thousandths of a degree and
// of a percent; they are asked once for each measurement, and must not use the bus.
func (i *I2C) AddSHT4x(addr uint16, serial uint32, milliC, milliRH func() int64) *SHT4x {
	c := &SHT4x{bus: i, serial: serial, milliC: milliC, milliRH: milliRH}
	i.add(addr, c)
	return c
}

// SHT4x is a temperature and humidity sensor on an I2C bus. Its methods are for the world.
type SHT4x struct {
	bus             *I2C // its mutex guards all below
	serial          uint32
	milliC, milliRH func() int64

	answer []byte    // to be read
	busy   time.Time // until then it does not acknowledge

	missing bool
	stuck   bool
	corrupt int
	last    [2]uint16
	any     bool // last holds a measurement
}

// SetMissing pulls the sensor off the bus, or puts it back.
func (c *SHT4x) SetMissing(missing bool) {
	c.set(func() {
		c.missing = missing
		c.reset()
	})
}

// SetStuck makes measurements repeat the old value, or ends that.
func (c *SHT4x) SetStuck(stuck bool) { c.set(func() { c.stuck = stuck }) }

// Corrupt turns a bit over in each of the next n answers; for ever when n is negative, no longer when 0.
func (c *SHT4x) Corrupt(n int) { c.set(func() { c.corrupt = n }) }

// Reset is a brown-out: a measurement that was under way is gone, and reading it is not acknowledged.
func (c *SHT4x) Reset() { c.set(c.reset) }

func (c *SHT4x) set(do func()) {
	c.bus.mu.Lock()
	defer c.bus.mu.Unlock()
	do()
}

func (c *SHT4x) reset() { c.answer, c.busy = nil, time.Time{} }

// tx says whether the chip acknowledged (data sheet SHT4x, sections 4.3 to 4.9).
func (c *SHT4x) tx(w, r []byte, now time.Time) bool {
	if c.missing || now.Before(c.busy) {
		return false
	}
	if len(w) > 0 && !c.command(w[0], now) {
		return false
	}
	if len(r) == 0 {
		return true
	}
	if c.answer == nil || now.Before(c.busy) {
		return false
	}
	n := copy(r, c.answer)
	for i := n; i < len(r); i++ {
		r[i] = 0xFF
	}
	c.answer = nil
	return true
}

// command obeys one of the commands of section 4.5; heater commands are not simulated. Times are the longest of section 3.1.
func (c *SHT4x) command(b byte, now time.Time) bool {
	switch b {
	case 0xFD:
		c.measure(now, 8300*time.Microsecond)
	case 0xF6:
		c.measure(now, 4500*time.Microsecond)
	case 0xE0:
		c.measure(now, 1600*time.Microsecond)
	case 0x89:
		c.reply(uint16(c.serial>>16), uint16(c.serial))
	case 0x94:
		c.reset()
		c.busy = now.Add(time.Millisecond)
	default:
		return false
	}
	return true
}

func (c *SHT4x) measure(now time.Time, span time.Duration) {
	if !c.stuck || !c.any {
		t := min(max(c.milliC(), -45_000), 130_000)
		h := min(max(c.milliRH(), -6_000), 119_000)
		c.last = [2]uint16{scale(t+45_000, 175_000), scale(h+6_000, 125_000)}
		c.any = true
	}
	c.reply(c.last[0], c.last[1])
	c.busy = now.Add(span)
}

func scale(v, full int64) uint16 { return uint16((v*0xFFFF + full/2) / full) }

func (c *SHT4x) reply(words ...uint16) {
	c.answer = nil
	for _, v := range words {
		w := binary.BigEndian.AppendUint16(nil, v)
		c.answer = append(c.answer, w[0], w[1], crc8(w))
	}
	if c.corrupt != 0 {
		c.answer[0] ^= 0x10
		c.corrupt = max(c.corrupt-1, -1)
	}
}

// crc8 is written apart from the driver's, so that one mistake does not hide another: bit by bit over the word, section 4.4.
func crc8(word []byte) byte {
	reg := uint16(0xFF)
	for _, b := range word {
		for bit := 7; bit >= 0; bit-- {
			in := uint16(b>>bit) & 1
			top := reg >> 7 & 1
			reg = reg << 1 & 0xFF
			if top != in {
				reg ^= 0x31
			}
		}
	}
	return byte(reg)
}
