package effect

import (
	"context"

	"meguri/hub/alarm"
	"meguri/hub/link"
	"meguri/hub/store"
)

// powerGone raises the alarm of a fridge without supply, under the one of its station: a power cut is one alarm, and the person who
// answers it is told which fridges it is about. The first fridge of a station begins it, and the last one to come back ends it. A storage
// that is new says again what it finds: that is the same.
func powerGone(ctx context.Context, tx *store.Tx, ev link.Event, position string) error {
	if _, known, err := tx.ActiveAlarmOf(ctx, AlarmMains, position); err != nil || known {
		return err
	}
	_, stands, err := tx.ActiveAlarmOf(ctx, AlarmPower, ev.Place)
	if err == nil && !stands {
		err = tx.RaiseAlarm(ctx, alarmID(ev, AlarmPower), AlarmPower, ev.Place, "", ev.At)
	}
	if err != nil {
		return err
	}
	return tx.RaiseAlarm(ctx, alarmID(ev, AlarmMains), AlarmMains, position, alarm.Say(alarm.Text{EN: "the fridge has no supply", JA: "冷蔵庫に電源が来ていない"}), ev.At)
}

func powerBack(ctx context.Context, tx *store.Tx, ev link.Event, position string) error {
	if err := tx.ClearAlarm(ctx, AlarmMains, position, ev.At); err != nil {
		return err
	}
	power, stands, err := tx.ActiveAlarmOf(ctx, AlarmPower, ev.Place)
	if err != nil || !stands {
		return err
	}
	below, err := tx.Consequences(ctx, power.ID, store.MaxPage)
	if err != nil {
		return err
	}
	for _, a := range below {
		if a.Kind == alarm.Mains && a.Active() {
			return nil
		}
	}
	return tx.ClearAlarm(ctx, AlarmPower, ev.Place, ev.At)
}
