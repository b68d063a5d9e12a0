package rental

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"meguri/hub/alarm"
	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// refold tells a piece's whole history again with an occurrence that came late, or that nobody is sure about the order of. What was
// broken by the older view and is explained now is work no more; what is broken by the newer one becomes work.
func (k *Keeper) refold(ctx context.Context, tx *store.Tx, d done) (done, error) {
	before, err := tx.RentalHistory(ctx, d.before.ID)
	if err != nil {
		return d, err
	}
	d.history = append(slices.Clip(before), d.event)
	if d.now, d.breach, err = k.tell(ctx, tx, d.before, before, d.history, d.event); err != nil {
		return d, err
	}
	return d, tx.SaveRental(ctx, d.now)
}

// Redate gives a record a better time, and tells the histories again of the pieces and bags that it is about.
func (k *Keeper) Redate(ctx context.Context, tx *store.Tx, src Source) error {
	pieces, err := tx.PiecesOfEvent(ctx, src.Device, src.Number)
	if err != nil {
		return err
	}
	before := map[string][]store.RentalEvent{}
	for _, p := range pieces {
		if before[p], err = tx.RentalHistory(ctx, p); err != nil {
			return err
		}
	}
	if err := tx.MoveRentalEvents(ctx, src.Device, src.Number, pieces, src.At, src.Within); err != nil {
		return err
	}
	for _, p := range pieces {
		if err := k.retell(ctx, tx, src, p, before[p]); err != nil {
			return err
		}
	}
	e, found, err := tx.MoveBagEvent(ctx, src.Device, src.Number, src.At, src.Within)
	if err != nil || !found || !slices.Contains(bagMoves, e.Step) {
		return err
	}
	bag, _, err := tx.RentalBag(ctx, e.Bag)
	if err != nil {
		return err
	}
	return k.moveBag(ctx, tx, src.Warehouse, bag, e, pieces)
}

// retell tells one piece's history again, after a record of it got a better time.
func (k *Keeper) retell(ctx context.Context, tx *store.Tx, src Source, piece string, before []store.RentalEvent) error {
	item, err := tx.RentalItem(ctx, piece)
	if errors.Is(err, store.ErrNotFound) {
		return nil // nobody has registered it
	}
	if err != nil {
		return err
	}
	history, err := tx.RentalHistory(ctx, piece)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(history, func(e store.RentalEvent) bool { return e.Device == src.Device && e.Number == src.Number })
	if n < 0 {
		return nil
	}
	d := done{known: true, event: history[n], before: item, told: true, history: history}
	d.event.Recorded = src.Recorded
	if d.now, d.breach, err = k.tell(ctx, tx, item, before, history, store.RentalEvent{Event: rental.Event{Device: src.Device, Number: src.Number},
		Recorded: src.Recorded}); err != nil {
		return err
	}
	if err := tx.SaveRental(ctx, d.now); err != nil {
		return err
	}
	return k.settle(ctx, tx, d)
}

// key names an occurrence within a piece's history.
type key struct {
	device string
	number uint64
}

// tell folds a history from its beginning that was another one before, and keeps with each occurrence what it breaks now. It is told again
// because of the late one, whose breach it gives; when that has an item, it is not stored yet.
func (k *Keeper) tell(ctx context.Context, tx *store.Tx, item store.RentalItem, before, history []store.RentalEvent, late store.RentalEvent) (
	store.RentalItem, *rental.Breach, error) {
	events := eventsOf(history)
	stored := make(map[key]store.RentalEvent, len(history))
	for _, e := range history {
		stored[key{e.Device, e.Number}] = e
	}
	story := rental.Fold(events)
	_, strides := retold(item, eventsOf(before))
	for n := range strides {
		strides[n].Undone = true
	}
	now, anew := retold(item, events)
	if err := tx.AddStrides(ctx, append(strides, anew...)...); err != nil {
		return now, nil, err
	}
	judged := map[key]judgement{}
	for _, d := range story.Doubts {
		first := stepText(stored[key{d.First.Device, d.First.Number}])
		judged[key{d.Second.Device, d.Second.Number}] = judgement{rule: Doubt, why: alarm.Text{
			EN: "it is not known whether this was before or after " + first.EN, JA: "次との前後関係が不明です：" + first.JA}}
	}
	for _, b := range story.Breaches {
		judged[key{b.Event.Device, b.Event.Number}] = judgement{rule: string(b.Rule), why: whyOf(b.Breach), breach: &b.Breach}
	}
	now.Breaches = len(judged)
	for _, e := range rental.Ordered(events) {
		at := key{e.Device, e.Number}
		was := stored[at]
		isNew := late.Item != "" && at == key{late.Device, late.Number}
		if err := k.judge(ctx, tx, now, was, judged[at], late, isNew); err != nil {
			return now, nil, err
		}
	}
	return now, judged[key{late.Device, late.Number}].breach, nil
}

// judgement is what an occurrence breaks; the zero one is nothing.
type judgement struct {
	rule   string
	why    alarm.Text
	breach *rental.Breach // nil for a doubt
}

