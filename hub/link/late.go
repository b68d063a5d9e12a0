package link

import (
	"context"
	"errors"
	"fmt"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// latePage is how many records of kinds that were unknown are applied in one transaction.
const latePage = 100

// ApplyLate applies what newer devices sent before this hub was upgraded and knew what it meant: events as late ones, in the
// order of each log, and readings. It is called before devices are heard, so that nothing newer of a log comes before.
func (r *Receiver) ApplyLate(ctx context.Context) error {
	events, readings := 0, 0
	var after store.EventRow
	for more := true; more; {
		var n int
		var next store.EventRow
		err := r.config.Store.Change(ctx, func(tx *store.Tx) (err error) {
			n, next = 0, after
			page, err := tx.UnknownEvents(ctx, after.Device, after.Incarnation, after.Number, latePage)
			more = len(page) == latePage
			for _, e := range page {
				known, err := r.lateEvent(ctx, tx, e)
				if err != nil {
					return fmt.Errorf("event %d of %s, kind %d: %w", e.Number, e.Device, e.Kind, err)
				}
				if next = e; known {
					n++
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("apply late events: %w", err)
		}
		after, events = next, events+n
	}
	id := ""
	for more := true; more; {
		var n int
		next := id
		err := r.config.Store.Change(ctx, func(tx *store.Tx) (err error) {
			n, next = 0, id
			page, err := tx.UnknownReadings(ctx, id, latePage)
			more = len(page) == latePage
			for _, q := range page {
				known, err := r.lateReading(ctx, tx, q)
				if err != nil {
					return fmt.Errorf("reading %d of %s: %w", q.Number, q.Device, err)
				}
				if next = q.ID; known {
					n++
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("apply late readings: %w", err)
		}
		id, readings = next, readings+n
	}
	if events+readings > 0 {
		r.config.Logger.Info("records of kinds that are known now are applied", "events", events, "readings", readings)
		r.changed()
	}
	return nil
}

// late is one record that came in a batch long ago.
func (r *Receiver) late(ctx context.Context, tx *store.Tx, device, incarnation string, log protocol.LogID) (*taking, error) {
	t := &taking{receiver: r, tx: tx, incarnation: incarnation, now: r.config.Clock.Now()}
	var err error
	if t.device, err = tx.Device(ctx, device); err != nil {
		return nil, err
	}
	t.batch.Log = log
	t.batch.Incarnation, err = protocol.ParseIncarnation(incarnation)
	return t, err
}

func (r *Receiver) lateEvent(ctx context.Context, tx *store.Tx, e store.EventRow) (known bool, err error) {
	kind := protocol.Kind(e.Kind)
	body, unread := protocol.DecodeEvent(kind, e.Body)
	if errors.Is(unread, protocol.ErrUnknownKind) {
		return false, nil
	}
	t, err := r.late(ctx, tx, e.Device, e.Incarnation, protocol.Events)
	if err != nil {
		return false, err
	}
	e.Outcome, e.Reason = store.Applied, ""
	if unread != nil {
		e.Name, e.Outcome, e.Reason = "unreadable", store.Quarantined, clean(unread.Error(), maxReason)
		return true, tx.SettleEvent(ctx, e)
	}
	e.Name, e.Subject = name(body), clean(subject(body), maxText)
	rec := protocol.Record{Number: e.Number, Boot: e.Boot, Mono: e.Mono, Wall: e.ClaimedAt, Quality: protocol.WallQuality(e.WallQuality),
		Kind: kind, Body: e.Body}
	before := t.device
	if err := tx.Savepoint(ctx, func() error { return t.apply(ctx, e.Number, rec, fleet.Dated{At: e.EventAt, Within: e.Within}, body) }); err != nil {
		reason, ok := t.permanent(err)
		if !ok {
			return false, err
		}
		t.device = before
		e.Outcome, e.Reason = store.NotApplied, clean(reason, maxReason)
	}
	if t.device != before {
		if err := tx.SaveDevice(ctx, t.device); err != nil {
			return false, err
		}
	}
	return true, tx.SettleEvent(ctx, e)
}

func (r *Receiver) lateReading(ctx context.Context, tx *store.Tx, q store.QuarantineRow) (known bool, err error) {
	t, err := r.late(ctx, tx, q.Device, q.Incarnation, protocol.Readings)
	if err != nil {
		return false, err
	}
	t.now = q.ReceivedAt // by which it is dated
	e := entry{number: q.Number, raw: q.Raw}
	if e.rec, e.body, e.unread = t.decode(q.Number, q.Raw); errors.Is(e.unread, protocol.ErrUnknownKind) {
		return false, nil
	}
	if err := t.lookAhead(ctx, []entry{e}); err != nil {
		return false, err
	}
	if err := tx.Release(ctx, q.ID); err != nil { // it comes back if it cannot be read
		return false, err
	}
	if err := t.reading(ctx, e); err != nil {
		return false, err
	}
	if err := t.nameDiscarded(ctx); err != nil {
		return false, err
	}
	if watch := t.receiver.config.Watch; watch != nil && len(t.rows) > 0 {
		if err := watch.Readings(ctx, tx, q.ReceivedAt, t.rows); err != nil {
			return false, err
		}
	}
	return true, tx.AddReadings(ctx, q.Device, q.Incarnation, q.ReceivedAt, t.rows)
}
