package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/check"
	"meguri/hub/dispatch"
	"meguri/hub/people"
)

// ApplyRepair makes the changes of a repair: first what is new, then what changes, then what goes, so that no row ever lacks one
// that it refers to.
func (c checkTx) ApplyRepair(ctx context.Context, r check.Repair, now time.Time) error {
	for _, date := range r.Dates() { // RaiseRevision has seen to it that no date was known to be so any later
		var known int64
		err := c.tx.row(ctx, "SELECT COALESCE(MAX(known_at), 0) FROM delivery_dates WHERE delivery_date = $1", date).Scan(&known)
		if err != nil {
			return err
		}
		if at := fromMillis(known); at.After(now) {
			now = at
		}
	}
	for _, o := range r.Orders {
		if err := c.changeOrder(ctx, *o.Before, *o.After, now); err != nil {
			return fmt.Errorf("order %s: %w", o.Before.ID, err)
		}
	}
	for _, one := range r.Containers {
		if one.After == nil {
			continue
		}
		if err := c.writeContainer(ctx, one, now); err != nil {
			return fmt.Errorf("container %s: %w", one.After.ID, err)
		}
	}
	for _, one := range r.Items {
		if err := c.writeItem(ctx, one, now); err != nil {
			return err
		}
	}
	for _, one := range r.Containers {
		if one.After != nil {
			continue
		}
		if err := c.dropContainer(ctx, *one.Before, now); err != nil {
			return fmt.Errorf("container %s: %w", one.Before.ID, err)
		}
	}
	return nil
}

// oneRow refuses a change of a row that is not as it was.
func oneRow(n int64, err error) error {
	if err == nil && n != 1 {
		return check.ErrChanged
	}
	return err
}

func (c checkTx) changeOrder(ctx context.Context, before, after check.Order, now time.Time) error {
	ended, reason := sql.NullInt64{}, ""
	if before.State != after.State {
		ended, reason = sql.NullInt64{Int64: millis(now), Valid: true}, "repair"
	}
	return oneRow(c.tx.exec(ctx, `UPDATE orders SET state = $2, hold_until = $3, ended_at = COALESCE($4, ended_at),
		end_reason = CASE WHEN $5 = '' THEN end_reason ELSE $5 END WHERE id = $1 AND state = $6`,
		after.ID, after.State, optionalMillis(after.HoldUntil), ended, reason, before.State))
}

func (c checkTx) writeContainer(ctx context.Context, one check.Change[check.Container], now time.Time) error {
	a := one.After
	if one.Before == nil {
		_, err := c.tx.insert(ctx, "dated_containers", []string{"id", "sequence", "delivery_date", "location_id", "fridge_id", "fridge_kind",
			"slot_id", "capacity_ml", "used_ml", "shop_id", "collection_spot_id", "category", "run_id", "shipper_id", "shipper_capacity",
			"shipper_place", "address_id", "state", "valid_from", "known_from"}, [][]any{{a.ID, a.Sequence, a.Date, a.Location, a.Fridge,
			a.FridgeKind, a.Slot, a.CapacityML, a.UsedML, a.Shop, a.Spot, a.Category, a.Run, a.Shipper, a.ShipperCapacity, a.ShipperPlace,
			a.Address, a.State, millis(now), millis(now)}}, "")
		return err
	}
	b := *one.Before
	b.UsedML = a.UsedML
	if b == *a { // the history tells where a container was, not how full
		return oneRow(c.tx.exec(ctx, "UPDATE dated_containers SET used_ml = $2 WHERE id = $1 AND used_ml = $3", a.ID, a.UsedML, one.Before.UsedML))
	}
	if err := c.keepContainer(ctx, a.ID, now); err != nil {
		return err
	}
	return oneRow(c.tx.exec(ctx, `UPDATE dated_containers SET delivery_date = $2, location_id = $3, fridge_id = $4, fridge_kind = $5,
		slot_id = $6, capacity_ml = $7, used_ml = $8, shop_id = $9, collection_spot_id = $10, category = $11, run_id = $12,
		shipper_id = $13, shipper_capacity = $14, shipper_place = $15, address_id = $16, valid_from = $17, known_from = $17
		WHERE id = $1`, a.ID, a.Date, a.Location, a.Fridge, a.FridgeKind, a.Slot, a.CapacityML, a.UsedML, a.Shop, a.Spot, a.Category,
		a.Run, a.Shipper, a.ShipperCapacity, a.ShipperPlace, a.Address, millis(now)))
}

