package fleet

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// State is what holds of a device's readings for a stretch of time. The completeness ledger gives every moment exactly one.
type State string

// States of a stretch.
const (
	StateReceived        State = "received"         // sampled, and the hub has it
	StateSensorFault     State = "sensor_fault"     // sampled, and a sensor gave a named fault in place of a value
	StateThinned         State = "thinned"          // sampled, and dropped by the device, which said so
	StateOff             State = "off"              // the device did not run
	StateNotFlushed      State = "not_flushed"      // the power went while what was sampled may not have been in the log yet
	StateNotSampled      State = "not_sampled"      // the device ran, its log has no number missing, and there is no round
	StateNotArrived      State = "not_arrived"      // the device may still hold it
	StateDamaged         State = "damaged"          // sampled, and lost to corruption of the device's storage
	StateIncarnationLost State = "incarnation_lost" // what the hub lacks of an earlier life of the storage
	StateQuarantined     State = "quarantined"      // a record came that could not be read; it is kept raw
	StateDiscarded       State = "discarded"        // a record came that could not be read, and too many of the device's are kept raw already
	StateNotHeld         State = "not_held"         // the device no longer had what the hub expected
	StateNotInUse        State = "not_in_use"       // before the device's first start, after it was revoked, or without any sensor
	StateAhead           State = "ahead"            // later than now
)

// States gives all states in the order in which people ask for them.
func States() []State {
	return []State{StateReceived, StateSensorFault, StateThinned, StateNotFlushed, StateDamaged, StateIncarnationLost, StateNotHeld,
		StateDiscarded, StateQuarantined, StateNotArrived, StateNotSampled, StateOff, StateNotInUse, StateAhead}
}

// Lost says whether readings of this state were, or may have been, taken and will never be had.
func (s State) Lost() bool {
	return slices.Contains([]State{StateThinned, StateNotFlushed, StateDamaged, StateIncarnationLost, StateNotHeld, StateDiscarded}, s)
}

// Expected says whether readings ought to be there: the device ran and was in use.
func (s State) Expected() bool {
	return s != StateOff && s != StateNotInUse && s != StateAhead
}

// Reasons that the ledger gives itself; of faults and thinnings it repeats what the device said.
const (
	ReasonStopped     = "stopped"      // the boot ended in order
	ReasonPowerCut    = "power cut"    // it did not
	ReasonOnline      = "online"       // not arrived: on its way, or being drained
	ReasonOffline     = "offline"      // not arrived: nobody knows
	ReasonRevoked     = "revoked"      // the device was shut out
	ReasonNoSensor    = "no sensor"    // not sampled: the device does not have the sensor; not in use: it has none at all
	ReasonRestored    = "restored"     // not held: the hub went back to a backup, and the device had deleted already
	ReasonNotStarted  = "not started"  // not in use: before its first start
	ReasonNoLongerHas = "not there"    // not held: no other reason is known
	ReasonSuperseded  = "superseded"   // incarnation lost, or not arrived if it was heard of since: a new one appeared that does not go on from it
	ReasonSalvage     = "broken file"  // damaged: it could not be read out of a broken file
	ReasonRecord      = "broken value" // damaged: single records were no longer what was written
)

// Stretch is a span of time [From, To) in which one state holds.
type Stretch struct {
	From, To time.Time
	State    State
	Reason   string
	Sensor   string // the sensors at fault; else the one that was asked for
	// Rounds of the sensors: of received ones and faults counted, of thinned ones as the device counted them where it named
	// just these, else as many as the interval leaves room for: for not flushed and incarnation lost that is the most there
	// can be.
	Rounds int
	// Samples with a value, of received and faulty rounds.
	Samples int
	// Within is how far From and To may be off, beyond one sampling interval.
	Within time.Duration
	// Assumed says that the device did not tell its sampling interval: it was inferred.
	Assumed bool
}

// Total sums the stretches of one state.
type Total struct {
	State           State
	Time            time.Duration
	Rounds, Samples int
}

// Totals sums stretches by state, in the order of States, without those that do not occur.
func Totals(stretches []Stretch) []Total {
	of := map[State]*Total{}
	for _, s := range stretches {
		t := of[s.State]
		if t == nil {
			t = &Total{State: s.State}
			of[s.State] = t
		}
		t.Time += s.To.Sub(s.From)
		t.Rounds += s.Rounds
		t.Samples += s.Samples
	}
	var all []Total
	for _, s := range States() {
		if t := of[s]; t != nil {
			all = append(all, *t)
		}
	}
	return all
}

// Complete1000 is how much of the time in which readings ought to be there has been received, in thousandths, rounded down so that
// 1000 means all; false when none ought to be.
func Complete1000(totals []Total) (int, bool) {
	var have, want time.Duration
	for _, t := range totals {
		if t.State == StateReceived {
			have += t.Time
		}
		if t.State.Expected() {
			want += t.Time
		}
	}
	if want == 0 {
		return 0, false
	}
	return int(float64(have) / float64(want) * 1000), true
}

// Worst is the gravest state among totals: what is lost for ever, before what may still come, before faults. It is
// StateReceived when nothing is wrong, and empty without totals.
func Worst(totals []Total) State {
	for _, s := range []State{StateIncarnationLost, StateDamaged, StateNotHeld, StateDiscarded, StateThinned, StateNotFlushed, StateQuarantined,
		StateNotArrived, StateSensorFault, StateNotSampled, StateReceived, StateOff, StateNotInUse, StateAhead} {
		for _, t := range totals {
			if t.State == s {
				return s
			}
		}
	}
	return ""
}

// MaxLedgerSpan is the longest time that the ledger is asked about at once.
const MaxLedgerSpan = 400 * 24 * time.Hour

// ErrSpan is a span of time that the ledger is not asked about.
var ErrSpan = errors.New("span of time")

// CheckSpan says what is wrong with a span; the error is ErrSpan.
func CheckSpan(from, to time.Time) error {
	switch {
	case !from.Before(to):
		return fmt.Errorf("%w: from %s to %s: want from before to", ErrSpan, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	case to.Sub(from) > MaxLedgerSpan:
		return fmt.Errorf("%w: %d days: want at most %d", ErrSpan, int(to.Sub(from).Hours()/24), int(MaxLedgerSpan.Hours()/24))
	}
	return nil
}
