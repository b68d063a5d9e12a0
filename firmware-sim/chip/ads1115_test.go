package chip_test

import (
	"testing"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/ads1115"
	"meguri/edge/device/sht4x"
	"meguri/edge/device/thermistor"
	"meguri/firmware-sim/chip"

	"github.com/stretchr/testify/require"
)

// ntc is a 10 kΩ thermistor at AIN0 with 10 kΩ in series to 3.3 V, which AIN3 measures.
var ntc = thermistor.Parameters{Input: 0, Supply: 3, SeriesOhm: 10_000, R25Ohm: 10_000, BetaK: 3977}

// solder puts it on a bus.
func solder(h *chip.Hardware, ohm func() int64) *chip.ADS1115 {
	c := h.I2C("I2C1").AddADS1115(ads1115.Address)
	c.Wire(0, chip.Divider{SupplyMicroV: 3_300_000, SeriesOhm: 10_000, Ohm: ohm}.MicroV)
	c.Wire(3, at(3_300_000))
	return c
}

func TestDriverReadsAThermistor(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		var milliC int64
		solder(h, chip.NTC(10_000, 3977, func() int64 { return milliC }))
		bus, err := b.I2C("I2C1")
		require.NoError(t, err)
		d, err := thermistor.New(ads1115.New(bus, ads1115.Address, nil), ntc)
		require.NoError(t, err)
		for milliC = -20_000; milliC <= 60_000; milliC += 777 {
			v, err := d.MilliC()
			require.NoError(t, err)
			require.InDelta(t, milliC, v, 25)
		}
	})
}

func TestFaultsOfAThermistorComeOutByName(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		ohm := int64(30_000)
		c := solder(h, func() int64 { return ohm })
		bus, err := b.I2C("I2C1")
		require.NoError(t, err)
		d, err := thermistor.New(ads1115.New(bus, ads1115.Address, nil), ntc)
		require.NoError(t, err)
		is := func(want error) {
			t.Helper()
			_, err := d.MilliC()
			require.ErrorIs(t, err, want)
		}
		is(nil)
		ohm = -1
		is(device.ErrOpen)
		ohm = 0
		is(device.ErrShorted)
		ohm = 30_000
		c.SetWeakSupply(true)
		is(device.ErrPowerOn)
		c.SetWeakSupply(false)
		is(nil)
		c.SetMissing(true)
		is(device.ErrMissing)
		c.SetMissing(false)
		is(nil)
		c.Wire(3, nil)
		is(device.ErrMissing)
	})
}

// The registers behave as the data sheet says, whoever asks.
func TestConverterRegisters(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		c := h.I2C("I2C1").AddADS1115(0x48)
		c.Wire(1, at(1_000_000))
		bus, err := b.I2C("I2C1")
		require.NoError(t, err)
		read := func(reg byte) (v uint16) {
			t.Helper()
			var r [2]byte
			require.NoError(t, bus.Tx(0x48, []byte{reg}, r[:]))
			return uint16(r[0])<<8 | uint16(r[1])
		}
		require.Equal(t, uint16(0x8583), read(1), "the reset value")
		require.NoError(t, bus.Tx(0x48, []byte{1, 0xD3, 0x83}, nil))
		require.Equal(t, uint16(0x5383), read(1), "a conversion runs")
		require.Zero(t, read(0))
		time.Sleep(8 * time.Millisecond)
		require.Equal(t, uint16(0xD383), read(1))
		require.Equal(t, uint16(8000), read(0), "1 V at ±4.096 V")
		require.NoError(t, bus.Tx(0x48, []byte{1, 0x54, 0x83}, nil)) // AIN1, ±2.048 V, continuous
		require.Equal(t, uint16(16000), read(0))
		c.Wire(1, at(-9_000_000))
		require.Equal(t, uint16(0x8000), read(0), "no further than the scale")
		c.Reset()
		require.Equal(t, uint16(0x8583), read(1))
	})
}

// Whatever an agent writes to the addresses of a bus, chips answer or do not, and end.
func FuzzI2C(f *testing.F) {
	f.Add([]byte{0x48, 3, 2, 1, 0xD3, 0x83, 0x44, 1, 6, 0xFD})
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(0, 0)
		h := chip.New(func() time.Time { return now })
		h.I2C("I2C1").AddADS1115(0x48).Wire(0, at(1_000_000))
		h.I2C("I2C1").AddSHT4x(0x44, 1, at(4_000), at(50_000))
		board, err := h.Open(t.Context())
		require.NoError(t, err)
		bus, err := board.I2C("I2C1")
		require.NoError(t, err)
		for len(b) >= 3 { // address, bytes to write, bytes to read, what to write
			n := min(int(b[1]), len(b)-3)
			_ = bus.Tx(uint16(b[0]), b[3:3+n], make([]byte, b[2]))
			now = now.Add(time.Duration(b[2]) * time.Millisecond)
			b = b[3+n:]
		}
		require.NoError(t, board.Close())
	})
}

// A brown-out loses a measurement that was under way: nothing old is read in its place.
func TestABrownOutOfASensorIsNoOldValue(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		c := h.I2C("I2C1").AddSHT4x(sht4x.Address, 1, at(4_000), at(50_000))
		bus, err := b.I2C("I2C1")
		require.NoError(t, err)
		d := sht4x.New(bus, sht4x.Address, func(d time.Duration) {
			time.Sleep(d)
			c.Reset()
		})
		_, err = d.MilliC()
		require.ErrorIs(t, err, device.ErrMissing)
	})
}
