package thermistor_test

import (
	"errors"
	"math"
	"testing"

	"meguri/edge/device"
	"meguri/edge/device/thermistor"

	"github.com/stretchr/testify/require"
)

// inputs is a converter whose inputs stand at these levels; a missing one fails.
type inputs map[int]int64

func (i inputs) String() string { return "adc" }
func (i inputs) Raw(input int) (int64, error) {
	raw, ok := i[input]
	if !ok {
		return 0, errors.Join(device.ErrMissing, errors.New("no acknowledge"))
	}
	return raw, nil
}

// parts is a Vishay NTCLE100E3103 (10 kΩ, B25/85 3977 K) with 10 kΩ in series.
var parts = thermistor.Parameters{Input: 0, Supply: 3, SeriesOhm: 10_000, R25Ohm: 10_000, BetaK: 3977}

func read(t *testing.T, p thermistor.Parameters, i inputs) (int64, error) {
	t.Helper()
	d, err := thermistor.New(i, p)
	require.NoError(t, err)
	require.NoError(t, d.Halt())
	return d.MilliC()
}

// table is of the same thermistor, from lines of its table around the temperatures of a fridge.
var table = thermistor.Parameters{Input: 0, Supply: 3, SeriesOhm: 10_000,
	Table: [3]thermistor.Point{{MilliC: 0, Ohm: 32_650}, {MilliC: 25_000, Ohm: 10_000}, {MilliC: 40_000, Ohm: 5_327}}}

// By the Beta equation a thermistor is exact at 25 °C and off by 0.7 °C at 0 °C. By three lines of its table it is good to a
// twentieth of a degree between them.
func TestTheMakersTableIsMet(t *testing.T) {
	for _, c := range []struct{ milliC, ohm, beta, table int64 }{
		{0, 32_650, 750, 2}, {5_000, 25_390, 600, 50}, {10_000, 19_900, 500, 50}, {25_000, 10_000, 2, 2}, {40_000, 5_327, 300, 2},
	} {
		supply := int64(26_400) // 3.3 V
		at := int64(math.Round(float64(supply) * float64(c.ohm) / float64(c.ohm+10_000)))
		for p, within := range map[thermistor.Parameters]int64{parts: c.beta, table: c.table} {
			got, err := read(t, p, inputs{0: at, 3: supply})
			require.NoError(t, err)
			require.InDelta(t, c.milliC, got, float64(within))
			low, err := read(t, p, inputs{0: at / 2, 3: supply / 2})
			require.NoError(t, err)
			require.InDelta(t, got, low, 30, "another supply changes nothing")
		}
	}
}

func TestFaultsHaveNames(t *testing.T) {
	for name, c := range map[string]struct {
		in   inputs
		want error
	}{
		"a cut wire":          {inputs{0: 26_395, 3: 26_400}, device.ErrOpen},
		"above the supply":    {inputs{0: 26_405, 3: 26_400}, device.ErrOpen},
		"shorted":             {inputs{0: 3, 3: 26_400}, device.ErrShorted},
		"a little below 0 V":  {inputs{0: -2, 3: 26_400}, device.ErrShorted},
		"no supply":           {inputs{0: 0, 3: 40}, device.ErrMissing},
		"too hot":             {inputs{0: 200, 3: 26_400}, device.ErrOutOfRange},
		"too cold":            {inputs{0: 26_200, 3: 26_400}, device.ErrOutOfRange},
		"no converter":        {inputs{}, device.ErrMissing},
		"the supply's answer": {inputs{0: 13_200}, device.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := read(t, parts, c.in)
			require.ErrorIs(t, err, c.want)
			require.Zero(t, v)
		})
	}
}

func TestPartsThatCannotBeAreRefused(t *testing.T) {
	for name, p := range map[string]thermistor.Parameters{
		"the same input": {Input: 1, Supply: 1, SeriesOhm: 1, R25Ohm: 1, BetaK: 3977}, "a fifth input": {Input: 4, SeriesOhm: 1, R25Ohm: 1, BetaK: 3977},
		"no resistor": {Supply: 3, R25Ohm: 1, BetaK: 3977}, "no thermistor": {Supply: 3, SeriesOhm: 1, BetaK: 3977}, "no beta": {Supply: 3, SeriesOhm: 1, R25Ohm: 1},
	} {
		_, err := thermistor.New(inputs{}, p)
		require.Error(t, err, name)
	}
	both, backwards := table, table
	both.BetaK = 3977
	backwards.Table[1].Ohm = 40_000
	_, err := thermistor.New(inputs{}, both)
	require.ErrorContains(t, err, "not both")
	_, err = thermistor.New(inputs{}, backwards)
	require.ErrorContains(t, err, "table[1]")
}

// Whatever a converter reads and the kit says, there is a number within the range or a named fault.
func FuzzReading(f *testing.F) {
	f.Add(int64(13_200), int64(26_400), int64(10_000), int64(10_000), int64(3977))
	f.Add(int64(-32768), int64(32767), int64(1), int64(10_000_000), int64(1000))
	f.Fuzz(func(t *testing.T, at, supply, series, r25, beta int64) {
		p := thermistor.Parameters{Supply: 3, SeriesOhm: series, R25Ohm: r25, BetaK: beta}
		d, err := thermistor.New(inputs{0: int64(int16(at)), 3: int64(int16(supply))}, p)
		if err != nil {
			return
		}
		v, err := d.MilliC()
		if err != nil {
			require.Zero(t, v)
			return
		}
		require.True(t, v >= -40_000 && v <= 125_000, v)
	})
}
