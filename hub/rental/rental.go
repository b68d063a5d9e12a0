// Package rental keeps a rental warehouse: it folds what scanners have recorded into what is so of each piece, makes and takes back
// promises, follows bags, and says what a person has to look at. The rules of the round are internal/rental's; this is how they meet the
// hub's data. It needs no device and no broker: what is done is an argument, and so is when. DESIGN.md has the reasons.
package rental

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/bulk"
	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Source says who recorded something, and when it happened.
type Source struct {
	Device    string // with its incarnation: store.DeviceLife
	Number    uint64
	Warehouse string // that the device serves
	At        time.Time
	Within    time.Duration // At may be off so much either way
	Recorded  time.Time     // when the hub heard of it
	Clock     time.Time     // what the device's own clock said then, however wrong; zero where that is not known
}

// mostSpan is the longest that one piece of work lasts: more is a clock that was set meanwhile.
const mostSpan = 12 * time.Hour

// since is when something began that was done at src.At, by what the device's own clock said then. What the clock is wrong by is wrong at
// both ends, so only the time between is believed.
func (src Source) since(begun time.Time) time.Time {
	clock := src.Clock
	if clock.IsZero() {
		clock = src.At
	}
	return src.At.Add(-min(max(clock.Sub(begun), 0), mostSpan))
}

// ErrNoPiece is a code that is no SGTIN.
var ErrNoPiece = errors.New("no piece of ours")

// ErrNoWarehouse is a piece that is registered by a scanner that serves no rental warehouse.
var ErrNoWarehouse = errors.New("no rental warehouse")

// Keeper takes in what was done.
type Keeper struct {
	// Changed is told of each warehouse whose scanners may need other lists, inside the transaction. Nil is nobody.
	Changed func(tx *store.Tx, warehouse string)
}

func (k *Keeper) changed(tx *store.Tx, warehouse string) {
	if k.Changed != nil {
		k.Changed(tx, warehouse)
	}
}

// Item takes in a step that was done to a piece. Whatever it breaks, it is in the piece's history.
func (k *Keeper) Item(ctx context.Context, tx *store.Tx, src Source, b protocol.ItemScanned) error {
	id, _, err := bulk.SGTIN(b.Item)
	if err != nil {
		return fmt.Errorf("%w: %.80q is not %v", ErrNoPiece, b.Item, err)
	}
	e := store.RentalEvent{Item: id, Event: bounded(rental.Scanned(b)), Recorded: src.Recorded, Told: short(b.Rule)}
	src.stamp(&e)
	if e.Bag, err = named(ctx, tx, src, e.Bag); err != nil {
		return err
	}
	done, err := k.record(ctx, tx, src.Warehouse, e)
	if err == nil && done.known && done.now.Warehouse != src.Warehouse {
		err = k.elsewhere(ctx, tx, src, done)
	}
	if err != nil || !done.known {
		return err
	}
	switch b.Step {
	case protocol.StepInspectIn, protocol.StepInspectReturn, protocol.StepInspectFinal:
		return k.mould(ctx, tx, done)
	}
	return nil
}

// elsewhere has a person look at a piece that was scanned in another warehouse than its own. Who serves no warehouse has nothing to say of
// any piece.
func (k *Keeper) elsewhere(ctx context.Context, tx *store.Tx, src Source, d done) error {
	there, err := tx.HasWarehouse(ctx, src.Warehouse)
	if err == nil && !there {
		err = fmt.Errorf("%w: %s", ErrNoWarehouse, src.Warehouse)
	}
	if err != nil {
		return err
	}
	return tx.AgainWork(ctx, eventWork(d.event), WorkRule, d.now.ID, say("it belongs to warehouse %s, and %s at %s: send it back, or have "+
		"it registered there", "倉庫 %s の個体です。倉庫 %[3]s で%[2]s。送り返すか、そちらで登録してください", d.now.Warehouse, stepText(d.event), src.Warehouse), d.event.At)
}

func (src Source) stamp(e *store.RentalEvent) {
	e.Device, e.Number, e.At, e.Within = src.Device, src.Number, src.At, src.Within
}

// Bounds of what a device says, in bytes: a record is bounded as a whole, and a column of a page is not.
const maxText = 200

func short(text string) string { return clean(text, maxText) }

// bounded keeps what a device says within what is kept of it.
func bounded(e rental.Event) rental.Event {
	for _, text := range []*string{&e.Operator, &e.Place, &e.Bag, &e.Order, &e.Batch, &e.Reason} {
		*text = short(*text)
	}
	if len(e.Damages) > protocol.MaxDamages {
		e.Damages = e.Damages[:protocol.MaxDamages]
	}
	e.Damages = slices.Clone(e.Damages)
	for n, d := range e.Damages {
		e.Damages[n] = protocol.Damage{Kind: short(d.Kind), Place: short(d.Place), Photo: short(d.Photo)}
	}
	return e
}

// done is a piece before and after an occurrence.
type done struct {
	known       bool // the piece is registered with us
	event       store.RentalEvent
	breach      *rental.Breach // of the occurrence, by all that is known; nil for none
	before, now store.RentalItem
	told        bool                // the whole history was told again
	history     []store.RentalEvent // that was told, when it was
}

