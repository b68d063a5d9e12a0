package alarm

import (
	"slices"
	"time"
)

// Station is what is known of a station's being heard, for Silent.
type Station struct {
	Place  string
	Online bool
	Heard  time.Time // zero for one that was never heard: it is not installed yet
	Opens  time.Time // the next pickup with orders; zero for none
}

// A station that is silent so long is dark when its pickup opens within OpensWithin: time to drive there and look.
const (
	SilentFor   = 15 * time.Minute
	OpensWithin = time.Hour
)

// So many stations silent at once, and so large a part of all, have one reason. It is over when only half of that are.
const (
	outageFew  = 5
	outagePart = 4 // one in
)

// Silent says which stations are dark before their pickup opens, and whether so many are silent that it is the hub, its broker or
// their network: then there is one alarm of that, and none of single stations. outage says whether there was one so far; up is since
// when the hub listens, for before it could hear nobody.
func Silent(all []Station, outage bool, up, now time.Time) (dark []Station, still bool) {
	if now.Sub(up) < SilentFor {
		return nil, outage
	}
	heard, silent := 0, 0
	for _, s := range all {
		if s.Heard.IsZero() {
			continue
		}
		heard++
		if s.Online || now.Sub(s.Heard) < SilentFor {
			continue
		}
		silent++
		if until := s.Opens.Sub(now); !s.Opens.IsZero() && until <= OpensWithin {
			dark = append(dark, s)
		}
	}
	if outage {
		outage = 2*silent >= outageFew && 2*outagePart*silent >= heard
	} else {
		outage = silent >= outageFew && outagePart*silent >= heard
	}
	if outage {
		return nil, true
	}
	return dark, false
}

// Calibrated is when a probe was compared with a reference last, and until when that holds: dates of the business.
type Calibrated struct {
	Sensor      string // POSITION/NAME
	On, Due     string // dates, 2026-12-01
	Certificate string // of the reference, or of the laboratory
}

// WarnBefore is how long before its date a calibration is said to be due: time for a visit that is planned anyway.
const WarnBefore = 30 * 24 * time.Hour

// NewCalibrated checks what somebody enters.
func NewCalibrated(c Calibrated) (Calibrated, error) {
	on, err := time.Parse(time.DateOnly, c.On)
	if err != nil {
		return c, &FieldError{"calibrated_on", "a date such as 2026-12-01"}
	}
	due, err := time.Parse(time.DateOnly, c.Due)
	if err != nil || !due.After(on) || due.Sub(on) > 5*366*24*time.Hour {
		return c, &FieldError{"due_on", "a date after calibrated_on, five years later at most"}
	}
	if c.Sensor == "" || len(c.Sensor) > 120 || !slices.Contains([]byte(c.Sensor), '/') {
		return c, &FieldError{"sensor", "POSITION/NAME, such as loc-1-f1/air"}
	}
	if len(c.Certificate) > maxReason {
		return c, &FieldError{"certificate", "at most 200 bytes"}
	}
	return c, nil
}

// DueKind says which alarm a calibration has at now, in the zone of the business: Overdue after its day, Calibration before, or none.
func (c Calibrated) DueKind(now time.Time, zone *time.Location) string {
	due, err := time.ParseInLocation(time.DateOnly, c.Due, zone)
	switch {
	case err != nil:
		return "" // what is stored was checked
	case !now.Before(due.AddDate(0, 0, 1)):
		return Overdue
	case !now.Before(due.Add(-WarnBefore)):
		return Calibration
	}
	return ""
}
