package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/live"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// watch raises and clears the alarms of what nobody says: a station that is silent, goods that nobody came for, a probe that gives
// no value or is due for calibration. What it knows is in the database, so that several hubs find the same; each alarm has an id made
// of what it is about, so that the same one is raised once.
type watch struct {
	store  *store.Store
	feed   *live.Feed
	clock  clock.Clock
	zone   *time.Location
	logger *slog.Logger

	up     time.Time       // since when this hub listens
	faulty map[string]bool // sensors that gave no value at the last look: one that fails once is no alarm
}

const (
	watchEvery = time.Minute // on the hub's clock
	noLonger   = time.Hour   // a probe that a device that is there has not read for so long is its no more
)

func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(max(w.clock.Real(watchEvery), leastTick))
	defer tick.Stop()
	for {
		if err := w.turn(ctx, w.clock.Now()); err != nil && ctx.Err() == nil {
			w.logger.Error("looking for alarms failed, and is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// turn looks once. What fails does not keep the rest from being done.
func (w *watch) turn(ctx context.Context, now time.Time) error {
	if w.zone == nil {
		w.zone = time.Local
	}
	if w.up.IsZero() {
		w.up = now
	}
	var failed []error
	for name, step := range map[string]func(context.Context, time.Time) error{
		"silent stations": w.silent, "leftovers": w.leftovers, "sensors": w.sensors, "calibrations": w.calibrations,
	} {
		if err := step(ctx, now); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}

// wanted are the alarms of a kind that there ought to be, by subject.
type wanted map[string]store.AlarmView

// due is what has to be done about the alarms of a kind, for those that are wanted to be.
type due struct {
	raise, renew []store.AlarmView
	clear        []string
}

func (d due) nothing() bool { return len(d.raise)+len(d.renew)+len(d.clear) == 0 }

// settle raises the alarms of a kind that are wanted, clears those that are not, and lets the others say how it is by now. It looks
// first, for nearly always all is as it should be.
func (w *watch) settle(ctx context.Context, kind string, want wanted, now time.Time) error {
	var d due
	err := w.store.Read(ctx, func(tx *store.Tx) (err error) {
		d, err = dueOf(ctx, tx, kind, want)
		return err
	})
	if err != nil || d.nothing() {
		return err
	}
	err = w.store.Change(ctx, func(tx *store.Tx) error {
		d, err := dueOf(ctx, tx, kind, want)
		for _, a := range d.raise {
			if err == nil {
				err = tx.RaiseAlarm(ctx, a.ID, kind, a.Subject, a.Detail, a.Raised)
			}
		}
		for _, a := range d.renew {
			if err == nil {
				err = tx.RenewAlarm(ctx, a.ID, a.Detail)
			}
		}
		for _, id := range d.clear {
			if err == nil {
				err = tx.ClearAlarmOf(ctx, id, now)
			}
		}
		return err
	})
	w.feed.Changed()
	return err
}

func dueOf(ctx context.Context, tx *store.Tx, kind string, want wanted) (d due, err error) {
	active, err := tx.ActiveAlarms(ctx, kind)
	has := map[string]bool{}
	for _, a := range active {
		has[a.Subject] = true
		switch is, ok := want[a.Subject]; {
		case !ok:
			d.clear = append(d.clear, a.ID)
		case is.Detail != a.Detail:
			d.renew = append(d.renew, store.AlarmView{ID: a.ID, Detail: is.Detail})
		}
	}
	for subject, a := range want {
		if !has[subject] {
			d.raise = append(d.raise, a)
		}
	}
	return d, err
}

// silent raises the stations that are dark before their pickup opens, or the one outage that explains them all.
func (w *watch) silent(ctx context.Context, now time.Time) error {
	if now.Sub(w.up) < alarm.SilentFor {
		return nil // a hub that has just started has heard nobody yet, and ends no alarm either
	}
	var stations []alarm.Station
	opens := map[string]store.Opening{}
	calls := map[string]string{}
	outage := false
	err := w.store.Read(ctx, func(tx *store.Tx) error {
		openings, err := tx.Openings(ctx, now, now.Add(alarm.OpensWithin))
		if err != nil {
			return err
		}
		for _, o := range openings {
			opens[o.Location] = o // the earliest comes last
			if calls[o.Location], err = tx.WhoToCall(ctx, o.Location, o.Date); err != nil {
				return err
			}
		}
		devices, err := tx.DeviceViews(ctx)
		for _, d := range devices {
			if d.Role == plan.RoleStation {
				stations = append(stations, alarm.Station{Place: d.Place, Online: d.Online, Heard: d.Seen, Opens: opens[d.Place].At})
			}
		}
		if err != nil {
			return err
		}
		_, outage, err = tx.ActiveAlarmOf(ctx, alarm.Outage, "hub")
		return err
	})
	if err != nil {
		return err
	}
	dark, outage := alarm.Silent(stations, outage, w.up, now)
	down, want := wanted{}, wanted{}
	if outage {
		down["hub"] = store.AlarmView{ID: fmt.Sprintf("%s/%d", alarm.Outage, now.UnixMilli()), Subject: "hub", Raised: now}
	}
	for _, s := range dark {
		heard, opens, call := s.Heard.In(w.zone).Format("15:04"), s.Opens.In(w.zone).Format("15:04"), calls[s.Place]
		detail := alarm.Text{EN: fmt.Sprintf("nothing was heard since %s; pickup opens at %s. Call %s", heard, opens, call),
			JA: fmt.Sprintf("%s から通信なし、受け取り開始 %s。連絡先 %s", heard, opens, call)}
		want[s.Place] = store.AlarmView{ID: fmt.Sprintf("%s/%s/%d", alarm.DarkOpening, s.Place, now.UnixMilli()), Subject: s.Place,
			Detail: alarm.Say(detail), Raised: now}
	}
	return errors.Join(w.settle(ctx, alarm.Outage, down, now), w.settle(ctx, alarm.DarkOpening, want, now))
}

// leftovers raises the fridges that still hold goods of a pickup whose leftovers should have been collected by now: hours before
// the next delivery needs the room.
func (w *watch) leftovers(ctx context.Context, now time.Time) error {
	var left []store.Uncollected
	err := w.store.Read(ctx, func(tx *store.Tx) (err error) {
		left, err = tx.LeftBehind(ctx, now.Add(-dispatch.Collected))
		return err
	})
	if err != nil {
		return err
	}
	dates, containers := map[string][]string{}, map[string]int{}
	want := wanted{}
	for _, u := range left { // the oldest first
		if containers[u.Fridge] += u.Containers; !slices.Contains(dates[u.Fridge], u.Date) {
			dates[u.Fridge] = append(dates[u.Fridge], u.Date)
		}
		a, has := want[u.Fridge]
		if !has {
			a = store.AlarmView{ID: fmt.Sprintf("%s/%s/%s", alarm.Leftover, u.Fridge, u.Date), Subject: u.Fridge, Raised: u.Closed.Add(dispatch.Collected)}
		}
		of := strings.Join(dates[u.Fridge], ", ")
		a.Detail = alarm.Say(alarm.Text{EN: fmt.Sprintf("goods of %s in containers: %d", of, containers[u.Fridge]),
			JA: fmt.Sprintf("%s の商品が容器 %d 個に残っている", of, containers[u.Fridge])})
		want[u.Fridge] = a
	}
	return w.settle(ctx, alarm.Leftover, want, now)
}

// sensors raises the probes whose newest reading is a fault, by the name of the sensor and of the fault.
func (w *watch) sensors(ctx context.Context, now time.Time) error {
	want, faulty, stands := wanted{}, map[string]bool{}, map[string]bool{}
	err := w.store.Read(ctx, func(tx *store.Tx) error {
		active, err := tx.ActiveAlarms(ctx, alarm.Sensor)
		if err != nil {
			return err
		}
		for _, a := range active {
			stands[a.Subject] = true
		}
		devices, err := tx.DeviceViews(ctx)
		if err != nil {
			return err
		}
		for _, d := range devices {
			if d.Role != plan.RoleStation && d.Role != plan.RoleShipper {
				continue
			}
			faults, err := newestFaults(ctx, tx, d, now)
			if err != nil {
				return err
			}
			for _, r := range faults {
				faulty[r.Sensor] = true
				if w.faulty[r.Sensor] || stands[r.Sensor] {
					want[r.Sensor] = store.AlarmView{ID: fmt.Sprintf("%s/%s/%d", alarm.Sensor, r.Sensor, r.Dated.At.UnixMilli()), Subject: r.Sensor,
						Detail: alarm.Say(alarm.Fault(r.Fault)), Raised: r.Dated.At}
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.faulty = faulty
	return w.settle(ctx, alarm.Sensor, want, now)
}

// newestFaults gives the newest readings of a device's probes that are faults.
func newestFaults(ctx context.Context, tx *store.Tx, d store.DeviceView, now time.Time) (faults []store.ReadingRow, err error) {
	sensors, err := tx.LedgerSensors(ctx, d.ID)
	for _, s := range sensors {
		r, failed := tx.LastReading(ctx, s)
		switch {
		case errors.Is(failed, store.ErrNotFound):
		case failed != nil:
			return nil, failed
		case r.Fault != 0 && !(d.Online && now.Sub(r.Dated.At) > noLonger):
			faults = append(faults, r)
		}
	}
	return faults, err
}

// calibrations raises the probes whose calibration is due soon, or over.
func (w *watch) calibrations(ctx context.Context, now time.Time) error {
	soon, over := wanted{}, wanted{}
	err := w.store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Calibrations(ctx)
		for _, c := range all {
			kind := c.DueKind(now, w.zone)
			a := store.AlarmView{ID: kind + "/" + c.Sensor + "/" + c.Due, Subject: c.Sensor, Detail: alarm.Say(alarm.Text{EN: "due " + c.Due, JA: "期限 " + c.Due}), Raised: now}
			switch kind {
			case alarm.Calibration:
				soon[c.Sensor] = a
			case alarm.Overdue:
				over[c.Sensor] = a
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(w.settle(ctx, alarm.Calibration, soon, now), w.settle(ctx, alarm.Overdue, over, now))
}
