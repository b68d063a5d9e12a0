package effect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// Kinds of alarm.
const (
	AlarmTemperature = "temperature"
	AlarmDoor        = "door"
	AlarmMains       = alarm.Mains
	AlarmPower       = alarm.Power // one a station, above those of its fridges
	AlarmLate        = "late"
	AlarmDark        = alarm.Dark // a station is silent when the hub has to decide about it
)

// RouteOf gives the route of a run's id, ROUTE@DATE.
func RouteOf(run string) string {
	route, _, _ := strings.Cut(run, "@")
	return route
}

func (e *Effects) reached(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.StopReached) error {
	run, err := tx.Run(ctx, b.Run)
	if err != nil {
		return err
	}
	if ev.Role != plan.RoleDriver || ev.Place != run.RouteID {
		return &link.NotApplied{Reason: fmt.Sprintf("run %s is of route %s, device serves %s %s", run.ID, run.RouteID, ev.Role, ev.Place)}
	}
	if err := tx.ReachStop(ctx, b.Run, int(b.Sequence), ev.At); err != nil {
		return err
	}
	for i, s := range run.Stops {
		if s.Sequence != int(b.Sequence) {
			continue
		}
		if err := judgeCarried(ctx, tx, ev, run.ID, s); err != nil {
			return err
		}
		if i == len(run.Stops)-1 {
			e.touched(tx, run.RouteID) // the run is over: the next one's sheet may be due
		}
		if first := s.ReachedAt.IsZero(); first && s.Late(ev.At) > 0 {
			if err := RaiseLate(ctx, tx, s, ev.At); err != nil {
				return err
			}
		}
	}
	return tx.ClearAlarm(ctx, AlarmLate, stopName(b.Run, int(b.Sequence)), ev.At)
}

// judgeCarried has the goods judged that a run brings to a stop: from then on their shipper says nothing of them.
func judgeCarried(ctx context.Context, tx *store.Tx, ev link.Event, run string, s dispatch.Stop) error {
	if s.Kind != dispatch.Deliver {
		return nil
	}
	shippers, err := tx.ShippersFor(ctx, run, s.PlaceID)
	for _, shipper := range shippers {
		if err == nil {
			err = tx.MarkDue(ctx, shipper, ev.At, ev.Received)
		}
	}
	return err
}

func stopName(run string, sequence int) string { return fmt.Sprintf("%s stop %d", run, sequence) }

// RaiseLate raises the alarm of a stop that is reached late, or not yet.
func RaiseLate(ctx context.Context, tx *store.Tx, s dispatch.Stop, now time.Time) error {
	name := stopName(s.RunID, s.Sequence)
	planned := s.PlannedAt.Format(time.RFC3339)
	detail := alarm.Text{EN: fmt.Sprintf("%s at %s was planned for %s", s.Kind, s.PlaceID, planned), JA: fmt.Sprintf("%s の予定時刻 %s", s.PlaceID, planned)}
	return tx.RaiseAlarm(ctx, AlarmLate+"/"+name, AlarmLate, name, alarm.Say(detail), now)
}

// door keeps what the doors and the supply of a position did last, and raises what a person has to look at.
func (e *Effects) door(ctx context.Context, tx *store.Tx, ev link.Event) error {
	switch b := ev.Body.(type) {
	case protocol.RelayFired:
		_, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Lock = "fired" })
		return err
	case protocol.DoorOpened:
		if now, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Door = "open" }); err != nil || !now {
			return err
		}
		return clear(ctx, tx, ev.At, b.Position, protocol.DoorJammed)
	case protocol.DoorClosed:
		if now, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Door, p.Lock = "closed", "locked" }); err != nil || !now {
			return err
		}
		if err := tx.ClearAlarms(ctx, []string{alarmDoorWarm, alarmUnbolted}, b.Position, ev.At); err != nil {
			return err
		}
		return clear(ctx, tx, ev.At, b.Position, protocol.DoorJammed, protocol.DoorAjar, protocol.DoorUncommanded)
	case protocol.DoorFault:
		return e.doorFault(ctx, tx, ev, b)
	case protocol.DoorWarm:
		if now, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Door = faultNames[protocol.DoorAjar] }); err != nil || !now {
			return err
		}
		is, most := celsius(b.MilliC), celsius(b.LimitMilliC)
		detail := alarm.Text{EN: fmt.Sprintf("door stands open and it is %s inside, at most %s is allowed", is, most),
			JA: fmt.Sprintf("扉が開いたままで庫内 %s、上限 %s", is, most)}
		return tx.RaiseAlarm(ctx, alarmID(ev, AlarmDoor), alarmDoorWarm, b.Position, alarm.Say(detail), ev.At)
	case protocol.Unbolted:
		if now, err := e.position(ctx, tx, ev, b.Position, func(*store.Position) {}); err != nil || !now {
			return err
		}
		return tx.RaiseAlarm(ctx, alarmID(ev, AlarmDoor), alarmUnbolted, b.Position, alarm.Say(alarm.Text{EN: "door is shut and its bolt stays back: whoever pulls comes in",
			JA: "扉は閉まっているがボルトが戻っている：引けば開きます"}), ev.At)
	case protocol.Bolted:
		if now, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Lock = "locked" }); err != nil || !now {
			return err
		}
		return tx.ClearAlarm(ctx, alarmUnbolted, b.Position, ev.At)
	case protocol.Mains:
		return e.mains(ctx, tx, ev, b)
	}
	return nil
}

