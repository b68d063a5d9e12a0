package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// renewChunk is how many values one transaction copies.
const renewChunk = 1000

// SetAside replaces a damaged record, which Read has named, by one that says so: protocol.Damaged among events,
// protocol.Thinned among readings. Its raw bytes are kept in the file, and the running hashes after it are made anew. The
// record must not have been acknowledged.
func (l *Log) SetAside(id protocol.LogID, number uint64) error {
	if err := checkLog(id); err != nil {
		return err
	}
	err := l.Update(Stamp{}, func(tx *Tx) error {
		if s := tx.position.of(id); number < s.First || number >= s.Next {
			return fmt.Errorf("held are %d to %d", s.First, s.Next-1)
		}
		return tx.change(func() error { return tx.setAside(id, number) })
	})
	if err != nil {
		return fmt.Errorf("set record %d of %s aside: %w", number, id, err)
	}
	return nil
}

func (tx *Tx) setAside(id protocol.LogID, number uint64) error {
	s, name := tx.position.of(id), bucketOf(id)
	records := bucket(tx.bolt, name)
	key := numberKey(number)
	raw := append([]byte{}, records.Get(key)...)
	if _, _, ok := unsealRecord(name, key, raw); ok {
		return errors.New("it is not damaged")
	}
	if err := bucket(tx.bolt, bucketAside).Put(append([]byte(name+"/"), key...), raw); err != nil {
		return err
	}
	stand, err := standIn(records, id, number, tx.life.Boot)
	if err != nil {
		return err
	}
	running := s.Before
	if number > s.First {
		running, _ = hashAfter(records.Get(numberKey(number - 1)))
	}
	running = running.Next(stand)
	if err := putRecord(tx.bolt, id, number, running, stand); err != nil {
		return err
	}
	s.Bytes += recordCost(len(stand)) - storedRecordCost(raw)
	tx.appended = true
	return tx.rechain(id, number+1, running)
}

// rechain makes the running hashes from a number on anew, up to the next damaged record: setting that aside will go on.
func (tx *Tx) rechain(id protocol.LogID, from uint64, running protocol.Hash) error {
	s, name := tx.position.of(id), bucketOf(id)
	records := bucket(tx.bolt, name)
	for n := from; n < s.Next; n++ {
		_, record, ok := unsealRecord(name, numberKey(n), records.Get(numberKey(n)))
		if !ok {
			return nil
		}
		record = append([]byte(nil), record...) // Put may move the page it stands on
		running = running.Next(record)
		if err := putRecord(tx.bolt, id, n, running, record); err != nil {
			return err
		}
	}
	s.Last = running
	return nil
}

// standIn gives the record that stands in the place of a damaged one, with the time of a neighbour that can be read.
func standIn(records *bolt.Bucket, id protocol.LogID, number, boot uint64) ([]byte, error) {
	r := protocol.Record{Boot: boot}
	for _, neighbour := range []uint64{number - 1, number + 1} {
		key := numberKey(neighbour)
		_, bytes, ok := unsealRecord(bucketOf(id), key, records.Get(key))
		if near, err := protocol.DecodeRecord(bytes); ok && err == nil {
			r = near
			break
		}
	}
	var body protocol.Body = protocol.Damaged{Bytes: uint32(len(records.Get(numberKey(number))))}
	if id == protocol.Readings {
		body = protocol.Thinned{From: number, To: number, FromWall: r.Wall, ToWall: r.Wall}
	}
	var err error
	r.Number, r.Kind = number, body.Kind()
	if r.Body, err = protocol.EncodeBody(body); err != nil {
		return nil, err
	}
	return protocol.EncodeRecord(r)
}

// Renew gives the storage a new incarnation that names the present one as its parent, for a device whose log the hub has
// found to be forked. All records that are held are kept and count from 1; local state stays. Thinned records among them
// no longer name numbers, since what they stand for has none in the new incarnation.
//
// It writes a new file and puts it in the place of the old one, so it needs room for both on the disk for a moment.
func (l *Log) Renew() error {
	if err := l.acquire(); err != nil {
		return err
	}
	l.mu.RUnlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if err := l.renew(); err != nil {
		return fmt.Errorf("edge log %s: renew: %w", l.path, l.note(asFull(err)))
	}
	select {
	case l.appended <- struct{}{}:
	default:
	}
	return nil
}

