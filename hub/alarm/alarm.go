// Package alarm holds the rules of what becomes of an alarm once it is raised: who has seen it, who has put it aside, what it is
// a consequence of, whom it is told to, and when it is over. The words are those of ISA-18.2 and OPC UA Part 9; see DESIGN.md.
package alarm

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Mark is who did something, and when. The zero one says that nobody has.
type Mark struct {
	At time.Time
	By string // a person's id
}

// Set says whether somebody did it.
func (m Mark) Set() bool { return !m.At.IsZero() }

// Shelf is an alarm put aside by a person: until a time, or once, that is for this time that it is active.
type Shelf struct {
	By     string
	Reason string
	Until  time.Time // when the shelf ends by itself, always set
	Once   bool      // it ends also when the alarm clears
}

// Alarm is one alarm. It is a value: every verb returns the alarm as it is then, and what has happened.
type Alarm struct {
	ID, Kind, Subject       string
	Detail                  Said
	Raised, Cleared         time.Time // Cleared is zero while it is active
	Revision                int       // 1 is what was raised first
	Acknowledged, Confirmed Mark      // of this revision
	Shelf                   Shelf
	Latched                 bool   // it stays until a person resets it, also when it is cleared
	Parent                  string // the alarm that explains this one; empty for none
	Changes                 int    // how often it has changed: who writes it compares and raises it
	Done                    bool   // it was over when it changed last; what is over stays so, whatever a newer hub asks of its kind
}

// Transition is one thing that happened to an alarm, for its history.
type Transition struct {
	Number   int // from 1, in the order in which they became known
	At       time.Time
	What     What
	By       string // a person's id; empty for a device, the clock or the rules
	Detail   Said
	Revision int
}

// What is the kind of a transition. The words are stored.
type What string

// What may happen to an alarm.
const (
	WasRaised       What = "raised"
	WasCleared      What = "cleared"
	WasAcknowledged What = "acknowledged"
	WasConfirmed    What = "confirmed"
	WasShelved      What = "shelved"
	WasUnshelved    What = "unshelved"
	WasReset        What = "reset"
	WasRevised      What = "revised"
	WasReopened     What = "reopened"  // revised for the worse: its acknowledgement stays on the older revision
	WasExplained    What = "explained" // is a consequence of another one from now on
)

// Refusals. Each is wrapped with the alarm's id.
var (
	ErrOldRevision = errors.New("the alarm was revised meanwhile")
	ErrAlready     = errors.New("somebody has done that before")
	ErrNotYet      = errors.New("not yet")
	ErrOver        = errors.New("the alarm is over")
)

// FieldError names what a person got wrong.
type FieldError struct{ Field, Want string }

func (e *FieldError) Error() string { return e.Field + ": want " + e.Want }

const (
	maxReason = 200
	// MaxShelf is how long an alarm can be put aside: a shift. What is to be silent for longer is out of service.
	MaxShelf = 12 * time.Hour
	minShelf = time.Minute
)

// New is an alarm that was raised just now.
func New(id, kind, subject string, detail Said, at time.Time) (Alarm, Transition) {
	a := Alarm{ID: id, Kind: kind, Subject: subject, Detail: detail, Raised: at, Revision: 1, Latched: Of(kind).Latches}
	return a.did(WasRaised, at, "", detail)
}

// did notes one more transition.
func (a Alarm) did(what What, at time.Time, by string, detail Said) (Alarm, Transition) {
	a.Changes++
	a.Done = a.Done || a.over() // what is over stays so; Revise alone opens it again
	return a, Transition{Number: a.Changes, At: at, What: what, By: by, Detail: detail, Revision: a.Revision}
}

// Active says whether what is wrong is still so.
func (a Alarm) Active() bool { return a.Cleared.IsZero() }

// Over says whether nothing remains to be done or known about the alarm.
func (a Alarm) Over() bool { return a.Done || a.over() }