var faultNames = map[protocol.DoorFaultKind]string{
	protocol.DoorJammed: "jammed", protocol.DoorAlreadyOpen: "open", protocol.DoorUncommanded: "uncommanded", protocol.DoorAjar: "ajar",
}

func (e *Effects) doorFault(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.DoorFault) error {
	name, ok := faultNames[b.Fault]
	if !ok {
		return &link.NotApplied{Reason: fmt.Sprintf("door fault %d is unknown", b.Fault)}
	}
	if now, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Door = name }); err != nil || !now {
		return err
	}
	if b.Fault == protocol.DoorAlreadyOpen {
		return nil // a second customer at an open door is no fault to look at
	}
	return tx.RaiseAlarm(ctx, alarmID(ev, AlarmDoor), doorAlarm(b.Fault), b.Position, alarm.Say(alarm.Text{EN: "door " + name, JA: alarm.Of(doorAlarm(b.Fault)).Title.JA}), ev.At)
}

// Alarms of a door that are no DoorFault.
const (
	alarmDoorWarm = AlarmDoor + "_warm"
	alarmUnbolted = AlarmDoor + "_unbolted"
)

func doorAlarm(f protocol.DoorFaultKind) string { return AlarmDoor + "_" + faultNames[f] }

func clear(ctx context.Context, tx *store.Tx, at time.Time, position string, faults ...protocol.DoorFaultKind) error {
	kinds := make([]string, len(faults))
	for i, f := range faults {
		kinds[i] = doorAlarm(f)
	}
	return tx.ClearAlarms(ctx, kinds, position, at)
}

func (e *Effects) mains(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.Mains) error {
	if now, err := e.position(ctx, tx, ev, b.Position, func(p *store.Position) { p.Mains = b.On }); err != nil || !now {
		return err
	}
	if b.On {
		return powerBack(ctx, tx, ev, b.Position)
	}
	return powerGone(ctx, tx, ev, b.Position)
}

// position changes the state of a door or supply. A device speaks only of positions at its own place. now is false for word that is
// only history: of a board that serves no longer, or that another one has spoken after.
func (e *Effects) position(ctx context.Context, tx *store.Tx, ev link.Event, id string, change func(*store.Position)) (now bool, err error) {
	location, err := tx.PlaceOfFridge(ctx, id)
	if err != nil {
		return false, err
	}
	if ev.Role != plan.RoleStation || ev.Place != location {
		return false, &link.NotApplied{Reason: fmt.Sprintf("fridge %s is at %s, device serves %s %s", id, location, ev.Role, ev.Place)}
	}
	if d, err := tx.Device(ctx, ev.Device); err != nil && !errors.Is(err, fleet.ErrUnknownDevice) || d.Revoked() {
		return false, err // what is drained from a board that was replaced, before the next one has spoken as well as after
	}
	p, err := tx.Position(ctx, id)
	if err != nil {
		return false, err
	}
	if p.DeviceID != "" && p.DeviceID != ev.Device && ev.At.Before(p.ChangedAt) {
		return false, nil
	}
	change(&p)
	p.DeviceID, p.ChangedAt = ev.Device, ev.At
	tx.SavePosition(p)
	return true, nil
}

// temperature raises the alarm of a device at once. It is the one that the hub finds in the readings when these have come, and clears
// then if they do not bear it out. A device that does not say by which reading leaves it to them.
func (e *Effects) temperature(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.Alarm) error {
	position := positionOf(b.Sensor)
	if err := atPlace(ctx, tx, ev, position); err != nil {
		return err
	}
	if err := tx.MarkDue(ctx, position, ev.At.Add(-time.Hour), ev.Received); err != nil {
		return err
	}
	switch {
	case len(b.Rule) > maxRuleName || strings.Contains(b.Rule, "/"):
		return &link.NotApplied{Reason: fmt.Sprintf("%.40q is the name of no rule", b.Rule)}
	case !b.Raised && b.Rule != "":
		return tx.ClearAlarmOf(ctx, deviceAlarm(ev, b), ev.At)
	case !b.Raised:
		return tx.ClearTemperature(ctx, b.Sensor, ev.At)
	case b.First == 0:
		return nil
	}
	return tx.RaiseAlarm(ctx, deviceAlarm(ev, b), AlarmTemperature, b.Sensor, alarm.Say(TemperatureDetail(b.MilliC, b.LimitMilliC)), ev.At)
}

