package bulk

import (
	"errors"
	"io/fs"
	"time"

	"meguri/hub/coldchain"
)

// RulesFile holds alarm rules of the network's own. It may be missing.
const RulesFile = "temperature_rules.csv"

// Bounds of a rule. Excursions are followed back for two weeks, so none may need as long as that.
const (
	maxRuleMinutes   = 7 * 24 * 60
	maxOffDelay      = 120 // minutes: so long after each excursion readings inside have to be looked at
	maxIgnored       = 24 * 60
	maxDeadbandMilli = 20_000
)

// readRules reads the alarm rules, where there are any. Without the file those that are stored stay.
func (r *networkReader) readRules() {
	if f, err := r.files.Open(RulesFile); errors.Is(err, fs.ErrNotExist) {
		return
	} else if err == nil {
		_ = f.Close() // it is opened again to be read, and what is wrong with it told then
	}
	r.n.HasRules = true
	r.read(RulesFile, []string{"temperature_category", "leg", "kind", "minutes"}, func(row *row) {
		for _, o := range row.ownRules(r.categories) {
			r.n.Rules = append(r.n.Rules, Row[coldchain.Own]{row.line, o})
		}
	}, "min_celsius", "max_celsius", "deadband_celsius", "on_delay_minutes", "off_delay_minutes", "ignore_start_minutes", "ignore_end_minutes")
}

// ownRules gives the rules of a row: one for each side that it has a limit for.
func (r *row) ownRules(categories *table) []coldchain.Own {
	o := coldchain.Own{
		Category: r.reference("temperature_category", categories),
		Leg:      coldchain.Leg(r.oneOf("leg", "collection", "shipper", "station")),
		Rule: coldchain.Rule{
			Kind: coldchain.Kind(r.oneOf("kind", "instant", "consecutive", "cumulative", "kinetic")),
			For:  r.ruleMinutes(), Deadband: coldchain.AirDeadband,
			OnDelay: r.minutesOf("on_delay_minutes", maxRuleMinutes), OffDelay: coldchain.AirOffDelay,
			StartIgnore: r.minutesOf("ignore_start_minutes", maxIgnored), EndIgnore: r.minutesOf("ignore_end_minutes", maxIgnored),
		},
	}
	if r.given("deadband_celsius") {
		if o.Rule.Deadband = r.degrees("deadband_celsius"); o.Rule.Deadband < 0 || o.Rule.Deadband > maxDeadbandMilli {
			r.problem("deadband_celsius", "a difference in °C, 0 to 20")
		}
	}
	if r.given("off_delay_minutes") {
		o.Rule.OffDelay = r.minutesOf("off_delay_minutes", maxOffDelay)
	}
	r.fitKind(&o.Rule)
	return r.sides(o)
}

// ruleMinutes is how long it has to be outside; an instant rule needs none, all others say so.
func (r *row) ruleMinutes() time.Duration {
	if r.fields[r.table.columns["kind"]] == "instant" {
		if v := r.fields[r.table.columns["minutes"]]; v != "" && v != "0" {
			r.problem("minutes", "nothing or 0, for an instant rule needs no time (on_delay_minutes may delay it)")
		}
		return 0
	}
	return time.Duration(r.number("minutes", 1, maxRuleMinutes)) * time.Minute
}

func (r *row) minutesOf(column string, most int64) time.Duration {
	return time.Duration(r.optional(column, most)) * time.Minute
}

// fitKind refuses what a kind of rule does not have, so that nobody thinks it counts.
func (r *row) fitKind(rule *coldchain.Rule) {
	switch rule.Kind {
	case coldchain.Instant:
		rule.Kind = coldchain.Consecutive // with no time
	case coldchain.Kinetic:
		rule.OffDelay = 0
		for _, column := range []string{"min_celsius", "on_delay_minutes", "off_delay_minutes"} {
			if r.given(column) {
				r.problem(column, "nothing, for a mean kinetic temperature has no low side and no delays")
			}
		}
	}
}

// sides makes one rule of each limit that is given.
func (r *row) sides(o coldchain.Own) (all []coldchain.Own) {
	for _, side := range []struct {
		column string
		low    bool
	}{{"min_celsius", true}, {"max_celsius", false}} {
		if !r.given(side.column) {
			continue
		}
		one := o
		one.Rule.Low, one.Rule.LimitMilliC = side.low, r.degrees(side.column)
		r.unique("kind", string(o.Leg)+" "+one.Name())
		all = append(all, one)
	}
	switch {
	case len(all) == 0:
		r.table.problem(r.line, "max_celsius", "", "a limit here or in min_celsius")
	case len(all) == 2 && all[0].Rule.LimitMilliC+2*o.Rule.Deadband > all[1].Rule.LimitMilliC:
		r.problem("max_celsius", "more than min_celsius by at least twice the deadband, or no excursion would ever end")
	}
	return all
}
