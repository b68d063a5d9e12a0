package coldchain

import (
	"slices"
	"strings"
	"time"
)

// Instant is a kind of the configuration only: a consecutive rule that needs no time.
const Instant Kind = "instant"

// Own is an alarm rule that a network says itself, for one side of the temperatures of a category on a leg.
type Own struct {
	Category string // temperature category
	Leg      Leg
	Rule     Rule // its name is made by Name
}

// ownPrefix tells names of a network's own rules from those of the rules that are there without any.
const ownPrefix = "own."

// Name is what the rule is called: of what it is for, so that it stays the same however its numbers change.
func (o Own) Name() string {
	side := "high"
	if o.Rule.Low {
		side = "low"
	}
	return ownPrefix + o.Category + "." + string(o.Kind()) + "." + side
}

// Kind is the kind as it is configured.
func (o Own) Kind() Kind {
	if o.Rule.Kind == Consecutive && o.Rule.For == 0 {
		return Instant
	}
	return o.Rule.Kind
}

// WithGoods says whether the rule counts only while goods of its category are in the place: the time of one delivery there is its
// span. All others look at the air all the time, as the device does.
func (o Own) WithGoods() bool {
	return o.Rule.Kind == Cumulative || o.Rule.Kind == Kinetic || o.Rule.StartIgnore > 0 || o.Rule.EndIgnore > 0
}

// On is the rule for the goods of one delivery date: its alarms are others than those of the next date.
func (o Own) On(date string) Rule {
	r := o.Rule
	r.Name = o.Name() + "@" + date
	return r
}

// IsOwn says whether a name is that of a network's own rule, and of which delivery date; empty when it is of none.
func IsOwn(name string) (date string, own bool) {
	if !strings.HasPrefix(name, ownPrefix) {
		return "", false
	}
	_, date, _ = strings.Cut(name, "@")
	return date, true
}

// Standing is the rules by which the air of a place is looked at all the time: the default ones and those of a network that need no
// goods. A consecutive rule of its own takes the place of the default one on its side when it watches the same limit or a stricter one, for
// then it says the same with another time, or when each of the categories that may be there has one; else goods of another would go unwatched.
// An instant one comes on top, for it is there for what cannot wait.
func Standing(minMilliC, maxMilliC, minutes int64, own []Own, categories []string) []Rule {
	var all []Rule
	for _, o := range own {
		if o.WithGoods() {
			continue
		}
		r := o.Rule
		r.Name = o.Name()
		all = append(all, r)
	}
	for _, r := range AirRules(minMilliC, maxMilliC, minutes) {
		if !replaced(r, own, categories) {
			all = append(all, r)
		}
	}
	return all
}

// replaced says whether own rules watch what a default one does.
func replaced(standard Rule, own []Own, categories []string) bool {
	having := map[string]bool{}
	for _, o := range own {
		if o.WithGoods() || o.Kind() != Consecutive || o.Rule.Low != standard.Low {
			continue
		}
		if o.Rule.Low && o.Rule.LimitMilliC >= standard.LimitMilliC || !o.Rule.Low && o.Rule.LimitMilliC <= standard.LimitMilliC {
			return true
		}
		having[o.Category] = true
	}
	return len(having) > 0 && !slices.ContainsFunc(categories, func(c string) bool { return !having[c] })
}

// AfterOutside is how long after a reading outside an excursion may still go on by one of the rules, though all is inside.
func AfterOutside(rules []Rule) time.Duration {
	most := AirOffDelay
	for _, r := range rules {
		most = max(most, r.OffDelay)
	}
	return 2 * most
}

// OverWith ends what goes on beyond its span, once it is known up to there: a rule that counts with goods says nothing of later.
func OverWith(span Span, known time.Time, alarms []Alarm) []Alarm {
	for i := range alarms {
		if alarms[i].Cleared.IsZero() && !known.Before(span.Until) {
			alarms[i].Cleared = span.Until
		}
	}
	return alarms
}
