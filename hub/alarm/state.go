package alarm

import "time"

// State is the one word that says how an alarm stands. Where several fit, the first of this order is it.
type State string

// States, after ISA-18.2 (figure 2) and OPC UA Part 9 (5.8).
const (
	Over           State = "over"           // normal: nothing is to be done
	OutOfService   State = "out_of_service" // its position is under maintenance
	Suppressed     State = "suppressed"     // a consequence of an alarm that stands
	Shelved        State = "shelved"        // put aside by a person
	Unacknowledged State = "unacknowledged" // active, and nobody has seen it
	Acknowledged   State = "acknowledged"   // active, and somebody deals with it
	Returned       State = "returned"       // right again, and nobody has seen it or confirmed what was done
	Latched        State = "latched"        // right again and seen, and a person has yet to reset it
)

// Around is what the state of an alarm depends on beside the alarm.
type Around struct {
	Parent  *Alarm    // that it is a consequence of; nil for none
	Service []Service // of the positions that it is about
}

// State says how the alarm stands at now.
func (a Alarm) State(w Around, now time.Time) State {
	switch {
	case a.Over():
		return Over
	case OutOfServiceAt(w.Service, now):
		return OutOfService
	case w.Parent != nil && w.Parent.Explains(now):
		return Suppressed
	case a.Shelved(now):
		return Shelved
	case a.Active() && !a.Acknowledged.Set():
		return Unacknowledged
	case a.Active():
		return Acknowledged
	case a.Latched && a.Acknowledged.Set():
		return Latched
	}
	return Returned
}

// Calls says whether the state asks for a person: it is loud, and is told to somebody when nobody answers.
func (s State) Calls() bool { return s == Unacknowledged || s == Returned || s == Latched }

// Explains says whether the alarm stands as a cause at now: while it is active and, since a fridge that was warm takes its time
// to be cold again, for its kind's Recovery after.
func (a Alarm) Explains(now time.Time) bool {
	return a.Active() || now.Before(a.Cleared.Add(Of(a.Kind).Recovery))
}

// Service is a position that is out of service: a fridge, a location, a shipper or a device that somebody works at. Its alarms
// are kept and call nobody.
type Service struct {
	ID       string
	Position string
	By       string // who says so
	Reason   string
	From     time.Time
	Until    time.Time // it ends by itself
	Ended    Mark      // before time
}

// MaxService is how long a position can be out of service before somebody has to say so again.
const MaxService = 14 * 24 * time.Hour

// NewService takes a position out of service.
func NewService(s Service) (Service, error) {
	switch d := s.Until.Sub(s.From); {
	case s.Position == "":
		return s, &FieldError{"position", "a fridge, location, shipper or device"}
	case s.Reason == "" || len(s.Reason) > maxReason:
		return s, &FieldError{"reason", "a reason of at most 200 bytes"}
	case d < minShelf || d > MaxService:
		return s, &FieldError{"until", "a time between a minute and 14 days from now"}
	}
	return s, nil
}

// At says whether the position is out of service at now.
func (s Service) At(now time.Time) bool {
	return !now.Before(s.From) && now.Before(s.Until) && (!s.Ended.Set() || now.Before(s.Ended.At))
}

// OutOfServiceAt says whether one of them is.
func OutOfServiceAt(all []Service, now time.Time) bool {
	for _, s := range all {
		if s.At(now) {
			return true
		}
	}
	return false
}
