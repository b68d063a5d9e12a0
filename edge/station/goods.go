package station

import (
	"maps"
	"slices"
	"time"

	"meguri/protocol"
)

// Goods is what a station knows of how warm or cold the goods of a dated container have stood here, and what it has decided about them.
type Goods struct {
	LastAt    int64 `cbor:"1,keyasint,omitempty"` // of the last valid reading, Unix milliseconds
	Outside   bool  `cbor:"2,keyasint,omitempty"` // it lay outside what they may bear
	OutsideMS int64 `cbor:"3,keyasint,omitempty"` // known time outside, since they came or a person has forgiven it
	Counted   int64 `cbor:"6,keyasint,omitempty"` // of it, milliseconds for which the last reading has stood

	Held  []Held `cbor:"8,keyasint,omitempty"` // the decisions that nobody has ended, each cause once, in the order in which they came
	Named int64  `cbor:"9,keyasint,omitempty"` // the newest name of a decision here: none is given twice

	Ride        protocol.RideOutcome `cbor:"7,keyasint,omitempty"`  // what is known here of their way; 0 for nothing recorded yet
	Carried     bool                 `cbor:"10,keyasint,omitempty"` // for too long out of their shipper's readings: no statement can end that doubt
	RideDecided bool                 `cbor:"11,keyasint,omitempty"` // a person has released them as they rode: that it is in doubt is no news

	Of string `cbor:"12,keyasint,omitempty"` // of a box that was displaced: the dated container that it stood for

	// The one decision that agents before revision 5 kept.
	WasHeldAt int64               `cbor:"4,keyasint,omitempty"`
	WasCause  protocol.GoodsCause `cbor:"5,keyasint,omitempty"`
}

// Held is a decision of the station that goods may not be handed out.
type Held struct {
	At    int64               `cbor:"1,keyasint"` // Unix milliseconds; names the decision
	Cause protocol.GoodsCause `cbor:"2,keyasint"`
}

// goods is what is known of the goods of a container.
func (t *turn) goods(container string) (g Goods, known bool) {
	g, known = t.State.Goods[container]
	if g.WasHeldAt != 0 {
		g.Held, g.Named = []Held{{g.WasHeldAt, g.WasCause}}, g.WasHeldAt
		g.WasHeldAt, g.WasCause = 0, 0
	}
	return g, known
}

// keepGoods is called once a turn at least before a container's goods are changed.
func (t *turn) keepGoods(container string, g Goods) {
	t.State.Goods = cloned(t.State.Goods)
	t.State.Goods[container] = g
}

// decidedBy says what the plan tells of a decision: that a person has released it, or that the hub itself has ended it.
func (h Held) decidedBy(c protocol.SlotAssignment) (released, lifted bool) {
	lifted = slices.Contains(c.Lifted, h.At)
	return slices.Contains(c.Released, h.At) || !lifted && c.Hold == protocol.GoodsReleased && c.HoldOf == h.At, lifted
}

// settled ends the decisions that the plan says were decided, and forgives what each of them was about, and nothing else.
func (g Goods) settled(c protocol.SlotAssignment, now int64) Goods {
	var open []Held
	for _, h := range g.Held {
		released, lifted := h.decidedBy(c)
		switch {
		case !released && !lifted:
			open = append(open, h)
		case h.Cause == protocol.GoodsBroken:
			g.OutsideMS, g.Counted, g.Outside = 0, 0, false
		case h.Cause == protocol.GoodsDoubtful:
			g.LastAt, g.Counted, g.Outside = now, 0, false
		case released && h.Cause.OfRide():
			g.RideDecided = true
		}
	}
	g.Held = open
	return g
}

// hold decides that goods may not be handed out, and records it. The same cause is not decided on twice while it is open.
func (t *turn) hold(c protocol.SlotAssignment, g Goods, said protocol.GoodsHeld) Goods {
	if slices.ContainsFunc(g.Held, func(h Held) bool { return h.Cause == said.Cause }) {
		return g
	}
	g.Named = max(t.now.UnixMilli(), g.Named+1)
	g.Held = append(slices.Clone(g.Held), Held{g.Named, said.Cause})
	said.Position, said.DatedContainer, said.HeldAt = t.positionOf(c), c.DatedContainer, g.Named
	t.record(said)
	return g
}

// GoodsUnrecorded is what holds of goods after a round whose decisions could not be recorded: what the probes said counts, and who is
// held by it is decided again by the next round. So a time without a reading is not over yet where it would hold them.
func GoodsUnrecorded(before, after map[string]Goods) map[string]Goods {
	goods := maps.Clone(after)
	for container, g := range after {
		was := before[container]
		if g.Named <= was.Named {
			continue
		}
		doubtful := slices.ContainsFunc(g.Held, func(h Held) bool { return h.At > was.Named && h.Cause == protocol.GoodsDoubtful })
		if g.Held, g.Named = was.Held, was.Named; doubtful {
			g = was
		}
		goods[container] = g
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
			if c.Goods != (protocol.GoodsLimit{}) && t.isIn(c.DatedContainer) {
				t.judge(c, air[position])
			}
		}
	}
	if len(p) > 0 { // a station that waits for a plan forgets nothing
		maps.DeleteFunc(t.State.Goods, func(container string, _ Goods) bool { return !planned[container] })
	}
	return t.Decision
}

// judge goes on with the goods of one container.
func (t *turn) judge(c protocol.SlotAssignment, air Air) {
	g, known := t.goods(c.DatedContainer)
	now := t.now.UnixMilli()
	if !known { // put here before this version kept it, or by word of the hub: what was before is for the hub to say
		g.LastAt = now
	}
	g = g.settled(c, now)
	since, ok := t.since(g.LastAt)
	if !ok || g.LastAt == 0 {
		g.LastAt, g.Outside, since = now, false, 0
	}
	if g.Outside {
		stood := min(since, readingStands).Milliseconds()
		g.OutsideMS, g.Counted = g.OutsideMS+stood-g.Counted, stood
	}
	if g.OutsideMS > c.Goods.OutsideMS {
		g = t.hold(c, g, protocol.GoodsHeld{Cause: protocol.GoodsBroken, Since: now - g.OutsideMS + c.Goods.OutsideMS, OutsideMS: g.OutsideMS,
			MilliC: air.worst(c.Goods)})
	}
	if until := time.Duration(c.Goods.GapMS)*time.Millisecond + readingStands; since > until && c.Goods.DoubtHolds {
		g = t.hold(c, g, protocol.GoodsHeld{Cause: protocol.GoodsDoubtful, Since: g.LastAt + until.Milliseconds(), OutsideMS: g.OutsideMS,
			MilliC: air.worst(c.Goods)})
	}
	if air.Known {
		g.LastAt, g.Counted = now, 0
		g.Outside = air.MinMilliC < c.Goods.MinMilliC || air.MaxMilliC > c.Goods.MaxMilliC
	}
	t.State.Goods[c.DatedContainer] = g
}

// worst is the reading that is told with a decision; 0 without one.
func (a Air) worst(l protocol.GoodsLimit) int64 {
	if a.MinMilliC < l.MinMilliC {
		return a.MinMilliC
	}
	return a.MaxMilliC
}

// held says whether goods may not be handed out: the hub says so, or this station has decided it and that decision stands.
func (t *turn) held(c protocol.SlotAssignment) bool {
	switch c.Hold {
	case protocol.GoodsWait, protocol.GoodsCondemned:
		return true
	}
	g, _ := t.goods(c.DatedContainer)
	return len(g.settled(c, 0).Held) > 0
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
