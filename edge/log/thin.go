package log

import (
	"meguri/protocol"
)

// makeRoom drops so many of the oldest readings that need more bytes of events or state fit.
func (tx *Tx) makeRoom(need int64) error {
	if excess := tx.room.excess(tx.position, need); excess > 0 {
		return tx.thin(tx.position.Readings.Bytes - excess)
	}
	return nil
}

// thin drops the oldest readings until all of them, with the record that says so, take at most target bytes. It drops some
// more, so that a full log is not thinned again by the next reading.
func (tx *Tx) thin(target int64) error {
	s := &tx.position.Readings
	var lost thinned
	target -= target/16 + 2*recordCost(maxThinnedRecord)
	for s.First < s.Next && s.Bytes > target {
		if err := tx.dropFirst(&lost); err != nil {
			return err
		}
	}
	if lost.To == 0 {
		return nil
	}
	body, err := protocol.EncodeBody(lost.Thinned)
	if err != nil {
		return err
	}
	record, err := tx.encode(protocol.Readings, protocol.KindThinned, body)
	if err != nil {
		return err
	}
	_, err = tx.put(protocol.Readings, record)
	return err
}

// maxThinnedRecord is more than any record of a protocol.Thinned takes.
const maxThinnedRecord = 200

// dropFirst drops the oldest reading and adds it to lost.
func (tx *Tx) dropFirst(lost *thinned) error {
	s := &tx.position.Readings
	b := bucket(tx.bolt, bucketReadings)
	key := numberKey(s.First)
	value := b.Get(key)
	after, ok := hashAfter(value)
	if !ok {
		after = s.Before
	}
	_, record, _ := unsealRecord(bucketReadings, key, value)
	lost.add(s.First, record)
	s.Bytes -= storedRecordCost(value)
	if err := b.Delete(key); err != nil {
		return err
	}
	s.First, s.Before = s.First+1, after
	if s.First == s.Next {
		s.Before, s.Bytes = s.Last, 0
	}
	return nil
}

// thinned adds up what is dropped.
type thinned struct {
	protocol.Thinned
	dated bool // FromWall holds a time
}

func (t *thinned) add(number uint64, record []byte) {
	if t.From == 0 {
		t.From = number
	}
	t.To = number
	r, err := protocol.DecodeRecord(record)
	if err != nil {
		return // damaged: only its number is known
	}
	body, err := protocol.DecodeEvent(r.Kind, r.Body)
	if err != nil {
		return
	}
	switch body := body.(type) {
	case protocol.Samples:
		t.span(r.Wall, r.Wall)
		for _, s := range body.Samples {
			if s.Fault == protocol.SensorOK {
				t.values(1, s.MilliC, s.MilliC)
			}
		}
	case protocol.Thinned:
		// What an older record stood for, this one stands for now.
		if body.From != 0 && body.From < t.From {
			t.From = body.From
		}
		t.span(body.FromWall, body.ToWall)
		t.values(body.Samples, body.MinMilliC, body.MaxMilliC)
	}
}

func (t *thinned) span(from, to int64) {
	if !t.dated {
		t.FromWall, t.ToWall, t.dated = from, to, true
		return
	}
	t.FromWall, t.ToWall = min(t.FromWall, from), max(t.ToWall, to)
}

func (t *thinned) values(n uint32, low, high int64) {
	if n == 0 {
		return
	}
	if t.Samples == 0 {
		t.MinMilliC, t.MaxMilliC = low, high
	}
	t.Samples += n
	t.MinMilliC, t.MaxMilliC = min(t.MinMilliC, low), max(t.MaxMilliC, high)
}
