package app

import (
	"errors"
	"fmt"
	"time"

	"meguri/edge/device/reader"
	edgelog "meguri/edge/log"
	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

// scannedInWarehouse is a scan of a rental warehouse's reader: decided, made durable, taken over, told. When it cannot be stored nothing
// has happened, and the person hears it.
func (a *agent) scannedInWarehouse(s reader.Scan) {
	if a.book.Plan.Position == "" {
		a.hardware.tell(a.cfg.Kit.Warehouse.Position, refusal, phrase.New(phrase.NoList), phrase.New(phrase.NoPlanYet))
		return
	}
	v := warehouse.Scan(a.handheld, a.book, a.scanText(s), a.now())
	next, take := a.staged(v)
	if err := a.commit(v.Records, next); err != nil {
		a.hardware.tell(a.cfg.Kit.Warehouse.Position, refusal, phrase.New(phrase.OutOfService), phrase.New(phrase.AskOK))
		return
	}
	take()
	a.hardware.tell(a.cfg.Kit.Warehouse.Position, v.Beeps(), v.Line, v.Next)
}

const refusal = 3 // beeps

func keyOfNotes(number int) string { return fmt.Sprintf("%s%03d", keyNotes, number) }

// staged is the state that a verdict has to make durable, and what takes it over then.
func (a *agent) staged(v warehouse.Verdict) (state map[string]any, take func()) {
	state = map[string]any{keyGoods: v.State}
	parts := a.book.Stage(v.Changes)
	for _, p := range parts {
		state[keyOfNotes(p.Number)] = p.Notes
	}
	var bags []warehouse.BagNote
	if len(v.Bags) > 0 {
		bags = a.book.StageBags(v.Bags)
		state[keyBags] = bags
	}
	return state, func() {
		a.handheld = v.State
		a.book.Take(parts...)
		if len(v.Bags) > 0 {
			a.book.TakeBags(bags)
		}
	}
}

// readNotes reads what was scanned since the lists were made. A part that cannot be read is named, and dropped: what it says is in the
// log, too.
func (a *agent) readNotes(tx *edgelog.Tx) (unread []string, err error) {
	var bags []warehouse.BagNote
	note := func(key string, to any) error {
		err := get(tx, key, to)
		if errors.Is(err, edgelog.ErrDamaged) || errors.Is(err, protocol.ErrMalformed) {
			unread = append(unread, key)
			return nil
		}
		return err
	}
	if err := note(keyBags, &bags); err != nil {
		return nil, err
	}
	a.book.TakeBags(bags)
	keys, err := tx.Keys(keyNotes)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		p := warehouse.Shard{}
		if _, err := fmt.Sscanf(key, keyNotes+"%d", &p.Number); err != nil {
			continue // of another version
		}
		if err := note(key, &p.Notes); err != nil {
			return nil, err
		}
		a.book.Take(p)
	}
	return unread, nil
}

// carryNotes hands what was scanned since over to the lists of a new plan, and adds what changes by it to the state that is stored with
// the plan. The book of the plan that is active stays as it is.
func (a *agent) carryNotes(p plan, state map[string]any) map[string]any {
	if a.cfg.Kit.Warehouse == nil {
		return state
	}
	parts, bags := p.book.Carry(a.book, a.handheld.Visit, func(at int64) bool { return a.hearing.before(at, p.manifest.MadeAt) })
	for _, part := range parts {
		if len(part.Notes) != a.book.Held(part.Number) {
			state[keyOfNotes(part.Number)] = part.Notes
		}
	}
	p.book.Take(parts...)
	p.book.TakeBags(bags)
	state[keyBags] = bags
	return state
}

// tickWarehouse signs off who has been away, and listens for what the hub has acknowledged.
func (a *agent) tickWarehouse() {
	if a.cfg.Kit.Warehouse == nil {
		return
	}
	a.listenForHub()
	v := warehouse.Tick(a.handheld, a.book, a.now())
	if len(v.Records) == 0 {
		return
	}
	state, take := a.staged(v)
	a.happened(v.Records, state)
	take()
	a.hardware.tell(a.cfg.Kit.Warehouse.Position, v.Beeps(), v.Line, v.Next)
}

// tellNext shows what to do next, after a start or when the lists have changed.
func (a *agent) tellNext() {
	if w := a.cfg.Kit.Warehouse; w != nil && a.book.Plan.Position != "" {
		a.hardware.show(w.Position, warehouse.Next(a.handheld, a.book), false)
	}
}

// hearing remembers until when the hub has heard of everything. A list that was made after that holds it.
type hearing struct {
	number uint64 // the next event at the moment
	at     int64  // Unix ms, which is waited for; 0 for none
	heard  []heard
}

// heard says that at a moment the hub had everything that happened until another.
type heard struct{ until, at int64 }

// Bounds of hearing.
const (
	maxHeard   = 64
	clockSlack = 2 * time.Second // between the hub's clock and this one, as far as the welcome keeps them together
)

// listenForHub looks how far the hub has acknowledged the events.
func (a *agent) listenForHub() {
	positions, err := a.log.Positions()
	if err != nil {
		return // said where something is written
	}
	p, now, h := positions[protocol.Events-1], a.now().UnixMilli(), &a.hearing
	switch {
	case p.Next < h.number: // the storage has begun anew
		h.at = 0
	case h.at != 0 && p.First < h.number:
		return
	}
	if h.at != 0 {
		h.heard = append(h.heard, heard{until: h.at, at: now})
		h.heard = h.heard[max(0, len(h.heard)-maxHeard):]
	}
	h.number, h.at = p.Next, now
}

// before says whether the hub had what happened at a moment when it made a list.
func (h hearing) before(at, madeAt int64) bool {
	for _, k := range h.heard {
		if at <= k.until && k.at+clockSlack.Milliseconds() < madeAt {
			return true
		}
	}
	return false
}
