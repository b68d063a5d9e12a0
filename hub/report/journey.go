package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/fleet"
	"meguri/hub/store"
)

// Journey is what a report says of a container's way.
type Journey struct {
	store.Journey
	MadeAt time.Time
	Legs   []Leg
	Lang   string // that it is told in: English or Japanese
}

// Leg is a part of the way in one thing, with what was measured there.
type Leg struct {
	Kind, Subject string   // Subject is the fridge or shipper
	Sensors       []string // of it: the coldest and the warmest of them count, as for alarms
	From, Until   time.Time
	Open          bool // it goes on
	Limits        store.Limits
	Allowed       time.Duration // outside of them
	OwnRange      bool          // the limits are the fridge's own, for the category has none on this leg
	HasLimits     bool
	Rules         []coldchain.Own // alarm rules of the network's own, for the category on this leg
	Stats         Stats
	Bars          []store.Bar   // from the coldest to the warmest
	Step          time.Duration // usual, from one sample of a sensor to its next
	Gaps          []Gap         // time without a valid reading, and why
	MoreGaps      int
	Alarms        []store.JourneyAlarm
}

// Gap is time without a valid reading, or several alike that follow each other within some minutes.
type Gap struct {
	fleet.Stretch
	Count int
	Total time.Duration // of all; with one, from its beginning to its end
}

const (
	gapsTogether = 5 * time.Minute
	maxGaps      = 40 // of a leg that are listed
	legBars      = 300
	leastBar     = time.Second
	maxLeg       = 60 * 24 * time.Hour // what lies behind is not looked at
	statsPage    = 20_000
	ledgerMost   = 2000
)

// ErrNoJourney is a container that has not been on its way yet.
var ErrNoJourney = fmt.Errorf("the container has not been shelved, loaded or placed yet: %w", store.ErrNotFound)

// Read reads the journey of a dated container as it is known now.
func Read(ctx context.Context, tx *store.Tx, container string, now time.Time) (j Journey, err error) {
	if j.Journey, err = tx.Journey(ctx, container); err != nil {
		return j, err
	}
	j.MadeAt = now.UTC().Truncate(time.Second)
	if j.Legs = legsOf(&j.Journey, now); len(j.Legs) == 0 {
		return j, fmt.Errorf("container %s: %w", container, ErrNoJourney)
	}
	for i := range j.Legs {
		if err := j.Legs[i].read(ctx, tx, &j.Journey, now); err != nil {
			return j, fmt.Errorf("%s leg of container %s: %w", j.Legs[i].Kind, container, err)
		}
	}
	return j, nil
}

