package sht4x_test

import (
	"testing"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/sht4x"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

func answer(t, h uint16) []byte {
	tw, hw := []byte{byte(t >> 8), byte(t)}, []byte{byte(h >> 8), byte(h)}
	return append(append(tw, sht4x.CRC(tw)), append(hw, sht4x.CRC(hw))...)
}

func read(t *testing.T, answers ...[]byte) (milliC, milliRH int64, err error) {
	t.Helper()
	var ops []i2ctest.IO
	for _, a := range answers {
		ops = append(ops, i2ctest.IO{Addr: 0x44, W: []byte{0xFD}}, i2ctest.IO{Addr: 0x44, R: a})
	}
	bus := &i2ctest.Playback{Ops: ops, DontPanic: true}
	var slept time.Duration
	milliC, milliRH, err = sht4x.New(bus, sht4x.Address, func(d time.Duration) { slept += d }).Read()
	require.NoError(t, bus.Close())
	require.GreaterOrEqual(t, slept, time.Duration(len(answers))*8300*time.Microsecond)
	return milliC, milliRH, err
}

func TestChecksumOfTheDataSheet(t *testing.T) {
	require.Equal(t, byte(0x92), sht4x.CRC([]byte{0xBE, 0xEF})) // section 4.4
}

func TestConversion(t *testing.T) {
	for _, c := range []struct {
		t, h            uint16
		milliC, milliRH int64
	}{
		{0x6666, 0x8000, 25_000, 56_500},
		{0x41D4, 0x0000, 0, 0},             // humidity below 0 is cut off
		{0xF8AE, 0xFFFF, 124_998, 100_000}, // and above 100 too
	} {
		milliC, milliRH, err := read(t, answer(c.t, c.h))
		require.NoError(t, err)
		require.InDelta(t, c.milliC, milliC, 2)
		require.InDelta(t, c.milliRH, milliRH, 1)
	}
}

func TestFaultsHaveNames(t *testing.T) {
	badT, badH := answer(0x6666, 0x8000), answer(0x6666, 0x8000)
	badT[0] ^= 1
	badH[4] ^= 1
	for name, c := range map[string]struct {
		answers [][]byte
		want    error
	}{
		"temperature's checksum, three times": {[][]byte{badT, badT, badT}, device.ErrCRC},
		"humidity's checksum, three times":    {[][]byte{badH, badT, badH}, device.ErrCRC},
		"line stays low":                      {[][]byte{make([]byte, 6), make([]byte, 6), make([]byte, 6)}, device.ErrCRC},
		"element at the low end":              {[][]byte{answer(0, 0x8000)}, device.ErrOutOfRange},
		"element at the high end":             {[][]byte{answer(0xFFFF, 0x8000)}, device.ErrOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			milliC, milliRH, err := read(t, c.answers...)
			require.ErrorIs(t, err, c.want)
			require.Zero(t, milliC)
			require.Zero(t, milliRH)
		})
	}
}

func TestAWrongChecksumIsMeasuredAgain(t *testing.T) {
	bad := answer(0x6666, 0x8000)
	bad[2] ^= 1
	milliC, _, err := read(t, bad, answer(0x6666, 0x8000))
	require.NoError(t, err)
	require.InDelta(t, 25_000, milliC, 2)
}

func TestNoAcknowledgeIsAMissingSensor(t *testing.T) {
	d := sht4x.New(&i2ctest.Playback{DontPanic: true}, 0x45, func(time.Duration) {})
	_, err := d.MilliC()
	require.ErrorIs(t, err, device.ErrMissing)
	require.ErrorContains(t, err, "0x45")
	require.NoError(t, d.Halt())
}

type bus struct{ answer []byte }

func (b bus) String() string { return "fuzz" }
func (b bus) Tx(_ uint16, _, r []byte) error {
	copy(r, b.answer)
	return nil
}
func (b bus) SetSpeed(physic.Frequency) error { return nil }

func FuzzAnswer(f *testing.F) {
	f.Add(answer(0x6666, 0x8000))
	f.Add(answer(0, 0xFFFF))
	f.Fuzz(func(t *testing.T, b []byte) {
		milliC, milliRH, err := sht4x.New(bus{b}, sht4x.Address, func(time.Duration) {}).Read()
		if err != nil {
			require.Zero(t, milliC)
			return
		}
		require.True(t, milliC >= -40_000 && milliC <= 125_000, milliC)
		require.True(t, milliRH >= 0 && milliRH <= 100_000, milliRH)
	})
}
