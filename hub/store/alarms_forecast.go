package store

import (
	"context"
	"errors"
	"time"

	"meguri/hub/alarm"
)

// LimitForecast is how long the first fridge of a station without supply stays below its limit.
type LimitForecast struct {
	alarm.Forecast
	Fridge string
}

// beforeCut is how far back the readings are looked at, and maxForecast how many of them.
const (
	beforeCut   = 10 * time.Minute
	maxForecast = 500
)

// ForecastOf says when the first fridge reaches its limit whose supply is gone by a power alarm, at now. ok is false when that
// cannot be said: the alarm is another one or over, or nothing was measured.
func (tx *Tx) ForecastOf(ctx context.Context, a alarm.Alarm, now time.Time) (first LimitForecast, ok bool, err error) {
	if a.Kind != alarm.Power || !a.Active() {
		return first, false, nil
	}
	below, err := tx.Consequences(ctx, a.ID, MaxPage)
	for _, m := range below {
		if err != nil {
			return first, false, err
		}
		if m.Kind != alarm.Mains || !m.Active() {
			continue
		}
		f, has, failed := tx.forecast(ctx, m, now)
		if err = failed; err == nil && has && (!ok || f.Left < first.Left) {
			first, ok = LimitForecast{f, m.Subject}, true
		}
	}
	return first, ok && err == nil, err
}

func (tx *Tx) forecast(ctx context.Context, mains alarm.Alarm, now time.Time) (f alarm.Forecast, ok bool, err error) {
	limit, err := tx.SensorLimit(ctx, mains.Subject)
	if errors.Is(err, ErrNotFound) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	from := now.Add(-time.Hour)
	if mains.Raised.After(from) {
		from = mains.Raised
	}
	sensors, err := tx.SensorsOf(ctx, mains.Subject)
	for _, sensor := range sensors {
		if err != nil {
			break
		}
		var readings []ReadingView
		readings, _, err = tx.ReadingsOf(ctx, sensor, from.Add(-beforeCut), now.Add(time.Minute), maxForecast)
		var samples []alarm.Sample
		for _, r := range readings {
			if r.Fault == 0 {
				samples = append(samples, alarm.Sample{At: r.At, MilliC: r.MilliC})
			}
		}
		if of, has := alarm.LimitIn(samples, mains.Raised, now, limit.MaxMilliC); has && (!ok || of.Left < f.Left) {
			f, ok = of, true // the first of the sensors to be too warm counts
		}
	}
	return f, ok && err == nil, err
}
