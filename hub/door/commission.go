package door

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

// AlarmCommissioning is the alarm of a board that takes too long to be put into service.
const AlarmCommissioning = "commissioning"

// Commissioning gives how far the putting into service of a board has come, or fleet.ErrNotCommissioning.
func (s *Service) Commissioning(ctx context.Context, device string) (c fleet.Commissioning, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		c, err = tx.Commissioning(ctx, device)
		return err
	})
	return c, err
}

// BeginCheck begins a check of a position: from now on its probe is to be warmed, or its lock fires. One that was begun begins anew.
//
// Expected errors are *FieldError, fleet.ErrNotCommissioning, and fleet.ErrTooManyCommands.
func (s *Service) BeginCheck(ctx context.Context, device, fridge string, step fleet.Step, act Act) error {
	return s.check(ctx, device, fridge, act, func(tx *store.Tx, c fleet.Commissioning) (fleet.Check, error) {
		k := fleet.Check{Fridge: fridge, Step: step, State: fleet.CheckRunning, BeganAt: act.At, By: act.By}
		switch step {
		case fleet.StepProbe:
		case fleet.StepDoor:
			k.Command = people.NewID("c")
			_, err := tx.AddCommand(ctx, fleet.Command{ID: k.Command, Device: device, Kind: uint8(protocol.CommandUnlock), Target: fridge,
				Deadline: act.At.Add(fleet.OpenWithin), AskedBy: act.By, AskedAt: act.At})
			return k, err
		default:
			return k, &FieldError{"step", "probe or door; a reference is entered at once"}
		}
		return k, nil
	})
}

// EndCheck looks what has happened since a check began, and ends it.
//
// Expected errors are *FieldError, fleet.ErrNotCommissioning and fleet.ErrNotRunning.
func (s *Service) EndCheck(ctx context.Context, device, fridge string, step fleet.Step, act Act) error {
	return s.check(ctx, device, fridge, act, func(tx *store.Tx, c fleet.Commissioning) (fleet.Check, error) {
		k := c.Check(fridge, step)
		if k.State != fleet.CheckRunning {
			return k, fmt.Errorf("%s of %s: %w", step, fridge, fleet.ErrNotRunning)
		}
		if step == fleet.StepProbe {
			moves, err := tx.Moves(ctx, device, c.Fridges, k.BeganAt, act.At.Add(time.Minute))
			passed, detail := fleet.JudgeProbe(fridge, moves)
			return k.End(passed, detail, act.At), err
		}
		seen, err := doorSeen(ctx, tx, device, k)
		passed, detail := fleet.JudgeDoor(seen)
		return k.End(passed, detail, act.At), err
	})
}

// clocksApart is how far a board that was just started may be off.
const clocksApart = 5 * time.Second

// doorSeen is what the board has told of a door since its test began, in the order of its log.
func doorSeen(ctx context.Context, tx *store.Tx, device string, k fleet.Check) (seen fleet.DoorSeen, err error) {
	command, err := tx.Command(ctx, k.Command)
	if err != nil {
		return seen, err
	}
	kinds, err := tx.EventKindsOf(ctx, device, k.Fridge, k.BeganAt.Add(-clocksApart))
	for _, kind := range kinds {
		switch protocol.Kind(kind) {
		case protocol.KindRelayFired:
			seen = fleet.DoorSeen{Fired: command.Outcome == fleet.CommandDone}
		case protocol.KindDoorOpened:
			seen.Opened, seen.Shut = seen.Fired, false
		case protocol.KindDoorClosed:
			seen.Shut = seen.Opened
		}
	}
	return seen, err
}

// Reference compares a fridge's newest reading with the engineer's thermometer.
//
// Expected errors are *FieldError and fleet.ErrNotCommissioning.
func (s *Service) Reference(ctx context.Context, device, fridge string, milliC int64, act Act) error {
	if milliC < -60_000 || milliC > 60_000 {
		return &FieldError{"milli_c", "the thermometer's reading, -60000 to 60000 millidegrees"}
	}
	return s.check(ctx, device, fridge, act, func(tx *store.Tx, c fleet.Commissioning) (fleet.Check, error) {
		k := fleet.Check{Fridge: fridge, Step: fleet.StepReference, BeganAt: act.At, By: act.By}
		sensors, err := tx.SensorsRead(ctx, device)
		if err != nil {
			return k, err
		}
		for _, sensor := range sensors {
			if len(sensor) <= len(fridge) || sensor[:len(fridge)+1] != fridge+"/" {
				continue
			}
			r, err := tx.LastReading(ctx, sensor)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return k, err
			}
			if r.Fault != 0 || act.At.Sub(r.Dated.At) > fleet.ReferenceFresh {
				return k.End(false, sensor+": no reading", act.At), nil
			}
			passed, detail := fleet.JudgeReference(r.MilliC, milliC)
			k = k.End(passed, detail, act.At)
			if !passed {
				return k, nil
			}
		}
		if k.State == "" {
			k = k.End(false, "no reading", act.At)
		}
		return k, nil
	})
}

