package warehouse

import (
	"cmp"

	"meguri/protocol"
)

// Lists are what the hub has sent, so that a scan finds it. They never change: all scanners of a process may open their books on the same.
type Lists struct {
	Plan  protocol.WarehousePlan
	known map[string]protocol.KnownItem

	stations  map[string]protocol.Workstation
	operators map[string]protocol.Operator
	damages   map[string]string
	expected  map[string]protocol.ExpectedBag // by SSCC
	bagOf     map[string]string               // piece → SSCC of the bag that it is expected in
	orders    map[string]*order
	lineOf    map[string]*line             // piece that was allocated → its line
	byGarment map[string][]*line           // by GTIN of the piece that was allocated
	toWalk    []*line                      // all lines, in the order of the walk
	byBag     map[string]string            // SSCC printed beforehand → order
	walk      map[string]int               // shelf → its place in the walk, from 1
	shelves   map[string]uint32            // shelf → pieces
	likes     map[string]map[string]uint32 // GTIN → shelf → pieces
}

type order struct {
	protocol.PickOrder
	lines []*line
}

type line struct {
	protocol.PickLine
	order *order
}

// Join makes one of a warehouse's parts, which come in the order of their names.
func Join(parts ...protocol.WarehousePlan) (all protocol.WarehousePlan) {
	for _, p := range parts {
		all.Position, all.Date = cmp.Or(all.Position, p.Position), cmp.Or(all.Date, p.Date)
		all.Operators, all.Stations, all.Kinds = append(all.Operators, p.Operators...), append(all.Stations, p.Stations...), append(all.Kinds, p.Kinds...)
		all.Orders, all.Bags, all.Shelves = append(all.Orders, p.Orders...), append(all.Bags, p.Bags...), append(all.Shelves, p.Shelves...)
		if p.Swaps != (protocol.SwapRule{}) {
			all.Swaps = p.Swaps
		}
	}
	return all
}

// NewLists makes lists of a plan and its pieces. Where they name a piece, bag or code twice, the later counts.
func NewLists(p protocol.WarehousePlan, items []protocol.ItemsPlan) *Lists {
	total := 0
	for _, part := range items {
		total += len(part.Items)
	}
	l := &Lists{Plan: p, known: make(map[string]protocol.KnownItem, total), stations: map[string]protocol.Workstation{},
		operators: map[string]protocol.Operator{}, damages: map[string]string{}, expected: make(map[string]protocol.ExpectedBag, len(p.Bags)),
		bagOf: map[string]string{}, orders: map[string]*order{}, lineOf: map[string]*line{}, byGarment: map[string][]*line{},
		byBag: map[string]string{}, walk: make(map[string]int, len(p.Shelves)), shelves: make(map[string]uint32, len(p.Shelves)),
		likes: map[string]map[string]uint32{}}
	for _, part := range items {
		for _, i := range part.Items {
			l.known[i.Item] = i
		}
	}
	for _, i := range l.known { // once each: a piece may be named twice
		l.count(i)
	}
	l.index()
	return l
}

// count counts a piece on its shelf.
func (l *Lists) count(i protocol.KnownItem) {
	if i.Custody != protocol.Shelved || i.Place == "" {
		return
	}
	like := l.likes[gtinOf(i.Item)]
	if like == nil {
		like = map[string]uint32{}
		l.likes[gtinOf(i.Item)] = like
	}
	l.shelves[i.Place]++
	like[i.Place]++
}

func (l *Lists) index() {
	for _, s := range l.Plan.Stations {
		l.stations[s.Code] = s
	}
	for _, o := range l.Plan.Operators {
		l.operators[o.Badge] = o
	}
	for _, k := range l.Plan.Kinds {
		l.damages[k.Code] = k.Kind
	}
	for i, s := range l.Plan.Shelves {
		l.walk[s.Place] = i + 1
	}
	for _, e := range l.Plan.Bags {
		l.expected[e.Bag] = e
		for _, item := range e.Items {
			l.bagOf[item] = e.Bag
		}
	}
	for _, o := range l.Plan.Orders {
		kept := &order{PickOrder: o}
		l.orders[o.Order] = kept
		for _, picked := range o.Lines {
			at := &line{PickLine: picked, order: kept}
			kept.lines = append(kept.lines, at)
			l.lineOf[picked.Item] = at
			l.toWalk = append(l.toWalk, at)
			l.byGarment[gtinOf(picked.Item)] = append(l.byGarment[gtinOf(picked.Item)], at)
		}
		if o.Bag != "" {
			l.byBag[o.Bag] = o.Order
		}
	}
	l.byWalk(l.toWalk)
}
