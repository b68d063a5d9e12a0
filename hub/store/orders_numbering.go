package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/capacity"
	"meguri/hub/order"
)

// numbering is what a group of decisions changes of a date's numbering: the last state of each container and item, and what
// ended the version of it that is stored.
type numbering struct {
	date       string
	containers []*boxChange // in the order in which they were met
	byID       map[string]*boxChange
	items      []*itemChange
	byUnit     map[unitKey]*itemChange
}

// ended is what ended the stored version of a row.
type ended struct {
	at    time.Time
	cause string
}

type boxChange struct {
	stored    bool // is in the database
	gone      bool
	moved     bool // the stored version has ended, by moving or closing
	was       capacity.Container
	now       capacity.Container
	from      time.Time // since when it is where it is now; of one that is new or has moved
	end       ended
	custody   custody
	wasLifted bool
}

type unitKey struct {
	order      string
	line, unit int64
}

type itemChange struct {
	unitKey
	stored, gone, moved bool
	added               bool // is another unit than the stored one with its number
	again               bool // and one with its number may have been there long before
	now                 capacity.Item
	from                time.Time
	end                 ended
	short               bool
	keeps               bool  // its version goes on: only its container's row is made anew
	validFrom           int64 // of one that keeps its version
	knownFrom           int64
}

func foldNumbering(decisions []order.Decision) *numbering {
	n := &numbering{date: decisions[0].Order.DeliveryDate, byID: map[string]*boxChange{}}
	for i := range decisions {
		if c := &decisions[i].Change; len(c.Removed)+len(c.Moved) > 0 {
			n.byUnit = map[unitKey]*itemChange{} // else every item is a new one, and none is met twice
			break
		}
	}
	for i := range decisions {
		n.fold(&decisions[i])
	}
	return n
}

func (n *numbering) fold(d *order.Decision) {
	c := &d.Change
	cause := d.Cause
	if d.Verb == order.Place {
		cause = order.CauseMove
	}
	for _, o := range c.Opened {
		n.box(o, &boxChange{}).open(o, d.At)
	}
	for _, f := range c.Filled {
		n.box(f, &boxChange{stored: true, was: f}).now = f
	}
	for _, r := range c.Relocated {
		b := n.box(r.From, &boxChange{stored: true, was: r.From})
		b.now, b.from = r.To, d.At
		b.ends(d.At, cause)
	}
	for _, o := range c.Closed {
		b := n.box(o, &boxChange{stored: true, was: o})
		b.gone = true
		b.ends(d.At, cause)
	}
	for _, i := range c.Removed {
		u := n.item(i, true)
		u.gone = true
		u.ends(d.At, cause)
	}
	for _, m := range c.Moved {
		u := n.item(m.Item, true)
		u.now, u.from = m.Item, d.At
		u.ends(d.At, cause)
	}
	for _, i := range c.Added {
		u := n.item(i, false)
		u.now, u.from, u.gone, u.moved, u.added = i, d.At, false, u.stored, true
		if d.Verb != order.Place && !u.stored {
			u.again, u.end = true, ended{d.At, cause}
		}
	}
}

func (n *numbering) box(c capacity.Container, unmet *boxChange) *boxChange {
	b := n.byID[c.ID]
	if b == nil {
		b = unmet
		n.byID[c.ID] = b
		n.containers = append(n.containers, b)
	}
	return b
}

func (b *boxChange) open(c capacity.Container, at time.Time) { b.now, b.from = c, at }

func (b *boxChange) ends(at time.Time, cause string) {
	if b.stored && !b.moved {
		b.moved, b.end = true, ended{at, cause}
	}
}

func (n *numbering) item(i capacity.Item, stored bool) *itemChange {
	key := unitKey{i.Order, i.Line, i.Unit}
	if u := n.byUnit[key]; u != nil {
		return u
	}
	u := &itemChange{unitKey: key, stored: stored}
	if n.byUnit != nil {
		n.byUnit[key] = u
	}
	n.items = append(n.items, u)
	return u
}

func (u *itemChange) ends(at time.Time, cause string) {
	if u.stored && !u.moved {
		u.moved, u.end = true, ended{at, cause}
	}
}

