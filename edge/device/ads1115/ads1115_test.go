package ads1115_test

import (
	"testing"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/ads1115"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

// plays reads AIN1 over a bus on which exactly this is said.
func plays(t *testing.T, ops ...i2ctest.IO) (int64, time.Duration, error) {
	t.Helper()
	for i := range ops {
		ops[i].Addr = ads1115.Address
	}
	bus := &i2ctest.Playback{Ops: ops, DontPanic: true}
	var slept time.Duration
	raw, err := ads1115.New(bus, ads1115.Address, func(d time.Duration) { slept += d }).Raw(1)
	require.NoError(t, bus.Close(), "all that was to be said was said")
	return raw, slept, err
}

// begin starts a single shot of AIN1 at ±4.096 V and 128 samples a second, comparator off.
var begin = i2ctest.IO{W: []byte{1, 0xD3, 0x83}}

func status(hi, lo byte) i2ctest.IO { return i2ctest.IO{W: []byte{1}, R: []byte{hi, lo}} }
func result(hi, lo byte) i2ctest.IO { return i2ctest.IO{W: []byte{0}, R: []byte{hi, lo}} }

func TestAConversionIsReadWhenItHasEnded(t *testing.T) {
	raw, slept, err := plays(t, begin, status(0xD3, 0x83), result(0x12, 0x34))
	require.NoError(t, err)
	require.Equal(t, int64(0x1234), raw)
	require.GreaterOrEqual(t, slept, 8600*time.Microsecond, "the slowest chip's 1/128 s")
	raw, slept, err = plays(t, begin, status(0x53, 0x83), status(0xD3, 0x83), result(0xFF, 0xFE))
	require.NoError(t, err)
	require.Equal(t, int64(-2), raw)
	require.GreaterOrEqual(t, slept, 17*time.Millisecond)
}

func TestFaultsHaveNames(t *testing.T) {
	for name, c := range map[string]struct {
		ops  []i2ctest.IO
		want error
	}{
		"nobody answers":              {nil, device.ErrMissing},
		"gone after the start":        {[]i2ctest.IO{begin}, device.ErrMissing},
		"gone after the conversion":   {[]i2ctest.IO{begin, status(0xD3, 0x83)}, device.ErrMissing},
		"brown-out in the conversion": {[]i2ctest.IO{begin, status(0x85, 0x83)}, device.ErrPowerOn},
		"another chip":                {[]i2ctest.IO{begin, status(0x90, 0xA0)}, device.ErrMissing},
		"never ready":                 {[]i2ctest.IO{begin, status(0x53, 0x83), status(0x53, 0x83), status(0x53, 0x83)}, device.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			raw, _, err := plays(t, c.ops...)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, "0x48")
			require.Zero(t, raw)
		})
	}
}

func TestThereIsNoFifthInput(t *testing.T) {
	d := ads1115.New(&i2ctest.Playback{DontPanic: true}, ads1115.Address, nil)
	for _, input := range []int{-1, 4} {
		_, err := d.Raw(input)
		require.ErrorContains(t, err, "want 0 to 3")
	}
	require.NoError(t, d.Halt())
}

// bus answers reads with the bytes of a fuzzer.
type bus struct{ answer []byte }

func (b *bus) String() string                  { return "fuzz" }
func (b *bus) SetSpeed(physic.Frequency) error { return nil }
func (b *bus) Tx(_ uint16, _, r []byte) error {
	b.answer = b.answer[copy(r, b.answer):]
	return nil
}

// Whatever the registers say, a driver ends and gives a number of 16 bits or an error.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte{0xD3, 0x83, 0x12, 0x34})
	f.Add([]byte{0x53, 0x83, 0x85, 0x83})
	f.Fuzz(func(t *testing.T, answer []byte) {
		raw, err := ads1115.New(&bus{answer}, ads1115.Address, func(time.Duration) {}).Raw(1)
		require.True(t, raw >= -1<<15 && raw < 1<<15 && (err == nil || raw == 0), "%d %v", raw, err)
	})
}
