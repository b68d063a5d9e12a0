package log

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// Stamp is when something was recorded.
type Stamp struct {
	Mono    int64 // milliseconds since the boot, monotonic
	Wall    int64 // Unix milliseconds, as good as Quality says
	Quality protocol.WallQuality
}

// Tx is one transaction on both logs and the local state. It is valid inside the function it was given to, and used by
// one goroutine. Once a change has failed, the whole transaction fails with that error, whatever the function returns.
type Tx struct {
	bolt     *bolt.Tx
	life     life
	room     room
	stamp    Stamp
	group    *group // nil when it may only read
	position position
	appended [2]bool // to the events, the readings
	changed  bool
	failed   error
}

// Append adds a record with this body to its log (see Of) and gives its number. When an event finds no room the error is
// ErrFull; a reading always finds room, if need be by dropping the oldest readings (a protocol.Thinned record then comes
// before it).
func (tx *Tx) Append(b protocol.Body) (uint64, error) {
	var number uint64
	err := tx.change(func() error {
		body, err := protocol.EncodeBody(b)
		if err != nil {
			return err
		}
		if Of(b) == protocol.Readings {
			number, err = tx.appendReading(b.Kind(), body)
		} else {
			number, err = tx.appendEvent(b.Kind(), body)
		}
		return err
	})
	return number, err
}

func (tx *Tx) appendEvent(kind protocol.Kind, body []byte) (uint64, error) {
	record, err := tx.encode(protocol.Events, kind, body)
	if err != nil {
		return 0, err
	}
	cost := recordCost(len(record))
	if left := tx.room.forEvents(tx.position); cost > left {
		return 0, fmt.Errorf("append event: %w: %d bytes, %d left", ErrFull, cost, max(0, left))
	}
	if err := tx.makeRoom(cost); err != nil {
		return 0, err
	}
	return tx.put(protocol.Events, record)
}

func (tx *Tx) appendReading(kind protocol.Kind, body []byte) (uint64, error) {
	record, err := tx.encode(protocol.Readings, kind, body)
	if err != nil {
		return 0, err
	}
	before := tx.position.Readings.Next
	if err := tx.limitReadings(recordCost(len(record))); err != nil {
		return 0, err
	}
	if tx.position.Readings.Next != before {
		// Thinning took numbers.
		if record, err = tx.encode(protocol.Readings, kind, body); err != nil {
			return 0, err
		}
	}
	if kind == protocol.KindRounds && inAlarm(body) {
		tx.position.Alarms.add(record)
	}
	return tx.put(protocol.Readings, record)
}

// encode gives the bytes of the next record of a log.
func (tx *Tx) encode(l protocol.LogID, kind protocol.Kind, body []byte) ([]byte, error) {
	return protocol.EncodeRecord(protocol.Record{
		Number: tx.position.of(l).Next, Boot: tx.life.Boot,
		Mono: tx.stamp.Mono, Wall: tx.stamp.Wall, Quality: tx.stamp.Quality,
		Kind: kind, Body: body,
	})
}

// put stores the next record of a log.
func (tx *Tx) put(l protocol.LogID, record []byte) (uint64, error) {
	s := tx.position.of(l)
	number := s.Next
	after := s.Last.Next(record)
	if err := putRecord(tx.bolt, l, number, after, record); err != nil {
		return 0, err
	}
	s.Next, s.Last, s.Bytes = number+1, after, s.Bytes+recordCost(len(record))
	tx.appended[l-protocol.Events] = true
	return number, nil
}

// recordsFill is how full bbolt leaves a page of records. Numbers only rise: one that is left behind is never inserted into.
const recordsFill = 0.95

func putRecord(btx *bolt.Tx, l protocol.LogID, number uint64, after protocol.Hash, record []byte) error {
	b := bucket(btx, bucketOf(l))
	b.FillPercent = recordsFill
	key := numberKey(number)
	return b.Put(key, seal(bucketOf(l), key, after[:], record))
}

// change runs one change of the transaction and keeps its error.
func (tx *Tx) change(f func() error) error {
	if tx.failed != nil {
		return tx.failed
	}
	if tx.group == nil {
		return errReadOnly
	}
	tx.changed = true
	tx.failed = guard(f)
	return tx.failed
}
