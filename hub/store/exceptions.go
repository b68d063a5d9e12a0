package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/dispatch"
)

// FreePlaces are the places that a container could have instead of its own, each free and in service on its date.
type FreePlaces struct {
	Slots     []string
	Shippers  []FreeShipper
	Addresses []string
}

// FreeShipper is a shipper with room, aboard a run that collects the container and delivers it after that.
type FreeShipper struct {
	RunID, ShipperID string
	Place            int64 // the first free one in it
}

// inService is a condition: a thing of a kind is not out of service on the container's date.
func inService(kind, id string) string {
	return " NOT EXISTS (SELECT 1 FROM out_of_service o WHERE o.delivery_date = c.delivery_date AND o.kind = '" + kind + "' AND o.thing_id = " + id + ")"
}

// FreePlaces gives the places that a container could be moved to. ErrNotFound says that there is no such container.
func (tx *Tx) FreePlaces(ctx context.Context, container string) (f FreePlaces, err error) {
	if _, err := tx.Container(ctx, container); err != nil {
		return f, err
	}
	f.Slots, err = list(ctx, tx, scanText, `SELECT s.id FROM dated_containers c JOIN slots s ON s.location_id = c.location_id
		JOIN category_fridge_kinds k ON k.category = c.category AND k.fridge_kind = s.fridge_kind
		WHERE c.id = $1 AND s.capacity_ml >= c.used_ml
		AND NOT EXISTS (SELECT 1 FROM dated_containers t WHERE t.delivery_date = c.delivery_date AND t.slot_id = s.id)
		AND`+inService("slot", "s.id")+" AND"+inService("fridge", "s.fridge_id")+" ORDER BY s.sequence, s.id", container)
	if err != nil {
		return f, err
	}
	f.Addresses, err = list(ctx, tx, scanText, `SELECT a.id FROM dated_containers c JOIN collection_addresses a
		ON a.collection_spot_id = c.collection_spot_id WHERE c.id = $1
		AND NOT EXISTS (SELECT 1 FROM dated_containers t WHERE t.delivery_date = c.delivery_date AND t.address_id = a.id)
		AND`+inService("address", "a.id")+" AND"+inService("fridge", "a.fridge_id")+" ORDER BY a.sequence, a.id", container)
	if err != nil {
		return f, err
	}
	f.Shippers, err = tx.freeShippers(ctx, container)
	return f, err
}

func (tx *Tx) freeShippers(ctx context.Context, container string) ([]FreeShipper, error) {
	type ride struct {
		FreeShipper
		capacity int64
	}
	rides, err := list(ctx, tx, func(row scanner) (r ride, err error) {
		err = row.Scan(&r.RunID, &r.ShipperID, &r.capacity)
		return r, err
	}, `SELECT a.run_id, a.shipper_id, a.capacity_containers FROM dated_containers c
		JOIN run_shippers a ON a.delivery_date = c.delivery_date AND a.category = c.category
		JOIN run_calls l ON l.run_id = a.run_id AND l.collection_spot_id = c.collection_spot_id AND l.location_id = c.location_id
		WHERE c.id = $1 AND a.shipper_id <> c.shipper_id AND`+inService("shipper", "a.shipper_id")+" AND"+inService("run", "a.run_id")+
		" ORDER BY a.run_id, a.shipper_id", container)
	if err != nil {
		return nil, err
	}
	var free []FreeShipper
	for _, r := range rides {
		taken, err := list(ctx, tx, func(row scanner) (place int64, err error) { return place, row.Scan(&place) },
			"SELECT shipper_place FROM dated_containers WHERE run_id = $1 AND shipper_id = $2", r.RunID, r.ShipperID)
		if err != nil {
			return nil, err
		}
		for r.Place = 1; r.Place <= r.capacity; r.Place++ {
			if !slices.Contains(taken, r.Place) {
				free = append(free, r.FreeShipper)
				break
			}
		}
	}
	return free, nil
}

// ErrTaken says that a place is not one that the container could have: it is taken, out of service, or not on its way.
var ErrTaken = errors.New("not a free place for this container")

// MoveContainer gives a container other places; empty ones stay as they are. They have to be free, or it is ErrTaken. The rules of
// dispatch.Container.Reassign are the caller's to ask.
func (tx *Tx) MoveContainer(ctx context.Context, container string, to dispatch.Where, at Since) error {
	free, err := tx.FreePlaces(ctx, container)
	if err != nil {
		return err
	}
	ride := slices.IndexFunc(free.Shippers, func(s FreeShipper) bool { return s.RunID == to.RunID && s.ShipperID == to.ShipperID })
	switch {
	case to.SlotID != "" && !slices.Contains(free.Slots, to.SlotID):
		return fmt.Errorf("slot %.80s: %w", to.SlotID, ErrTaken)
	case to.AddressID != "" && !slices.Contains(free.Addresses, to.AddressID):
		return fmt.Errorf("address %.80s: %w", to.AddressID, ErrTaken)
	case to.ShipperID != "" && ride < 0:
		return fmt.Errorf("shipper %.80s in run %.80s: %w", to.ShipperID, to.RunID, ErrTaken)
	}
	if err := tx.KeepContainer(ctx, container, at, "move"); err != nil {
		return err
	}
	when := []any{container, millis(at.Valid), millis(at.Known)}
	if to.SlotID != "" {
		if err := tx.one(ctx, `UPDATE dated_containers SET slot_id = $4, valid_from = $2, known_from = $3,
			fridge_id = (SELECT s.fridge_id FROM slots s WHERE s.id = $4), fridge_kind = (SELECT s.fridge_kind FROM slots s WHERE s.id = $4),
			capacity_ml = (SELECT s.capacity_ml FROM slots s WHERE s.id = $4) WHERE id = $1`, append(when, to.SlotID)...); err != nil {
			return err
		}
	}
	if to.AddressID != "" {
		if err := tx.one(ctx, "UPDATE dated_containers SET address_id = $4, valid_from = $2, known_from = $3 WHERE id = $1",
			append(when, to.AddressID)...); err != nil {
			return err
		}
	}
	if to.ShipperID != "" {
		return tx.one(ctx, `UPDATE dated_containers SET run_id = $4, shipper_id = $5, shipper_place = $6, valid_from = $2, known_from = $3,
			shipper_capacity = (SELECT s.capacity_containers FROM shippers s WHERE s.id = $5) WHERE id = $1`,
			append(when, to.RunID, to.ShipperID, free.Shippers[ride].Place)...)
	}
	return nil
}

// FrozenAt gives when a date's numbering was frozen; the zero time before.
func (tx *Tx) FrozenAt(ctx context.Context, date string) (time.Time, error) {
	var frozen sql.NullInt64
	err := tx.row(ctx, "SELECT frozen_at FROM delivery_dates WHERE delivery_date = $1", date).Scan(&frozen)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("delivery date %s: %w", date, ErrNotFound)
	}
	return fromOptionalMillis(frozen), err
}

// HasCourierGrant says whether a run's driver has a code for a location.
func (tx *Tx) HasCourierGrant(ctx context.Context, run, location string) (has bool, err error) {
	err = tx.row(ctx, "SELECT EXISTS (SELECT 1 FROM grants WHERE run_id = $1 AND location_id = $2 AND revoked_at IS NULL)", run, location).Scan(&has)
	return has, err
}
