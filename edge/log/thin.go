package log

import (
	"math"

	"meguri/protocol"
)

// passBytes is how many bytes of readings one transaction goes through to make room. What that leaves too much, the next ones
// find.
const passBytes = 512 << 10

// maxNotes is how many records one pass writes about what was dropped.
const maxNotes = 8

// limitReadings drops so many of the oldest readings that one more of so many bytes keeps within all limits.
func (tx *Tx) limitReadings(more int64) error {
	if err := tx.limitAge(); err != nil {
		return err
	}
	s := &tx.position.Readings
	if most := uint64(tx.room.maxReadings); most > 0 && s.Next-s.First >= most {
		p := pass{tx: tx, reason: protocol.ThinCount, records: most - most/16 - 1, bytes: math.MaxInt64}
		if err := p.run(); err != nil {
			return err
		}
	}
	share := tx.room.readingsShare(tx.position)
	if s.Bytes+more <= share {
		return nil
	}
	return tx.thin(share - more)
}

// limitAge drops readings that are too old, some at a time: records of an alarm that are kept would else be moved with each
// new reading.
func (tx *Tx) limitAge() error {
	if tx.room.maxAge <= 0 || tx.stamp.Quality == protocol.WallUnset {
		return nil
	}
	oldest := tx.stamp.Wall - tx.room.maxAge.Milliseconds()
	if oldest <= tx.position.Aged+tx.room.maxAge.Milliseconds()/16 && tx.position.Aged <= oldest {
		return nil
	}
	p := pass{tx: tx, reason: protocol.ThinAge, before: oldest, bytes: math.MaxInt64}
	if err := p.run(); err != nil {
		return err
	}
	if !p.cut {
		tx.position.Aged = oldest
	}
	return nil
}

// makeRoom drops so many of the oldest readings that need more bytes of events or state fit.
func (tx *Tx) makeRoom(need int64) error {
	if excess := tx.room.excess(tx.position, need); excess > 0 {
		return tx.thin(tx.position.Readings.Bytes - excess)
	}
	return nil
}

// thin drops the oldest readings until all of them take at most target bytes. It drops some more, so that a full log is not
// thinned again by the next reading.
func (tx *Tx) thin(target int64) error {
	p := pass{tx: tx, reason: protocol.ThinShare, bytes: max(0, target-target/16)}
	return p.run()
}

// pass takes readings from the front of the log until its limits hold. What was taken in an alarm goes to the back, whole; for
// the others there is a record that says what is left of them. Exactly the numbers that are gone from the front are those that
// the passes' records name.
type pass struct {
	tx     *Tx
	reason protocol.ThinReason

	// Limits.
	bytes   int64  // of all readings, at most
	records uint64 // at most; 0 for no limit
	before  int64  // wall time of what is too old; 0 for no limit

	notes []*thinned // the first is for this pass's reason
	kept  []protocol.Record
	size  int64 // of kept
	cut   bool  // it went through enough for one transaction
}

func (p *pass) run() error {
	s := &p.tx.position.Readings
	p.notes = []*thinned{{Thinned: protocol.Thinned{Reason: p.reason}}}
	held, end := s.Bytes, s.Next
	for s.First < end {
		r, ok := p.first()
		if p.enough(r, ok) {
			break
		}
		if p.cut = held-s.Bytes >= passBytes && s.Bytes+p.size-p.bytes < p.tx.room.total/32; p.cut {
			break
		}
		if err := p.take(r, ok); err != nil {
			return err
		}
	}
	return p.write()
}

// first reads the oldest reading, and gives false when it is damaged.
func (p *pass) first() (protocol.Record, bool) {
	key := numberKey(p.tx.position.Readings.First)
	_, record, ok := unsealRecord(bucketReadings, key, bucket(p.tx.bolt, bucketReadings).Get(key))
	if !ok {
		return protocol.Record{}, false
	}
	r, err := protocol.DecodeRecord(record)
	return r, err == nil
}

func (p *pass) enough(r protocol.Record, ok bool) bool {
	s := &p.tx.position.Readings
	if p.before != 0 {
		// The age of what was recorded before the clock was set is not known.
		return ok && (r.Wall >= p.before || r.Quality == protocol.WallUnset)
	}
	notes := int64(0)
	for _, n := range p.notes {
		notes += n.cost()
	}
	records := s.Next - s.First + uint64(len(p.kept)+len(p.notes))
	return s.Bytes+p.size+notes <= p.bytes && (p.records == 0 || records <= p.records)
}

