package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meguri/hub/bulk"
)

// Operator is a person who works with scanners, with what a PIN is checked with.
type Operator struct {
	Badge, Warehouse string
	Salt, Check      []byte // empty: the badge is enough
	Steps            []int64
	Revoked          time.Time // zero while the badge is good
}

// Same says whether two operators are alike.
func (o Operator) Same(p Operator) bool {
	return o.Badge == p.Badge && o.Warehouse == p.Warehouse && bytes.Equal(o.Check, p.Check) && stepsText(o.Steps) == stepsText(p.Steps)
}

func stepsText(steps []int64) string {
	all := make([]string, len(steps))
	for n, s := range steps {
		all[n] = strconv.FormatInt(s, 10)
	}
	return strings.Join(all, "|")
}

func textSteps(text string) (steps []int64, err error) {
	for one := range strings.SplitSeq(text, "|") {
		if one == "" {
			continue
		}
		s, err := strconv.ParseInt(one, 10, 64)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// byKey indexes what a query gives.
func byKey[T any](all []T, err error, key func(T) string) (map[string]T, error) {
	m := make(map[string]T, len(all))
	for _, v := range all {
		m[key(v)] = v
	}
	return m, err
}

// Warehouses gives all rental warehouses by id.
func (tx *Tx) Warehouses(ctx context.Context) (map[string]bulk.Warehouse, error) {
	all, err := list(ctx, tx, func(row scanner) (w bulk.Warehouse, err error) {
		return w, row.Scan(&w.ID, &w.GLN, &w.Name, &w.SwapGarment, &w.SwapWorst)
	}, "SELECT id, gln, name, swap_garment, swap_worst FROM warehouses ORDER BY id")
	return byKey(all, err, func(w bulk.Warehouse) string { return w.ID })
}

// Shelves gives the shelves of a warehouse, or of all when it is empty, in the order of the walk.
func (tx *Tx) Shelves(ctx context.Context, warehouse string) ([]bulk.Shelf, error) {
	return list(ctx, tx, func(row scanner) (s bulk.Shelf, err error) {
		return s, row.Scan(&s.ID, &s.WarehouseID, &s.Walk, &s.Room)
	}, "SELECT id, warehouse_id, walk, room FROM warehouse_shelves WHERE $1 = '' OR warehouse_id = $1 ORDER BY warehouse_id, walk, id", warehouse)
}

// Operators gives the operators of a warehouse, or of all when it is empty, by badge, the revoked ones too.
func (tx *Tx) Operators(ctx context.Context, warehouse string) ([]Operator, error) {
	return list(ctx, tx, func(row scanner) (o Operator, err error) {
		var steps string
		var revoked sql.NullInt64
		if err = row.Scan(&o.Badge, &o.Warehouse, &o.Salt, &o.Check, &steps, &revoked); err == nil {
			o.Revoked = fromOptionalMillis(revoked)
			o.Steps, err = textSteps(steps)
		}
		return o, err
	}, "SELECT badge, warehouse_id, salt, pin_check, steps, revoked_at FROM warehouse_operators WHERE $1 = '' OR warehouse_id = $1 ORDER BY badge", warehouse)
}

// Garments gives all garments by GTIN.
func (tx *Tx) Garments(ctx context.Context) (map[string]bulk.Garment, error) {
	all, err := list(ctx, tx, func(row scanner) (g bulk.Garment, err error) {
		return g, row.Scan(&g.GTIN, &g.Name, &g.Size, &g.Colour, &g.PriceYen)
	}, "SELECT gtin, name, size, colour, price_yen FROM garments")
	return byKey(all, err, func(g bulk.Garment) string { return g.GTIN })
}

var (
	insertWarehouses = insertRows("warehouses", "id, gln, name, swap_garment, swap_worst", ` ON CONFLICT (id) DO UPDATE SET gln = excluded.gln,
		name = excluded.name, swap_garment = excluded.swap_garment, swap_worst = excluded.swap_worst`, "TEXT", "TEXT", "TEXT", "BOOLEAN", "BIGINT")
	insertShelves = insertRows("warehouse_shelves", "id, warehouse_id, walk, room", ` ON CONFLICT (id) DO UPDATE SET
		warehouse_id = excluded.warehouse_id, walk = excluded.walk, room = excluded.room`, "TEXT", "TEXT", "BIGINT", "BIGINT")
	insertOperators = insertRows("warehouse_operators", "badge, warehouse_id, salt, pin_check, steps", ` ON CONFLICT (badge) DO UPDATE SET
		warehouse_id = excluded.warehouse_id, salt = excluded.salt, pin_check = excluded.pin_check, steps = excluded.steps`,
		"TEXT", "TEXT", "BYTEA", "BYTEA", "TEXT")
	insertGarments = insertRows("garments", "gtin, name, size, colour, price_yen", ` ON CONFLICT (gtin) DO UPDATE SET name = excluded.name,
		size = excluded.size, colour = excluded.colour, price_yen = excluded.price_yen`, "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT")
)

func saveRows[T any](ctx context.Context, tx *Tx, into *manyRows, all []T, values func(T) []any) error {
	var rows []any
	for _, v := range all {
		one := values(v)
		if err := tx.ownOnly(ctx, one[:1]); err != nil {
			return fmt.Errorf("%v: %w", one[0], err)
		}
		rows = append(rows, one...)
	}
	_, err := into.run(ctx, tx, rows)
	return err
}

// SaveWarehouses adds or changes warehouses.
func (tx *Tx) SaveWarehouses(ctx context.Context, all []bulk.Warehouse) error {
	if err := saveRows(ctx, tx, insertWarehouses, all, func(w bulk.Warehouse) []any { return []any{w.ID, w.GLN, w.Name, w.SwapGarment, w.SwapWorst} }); err != nil {
		return err
	}
	for _, w := range all {
		if err := tx.own(ctx, insertWarehouses.before, w.ID); err != nil {
			return err
		}
	}
	return nil
}

// SaveShelves adds or changes shelves.
func (tx *Tx) SaveShelves(ctx context.Context, all []bulk.Shelf) error {
	return saveRows(ctx, tx, insertShelves, all, func(s bulk.Shelf) []any { return []any{s.ID, s.WarehouseID, s.Walk, s.Room} })
}

// RevokeOperator takes a badge's right away, and says whether there was such a badge. A file that is imported again does not give it back.
func (tx *Tx) RevokeOperator(ctx context.Context, badge string, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, "UPDATE warehouse_operators SET revoked_at = $2 WHERE badge = $1 AND revoked_at IS NULL", badge, millis(at))
	return n == 1, err
}

// SaveOperators adds or changes operators.
func (tx *Tx) SaveOperators(ctx context.Context, all []Operator) error {
	return saveRows(ctx, tx, insertOperators, all, func(o Operator) []any { return []any{o.Badge, o.Warehouse, o.Salt, o.Check, stepsText(o.Steps)} })
}

// SaveGarments adds or changes garments.
func (tx *Tx) SaveGarments(ctx context.Context, all []bulk.Garment) error {
	return saveRows(ctx, tx, insertGarments, all, func(g bulk.Garment) []any { return []any{g.GTIN, g.Name, g.Size, g.Colour, g.PriceYen} })
}
