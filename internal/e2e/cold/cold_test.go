// Package cold plays the physics of boxes and fridges against the rules of the cold chain: what the rules say must come of the heat, and
// not of a script.
package cold

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/world"
	"meguri/hub/coldchain"
)

var draw = flag.String("draw", "", "directory to draw the charts of the cases into, as SVG")

// hand is a clock that stands until it is moved.
type hand struct{ t time.Time }

func (h *hand) now() time.Time { return h.t }

// morning is half past six of an August day in Tokyo.
var morning = time.Date(2026, 8, 3, 6, 30, 0, 0, time.FixedZone("JST", 9*3600))

// goods are put into a box.
type goods struct {
	name   string
	grams  int64
	milliC int64
}

// trace is what was seen of a box, minute by minute.
type trace struct {
	readings []coldchain.Reading
	goods    map[string][]int64
}

// ride has a shipper with goods ride for so long on a summer morning; its lid is opened for a minute at the stops.
func ride(t *testing.T, c world.ShipperConfig, minutes int, stops []int, all ...goods) trace {
	h := &hand{morning}
	s := world.NewShipper(c, h.now, world.TokyoAugust(1).MilliC)
	h.t = h.t.Add(time.Minute)
	for _, g := range all {
		require.NoError(t, s.Put(g.name, g.grams, g.milliC))
	}
	seen := trace{goods: map[string][]int64{}}
	for minute := range minutes {
		for _, stop := range stops {
			if minute == stop || minute == stop+1 {
				s.SetOpen(minute == stop)
			}
		}
		seen.readings = append(seen.readings, coldchain.Reading{ID: fmt.Sprint("box/1/", minute), At: h.t, MilliC: s.ProbeMilliC()})
		for _, g := range all {
			c, err := s.GoodsMilliC(g.name)
			require.NoError(t, err)
			seen.goods[g.name] = append(seen.goods[g.name], c)
		}
		h.t = h.t.Add(time.Minute)
	}
	return seen
}

// Limits of the sample network on the way in a shipper.
var (
	precooled    = coldchain.NewLimit(0, 8_000, 20, -1, true)
	nonPrecooled = coldchain.NewLimit(3_000, 15_000, 60, -1, true)
	ambientGoods = coldchain.NewLimit(10_000, 30_000, 60, -1, true)
)

func (tr trace) judged(l coldchain.Limit) coldchain.Verdict {
	first, last := tr.readings[0].At, tr.readings[len(tr.readings)-1].At
	return coldchain.Judge(coldchain.Stay{Leg: coldchain.Shipper, Position: "box", From: first, Until: last, Limit: l},
		coldchain.Known{Pieces: coldchain.Trace(tr.readings, nil, 3*time.Minute), Heard: last}, last)
}

// Meat that was cooled keeps in its box; the same meat beside vegetables that come warm from the field does not.
func TestVegetablesFromTheFieldWarmTheMeatBesideThem(t *testing.T) {
	meat := goods{"meat", 6_000, 2_000}
	field := goods{"vegetables", 10_000, 27_000}
	alone := ride(t, world.Precooled("box"), 150, []int{20, 45, 90}, meat)
	require.Equal(t, coldchain.Sound, alone.judged(precooled).State)

	mixed := ride(t, world.Precooled("box"), 150, []int{20, 45, 90}, meat, field)
	verdict := mixed.judged(precooled)
	require.Equal(t, coldchain.Broken, verdict.State, "%+v", verdict)
	last := len(mixed.goods["meat"]) - 1
	require.Greater(t, mixed.goods["meat"][last], alone.goods["meat"][last]+500, "it is the meat that warmed, not only the probe")
	t.Logf("meat alone: %s; beside vegetables: %s, %d min outside, meat at %d m°C after %d min (alone %d)", alone.judged(precooled).State,
		verdict.State, int(verdict.Outside.Minutes()), mixed.goods["meat"][last], last, alone.goods["meat"][last])

	apart := ride(t, world.Precooled("box"), 150, []int{20, 45, 90}, field)
	require.Equal(t, coldchain.Sound, apart.judged(nonPrecooled).State, "the vegetables themselves have their allowance: %+v", apart.judged(nonPrecooled))
	chart(t, "vegetables", mixed, precooled)
}

