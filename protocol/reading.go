package protocol

import "fmt"

// Samples is one round of a device's sensors, all at the record's time. Devices of revision 2 write Rounds.
type Samples struct {
	Samples []Sample `cbor:"1,keyasint"`
}

// Sample is one sensor's value, or the fault that stands in its place: a faulty sensor never gives a number.
type Sample struct {
	Sensor string      `cbor:"1,keyasint"` // "FRIDGE/air", "SHIPPER/air", …
	MilliC int64       `cbor:"2,keyasint,omitempty"`
	Fault  SensorFault `cbor:"3,keyasint,omitempty"`
}

// SensorFault is why a sensor gave no value.
type SensorFault uint8

// Faults of a sensor. New ones may be added: a hub that does not know one keeps its number, and shows an unknown fault.
const (
	SensorOK         SensorFault = 0
	SensorMissing    SensorFault = 1 // does not answer
	SensorCRC        SensorFault = 2 // answers, and the checksum does not fit
	SensorPowerOn    SensorFault = 3 // the power-on value, no conversion was made
	SensorOutOfRange SensorFault = 4 // outside what the chip can measure
	SensorOpen       SensorFault = 5 // its circuit is open: a cut wire
	SensorShorted    SensorFault = 6 // its circuit is shorted
	SensorStuck      SensorFault = 7 // the very same value for far too long
	SensorNoisy      SensorFault = 8 // jumps as no air does
	SensorSilent     SensorFault = 9 // was asked and the bus never came back, neither with a value nor with an error
)

func (f SensorFault) String() string {
	switch f {
	case SensorOK:
		return "ok"
	case SensorMissing:
		return "missing"
	case SensorCRC:
		return "checksum"
	case SensorPowerOn:
		return "power-on value"
	case SensorOutOfRange:
		return "out of range"
	case SensorOpen:
		return "open circuit"
	case SensorShorted:
		return "short circuit"
	case SensorStuck:
		return "stuck"
	case SensorNoisy:
		return "noisy"
	case SensorSilent:
		return "silent"
	}
	return "unknown fault"
}

// Bounds of one Rounds record.
const (
	MaxRounds  = 256
	MaxSensors = 64
)

// Rounds is several rounds of a device's sensors in one record; the last one is at the record's time. Neighbouring values of
// a sensor differ by little, so differences are kept: about two bytes a sample. NewRounds and Split convert.
type Rounds struct {
	Sensors []string     `cbor:"1,keyasint"`
	Gaps    []int64      `cbor:"2,keyasint"`           // milliseconds from each round to the next: one fewer than there are rounds
	Values  [][]int64    `cbor:"3,keyasint"`           // of each sensor: the first value in m°C, then each one's difference to the one before
	Faults  []RoundFault `cbor:"4,keyasint,omitempty"` // in place of values; the difference there is 0
	Alarm   bool         `cbor:"5,keyasint,omitempty"` // taken while one of the sensors was in alarm: thinning keeps them
}

// RoundFault is a fault in place of a value.
type RoundFault struct {
	Round  uint16      `cbor:"1,keyasint"` // from 0
	Sensor uint16      `cbor:"2,keyasint"` // from 0
	Fault  SensorFault `cbor:"3,keyasint"`
}

// Round is one round, so many milliseconds before the time of the record that holds it.
type Round struct {
	Ago     int64
	Samples []Sample
}

// NewRounds makes a record's body of rounds in the order of time, all of the same sensors. The last one's Ago is 0.
func NewRounds(rounds []Round) (Rounds, error) {
	if len(rounds) == 0 || len(rounds) > MaxRounds {
		return Rounds{}, fmt.Errorf("%d rounds: want 1 to %d", len(rounds), MaxRounds)
	}
	first := rounds[0].Samples
	if len(first) > MaxSensors {
		return Rounds{}, fmt.Errorf("%d sensors: at most %d", len(first), MaxSensors)
	}
	r := Rounds{Values: make([][]int64, len(first))}
	for _, s := range first {
		r.Sensors = append(r.Sensors, s.Sensor)
	}
	last := make([]int64, len(first))
	for i, round := range rounds {
		if len(round.Samples) != len(first) {
			return Rounds{}, fmt.Errorf("round %d: %d sensors, the first has %d", i, len(round.Samples), len(first))
		}
		if i > 0 {
			r.Gaps = append(r.Gaps, rounds[i-1].Ago-round.Ago)
		}
		for j, s := range round.Samples {
			if s.Sensor != r.Sensors[j] {
				return Rounds{}, fmt.Errorf("round %d: sensor %q, the first has %q there", i, s.Sensor, r.Sensors[j])
			}
			value := s.MilliC
			if s.Fault != SensorOK {
				r.Faults = append(r.Faults, RoundFault{Round: uint16(i), Sensor: uint16(j), Fault: s.Fault})
				value = last[j]
			}
			r.Values[j] = append(r.Values[j], value-last[j])
			last[j] = value
		}
	}
	if rounds[len(rounds)-1].Ago != 0 {
		return Rounds{}, fmt.Errorf("the last round is %d ms before the record: want 0", rounds[len(rounds)-1].Ago)
	}
	return r, r.Check()
}