// Doubt is what stands in a history in the place of a rule where the order of two occurrences is not known, and matters.
const Doubt = "the order of two scans is not known"

// judge keeps a judgement of an occurrence, where it is another one than before.
func (k *Keeper) judge(ctx context.Context, tx *store.Tx, item store.RentalItem, was store.RentalEvent, j judgement, late store.RentalEvent, isNew bool) error {
	before := was.Breach
	was.Breach, was.Why = j.rule, j.why.EN
	if isNew {
		if err := tx.AddRentalEvent(ctx, was); err != nil {
			return err
		}
		before = ""
	} else if before != j.rule {
		if err := tx.JudgeRentalEvent(ctx, was); err != nil {
			return err
		}
	}
	if before == j.rule {
		return nil
	}
	if before != "" {
		if err := tx.SettleWorkWhy(ctx, eventWork(was), "it is explained by what was heard later: "+lateText(late), late.Recorded); err != nil {
			return err
		}
	}
	switch {
	case j.rule == "":
		return nil
	case j.breach == nil:
		return tx.AgainWork(ctx, eventWork(was), WorkDoubt, item.ID, say("%s: %s", "%s：%s", stepText(was), j.why), was.Recorded)
	}
	return k.look(ctx, tx, item, was, *j.breach)
}

func eventsOf(history []store.RentalEvent) []rental.Event {
	events := make([]rental.Event, len(history))
	for n, e := range history {
		events[n] = e.Event
	}
	return events
}

// retold folds events for what Fold does not tell: since when the piece is where it is, how often it has come back, and how long it
// stayed where it was.
func retold(item store.RentalItem, events []rental.Event) (now store.RentalItem, strides []store.Stride) {
	now = item
	now.Item, now.Turns, now.Folded, now.Since = rental.Item{}, 0, store.Folded{}, time.Time{}
	for _, e := range rental.Ordered(events) {
		before := now
		at := e.At
		if at.Before(before.Folded.At) {
			at = before.Folded.At
		}
		now.Item, _ = rental.Apply(now.Item, e)
		now.Follow(at, before)
		if now.Custody != before.Custody {
			strides = append(strides, strideOf(before, now))
		}
		now.Folded = store.Folded{At: at, Within: reach(before.Folded, at, e.Within), Device: e.Device, Number: e.Number}
		if e.Device == "" {
			now.Acts = max(now.Acts, e.Number)
		}
	}
	return now, strides
}

// lateText is why a history is told again.
func lateText(e store.RentalEvent) string {
	if e.Item == "" {
		return "a scan's time is better known"
	}
	return stepText(e).EN
}

var stepNames = []string{protocol.StepRegister: "register", protocol.StepInspectIn: "inspect_in", protocol.StepPutAway: "put_away",
	protocol.StepPick: "pick", protocol.StepPack: "pack", protocol.StepUnpack: "unpack", protocol.StepShip: "ship", protocol.StepVoidShip: "void_ship",
	protocol.StepDeliver: "deliver", protocol.StepSendBack: "send_back", protocol.StepReceive: "receive", protocol.StepInspectReturn: "inspect_return",
	protocol.StepClean: "clean", protocol.StepCleaned: "cleaned", protocol.StepRepair: "repair", protocol.StepRepaired: "repaired",
	protocol.StepInspectFinal: "inspect_final", protocol.StepQuarantine: "quarantine", protocol.StepCount: "count", protocol.StepMiss: "miss",
	protocol.StepSell: "sell", protocol.StepRetire: "retire"}

// StepName is a step as commands and the API name it.
func StepName(s protocol.Step) string {
	if int(s) < len(stepNames) && stepNames[s] != "" {
		return stepNames[s]
	}
	return fmt.Sprintf("step %d", s)
}

// StepByName is the step of a name; ok is false when there is none.
func StepByName(name string) (protocol.Step, bool) {
	n := slices.Index(stepNames, name)
	return protocol.Step(max(n, 0)), n > 0
}

// ActName is an act on a promise as the API names it.
func ActName(a rental.Act) string {
	return map[rental.Act]string{rental.Allocate: "allocate", rental.Release: "release"}[a]
}

var custodyNames = map[protocol.Custody]string{0: "unregistered", protocol.Registered: "registered", protocol.InspectedIn: "inspected_in",
	protocol.Shelved: "shelved", protocol.Picked: "picked", protocol.Packed: "packed", protocol.Unpacked: "unpacked",
	protocol.InTransitOut: "in_transit_out", protocol.OnRent: "on_rent", protocol.InTransitBack: "in_transit_back",
	protocol.ReturnReceived: "return_received", protocol.ReturnInspected: "return_inspected", protocol.Cleaning: "cleaning",
	protocol.Repairing: "repairing", protocol.FinalInspected: "final_inspected", protocol.Quarantined: "quarantined",
	protocol.Missing: "missing", protocol.Sold: "sold", protocol.Retired: "retired"}

// CustodyName is a state of custody as the API names it.
func CustodyName(c protocol.Custody) string {
	if name, ok := custodyNames[c]; ok {
		return name
	}
	return fmt.Sprintf("custody %d", c)
}

// clean makes a device's text one that any database and screen can hold.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
