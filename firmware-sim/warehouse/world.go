// Package warehouse is a rental warehouse with one scanner: pieces that lie somewhere, a person who scans them, errs and is corrected, and
// the agent of the scanner on simulated chips. What the person did is held against what the agent has recorded.
package warehouse

import (
	"fmt"

	"meguri/edge/app"
	"meguri/internal/gs1"
	"meguri/protocol"
)

// World is what there is: pieces to be let, orders to be picked, and bags that have come back.
type World struct {
	Lists   app.Lists
	Orders  []protocol.PickOrder
	Returns []protocol.ExpectedBag
	Free    []string // pieces on shelves that nobody has ordered
}

// Sizes of orders, bags that come back and shelves, in pieces.
const (
	perOrder = 3
	perBag   = 4
	perShelf = 10
)

// garment is the GTIN of the n-th kind of garment; company prefix 952 is set aside by GS1 for examples.
func garment(n int) string {
	body := fmt.Sprintf("0952000%06d", 100+n%4)
	return body + string(gs1.CheckDigit(body))
}

func itemOf(n int) string { return fmt.Sprintf("(01)%s(21)W%05d", garment(n), n) }

// sscc is the number of the n-th bag.
func sscc(n int) string {
	body := fmt.Sprintf("0952000%010d", n)
	return body + string(gs1.CheckDigit(body))
}

func shelfOf(n int) string { return fmt.Sprintf("A-%02d", n/perShelf+1) }

// NewWorld is a warehouse of so many pieces: a third ordered, a third on its way back, the rest free on the shelves.
func NewWorld(pieces int) *World {
	w := &World{}
	l := &w.Lists.Warehouse
	l.Operators = []protocol.Operator{{Badge: "mori"}, {Badge: "sato"}}
	for s := protocol.StepRegister; s <= protocol.StepRetire; s++ {
		l.Stations = append(l.Stations, protocol.Workstation{Code: stationCode(s), Step: s})
	}
	l.Kinds = []protocol.DamageKind{{Code: "d-stain", Kind: "stain"}, {Code: "d-button", Kind: "button"}}
	ordered, out := pieces/3/perOrder*perOrder, pieces/3/perBag*perBag
	for n := range pieces {
		i := protocol.KnownItem{Item: itemOf(n), Custody: protocol.Shelved, Place: shelfOf(n), Grade: protocol.GradeA, Fit: true, Clean: true}
		switch {
		case n < ordered:
			i.Order = w.order(n)
		case n < ordered+out:
			i = protocol.KnownItem{Item: i.Item, Custody: protocol.InTransitBack, Order: w.comesBack(n - ordered), Grade: protocol.GradeA}
			last := &w.Returns[len(w.Returns)-1]
			last.Items = append(last.Items, i.Item)
		default:
			w.Free = append(w.Free, i.Item)
		}
		w.Lists.Items = append(w.Lists.Items, i)
	}
	for n := 0; n <= pieces; n += perShelf {
		l.Shelves = append(l.Shelves, protocol.ShelfPlan{Place: shelfOf(n), Room: 4 * perShelf})
	}
	l.Orders, l.Bags = w.Orders, w.Returns
	return w
}

// order puts the n-th piece on its order's list.
func (w *World) order(n int) string {
	id := fmt.Sprintf("R-%04d", n/perOrder+1)
	if n%perOrder == 0 {
		w.Orders = append(w.Orders, protocol.PickOrder{Order: id, Tote: fmt.Sprint(n/perOrder + 1), Bag: sscc(n/perOrder + 1)})
	}
	last := &w.Orders[len(w.Orders)-1]
	last.Lines = append(last.Lines, protocol.PickLine{Item: itemOf(n), Shelf: shelfOf(n)})
	return id
}

// comesBack begins a bag where the n-th piece that was out is its first.
func (w *World) comesBack(n int) string {
	id := fmt.Sprintf("R-%04d", 5001+n/perBag)
	if n%perBag == 0 {
		w.Returns = append(w.Returns, protocol.ExpectedBag{Bag: sscc(5001 + n/perBag), Order: id})
	}
	return id
}

func stationCode(s protocol.Step) string { return fmt.Sprintf("station-%d", s) }
