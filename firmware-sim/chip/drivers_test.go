package chip_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/contact"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/keypad"
	"meguri/edge/device/sht4x"
	"meguri/edge/device/strike"
	"meguri/edge/device/textline"
	"meguri/firmware-sim/chip"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	periph "periph.io/x/devices/v3/ds18b20"
)

// bubble runs a test on fake time with an open board.
func bubble(t *testing.T, fn func(t *testing.T, h *chip.Hardware, b *chip.Board)) {
	synctest.Test(t, func(t *testing.T) {
		h := chip.New(nil)
		b, err := h.Open(t.Context())
		require.NoError(t, err)
		fn(t, h, b)
		require.NoError(t, b.Close())
	})
}

func at(milliC int64) func() int64 { return func() int64 { return milliC } }

func TestDriverReadsEachProbeOfABus(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		want := map[uint64]int64{1: 4_000, 2: -18_500, 0x7b2c3d: 31_250}
		for serial, milliC := range want {
			h.OneWire("W1").Add(serial, at(milliC))
		}
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		found, err := bus.Search(false)
		require.NoError(t, err)
		require.Len(t, found, len(want))
		for _, a := range found {
			v, err := ds18b20.New(bus, a, nil).MilliC()
			require.NoError(t, err)
			require.Equal(t, want[uint64(a)>>8&0xFFFFFFFFFFFF], v)
		}
	})
}

func TestDriverIsExactToASixteenthOfADegree(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		var now int64
		p := h.OneWire("W1").Add(7, func() int64 { return now })
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		d := ds18b20.New(bus, p.Address(), nil)
		for now = -55_000; now <= 125_000; now += 777 {
			v, err := d.MilliC()
			require.NoError(t, err)
			require.InDelta(t, now, v, 32)
		}
	})
}

func TestPeriphsDriverReadsOurChipToo(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		p := h.OneWire("W1").Add(7, at(4_250))
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		require.NoError(t, periph.ConvertAll(bus, 12))
		d, err := periph.New(bus, p.Address(), 12)
		require.NoError(t, err)
		v, err := d.LastTemp()
		require.NoError(t, err)
		require.InDelta(t, 4.25, v.Celsius(), 0.001)
	})
}

func TestFaultsOfAProbeComeOutByName(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		milliC := int64(4_000)
		p := h.OneWire("W1").Add(7, func() int64 { return milliC })
		other := h.OneWire("W1").Add(8, at(5_000))
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		d := ds18b20.New(bus, p.Address(), nil)
		good := func() {
			t.Helper()
			v, err := d.MilliC()
			require.NoError(t, err)
			require.Equal(t, milliC, v)
		}
		bad := func(want error) {
			t.Helper()
			_, err := d.MilliC()
			require.ErrorIs(t, err, want)
		}
		good()
		p.SetMissing(true)
		bad(device.ErrMissing)
		other.SetMissing(true) // nobody left: no presence pulse
		bad(device.ErrMissing)
		other.SetMissing(false)
		p.SetMissing(false)
		good()
		p.Corrupt(-1)
		bad(device.ErrCRC)
		p.Corrupt(2) // the third try is right
		good()
		p.SetWeakSupply(true)
		bad(device.ErrPowerOn)
		p.SetWeakSupply(false)
		good()
		h.OneWire("W1").SetShort(true)
		bad(device.ErrMissing)
		h.OneWire("W1").SetShort(false)
		h.OneWire("W1").SetFault(errors.New("bus master is gone"))
		bad(device.ErrMissing)
		h.OneWire("W1").SetFault(nil)
		p.SetStuck(true)
		milliC = 9_000
		v, err := d.MilliC()
		require.NoError(t, err)
		require.Equal(t, int64(4_000), v)
	})
}

func TestAProbeThatIsReadTooSoonHoldsItsPowerOnValue(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		p := h.OneWire("W1").Add(7, at(4_000))
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		hasty := ds18b20.New(bus, p.Address(), func(time.Duration) {})
		_, err = hasty.MilliC()
		require.ErrorIs(t, err, device.ErrPowerOn)
	})
}

func TestAPowerCutBringsThePowerOnValueBack(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		p := h.OneWire("W1").Add(7, at(4_000))
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		_, err = ds18b20.New(bus, p.Address(), nil).MilliC()
		require.NoError(t, err)
		h.CutPower()
		_, err = ds18b20.New(bus, p.Address(), nil).MilliC()
		require.ErrorIs(t, err, chip.ErrClosed)
		_, err = h.Open(t.Context())
		require.ErrorIs(t, err, chip.ErrNoPower)
		h.RestorePower()
		again, err := h.Open(t.Context())
		require.NoError(t, err)
		defer again.Close()
		bus, err = again.OneWire("W1")
		require.NoError(t, err)
		_, err = ds18b20.New(bus, p.Address(), func(time.Duration) {}).MilliC()
		require.ErrorIs(t, err, device.ErrPowerOn)
		v, err := ds18b20.New(bus, p.Address(), nil).MilliC()
		require.NoError(t, err)
		require.Equal(t, int64(4_000), v)
	})
}

