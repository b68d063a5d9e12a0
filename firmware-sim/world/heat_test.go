package world_test

import (
	"testing"
	"time"

	"meguri/firmware-sim/world"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// hand is a clock that is moved by hand.
type hand struct{ t time.Time }

func (h *hand) now() time.Time             { return h.t }
func (h *hand) pass(d time.Duration)       { h.t = h.t.Add(d) }
func begin() *hand                         { return &hand{time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC)} } // 05:00 in Tokyo
func steady(c int64) func(time.Time) int64 { return func(time.Time) int64 { return c } }

// each looks at something every minute.
func (h *hand) each(d time.Duration, look func()) {
	for range int(d / time.Minute) {
		h.pass(time.Minute)
		look()
	}
}

func TestAFridgeKeepsItsTemperatureOnASummerDay(t *testing.T) {
	h := begin()
	f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, world.TokyoAugust(1).MilliC)
	starts, running := 0, false
	h.each(48*time.Hour, func() {
		require.InDelta(t, 4_000, f.ProbeMilliC(), 2_200)
		if f.Running() && !running {
			starts++
		}
		running = f.Running()
	})
	require.True(t, starts > 48 && starts < 48*20, "a compressor starts 1 to 20 times an hour, not %d in two days", starts)
}

func TestAnOpenDoorWarmsTheAirAndAShutOneCoolsIt(t *testing.T) {
	h := begin()
	f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, steady(30_000))
	h.pass(6 * time.Hour)
	before := f.ProbeMilliC()
	f.SetOpen(true)
	h.pass(20 * time.Second)
	require.Greater(t, f.AirMilliC(), before+3_000)
	require.Less(t, f.ProbeMilliC(), before+3_000, "a probe follows slowly")
	h.pass(20 * time.Minute)
	require.Greater(t, f.ProbeMilliC(), int64(10_000), "left ajar")
	f.SetOpen(false)
	h.pass(time.Hour)
	require.InDelta(t, 4_000, f.ProbeMilliC(), 2_200)
}

func TestWithoutMainsOrCompressorAFridgeWarms(t *testing.T) {
	for name, fail := range map[string]func(f *world.Fridge, failed bool){
		"mains":      func(f *world.Fridge, failed bool) { f.SetMains(!failed) },
		"compressor": (*world.Fridge).SetBroken,
	} {
		t.Run(name, func(t *testing.T) {
			h := begin()
			f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, steady(30_000))
			h.pass(time.Hour)
			fail(f, true)
			h.pass(4 * time.Hour)
			require.Greater(t, f.ProbeMilliC(), int64(10_000))
			require.False(t, f.Running())
			fail(f, false)
			h.pass(4 * time.Hour)
			require.InDelta(t, 4_000, f.ProbeMilliC(), 2_200)
		})
	}
}

func TestWarmGoodsWarmAFridgeForAWhile(t *testing.T) {
	h := begin()
	f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, steady(28_000))
	h.pass(time.Hour)
	require.NoError(t, f.Put("warm", 40_000, 28_000))
	require.NoError(t, f.Put("cold", 2_000, 4_000))
	h.pass(time.Hour)
	require.Greater(t, f.ProbeMilliC(), int64(6_000))
	cold, err := f.GoodsMilliC("cold")
	require.NoError(t, err)
	require.Greater(t, cold, int64(4_500), "and through the air the goods beside them")
	h.pass(48 * time.Hour)
	warm, err := f.Take("warm")
	require.NoError(t, err)
	require.InDelta(t, 4_000, warm, 2_000)
	require.Equal(t, []string{"cold"}, f.Goods())
}

func TestGoodsAreThereOnce(t *testing.T) {
	h := begin()
	f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, steady(28_000))
	require.NoError(t, f.Put("a", 1, 0))
	require.ErrorContains(t, f.Put("a", 1, 0), "it is there already")
	require.ErrorContains(t, f.Put("b", 0, 0), "want 1 to 1000000")
	_, err := f.Take("b")
	require.ErrorContains(t, err, "take b out of F1: it is not there")
	_, err = f.GoodsMilliC("b")
	require.ErrorContains(t, err, "it is not there")
}

