// Package monitor holds the rules for temperature probes: whether a value can be believed, and when readings become an alarm on the
// device itself.
package monitor

import (
	"time"

	"meguri/protocol"
)

// State is what is remembered of a probe across a restart.
type State struct {
	OutsideSince int64 `cbor:"1,keyasint,omitempty"` // Unix milliseconds of the first reading outside the limits, 0 for none
	Alarmed      bool  `cbor:"2,keyasint,omitempty"`

	First       uint64 `cbor:"3,keyasint,omitempty"` // number of the record with that reading
	OutsideMS   int64  `cbor:"4,keyasint,omitempty"` // known time outside since
	LastAt      int64  `cbor:"5,keyasint,omitempty"` // Unix milliseconds of the last reading of the excursion
	InsideSince int64  `cbor:"6,keyasint,omitempty"` // Unix milliseconds since when it has been back, 0 for not
	Low         bool   `cbor:"7,keyasint,omitempty"` // below the lowest; else above the highest
	InsideAt    int64  `cbor:"8,keyasint,omitempty"` // Unix milliseconds of the last reading of those, while it stands
}

// Stands is how long a reading stands for what comes after it: two rounds of a minute may be lost before anything is unknown.
const Stands = 3 * time.Minute

// Watch is one rule of a plan, as a plan with that rule alone, and the name that its alarms carry; empty where the plan has no rules of
// its own.
type Watch struct {
	Rule string
	Plan protocol.TemperaturePlan
}

// Key is by what the state of a sensor's watch is remembered.
func (w Watch) Key(sensor string) string {
	if w.Rule == "" {
		return sensor
	}
	return sensor + "#" + w.Rule
}

// beyond is a temperature that nothing has.
const beyond = int64(1) << 40

// Watches are the rules by which a plan has a place watched, each for itself.
func Watches(p protocol.TemperaturePlan) []Watch {
	if len(p.Rules) == 0 {
		return []Watch{{Plan: p}}
	}
	all := make([]Watch, 0, len(p.Rules))
	for _, r := range p.Rules {
		one := protocol.TemperaturePlan{Position: p.Position, MinMilliC: -beyond, MaxMilliC: r.LimitMilliC, SampleEveryMS: p.SampleEveryMS,
			AlarmAfterMS: r.AfterMS, DeadbandMilliC: r.DeadbandMilliC, ClearAfterMS: r.ClearAfterMS}
		if r.Low {
			one.MinMilliC, one.MaxMilliC = r.LimitMilliC, beyond
		}
		all = append(all, Watch{r.Name, one})
	}
	return all
}

// Read is the function Read for the rule, whose name its alarms carry.
func (w Watch) Read(s State, sample protocol.Sample, record uint64, now time.Time) (State, []protocol.Body) {
	s, records := Read(s, w.Plan, sample, record, now)
	for i, r := range records {
		if a, ok := r.(protocol.Alarm); ok {
			a.Rule = w.Rule
			records[i] = a
		}
	}
	return s, records
}

// Read takes the next sample of a probe, which will be in the record of that number. Outside for as long as the plan allows raises an
// alarm; far enough inside for long enough clears it. A fault is no reading: it neither raises nor clears, nor does time without one
// count. It is the rule that the hub finds alarms in the readings by, so that both speak of the same.
func Read(s State, p protocol.TemperaturePlan, sample protocol.Sample, record uint64, now time.Time) (State, []protocol.Body) {
	at := now.UnixMilli()
	if s.OutsideSince > at || s.LastAt > at || s.InsideSince > at || s.InsideAt > at { // the clock has been set back, or is not set since a start
		s.OutsideSince, s.LastAt, s.InsideSince, s.InsideAt, s.OutsideMS = at, at, 0, 0, 0
	}
	raised := s.count(p, at)
	if s.rested(p, at) {
		return s.over(p, sample, record, at, raised)
	}
	if sample.Fault != protocol.SensorOK {
		s.InsideAt = 0 // it has stood until now
		return s, raised.bodies(sample, p, s)
	}
	high, low := sample.MilliC > p.MaxMilliC, sample.MilliC < p.MinMilliC
	switch {
	case s.OutsideSince == 0 && (high || low):
		s = State{OutsideSince: at, First: record, LastAt: at, Low: low}
	case s.OutsideSince == 0:
		return State{}, nil
	case !s.back(p, sample.MilliC):
		s.LastAt, s.InsideSince, s.InsideAt = at, 0, 0
	default:
		s.LastAt, s.InsideAt = 0, at
		if s.InsideSince == 0 {
			s.InsideSince = at
		}
	}
	if s.InsideSince != 0 && at-s.InsideSince >= p.ClearAfterMS {
		return s.over(p, sample, record, at, raised)
	}
	if s.OutsideSince == at && p.AlarmAfterMS <= 0 {
		raised, s.Alarmed = true, true
	}
	return s, raised.bodies(sample, p, s)
}

// rested says whether the readings inside have stood for long enough to end the excursion, whatever comes now.
func (s State) rested(p protocol.TemperaturePlan, at int64) bool {
	return s.InsideAt != 0 && min(at, s.InsideAt+Stands.Milliseconds())-s.InsideSince >= p.ClearAfterMS
}

// over ends an excursion. The reading that ends it may lie outside on the other side.
func (s State) over(p protocol.TemperaturePlan, sample protocol.Sample, record uint64, at int64, raised verdict) (State, []protocol.Body) {
	records := raised.bodies(sample, p, s)
	if s.Alarmed {
		records = append(records, protocol.Alarm{Sensor: sample.Sensor, MilliC: sample.MilliC, LimitMilliC: s.limit(p), First: s.First})
	}
	next, more := State{}, []protocol.Body(nil)
	if sample.Fault == protocol.SensorOK && (sample.MilliC > p.MaxMilliC || sample.MilliC < p.MinMilliC) {
		next, more = Read(State{}, p, sample, record, time.UnixMilli(at))
	}
	return next, append(records, more...)
}

// verdict says that an alarm is to be raised.
type verdict bool

func (v verdict) bodies(sample protocol.Sample, p protocol.TemperaturePlan, s State) []protocol.Body {
	if !v {
		return nil
	}
	value := sample.MilliC
	if sample.Fault != protocol.SensorOK { // the reading before it decided, and is not kept: it was outside by this at least
		value = s.limit(p) + 1
		if s.Low {
			value = s.limit(p) - 1
		}
	}
	return []protocol.Body{protocol.Alarm{Sensor: sample.Sensor, Raised: true, MilliC: value, LimitMilliC: s.limit(p), First: s.First}}
}

// count adds the time for which the last reading outside has stood, and says whether that makes an alarm.
func (s *State) count(p protocol.TemperaturePlan, at int64) verdict {
	if s.LastAt == 0 {
		return false
	}
	stood := min(at-s.LastAt, Stands.Milliseconds())
	s.OutsideMS += stood
	s.LastAt = 0
	if s.Alarmed || s.OutsideMS < p.AlarmAfterMS {
		return false
	}
	s.Alarmed = true
	return true
}

func (s State) limit(p protocol.TemperaturePlan) int64 {
	if s.Low {
		return p.MinMilliC
	}
	return p.MaxMilliC
}

// back says whether a reading lies far enough inside to end the excursion.
func (s State) back(p protocol.TemperaturePlan, milliC int64) bool {
	if s.Low {
		return milliC >= p.MinMilliC+p.DeadbandMilliC
	}
	return milliC <= p.MaxMilliC-p.DeadbandMilliC
}
