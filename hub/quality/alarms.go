package quality

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/hub/effect"
	"meguri/hub/store"
)

// rules are those for the air of a position: by which it is looked at all the time, and those that count with the goods of a delivery.
type rules struct {
	standing []coldchain.Rule
	goods    []span
	since    time.Time // from then on goods has all that there were
}

// span is the rules that count with the goods of one category and delivery date, and when these were there.
type span struct {
	store.GoodsSpan
	rules []coldchain.Rule
}

// rules gives those for a position; none where nothing says how warm or cold it may be.
func (t *turn) rules(position string, since time.Time) (rules, error) {
	r := rules{since: since}
	standing, own, err := t.tx.RulesAt(t.ctx, position)
	if err != nil {
		return r, err
	}
	r.standing = standing
	if !slices.ContainsFunc(own, coldchain.Own.WithGoods) {
		return r, nil
	}
	spans, err := t.tx.GoodsSpans(t.ctx, position, since, t.now)
	for _, s := range spans {
		with := span{GoodsSpan: s}
		for _, o := range own {
			if o.WithGoods() && o.Category == s.Category {
				with.rules = append(with.rules, o.On(s.Date))
			}
		}
		r.goods = append(r.goods, with)
	}
	return r, err
}

// from is from when on readings are needed to judge by the rules.
func (r rules) from(from time.Time) time.Time {
	for _, s := range r.goods {
		if len(s.rules) > 0 && s.From.Before(from) {
			from = s.From
		}
	}
	return from
}

// counted says whether these rules say by now whether there is an alarm of a name that was raised then: a rule that counts with goods is
// judged with all of a delivery's or not at all.
func (r rules) counted(name string, raised, from time.Time) bool {
	date, own := coldchain.IsOwn(name)
	if !own || date == "" {
		return !raised.Before(from)
	}
	for _, s := range r.goods {
		for _, rule := range s.rules {
			if rule.Name == name {
				return !s.From.Before(from)
			}
		}
	}
	return !raised.Before(r.since)
}

// alarmsSince is from when on readings are looked at: from before all alarms that what has changed may have a part in.
func (t *turn) alarmsSince(probes []probe, since time.Time) (time.Time, error) {
	from := since.Add(-lookBack)
	for _, p := range probes {
		stored, err := t.tx.AlarmsOf(t.ctx, effect.AlarmTemperature, p.sensor, since.Add(-lookBack))
		if err != nil {
			return from, err
		}
		for _, a := range stored {
			if before := a.Raised.Add(-lookBack); before.Before(from) {
				from = before
			}
		}
	}
	if oldest := t.now.Add(-longestExcursion); from.Before(oldest) && since.After(oldest) {
		from = oldest
	}
	return from, nil
}

// longestExcursion bounds how far back one is followed: an alarm that is older begins there.
const longestExcursion = 14 * 24 * time.Hour

// fromRest gives what is known of a position from a moment on at which no excursion is under way, so that each is found whole and by
// its first reading.
func (t *turn) fromRest(position string, probes []probe, from time.Time, rules []coldchain.Rule) (place, time.Time, error) {
	for step := lookBack; ; step *= 2 {
		p, err := t.known(position, probes, from)
		if err != nil || p.rests(rules, from) || t.now.Sub(from) > longestExcursion {
			return p, from, err
		}
		from = from.Add(-step)
	}
}

// rests says whether nothing is outside, nor has just been, in the first minutes that are known.
func (p place) rests(rules []coldchain.Rule, from time.Time) bool {
	begin := coldchain.Span{From: from, Until: from.Add(coldchain.AfterOutside(rules))}
	for _, pieces := range p.sensors {
		for _, r := range rules {
			if !r.Rests(pieces, begin) {
				return false
			}
		}
	}
	return true
}

// found are the alarms that there ought to be, by id.
type found map[string]coldchain.Alarm

// alarms brings the temperature alarms of a position's sensors to what the readings say: those that there ought to be are raised and
// cleared, and those that the readings do not bear out are void: they end when they began.
func (t *turn) alarms(p place, r rules, from time.Time) error {
	for sensor, pieces := range p.sensors {
		heard, all := p.heard[sensor], found{}
		all.add(sensor, r.standing, pieces, coldchain.Span{From: from, Until: heard})
		for _, s := range r.goods {
			if !s.From.Before(from) {
				all.add(sensor, s.rules, pieces, s.Span)
			}
		}
		if err := t.sensorAlarms(sensor, all, r, from, heard); err != nil {
			return err
		}
	}
	return nil
}

// add looks for alarms by rules in a span. Only rules that count with goods have one that ends before all is known.
func (f found) add(sensor string, rules []coldchain.Rule, pieces []coldchain.Piece, span coldchain.Span) {
	known := span.From
	if len(pieces) > 0 {
		known = pieces[len(pieces)-1].Until
	}
	for _, rule := range rules {
		alarms := coldchain.Evaluate(rule, pieces, span)
		if date, _ := coldchain.IsOwn(rule.Name); date != "" {
			alarms = coldchain.OverWith(span, known, alarms)
		}
		for _, a := range alarms {
			f[effect.TemperatureAlarmID(a.ID, sensor)] = a
		}
	}
}

