package effect

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/protocol"
)

// clockAlarms are the kinds of alarm of a clock's battery.
var clockAlarms = map[protocol.ClockBatteryState]string{protocol.ClockLost: alarm.ClockLost, protocol.ClockLow: alarm.ClockLow}

// clockOf names the clock of a device as the subject of alarms, so that it is found at its place.
func clockOf(ev link.Event) string { return ev.Place + "/" + ev.Device }

// clockBattery raises what a device says of its clock's battery, and clears it when the clock has kept the time again.
func clockBattery(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.ClockBattery) error {
	if b.State == protocol.ClockKept {
		return tx.ClearAlarms(ctx, []string{alarm.ClockLost, alarm.ClockLow}, clockOf(ev), ev.At)
	}
	kind, ok := clockAlarms[b.State]
	if !ok {
		return &link.NotApplied{Reason: fmt.Sprintf("state %d of a clock's battery is unknown", b.State)}
	}
	return tx.RaiseAlarm(ctx, alarmID(ev, kind), kind, clockOf(ev), alarm.Said(ev.Device), ev.At)
}

func redateClock(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.ClockBattery, was time.Time) error {
	if kind, ok := clockAlarms[b.State]; ok {
		return tx.MoveAlarm(ctx, alarmID(ev, kind), was, ev.At)
	}
	d, err := tx.Device(ctx, ev.Device) // what is dated again says nothing of its place
	if err != nil {
		return err
	}
	ev.Place = d.Place
	for _, kind := range clockAlarms {
		if err := tx.MoveCleared(ctx, kind, clockOf(ev), was, ev.At); err != nil {
			return err
		}
	}
	return nil
}