// maxRuleName bounds the name of a rule, in bytes: that of a category and what the hub puts around it.
const maxRuleName = 120

// deviceAlarm is the id of the alarm that a device speaks of: that of the rule and the first reading outside.
func deviceAlarm(ev link.Event, b protocol.Alarm) string {
	rule := b.Rule
	switch {
	case rule != "":
	case b.MilliC < b.LimitMilliC:
		rule = "low"
	default:
		rule = "high"
	}
	return TemperatureAlarmID(fmt.Sprintf("%s/%s/%s/%d", rule, ev.Device, ev.Incarnation, b.First), b.Sensor)
}

// TemperatureAlarmID is the id of a temperature alarm: of what the rules call it and its sensor.
func TemperatureAlarmID(alarm, sensor string) string {
	return AlarmTemperature + "/" + alarm + "/" + sensor
}

// TemperatureDetail is what is told of a temperature alarm.
func TemperatureDetail(milliC, limitMilliC int64) alarm.Text {
	is, limit := celsius(milliC), celsius(limitMilliC)
	return alarm.Text{EN: is + ", limit " + limit, JA: is + "、限度 " + limit}
}

func celsius(milliC int64) string { return fmt.Sprintf("%.1f °C", float64(milliC)/1000) }

// goodsHeld takes the decision of a station about goods in its fridge.
func (e *Effects) goodsHeld(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.GoodsHeld) error {
	c, err := tx.Container(ctx, b.DatedContainer)
	if err != nil {
		return err
	}
	if ev.Role != plan.RoleStation || ev.Place != c.LocationID || c.FridgeID != b.Position {
		return &link.NotApplied{Reason: fmt.Sprintf("container %s is for fridge %s at %s, device serves %s %s", c.ID, c.FridgeID, c.LocationID, ev.Role, ev.Place)}
	}
	if e.Hold == nil {
		return nil
	}
	outside := time.Duration(b.OutsideMS) * time.Millisecond
	since := time.UnixMilli(b.Since)
	if since.After(ev.At) || ev.At.Sub(since) > longestJudged {
		since = ev.At
	}
	leg, position := coldchain.Station, b.Position
	if b.Cause.OfRide() && b.Cause != protocol.RideCarried { // which no reading of the shipper can settle
		leg, position = coldchain.Shipper, c.ShipperID
		loaded := c.LoadedAt
		if loaded.IsZero() { // nobody has scanned it
			loaded = ev.At.Add(-longestRide)
		}
		if err := tx.MarkDue(ctx, position, loaded, ev.Received); err != nil { // the readings may be here and say otherwise
			return err
		}
	}
	return e.Hold(ctx, tx, c, store.Hold{ID: fmt.Sprintf("%s/device/%s/%d", c.ID, ev.Incarnation, ev.Number), Container: c.ID, Position: position,
		Cause: store.CauseDevice, Leg: leg, Since: since, Outside: outside, HeldAt: ev.Received, DeviceAt: b.HeldAt, HeldBy: ev.Device,
		Reason: alarm.Say(heldBecause(b, outside)), DeviceCause: b.Cause}, ev.Received)
}

// heldBecause is why a station has held goods.
func heldBecause(b protocol.GoodsHeld, outside time.Duration) alarm.Text {
	is, minutes := celsius(b.MilliC), int64(outside.Round(time.Minute)/time.Minute)
	switch b.Cause {
	case protocol.GoodsDoubtful:
		return alarm.Text{EN: "the station held it: no valid reading for longer than allowed", JA: "ステーションが保留：有効な記録のない時間が許容を超過"}
	case protocol.RideBroken:
		return alarm.Text{EN: fmt.Sprintf("the station held it by the statement of shipper %s: %s on the way, %d min outside", b.Shipper, is, minutes),
			JA: fmt.Sprintf("ステーションが保冷箱 %s の申告により保留：輸送中 %s、範囲外 %d 分", b.Shipper, is, minutes)}
	case protocol.RideDoubtful:
		return alarm.Text{EN: "the station held it by the statement of shipper " + b.Shipper + ": no valid reading on the way for longer than allowed",
			JA: "ステーションが保冷箱 " + b.Shipper + " の申告により保留：輸送中に有効な記録のない時間が許容を超過"}
	case protocol.RideCarried:
		return alarm.Text{EN: "the station held it: too long between the last word of shipper " + b.Shipper + " and its hand-in",
			JA: "ステーションが保留：保冷箱 " + b.Shipper + " の最後の記録から納品までの時間が長すぎる"}
	case protocol.RideUnstated:
		return alarm.Text{EN: "the station held it: it came without the statement of shipper " + b.Shipper,
			JA: "ステーションが保留：保冷箱 " + b.Shipper + " の申告なしで納品"}
	}
	return alarm.Text{EN: fmt.Sprintf("the station held it: %s, %d min outside", is, minutes), JA: fmt.Sprintf("ステーションが保留：%s、範囲外 %d 分", is, minutes)}
}

