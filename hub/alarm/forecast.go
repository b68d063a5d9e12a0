package alarm

import (
	"math"
	"time"
)

// Sample is the temperature of a fridge's air at a time.
type Sample struct {
	At     time.Time
	MilliC int64
}

// Forecast is how long a fridge without supply stays below its limit.
type Forecast struct {
	Left     time.Duration // from now; 0 when the limit is reached
	Measured bool          // from how it warms; else from the cabinet that is assumed
}

// A cabinet that is assumed where too little is measured: an empty one of 400 l (23 kJ/K behind 1.6 W/K are four hours) in a hot
// room. Goods only make it slower.
const (
	timeConstant  = 4 * time.Hour
	ambientMilliC = 32_000
)

// A slope is believed when it was measured over so long and so many samples, and of no more than the newest of them: just after the
// cut the air warms quickly towards what it cools, and later all warms slower and slower.
const (
	slopeOver   = 8 * time.Minute
	slopeOf     = 20 * time.Minute
	slopeFew    = 5
	slowestMilC = 200 // thousandths of a degree an hour: less is no slope but noise
)

// LimitIn says how long a fridge whose supply went at since has from now until its air reaches the limit, from the samples that
// there are, in order of time. It errs to the early side: what is measured is continued in a straight line, while a fridge warms
// slower the nearer it comes to the room. ok is false without any sample.
func LimitIn(samples []Sample, since, now time.Time, limitMilliC int64) (f Forecast, ok bool) {
	if len(samples) == 0 {
		return f, false
	}
	last := samples[len(samples)-1]
	if last.MilliC >= limitMilliC {
		return Forecast{Measured: true}, true
	}
	above := float64(limitMilliC - last.MilliC)
	perHour, measured := slope(samples, since)
	hours := above / perHour
	if !measured {
		hours = assumed(last.MilliC, limitMilliC)
	}
	left := time.Duration(min(hours, 1000) * float64(time.Hour))
	return Forecast{Left: max(0, left-now.Sub(last.At)), Measured: measured}, true
}

// assumed is how many hours the assumed cabinet takes to warm from one temperature to another.
func assumed(from, to int64) float64 {
	if to >= ambientMilliC {
		return math.Inf(1)
	}
	return timeConstant.Hours() * math.Log(float64(ambientMilliC-from)/float64(ambientMilliC-to))
}

// slope fits a line through the newest samples after since, in thousandths of a degree an hour, by least squares.
func slope(samples []Sample, since time.Time) (perHour float64, ok bool) {
	last := samples[len(samples)-1].At
	if from := last.Add(-slopeOf); from.After(since) {
		since = from
	}
	var n, sx, sy, sxx, sxy float64
	var first time.Time
	for _, s := range samples {
		if s.At.Before(since) {
			continue
		}
		if n == 0 {
			first = s.At
		}
		x, y := s.At.Sub(first).Hours(), float64(s.MilliC)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if n < slopeFew || last.Sub(first) < slopeOver {
		return 0, false
	}
	perHour = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return perHour, perHour >= slowestMilC
}
