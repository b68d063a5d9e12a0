package rental

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"meguri/hub/bulk"
	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Imported is what became of the rows of a rental warehouse's files.
type Imported struct {
	Outcomes                   []bulk.RowOutcome // of all rows, by file and row
	New, Changed, Same, Refuse int
}

func (i *Imported) add(file string, line int, key, outcome, why string) {
	i.Outcomes = append(i.Outcomes, bulk.RowOutcome{File: file, Row: line, Key: key, Outcome: outcome, Why: why})
}

// rowsAtOnce is how many rows share a transaction.
const rowsAtOnce = 1000

// Import takes in the files of a rental warehouse. Each row has its own outcome; a file that is imported again changes what it says
// otherwise, and skips what is done. When it ends with an error, it can be run again, and goes on where it stopped.
func (k *Keeper) Import(ctx context.Context, s *store.Store, n bulk.Rental, by string, now time.Time) (Imported, error) {
	done := Imported{Outcomes: slices.Clone(n.Refused)}
	err := s.Change(ctx, func(tx *store.Tx) error {
		first := Imported{}
		if err := k.places(ctx, tx, n, &first); err != nil {
			return err
		}
		tx.OnCommit(func() { done.Outcomes = append(done.Outcomes, first.Outcomes...) })
		return nil
	})
	if err != nil {
		return done, err
	}
	if err := chunked(ctx, s, n.Items, &done, func(tx *store.Tx, rows []bulk.Row[bulk.RentalItem], out *Imported) error {
		return k.items(ctx, tx, rows, by, now, out)
	}); err != nil {
		return done, fmt.Errorf("%s: %w", bulk.RentalItemsFile, err)
	}
	if err := chunked(ctx, s, n.Orders, &done, func(tx *store.Tx, rows []bulk.Row[bulk.RentalOrder], out *Imported) error {
		return k.orders(ctx, tx, rows, by, now, out)
	}); err != nil {
		return done, fmt.Errorf("%s: %w", bulk.RentalOrdersFile, err)
	}
	done.count()
	return done, nil
}

func (i *Imported) count() {
	slices.SortStableFunc(i.Outcomes, func(a, b bulk.RowOutcome) int {
		return cmp.Or(cmp.Compare(slices.Index(bulk.RentalFiles, a.File), slices.Index(bulk.RentalFiles, b.File)), cmp.Compare(a.Row, b.Row))
	})
	for _, o := range i.Outcomes {
		switch o.Outcome {
		case bulk.RowNew:
			i.New++
		case bulk.RowChanged:
			i.Changed++
		case bulk.RowSame:
			i.Same++
		default:
			i.Refuse++
		}
	}
}

