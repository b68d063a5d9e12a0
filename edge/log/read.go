package log

import (
	"bytes"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// deleteChunk is how many records one transaction deletes.
const deleteChunk = 4096

// Positions says which numbers each log holds.
func (l *Log) Positions() ([]protocol.Position, error) {
	if err := l.acquire(); err != nil {
		return nil, err
	}
	defer l.mu.RUnlock()
	p := l.committed()
	var all []protocol.Position
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		s := p.of(id)
		all = append(all, protocol.Position{Log: id, First: s.First, Next: s.Next, Before: s.Before})
	}
	return all, nil
}

// Read gives consecutive records of a log, from the number from or, where that was deleted, from the first that is held:
// at most maxRecords, and at most maxBytes of them together but always one. It always fits into a message. Records is
// empty when there is none. A damaged record ends the batch before it; when it is the first the error is a *DamagedError,
// and SetAside gets it out of the way.
func (l *Log) Read(id protocol.LogID, from uint64, maxRecords, maxBytes int) (protocol.Batch, error) {
	if err := checkLog(id); err != nil {
		return protocol.Batch{}, err
	}
	maxRecords = min(maxRecords, protocol.MaxBatchRecords)
	maxBytes = min(maxBytes, protocol.MaxPayload-256)
	var b protocol.Batch
	err := l.read(func(tx *bolt.Tx) error {
		return guard(func() error {
			var p position
			if err := getMeta(tx, keyPosition, &p); err != nil {
				return err
			}
			s := p.of(id)
			b = protocol.Batch{Incarnation: l.life.Incarnation, Log: id, First: max(from, s.First)}
			if b.First >= s.Next {
				b.Before = s.Last
				return nil
			}
			if b.First == s.First {
				b.Before = s.Before
			}
			maxRecords = int(min(uint64(max(maxRecords, 0)), s.Next-b.First))
			return readBatch(bucket(tx, bucketOf(id)), &b, b.First > s.First, maxRecords, maxBytes)
		})
	})
	if err != nil {
		return protocol.Batch{}, fmt.Errorf("read %s from %d: %w", id, from, err)
	}
	return b, nil
}

func readBatch(records *bolt.Bucket, b *protocol.Batch, hasBefore bool, maxRecords, maxBytes int) error {
	const head = 3 // bytes that CBOR puts before a record
	c := records.Cursor()
	if hasBefore {
		// Each record's value begins with the running hash after it; Seek and Next walk the tree once for both.
		if k, value := c.Seek(numberKey(b.First - 1)); bytes.Equal(k, numberKey(b.First-1)) {
			b.Before, _ = hashAfter(value)
		}
	}
	size := 0
	for k, value := c.Seek(numberKey(b.First)); len(b.Records) < maxRecords; k, value = c.Next() {
		number := b.First + uint64(len(b.Records))
		if k == nil && len(b.Records) > 0 {
			return nil
		}
		_, record, ok := unsealRecord(bucketOf(b.Log), numberKey(number), value)
		if !ok || !bytes.Equal(k, numberKey(number)) {
			if len(b.Records) > 0 {
				return nil
			}
			return &DamagedError{Log: b.Log, Number: number}
		}
		size += len(record) + head
		if size > maxBytes && len(b.Records) > 0 {
			return nil
		}
		b.Records = append(b.Records, append([]byte(nil), record...))
	}
	return nil
}

// DeleteUpTo deletes the records of a log up to and with number, which the hub has said is safe. What was deleted before
// is no error; a number that was never given out is, and then nothing is deleted.
func (l *Log) DeleteUpTo(id protocol.LogID, number uint64) error {
	if err := checkLog(id); err != nil {
		return err
	}
	full := false
	for {
		first, err := l.deleteSome(id, number)
		if errors.Is(err, ErrFull) && !full {
			full = true
			if err = l.giveUpBallast(); err == nil {
				continue
			}
		}
		if err == nil && first > number {
			if full {
				err = l.takeBallast()
			}
			if err == nil {
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("delete %s up to %d: %w", id, number, err)
		}
	}
}

// deleteSome deletes a chunk and gives the first number that is left.
func (l *Log) deleteSome(id protocol.LogID, number uint64) (first uint64, err error) {
	if p := l.committed(); p.of(id).First > number {
		return p.of(id).First, nil
	}
	err = l.Update(Stamp{}, func(tx *Tx) error {
		s := tx.position.of(id)
		first = s.First
		if number >= s.Next {
			return fmt.Errorf("the next number is %d", s.Next)
		}
		return tx.change(func() error {
			last := min(number, s.First+deleteChunk-1)
			if err := tx.deleteFirst(id, last); err != nil {
				return err
			}
			first = s.First
			return nil
		})
	})
	return first, err
}

// deleteFirst deletes from the first record to last.
func (tx *Tx) deleteFirst(id protocol.LogID, last uint64) error {
	s := tx.position.of(id)
	name := bucketOf(id)
	records := bucket(tx.bolt, name)
	for ; s.First <= last; s.First++ {
		key := numberKey(s.First)
		value := records.Get(key)
		if after, ok := hashAfter(value); ok {
			s.Before = after
		}
		if id == protocol.Readings {
			if _, record, ok := unsealRecord(name, key, value); ok {
				tx.position.Alarms.remove(record)
			}
		}
		s.Bytes = max(0, s.Bytes-storedRecordCost(value))
		if err := records.Delete(key); err != nil {
			return err
		}
	}
	if s.First == s.Next {
		s.Before, s.Bytes = s.Last, 0
		if id == protocol.Readings {
			tx.position.Alarms = tally{}
		}
	}
	return nil
}
