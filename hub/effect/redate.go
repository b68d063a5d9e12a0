package effect

import (
	"context"
	"time"

	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/protocol"
)

// Redate moves the times that an event has left behind. What was decided by the guess stays decided: which dated container a
// box was taken for, that a stop counted as late, which board of a door was believed. Of events dated was alike, the last one is
// to be moved first.
func (e *Effects) Redate(ctx context.Context, tx *store.Tx, ev link.Event, was time.Time) error {
	switch b := ev.Body.(type) {
	case protocol.StopReached:
		name := stopName(b.Run, int(b.Sequence))
		if err := tx.MoveAlarm(ctx, AlarmLate+"/"+name, was, ev.At); err != nil {
			return err
		}
		if err := tx.MoveCleared(ctx, AlarmLate, name, was, ev.At); err != nil {
			return err
		}
		if err := tx.MoveStop(ctx, b.Run, int(b.Sequence), was, ev.At); err != nil {
			return err
		}
		return tx.ReachStop(ctx, b.Run, int(b.Sequence), ev.At) // the earliest of several counts
	case protocol.PickupInferred:
		return e.redatePickup(ctx, tx, ev, b, was)
	case protocol.ItemScanned, protocol.BagScanned, protocol.ShelfCounted:
		return e.redateRental(ctx, tx, ev, was)
	case protocol.ContainerFilled:
		return moveBox(ctx, tx, ev, b.GRAI, store.BoxFilled, was)
	case protocol.ContainerShelved:
		return moveBox(ctx, tx, ev, b.GRAI, store.BoxShelved, was)
	case protocol.ContainerLoaded:
		return moveBox(ctx, tx, ev, b.GRAI, store.BoxLoaded, was)
	case protocol.ContainerPlaced:
		return moveBox(ctx, tx, ev, b.GRAI, store.BoxPlaced, was)
	}
	return e.redatePlace(ctx, tx, ev, was)
}

// redatePickup moves when goods were taken: it may have been after they were too warm, or before.
func (e *Effects) redatePickup(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.PickupInferred, was time.Time) error {
	if err := tx.MovePickup(ctx, b.Order, b.Position, was, ev.At); err != nil {
		return err
	}
	if _, err := tx.AddPickup(ctx, b.Order, b.Position, ev.At, b.Basis); err != nil {
		return err
	}
	if err := tx.MarkDue(ctx, b.Position, earlier(was, ev.At), ev.Received); err != nil {
		return err
	}
	needs, err := tx.OrderNeeds(ctx, b.Order)
	if err != nil {
		return err
	}
	return e.tookGoods(ctx, tx, ev, b, needs)
}

// redateDoor moves the alarm that a door's fault has raised.
func (e *Effects) redateDoor(ctx context.Context, tx *store.Tx, ev link.Event, position string, was time.Time) error {
	if err := tx.MoveAlarm(ctx, alarmID(ev, AlarmDoor), was, ev.At); err != nil {
		return err
	}
	return movePosition(ctx, tx, ev, position, was)
}

// redatePlace moves what an event has said of a door, a supply or a temperature.
func (e *Effects) redatePlace(ctx context.Context, tx *store.Tx, ev link.Event, was time.Time) error {
	switch b := ev.Body.(type) {
	case protocol.RelayFired:
		return tx.MovePosition(ctx, b.Position, ev.Device, was, ev.At)
	case protocol.DoorOpened:
		return movePosition(ctx, tx, ev, b.Position, was, doorAlarm(protocol.DoorJammed))
	case protocol.DoorClosed:
		return movePosition(ctx, tx, ev, b.Position, was, doorAlarm(protocol.DoorJammed), doorAlarm(protocol.DoorAjar),
			doorAlarm(protocol.DoorUncommanded), alarmDoorWarm, alarmUnbolted)
	case protocol.Bolted:
		return movePosition(ctx, tx, ev, b.Position, was, alarmUnbolted)
	case protocol.DoorWarm:
		return e.redateDoor(ctx, tx, ev, b.Position, was)
	case protocol.Unbolted:
		return e.redateDoor(ctx, tx, ev, b.Position, was)
	case protocol.DoorFault:
		return e.redateDoor(ctx, tx, ev, b.Position, was)
	case protocol.Mains:
		if !b.On {
			for _, kind := range []string{AlarmPower, AlarmMains} {
				if err := tx.MoveAlarm(ctx, alarmID(ev, kind), was, ev.At); err != nil {
					return err
				}
			}
			return movePosition(ctx, tx, ev, b.Position, was)
		}
		place, err := tx.PlaceOfSubject(ctx, b.Position)
		if err != nil {
			return err
		}
		if err := tx.MoveCleared(ctx, AlarmPower, place, was, ev.At); err != nil {
			return err
		}
		return movePosition(ctx, tx, ev, b.Position, was, AlarmMains)
	case protocol.ClockBattery:
		return redateClock(ctx, tx, ev, b, was)
	case protocol.Alarm:
		if b.Raised {
			return tx.MoveAlarm(ctx, deviceAlarm(ev, b), was, ev.At)
		}
		return tx.MoveCleared(ctx, AlarmTemperature, b.Sensor, was, ev.At)
	}
	return nil
}

func moveBox(ctx context.Context, tx *store.Tx, ev link.Event, grai string, step store.BoxStep, was time.Time) error {
	containers, err := tx.MoveBox(ctx, grai, step, was, ev.At)
	if err != nil {
		return err
	}
	for _, c := range containers {
		orders, err := tx.OrdersInContainer(ctx, c)
		if err != nil {
			return err
		}
		if err := Refresh(ctx, tx, ev.Received, orders...); err != nil {
			return err
		}
		moved, err := tx.Container(ctx, c)
		if err != nil {
			return err
		}
		if was.Before(ev.At) {
			moved.FilledAt, moved.LoadedAt, moved.PlacedAt = earlier(moved.FilledAt, was), earlier(moved.LoadedAt, was), earlier(moved.PlacedAt, was)
		}
		if err := JudgeAgain(ctx, tx, moved, ev.Received); err != nil {
			return err
		}
	}
	return nil
}

// earlier is the earlier of two times, and none where there is none.
func earlier(at, than time.Time) time.Time {
	if at.IsZero() || at.Before(than) {
		return at
	}
	return than
}

// movePosition moves what a position did, and the ends of the alarms that this has cleared.
func movePosition(ctx context.Context, tx *store.Tx, ev link.Event, position string, was time.Time, cleared ...string) error {
	if err := tx.MovePosition(ctx, position, ev.Device, was, ev.At); err != nil {
		return err
	}
	for _, kind := range cleared {
		if err := tx.MoveCleared(ctx, kind, position, was, ev.At); err != nil {
			return err
		}
	}
	return nil
}
