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
// the hub's own hold, beside the station's. While some are on their way it looks again by itself: Watch may not know yet that each counts, and
// what comes in a burst has to end as what comes slowly.
func (t *turn) reconcile(j store.Judgement, holds []store.Hold, whole bool) error {
	for _, h := range holds {
		if h.Cause != store.CauseDevice || h.Leg != coldchain.Shipper || h.Decision != store.Undecided {
			continue
		}
		var err error
		switch {
		case !whole:
			err = t.tx.MarkDueAfter(t.ctx, j.Position, j.From, t.now, t.now.Add(lookAgain(t.now.Sub(h.HeldAt))))
		case j.State == coldchain.Sound:
			err = t.lift(h, "the readings of the shipper have come and show that nothing was wrong", j)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lookAgain is when goods are judged again that wait for readings for so long: a tenth more, so that those that never come cost little.
func lookAgain(waited time.Duration) time.Duration {
	return min(max(time.Minute, waited/10), time.Hour)
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
