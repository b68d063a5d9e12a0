package quality

import (
	"fmt"
	"strings"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/effect"
	"meguri/hub/store"
)

// alarms brings the temperature alarms of a position's sensors to what the readings say: those that there ought to be are raised and
// cleared, and those that a device has raised and the readings do not bear out are cleared.
func (t *turn) alarms(position string, p place, since time.Time) error {
	limit, err := t.tx.AlarmLimit(t.ctx, position)
	if err != nil {
		return ignoreNotFound(err)
	}
	rules := coldchain.AirRules(limit.MinMilliC, limit.MaxMilliC, limit.MinutesOutside)
	for sensor, pieces := range p.sensors {
		found := map[string]coldchain.Alarm{}
		for _, rule := range rules {
			for _, a := range coldchain.Evaluate(rule, pieces, coldchain.Span{From: since.Add(-lookBack), Until: p.heard[sensor].Add(stands)}) {
				found[effect.TemperatureAlarmID(a.ID, sensor)] = a
			}
		}
		if err := t.sensorAlarms(sensor, found, since, p.heard[sensor]); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) sensorAlarms(sensor string, found map[string]coldchain.Alarm, since, heard time.Time) error {
	stored, err := t.tx.AlarmsOf(t.ctx, effect.AlarmTemperature, sensor, since.Add(-lookBack))
	if err != nil {
		return err
	}
	was := map[string]store.AlarmView{}
	for _, a := range stored {
		was[a.ID] = a
		_, ok := found[a.ID]
		if !ok && a.Cleared.IsZero() && !a.Raised.Before(since) && a.Raised.Before(heard) && strings.Count(a.ID, "/") > 3 {
			if err := t.tx.ClearAlarmOf(t.ctx, a.ID, a.Raised); err != nil {
				return err
			}
		}
	}
	for id, a := range found {
		is := alarm(id, sensor, a)
		if (!a.Cleared.IsZero() && a.Cleared.Before(since)) || same(was[id], is) {
			continue // as it was judged before; what was read of it may be its end only
		}
		if err := t.tx.SetAlarm(t.ctx, is); err != nil {
			return err
		}
	}
	return nil
}

// alarm is what a temperature alarm is by the readings.
func alarm(id, sensor string, a coldchain.Alarm) store.AlarmView {
	return store.AlarmView{ID: id, Kind: effect.AlarmTemperature, Subject: sensor,
		Detail: effect.TemperatureDetail(a.WorstMilliC, a.Rule.LimitMilliC), Raised: a.Raised, Cleared: a.Cleared}
}

func same(a, b store.AlarmView) bool {
	return a.ID == b.ID && a.Detail == b.Detail && a.Raised.UnixMilli() == b.Raised.UnixMilli() && a.Cleared.UnixMilli() == b.Cleared.UnixMilli()
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
