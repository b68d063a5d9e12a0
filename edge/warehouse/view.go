package warehouse

import (
	"time"

	"meguri/internal/rental"
	"meguri/protocol"
)

// view is a piece as this scanner knows it.
type view struct {
	protocol.KnownItem
	batch   string
	inWork  bool
	wasOut  bool
	unknown bool
}

// view gives a piece with what the lists leave out, told from what they say.
func (b *Book) view(id string) view {
	i, known := b.item(id)
	v := view{KnownItem: i, unknown: !known}
	if n, ok := b.note(id); ok {
		v.batch, v.inWork, v.wasOut = n.Batch, n.InWork, n.WasOut || i.Custody == protocol.ReturnReceived
		return v
	}
	switch i.Custody { // the lists have no word for it: who is in a batch is not clean yet, who is on a work order is damaged still
	case protocol.Cleaning:
		v.inWork = !i.Clean
	case protocol.Repairing:
		v.inWork = i.Damaged
	}
	v.wasOut = i.Custody != protocol.Registered && i.Custody != protocol.InspectedIn
	return v
}

// piece is what the rules of the round take. Only whether the inspection is newer than the return matters of either's place.
func (v view) piece() rental.Item {
	i := rental.Item{Custody: v.Custody, Was: protocol.Shelved, InWork: v.inWork, Place: v.Place, Bag: v.Bag, Batch: v.batch, Order: v.Order,
		Grade: v.Grade, Dirty: !v.Clean, RepairedBy: rental.RepairersOf(v.RepairedBy), Events: 2, Passed: v.Fit}
	if v.wasOut {
		i.Returned = 1
	}
	if v.Fit {
		i.Inspected = 2
	}
	if v.Damaged {
		i.Damages = []protocol.Damage{{Kind: "known"}}
	}
	i.Commitment = v.commitment()
	return i
}

// commitment is what the piece is promised to: the lists name the order, and where it is says how far that has come.
func (v view) commitment() rental.Commitment {
	if v.Order == "" {
		return rental.Commitment{}
	}
	c := rental.Commitment{State: rental.Taken, Order: v.Order, Until: time.Unix(1<<40, 0)} // the hub says when it has run out
	switch v.Custody {
	case protocol.Shelved, protocol.InspectedIn, protocol.FinalInspected, protocol.Missing:
		c.State = rental.Allocated
	case protocol.OnRent, protocol.InTransitBack:
		c.State = rental.Fulfilled
	}
	return c
}

// set notes a piece as the rules say that it is.
func (n *Note) set(id string, i rental.Item) {
	order := i.Commitment.Order
	if order == "" {
		order = i.Order
	}
	n.Item = protocol.KnownItem{Item: id, Custody: i.Custody, Order: order, Place: i.Place, Bag: i.Bag, Grade: i.Grade, Fit: i.Fit(),
		Clean: !i.Dirty, Damaged: len(i.Damages) > 0, RepairedBy: i.Repairers()}
	n.Batch, n.InWork, n.WasOut = i.Batch, i.InWork, i.Returned > 0
}

// away says whether the piece is on its way to the customer of its order.
func (n Note) away() bool {
	switch n.Item.Custody {
	case protocol.Picked, protocol.Packed, protocol.InTransitOut:
		return true
	}
	return false
}
