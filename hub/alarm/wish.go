package alarm

import (
	"fmt"
	"time"
)

// Verb is what a person can do to an alarm.
type Verb string

// Verbs. The words are those of the API and of `hub alarms`.
const (
	Acknowledge Verb = "acknowledge"
	Confirm     Verb = "confirm"
	PutOnShelf  Verb = "shelve"
	TakeOff     Verb = "unshelve"
	ResetLatch  Verb = "reset"
)

// Wish is what a person wants done to an alarm.
type Wish struct {
	Verb     Verb
	By       string // a person's id
	Revision int    // that they saw; for Acknowledge and Confirm
	Minutes  int    // for PutOnShelf; 0 with Once for as long as it may be
	Once     bool   // for PutOnShelf
	Reason   string // for PutOnShelf
}

// Do does it, or refuses.
func (w Wish) Do(a Alarm, now time.Time) (Alarm, Transition, error) {
	switch w.Verb {
	case Acknowledge:
		return a.Acknowledge(w.By, w.Revision, now)
	case Confirm:
		return a.Confirm(w.By, w.Revision, now)
	case PutOnShelf:
		s := Shelf{By: w.By, Reason: w.Reason, Once: w.Once}
		if w.Minutes != 0 || !w.Once {
			s.Until = now.Add(time.Duration(min(w.Minutes, 1<<20)) * time.Minute)
		}
		return a.Put(s, now)
	case TakeOff:
		return a.Take(w.By, now)
	case ResetLatch:
		return a.Reset(w.By, now)
	}
	return a, Transition{}, &FieldError{"verb", fmt.Sprintf("acknowledge, confirm, shelve, unshelve or reset, not %q", w.Verb)}
}

// May says which of the verbs make sense for an alarm in its state, for the buttons of pages. Do has the last word.
func (a Alarm) May(now time.Time) map[Verb]bool {
	k := Of(a.Kind)
	return map[Verb]bool{
		Acknowledge: !a.Over() && !a.Acknowledged.Set(),
		Confirm:     !a.Over() && k.Confirms && a.Acknowledged.Set() && !a.Confirmed.Set(),
		PutOnShelf:  !a.Over() && !a.Shelved(now),
		TakeOff:     a.Shelved(now),
		ResetLatch:  a.Latched && !a.Active() && a.Acknowledged.Set(),
	}
}