func TestDriverReadsTheHumiditySensorAndItsFaults(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		milliC := int64(-39_990)
		c := h.I2C("I2C1").AddSHT4x(sht4x.Address, 0x1234, func() int64 { return milliC }, at(61_000))
		bus, err := b.I2C("I2C1")
		require.NoError(t, err)
		d := sht4x.New(bus, sht4x.Address, nil)
		for ; milliC < 125_000; milliC += 777 {
			v, rh, err := d.Read()
			require.NoError(t, err)
			require.InDelta(t, milliC, v, 3)
			require.InDelta(t, 61_000, rh, 3)
		}
		bad := func(d *sht4x.Dev, want error) {
			t.Helper()
			_, err := d.MilliC()
			require.ErrorIs(t, err, want)
		}
		milliC = 4_000
		c.Corrupt(-1)
		bad(d, device.ErrCRC)
		c.Corrupt(2)
		_, err = d.MilliC()
		require.NoError(t, err)
		c.SetMissing(true)
		bad(d, device.ErrMissing)
		c.SetMissing(false)
		bad(sht4x.New(bus, 0x45, nil), device.ErrMissing)
		bad(sht4x.New(bus, sht4x.Address, func(time.Duration) {}), device.ErrMissing) // not ready: no acknowledge
		time.Sleep(10 * time.Millisecond)
		c.SetStuck(true)
		milliC = 9_000
		v, err := d.MilliC()
		require.NoError(t, err)
		require.InDelta(t, 4_000, v, 3)
		milliC = 128_000
		c.SetStuck(false)
		bad(d, device.ErrOutOfRange)
		h.I2C("I2C1").SetFault(errors.New("SDA is stuck"))
		bad(d, device.ErrMissing)
	})
}

func TestDriverFiresTheStrike(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		relay := h.Pin("RELAY")
		var levels []gpio.Level
		relay.OnChange(func(l gpio.Level) { levels = append(levels, l) })
		pin, err := b.Pin("RELAY")
		require.NoError(t, err)
		d, err := strike.New(pin, time.Second, nil)
		require.NoError(t, err)
		require.NoError(t, d.Fire())
		require.Equal(t, []gpio.Level{gpio.High, gpio.Low}, levels)
	})
}

func TestAProcessThatDiesWithinAPulseLetsTheRelayGo(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		pin, err := b.Pin(h.Pin("RELAY").Name())
		require.NoError(t, err)
		d, err := strike.New(pin, time.Hour, nil)
		require.Error(t, err, "too long")
		require.Nil(t, d)
		d, err = strike.New(pin, 10*time.Second, nil)
		require.NoError(t, err)
		fired := make(chan error)
		go func() { fired <- d.Fire() }()
		synctest.Wait()
		require.Equal(t, gpio.High, h.Pin("RELAY").Level())
		require.NoError(t, b.Close())
		require.Equal(t, gpio.Low, h.Pin("RELAY").Level())
		require.ErrorIs(t, <-fired, chip.ErrClosed)
	})
}

func TestDriverWatchesAContact(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		wire := h.Pin("DOOR")
		wire.Switch(true)
		pin, err := b.Pin("DOOR")
		require.NoError(t, err)
		d, err := contact.New(pin, 20*time.Millisecond)
		require.NoError(t, err)
		require.True(t, d.Closed())
		said := make(chan bool, 16)
		done := make(chan error)
		go func() { done <- d.Watch(t.Context(), func(closed bool) { said <- closed }) }()
		require.True(t, <-said)
		begun := time.Now()
		wire.Switch(false)
		require.False(t, <-said)
		require.Equal(t, 20*time.Millisecond, time.Since(begun), "an edge wakes at once")
		for range 5 { // bounces
			wire.Switch(true)
			wire.Switch(false)
		}
		wire.Switch(true)
		require.True(t, <-said)
		h.CutPower()
		wire.Switch(false)
		require.ErrorIs(t, <-done, chip.ErrClosed)
		require.Empty(t, said, "an agent without power sees nothing")
	})
}

func TestTheEndOfTheContextEndsAWatchAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		h.Pin("DOOR").Switch(true)
		pin, err := b.Pin("DOOR")
		require.NoError(t, err)
		d, err := contact.New(pin, 20*time.Millisecond)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Watch(ctx, func(bool) {}) }()
		time.Sleep(time.Second / 3)
		begun := time.Now()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Zero(t, time.Since(begun))
	})
}

func TestKeypadAndDisplayOfALock(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		lock := h.Stream("lock")
		require.ErrorIs(t, lock.Type("1"), chip.ErrNobody)
		s, err := b.Stream("lock")
		require.NoError(t, err)
		display := textline.New(s)
		var entered atomic.Int32
		done := make(chan error)
		go func() {
			done <- keypad.New(s, nil).Run(t.Context(), func(code string) {
				entered.Add(1)
				_ = display.Refuse("No such code here: " + code)
			})
		}()
		require.NoError(t, lock.Type("12*3456#"))
		line, err := lock.ReadLine(t.Context())
		require.NoError(t, err)
		require.Equal(t, "No such code here: 3456", line)
		require.Equal(t, line, lock.Last())
		require.Equal(t, uint64(1), lock.Beeps())
		require.NoError(t, b.Close())
		require.ErrorIs(t, <-done, chip.ErrClosed)
		require.Equal(t, int32(1), entered.Load())
	})
}