// takeOut writes the versions that end into the history, and takes the rows out that have to go or make room. SQLite looks at
// keys row by row, so that two containers cannot change places by being updated: of those that go round in a circle one is
// lifted, with its items, and put in again at the end.
func (n *numbering) takeOut(ctx context.Context, tx *Tx, known time.Time) error {
	var out []*itemChange
	var begins []ending
	for _, u := range n.items {
		switch {
		case u.stored:
			out = append(out, u)
		case u.again && !u.gone:
			begins = append(begins, ending{[]any{u.order, u.line, u.unit}, u.from, u.end.cause})
		}
	}
	if err := tx.giveWay(ctx, itemVersions, begins, known); err != nil {
		return err
	}
	var closed, moved []*boxChange
	for _, b := range n.containers {
		switch {
		case b.stored && b.gone:
			closed = append(closed, b)
		case b.stored && b.moved:
			moved = append(moved, b)
		}
	}
	if len(out)+len(closed)+len(moved) == 0 {
		return nil
	}
	if err := tx.endContainers(ctx, append(slices.Clone(closed), moved...), known); err != nil {
		return err
	}
	if err := tx.markShort(ctx, out); err != nil {
		return err
	}
	if err := tx.endItems(ctx, out, known); err != nil {
		return err
	}
	for _, b := range closed {
		if err := tx.one(ctx, "DELETE FROM dated_containers WHERE id = $1", b.was.ID); errors.Is(err, ErrNotFound) {
			return fmt.Errorf("close container %s: %w", b.was.ID, order.ErrStale)
		} else if err != nil {
			return fmt.Errorf("close container %s: %w", b.was.ID, err)
		}
	}
	return n.relocate(ctx, tx, moved, known)
}

// relocate moves containers one after the other, each when its new slot, address and place are free.
func (n *numbering) relocate(ctx context.Context, tx *Tx, moved []*boxChange, known time.Time) error {
	holds := map[string]*boxChange{}
	for _, b := range moved {
		for _, key := range placeKeys(b.was) {
			holds[key] = b
		}
	}
	free := func(b *boxChange) bool {
		return !slices.ContainsFunc(placeKeys(b.now), func(key string) bool { return holds[key] != nil && holds[key] != b })
	}
	leave := func(b *boxChange) {
		for _, key := range placeKeys(b.was) {
			delete(holds, key)
		}
	}
	for len(moved) > 0 {
		i := slices.IndexFunc(moved, free)
		var err error
		if i >= 0 {
			err = tx.moveContainer(ctx, moved[i], known)
		} else {
			i = 0
			err = n.lift(ctx, tx, moved[i])
		}
		if err != nil {
			return fmt.Errorf("move container %s: %w", moved[i].now.ID, err)
		}
		leave(moved[i])
		moved = slices.Delete(moved, i, i+1)
	}
	return nil
}

// placeKeys are what a container has to itself on a date.
func placeKeys(c capacity.Container) []string {
	return []string{"slot " + c.Slot.ID, "address " + c.Address, fmt.Sprintf("place %s %s %d", c.Run, c.Shipper, c.ShipperPlace)}
}

func (tx *Tx) moveContainer(ctx context.Context, b *boxChange, known time.Time) error {
	c := b.now
	return tx.one(ctx, `UPDATE dated_containers SET fridge_id = $2, fridge_kind = $3, slot_id = $4, capacity_ml = $5, used_ml = $6,
		run_id = $7, shipper_id = $8, shipper_capacity = $9, shipper_place = $10, address_id = $11, valid_from = $12, known_from = $13
		WHERE id = $1`, c.ID, c.Slot.FridgeID, c.Slot.FridgeKind, c.Slot.ID, c.Slot.CapacityML, c.UsedML, c.Run, c.Shipper,
		c.ShipperCapacity, c.ShipperPlace, c.Address, millis(b.from), millis(known))
}