// chunked runs do for some rows at a time, each in its own transaction.
func chunked[T any](ctx context.Context, s *store.Store, rows []bulk.Row[T], done *Imported, do func(*store.Tx, []bulk.Row[T], *Imported) error) error {
	for some := range slices.Chunk(rows, rowsAtOnce) {
		err := s.Change(ctx, func(tx *store.Tx) error {
			out := Imported{}
			if err := do(tx, some, &out); err != nil {
				return err
			}
			tx.OnCommit(func() { done.Outcomes = append(done.Outcomes, out.Outcomes...) })
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changes tells rows that are new or changed from those that are as they were.
func changes[T any](file string, rows []bulk.Row[T], out *Imported, key func(T) string, was func(T) (T, bool), same func(a, b T) bool, refuse func(T) string) (todo []T) {
	for _, r := range rows {
		if why := refuse(r.V); why != "" {
			out.add(file, r.Line, key(r.V), bulk.RowRefused, bulk.Problem{File: file, Row: r.Line, Want: why}.Error())
			continue
		}
		before, has := was(r.V)
		switch {
		case has && same(before, r.V):
			out.add(file, r.Line, key(r.V), bulk.RowSame, "")
			continue
		case has:
			out.add(file, r.Line, key(r.V), bulk.RowChanged, "")
		default:
			out.add(file, r.Line, key(r.V), bulk.RowNew, "")
		}
		todo = append(todo, r.V)
	}
	return todo
}

func equal[T comparable](a, b T) bool { return a == b }

func anything[T any](T) string { return "" }

// places takes in what the others refer to: it is little, and goes in at once.
func (k *Keeper) places(ctx context.Context, tx *store.Tx, n bulk.Rental, out *Imported) error {
	warehouses, err := tx.Warehouses(ctx)
	if err != nil {
		return err
	}
	todo := changes(bulk.WarehousesFile, n.Warehouses, out, func(w bulk.Warehouse) string { return w.ID },
		func(w bulk.Warehouse) (bulk.Warehouse, bool) { was, has := warehouses[w.ID]; return was, has }, equal, anything)
	if err := tx.SaveWarehouses(ctx, todo); err != nil {
		return err
	}
	for _, w := range todo {
		warehouses[w.ID] = w
	}
	known := func(id string) string {
		if _, ok := warehouses[id]; ok {
			return ""
		}
		return "a warehouse that was imported, not " + id
	}
	if err := shelves(ctx, tx, n, out, known); err != nil {
		return err
	}
	if err := operators(ctx, tx, n, out, known); err != nil {
		return err
	}
	garments, err := tx.Garments(ctx)
	if err != nil {
		return err
	}
	for _, w := range warehouses {
		k.changed(tx, w.ID)
	}
	return tx.SaveGarments(ctx, changes(bulk.GarmentsFile, n.Garments, out, func(g bulk.Garment) string { return g.GTIN },
		func(g bulk.Garment) (bulk.Garment, bool) { was, has := garments[g.GTIN]; return was, has }, equal, anything))
}

func shelves(ctx context.Context, tx *store.Tx, n bulk.Rental, out *Imported, known func(string) string) error {
	all, err := tx.Shelves(ctx, "")
	if err != nil {
		return err
	}
	has := map[string]bulk.Shelf{}
	for _, s := range all {
		has[s.ID] = s
	}
	return tx.SaveShelves(ctx, changes(bulk.ShelvesFile, n.Shelves, out, func(s bulk.Shelf) string { return s.ID },
		func(s bulk.Shelf) (bulk.Shelf, bool) { was, ok := has[s.ID]; return was, ok }, equal,
		func(s bulk.Shelf) string { return known(s.WarehouseID) }))
}

// operators takes in badges. Of a PIN only what it is checked with is kept.
func operators(ctx context.Context, tx *store.Tx, n bulk.Rental, out *Imported, known func(string) string) error {
	all, err := tx.Operators(ctx, "")
	if err != nil {
		return err
	}
	has := map[string]store.Operator{}
	for _, o := range all {
		has[o.Badge] = o
	}
	rows := make([]bulk.Row[store.Operator], len(n.Operators))
	for i, r := range n.Operators {
		rows[i] = bulk.Row[store.Operator]{Line: r.Line, V: operatorOf(r.V)}
	}
	return tx.SaveOperators(ctx, changes(bulk.OperatorsFile, rows, out, func(o store.Operator) string { return o.Badge },
		func(o store.Operator) (store.Operator, bool) { was, ok := has[o.Badge]; return was, ok }, store.Operator.Same,
		func(o store.Operator) string { return known(o.Warehouse) }))
}

func operatorOf(o bulk.Operator) store.Operator {
	to := store.Operator{Badge: o.Badge, Warehouse: o.WarehouseID, Salt: []byte{}, Check: []byte{}, Steps: o.Steps}
	if o.PIN != "" { // the salt need not be secret, and stays the same, so that a file that is imported again changes nothing
		h := sha256.Sum256([]byte("meguri badge\x00" + o.Badge))
		to.Salt = h[:16]
		to.Check = protocol.CheckPIN(o.PIN, to.Salt)
	}
	return to
}

// items registers pieces. One with a shelf is taken into stock as inspected and put away there: the stock that a warehouse begins with.
func (k *Keeper) items(ctx context.Context, tx *store.Tx, rows []bulk.Row[bulk.RentalItem], by string, now time.Time, out *Imported) error {
	known, err := tx.Warehouses(ctx)
	if err != nil {
		return err
	}
	garments, err := tx.Garments(ctx)
	if err != nil {
		return err
	}
	places, err := tx.Shelves(ctx, "")
	if err != nil {
		return err
	}
	shelfOf := map[string]string{}
	for _, s := range places {
		shelfOf[s.ID] = s.WarehouseID
	}
	ids := make([]string, len(rows))
	for n, r := range rows {
		ids[n] = r.V.ID
	}
	has, err := tx.KnownPieces(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		_, warehouse := known[r.V.WarehouseID]
		_, garment := garments[r.V.GTIN]
		why := ""
		switch {
		case !warehouse:
			why = "a warehouse that was imported, not " + r.V.WarehouseID
		case !garment:
			why = "a piece of a garment that was imported, not " + r.V.GTIN
		case r.V.Shelf != "" && shelfOf[r.V.Shelf] != r.V.WarehouseID:
			why = "a shelf of " + r.V.WarehouseID + ", not " + r.V.Shelf
		case r.V.Shelf != "" && r.V.Grade == int64(protocol.GradeD):
			why = "a grade that may be let, or no shelf"
		}
		outcome := bulk.RowSame
		switch {
		case why != "":
			outcome, why = bulk.RowRefused, bulk.Problem{File: bulk.RentalItemsFile, Row: r.Line, Want: why}.Error()
		case !has[r.V.ID]:
			outcome = bulk.RowNew
			_, scanned := has[r.V.ID]
			if err := k.intake(ctx, tx, r.V, scanned, by, now); err != nil {
				return fmt.Errorf("row %d: %w", r.Line, err)
			}
		}
		out.add(bulk.RentalItemsFile, r.Line, r.V.ID, outcome, why)
	}
	return nil
}

// intake registers a piece. One that was scanned before anybody had registered it has a history, which is folded with it.
func (k *Keeper) intake(ctx context.Context, tx *store.Tx, i bulk.RentalItem, scanned bool, by string, now time.Time) error {
	item := store.RentalItem{ID: i.ID, GTIN: i.GTIN, Warehouse: i.WarehouseID}
	steps := []rental.Event{{Step: protocol.StepRegister, Grade: protocol.Grade(i.Grade)}}
	if i.Shelf != "" {
		steps = append(steps, rental.Event{Step: protocol.StepInspectIn, Conformant: true}, rental.Event{Step: protocol.StepPutAway, Place: i.Shelf})
	}
	var err error
	for n, e := range steps {
		e.Number, e.At, e.Operator, e.Verdict = uint64(n)+1, now.Add(time.Duration(n)*time.Millisecond), by, protocol.VerdictAccept
		one := store.RentalEvent{Item: i.ID, Event: e, Recorded: now}
		if scanned {
			_, err = k.record(ctx, tx, i.WarehouseID, one)
		} else {
			item, _, err = k.extend(ctx, tx, item, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// orders takes in customers' orders.
func (k *Keeper) orders(ctx context.Context, tx *store.Tx, rows []bulk.Row[bulk.RentalOrder], by string, now time.Time, out *Imported) error {
	known, err := tx.Warehouses(ctx)
	if err != nil {
		return err
	}
	garments, err := tx.Garments(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		outcome, why := bulk.RowNew, ""
		if _, ok := known[r.V.WarehouseID]; !ok {
			why = "a warehouse that was imported, not " + r.V.WarehouseID
		}
		for _, l := range r.V.Lines {
			if _, ok := garments[l.GTIN]; !ok {
				why = "garments that were imported, not " + l.GTIN
			}
		}
		if why != "" {
			out.add(bulk.RentalOrdersFile, r.Line, r.V.ID, bulk.RowRefused, bulk.Problem{File: bulk.RentalOrdersFile, Row: r.Line, Want: why}.Error())
			continue
		}
		added, err := k.AddOrder(ctx, tx, r.V, by, now)
		if err != nil {
			return fmt.Errorf("row %d: %w", r.Line, err)
		}
		if !added {
			outcome = bulk.RowSame
		}
		out.add(bulk.RentalOrdersFile, r.Line, r.V.ID, outcome, "")
	}
	return nil
}

// AddOrder adds a customer's order with its styling; ok is false when there is one of that id, which stays as it is.
func (k *Keeper) AddOrder(ctx context.Context, tx *store.Tx, o bulk.RentalOrder, by string, now time.Time) (ok bool, err error) {
	lines := make([]store.RentalLine, len(o.Lines))
	for n, l := range o.Lines {
		lines[n] = store.RentalLine{GTIN: l.GTIN, Chosen: l.ItemID}
	}
	return tx.AddRentalOrder(ctx, store.RentalOrder{ID: o.ID, Customer: o.CustomerID, Warehouse: o.WarehouseID, ShipDate: o.ShipDate, Made: now, By: by}, lines)
}