// legsOf cuts the way at its scans. A scan that is missing makes its leg a part of the one before.
func legsOf(j *store.Journey, now time.Time) []Leg {
	all := []Leg{
		{Kind: store.LegCollection, Subject: j.CollectionFridge, From: j.Shelved},
		{Kind: store.LegShipper, Subject: j.ShipperID, From: j.Loaded},
		{Kind: store.LegStation, Subject: j.FridgeID, From: j.Placed},
	}
	all = slices.DeleteFunc(all, func(l Leg) bool { return l.From.IsZero() || l.From.After(now) })
	for i := range all {
		l := &all[i]
		switch {
		case i+1 < len(all):
			l.Until = all[i+1].From
		case !j.Ended.IsZero() && j.Ended.After(l.From):
			l.Until = j.Ended
		default:
			l.Until, l.Open = now, true
		}
		if l.Until.Before(l.From) { // scans in another order than things happen in
			l.Until = l.From
		}
		l.Until = earlier(l.Until, l.From.Add(maxLeg))
	}
	return all
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (l *Leg) read(ctx context.Context, tx *store.Tx, j *store.Journey, now time.Time) error {
	if limits, ok := j.Limits[l.Kind]; ok {
		l.Limits, l.Allowed, l.HasLimits = limits.Limits, time.Duration(limits.MinutesOutside)*time.Minute, true
	} else if own, ok := j.FridgeRange[l.Subject]; ok {
		l.Limits, l.OwnRange, l.HasLimits = own, true, true
	}
	var err error
	if l.Rules, err = tx.OwnRulesOf(ctx, j.Category, l.Kind); err != nil {
		return err
	}
	span := l.Until.Sub(l.From)
	if span < leastBar {
		return nil
	}
	if l.Sensors, err = tx.SensorsOf(ctx, l.Subject); err != nil {
		return err
	}
	if l.Stats, err = readStats(ctx, tx, l, max(span/legBars, leastBar).Truncate(time.Millisecond)); err != nil {
		return err
	}
	if err := l.readGaps(ctx, tx, j, now); err != nil {
		return err
	}
	l.Alarms, err = tx.JourneyAlarms(ctx, l.Subject, l.From, l.Until)
	return err
}

// readGaps asks the ledger of the devices that have sent readings of the sensors; where none has, of those that serve there.
func (l *Leg) readGaps(ctx context.Context, tx *store.Tx, j *store.Journey, now time.Time) error {
	var k known
	for _, sensor := range l.Sensors {
		devices, err := tx.SensorDevices(ctx, sensor, l.From, l.Until)
		if err == nil && len(devices) == 0 {
			place := map[string]string{store.LegStation: j.LocationID, store.LegShipper: j.ShipperID, store.LegCollection: j.ShopID}[l.Kind]
			var there []fleet.Device
			there, err = tx.DevicesAt(ctx, place)
			for _, d := range there {
				devices = append(devices, d.ID)
			}
		}
		if err != nil {
			return err
		}
		k.devices += len(devices)
		for _, d := range devices {
			if err := k.read(ctx, tx, l, d, sensor, now); err != nil {
				return err
			}
		}
	}
	l.gapsOf(k.gaps, k.unused, k.received, k.devices)
	return nil
}

// known is what the ledgers of devices say of a leg's sensors.
type known struct {
	gaps, unused, received []fleet.Stretch
	devices                int
}

func (k *known) read(ctx context.Context, tx *store.Tx, l *Leg, device, sensor string, now time.Time) error {
	for from := l.From; from.Before(l.Until); {
		all, reached, err := tx.Ledger(ctx, device, fleet.Ask{From: from, To: l.Until, Now: now, Sensor: sensor, Most: ledgerMost})
		if err != nil {
			return err
		}
		for _, s := range all {
			switch s.State {
			case fleet.StateReceived:
				k.received = append(k.received, s)
			case fleet.StateNotInUse, fleet.StateAhead:
				k.unused = append(k.unused, s)
			default:
				k.gaps = append(k.gaps, s)
			}
		}
		if !reached.After(from) {
			break
		}
		from = reached
	}
	return nil
}

// gapsOf says what is a gap: what of no sensor was received, and time in which none knew of the sensor.
func (l *Leg) gapsOf(gaps, unused, received []fleet.Stretch, devices int) {
	var left []fleet.Stretch
	for _, g := range gaps {
		for _, part := range without(g, received) {
			left = append(left, without(part, left)...) // the gap of another sensor is the same one
		}
	}
	if devices == 0 {
		unused = []fleet.Stretch{{From: l.From, To: l.Until, State: fleet.StateNotInUse}}
	}
	known := slices.Concat(received, gaps)
	for _, u := range unused {
		for _, g := range without(u, known) {
			if g.Reason = "no device has told of this sensor"; g.To.After(g.From) {
				left, known = append(left, g), append(known, g)
			}
		}
	}
	slices.SortStableFunc(left, func(a, b fleet.Stretch) int { return a.From.Compare(b.From) })
	for _, g := range left {
		took := g.To.Sub(g.From)
		if n := len(l.Gaps); n > 0 && l.Gaps[n-1].State == g.State && l.Gaps[n-1].Reason == g.Reason && g.From.Sub(l.Gaps[n-1].To) < gapsTogether {
			last := &l.Gaps[n-1]
			last.To, last.Count, last.Total, last.Within = g.To, last.Count+1, last.Total+took, max(last.Within, g.Within)
			continue
		}
		l.Gaps = append(l.Gaps, Gap{g, 1, took})
	}
	if len(l.Gaps) > maxGaps {
		l.Gaps, l.MoreGaps = l.Gaps[:maxGaps], len(l.Gaps)-maxGaps
	}
}

// without gives what is left of a stretch beside others.
func without(g fleet.Stretch, others []fleet.Stretch) []fleet.Stretch {
	left := []fleet.Stretch{g}
	for _, o := range others {
		var next []fleet.Stretch
		for _, p := range left {
			if !o.To.After(p.From) || !o.From.Before(p.To) {
				next = append(next, p)
				continue
			}
			if a := p; o.From.After(a.From) {
				a.To = o.From
				next = append(next, a)
			}
			if b := p; o.To.Before(b.To) {
				b.From = o.To
				next = append(next, b)
			}
		}
		left = next
	}
	return left
}