// check changes one check of a board that is being put into service.
func (s *Service) check(ctx context.Context, device, fridge string, act Act, do func(*store.Tx, fleet.Commissioning) (fleet.Check, error)) error {
	return s.Store.Change(ctx, func(tx *store.Tx) error {
		c, err := tx.Commissioning(ctx, device)
		if err != nil {
			return err
		}
		if !c.SignedAt.IsZero() {
			return fmt.Errorf("device %s: %w", device, fleet.ErrNotCommissioning)
		}
		if !slices.Contains(c.Fridges, fridge) {
			return &FieldError{"fridge_id", "a fridge that the board serves"}
		}
		k, err := do(tx, c)
		if err != nil {
			return err
		}
		if err := tx.SaveCheck(ctx, c.ID, k); err != nil {
			return err
		}
		return act.record(ctx, tx, "commission."+string(k.Step), device, fmt.Sprintf("%s %s %s", fridge, k.State, k.Detail))
	})
}

// Sign puts a board into service, by an engineer's name: from then on its plan carries the customers' grants.
//
// Expected errors are fleet.ErrNotCommissioning, fleet.ErrNoEngineer and fleet.ErrChecksMissing.
func (s *Service) Sign(ctx context.Context, device string, engineer bool, act Act) error {
	return s.Store.Change(ctx, func(tx *store.Tx) error {
		c, err := tx.Commissioning(ctx, device)
		if err != nil {
			return err
		}
		if c, err = c.Sign(act.By, engineer, act.At); err != nil {
			return fmt.Errorf("device %s: %w", device, err)
		}
		if err := tx.SignCommissioning(ctx, c); err != nil {
			return err
		}
		if err := tx.ClearAlarm(ctx, AlarmCommissioning, device, act.At); err != nil {
			return err
		}
		s.touch(tx, c.Location)
		return act.record(ctx, tx, "commission.sign", device, fmt.Sprintf("after %d min", int(act.At.Sub(c.BeganAt).Minutes())))
	})
}

// LateBoards gives the boards that take too long and have no alarm of it yet, and the alarms of such that are no longer put into service: one
// that was shut out meanwhile nobody can sign.
func LateBoards(ctx context.Context, tx *store.Tx, now time.Time) (raise, over []string, err error) {
	late, err := tx.LateCommissionings(ctx, now.Add(-fleet.CommissionWithin))
	if err != nil {
		return nil, nil, err
	}
	active, err := tx.ActiveAlarms(ctx, AlarmCommissioning)
	known := map[string]bool{}
	for _, a := range active {
		if known[a.Subject] = true; !slices.Contains(late, a.Subject) {
			over = append(over, a.ID)
		}
	}
	return slices.DeleteFunc(late, func(d string) bool { return known[d] }), over, err
}

// RaiseLate raises the alarm of boards that take too long, and ends those of boards that are put into service no more.
func RaiseLate(ctx context.Context, tx *store.Tx, now time.Time) (raised bool, err error) {
	late, over, err := LateBoards(ctx, tx, now)
	if err != nil {
		return false, err
	}
	for _, id := range over {
		if err := tx.ClearAlarmOf(ctx, id, now); err != nil {
			return false, err
		}
	}
	for _, device := range late {
		c, err := tx.Commissioning(ctx, device)
		if err != nil {
			return raised, err
		}
		raised = true
		if err := tx.RaiseAlarm(ctx, AlarmCommissioning+"/"+c.ID, AlarmCommissioning, device,
			alarm.Say(alarm.Text{EN: fmt.Sprintf("%d checks of the board at %s are missing", len(c.Missing()), c.Location),
				JA: fmt.Sprintf("%s の端末の点検が %d 件未完了", c.Location, len(c.Missing()))}), c.Due()); err != nil {
			return raised, err
		}
	}
	return raised, nil
}