// Check says what is wrong with rounds that were decoded. Errors wrap ErrMalformed.
func (r Rounds) Check() error {
	n := len(r.Gaps) + 1
	switch {
	case n > MaxRounds:
		return fmt.Errorf("%w: %d rounds, at most %d", ErrMalformed, n, MaxRounds)
	case len(r.Sensors) > MaxSensors:
		return fmt.Errorf("%w: %d sensors, at most %d", ErrMalformed, len(r.Sensors), MaxSensors)
	case len(r.Values) != len(r.Sensors):
		return fmt.Errorf("%w: values of %d sensors, and %d are named", ErrMalformed, len(r.Values), len(r.Sensors))
	}
	var all int64
	for i, gap := range r.Gaps {
		if gap < 0 || gap > maxGapMS {
			return fmt.Errorf("%w: %d ms behind round %d: want 0 to %d", ErrMalformed, gap, i, int64(maxGapMS))
		}
		all += gap
	}
	for j, values := range r.Values {
		if len(values) != n {
			return fmt.Errorf("%w: sensor %q has %d values in %d rounds", ErrMalformed, r.Sensors[j], len(values), n)
		}
		var at int64
		for _, d := range values {
			if at += d; d < -2*maxMilliC || d > 2*maxMilliC || at < -maxMilliC || at > maxMilliC {
				return fmt.Errorf("%w: sensor %q: %d m°C", ErrMalformed, r.Sensors[j], at)
			}
		}
	}
	for _, f := range r.Faults {
		if int(f.Round) >= n || int(f.Sensor) >= len(r.Sensors) || f.Fault == SensorOK {
			return fmt.Errorf("%w: fault %d of sensor %d in round %d of %d", ErrMalformed, f.Fault, f.Sensor, f.Round, n)
		}
	}
	return nil
}

// Bounds of what Rounds may say, so that nothing overflows: a year between rounds, a million degrees.
const (
	maxGapMS  = 366 * 24 * 3600 * 1000
	maxMilliC = 1_000_000_000
)

// Split gives the rounds in the order of time. Errors wrap ErrMalformed.
func (r Rounds) Split() ([]Round, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	rounds := make([]Round, len(r.Gaps)+1)
	for i := len(r.Gaps) - 1; i >= 0; i-- {
		rounds[i].Ago = rounds[i+1].Ago + r.Gaps[i]
	}
	last := make([]int64, len(r.Sensors))
	for i := range rounds {
		rounds[i].Samples = make([]Sample, len(r.Sensors))
		for j, name := range r.Sensors {
			last[j] += r.Values[j][i]
			rounds[i].Samples[j] = Sample{Sensor: name, MilliC: last[j]}
		}
	}
	for _, f := range r.Faults {
		s := &rounds[f.Round].Samples[f.Sensor]
		s.MilliC, s.Fault = 0, f.Fault
	}
	return rounds, nil
}

// ThinReason is why readings were thinned.
type ThinReason uint8

// Reasons for thinning.
const (
	ThinShare   ThinReason = 0 // their share of the storage was full
	ThinAge     ThinReason = 1 // they were older than the device keeps them
	ThinCount   ThinReason = 2 // there were more records than the device keeps
	ThinDamaged ThinReason = 3 // their bytes were no longer what was written
)

func (r ThinReason) String() string {
	names := []string{"share of the storage full", "too old", "too many records", "damaged"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown reason"
}

// Thinned stands in the readings log for records that were dropped because its share of the storage was full, or that were
// damaged there. A hub that has some of the numbers From to To counts only the others as lost. After a fork both are 0: what
// was dropped had numbers of the parent incarnation.
type Thinned struct {
	From      uint64 `cbor:"1,keyasint"` // first number dropped
	To        uint64 `cbor:"2,keyasint"` // last number dropped
	Samples   uint32 `cbor:"3,keyasint"` // samples with a value in them; when 0, MinMilliC and MaxMilliC mean nothing
	MinMilliC int64  `cbor:"4,keyasint"`
	MaxMilliC int64  `cbor:"5,keyasint"`
	FromWall  int64  `cbor:"6,keyasint"` // Unix milliseconds of the first
	ToWall    int64  `cbor:"7,keyasint"` // Unix milliseconds of the last

	Reason  ThinReason      `cbor:"8,keyasint,omitempty"`
	Rounds  uint32          `cbor:"9,keyasint,omitempty"`  // rounds dropped, faults included
	Sensors []ThinnedSensor `cbor:"10,keyasint,omitempty"` // what is kept of them, at most MaxSensors
}

// ThinnedSensor is what is kept of one sensor's dropped samples. Rounds taken in an alarm are not among them: they are kept
// whole, as Rounds records of their own behind the Thinned one, with the boot and times at which they were taken.
type ThinnedSensor struct {
	Sensor  string `cbor:"1,keyasint"`
	Samples uint32 `cbor:"2,keyasint"`           // with a value; when 0 the points mean nothing
	Faults  uint32 `cbor:"3,keyasint,omitempty"` // without
	First   Point  `cbor:"4,keyasint"`
	Last    Point  `cbor:"5,keyasint"`
	Min     Point  `cbor:"6,keyasint"`
	Max     Point  `cbor:"7,keyasint"`
}

// Point is one value and the device's wall time of it, Unix milliseconds.
type Point struct {
	_      struct{} `cbor:",toarray"`
	Wall   int64
	MilliC int64
}
