package rental

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Life is a piece with its whole history in the order in which it is folded.
type Life struct {
	Item        store.RentalItem
	Garment     string
	Commitments []store.Commitment
	Events      []Moment
}

// Moment is one occurrence, and where the piece was after it.
type Moment struct {
	store.RentalEvent
	After  protocol.Custody
	Broken *rental.Breach // nil where no rule is broken
}

// LifeOf tells a piece's whole life.
func LifeOf(ctx context.Context, tx *store.Tx, id string) (Life, error) {
	var l Life
	var err error
	if l.Item, err = tx.RentalItem(ctx, id); err != nil {
		return l, err
	}
	garments, err := tx.Garments(ctx)
	if err != nil {
		return l, err
	}
	g := garments[l.Item.GTIN]
	l.Garment = g.Name
	for _, more := range []string{g.Size, g.Colour} {
		if more != "" {
			l.Garment += ", " + more
		}
	}
	if l.Commitments, err = tx.CommitmentsOf(ctx, id); err != nil {
		return l, err
	}
	history, err := tx.RentalHistory(ctx, id)
	if err != nil {
		return l, err
	}
	events := make([]rental.Event, len(history))
	stored := make(map[key]store.RentalEvent, len(history))
	for n, e := range history {
		events[n], stored[key{e.Device, e.Number}] = e.Event, e
	}
	var item rental.Item
	for _, e := range rental.Ordered(events) {
		var broken *rental.Breach
		item, broken = rental.Apply(item, e)
		l.Events = append(l.Events, Moment{stored[key{e.Device, e.Number}], item.Custody, broken})
	}
	return l, nil
}

// Todo is what has to be done today so that what is due can be shipped.
type Todo struct {
	Orders   int            // that are due
	Ready    int            // of them, packed
	Steps    map[string]int // pieces by what is to be done next: pick, pack, find, allocate
	Lines    []store.ToShip // that are not packed
	Until    string         // shipping date
	Possible map[string]int // for lines without a piece: pieces of their garments that could be made ready, by where they wait
}

// mostLines is how many lines of orders are looked at.
const mostLines = 10_000

// Kinds of what is to be done for a line.
const (
	DoAllocate = "allocate"
	DoPick     = "pick"
	DoPack     = "pack"
	DoFind     = "find"
)

// NextFor is what is to be done for a line; empty when it is packed.
func NextFor(s store.ToShip) string {
	switch {
	case s.Piece == "":
		return DoAllocate
	case s.Custody == protocol.Shelved:
		return DoPick
	case s.Custody == protocol.Picked || s.Custody == protocol.Unpacked:
		return DoPack
	case s.Custody == protocol.Packed || s.Custody == protocol.InTransitOut:
		return ""
	}
	return DoFind
}

// TodoUntil says what has to be done for the orders that are to be shipped until a date.
func TodoUntil(ctx context.Context, tx *store.Tx, warehouse, until string) (Todo, error) {
	t := Todo{Until: until, Steps: map[string]int{}, Possible: map[string]int{}}
	lines, err := tx.ToShipBy(ctx, warehouse, until, mostLines)
	if err != nil {
		return t, err
	}
	open, lacking := map[string]bool{}, map[string]bool{}
	for _, l := range lines {
		if _, seen := open[l.Order]; !seen {
			open[l.Order] = false
		}
		next := NextFor(l)
		if next == "" {
			continue
		}
		open[l.Order] = true
		t.Steps[next]++
		t.Lines = append(t.Lines, l)
		if next == DoAllocate {
			lacking[l.GTIN] = true
		}
	}
	for _, unready := range open {
		t.Orders++
		if !unready {
			t.Ready++
		}
	}
	for gtin := range lacking {
		counts, err := tx.GarmentStages(ctx, warehouse, gtin)
		if err != nil {
			return t, err
		}
		for _, c := range counts {
			t.Possible[CustodyName(c.Custody)] += c.Pieces
		}
	}
	return t, nil
}

// Tomorrow is the date after now in a zone: what is shipped then has to be ready today.
func Tomorrow(now time.Time, zone *time.Location) string {
	return now.In(zone).AddDate(0, 0, 1).Format(time.DateOnly)
}

// Hours is a duration as people read it: "3 h", "2 d 4 h".
func Hours(d time.Duration) string {
	h := int(d.Hours())
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case h < 48:
		return fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d d %d h", h/24, h%24)
}

// GradeName is a grade as a letter; empty when it is none.
func GradeName(g protocol.Grade) string {
	if g < protocol.GradeA || g > protocol.GradeD {
		return ""
	}
	return string("ABCD"[g-1])
}

// cbv are the steps in the words of GS1's Core Business Vocabulary 2.0, business step and disposition. cleaning, and on_rent as a
// disposition, are words of ours: it has none for them.
var cbv = map[protocol.Step][2]string{
	protocol.StepRegister: {"commissioning", "active"}, protocol.StepInspectIn: {"inspecting", ""}, protocol.StepPutAway: {"stocking", "available"},
	protocol.StepPick: {"picking", ""}, protocol.StepPack: {"packing", ""}, protocol.StepUnpack: {"unpacking", ""},
	protocol.StepShip: {"shipping", "in_transit"}, protocol.StepVoidShip: {"void_shipping", ""}, protocol.StepDeliver: {"accepting", "on_rent"},
	protocol.StepSendBack: {"shipping", "returned"}, protocol.StepReceive: {"receiving", "returned"}, protocol.StepInspectReturn: {"inspecting", ""},
	protocol.StepClean: {"cleaning", "unavailable"}, protocol.StepCleaned: {"cleaning", ""}, protocol.StepRepair: {"repairing", "unavailable"},
	protocol.StepRepaired: {"repairing", ""}, protocol.StepInspectFinal: {"inspecting", ""}, protocol.StepQuarantine: {"holding", "unavailable"},
	protocol.StepCount: {"cycle_counting", ""}, protocol.StepMiss: {"cycle_counting", "unknown"}, protocol.StepSell: {"retail_selling", "retail_sold"},
	protocol.StepRetire: {"decommissioning", "inactive"},
}

// CBV gives an occurrence's business step and disposition; acts on promises have none, for they are plans and nothing physical.
func CBV(e store.RentalEvent) (bizStep, disposition string) {
	words := cbv[e.Step]
	if words[0] != "inspecting" {
		return words[0], words[1]
	}
	switch {
	case len(e.Damages) > 0:
		return words[0], "damaged"
	case e.Conformant:
		return words[0], "conformant"
	}
	return words[0], "non_conformant"
}
