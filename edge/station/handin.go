package station

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"meguri/edge/phrase"
	"meguri/internal/gs1"
	"meguri/protocol"
)

const stepHandIn = "hand-in"

// Scan decides about a scan at the station's reader: a box, then the slot that it was put into, a shipper's statement, or a token that
// opens a door.
func Scan(s State, p Plan, scan string, now time.Time) Decision {
	t := begin(s, p, now)
	switch text := plain(scan); {
	case protocol.IsToken(text):
		t.token(text)
		return t.Decision
	case protocol.IsStatement(text):
		t.statement(text)
		return t.Decision
	}
	e, err := gs1.One(scan)
	switch {
	case err != nil:
		t.refuseScan(scan, err.Error(), phrase.NotOurs)
	case e.AI == gs1.GRAI:
		t.State.Scanned = Box{GRAI: e.Value, At: now.UnixMilli()}
		if c, ok := t.planned(e.Value); ok {
			t.show("", phrase.PutIntoSlot, c.Slot)
		} else {
			t.show("", phrase.SeeLabel)
		}
	case e.AI == gs1.Slot:
		t.place(scan, e.Value)
	default:
		t.refuseScan(scan, "neither a box nor a slot", phrase.ScanBoxThenSlot)
	}
	return t.Decision
}

// plain is the text of a QR code that is none of GS1's: without the three characters that say so (ISO/IEC 15424).
func plain(scan string) string {
	if len(scan) > 3 && scan[:2] == "]Q" {
		return scan[3:]
	}
	return scan
}

// Plain is the text of a QR code that is none of GS1's, of any scan.
func Plain(scan string) string { return plain(scan) }

// IsToken says whether a scan is meant to open a door.
func IsToken(scan string) bool { return protocol.IsToken(plain(scan)) }

// place pairs a slot with the box scanned before it. A box that the plan does not know yet is taken at its word: a slot
// holds one dated container a date, and the hub compares when it hears of it.
func (t *turn) place(scan, slot string) {
	box := t.State.Scanned
	if d, known := t.since(box.At); box.GRAI == "" || !known || d > ScanPairedFor {
		t.State.Scanned = Box{}
		t.refuseScan(scan, "a slot without a box", phrase.BoxBeforeSlot)
		return
	}
	c, planned, ok := t.belongsAt(slot, box.GRAI)
	switch {
	case !planned:
		t.refuseScan(scan, "nothing is planned for this slot", phrase.SlotNotPlanned)
	case !ok:
		t.wrongSlot(scan, box.GRAI)
	case t.State.In[c.DatedContainer].GRAI == box.GRAI: // scanned twice: nothing new to tell the hub
		t.State.Scanned = Box{}
		t.show("", phrase.HandedIn)
	default:
		t.put(c, slot)
	}
}

func (t *turn) put(c protocol.SlotAssignment, slot string) {
	box := t.State.Scanned
	if _, ok := t.State.In[c.DatedContainer]; !ok && len(t.State.In) >= most {
		t.refuse("", phrase.OutOfService)
		return
	}
	stood, moved := t.stood(box.GRAI)
	t.displace(c, box.GRAI)
	maps.DeleteFunc(t.State.In, func(_ string, b Box) bool { return b.GRAI == box.GRAI }) // it stands in one place only
	t.State.In[c.DatedContainer] = Box{GRAI: box.GRAI, At: t.now.UnixMilli()}
	t.State.Scanned = Box{}
	t.record(protocol.ContainerPlaced{GRAI: box.GRAI, Slot: slot})
	if before, _ := t.goods(c.DatedContainer); moved {
		t.keepGoods(c.DatedContainer, t.carriedOver(c, stood, before))
	} else {
		t.keepGoods(c.DatedContainer, Goods{LastAt: t.now.UnixMilli(), Named: before.Named})
	}
	if t.rode(c, true); t.held(c) {
		t.show("", phrase.HandedInHeld)
		return
	}
	t.show("", phrase.HandedIn)
}

// stood is what is known of the goods in a box that stands in another slot here, with what was decided about them. A box of
// a delivery that is over has come back with other goods.
func (t *turn) stood(grai string) (g Goods, moved bool) {
	for _, c := range t.containers() {
		if box, ok := t.State.In[c.DatedContainer]; ok && box.GRAI == grai && t.awaited(c) {
			g, moved = t.goods(c.DatedContainer)
			return g.settled(c, t.now.UnixMilli()), moved
		}
	}
	if g, moved = t.State.Displaced[grai]; !moved {
		return g, false
	}
	for _, c := range t.containers() {
		if c.DatedContainer == g.Of && t.awaited(c) {
			g.Of = ""
			return g.settled(c, t.now.UnixMilli()), true
		}
	}
	return Goods{}, false
}

// mostDisplaced bounds the boxes that were displaced and are not back; what was read last the longest ago is forgotten first.
const mostDisplaced = 100

