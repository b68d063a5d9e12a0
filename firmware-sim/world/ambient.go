package world

import (
	"math"
	"math/rand/v2"
	"time"
)

// Ambient is the air temperature at a place over the days.
type Ambient struct {
	Seed        uint64 // of the days' differences
	MeanMilliC  int64  // over a day
	SwingMilliC int64  // the warmest hour is so much above the mean, the coldest so much below
	DriftMilliC int64  // each day's mean lies at most so much above or below
	Warmest     time.Duration
	Zone        *time.Location // of Warmest; UTC when nil
}

// TokyoAugust is outdoors in Tokyo in August: mean 26.9 °C, daily highest 31.3 °C and lowest 23.5 °C (Japan Meteorological
// Agency, climatological normals 1991–2020). Days differ by up to 2 °C and are warmest at 14:00, which is plausible.
func TokyoAugust(seed uint64) Ambient {
	return Ambient{Seed: seed, MeanMilliC: 27_400, SwingMilliC: 3_900, DriftMilliC: 2_000, Warmest: 14 * time.Hour, Zone: time.FixedZone("JST", 9*60*60)}
}

// Indoors is an air-conditioned room: 25 °C, 1.5 °C more in the afternoon (plausible).
func Indoors(seed uint64) Ambient {
	return Ambient{Seed: seed, MeanMilliC: 25_000, SwingMilliC: 1_500, DriftMilliC: 500, Warmest: 15 * time.Hour, Zone: time.FixedZone("JST", 9*60*60)}
}

// MilliC is the temperature at t.
func (a Ambient) MilliC(t time.Time) int64 {
	zone := a.Zone
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	const day = 86_400
	n := local / day
	part := float64(local%day)/day + float64(t.Nanosecond())/1e9/day
	wave := math.Cos(2 * math.Pi * (part - a.Warmest.Hours()/24))
	drift := a.drift(n)*(1-part) + a.drift(n+1)*part // from one midnight's to the next: no jumps
	return a.MeanMilliC + int64(float64(a.SwingMilliC)*wave+float64(a.DriftMilliC)*drift)
}

// drift is a day's own number between -1 and 1.
func (a Ambient) drift(day int64) float64 {
	return 2*rand.New(rand.NewPCG(a.Seed, uint64(day))).Float64() - 1
}
