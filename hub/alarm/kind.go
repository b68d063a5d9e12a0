package alarm

import (
	"slices"
	"strings"
	"time"
)

// Priority says how soon somebody has to do something. The number is stored: 1 is the gravest.
type Priority int

// Priorities, after ISA-18.2: by the consequence and the time there is.
const (
	Urgent Priority = iota + 1 // goods or safety are lost within the hour
	High                       // goods are at risk today
	Medium                     // the next delivery is at risk
	Low                        // to be put in order within days
)

// Kind is what is known of all alarms of a kind: what follows from it, what to do and who does it. ISA-18.2 asks for that of
// every alarm before it may exist.
type Kind struct {
	Name                       string
	Priority                   Priority
	Owner                      string        // the role that deals with it, as in package people
	Latches                    bool          // it stays until a person resets it
	Stays                      bool          // it stays until somebody has acknowledged it, also when it is right again
	Confirms                   bool          // somebody of the quality role has to confirm what was done
	Within                     time.Duration // it is told to the owner when nobody acknowledges so long; 0 for never
	Recovery                   time.Duration // as a cause it explains its consequences so long after it is cleared
	Title, Consequence, Action Text
}

// Owners of kinds: roles of package people.
const (
	Dispatcher = "dispatcher"
	Quality    = "quality"
	Kitting    = "kitting"
	Admin      = "admin"
)

// Names of kinds that rules speak of.
const (
	Power       = "power"  // one a station: a supply is gone
	Mains       = "mains"  // one a fridge, under Power
	Outage      = "outage" // so many stations are silent at once that it is the hub or its network
	Dark        = "dark"
	DarkOpening = "dark_opening"
	Leftover    = "leftover"
	Uncollected = "uncollected"
	Calibration = "calibration"
	Overdue     = "calibration_overdue"
	ClockLow    = "clock_battery"
	ClockLost   = "clock_lost"
	Sensor      = "sensor"
)

// Of gives what is known of a kind by its name. A name that is not known is taken by its beginning, "temperature_low" as
// "temperature"; of one that is quite unknown the dispatcher is asked to look.
func Of(name string) Kind {
	for known := name; ; {
		if k, ok := kinds[known]; ok {
			k.Name = name
			return k
		}
		cut := strings.LastIndexByte(known, '_')
		if cut < 0 {
			break
		}
		known = known[:cut]
	}
	k := unknown
	k.Name = name
	return k
}

// Known says whether the kind has an entry of its own.
func Known(name string) bool {
	_, ok := kinds[name]
	return ok
}

// Kinds gives the names of all kinds that have an entry.
func Kinds() []string {
	var all []string
	for name := range kinds {
		all = append(all, name)
	}
	return all
}

// causes gives, of a kind, the kinds that explain it when they stand at the same place. Outage stands everywhere.
var causes = map[string][]string{
	Mains:         {Power},
	"temperature": {Power},
	Sensor:        {Power},
	Dark:          {Power, Outage},
	DarkOpening:   {Power, Outage},
}

// CausesOf gives the kinds that explain a kind, the first that stands being the one.
func CausesOf(name string) []string {
	for known := name; ; {
		if all, ok := causes[known]; ok {
			return all
		}
		cut := strings.LastIndexByte(known, '_')
		if cut < 0 {
			return nil
		}
		known = known[:cut]
	}
}

// IsCause says whether alarms of a kind explain others.
func IsCause(name string) bool { return Of(name).Recovery > 0 }

// Everywhere says whether a cause of the kind is at every place.
func Everywhere(name string) bool { return name == Outage }

// beforeCause is how much earlier than its cause a consequence may be raised: the cause has a delay of its own.
const beforeCause = 2 * time.Minute

// Causes says whether the alarm, at the same place or everywhere, explains another one: by their kinds, and because the other began
// while this one stood. A fridge that was warm before the power went is not warm because of it.
func (a Alarm) Causes(b Alarm) bool {
	if !slices.Contains(CausesOf(b.Kind), a.Kind) || a.ID == b.ID {
		return false
	}
	if a.Kind == Outage || b.Kind == Mains {
		return a.Explains(b.Raised) // one station after the other was noticed before it was plain that all are silent
	}
	return !b.Raised.Before(a.Raised.Add(-beforeCause)) && a.Explains(b.Raised)
}

var unknown = Kind{Priority: Medium, Owner: Dispatcher, Within: 30 * time.Minute,
	Title:       Text{"Something is wrong", "異常があります"},
	Consequence: Text{"Not known: this hub has no entry for this kind of alarm.", "不明です。この種類の警報はハブに登録されていません。"},
	Action:      Text{"Look at the detail and ask support.", "詳細を確認し、サポートに問い合わせてください。"}}