// ruleOf is the name of the rule in the id of a temperature alarm.
func ruleOf(id string) string {
	_, rest, _ := strings.Cut(id, "/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func (t *turn) sensorAlarms(sensor string, all found, r rules, from, heard time.Time) error {
	stored, err := t.tx.AlarmsOf(t.ctx, effect.AlarmTemperature, sensor, from)
	if err != nil {
		return err
	}
	longer := map[string]bool{} // by rule
	for _, a := range stored {
		name := ruleOf(a.ID)
		longer[name] = longer[name] || a.Cleared.IsZero() && a.Raised.Before(from)
		now, ok := all[a.ID]
		is := viewOf(a.ID, sensor, now)
		delete(all, a.ID)
		switch {
		case ok && same(a, is):
			continue
		case !ok && (!r.counted(name, a.Raised, from) || !a.Raised.Before(heard) || a.Raised.Equal(a.Cleared) || strings.Count(a.ID, "/") == 3):
			continue // not for these readings to say; or by an id of former times
		case !ok:
			is = a
			is.Cleared = a.Raised
		}
		if err := t.tx.KeepAlarm(t.ctx, is, t.now); err != nil {
			return err
		}
	}
	for id, a := range all {
		if longer[a.Rule.Name] && a.Raised.Sub(from) <= max(a.Rule.For, a.Rule.OnDelay)+stands {
			continue // it is the rest of one that began before anything is looked at
		}
		if err := t.tx.KeepAlarm(t.ctx, viewOf(id, sensor, a), t.now); err != nil {
			return err
		}
	}
	return nil
}

// viewOf is what a temperature alarm is by the readings.
func viewOf(id, sensor string, a coldchain.Alarm) store.AlarmView {
	detail := effect.TemperatureDetail(a.WorstMilliC, a.Rule.LimitMilliC)
	switch a.Rule.Kind {
	case coldchain.Cumulative:
		detail.EN += fmt.Sprintf(", %s together, allowed %s", minutes(a.Outside), minutes(a.Rule.For))
		detail.JA += fmt.Sprintf("、合計 %s、許容 %s", fun(a.Outside), fun(a.Rule.For))
	case coldchain.Kinetic:
		detail = alarm.Text{EN: "mean kinetic temperature " + detail.EN, JA: "平均動態温度 " + detail.JA}
	}
	return store.AlarmView{ID: id, Kind: effect.AlarmTemperature, Subject: sensor, Detail: alarm.Say(detail), Raised: a.Raised, Cleared: a.Cleared}
}

func same(a, b store.AlarmView) bool {
	return a.Detail == b.Detail && a.Raised.UnixMilli() == b.Raised.UnixMilli() && a.Cleared.UnixMilli() == b.Cleared.UnixMilli()
}

func celsius(milliC int64) string { return fmt.Sprintf("%.1f °C", float64(milliC)/1000) }

// minutes is a duration as people read it.
func minutes(d time.Duration) string {
	return fmt.Sprintf("%d min", int64(d.Round(time.Minute)/time.Minute))
}

// fun is minutes in Japanese.
func fun(d time.Duration) string {
	return fmt.Sprintf("%d 分", int64(d.Round(time.Minute)/time.Minute))
}

// legs are their names in Japanese.
var legs = map[coldchain.Leg]string{coldchain.Collection: "集荷場所", coldchain.Shipper: "輸送中", coldchain.Station: "ステーション"}

// says is a judgement in words, for whoever has to decide.
func says(stay store.GoodsStay, j store.Judgement) alarm.Said {
	if j.State == coldchain.Doubtful {
		return alarm.Say(alarm.Text{EN: fmt.Sprintf("%s: nothing is known of %s, allowed %s", j.Leg, minutes(j.Gap), minutes(stay.Limit.Gap)),
			JA: fmt.Sprintf("%s：記録なし %s、許容 %s", legs[j.Leg], fun(j.Gap), fun(stay.Limit.Gap))})
	}
	low, high, least, most := celsius(j.Min), celsius(j.Max), celsius(stay.Limit.MinMilliC), celsius(stay.Limit.MaxMilliC)
	return alarm.Say(alarm.Text{
		EN: fmt.Sprintf("%s: %s to %s, for %s outside %s to %s, allowed %s", j.Leg, low, high, minutes(j.Outside), least, most, minutes(stay.Limit.Outside)),
		JA: fmt.Sprintf("%s：%s〜%s、範囲（%s〜%s）外 %s、許容 %s", legs[j.Leg], low, high, least, most, fun(j.Outside), fun(stay.Limit.Outside))})
}
