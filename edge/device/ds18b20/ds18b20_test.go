package ds18b20_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/ds18b20"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/onewire"
	"periph.io/x/conn/v3/onewire/onewiretest"
)

const probe = onewire.Address(0x740000070e41ac28)

var rom = []byte{0x55, 0x28, 0xac, 0x41, 0x0e, 0x07, 0x00, 0x00, 0x74}

// pad is a scratchpad with the right CRC.
func pad(b ...byte) []byte { return append(b, onewire.CalcCRC(b)) }

func temp(lsb, msb byte) []byte { return pad(lsb, msb, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10) }

// reads plays one conversion and the scratchpads back.
func reads(t *testing.T, pads ...[]byte) (int64, time.Duration, error) {
	t.Helper()
	ops := []onewiretest.IO{{W: append(append([]byte{}, rom...), 0x44), Pull: onewire.StrongPullup}}
	for _, p := range pads {
		ops = append(ops, onewiretest.IO{W: append(append([]byte{}, rom...), 0xBE), R: p})
	}
	bus := &onewiretest.Playback{Ops: ops, DontPanic: true}
	var slept time.Duration
	d := ds18b20.New(bus, probe, func(s time.Duration) { slept += s })
	v, err := d.MilliC()
	require.NoError(t, bus.Close(), "all that was to be said was said")
	return v, slept, err
}

func TestTemperaturesOfTheDataSheet(t *testing.T) {
	for _, c := range []struct {
		lsb, msb byte
		want     int64
	}{ // Table 1, "Temperature/Data Relationship", without 85 °C
		{0xD0, 0x07, 125_000}, {0x91, 0x01, 25_062}, {0xA2, 0x00, 10_125}, {0x08, 0x00, 500},
		{0x00, 0x00, 0}, {0xF8, 0xFF, -500}, {0x5E, 0xFF, -10_125}, {0x6F, 0xFE, -25_062}, {0x90, 0xFC, -55_000},
	} {
		v, slept, err := reads(t, temp(c.lsb, c.msb))
		require.NoError(t, err)
		require.Equal(t, c.want, v)
		require.GreaterOrEqual(t, slept, 750*time.Millisecond)
	}
}

func TestLowBitsAtALowerResolutionMeanNothing(t *testing.T) {
	v, _, err := reads(t, pad(0x97, 0x01, 0x4B, 0x46, 0x1F, 0xFF, 0x0C, 0x10)) // 9 bits
	require.NoError(t, err)
	require.Equal(t, int64(25_000), v)
}

func TestFaultsHaveNames(t *testing.T) {
	high := []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	broken := temp(0x91, 0x01)
	broken[0] ^= 1
	config := pad(0x91, 0x01, 0x4B, 0x46, 0x00, 0xFF, 0x0C, 0x10)
	for name, c := range map[string]struct {
		pads [][]byte
		want error
	}{
		"nobody answers":              {[][]byte{high}, device.ErrMissing},
		"line shorted to ground":      {[][]byte{make([]byte, 9)}, device.ErrMissing},
		"power-on value":              {[][]byte{temp(0x50, 0x05)}, device.ErrPowerOn},
		"wrong checksum, three times": {[][]byte{broken, broken, broken}, device.ErrCRC},
		"impossible configuration":    {[][]byte{config, config, config}, device.ErrCRC},
		"above what it can measure":   {[][]byte{temp(0xE0, 0x07)}, device.ErrOutOfRange},
		"below what it can measure":   {[][]byte{temp(0x80, 0xFC)}, device.ErrOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			v, _, err := reads(t, c.pads...)
			require.ErrorIs(t, err, c.want)
			require.Zero(t, v)
		})
	}
}

func TestAWrongChecksumIsReadAgain(t *testing.T) {
	broken := temp(0x91, 0x01)
	broken[1] ^= 0x80
	v, _, err := reads(t, broken, temp(0x91, 0x01))
	require.NoError(t, err)
	require.Equal(t, int64(25_062), v)
}

func TestABusThatFailsIsAMissingProbe(t *testing.T) {
	d := ds18b20.New(&onewiretest.Playback{DontPanic: true}, probe, func(time.Duration) {})
	_, err := d.MilliC()
	require.ErrorIs(t, err, device.ErrMissing)
	require.ErrorContains(t, err, "28-0000070e41ac")
}

func TestAnotherFamilyIsNotRead(t *testing.T) {
	d := ds18b20.New(&onewiretest.Playback{DontPanic: true}, 0x740000070e41ac10, nil)
	_, err := d.MilliC()
	require.ErrorIs(t, err, device.ErrMissing)
	require.NoError(t, d.Halt())
}

func TestAddressesAreWrittenAsLinuxDoes(t *testing.T) {
	a, err := ds18b20.ParseAddress("28-0000070e41ac")
	require.NoError(t, err)
	require.Equal(t, probe, a)
	require.Equal(t, "28-0000070e41ac", ds18b20.FormatAddress(a))
	for _, bad := range []string{"", "28", "28-", "10-0000070e41ac", "28-0000070e41zz", "28-0000070e41acff", "2-80000070e41ac"} {
		_, err := ds18b20.ParseAddress(bad)
		require.Error(t, err, bad)
	}
}

// bus answers every read with the same bytes.
type bus struct{ answer []byte }

func (b bus) String() string { return "fuzz" }
func (b bus) Tx(_, r []byte, _ onewire.Pullup) error {
	copy(r, b.answer)
	return nil
}
func (b bus) Search(bool) ([]onewire.Address, error) { return nil, errors.New("none") }

func FuzzScratchpad(f *testing.F) {
	f.Add(temp(0x91, 0x01))
	f.Add(temp(0x50, 0x05))
	f.Add(make([]byte, 9))
	f.Fuzz(func(t *testing.T, answer []byte) {
		v, err := ds18b20.New(bus{answer}, probe, func(time.Duration) {}).MilliC()
		if err != nil {
			require.Zero(t, v)
			return
		}
		require.True(t, v >= -55_000 && v <= 125_000 && v != 85_000, v)
	})
}

// An address that is read is written as it was read.
func FuzzAddress(f *testing.F) {
	f.Add("28-0000071b2c3d")
	f.Add("28-")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ds18b20.ParseAddress(text)
		if err != nil {
			return
		}
		require.Equal(t, strings.ToLower(text), ds18b20.FormatAddress(a))
		var rom [8]byte
		binary.LittleEndian.PutUint64(rom[:], uint64(a))
		require.True(t, onewire.CheckCRC(rom[:]))
	})
}