// lift takes a container's row out of the way, with the items that stay in it.
func (n *numbering) lift(ctx context.Context, tx *Tx, b *boxChange) error {
	id := b.was.ID
	var err error
	if b.custody, err = tx.custodyOf(ctx, id); err != nil {
		return err
	}
	b.wasLifted = true
	stay, err := list(ctx, tx, func(row scanner) (*itemChange, error) {
		u := &itemChange{stored: true, keeps: true}
		err := row.Scan(&u.order, &u.line, &u.unit, &u.now.Product, &u.now.Shop, &u.now.Category, &u.short, &u.validFrom, &u.knownFrom)
		u.now.Order, u.now.Line, u.now.Unit, u.now.ContainerID = u.order, u.line, u.unit, id
		return u, err
	}, `SELECT order_id, line, unit, product_id, shop_id, category, short, valid_from, known_from FROM order_items
		WHERE dated_container_id = $1`, id)
	if err != nil {
		return err
	}
	n.items = append(n.items, stay...)
	if err := tx.write(ctx, "DELETE FROM order_items WHERE dated_container_id = $1", id); err != nil {
		return err
	}
	return tx.one(ctx, "DELETE FROM dated_containers WHERE id = $1", id)
}

var (
	insertContainers = insertRows("dated_containers", `id, sequence, delivery_date, location_id, fridge_id, fridge_kind, slot_id,
		capacity_ml, used_ml, shop_id, collection_spot_id, category, run_id, shipper_id, shipper_capacity, shipper_place, address_id,
		valid_from, known_from, state, grai, filled_at, shelved_at, loaded_at, placed_at`, "", "TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT",
		"TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT",
		"BIGINT", "BIGINT", "BIGINT", "BIGINT")
	fillContainers = &manyRows{before: "UPDATE dated_containers SET used_ml = v.column2 FROM (", kinds: []string{"TEXT", "BIGINT"},
		after: ") AS v WHERE id = v.column1"}
	insertItems = insertRows("order_items", `order_id, line, unit, delivery_date, product_id, shop_id, category, dated_container_id,
		short, valid_from, known_from`, "", "TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BOOLEAN", "BIGINT", "BIGINT")
)

// putIn writes the rows as they are now.
func (n *numbering) putIn(ctx context.Context, tx *Tx, known time.Time) error {
	var opened, filled []any
	for _, b := range n.containers {
		switch {
		case b.gone:
		case !b.stored || b.wasLifted:
			opened = addContainer(opened, n.date, b, known)
		case !b.moved:
			filled = append(filled, b.now.ID, b.now.UsedML)
		}
	}
	if _, err := insertContainers.run(ctx, tx, opened); err != nil {
		return err
	}
	did, err := fillContainers.run(ctx, tx, filled)
	if err == nil && did != int64(len(filled)/2) {
		err = fmt.Errorf("fill containers: %d of %d: %w", did, len(filled)/2, order.ErrStale)
	}
	if err != nil {
		return err
	}
	items := make([]any, 0, len(n.items)*len(insertItems.kinds))
	for _, u := range n.items {
		if u.gone {
			continue
		}
		from, since := millis(u.from), millis(known)
		if u.keeps {
			from, since = u.validFrom, u.knownFrom
		}
		items = append(items, u.order, u.line, u.unit, n.date, u.now.Product, u.now.Shop, u.now.Category, u.now.ContainerID, u.short, from, since)
	}
	_, err = insertItems.run(ctx, tx, items)
	return err
}

func addContainer(rows []any, date string, b *boxChange, known time.Time) []any {
	c, at := b.now, b.custody
	if !b.wasLifted {
		at.state = "planned"
	}
	return append(rows, c.ID, c.Sequence, date, c.Slot.LocationID, c.Slot.FridgeID, c.Slot.FridgeKind, c.Slot.ID, c.Slot.CapacityML, c.UsedML,
		c.Shop, c.Spot, c.Category, c.Run, c.Shipper, c.ShipperCapacity, c.ShipperPlace, c.Address, millis(b.from), millis(known),
		at.state, at.grai, at.filled, at.shelved, at.loaded, at.placed)
}

// one runs a statement that has to change one row.
func (tx *Tx) one(ctx context.Context, query string, args ...any) error {
	n, err := tx.exec(ctx, query, args...)
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows: %w", n, ErrNotFound)
	}
	return err
}
