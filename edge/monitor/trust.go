package monitor

import (
	"slices"
	"time"

	"meguri/protocol"
)

// Traits are what a probe's kind and place let us expect of it.
type Traits struct {
	// StuckAfter is how long the very same value, raw bit for raw bit, may come. It depends on how fine the chip resolves and on
	// how quiet its place is: see Fine, CoarseInFridge and CoarseInBox.
	StuckAfter time.Duration
}

// Traits of what we use.
var (
	// Fine is of chips that resolve less than their own noise: an SHT4x (2.7 m°C a step, noise of 13 m°C, data sheet section 2.2)
	// or an ADS1115 with a thermistor (about 4 m°C a step). Ten equal values in a row are chance once in 10^11 times; three hours
	// are far beyond any chance, and leave room for a filter in some later chip.
	Fine = Traits{StuckAfter: 3 * time.Hour}
	// CoarseInFridge is of a DS18B20 (62.5 m°C a step, noise below that) in a cabinet. A compressor moves the air by a degree
	// several times an hour; a cabinet without one follows the room, which at its warmest and coldest stands within one step for
	// 2.7 hours in the worst of 40 simulated weeks indoors, and for 5 if the day moves the room by 0.6 °C only.
	CoarseInFridge = Traits{StuckAfter: 12 * time.Hour}
	// CoarseInBox is of a DS18B20 in a box with packs that melt, which hold one temperature: for 6 hours in the worst of 40
	// simulated weeks indoors.
	CoarseInBox = Traits{StuckAfter: 24 * time.Hour}
)

const (
	// stuckSamples is how many equal values there must be, however far apart.
	stuckSamples = 30

	// leapMilliC between two samples is more than air can do to a probe in its sleeve. One that is pulled out of a fridge at 4 °C
	// and held into air of 40 °C reads 23 °C more after a minute, by its time constant of 60 s.
	leapMilliC = 25_000
	// leapMS is how long after a good value a leap is judged: later anything may have happened.
	leapMS = 10 * 60_000
	// agreed is how many values in a row that agree with each other within agreedMilliC are believed, however far they leapt: the
	// probe was moved into water, or replaced.
	agreed       = 3
	agreedMilliC = 5_000

	// A probe is noisy when half of the last window values lie further than rough from the middle of their neighbours. Noise does
	// that from a standard deviation of about 1.8 °C on. A door that opens or shuts bends the curve at two samples or three, then
	// the sleeve draws it smooth, so that it would have to move every two minutes for as long as the window is. It is quiet again
	// below half of that.
	window      = 20
	roughMilliC = 1_500
	// closeMS is how far apart samples may be for that: further apart, air has time to come and go between them.
	closeMS = 150_000
)

// Trust says of one probe whether its values can be believed. It remembers nothing over a restart: it then waits again before it
// says anything. The zero value is a probe of which nothing is known.
type Trust struct {
	last  int64 // the newest value, believed or not
	at    int64 // when it came
	since int64 // since when it has been the same
	same  int   // how often

	known  bool  // good and goodAt hold the newest value that was believed
	good   int64 // thousandths of a degree
	goodAt int64
	first  int64 // of the values that leapt
	leapt  int   // how many of them agree

	values []int64 // the newest, at most window
	noisy  bool
}

// Judge takes the next sample of a probe, taken at mono (milliseconds of the boot), and gives it back as it is, or with a fault in
// place of a value that cannot be one: protocol.SensorStuck or SensorNoisy. Faults pass through and teach nothing.
func (t *Trust) Judge(of Traits, s protocol.Sample, mono int64) protocol.Sample {
	if s.Fault != protocol.SensorOK {
		return s
	}
	stuck, noisy, leap := t.stuck(of, s.MilliC, mono), t.rough(s.MilliC, mono), t.leap(s.MilliC, mono)
	t.last, t.at = s.MilliC, mono
	switch {
	case stuck:
		return protocol.Sample{Sensor: s.Sensor, Fault: protocol.SensorStuck}
	case noisy, leap:
		return protocol.Sample{Sensor: s.Sensor, Fault: protocol.SensorNoisy}
	}
	return s
}

func (t *Trust) stuck(of Traits, milliC, mono int64) bool {
	if t.same == 0 || milliC != t.last {
		t.since, t.same = mono, 0
	}
	t.same++
	return t.same >= stuckSamples && mono-t.since >= of.StuckAfter.Milliseconds()
}

// leap says whether a value is too far from the one before it.
func (t *Trust) leap(milliC, mono int64) bool {
	if t.known && mono-t.goodAt <= leapMS && abs(milliC-t.good) > leapMilliC {
		if t.leapt == 0 || abs(milliC-t.first) > agreedMilliC {
			t.first, t.leapt = milliC, 0
		}
		if t.leapt++; t.leapt < agreed {
			return true
		}
	}
	t.known, t.good, t.goodAt, t.leapt = true, milliC, mono, 0
	return false
}

// rough says whether the newest values jump about.
func (t *Trust) rough(milliC, mono int64) bool {
	if len(t.values) > 0 && mono-t.at > closeMS {
		t.values, t.noisy = nil, false
	}
	if len(t.values) == window {
		t.values = slices.Delete(t.values, 0, 1)
	}
	t.values = append(t.values, milliC)
	if len(t.values) < window {
		return t.noisy
	}
	bends := make([]int64, 0, window-2)
	for i := 1; i < window-1; i++ {
		bends = append(bends, abs(t.values[i]-(t.values[i-1]+t.values[i+1])/2))
	}
	slices.Sort(bends)
	limit := int64(roughMilliC)
	if t.noisy {
		limit /= 2
	}
	t.noisy = bends[len(bends)/2] > limit
	return t.noisy
}

func abs(v int64) int64 { return max(v, -v) }