// Bread does not want the box that meat wants.
func TestBreadInABoxWithIceIsTooCold(t *testing.T) {
	bread := goods{"bread", 3_000, 24_000}
	cold := ride(t, world.Precooled("box"), 150, []int{20, 45, 90}, bread)
	verdict := cold.judged(ambientGoods)
	require.Equal(t, coldchain.Broken, verdict.State, "%+v", verdict)
	require.Less(t, verdict.Min, int64(10_000))
	plain := ride(t, world.Plain("box", 24_000), 150, []int{20, 45, 90}, bread)
	require.Equal(t, coldchain.Sound, plain.judged(ambientGoods).State, "%+v", plain.judged(ambientGoods))
	t.Logf("bread with ice: %d min below 10 °C, lowest %d m°C; without: %s", int(verdict.Outside.Minutes()), verdict.Min, plain.judged(ambientGoods).State)
	chart(t, "bread", cold, ambientGoods)
}

// Week of a station's fridge in summer: a delivery each morning, forty customers a day.
type week struct {
	seed   uint64
	days   int
	breaks func(f *world.Fridge, minute int) // what is injected, minute by minute; nil for nothing
}

func (w week) play(t *testing.T) []coldchain.Reading {
	h := &hand{time.Date(2026, 8, 3, 0, 0, 0, 0, morning.Location())}
	f := world.NewFridge(world.Cabinet("f", 5_000), h.now, world.TokyoAugust(w.seed).MilliC)
	r := rand.New(rand.NewPCG(w.seed, 7))
	var readings []coldchain.Reading
	shut := -1
	for minute := range w.days * 24 * 60 {
		day, customer := minute%(24*60), time.Duration(0)
		switch {
		case day == 8*60+30: // eight minutes with an open door, and boxes that have warmed a little on the way
			f.SetOpen(true)
			shut = minute + 8
			for i := range 4 {
				require.NoError(t, f.Put(fmt.Sprint(minute, "/", i), 5_000, 7_000+int64(r.IntN(2_000))))
			}
		case day >= 11*60 && day < 21*60 && r.IntN(15) == 0: // forty in ten hours, each for 15 to 45 seconds
			customer = time.Duration(15+r.IntN(31)) * time.Second
			f.SetOpen(true)
			h.t = h.t.Add(customer)
			f.SetOpen(false)
		case day == 22*60: // left over, and collected
			for _, id := range f.Goods() {
				_, err := f.Take(id)
				require.NoError(t, err)
			}
		}
		if minute == shut {
			f.SetOpen(false)
		}
		if w.breaks != nil {
			w.breaks(f, minute)
		}
		readings = append(readings, coldchain.Reading{ID: fmt.Sprint("f/1/", minute), At: h.t, MilliC: f.ProbeMilliC() + int64(r.NormFloat64()*30)})
		h.t = h.t.Add(time.Minute - customer)
	}
	return readings
}

// found are the alarms of the air and the verdict of goods that stood there all the time.
func found(readings []coldchain.Reading, outside int64) (alarms []coldchain.Alarm, goods coldchain.Verdict) {
	pieces := coldchain.Trace(readings, nil, 3*time.Minute)
	span := coldchain.Span{From: readings[0].At, Until: readings[len(readings)-1].At}
	for _, rule := range coldchain.AirRules(2_000, 8_000, outside) {
		alarms = append(alarms, coldchain.Evaluate(rule, pieces, span)...)
	}
	return alarms, coldchain.Judge(coldchain.Stay{Leg: coldchain.Station, From: span.From, Until: span.Until,
		Limit: coldchain.NewLimit(0, 10_000, outside, -1, true)}, coldchain.Known{Pieces: pieces, Heard: span.Until}, span.Until)
}

const allowed = 30 // minutes outside, of precooled goods at a station