func (a Alarm) over() bool {
	k := Of(a.Kind)
	return !a.Active() && !a.Latched && (!k.Stays || a.Acknowledged.Set()) && (!k.Confirms || a.Confirmed.Set())
}

// Shelved says whether the alarm is put aside at now.
func (a Alarm) Shelved(now time.Time) bool {
	return a.Shelf.By != "" && now.Before(a.Shelf.Until) && (!a.Shelf.Once || a.Active())
}

// Acknowledge is a person's word that they have seen the revision of the alarm and deal with it.
func (a Alarm) Acknowledge(by string, revision int, now time.Time) (Alarm, Transition, error) {
	if err := a.seen(revision, a.Acknowledged); err != nil {
		return a, Transition{}, err
	}
	a.Acknowledged = Mark{now, by}
	b, t := a.did(WasAcknowledged, now, by, "")
	return b, t, nil
}

// Confirm is a person's word that what the alarm asks for is done. It comes after the acknowledgement.
func (a Alarm) Confirm(by string, revision int, now time.Time) (Alarm, Transition, error) {
	if err := a.seen(revision, a.Confirmed); err != nil {
		return a, Transition{}, err
	}
	if !a.Acknowledged.Set() {
		return a, Transition{}, fmt.Errorf("confirm alarm %s: %w: it is not acknowledged", a.ID, ErrNotYet)
	}
	a.Confirmed = Mark{now, by}
	b, t := a.did(WasConfirmed, now, by, "")
	return b, t, nil
}

// seen refuses word of a revision that is not the present one, and a second word of the same.
func (a Alarm) seen(revision int, mark Mark) error {
	switch {
	case revision != a.Revision:
		return fmt.Errorf("alarm %s is at revision %d, not %d: %w", a.ID, a.Revision, revision, ErrOldRevision)
	case mark.Set():
		return fmt.Errorf("alarm %s, by %s: %w", a.ID, mark.By, ErrAlready)
	case a.Over():
		return fmt.Errorf("alarm %s: %w", a.ID, ErrOver)
	}
	return nil
}

// Put shelves the alarm. A reason has to be given, and an end within MaxShelf: an alarm that is put aside for good is one that
// nobody sees. It can be shelved again, which replaces the shelf.
func (a Alarm) Put(s Shelf, now time.Time) (Alarm, Transition, error) {
	s.Reason = strings.TrimSpace(s.Reason)
	switch {
	case a.Over():
		return a, Transition{}, fmt.Errorf("shelve alarm %s: %w", a.ID, ErrOver)
	case s.Once && !a.Active():
		return a, Transition{}, fmt.Errorf("shelve alarm %s once: %w: it is not active", a.ID, ErrOver)
	case s.Reason == "" || len(s.Reason) > maxReason:
		return a, Transition{}, &FieldError{"reason", fmt.Sprintf("a reason of at most %d bytes", maxReason)}
	}
	if s.Once && s.Until.IsZero() {
		s.Until = now.Add(MaxShelf)
	}
	if d := s.Until.Sub(now); d < minShelf || d > MaxShelf {
		return a, Transition{}, &FieldError{"until", fmt.Sprintf("a time between %s and %s from now", minShelf, MaxShelf)}
	}
	a.Shelf = s
	until := "until " + s.Until.UTC().Format(time.RFC3339)
	if s.Once {
		until = "once, " + until
	}
	b, t := a.did(WasShelved, now, s.By, Said(until+": "+s.Reason))
	return b, t, nil
}

// Take takes the alarm off its shelf before time.
func (a Alarm) Take(by string, now time.Time) (Alarm, Transition, error) {
	if !a.Shelved(now) {
		return a, Transition{}, fmt.Errorf("alarm %s is on no shelf: %w", a.ID, ErrAlready)
	}
	a.Shelf = Shelf{}
	b, t := a.did(WasUnshelved, now, by, "")
	return b, t, nil
}