// displace keeps what is known of the box that was in a container's slot by now, for when it comes back: by mistake another one was scanned
// there. That which comes now is displaced no more, and what nobody comes for is forgotten.
func (t *turn) displace(c protocol.SlotAssignment, grai string) {
	was, stood := t.State.In[c.DatedContainer]
	stood = stood && was.GRAI != grai
	if !stood && len(t.State.Displaced) == 0 {
		return
	}
	awaited := map[string]bool{}
	for _, c := range t.containers() {
		awaited[c.DatedContainer] = t.awaited(c)
	}
	t.State.Displaced = cloned(t.State.Displaced)
	maps.DeleteFunc(t.State.Displaced, func(box string, g Goods) bool { return box == grai || !awaited[g.Of] })
	g, known := t.goods(c.DatedContainer)
	if !stood || !known || !awaited[c.DatedContainer] {
		return
	}
	if len(t.State.Displaced) >= mostDisplaced {
		oldest := slices.MinFunc(slices.Sorted(maps.Keys(t.State.Displaced)), func(a, b string) int {
			return cmp.Compare(t.State.Displaced[a].LastAt, t.State.Displaced[b].LastAt)
		})
		delete(t.State.Displaced, oldest)
	}
	g.Of = c.DatedContainer
	t.State.Displaced[was.GRAI] = g
}

// carriedOver is what is known of goods whose box was moved to another slot, or back: they are as warm as they were, and held for what they
// were held for. A decision that stands there already is kept; another one is a decision about this container, too.
func (t *turn) carriedOver(c protocol.SlotAssignment, stood, before Goods) Goods {
	g := stood
	g.Held, g.Named = nil, max(stood.Named, before.Named)
	before = before.settled(c, t.now.UnixMilli())
	for _, h := range stood.Held {
		if i := slices.IndexFunc(before.Held, func(was Held) bool { return was.Cause == h.Cause }); i >= 0 {
			g.Held = append(g.Held, before.Held[i])
			continue
		}
		said := protocol.GoodsHeld{Cause: h.Cause, Since: h.At, OutsideMS: g.OutsideMS}
		if h.Cause.OfRide() {
			said.Shipper = c.Ride.Shipper
		}
		g = t.hold(c, g, said)
	}
	return g
}

func (t *turn) wrongSlot(scan, grai string) {
	reason := fmt.Sprintf("box %s does not belong here", grai)
	if c, ok := t.planned(grai); ok {
		t.refuseScan(scan, reason, phrase.WrongSlot, c.Slot)
		return
	}
	t.refuseScan(scan, reason, phrase.WrongSlotSeeLabel)
}

// belongsAt finds the dated container that a box in a slot must be. A slot may have one for each of several dates. A box that
// is planned for another slot is none of them; one that the plan does not know, or only for a delivery that is over, is the
// first of those without a box that is waited for.
func (t *turn) belongsAt(slot, grai string) (c protocol.SlotAssignment, planned, ok bool) {
	var free, late []protocol.SlotAssignment
	for _, c := range t.containers() {
		if c.Slot != slot {
			continue
		}
		planned = true
		switch {
		case c.GRAI == grai && t.awaited(c):
			return c, true, true
		case c.GRAI == grai:
			late = append(late, c)
		case c.GRAI == "" && t.awaited(c):
			free = append(free, c)
		case c.GRAI == "":
			late = append(late, c)
		}
	}
	if _, other := t.planned(grai); other {
		return c, planned, false
	}
	for _, c := range free {
		if in := t.State.In[c.DatedContainer].GRAI; in == "" || in == grai {
			return c, true, true
		}
	}
	for _, c := range append(free, late...) { // another box was there by mistake, or nobody comes for it any more
		return c, true, true
	}
	return c, planned, false
}

// planned finds where a box belongs. One that only a past delivery speaks of has come back for a new one, and is not planned.
func (t *turn) planned(grai string) (protocol.SlotAssignment, bool) {
	for _, c := range t.containers() {
		if c.GRAI == grai && t.awaited(c) {
			return c, true
		}
	}
	return protocol.SlotAssignment{}, false
}

// awaited says whether anybody may still come for a container: not every grant that names it is over.
func (t *turn) awaited(c protocol.SlotAssignment) bool {
	named := false
	for _, lock := range t.plan {
		for _, g := range lock.Grants {
			if !slices.Contains(g.Containers, c.DatedContainer) {
				continue
			}
			if t.now.UnixMilli() < g.Until {
				return true
			}
			named = true
		}
	}
	return !named
}

// containers gives all that are planned, in the same order every time.
func (t *turn) containers() []protocol.SlotAssignment {
	var all []protocol.SlotAssignment
	for _, position := range slices.Sorted(maps.Keys(t.plan)) {
		all = append(all, t.plan[position].Containers...)
	}
	return all
}

func (t *turn) refuseScan(scan, reason string, k phrase.Key, args ...string) {
	t.record(protocol.NewScanRefused(stepHandIn, scan, reason))
	t.refuse("", k, args...)
}
