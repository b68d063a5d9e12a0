package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Bounds of putting a board into service in the place of another.
const (
	CommissionWithin     = 15 * time.Minute // from when the former board was shut out; longer is an alarm
	ProbeMovesMilliC     = 2000             // how far a probe has to move that was warmed or cooled by hand
	OthersMoveMilliC     = 1000             // and no other may meanwhile
	ReferenceWithinMilli = 500              // between the engineer's thermometer and the probe
	ReferenceFresh       = 2 * time.Minute  // how old the probe's reading may be
)

// Errors of putting a board into service.
var (
	ErrNotCommissioning = errors.New("this board is not being put into service")
	ErrChecksMissing    = errors.New("not every check has passed")
	ErrNoEngineer       = errors.New("an engineer signs: a person of the role kitting")
	ErrNotRunning       = errors.New("this check has not begun")
)

// Step is one of the checks of a position.
type Step string

// Steps. Probe: the reading that moves when this fridge's probe is warmed by hand is this fridge's. Reference: it agrees with the
// engineer's thermometer. Door: the lock fires, the contact opens and shuts, and the bolt is sensed.
const (
	StepProbe     Step = "probe"
	StepReference Step = "reference"
	StepDoor      Step = "door"
)

// Steps are all, in the order in which they are done.
func Steps() []Step { return []Step{StepProbe, StepReference, StepDoor} }

// CheckState is how far a check has come.
type CheckState string

// States of a check.
const (
	CheckRunning CheckState = "running"
	CheckPassed  CheckState = "passed"
	CheckFailed  CheckState = "failed" // it may be begun again
)

// Check is one check of one position.
type Check struct {
	Fridge  string
	Step    Step
	State   CheckState // empty before it has begun
	BeganAt time.Time
	EndedAt time.Time // zero while it runs
	By      string    // person
	Detail  string    // what was seen
	Command string    // that opens the door; empty for other steps
}

// End ends a check with what was seen.
func (c Check) End(passed bool, detail string, now time.Time) Check {
	c.State, c.Detail, c.EndedAt = CheckFailed, detail, now
	if passed {
		c.State = CheckPassed
	}
	return c
}

// Commissioning is the putting into service of a board that takes the place of another. Until it is signed the board serves nobody.
type Commissioning struct {
	ID, Device, Former, Location string
	BeganAt                      time.Time // the former board was shut out
	BeganBy                      string
	HeardUntil                   time.Time // up to where the former board's log was heard; zero for nothing
	SignedAt                     time.Time // zero before
	SignedBy                     string
	Fridges                      []string
	Checks                       []Check // those that have begun
}

// Check gives a check of a position; one that has not begun has no state.
func (c Commissioning) Check(fridge string, step Step) Check {
	for _, k := range c.Checks {
		if k.Fridge == fridge && k.Step == step {
			return k
		}
	}
	return Check{Fridge: fridge, Step: step}
}

// Missing names the checks that have not passed.
func (c Commissioning) Missing() (all []string) {
	for _, f := range c.Fridges {
		for _, s := range Steps() {
			if c.Check(f, s).State != CheckPassed {
				all = append(all, f+" "+string(s))
			}
		}
	}
	return all
}

// Due is when it is to be signed at the latest.
func (c Commissioning) Due() time.Time { return c.BeganAt.Add(CommissionWithin) }

// Late says whether it takes longer than it may.
func (c Commissioning) Late(now time.Time) bool { return c.SignedAt.IsZero() && now.After(c.Due()) }

// Sign puts the board into service. It is ErrNotCommissioning when that was done, ErrNoEngineer, or ErrChecksMissing.
func (c Commissioning) Sign(by string, engineer bool, now time.Time) (Commissioning, error) {
	switch missing := c.Missing(); {
	case !c.SignedAt.IsZero():
		return c, ErrNotCommissioning
	case !engineer:
		return c, ErrNoEngineer
	case len(missing) > 0:
		return c, fmt.Errorf("%w: %s, and %d others", ErrChecksMissing, missing[0], len(missing)-1)
	}
	c.SignedBy, c.SignedAt = by, now
	return c, nil
}

// JudgeProbe says whether the probe that moved is this fridge's, and no other. moves are how far the readings of each fridge have moved
// since the check began, millidegrees, either way.
func JudgeProbe(fridge string, moves map[string]int64) (passed bool, detail string) {
	for _, other := range slices.Sorted(maps.Keys(moves)) {
		if other != fridge && moves[other] >= OthersMoveMilliC {
			return false, fmt.Sprintf("%s: %.1f °C", other, float64(moves[other])/1000)
		}
	}
	return moves[fridge] >= ProbeMovesMilliC, fmt.Sprintf("%s: %.1f °C", fridge, float64(moves[fridge])/1000)
}

// JudgeReference says whether a probe agrees with the engineer's thermometer.
func JudgeReference(probeMilliC, referenceMilliC int64) (passed bool, detail string) {
	off := probeMilliC - referenceMilliC
	return off <= ReferenceWithinMilli && off >= -ReferenceWithinMilli,
		fmt.Sprintf("%.2f °C, %.2f °C", float64(probeMilliC)/1000, float64(referenceMilliC)/1000)
}

// DoorSeen is what a device has told of a door since its test began.
type DoorSeen struct{ Fired, Opened, Shut bool }

// JudgeDoor says whether a door did all that it should, else what is missing first.
func JudgeDoor(s DoorSeen) (passed bool, detail string) {
	switch {
	case !s.Fired:
		return false, "not fired"
	case !s.Opened:
		return false, "not opened"
	case !s.Shut:
		return false, "not shut and bolted"
	}
	return true, ""
}