// Clear says that what was wrong is right again. Word of that may come late: an alarm that the clock had raised meanwhile ends
// when it began. Of one that is cleared it changes nothing, and changed is false.
func (a Alarm) Clear(at time.Time) (_ Alarm, _ Transition, changed bool) {
	if !a.Active() {
		return a, Transition{}, false
	}
	if at.Before(a.Raised) {
		at = a.Raised
	}
	a.Cleared = at
	if a.Shelf.Once {
		a.Shelf = Shelf{}
	}
	b, t := a.did(WasCleared, at, "", "")
	return b, t, true
}

// Reset takes the latch off. What is wrong has to be right again, and somebody to have acknowledged it (OPC UA Part 9, 5.8.5).
func (a Alarm) Reset(by string, now time.Time) (Alarm, Transition, error) {
	switch {
	case !a.Latched:
		return a, Transition{}, fmt.Errorf("alarm %s is not latched: %w", a.ID, ErrAlready)
	case a.Active():
		return a, Transition{}, fmt.Errorf("reset alarm %s: %w: it is active", a.ID, ErrNotYet)
	case !a.Acknowledged.Set():
		return a, Transition{}, fmt.Errorf("reset alarm %s: %w: it is not acknowledged", a.ID, ErrNotYet)
	}
	a.Latched = false
	b, t := a.did(WasReset, now, by, "")
	return b, t, nil
}

// Judgement is what an alarm is found to be when it is judged anew, by readings that came late for example.
type Judgement struct {
	Detail          Said
	Raised, Cleared time.Time // Cleared is zero while it is active; equal to Raised when it was none
	Worse           bool      // also where the times alone do not say so
}

// worse says whether a judgement is graver than the alarm as it was: it began earlier, lasted longer or is not over.
func (a Alarm) worse(j Judgement) bool {
	switch {
	case j.Worse || j.Raised.Before(a.Raised):
		return true
	case a.Active():
		return false
	}
	return j.Cleared.IsZero() || j.Cleared.After(a.Cleared)
}

// Revise makes the alarm what a new judgement says. The revision before it, with its acknowledgement, is what the caller keeps
// of the alarm as it was. When it got worse nobody has seen that yet: the new revision has no acknowledgement, is on no shelf, and is
// latched again. The same judgement again changes nothing, and changed is false.
func (a Alarm) Revise(j Judgement, now time.Time) (_ Alarm, _ Transition, changed bool, err error) {
	if !j.Cleared.IsZero() && j.Cleared.Before(j.Raised) {
		return a, Transition{}, false, &FieldError{"cleared", "a time not before raised"}
	}
	if j.Detail == a.Detail && j.Raised.Equal(a.Raised) && j.Cleared.Equal(a.Cleared) && j.Cleared.IsZero() == a.Cleared.IsZero() {
		return a, Transition{}, false, nil
	}
	what := WasRevised
	if a.worse(j) {
		what = WasReopened
		a.Acknowledged, a.Confirmed, a.Shelf, a.Latched = Mark{}, Mark{}, Shelf{}, Of(a.Kind).Latches
	}
	a.Detail, a.Raised, a.Cleared = j.Detail, j.Raised, j.Cleared
	a.Revision++
	a.Done = false
	if a.Shelf.Once && !a.Active() {
		a.Shelf = Shelf{}
	}
	b, t := a.did(what, now, "", j.Detail)
	return b, t, true, nil
}

// Under makes the alarm a consequence of another one. It has one cause at a time; that of the moment is the one that counts.
func (a Alarm) Under(parent string, at time.Time) (_ Alarm, _ Transition, changed bool) {
	if parent == "" || parent == a.Parent || parent == a.ID {
		return a, Transition{}, false
	}
	a.Parent = parent
	b, t := a.did(WasExplained, at, "", Said(parent))
	return b, t, true
}
