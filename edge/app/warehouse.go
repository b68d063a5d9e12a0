package app

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meguri/edge/device/reader"
	edgelog "meguri/edge/log"
	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

// scannedInWarehouse is a scan of a rental warehouse's reader: decided, made durable, taken over, told. When it cannot be stored nothing
// has happened, and the person hears it with every scan, of those that are stored too, until OK is scanned: in a burst the next verdict comes
// before anybody has looked. That is kept in memory alone, for there is no storage for it.
func (a *agent) scannedInWarehouse(s reader.Scan) {
	if a.book.Plan.Position == "" {
		a.hardware.tell(a.cfg.Kit.Warehouse.Position, refusal, phrase.New(phrase.NoList), phrase.New(phrase.NoPlanYet))
		return
	}
	if a.unstored > 0 && warehouse.IsOK(a.scanText(s)) {
		a.unstored = 0
		a.hardware.tell(a.cfg.Kit.Warehouse.Position, 0, phrase.New(phrase.ErrorSeen), warehouse.Next(a.handheld, a.book))
		return
	}
	v := warehouse.Scan(a.handheld, a.book, a.scanText(s), a.now())
	next, take := a.staged(v)
	if err := a.commit(v.Records, next); err != nil {
		a.unstored++
	} else {
		take()
	}
	if a.unstored > 0 {
		a.hardware.tell(a.cfg.Kit.Warehouse.Position, refusal, a.lostScans(), phrase.New(phrase.AskOK))
		return
	}
	a.hardware.tell(a.cfg.Kit.Warehouse.Position, v.Beeps(), v.Line, v.Next)
}

const refusal = 3 // beeps

func keyOfNotes(number int) string { return fmt.Sprintf("%s%03d", keyNotes, number) }
func keyOfBags(number int) string  { return fmt.Sprintf("%s%03d", keyBags, number) }

// staged is the state that a verdict has to make durable, and what takes it over then.
func (a *agent) staged(v warehouse.Verdict) (state map[string]any, take func()) {
	state = map[string]any{keyGoods: v.State}
	parts := a.book.Stage(v.Changes)
	for _, p := range parts {
		state[keyOfNotes(p.Number)] = p.Notes
	}
	bags := a.book.StageBags(v.Bags)
	for _, p := range bags {
		state[keyOfBags(p.Number)] = p.Bags
	}
	return state, func() {
		a.handheld = v.State
		a.book.Take(parts...)
		a.book.TakeBags(bags...)
	}
}

// readNotes reads what was scanned since the lists were made. A part that cannot be read is named, and dropped: what it says is in the
// log, too.
func (a *agent) readNotes(tx *edgelog.Tx) (unread []string, err error) {
	err = eachPart(tx, keyNotes, &unread, func(number int, notes []warehouse.Note) {
		a.book.Take(warehouse.Shard{Number: number, Notes: notes})
	})
	if err != nil {
		return nil, err
	}
	err = eachPart(tx, keyBags, &unread, func(number int, bags []warehouse.BagNote) {
		a.book.TakeBags(warehouse.BagShard{Number: number, Bags: bags})
	})
	return unread, err
}

// eachPart reads the parts under a key, and adds those to unread that cannot be.
func eachPart[N any](tx *edgelog.Tx, under string, unread *[]string, take func(number int, notes []N)) error {
	keys, err := tx.Keys(under)
	if err != nil {
		return err
	}
	for _, key := range keys {
		var notes []N
		number, err := strconv.Atoi(strings.TrimPrefix(key, under))
		if err != nil {
			continue // of another version
		}
		switch err := get(tx, key, &notes); {
		case errors.Is(err, edgelog.ErrDamaged), errors.Is(err, protocol.ErrMalformed):
			*unread = append(*unread, key)
		case err != nil:
			return err
		default:
			take(number, notes)
		}
	}
	return nil
}

// carryNotes hands what was scanned since over to the lists of a new plan, and adds what changes by it to the state that is stored with
// the plan. The book of the plan that is active stays as it is.
func (a *agent) carryNotes(p plan, state map[string]any) map[string]any {
	if a.cfg.Kit.Warehouse == nil {
		return state
	}
	parts, bags := p.book.Carry(a.book, a.handheld, func(at int64) bool { return a.hearing.before(at, p.manifest.MadeAt) })
	for _, part := range parts {
		if !a.book.Holds(part) {
			state[keyOfNotes(part.Number)] = part.Notes
		}
	}
	for _, part := range bags {
		if !a.book.HoldsBags(part) {
			state[keyOfBags(part.Number)] = part.Bags
		}
	}
	p.book.Take(parts...)
	p.book.TakeBags(bags...)
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

// tellNext shows what to do next, after a start or when the lists have changed, and before it the error that nobody has seen.
func (a *agent) tellNext() {
	w := a.cfg.Kit.Warehouse
	if w == nil || a.book.Plan.Position == "" {
		return
	}
	switch v := warehouse.Facing(a.handheld, a.book); {
	case a.unstored > 0:
		a.hardware.tell(w.Position, 0, a.lostScans(), phrase.New(phrase.AskOK))
	case v.Is == protocol.VerdictRefuse:
		a.hardware.tell(w.Position, 0, v.Line, v.Next)
	default:
		a.hardware.show(w.Position, v.Next, false)
	}
}

// lostScans says how many scans could not be stored.
func (a *agent) lostScans() phrase.Phrase {
	return phrase.New(phrase.NotStored, strconv.FormatUint(uint64(a.unstored), 10))
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