func TestIceKeepsAShipperColdUntilItHasMelted(t *testing.T) {
	h := begin()
	s := world.NewShipper(world.Precooled("S1"), h.now, steady(32_000))
	require.NoError(t, s.Put("meat", 8_000, 3_000))
	h.each(8*time.Hour, func() { require.Less(t, s.ProbeMilliC(), int64(8_000)) })
	meat, err := s.GoodsMilliC("meat")
	require.NoError(t, err)
	require.Less(t, meat, int64(7_000))
	require.Positive(t, s.IceGrams())
	h.pass(40 * time.Hour)
	require.Zero(t, s.IceGrams())
	require.Greater(t, s.ProbeMilliC(), int64(15_000))
}

func TestVegetablesFromTheFieldWarmTheMeatBesideThem(t *testing.T) {
	carry := func(with func(s *world.Shipper)) int64 {
		h := begin()
		s := world.NewShipper(world.Precooled("S1"), h.now, steady(30_000))
		require.NoError(t, s.Put("meat", 3_000, 2_000))
		with(s)
		h.pass(3 * time.Hour)
		meat, err := s.Take("meat")
		require.NoError(t, err)
		return meat
	}
	alone := carry(func(*world.Shipper) {})
	beside := carry(func(s *world.Shipper) { require.NoError(t, s.Put("vegetables", 15_000, 29_000)) })
	require.Less(t, alone, int64(4_500))
	require.Greater(t, beside, alone+2_500)
}

func TestALidLeftOpenWarmsAShipper(t *testing.T) {
	h := begin()
	s := world.NewShipper(world.Plain("S1", 10_000), h.now, steady(30_000))
	s.SetOpen(true)
	h.pass(10 * time.Minute)
	require.Greater(t, s.ProbeMilliC(), int64(25_000))
}

func TestLookingDoesNotChangeWhatIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type act struct {
			after time.Duration
			open  bool
		}
		acts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
			return act{time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "after")), rapid.Bool().Draw(t, "open")}
		}), 1, 8).Draw(t, "acts")
		run := func(looks int) int64 {
			h := begin()
			f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, world.TokyoAugust(1).MilliC)
			for _, a := range acts {
				end := h.t.Add(a.after)
				for range looks {
					h.pass(a.after / time.Duration(looks+1))
					f.AirMilliC()
				}
				h.t = end
				f.SetOpen(a.open)
			}
			return f.AirMilliC()
		}
		require.Equal(t, run(0), run(7))
	})
}

func TestAMonthUnseenCostsOneMonthOfSteps(t *testing.T) {
	h := begin()
	f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, steady(28_000))
	h.pass(100 * 365 * 24 * time.Hour)
	require.InDelta(t, 4_000, f.ProbeMilliC(), 2_200)
}

func TestTheWeather(t *testing.T) {
	a := world.TokyoAugust(1)
	jst := time.FixedZone("JST", 9*60*60)
	day := time.Date(2026, 8, 4, 0, 0, 0, 0, jst)
	for range 30 {
		coldest, warmest := int64(99_000), int64(0)
		last := a.MilliC(day)
		for range 24 * 60 {
			day = day.Add(time.Minute)
			c := a.MilliC(day)
			require.InDelta(t, last, c, 50, "no jumps")
			last, coldest, warmest = c, min(coldest, c), max(warmest, c)
		}
		require.InDelta(t, 23_500, coldest, 2_500)
		require.InDelta(t, 31_300, warmest, 2_500)
	}
	noon := time.Date(2026, 8, 4, 12, 0, 0, 0, jst)
	require.Equal(t, a.MilliC(noon), world.TokyoAugust(1).MilliC(noon.UTC()))
	require.NotEqual(t, a.MilliC(noon), world.TokyoAugust(2).MilliC(noon))
	in := world.Indoors(1).MilliC(noon)
	require.InDelta(t, 25_000, in, 2_000)
}

func BenchmarkDayOfAFridge(b *testing.B) {
	h := begin()
	f := world.NewFridge(world.Cabinet("F1", 4_000), h.now, world.TokyoAugust(1).MilliC)
	_ = f.Put("a", 4_000, 4_000)
	for b.Loop() {
		h.pass(24 * time.Hour)
		f.AirMilliC()
	}
}
