package quality

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/fleet"
	"meguri/hub/store"
)

// place is what is known of a position, and by which sensor.
type place struct {
	coldchain.Known
	sensors map[string][]coldchain.Piece
	heard   map[string]time.Time // by sensor
}

// probe is a sensor by the word of one device: after a board was replaced two have spoken for the same one.
type probe struct{ device, sensor string }

// probes gives the sensors at a position.
func (t *turn) probes(position string) ([]probe, error) {
	devices, err := t.tx.ThermometersAt(t.ctx, position)
	if err != nil {
		return nil, err
	}
	var all []probe
	for _, d := range devices {
		sensors, err := t.tx.SensorsAt(t.ctx, position, d)
		if err != nil {
			return nil, err
		}
		for _, s := range sensors {
			all = append(all, probe{d, s})
		}
	}
	return all, nil
}

// known reads what the probes at a position, the logs of their devices and people say from a time on.
func (t *turn) known(position string, probes []probe, from time.Time) (place, error) {
	p := place{sensors: map[string][]coldchain.Piece{}, heard: map[string]time.Time{}}
	for _, one := range probes {
		if err := t.sensor(&p, one, from); err != nil {
			return p, fmt.Errorf("sensor %s of %s: %w", one.sensor, one.device, err)
		}
	}
	var all [][]coldchain.Piece
	for _, sensor := range slices.Sorted(maps.Keys(p.sensors)) {
		all = append(all, p.sensors[sensor])
	}
	p.Pieces = coldchain.Overlay(all...)
	var err error
	p.Probings, err = t.tx.Probings(t.ctx, position, from.Add(-time.Hour), t.now)
	return p, err
}

// sensor adds what one sensor says; its readings are those of all devices, and are read once.
func (t *turn) sensor(p *place, of probe, from time.Time) error {
	device, sensor := of.device, of.sensor
	thinned, err := t.tx.ThinningsOf(t.ctx, device, sensor, from, t.now)
	if err != nil {
		return err
	}
	var readings []coldchain.Reading
	if _, done := p.sensors[sensor]; !done {
		if readings, err = t.readings(sensor, from); err != nil {
			return err
		}
	}
	pieces := coldchain.Trace(readings, thinned, stands)
	for _, r := range readings {
		if r.At.After(p.heard[sensor]) {
			p.heard[sensor] = r.At
		}
	}
	if p.heard[sensor].After(p.Heard) {
		p.Heard = p.heard[sensor]
	}
	p.sensors[sensor] = coldchain.Overlay(p.sensors[sensor], pieces)
	return t.missing(p, device, sensor, pieces, from)
}

func (t *turn) readings(sensor string, from time.Time) ([]coldchain.Reading, error) {
	var all []coldchain.Reading
	for range maxPages {
		views, next, err := t.tx.ReadingsOf(t.ctx, sensor, from, t.now.Add(time.Minute), maxSamples)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			all = append(all, coldchain.Reading{ID: fmt.Sprintf("%s/%s/%d", v.Device, v.Incarnation, v.Number), At: v.At, MilliC: v.MilliC, Fault: v.Fault != 0})
		}
		if next.IsZero() {
			break
		}
		from = next
	}
	return all, nil
}

// missing asks the ledger why there are holes, where there are: what has not arrived the device itself may well have.
func (t *turn) missing(p *place, device, sensor string, pieces []coldchain.Piece, from time.Time) error {
	if len(coldchain.Holes(pieces, coldchain.Span{From: from, Until: p.heard[sensor]})) == 0 {
		return nil
	}
	stretches, _, err := t.tx.Ledger(t.ctx, device, fleet.Ask{From: from, To: t.now, Now: t.now, Sensor: sensor, Most: store.MaxPage})
	if err != nil {
		return err
	}
	for _, s := range stretches {
		if s.State == fleet.StateNotArrived {
			p.Missing = append(p.Missing, coldchain.Span{From: s.From, Until: s.To})
		}
	}
	return nil
}
