package world_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/ads1115"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/sht4x"
	"meguri/edge/device/thermistor"
	"meguri/edge/monitor"
	"meguri/firmware-sim/chip"
	"meguri/firmware-sim/world"
	"meguri/protocol"

	"github.com/stretchr/testify/require"
)

// gauge is a real driver on a simulated chip, and the rule that judges its values.
type gauge struct {
	name   string
	read   func() (int64, error)
	traits monitor.Traits
	trust  monitor.Trust
	faults map[protocol.SensorFault]int
	first  time.Time // of a fault
}

// gauges are one probe of each kind in the same place, and what breaks them.
type gauges struct {
	all []*gauge
	w1  *chip.DS18B20
	sht *chip.SHT4x
}

func newGauges(t *testing.T, h *hand, coarse monitor.Traits, milliC func() int64) *gauges {
	t.Helper()
	hw := chip.New(h.now)
	ads := hw.I2C("I2C1").AddADS1115(0x48)
	g := &gauges{w1: hw.OneWire("W1").Add(7, milliC),
		sht: hw.I2C("I2C1").AddSHT4x(0x44, 1, milliC, func() int64 { return 60_000 })}
	ads.Wire(0, chip.Divider{SupplyMicroV: 3_300_000, SeriesOhm: 10_000, Ohm: chip.NTC(10_000, 3977, milliC)}.MicroV)
	ads.Wire(3, func() int64 { return 3_300_000 })
	b, err := hw.Open(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	w1, err := b.OneWire("W1")
	require.NoError(t, err)
	i2c, err := b.I2C("I2C1")
	require.NoError(t, err)
	ntc, err := thermistor.New(ads1115.New(i2c, 0x48, h.pass), thermistor.Parameters{Supply: 3, SeriesOhm: 10_000, R25Ohm: 10_000, BetaK: 3977})
	require.NoError(t, err)
	add := func(name string, of monitor.Traits, read func() (int64, error)) {
		g.all = append(g.all, &gauge{name: name, traits: of, read: read, faults: map[protocol.SensorFault]int{}})
	}
	add("ds18b20", coarse, ds18b20.New(w1, g.w1.Address(), h.pass).MilliC)
	add("sht4x", monitor.Fine, sht4x.New(i2c, 0x44, h.pass).MilliC)
	add("ntc", monitor.Fine, ntc.MilliC)
	return g
}

// round reads all once, within the minute that has begun.
func (g *gauges) round(t *testing.T, h *hand) {
	t.Helper()
	for _, one := range g.all {
		v, err := one.read()
		s := protocol.Sample{Sensor: one.name, MilliC: v}
		if err != nil {
			require.ErrorIs(t, err, device.ErrOutOfRange)
			s.MilliC, s.Fault = 0, protocol.SensorOutOfRange
		}
		f := one.trust.Judge(one.traits, s, h.t.UnixMilli()).Fault
		if one.faults[f]++; f != protocol.SensorOK && one.first.IsZero() {
			one.first = h.t
		}
	}
}

func (g *gauges) quiet(t *testing.T, rounds int) {
	t.Helper()
	for _, one := range g.all {
		require.Equal(t, map[protocol.SensorFault]int{protocol.SensorOK: rounds}, one.faults, one.name)
	}
}

// A week of August at a station without air conditioning: warm boxes are put in each morning behind a door that stands open for
// minutes, customers open it every few minutes in the evening, and for an hour every 90 seconds. No value is doubted.
func TestANormalSummerWeekCriesNoWolf(t *testing.T) {
	for name, cabinet := range map[string]world.FridgeConfig{"cooled": world.Cabinet("F1", 4_000), "frozen": world.Cabinet("F2", -18_000),
		"not cooled": {Name: "F3", WallMWK: 1_600, OpenMWK: 30_000, AirJK: 3_000, LinerJK: 20_000, LinerMWK: 40_000, StartMilliC: 26_000}} {
		t.Run(name, func(t *testing.T) {
			h, r := begin(), rand.New(rand.NewPCG(7, 8))
			f := world.NewFridge(cabinet, h.now, world.TokyoAugust(3).MilliC)
			g := newGauges(t, h, monitor.CoarseInFridge, f.ProbeMilliC)
			const rounds = 7 * 24 * 60
			var shutAt time.Time
			warmest := int64(-100_000)
			for minute := range rounds {
				next := begin().t.Add(time.Duration(minute) * time.Minute)
				h.pass(next.Sub(h.t))
				g.round(t, h)
				warmest = max(warmest, f.ProbeMilliC())
				if open, shut := doorOf(minute, r); open {
					f.SetOpen(true)
					shutAt = h.t.Add(shut)
				}
				if shut := shutAt.Sub(h.t); !shutAt.IsZero() && shut < time.Minute-5*time.Second {
					h.pass(max(shut, 0))
					f.SetOpen(false)
					shutAt = time.Time{}
				}
				if minute%1440 == 5*60 {
					require.NoError(t, f.Put(next.String(), 60_000, 25_000))
				}
			}
			g.quiet(t, rounds)
			require.Greater(t, warmest, cabinet.StartMilliC+2_000, "the doors were felt")
		})
	}
}

// doorOf says whether the door is opened in a minute, and for how long. The week begins at 05:00.
func doorOf(minute int, r *rand.Rand) (open bool, shut time.Duration) {
	switch of := minute % 1440; {
	case of == 5*60: // loading
		return true, 8 * time.Minute
	case of >= 11*60 && of < 12*60: // everybody at once
		return minute%3 != 2, 25 * time.Second
	case of >= 12*60 && of < 15*60:
		return r.IntN(5) == 0, time.Duration(10+r.IntN(40)) * time.Second
	}
	return false, 0
}

// A box whose packs hold the melting point for a night and more is no stuck sensor.
func TestABoxOfMeltingPacksCriesNoWolf(t *testing.T) {
	for seed := range uint64(10) {
		h := begin()
		box := world.NewShipper(world.Precooled("S1"), h.now, world.Indoors(seed).MilliC)
		g := newGauges(t, h, monitor.CoarseInBox, box.ProbeMilliC)
		rounds := 0
		for start := h.t; h.t.Sub(start) < 96*time.Hour; rounds++ {
			h.pass(start.Add(time.Duration(rounds) * time.Minute).Sub(h.t))
			g.round(t, h)
		}
		g.quiet(t, rounds)
	}
}

// What is broken in the midst of such a week is named, and how soon.
func TestEachFailureIsNamed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for name, c := range map[string]struct {
		want   protocol.SensorFault
		within time.Duration
		lie    func(true int64) int64
		stick  bool
	}{
		"stuck":           {want: protocol.SensorStuck, within: 12*time.Hour + time.Minute, stick: true},
		"noise of 3 °C":   {want: protocol.SensorNoisy, within: time.Hour, lie: func(v int64) int64 { return v + int64(r.NormFloat64()*3_000) }},
		"a loose contact": {want: protocol.SensorNoisy, within: 20 * time.Minute, lie: func(v int64) int64 { return v + int64(r.IntN(4)/3)*60_000 }},
	} {
		t.Run(name, func(t *testing.T) {
			h := begin()
			f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, world.TokyoAugust(3).MilliC)
			lie := func(v int64) int64 { return v }
			g := newGauges(t, h, monitor.CoarseInFridge, func() int64 { return lie(f.ProbeMilliC()) })
			run := func(d time.Duration) {
				for range d / time.Minute {
					h.pass(time.Minute)
					g.round(t, h)
				}
			}
			run(6 * time.Hour)
			broken := h.t
			switch frozen := f.ProbeMilliC(); {
			case c.lie != nil:
				lie = c.lie
			case c.stick: // both chips themselves; of a thermistor what it is glued to
				g.w1.SetStuck(true)
				g.sht.SetStuck(true)
				lie = func(int64) int64 { return frozen }
			}
			run(24 * time.Hour)
			for _, one := range g.all {
				require.Positive(t, one.faults[c.want], one.name)
				require.LessOrEqual(t, one.first.Sub(broken), c.within, one.name)
				t.Logf("%s: %s is named after %v, then %v", name, one.name, one.first.Sub(broken).Round(time.Minute), one.faults)
			}
		})
	}
}