func (c checkTx) writeItem(ctx context.Context, one check.Change[check.Item], now time.Time) error {
	if b := one.Before; b != nil {
		if err := c.keepItem(ctx, b.Order, b.Line, b.Unit, now); err != nil {
			return err
		}
	}
	switch a, b := one.After, one.Before; {
	case b == nil:
		_, err := c.tx.insert(ctx, "order_items", []string{"order_id", "line", "unit", "delivery_date", "product_id", "shop_id", "category",
			"dated_container_id", "short", "valid_from", "known_from"}, [][]any{{a.Order, a.Line, a.Unit, a.Date, a.Product, a.Shop,
			a.Category, a.Container, false, millis(now), millis(now)}}, "")
		return err
	case a == nil:
		return oneRow(c.tx.exec(ctx, "DELETE FROM order_items WHERE order_id = $1 AND line = $2 AND unit = $3 AND dated_container_id = $4",
			b.Order, b.Line, b.Unit, b.Container))
	default:
		return oneRow(c.tx.exec(ctx, `UPDATE order_items SET delivery_date = $5, product_id = $6, shop_id = $7, category = $8,
			dated_container_id = $9, valid_from = $10, known_from = $10
			WHERE order_id = $1 AND line = $2 AND unit = $3 AND dated_container_id = $4`,
			b.Order, b.Line, b.Unit, b.Container, a.Date, a.Product, a.Shop, a.Category, a.Container, millis(now)))
	}
}

func (c checkTx) dropContainer(ctx context.Context, b check.Container, now time.Time) error {
	if err := c.keepContainer(ctx, b.ID, now); err != nil {
		return err
	}
	return oneRow(c.tx.exec(ctx, "DELETE FROM dated_containers WHERE id = $1 AND state = 'planned'", b.ID))
}

func (c checkTx) keepContainer(ctx context.Context, id string, now time.Time) error {
	return c.tx.KeepContainer(ctx, id, At(now), "repair")
}

func (c checkTx) keepItem(ctx context.Context, order string, line, unit int64, now time.Time) error {
	return c.tx.KeepItem(ctx, order, line, unit, At(now), "repair")
}

// NewSheets makes new versions of the sheets and packing lists that a repair has changed, and gives a driver who has to go where
// the run had nothing to do before a code for that location.
func (c checkTx) NewSheets(ctx context.Context, person string, f check.Finding, now time.Time) error {
	var papers Papers
	for _, b := range f.Repair.Boxes() {
		if _, err := c.tx.Run(ctx, b.Run); errors.Is(err, ErrNotFound) {
			continue // it has no sheet
		} else if err != nil {
			return err
		}
		papers.Add(b.Run, b.Shop)
	}
	for _, one := range f.Repair.Containers {
		if one.After != nil {
			if err := c.courierCode(ctx, *one.After, now); err != nil {
				return fmt.Errorf("code of run %s for %s: %w", one.After.Run, one.After.Location, err)
			}
		}
	}
	_, err := c.tx.MakeEditions(ctx, f.Date, &papers, person, "repair: "+f.Text(), now)
	return err
}

// courierCode gives a run's driver a code for a location, unless there is one.
func (c checkTx) courierCode(ctx context.Context, b check.Container, now time.Time) error {
	has, err := c.tx.HasCourierGrant(ctx, b.Run, b.Location)
	if err != nil || has {
		return err
	}
	run, err := c.tx.Run(ctx, b.Run)
	if err != nil || len(run.Stops) == 0 {
		return err
	}
	delivery, err := c.tx.Delivery(ctx, b.Date, b.Location)
	if err != nil {
		return err
	}
	taken, err := c.tx.CodesTaken(ctx, b.Date, b.Location)
	if err != nil {
		return err
	}
	from, until := dispatch.CourierWindow(run.Stops[0].PlannedAt, delivery.PickupCloses)
	return c.tx.AddGrant(ctx, dispatch.Grant{ID: b.Run + "-" + b.Location, DeliveryDate: b.Date, LocationID: b.Location,
		Holder: dispatch.Courier, RunID: b.Run, PIN: dispatch.DrawPIN(taken), From: from, Until: until,
		IssuedAt: now})
}

// RecordRepair notes who applied a repair.
func (c checkTx) RecordRepair(ctx context.Context, person string, f check.Finding, now time.Time) error {
	return c.tx.RecordAct(ctx, people.NewAct(now, person, "check.repair", f.Subject, f.Repair.ID+": "+f.Text()))
}