func TestANormalSummerWeekCriesNoWolf(t *testing.T) {
	stations, false1 := 12, 0
	for seed := range uint64(stations) {
		readings := week{seed: seed, days: 7}.play(t)
		alarms, _ := found(readings, allowed)
		require.LessOrEqual(t, len(alarms), 1, "station %d: %+v", seed, alarms)
		false1 += len(alarms)
		for day := range 7 { // goods stand from the delivery to the end of pickup
			from := day*24*60 + 8*60 + 30
			_, goods := found(readings[from:from+13*60], allowed)
			require.Equal(t, coldchain.Sound, goods.State, "station %d, day %d: %+v", seed, day, goods)
		}
	}
	t.Logf("%d stations, a week each, 40 openings a day: %d false alarms, 0 false holds", stations, false1)
}

func TestEveryInjectedFailureIsFound(t *testing.T) {
	const noon = 3*24*60 + 12*60
	for name, breaks := range map[string]func(*world.Fridge, int){
		"the compressor fails": func(f *world.Fridge, minute int) { f.SetBroken(minute >= noon) },
		"the power is out": func(f *world.Fridge, minute int) {
			f.SetMains(minute < noon || minute > noon+6*60)
		},
		"the door is left open": func(f *world.Fridge, minute int) {
			if minute >= noon && minute < noon+120 {
				f.SetOpen(true)
			} else if minute == noon+120 {
				f.SetOpen(false)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				readings := week{seed: seed, days: 5, breaks: breaks}.play(t)
				alarms, _ := found(readings, allowed)
				require.NotEmpty(t, alarms)
				began := readings[noon].At
				require.False(t, alarms[0].Raised.Before(began))
				_, goods := found(readings[noon-3*60:noon+9*60], allowed)
				require.Equal(t, coldchain.Broken, goods.State, "goods that stood there: %+v", goods)
				if seed == 0 {
					t.Logf("alarm after %v, goods broken after %v", alarms[0].Raised.Sub(began), goods.At.Sub(began))
				}
			}
		})
	}
}

// chart draws a case, when that is asked for.
func chart(t *testing.T, name string, tr trace, l coldchain.Limit) {
	if *draw == "" {
		return
	}
	require.NoError(t, os.MkdirAll(*draw, 0o755))
	const width, height, left, low, high = 720.0, 320.0, 48.0, -5_000.0, 30_000.0
	x := func(i int) float64 { return left + float64(i)/float64(len(tr.readings)-1)*(width-left-120) }
	y := func(milliC int64) float64 { return 20 + (high-float64(milliC))/(high-low)*(height-50) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="#fff"/>`, width, height)
	fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#dff0e6"/>`, left, y(l.MaxMilliC), width-left-120, y(l.MinMilliC)-y(l.MaxMilliC))
	for c := int64(-5_000); c <= 30_000; c += 5_000 {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="8" y="%.1f">%d °C</text>`, left, width-120, y(c), y(c), y(c)+4, c/1000)
	}
	line := func(label, colour string, values []int64) {
		var points []string
		for i, v := range values {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(v)))
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/><text x="%.1f" y="%.1f" fill="%s">%s</text>`, colour,
			strings.Join(points, " "), width-112, y(values[len(values)-1])+4, colour, label)
	}
	air := make([]int64, len(tr.readings))
	for i, r := range tr.readings {
		air[i] = r.MilliC
	}
	line("air", "#555", air)
	for label, colour := range map[string]string{"meat": "#b3261e", "vegetables": "#2e7d32", "bread": "#8d5a00"} {
		if values := tr.goods[label]; values != nil {
			line(label, colour, values)
		}
	}
	for minute := 0; minute < len(tr.readings); minute += 30 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">%s</text>`, x(minute)-14, height-8, tr.readings[minute].At.Format("15:04"))
	}
	b.WriteString("</svg>\n")
	require.NoError(t, os.WriteFile(filepath.Join(*draw, name+".svg"), []byte(b.String()), 0o644))
}
