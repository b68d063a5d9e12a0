package rental

import (
	"context"
	"maps"
	"slices"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// Days for which a piece may stand still before somebody has to look for it. What is on a shelf is found by counting. A piece that was
// lost on its way through the house is noticed by nothing else.
var patience = map[protocol.Custody]int{
	protocol.Registered: 7, protocol.InspectedIn: 7, protocol.Picked: 2, protocol.Packed: 2, protocol.Unpacked: 2, protocol.InTransitOut: 7,
	protocol.OnRent: 90, protocol.InTransitBack: 14, protocol.ReturnReceived: 2, protocol.ReturnInspected: 3, protocol.Cleaning: 14,
	protocol.Repairing: 30, protocol.FinalInspected: 3, protocol.Quarantined: 14,
}

// leastPatience is the shortest of them: a piece that goes on sooner was never overdue.
const leastPatience = 48 * time.Hour

// Overdue makes work of pieces that have stood still for too long, at most so many, and says how many. The work settles itself when the
// piece goes on.
func (k *Keeper) Overdue(ctx context.Context, tx *store.Tx, now time.Time, most int) (n int, err error) {
	warehouses, err := tx.Warehouses(ctx)
	if err != nil {
		return 0, err
	}
	for _, id := range slices.Sorted(maps.Keys(warehouses)) {
		for _, c := range slices.Sorted(maps.Keys(patience)) {
			late, err := tx.Waiting(ctx, id, c, now.AddDate(0, 0, -patience[c]), most-n)
			if err != nil {
				return n, err
			}
			for _, i := range late {
				detail := say("%s since %s, last seen at %s; after %d days somebody looks for it", "%s のまま（%s から）。最後の場所：%s。%d 日を過ぎたので探してください",
					custodyText(c), minute(i.Since), i.Place, patience[c])
				if err := tx.OpenWork(ctx, store.OverdueWork(i.ID, i.Since), WorkOverdue, i.ID, detail, now); err != nil {
					return n, err
				}
			}
			if n += len(late); n >= most {
				return n, nil
			}
		}
	}
	return n, nil
}

// AnyOverdue says whether Overdue would make work of something. It only reads, so that nobody who writes waits for it.
func AnyOverdue(ctx context.Context, tx *store.Tx, now time.Time) (bool, error) {
	warehouses, err := tx.Warehouses(ctx)
	for id := range warehouses {
		for c, days := range patience {
			late, err := tx.Waiting(ctx, id, c, now.AddDate(0, 0, -days), 1)
			if err != nil || len(late) > 0 {
				return len(late) > 0, err
			}
		}
	}
	return false, err
}

// goesOn settles the work of a piece that has stood still.
func (k *Keeper) goesOn(ctx context.Context, tx *store.Tx, d done) error {
	if d.before.Custody == d.now.Custody && d.before.Since.Equal(d.now.Since) || d.event.Recorded.Sub(d.before.Since) < leastPatience {
		return nil
	}
	return tx.SettleWorkWhy(ctx, store.OverdueWork(d.now.ID, d.before.Since), "it has gone on: "+stepText(d.event).EN, d.event.Recorded)
}