// take takes the oldest reading from the front.
func (p *pass) take(r protocol.Record, ok bool) error {
	tx, number := p.tx, p.tx.position.Readings.First
	before := tx.position.Readings.Bytes
	if err := tx.deleteFirst(protocol.Readings, number); err != nil {
		return err
	}
	p.notes[0].cover(number, number)
	if !ok {
		p.note(protocol.Thinned{From: number, To: number, Reason: protocol.ThinDamaged})
		return nil
	}
	body, err := protocol.DecodeEvent(r.Kind, r.Body)
	if err != nil {
		return nil // only its number is known
	}
	switch body := body.(type) {
	case protocol.Thinned:
		p.note(body)
	case protocol.Samples:
		p.notes[0].round(r.Wall, body.Samples)
	case protocol.Rounds:
		if body.Alarm && p.keeps() {
			p.kept, p.size = append(p.kept, r), p.size+before-tx.position.Readings.Bytes
			return nil
		}
		rounds, err := body.Split()
		if err != nil {
			return err
		}
		for _, round := range rounds {
			p.notes[0].round(r.Wall-round.Ago, round.Samples)
		}
	}
	return nil
}

// keeps says whether records of an alarm are kept: not the oldest when they alone are more than the limits allow.
func (p *pass) keeps() bool {
	a := p.tx.position.Alarms // without the one that was just taken, and those that are kept
	bytes, records := a.Bytes+p.size, a.Records+uint64(len(p.kept))
	return p.before != 0 || bytes <= p.bytes-p.bytes/8 && (p.records == 0 || records < p.records-p.records/8)
}

// note adds what an older record says was dropped. One for another reason stays apart, so that what is missing for which
// reason stays exact; there are few.
func (p *pass) note(t protocol.Thinned) {
	if t.Reason == p.reason {
		p.notes[0].merge(t)
		return
	}
	for i := len(p.notes) - 1; i > 0; i-- {
		if n := p.notes[i]; n.Reason == t.Reason && (n.To+1 == t.From || len(p.notes) >= maxNotes) {
			n.merge(t)
			return
		}
	}
	n := &thinned{Thinned: protocol.Thinned{Reason: t.Reason}}
	n.merge(t)
	p.notes = append(p.notes, n)
}

// write appends the records about what was dropped, and behind them what was kept of it, with the times at which it was taken.
func (p *pass) write() error {
	tx := p.tx
	if p.notes[0].To == 0 {
		return nil
	}
	for _, n := range p.notes {
		body, err := protocol.EncodeBody(n.Thinned)
		if err != nil {
			return err
		}
		record, err := tx.encode(protocol.Readings, protocol.KindThinned, body)
		if err != nil {
			return err
		}
		if _, err := tx.put(protocol.Readings, record); err != nil {
			return err
		}
	}
	for _, r := range p.kept {
		r.Number = tx.position.Readings.Next
		record, err := protocol.EncodeRecord(r)
		if err != nil {
			return err
		}
		tx.position.Alarms.add(record)
		if _, err := tx.put(protocol.Readings, record); err != nil {
			return err
		}
	}
	return nil
}

// inAlarm says whether the body of a Rounds record was taken in an alarm.
func inAlarm(body []byte) bool {
	var r struct {
		Alarm bool `cbor:"5,keyasint"`
	}
	return protocol.DecodeBody(body, &r) == nil && r.Alarm
}

func (t *tally) add(record []byte) { t.Records, t.Bytes = t.Records+1, t.Bytes+recordCost(len(record)) }

// remove takes a reading out of the count if it was taken in an alarm. With none in the log none is decoded.
func (t *tally) remove(record []byte) {
	if t.Records == 0 {
		return
	}
	r, err := protocol.DecodeRecord(record)
	if err != nil || r.Kind != protocol.KindRounds || !inAlarm(r.Body) {
		return
	}
	t.Records, t.Bytes = t.Records-1, max(0, t.Bytes-recordCost(len(record)))
}
