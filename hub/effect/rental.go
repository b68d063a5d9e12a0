package effect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/bulk"
	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/protocol"
)

// rental takes in what a warehouse's scanner says. What it breaks is in the piece's history and work for a person: here only what is no
// word of a piece of ours at all, or comes from who has no scanner, is not applied.
func (e *Effects) rental(ctx context.Context, tx *store.Tx, ev link.Event) error {
	if ev.Role != plan.RoleScanner {
		return &link.NotApplied{Reason: fmt.Sprintf("device %s serves %s %s: only scanners say what is done with pieces", ev.Device, ev.Role, ev.Place)}
	}
	src := rentalSource(ev)
	keeper := e.keeper()
	var err error
	switch b := ev.Body.(type) {
	case protocol.ItemScanned:
		err = keeper.Item(ctx, tx, src, b)
	case protocol.BagScanned:
		err = keeper.Bag(ctx, tx, src, b)
	case protocol.ShelfCounted:
		err = keeper.Shelf(ctx, tx, src, b)
	}
	if errors.Is(err, rental.ErrNoPiece) || errors.Is(err, rental.ErrNoWarehouse) {
		return &link.NotApplied{Reason: err.Error()}
	}
	return err
}

// Ahead reads the pieces that events of a batch are about.
func (e *Effects) Ahead(ctx context.Context, tx *store.Tx, bodies []protocol.Body) error {
	var ids []string
	for _, body := range bodies {
		scan, is := body.(protocol.ItemScanned)
		if !is {
			continue
		}
		if id, _, err := bulk.SGTIN(scan.Item); err == nil {
			ids = append(ids, id)
		}
	}
	return tx.ReadRentals(ctx, ids)
}

func (e *Effects) keeper() *rental.Keeper {
	if e.Soon == nil {
		return &rental.Keeper{}
	}
	return &rental.Keeper{Changed: func(tx *store.Tx, warehouse string) { tx.OnCommit(func() { e.Soon(warehouse) }) }}
}

func rentalSource(ev link.Event) rental.Source {
	return rental.Source{Device: store.DeviceLife(ev.Device, ev.Incarnation.String()), Number: ev.Number, Warehouse: ev.Place,
		At: ev.At, Within: ev.Within, Recorded: ev.Received, Clock: ev.Clock}
}

// redateRental tells the histories again of the pieces that an event was about.
func (e *Effects) redateRental(ctx context.Context, tx *store.Tx, ev link.Event, was time.Time) error {
	if was.Equal(ev.At) {
		return nil
	}
	return e.keeper().Redate(ctx, tx, rentalSource(ev))
}
