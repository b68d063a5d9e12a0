package station

import (
	"maps"
	"slices"
	"time"

	"meguri/protocol"
)

// Goods is what a station knows of how warm or cold the goods of a dated container have stood here.
type Goods struct {
	LastAt    int64               `cbor:"1,keyasint,omitempty"` // of the last valid reading, Unix milliseconds
	Outside   bool                `cbor:"2,keyasint,omitempty"` // it lay outside what they may bear
	OutsideMS int64               `cbor:"3,keyasint,omitempty"` // known time outside, since they came or were released
	Counted   int64               `cbor:"6,keyasint,omitempty"` // of it, milliseconds for which the last reading has stood
	HeldAt    int64               `cbor:"4,keyasint,omitempty"` // when this station decided that they may not be handed out, 0 for not; names the decision
	Cause     protocol.GoodsCause `cbor:"5,keyasint,omitempty"`

	Ride protocol.RideOutcome `cbor:"7,keyasint,omitempty"` // what is known here of their way; 0 for nothing recorded yet
}

// GoodsUnrecorded is what holds of goods after a round whose decisions could not be recorded: what the probes said counts, and who is
// held by it is decided again by the next round.
func GoodsUnrecorded(before, after map[string]Goods) map[string]Goods {
	goods := maps.Clone(after)
	for container, g := range after {
		if was := before[container]; g.HeldAt != 0 && was.HeldAt == 0 {
			goods[container] = was
		}
	}
	return goods
}

// GoodsMoved moves when the last reading was, where that lies between two times of a clock that is set: no time has passed by that. When
// goods were held stays, for it names the decision.
func GoodsMoved(goods map[string]Goods, from, until, by int64) map[string]Goods {
	goods = maps.Clone(goods)
	for container, g := range goods {
		if g.LastAt >= from && g.LastAt <= until {
			g.LastAt += by
		}
		goods[container] = g
	}
	return goods
}

// Air is what the probes of a position say in one round: the lowest and the highest of them.
type Air struct {
	MinMilliC, MaxMilliC int64
	Known                bool // one probe at least gave a value
}

// AirOf joins what the probes of a position say.
func AirOf(samples []protocol.Sample) Air {
	var a Air
	for _, s := range samples {
		switch {
		case s.Fault != protocol.SensorOK:
		case !a.Known:
			a = Air{s.MilliC, s.MilliC, true}
		default:
			a.MinMilliC, a.MaxMilliC = min(a.MinMilliC, s.MilliC), max(a.MaxMilliC, s.MilliC)
		}
	}
	return a
}

// readingStands is how long a reading stands for what comes after it, as the hub counts, too.
const readingStands = 3 * time.Minute

// Sampled judges the goods that stand here by a round of the probes, with no word of the hub: what lay outside for longer than its
// category allows, or has stood for longer than allowed without a valid reading, is not handed out until a person decides.
func Sampled(s State, p Plan, air map[string]Air, now time.Time) Decision {
	t := begin(s, p, now)
	t.State.Goods = cloned(s.Goods)
	planned := map[string]bool{}
	for _, position := range slices.Sorted(maps.Keys(p)) {
		for _, c := range p[position].Containers {
			planned[c.DatedContainer] = true
			if c.Goods == (protocol.GoodsLimit{}) || !t.isIn(c.DatedContainer) {
				continue
			}
			t.judge(position, c, air[position])
		}
	}
	if len(p) > 0 { // a station that waits for a plan forgets nothing
		maps.DeleteFunc(t.State.Goods, func(container string, _ Goods) bool { return !planned[container] })
	}
	return t.Decision
}

// judge goes on with the goods of one container.
func (t *turn) judge(position string, c protocol.SlotAssignment, air Air) {
	g, known := t.State.Goods[c.DatedContainer]
	if !known { // put here before this version kept it, or by word of the hub: what was before is for the hub to say
		g.LastAt = t.now.UnixMilli()
	}
	if g.HeldAt != 0 && !t.held(c) { // a person has released them: what was is forgiven, and counted anew
		g = Goods{LastAt: t.now.UnixMilli(), Ride: g.Ride}
	}
	since, ok := t.since(g.LastAt)
	if !ok || g.LastAt == 0 {
		g.LastAt, g.Outside, since = t.now.UnixMilli(), false, 0
	}
	if g.Outside {
		stood := min(since, readingStands).Milliseconds()
		g.OutsideMS, g.Counted = g.OutsideMS+stood-g.Counted, stood
	}
	switch {
	case g.OutsideMS > c.Goods.OutsideMS:
		g = t.holdGoods(position, c, g, protocol.GoodsBroken, air)
	case since > time.Duration(c.Goods.GapMS)*time.Millisecond+readingStands && c.Goods.DoubtHolds:
		g = t.holdGoods(position, c, g, protocol.GoodsDoubtful, air)
	}
	if air.Known {
		g.LastAt, g.Counted = t.now.UnixMilli(), 0
		g.Outside = air.MinMilliC < c.Goods.MinMilliC || air.MaxMilliC > c.Goods.MaxMilliC
	}
	t.State.Goods[c.DatedContainer] = g
}

func (t *turn) holdGoods(position string, c protocol.SlotAssignment, g Goods, cause protocol.GoodsCause, air Air) Goods {
	if g.HeldAt != 0 {
		return g
	}
	g.HeldAt, g.Cause = t.now.UnixMilli(), cause
	held := protocol.GoodsHeld{Position: position, DatedContainer: c.DatedContainer, Cause: cause, Since: g.HeldAt, OutsideMS: g.OutsideMS,
		HeldAt: g.HeldAt}
	if cause == protocol.GoodsBroken {
		held.Since -= g.OutsideMS - c.Goods.OutsideMS
	} else {
		held.Since = g.LastAt + readingStands.Milliseconds() + c.Goods.GapMS
	}
	if air.Known {
		held.MilliC = air.MaxMilliC
		if air.MinMilliC < c.Goods.MinMilliC {
			held.MilliC = air.MinMilliC
		}
	}
	t.record(held)
	return g
}

// held says whether goods may not be handed out: the hub says so, or this station has decided it and no person has released them since.
func (t *turn) held(c protocol.SlotAssignment) bool {
	switch c.Hold {
	case protocol.GoodsWait, protocol.GoodsCondemned:
		return true
	}
	g := t.State.Goods[c.DatedContainer]
	return g.HeldAt != 0 && !(c.Hold == protocol.GoodsReleased && c.HoldOf == g.HeldAt)
}

// heldOf says whether goods of a grant are held here.
func (t *turn) heldOf(position string, g protocol.Grant) bool {
	for _, c := range t.plan[position].Containers {
		if slices.Contains(g.Containers, c.DatedContainer) && t.held(c) {
			return true
		}
	}
	return false
}