// longestRide is how long goods are taken to have been in a shipper when nobody has scanned that they were loaded.
const longestRide = 12 * time.Hour

// longestJudged is how far back a station may say that goods have not been right.
const longestJudged = 14 * 24 * time.Hour

// JudgeAgain has the goods of a container judged wherever it was: a move makes other readings count.
func JudgeAgain(ctx context.Context, tx *store.Tx, c dispatch.Container, now time.Time) error {
	fridge, err := tx.FridgeOfAddress(ctx, c.AddressID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	for _, at := range []struct {
		position string
		since    time.Time
	}{{fridge, c.FilledAt}, {c.ShipperID, c.LoadedAt}, {c.FridgeID, c.PlacedAt}} {
		if at.position == "" || at.since.IsZero() {
			continue
		}
		if err := tx.MarkDue(ctx, at.position, at.since, now); err != nil {
			return err
		}
	}
	return nil
}

// atPlace refuses word of a fridge at another location, or of another shipper.
func atPlace(ctx context.Context, tx *store.Tx, ev link.Event, position string) error {
	place := position
	if ev.Role != plan.RoleShipper {
		location, err := tx.PlaceOfFridge(ctx, position)
		if err != nil {
			return err
		}
		place = location
	}
	if place == ev.Place && (ev.Role == plan.RoleStation || ev.Role == plan.RoleShipper) {
		return nil
	}
	return &link.NotApplied{Reason: fmt.Sprintf("%s is at %s, device serves %s %s", position, place, ev.Role, ev.Place)}
}

// Owns says whether a sensor stands where a device serves, for link.Config.
func Owns(ctx context.Context, tx *store.Tx, d fleet.Device, sensor string) (bool, error) {
	err := atPlace(ctx, tx, link.Event{Device: d.ID, Place: d.Place, Role: string(d.Role)}, positionOf(sensor))
	if errors.As(err, new(*link.NotApplied)) || errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// positionOf gives the fridge or shipper that a sensor, POSITION/NAME, is in.
func positionOf(sensor string) string {
	position, _, _ := strings.Cut(sensor, "/")
	return position
}

// Orphans gives the open temperature alarms of boards, or of lives of their storage, that serve no more and cannot say that all
// is well again, as far as a later reading shows that it is.
func Orphans(ctx context.Context, tx *store.Tx) (ids []string, err error) {
	alarms, err := tx.ActiveAlarms(ctx, AlarmTemperature)
	for _, a := range alarms {
		if err != nil {
			break
		}
		well, failed := orphanIsWell(ctx, tx, a)
		if err = failed; well {
			ids = append(ids, a.ID)
		}
	}
	return ids, err
}

// ClearOrphans clears what Orphans gives.
func ClearOrphans(ctx context.Context, tx *store.Tx, now time.Time) error {
	ids, err := Orphans(ctx, tx)
	for _, id := range ids {
		if err == nil {
			err = tx.ClearAlarmOf(ctx, id, now)
		}
	}
	return err
}

func orphanIsWell(ctx context.Context, tx *store.Tx, a alarm.Alarm) (bool, error) {
	parts := strings.Split(a.ID, "/")
	if _, own := coldchain.IsOwn(parts[min(1, len(parts)-1)]); own {
		return false, nil // which the readings of the next board end
	}
	switch {
	case len(parts) == 4: // as alarmID makes it
	case len(parts) > 4: // as TemperatureAlarmID does: the rule comes before
		parts = parts[1:]
	default:
		return false, nil
	}
	switch d, err := tx.Device(ctx, parts[1]); {
	case err != nil && !errors.Is(err, fleet.ErrUnknownDevice):
		return false, err
	case err == nil && !d.Revoked() && d.Incarnation == parts[2]:
		return false, nil // it will say so itself
	}
	limit, err := tx.SensorLimit(ctx, positionOf(a.Subject))
	if err != nil {
		return false, ignoreNotFound(err)
	}
	r, err := tx.LastReading(ctx, a.Subject)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return r.Dated.At.Add(-r.Dated.Within).After(a.Raised) && r.Fault == 0 && limit.MinMilliC <= r.MilliC && r.MilliC <= limit.MaxMilliC, nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// alarmID is made of the record that raised it, so that the same record raises it once.
func alarmID(ev link.Event, kind string) string {
	return fmt.Sprintf("%s/%s/%s/%d", kind, ev.Device, ev.Incarnation, ev.Number)
}
