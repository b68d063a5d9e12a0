package plan

import (
	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/protocol"
)

// air is how a device watches the air of a position.
func air(l store.TemperatureLimit) protocol.TemperaturePlan {
	return protocol.TemperaturePlan{Position: l.ID, MinMilliC: l.MinMilliC, MaxMilliC: l.MaxMilliC, SampleEveryMS: sampleEvery.Milliseconds(),
		AlarmAfterMS: coldchain.Allowed(l.MinutesOutside).Milliseconds(), DeadbandMilliC: coldchain.AirDeadband,
		ClearAfterMS: coldchain.AirOffDelay.Milliseconds()}
}

// goods adds to a slot what its goods may bear there, and what quality has said of them.
func (b *builder) goods(slot protocol.SlotAssignment, c dispatch.Container, own map[string]store.TemperatureLimit, barred map[string]store.Barred) (protocol.SlotAssignment, error) {
	limit, ok, err := b.tx.GoodsLimit(b.ctx, c.Category, coldchain.Station)
	if err != nil {
		return slot, err
	}
	if f, has := own[c.FridgeID]; !ok && has {
		limit, ok = coldchain.OwnRange(f.MinMilliC, f.MaxMilliC), true
	}
	if ok {
		slot.Goods = goodsLimit(limit)
	}
	if slot, err = b.ride(slot, c); err != nil {
		return slot, err
	}
	held, ok := barred[c.ID]
	if !ok {
		return slot, nil
	}
	slot.HoldAt, slot.HoldOf = held.At.UnixMilli(), held.DeviceAt
	if b.revision >= ridesKnown {
		slot.Released, slot.Lifted = newest(held.Released), newest(held.Lifted)
	}
	switch held.Decision {
	case store.Undecided:
		slot.Hold = protocol.GoodsWait
	case store.Condemned:
		slot.Hold = protocol.GoodsCondemned
	default:
		slot.Hold = protocol.GoodsReleased
	}
	return slot, nil
}

// newest are as many of the newest decisions as a plan names.
func newest(decisions []int64) []int64 {
	return decisions[max(0, len(decisions)-protocol.MaxDecided):]
}

func goodsLimit(l coldchain.Limit) protocol.GoodsLimit {
	return protocol.GoodsLimit{MinMilliC: l.MinMilliC, MaxMilliC: l.MaxMilliC, OutsideMS: l.Outside.Milliseconds(), GapMS: l.Gap.Milliseconds(),
		DoubtHolds: l.DoubtHolds}
}

// goodsKnown is the revision of the protocol from which on agents know that goods are held.
const goodsKnown = 4

func anyBarred(containers []string, barred map[string]store.Barred) bool {
	for _, c := range containers {
		if b, ok := barred[c]; ok && (b.Decision == store.Undecided || b.Decision == store.Condemned) {
			return true
		}
	}
	return false
}
