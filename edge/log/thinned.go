package log

import (
	"math"

	"meguri/protocol"
)

// thinned adds up what is dropped: in whatever order it is added, also in parts that were added up before, the sum is the same.
type thinned struct {
	protocol.Thinned
	dated bool // FromWall holds a time
}

// cover adds numbers. Zero is for those of a parent incarnation.
func (t *thinned) cover(from, to uint64) {
	if from == 0 || to == 0 {
		return
	}
	if t.From == 0 || from < t.From {
		t.From = from
	}
	t.To = max(t.To, to)
}

// round adds a round of samples taken at wall.
func (t *thinned) round(wall int64, samples []protocol.Sample) {
	t.span(wall, wall)
	t.Rounds = add32(t.Rounds, 1)
	for _, s := range samples {
		one := protocol.ThinnedSensor{Sensor: s.Sensor}
		if s.Fault == protocol.SensorOK {
			at := protocol.Point{Wall: wall, MilliC: s.MilliC}
			one.Samples, one.First, one.Last, one.Min, one.Max = 1, at, at, at, at
			t.values(1, s.MilliC, s.MilliC)
		} else {
			one.Faults = 1
		}
		t.sensor(one)
	}
}

// merge adds what an older record stood for: this one stands for it now.
func (t *thinned) merge(old protocol.Thinned) {
	t.cover(old.From, old.To)
	t.span(old.FromWall, old.ToWall)
	t.Rounds = add32(t.Rounds, old.Rounds)
	t.values(old.Samples, old.MinMilliC, old.MaxMilliC)
	for _, s := range old.Sensors {
		t.sensor(s)
	}
}

func (t *thinned) span(from, to int64) {
	if from == 0 && to == 0 {
		return // nothing is known of the time
	}
	if !t.dated {
		t.FromWall, t.ToWall, t.dated = from, to, true
		return
	}
	t.FromWall, t.ToWall = min(t.FromWall, from), max(t.ToWall, to)
}

func (t *thinned) values(n uint32, low, high int64) {
	if n == 0 {
		return
	}
	if t.Samples == 0 {
		t.MinMilliC, t.MaxMilliC = low, high
	}
	t.Samples = add32(t.Samples, n)
	t.MinMilliC, t.MaxMilliC = min(t.MinMilliC, low), max(t.MaxMilliC, high)
}

// sensor adds what is kept of one sensor's samples. Beyond MaxSensors there are only the sums over all.
func (t *thinned) sensor(s protocol.ThinnedSensor) {
	for i := range t.Sensors {
		if t.Sensors[i].Sensor == s.Sensor {
			addSensor(&t.Sensors[i], s)
			return
		}
	}
	if len(t.Sensors) < protocol.MaxSensors {
		t.Sensors = append(t.Sensors, s)
	}
}

func addSensor(to *protocol.ThinnedSensor, s protocol.ThinnedSensor) {
	to.Faults = add32(to.Faults, s.Faults)
	switch {
	case s.Samples == 0:
		return
	case to.Samples == 0:
		to.First, to.Last, to.Min, to.Max = s.First, s.Last, s.Min, s.Max
	default:
		if s.First.Wall < to.First.Wall {
			to.First = s.First
		}
		if s.Last.Wall >= to.Last.Wall {
			to.Last = s.Last
		}
		if s.Min.MilliC < to.Min.MilliC || s.Min.MilliC == to.Min.MilliC && s.Min.Wall < to.Min.Wall {
			to.Min = s.Min
		}
		if s.Max.MilliC > to.Max.MilliC || s.Max.MilliC == to.Max.MilliC && s.Max.Wall < to.Max.Wall {
			to.Max = s.Max
		}
	}
	to.Samples = add32(to.Samples, s.Samples)
}

func add32(a, b uint32) uint32 { return uint32(min(uint64(a)+uint64(b), math.MaxUint32)) }

// cost is about what the record takes, never less.
func (t *thinned) cost() int64 {
	size := 250
	for _, s := range t.Sensors {
		size += 100 + len(s.Sensor)
	}
	return recordCost(size)
}
