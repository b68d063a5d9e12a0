package log

import (
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"meguri/internal/durable"
	"meguri/protocol"
)

// rechainMost is how many records' running hashes one transaction makes anew. With more of them the log is copied, which takes
// little memory whatever their number.
const rechainMost = 4096

// asideBytes is how many bytes of a damaged record are kept.
const asideBytes = protocol.MaxRecord + 4096

// SetAside replaces a damaged record, which Read has named, by one that says so: protocol.Damaged among events,
// protocol.Thinned among readings. Its raw bytes are kept in the file, and the running hashes after it are made anew. The
// record must not have been acknowledged.
func (l *Log) SetAside(id protocol.LogID, number uint64) error {
	if err := checkLog(id); err != nil {
		return err
	}
	far := false
	err := l.Update(Stamp{}, func(tx *Tx) error {
		s := tx.position.of(id)
		if number < s.First || number >= s.Next {
			return fmt.Errorf("held are %d to %d", s.First, s.Next-1)
		}
		if far = s.Next-number > rechainMost; far {
			return tx.damaged(id, number)
		}
		if err := l.sound(bucketOf(id), numberKey(number)); err != nil {
			return err
		}
		return tx.change(func() error { return tx.setAside(id, number) })
	})
	if err == nil && far {
		err = l.replace(func(p position) life { return l.life }, false)
	}
	if err != nil {
		return fmt.Errorf("set record %d of %s aside: %w", number, id, err)
	}
	return nil
}

// damaged is nil when a record is.
func (tx *Tx) damaged(id protocol.LogID, number uint64) error {
	return guard(func() error {
		name, key := bucketOf(id), numberKey(number)
		if _, _, ok := unsealRecord(name, key, bucket(tx.bolt, name).Get(key)); ok {
			return errors.New("it is not damaged")
		}
		return nil
	})
}

func (tx *Tx) setAside(id protocol.LogID, number uint64) error {
	if err := tx.damaged(id, number); err != nil {
		return err
	}
	s, name := tx.position.of(id), bucketOf(id)
	records := bucket(tx.bolt, name)
	key := numberKey(number)
	raw := append([]byte{}, records.Get(key)...)
	if err := bucket(tx.bolt, bucketAside).Put(asideKey(name, key), raw[:min(len(raw), asideBytes)]); err != nil {
		return err
	}
	stand, err := standIn(records, id, number, tx.life.Boot)
	if err != nil {
		return err
	}
	record, err := protocol.EncodeRecord(stand)
	if err != nil {
		return err
	}
	running := s.Before
	if number > s.First {
		running, _ = hashAfter(records.Get(numberKey(number - 1)))
	}
	running = running.Next(record)
	if err := putRecord(tx.bolt, id, number, running, record); err != nil {
		return err
	}
	s.Bytes = max(0, s.Bytes+recordCost(len(record))-storedRecordCost(raw))
	tx.appended[id-protocol.Events] = true
	return tx.rechain(id, number+1, running)
}

func asideKey(name string, key []byte) []byte { return append([]byte(name+"/"), key...) }

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
func standIn(records *bolt.Bucket, id protocol.LogID, number, boot uint64) (protocol.Record, error) {
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
		body = protocol.Thinned{From: number, To: number, FromWall: r.Wall, ToWall: r.Wall, Reason: protocol.ThinDamaged}
	}
	var err error
	r.Number, r.Kind = number, body.Kind()
	r.Body, err = protocol.EncodeBody(body)
	return r, err
}

// Renew gives the storage a new incarnation that names the present one as its parent, for a device whose log the hub has
// found to be forked. All records that are held are kept and count from 1; local state stays. Thinned records among them
// no longer name numbers, since what they stand for has none in the new incarnation.
//
// It writes a new file and puts it in the place of the old one, so it needs room for both on the disk for a moment.
func (l *Log) Renew() error {
	err := l.replace(func(p position) life {
		return life{Version: formatVersion, Incarnation: protocol.NewIncarnation(), Boot: l.life.Boot,
			Parent: &protocol.Parent{Incarnation: l.life.Incarnation, Events: p.Events.First, Readings: p.Readings.First}}
	}, true)
	if err != nil {
		return fmt.Errorf("edge log %s: renew: %w", l.path, err)
	}
	return nil
}

