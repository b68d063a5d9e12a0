package chip

import (
	"encoding/binary"
	"math"
	"time"
)

// Registers of an ADS1115, as in the data sheet SBAS444D.
const (
	adsConversion = 0
	adsConfig     = 1
	adsRegisters  = 4 // with both thresholds of the comparator, which does nothing here

	adsOS     = 0x8000 // written: start; read: no conversion runs
	adsSingle = 0x0100 // MODE
	adsReset  = 0x8583
)

var (
	// adsFullScale is the range of each PGA setting in microvolts.
	adsFullScale = [8]int64{6_144_000, 4_096_000, 2_048_000, 1_024_000, 512_000, 256_000, 256_000, 256_000}
	adsRate      = [8]int64{8, 16, 32, 64, 128, 250, 475, 860} // samples a second
	// adsMux are the inputs of each MUX setting, plus and minus; -1 is ground.
	adsMux = [8][2]int{{0, 1}, {0, 3}, {1, 3}, {2, 3}, {0, -1}, {1, -1}, {2, -1}, {3, -1}}
)

// ADS1115 is a converter with four inputs on an I2C bus. Its methods are for the world.
type ADS1115 struct {
	bus    *I2C // its mutex guards all below
	inputs [4]func() int64

	pointer byte
	regs    [adsRegisters]uint16
	pending int16     // result of the conversion that runs
	ready   time.Time // when it is done; zero when none runs

	missing bool
	stuck   bool
	weak    bool
}

// AddADS1115 puts a converter at an address, 0x48 as a rule. Its inputs lie at ground.
func (i *I2C) AddADS1115(addr uint16) *ADS1115 {
	c := &ADS1115{bus: i}
	c.reset()
	i.add(addr, c)
	return c
}

// Wire puts a voltage at an input, 0 to 3, in microvolts against ground; it is asked once for each conversion, and must not use
// the bus. Nil is ground.
func (c *ADS1115) Wire(input int, microV func() int64) { c.set(func() { c.inputs[input] = microV }) }

// SetMissing pulls the chip off the bus, or puts it back, which powers it up.
func (c *ADS1115) SetMissing(missing bool) {
	c.set(func() {
		c.missing = missing
		c.reset()
	})
}

// SetStuck makes conversions leave the old value, or ends that.
func (c *ADS1115) SetStuck(stuck bool) { c.set(func() { c.stuck = stuck }) }

// SetWeakSupply makes every conversion end in a brown-out, or ends that.
func (c *ADS1115) SetWeakSupply(weak bool) { c.set(func() { c.weak = weak }) }

// Reset is a brown-out: the settings are those of a chip that has just been switched on.
func (c *ADS1115) Reset() { c.set(c.reset) }

func (c *ADS1115) set(do func()) {
	c.bus.mu.Lock()
	defer c.bus.mu.Unlock()
	do()
}

func (c *ADS1115) reset() {
	c.pointer, c.ready = 0, time.Time{}
	c.regs = [adsRegisters]uint16{0, adsReset, 0x8000, 0x7FFF}
}

func (c *ADS1115) tx(w, r []byte, now time.Time) bool {
	if c.missing {
		return false
	}
	c.settle(now)
	if len(w) > 0 {
		c.pointer = w[0] & 3
	}
	if len(w) >= 3 {
		c.write(binary.BigEndian.Uint16(w[1:3]), now)
	}
	if len(r) > 0 {
		word := binary.BigEndian.AppendUint16(nil, c.read(now))
		for i := range r {
			r[i] = 0xFF
		}
		copy(r, word)
	}
	return true
}

func (c *ADS1115) write(v uint16, now time.Time) {
	switch c.pointer {
	case adsConversion: // read only
	case adsConfig:
		c.regs[adsConfig] = v &^ adsOS
		if v&adsOS != 0 && v&adsSingle != 0 {
			c.pending = c.convert()
			c.ready = now.Add(time.Second/time.Duration(adsRate[v>>5&7]) + 25*time.Microsecond)
		}
	default:
		c.regs[c.pointer] = v
	}
}

func (c *ADS1115) read(time.Time) uint16 {
	config := c.regs[adsConfig]
	switch {
	case c.pointer == adsConfig && c.ready.IsZero():
		return config | adsOS
	case c.pointer == adsConversion && config&adsSingle == 0 && !c.stuck: // converts all the time
		c.regs[adsConversion] = uint16(c.convert())
	}
	return c.regs[c.pointer]
}

// settle ends a conversion whose time has come.
func (c *ADS1115) settle(now time.Time) {
	if c.ready.IsZero() || now.Before(c.ready) {
		return
	}
	c.ready = time.Time{}
	switch {
	case c.weak:
		c.reset()
	case !c.stuck:
		c.regs[adsConversion] = uint16(c.pending)
	}
}

func (c *ADS1115) convert() int16 {
	config := c.regs[adsConfig]
	inputs := adsMux[config>>12&7]
	full := adsFullScale[config>>9&7]
	raw := ((c.microV(inputs[0])-c.microV(inputs[1]))*0x8000 + full/2) / full
	return int16(min(max(raw, math.MinInt16), math.MaxInt16))
}

func (c *ADS1115) microV(input int) int64 {
	if input < 0 || c.inputs[input] == nil {
		return 0
	}
	return c.inputs[input]()
}

// Divider is the voltage at a thermistor that lies between a resistor to the supply, in microvolts, and ground.
type Divider struct {
	SupplyMicroV, SeriesOhm int64
	Ohm                     func() int64 // of the thermistor: 0 is a short, negative a cut wire
}

// MicroV is what an input is wired to.
func (d Divider) MicroV() int64 {
	switch ohm := d.Ohm(); {
	case ohm < 0:
		return d.SupplyMicroV
	case ohm == 0:
		return 0
	default:
		return d.SupplyMicroV * ohm / (d.SeriesOhm + ohm)
	}
}

// NTC is the resistance of a thermistor by the Beta equation, from its temperature in thousandths of a degree.
func NTC(r25Ohm, betaK int64, milliC func() int64) func() int64 {
	return func() int64 {
		t := float64(milliC())/1000 + 273.15
		return int64(math.Round(float64(r25Ohm) * math.Exp(float64(betaK)*(1/t-1/298.15))))
	}
}