func (l *Log) renew() error {
	path := l.path + ".renewed"
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openDatabase(path, l.maxBytes)
	if err != nil {
		return err
	}
	p := l.committed()
	next := life{Version: formatVersion, Incarnation: protocol.NewIncarnation(), Boot: l.life.Boot,
		Parent: &protocol.Parent{Incarnation: l.life.Incarnation, Events: p.Events.First, Readings: p.Readings.First}}
	var renewed position
	err = guard(func() (err error) {
		renewed, err = copyRenewed(db.DB, l.db.DB, next, p)
		return err
	})
	if err == nil {
		err = moveFile(path, l.path)
	}
	if err != nil {
		return errors.Join(err, guard(db.Close), os.Remove(path))
	}
	// From here on the old file has no name. An error of closing it changes nothing.
	_ = guard(l.db.Close)
	l.db, l.life = db, next
	l.stateMu.Lock()
	l.position = renewed
	l.stateMu.Unlock()
	return nil
}

// copyRenewed fills to with what from holds. It syncs once, at the end: until then the file counts for nothing.
func copyRenewed(to, from *bolt.DB, next life, held position) (position, error) {
	renewed := emptyPosition()
	renewed.State = held.State
	to.NoSync = true
	err := to.Update(func(tx *bolt.Tx) error { return initialise(tx, next) })
	if err != nil {
		return renewed, err
	}
	err = from.View(func(tx *bolt.Tx) error {
		for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
			if err := copyRecords(to, bucket(tx, bucketOf(id)), id, held.of(id), renewed.of(id)); err != nil {
				return err
			}
		}
		for _, name := range []string{bucketState, bucketPieces, bucketAside} {
			if err := copyBucket(to, bucket(tx, name), name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return renewed, err
	}
	err = to.Update(func(tx *bolt.Tx) error { return putMeta(tx, keyPosition, renewed) })
	to.NoSync = false
	return renewed, errors.Join(err, to.Sync())
}

// copyRecords copies the held records of a log, numbered from 1.
func copyRecords(to *bolt.DB, records *bolt.Bucket, id protocol.LogID, held, renewed *span) error {
	for number := held.First; number < held.Next; {
		err := to.Update(func(tx *bolt.Tx) error {
			for end := min(number+renewChunk, held.Next); number < end; number++ {
				record, err := renumber(records, id, number, renewed.Next)
				if err != nil {
					return err
				}
				after := renewed.Last.Next(record)
				if err := putRecord(tx, id, renewed.Next, after, record); err != nil {
					return err
				}
				renewed.Next, renewed.Last = renewed.Next+1, after
				renewed.Bytes += recordCost(len(record))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// renumber gives a record with another number; for a damaged one, the record that stands in its place.
func renumber(records *bolt.Bucket, id protocol.LogID, number, as uint64) ([]byte, error) {
	_, bytes, ok := unsealRecord(bucketOf(id), numberKey(number), records.Get(numberKey(number)))
	r, err := protocol.DecodeRecord(bytes)
	if !ok || err != nil {
		if bytes, err = standIn(records, id, number, 0); err != nil {
			return nil, err
		}
		if r, err = protocol.DecodeRecord(bytes); err != nil {
			return nil, err
		}
	}
	r.Number = as
	if r.Kind == protocol.KindThinned {
		var t protocol.Thinned
		if protocol.DecodeBody(r.Body, &t) == nil {
			t.From, t.To = 0, 0
			if r.Body, err = protocol.EncodeBody(t); err != nil {
				return nil, err
			}
		}
	}
	return protocol.EncodeRecord(r)
}

// copyBucket copies values as they are stored, each with its checksum.
func copyBucket(to *bolt.DB, values *bolt.Bucket, name string) error {
	c := values.Cursor()
	k, v := c.First()
	for k != nil {
		err := to.Update(func(tx *bolt.Tx) error {
			for n := 0; k != nil && n < renewChunk; n++ {
				if err := bucket(tx, name).Put(k, v); err != nil {
					return err
				}
				k, v = c.Next()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
