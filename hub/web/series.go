package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/store"
)

// point is one value of a chart, or with Gap the place where the line breaks.
type point struct {
	At     time.Time
	MilliC int64
	Gap    bool
}

// gapFactor is how many usual steps may lie between two readings before the line breaks.
const gapFactor = 2.5

// newSeries makes a chart's points from readings in order of time. The line breaks where a reading is a fault, and where
// readings are further apart than they usually are: no line may be drawn over time in which nothing is known.
func newSeries(readings []store.ReadingView) []point {
	longest := time.Duration(float64(usualStep(readings)) * gapFactor)
	var points []point
	for i, r := range readings {
		if i > 0 {
			if before := readings[i-1].At; r.At.Sub(before) > longest {
				points = append(points, point{At: before.Add(r.At.Sub(before) / 2), Gap: true})
			}
		}
		points = append(points, point{r.At, r.MilliC, r.Fault != 0})
	}
	return points
}

// usualStep is the median time between readings.
func usualStep(readings []store.ReadingView) time.Duration {
	var steps []time.Duration
	for i := 1; i < len(readings); i++ {
		steps = append(steps, readings[i].At.Sub(readings[i-1].At))
	}
	if len(steps) == 0 {
		return time.Minute
	}
	slices.Sort(steps)
	return max(steps[len(steps)/2], time.Second)
}

// thin leaves at most about most points: of each stretch of time the lowest, the highest and a gap if there is one.
func thin(points []point, most int) []point {
	if len(points) <= most {
		return points
	}
	size := (3*len(points) + most - 1) / most
	var kept []point
	for stretch := range slices.Chunk(points, size) {
		kept = append(kept, extremes(stretch)...)
	}
	return kept
}

func extremes(stretch []point) []point {
	low, high, gap := -1, -1, -1
	for i, p := range stretch {
		if p.Gap {
			gap = i
			continue
		}
		if low < 0 || p.MilliC < stretch[low].MilliC {
			low = i
		}
		if high < 0 || p.MilliC > stretch[high].MilliC {
			high = i
		}
	}
	indexes := []int{low, high, gap}
	slices.Sort(indexes)
	var kept []point
	for _, i := range slices.Compact(indexes) {
		if i >= 0 {
			kept = append(kept, stretch[i])
		}
	}
	return kept
}

// sparkline is a chart for a page without scripts: a path in a box of 600 by 120.
type sparkline struct {
	Path          string
	LowY, HighY   float64 // of the limits
	BandH         float64
	Newest        string
	HasNewest     bool
	From, Until   time.Time
	TopC, BottomC string
}

const (
	sparkW = 600.0
	sparkH = 120.0
)

func newSparkline(points []point, low, high int64, from, until time.Time) sparkline {
	bottom, top := low, high
	for _, p := range points {
		if !p.Gap {
			bottom, top = min(bottom, p.MilliC), max(top, p.MilliC)
		}
	}
	bottom, top = bottom-1000, top+1000
	x := func(t time.Time) float64 { return sparkW * float64(t.Sub(from)) / float64(until.Sub(from)) }
	y := func(v int64) float64 { return sparkH - sparkH*float64(v-bottom)/float64(top-bottom) }
	s := sparkline{LowY: y(low), HighY: y(high), BandH: y(low) - y(high), From: from, Until: until, TopC: celsius(top), BottomC: celsius(bottom)}
	var d strings.Builder
	pen := "M"
	for _, p := range points {
		if p.Gap {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, x(p.At), y(p.MilliC))
		pen, s.Newest, s.HasNewest = "L", celsius(p.MilliC), true
	}
	s.Path = d.String()
	return s
}
