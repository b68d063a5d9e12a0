package plan

import (
	"errors"
	"slices"
	"strings"

	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/protocol"
)

// ridesKnown is the revision of the protocol from which on agents judge how goods rode.
const ridesKnown = 5

// ride adds to a slot how its goods come there: in which shipper, since when, and what they may bear in it.
func (b *builder) ride(slot protocol.SlotAssignment, c dispatch.Container) (protocol.SlotAssignment, error) {
	if b.revision < ridesKnown || c.ShipperID == "" {
		return slot, nil
	}
	limit, unstatedHolds, ok, err := b.tx.RideLimit(b.ctx, c.Category)
	if err != nil || !ok {
		return slot, err
	}
	slot.Ride = protocol.Ride{Shipper: c.ShipperID, UnstatedHolds: unstatedHolds, Limit: goodsLimit(limit)}
	if !c.LoadedAt.IsZero() {
		slot.Ride.From = c.LoadedAt.UnixMilli()
		return slot, nil
	}
	run, err := b.run(c.RunID)
	if err != nil {
		return slot, err
	}
	for _, stop := range run.Stops {
		if stop.Kind == "collect" && stop.PlaceID == c.SpotID {
			slot.Ride.From = stop.PlannedAt.UnixMilli()
		}
	}
	return slot, nil
}

// run gives a run; one that is gone has no stops.
func (b *builder) run(id string) (dispatch.Run, error) {
	if r, known := b.runs[id]; known {
		return r, nil
	}
	r, err := b.tx.Run(b.ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return r, err
	}
	if b.runs == nil {
		b.runs = map[string]dispatch.Run{}
	}
	b.runs[id] = r
	return r, nil
}

// shipperKeys adds to each lock the keys of the shippers in which its goods ride.
func (b *builder) shipperKeys(location, date string, locks map[string]*protocol.LockPlan) error {
	if b.revision < ridesKnown {
		return nil
	}
	keys, err := b.tx.ShipperKeys(b.ctx, location, date)
	if err != nil {
		return err
	}
	for _, lock := range locks {
		for _, c := range lock.Containers {
			key := protocol.ShipperKey{Shipper: c.Ride.Shipper, Public: keys[c.Ride.Shipper]}
			known := func(k protocol.ShipperKey) bool { return k.Shipper == key.Shipper }
			if key.Public != nil && !slices.ContainsFunc(lock.Shippers, known) {
				lock.Shippers = append(lock.Shippers, key)
			}
		}
		slices.SortFunc(lock.Shippers, func(a, b protocol.ShipperKey) int { return strings.Compare(a.Shipper, b.Shipper) })
	}
	return nil
}
