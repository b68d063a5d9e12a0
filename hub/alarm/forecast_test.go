package alarm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cabinet is the fridge of firmware-sim/world (Cabinet) without supply: 3 kJ/K of air and 20 kJ/K of liner 40 W/K apart, behind
// walls of 1.6 W/K; goods of 3.5 J/gK exchange 7.5 W/m²K over the surface of a cube.
type cabinet struct{ air, liner, goods, goodsJK, goodsWK float64 }

func (c *cabinet) second(ambient float64) {
	toLiner, toGoods := 40*(c.air-c.liner), c.goodsWK*(c.air-c.goods)
	c.air += (1.6*(ambient-c.air) - toLiner - toGoods) / 3000
	c.liner += toLiner / 20000
	if c.goodsJK > 0 {
		c.goods += toGoods / c.goodsJK
	}
}

// warm gives a sample a minute until the limit is reached, and when that is.
func (c *cabinet) warm(ambient, limit float64) (samples []Sample, reached time.Time) {
	for s := 0; ; s++ {
		if s%60 == 0 {
			samples = append(samples, Sample{t0.Add(time.Duration(s) * time.Second), int64(c.air * 1000)})
		}
		if c.air >= limit {
			return samples, t0.Add(time.Duration(s) * time.Second)
		}
		c.second(ambient)
	}
}

// Against the physics of the simulator: never more than three minutes too late; too early, where goods are slower than
// the air, by two thirds of what is left after a quarter of an hour and by half after half an hour.
func TestTheForecastOfAFridgeWithoutSupplyErrsToTheEarlySide(t *testing.T) {
	for name, c := range map[string]struct {
		start         cabinet
		ambient, from float64
	}{
		"empty on a hot day":     {cabinet{}, 32, 4},
		"empty in a cool room":   {cabinet{}, 20, 4},
		"full on a hot day":      {cabinet{goodsJK: 30_000 * 3.5, goodsWK: 12}, 32, 4},
		"half full, warm at cut": {cabinet{goodsJK: 15_000 * 3.5, goodsWK: 8}, 28, 6},
	} {
		c.start.air, c.start.liner, c.start.goods = c.from, c.from, c.from
		samples, reached := c.start.warm(c.ambient, 8)
		require.Greater(t, len(samples), 10, name)
		for i := 1; i < len(samples)-1; i++ {
			now := samples[i].At
			f, ok := LimitIn(samples[:i+1], t0, now, 8000)
			require.True(t, ok)
			require.Equal(t, i >= 8, f.Measured, "%s, minute %d", name, i)
			left := reached.Sub(now)
			if f.Measured {
				require.LessOrEqual(t, f.Left, left+3*time.Minute, "%s, minute %d", name, i)
			}
			if i >= 15 {
				require.GreaterOrEqual(t, f.Left, left*3/10, "%s, minute %d", name, i)
			}
			if i >= 30 {
				require.GreaterOrEqual(t, f.Left, left*5/10, "%s, minute %d", name, i)
			}
		}
		t.Logf("%s: %s from the cut to the limit", name, reached.Sub(t0))
	}
}

func TestWithoutASlopeTheAssumedCabinetCounts(t *testing.T) {
	one := []Sample{{t0, 4000}}
	f, ok := LimitIn(one, t0, t0.Add(5*time.Minute), 8000)
	require.True(t, ok)
	require.False(t, f.Measured)
	require.InDelta(t, 32, f.Left.Minutes(), 1, "four hours of time constant at 32 °C, five minutes ago") // 240·ln(28/24) = 37

	f, _ = LimitIn(one, t0, t0.Add(3*time.Hour), 8000)
	require.Zero(t, f.Left, "nothing was heard since")
	f, _ = LimitIn([]Sample{{t0, 8000}}, t0, t0, 8000)
	require.Equal(t, Forecast{Measured: true}, f)
	f, _ = LimitIn(one, t0, t0, 40_000)
	require.Equal(t, 1000*time.Hour, f.Left, "a limit above the room is not reached")
	_, ok = LimitIn(nil, t0, t0, 8000)
	require.False(t, ok)

	var still, cooling []Sample // the plug is in again, or the compressor has just run
	for m := range 20 {
		at := t0.Add(time.Duration(m) * time.Minute)
		still, cooling = append(still, Sample{at, 4000}), append(cooling, Sample{at, 6000 - int64(m)*50})
	}
	for _, s := range [][]Sample{still, cooling} {
		f, _ = LimitIn(s, t0, s[len(s)-1].At, 8000)
		require.False(t, f.Measured)
		require.Positive(t, f.Left)
	}
}
