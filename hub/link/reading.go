package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// reading takes one record of the readings log. What cannot be read is kept raw, within bounds.
func (t *taking) reading(ctx context.Context, e entry) error {
	unread := e.unread
	if unread == nil {
		var err error
		if unread, err = t.readable(ctx, e.rec, e.body); err != nil {
			return err
		}
	}
	if unread == nil {
		return nil
	}
	t.quarantined++
	if keep, err := t.keeps(ctx, e.raw, unread); err != nil || !keep {
		return errors.Join(err, t.discard(ctx, e.number))
	}
	return t.tx.AddQuarantine(ctx, store.QuarantineRow{ID: rand.Text(), Device: t.device.ID, Incarnation: t.incarnation,
		Log: uint8(t.batch.Log), Number: e.number, ReceivedAt: t.now, Reason: clean(unread.Error(), maxReason), Raw: e.raw})
}

// readable takes a decoded record of the readings log, or says why it is not taken.
func (t *taking) readable(ctx context.Context, rec protocol.Record, body protocol.Body) (unread, err error) {
	switch b := body.(type) {
	case protocol.Rounds:
		return t.rounds(ctx, rec, b)
	case protocol.Samples:
		return t.samples(ctx, rec, b)
	case protocol.Thinned:
		return nil, t.thinned(ctx, rec, b)
	}
	return fmt.Errorf("%w: %s among readings", protocol.ErrMalformed, name(body)), nil
}

// samples takes the round of an older device.
func (t *taking) samples(ctx context.Context, rec protocol.Record, b protocol.Samples) (unread, err error) {
	round := protocol.Round{Samples: b.Samples}
	r, err := protocol.NewRounds([]protocol.Round{round})
	if err != nil {
		return err, nil
	}
	return t.rounds(ctx, rec, r)
}

// rounds makes a row of each sensor's samples.
func (t *taking) rounds(ctx context.Context, rec protocol.Record, b protocol.Rounds) (unread, err error) {
	var span time.Duration
	for _, gap := range b.Gaps {
		span += millis(gap)
	}
	if span > store.LongestSpan {
		return fmt.Errorf("%w: rounds over %s in one record, at most %s", protocol.ErrMalformed, span, store.LongestSpan), nil
	}
	if unread := checkSensors(b.Sensors); unread != nil {
		return unread, nil
	}
	if unread, err := t.foreign(ctx, b.Sensors); unread != nil || err != nil {
		return unread, err
	}
	dated, err := t.date(ctx, rec)
	if err != nil {
		return nil, err
	}
	row := store.ReadingRow{Number: rec.Number, Boot: rec.Boot, Mono: rec.Mono, ClaimedAt: rec.Wall, WallQuality: uint8(rec.Quality),
		Dated: fleet.Dated{At: dated.At, Within: dated.Within + fleet.Drift(span)}, Received: t.now, Span: span, Samples: len(b.Gaps) + 1}
	for j, sensor := range b.Sensors {
		row.Sensor, row.MilliC, row.Fault, row.Faults = sensor, 0, 0, 0
		for i, d := range b.Values[j] { // one with a fault repeats the value before it, or is 0 when there is none
			row.MilliC += d
			if i == 0 {
				row.Min, row.Max = row.MilliC, row.MilliC
			}
			row.Min, row.Max = min(row.Min, row.MilliC), max(row.Max, row.MilliC)
		}
		for _, f := range b.Faults {
			if int(f.Sensor) != j {
				continue
			}
			row.Faults++
			if int(f.Round) == len(b.Gaps) {
				row.MilliC, row.Fault = 0, uint8(f.Fault)
			}
		}
		from := len(t.earlier)
		t.earlier = store.AppendEarlier(t.earlier, b.Gaps, b.Values[j], b.Faults, j)
		row.Earlier = t.earlier[from:len(t.earlier):len(t.earlier)]
		t.rows = append(t.rows, row)
	}
	t.readings += int64(len(b.Sensors) * row.Samples)
	return nil, nil
}