// counts says that the occurrence has done what it says.
func (d done) counts() bool { return d.breach == nil || d.breach.Effect == rental.Told }

// record adds an occurrence to a piece's history and folds it in.
func (k *Keeper) record(ctx context.Context, tx *store.Tx, warehouse string, e store.RentalEvent) (done, error) {
	item, err := tx.RentalItem(ctx, e.Item)
	fresh := errors.Is(err, store.ErrNotFound)
	if fresh {
		item, err = k.begin(ctx, tx, warehouse, e)
		if err == nil && item.ID == "" {
			return done{event: e}, nil
		}
	}
	if err != nil {
		return done{}, err
	}
	d := done{known: true, event: e, before: item}
	if d.told = fresh || !follows(item, e); d.told {
		d, err = k.refold(ctx, tx, d)
	} else {
		d.now, d.breach, err = k.extend(ctx, tx, item, e)
	}
	if err != nil {
		return d, err
	}
	return d, k.settle(ctx, tx, d)
}

// begin makes the row of a piece that is registered now. A piece that nobody has registered yet keeps its history, and a person is
// told: it may be another company's, or its registration may come with another device's log. Then what it was waits in its history.
func (k *Keeper) begin(ctx context.Context, tx *store.Tx, warehouse string, e store.RentalEvent) (store.RentalItem, error) {
	_, gtin, err := bulk.SGTIN(e.Item)
	if err != nil {
		return store.RentalItem{}, err
	}
	known, err := tx.HasGarment(ctx, gtin)
	if err != nil {
		return store.RentalItem{}, err
	}
	if known && e.Step == protocol.StepRegister {
		if there, err := tx.HasWarehouse(ctx, warehouse); err != nil || !there {
			return store.RentalItem{}, errors.Join(err, fmt.Errorf("%w: %s", ErrNoWarehouse, warehouse))
		}
		return store.RentalItem{ID: e.Item, GTIN: gtin, Warehouse: warehouse}, tx.SettleWorkWhy(ctx, unregisteredWork(e.Item),
			"it is registered by now", e.Recorded)
	}
	kind, detail := WorkUnregistered, say("nobody has registered this piece, and %s", "登録されていない個体です：%s", stepText(e))
	if !known {
		kind, detail = WorkForeign, say("no garment of ours has this GTIN, and %s", "この GTIN の商品は登録されていません：%s", stepText(e))
	}
	e.Breach, e.Why = string(rental.Unregistered), "register it first"
	if err := tx.AddRentalEvent(ctx, e); err != nil {
		return store.RentalItem{}, err
	}
	return store.RentalItem{}, tx.AgainWork(ctx, unregisteredWork(e.Item), kind, e.Item, detail, e.At)
}

// follows says that an occurrence comes after all that a piece is folded up to, and that nobody can doubt it.
func follows(i store.RentalItem, e store.RentalEvent) bool {
	f := i.Folded
	return (e.Device != f.Device || e.Number > f.Number) && e.At.Sub(f.At) > e.Within+f.Within
}

// reach is how far beyond a time any of the events until then may have happened: an earlier one whose device hardly knew the time may
// still be in doubt when the one before it is not.
func reach(f store.Folded, at time.Time, within time.Duration) time.Duration {
	return max(within, f.At.Add(f.Within).Sub(at))
}

// extend folds an occurrence that comes last.
func (k *Keeper) extend(ctx context.Context, tx *store.Tx, item store.RentalItem, e store.RentalEvent) (store.RentalItem, *rental.Breach, error) {
	now := item
	at := e.At
	if at.Before(item.Folded.At) { // a clock that was set back does not turn a device's own order round
		at = item.Folded.At
	}
	var breach *rental.Breach
	now.Item, breach = rental.Apply(item.Item, e.Event)
	now.Follow(at, item)
	now.Folded = store.Folded{At: at, Within: reach(item.Folded, at, e.Within), Device: e.Device, Number: e.Number}
	if e.Device == "" {
		now.Acts = max(now.Acts, e.Number)
	}
	if breach != nil {
		e.Breach, e.Why = string(breach.Rule), whyOf(*breach).EN
		now.Breaches++
		if err := k.look(ctx, tx, now, e, *breach); err != nil {
			return now, breach, err
		}
	}
	if err := tx.AddRentalEvent(ctx, e); err != nil {
		return now, breach, err
	}
	if now.Custody != item.Custody {
		if err := tx.AddStrides(ctx, strideOf(item, now)); err != nil {
			return now, breach, err
		}
	}
	return now, breach, tx.SaveRental(ctx, now)
}

// strideOf is a piece that goes from one state to another.
func strideOf(before, now store.RentalItem) store.Stride {
	stayed := now.Since.Truncate(time.Millisecond).Sub(before.Since.Truncate(time.Millisecond)) // as it is stored
	return store.Stride{Warehouse: now.Warehouse, At: now.Since, From: before.Custody, To: now.Custody, Stayed: stayed, Damaged: len(now.Damages) > 0}
}
