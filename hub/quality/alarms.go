package quality

import (
	"fmt"
	"strings"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/effect"
	"meguri/hub/store"
)

// watched gives the rules for the air of a position; none where nothing says how warm or cold it may be.
func (t *turn) watched(position string) ([]coldchain.Rule, error) {
	limit, err := t.tx.AlarmLimit(t.ctx, position)
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	return coldchain.AirRules(limit.MinMilliC, limit.MaxMilliC, limit.MinutesOutside), nil
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
	for _, pieces := range p.sensors {
		for _, r := range rules {
			if !r.Rests(pieces, coldchain.Span{From: from, Until: from.Add(2 * coldchain.AirOffDelay)}) {
				return false
			}
		}
	}
	return true
}

// alarms brings the temperature alarms of a position's sensors to what the readings say: those that there ought to be are raised and
// cleared, and those that the readings do not bear out are void: they end when they began.
func (t *turn) alarms(p place, rules []coldchain.Rule, from time.Time) error {
	for sensor, pieces := range p.sensors {
		found := map[string]store.AlarmView{}
		for _, rule := range rules {
			for _, a := range coldchain.Evaluate(rule, pieces, coldchain.Span{From: from, Until: p.heard[sensor]}) {
				is := alarm(sensor, a)
				found[is.ID] = is
			}
		}
		if err := t.sensorAlarms(sensor, found, from, p.heard[sensor]); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) sensorAlarms(sensor string, found map[string]store.AlarmView, from, heard time.Time) error {
	stored, err := t.tx.AlarmsOf(t.ctx, effect.AlarmTemperature, sensor, from)
	if err != nil {
		return err
	}
	longer := false
	for _, a := range stored {
		longer = longer || a.Cleared.IsZero() && a.Raised.Before(from)
		is, ok := found[a.ID]
		delete(found, a.ID)
		switch {
		case ok && same(a, is):
			continue
		case !ok && (a.Raised.Before(from) || !a.Raised.Before(heard) || a.Raised.Equal(a.Cleared) || strings.Count(a.ID, "/") == 3):
			continue // not for these readings to say; or by an id of former times
		case !ok:
			is = a
			is.Cleared = a.Raised
		}
		if err := t.tx.KeepAlarm(t.ctx, is, t.now); err != nil {
			return err
		}
	}
	for _, a := range found {
		if longer && a.Raised.Sub(from) <= coldchain.AirAllowed+stands {
			continue // it is the rest of one that began before anything is looked at
		}
		if err := t.tx.KeepAlarm(t.ctx, a, t.now); err != nil {
			return err
		}
	}
	return nil
}

// alarm is what a temperature alarm is by the readings.
func alarm(sensor string, a coldchain.Alarm) store.AlarmView {
	return store.AlarmView{ID: effect.TemperatureAlarmID(a.ID, sensor), Kind: effect.AlarmTemperature, Subject: sensor,
		Detail: effect.TemperatureDetail(a.WorstMilliC, a.Rule.LimitMilliC), Raised: a.Raised, Cleared: a.Cleared}
}

func same(a, b store.AlarmView) bool {
	return a.Detail == b.Detail && a.Raised.UnixMilli() == b.Raised.UnixMilli() && a.Cleared.UnixMilli() == b.Cleared.UnixMilli()
}

func celsius(milliC int64) string { return fmt.Sprintf("%.1f °C", float64(milliC)/1000) }

// minutes is a duration as people read it.
func minutes(d time.Duration) string {
	return fmt.Sprintf("%d min", int64(d.Round(time.Minute)/time.Minute))
}

// says is a judgement in words, for whoever has to decide.
func says(stay store.GoodsStay, j store.Judgement) string {
	if j.State == coldchain.Doubtful {
		return fmt.Sprintf("%s: nothing is known of %s, allowed %s", j.Leg, minutes(j.Gap), minutes(stay.Limit.Gap))
	}
	return fmt.Sprintf("%s: %s to %s, for %s outside %s to %s, allowed %s", j.Leg, celsius(j.Min), celsius(j.Max), minutes(j.Outside),
		celsius(stay.Limit.MinMilliC), celsius(stay.Limit.MaxMilliC), minutes(stay.Limit.Outside))
}