// foreign says which sensor of a round is not the device's to speak of, nil for none.
func (t *taking) foreign(ctx context.Context, sensors []string) (reason, err error) {
	owns := t.receiver.config.Owns
	if owns == nil {
		return nil, nil
	}
	if t.owned == nil {
		t.owned = map[string]bool{}
	}
	for _, s := range sensors {
		mine, asked := t.owned[s]
		if !asked {
			if mine, err = owns(ctx, t.tx, t.device, s); err != nil {
				return nil, err
			}
			t.owned[s] = mine
		}
		if !mine {
			return fmt.Errorf("sensor %q is not at %s, which the device serves", s, t.device.Place), nil
		}
	}
	return nil, nil
}

func checkSensors(sensors []string) error {
	for i, s := range sensors {
		if s == "" || s != clean(s, maxText) {
			return fmt.Errorf("%w: sensor %.40q: want 1 to %d bytes of printable text", protocol.ErrMalformed, s, maxText)
		}
		for _, before := range sensors[:i] { // they are few
			if before == s {
				return fmt.Errorf("%w: sensor %q twice", protocol.ErrMalformed, s)
			}
		}
	}
	return nil
}

// thinned keeps what is left of readings that the device dropped, and explains their numbers as far as they are missing. Those
// that were taken before it dropped them are not.
func (t *taking) thinned(ctx context.Context, rec protocol.Record, b protocol.Thinned) error {
	if err := t.addThinning(ctx, rec, b); err != nil {
		return err
	}
	if watch := t.receiver.config.Watch; watch != nil && b.Samples > 0 {
		if err := watch.Redated(ctx, t.tx, t.device.ID, time.UnixMilli(b.FromWall), t.now); err != nil { // what was missing is known now
			return err
		}
	}
	kind, reason := fleet.Thinned, fmt.Sprintf("thinned by the device: %d samples from %s to %s", b.Samples, when(b.FromWall), when(b.ToWall))
	if b.Samples > 0 {
		reason += fmt.Sprintf(", %d to %d m°C", b.MinMilliC, b.MaxMilliC)
	}
	if b.Reason == protocol.ThinDamaged {
		kind, reason = fleet.Damaged, "damaged in the device's storage"
	}
	switch {
	case b.From == 0 && b.To == 0: // numbers of the parent incarnation: an empty span at its own number keeps the note
		return t.gap(ctx, fleet.Gap{First: rec.Number, Last: rec.Number - 1, Kind: kind, Reason: reason})
	case b.From == rec.Number && b.To == rec.Number:
		return t.gap(ctx, fleet.Gap{First: rec.Number, Last: rec.Number, Kind: fleet.Damaged, Reason: "damaged in the device's storage"})
	}
	return t.explain(ctx, t.incarnation, uint8(t.batch.Log), b.From, b.To, kind, reason)
}

// addThinning keeps the record itself. Its times are those of the device's wall clock when what was dropped was recorded, taken
// to be as good as it is now; where that clock was not set, they are not known.
func (t *taking) addThinning(ctx context.Context, rec protocol.Record, b protocol.Thinned) error {
	dated, err := t.date(ctx, rec)
	if err != nil {
		return err
	}
	from, to := time.UnixMilli(b.FromWall), time.UnixMilli(b.ToWall)
	if fleet.Plausible(from) && fleet.Plausible(to) && !from.After(to) && !to.After(t.now.Add(time.Minute)) {
		dated.Within += fleet.Drift(dated.At.Sub(from))
	} else {
		from, to = dated.At, dated.At
		dated.Within += max(0, dated.At.Sub(t.device.AddedAt))
	}
	return t.tx.AddThinning(ctx, store.ThinningRow{Device: t.device.ID, Incarnation: t.incarnation, Number: rec.Number,
		First: min(b.From, maxCounter), Last: min(b.To, maxCounter), Reason: uint8(b.Reason), From: from, To: to, Within: dated.Within, Rounds: b.Rounds,
		Samples: b.Samples, Received: t.now, Body: rec.Body})
}
