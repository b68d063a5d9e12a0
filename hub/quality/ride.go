package quality

import (
	"context"
	"slices"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/store"
)

// whole says whether all is known of a stay that is over: nothing that its device has recorded is on its way still.
func whole(stay coldchain.Stay, known coldchain.Known, until time.Time) bool {
	if stay.Until.IsZero() || until.Before(stay.Until) {
		return false
	}
	return !slices.ContainsFunc(known.Missing, func(m coldchain.Span) bool {
		return !m.Cut(coldchain.Span{From: stay.From, Until: stay.Until}).Empty()
	})
}

// reconcile ends what a station has held, by itself, for the way of goods in their shipper, once the shipper's own readings are all here and
// say that all was well: the same device speaks, and the hub knows when they were loaded by the scan. What the readings say otherwise is
// the hub's own hold, beside the station's.
func (t *turn) reconcile(j store.Judgement, holds []store.Hold) error {
	for _, h := range holds {
		if h.Cause == store.CauseDevice && h.Leg == coldchain.Shipper && h.Decision == store.Undecided {
			if err := t.lift(h, "the readings of the shipper have come and show that nothing was wrong", j); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeviceFreed ends the hold that a station has made and ended by itself: the decision that it names so, of a container.
func (s *Service) DeviceFreed(ctx context.Context, tx *store.Tx, container string, deviceAt int64, why string, now time.Time) error {
	holds, err := tx.HoldsOf(ctx, container)
	if err != nil {
		return err
	}
	t := &turn{service: s, ctx: ctx, tx: tx, now: now}
	for _, h := range holds {
		if h.Cause == store.CauseDevice && h.DeviceAt == deviceAt && h.Decision == store.Undecided {
			if err := t.lift(h, why, store.Judgement{Verdict: coldchain.Verdict{Outside: h.Outside}}); err != nil {
				return err
			}
		}
	}
	t.tell()
	return nil
}