// replace copies what is held into a new file under the life that next gives, and puts it in the place of the old one. Running
// hashes are made anew, and damaged records get one that stands for them; renumbered, all count from 1.
func (l *Log) replace(next func(position) life, renumbered bool) error {
	l.turn <- struct{}{} // nobody commits meanwhile; who reads goes on with the old file
	defer func() { <-l.turn }()
	b, db, err := l.copyHeld(next, renumbered)
	if err != nil {
		return err
	}
	moved := false
	err = l.wrap(func() error {
		if err := os.Rename(b.path, l.path); err != nil {
			return err
		}
		moved = true
		return durable.SyncName(l.path)
	})
	if !moved {
		return errors.Join(err, errors.New("the copy was not put in the log's place"), b.discard())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// The old file has no name any more. An error of closing it changes nothing.
	_ = guard(l.db.Close)
	l.db, l.life = db, b.life
	l.stateMu.Lock()
	l.position = b.position
	l.stateMu.Unlock()
	l.signal()
	if err != nil {
		return l.fail(err)
	}
	return nil
}

// copyHeld makes the new file.
func (l *Log) copyHeld(next func(position) life, renumbered bool) (*builder, *database, error) {
	if err := l.acquire(); err != nil {
		return nil, nil, err
	}
	defer l.mu.RUnlock()
	p := l.committed()
	b, err := newBuilder(l.path+renewedSuffix, max(l.maxBytes, l.size()), next(p))
	if err != nil {
		return nil, nil, asFull(err)
	}
	if !renumbered {
		for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
			s := p.of(id)
			*b.position.of(id) = span{First: s.First, Next: s.First, Before: s.Before, Last: s.Before}
		}
	}
	if err := guard(func() error { return b.copyFrom(l.db.DB, p, renumbered) }); err != nil {
		return nil, nil, l.note(errors.Join(asFull(err), b.discard()))
	}
	db, err := b.finish()
	return b, db, asFull(err)
}

func (l *Log) size() int64 {
	info, err := l.db.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// copyFrom fills a file with what another holds.
func (b *builder) copyFrom(from *bolt.DB, held position, renumbered bool) error {
	b.position.State, b.position.Aged = held.State, held.Aged
	return from.View(func(tx *bolt.Tx) error {
		for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
			if err := b.copyRecords(tx, id, held.of(id), renumbered); err != nil {
				return err
			}
		}
		for _, name := range []string{bucketState, bucketPieces, bucketAside} {
			c := bucket(tx, name).Cursor()
			for k, v := c.First(); k != nil; k, v = c.Next() {
				if err := b.entry(name, k, v); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (b *builder) copyRecords(tx *bolt.Tx, id protocol.LogID, held *span, renumbered bool) error {
	name := bucketOf(id)
	records := bucket(tx, name)
	for number := held.First; number < held.Next; number++ {
		key := numberKey(number)
		stored := records.Get(key)
		_, bytes, ok := unsealRecord(name, key, stored)
		r, err := protocol.DecodeRecord(bytes)
		if !ok || err != nil {
			if err := b.entry(bucketAside, asideKey(name, key), stored[:min(len(stored), asideBytes)]); err != nil {
				return err
			}
			if r, err = standIn(records, id, number, b.life.Boot); err != nil {
				return err
			}
		}
		if renumbered {
			if err := forgetNumbers(&r); err != nil {
				return err
			}
		}
		if err := b.record(id, r); err != nil {
			return err
		}
	}
	return nil
}

// forgetNumbers takes from a Thinned record the numbers that it stands for: they are the parent's.
func forgetNumbers(r *protocol.Record) error {
	var t protocol.Thinned
	if r.Kind != protocol.KindThinned || protocol.DecodeBody(r.Body, &t) != nil {
		return nil
	}
	t.From, t.To = 0, 0
	body, err := protocol.EncodeBody(t)
	r.Body = body
	return err
}
