package log

import (
	"errors"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// Bounds of one transaction of a builder, so that it takes little memory.
const (
	builderEntries = 1000
	builderBytes   = 256 << 10
)

// builder writes a new file. It counts for nothing until finish has synced it and it was given its place.
type builder struct {
	path     string
	maxBytes int64
	db       *database
	life     life
	position position // of what was written; numbers begin where it says
	sums     directory

	tx      *bolt.Tx
	entries int
	bytes   int
}

// newBuilder begins a file at path, in the place of what a power cut may have left there.
func newBuilder(path string, maxBytes int64, l life) (*builder, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	b := &builder{path: path, maxBytes: maxBytes, life: l, position: emptyPosition(), sums: directory{}}
	if b.db, err = openDatabase(f, maxBytes); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	b.db.NoSync = true
	err = b.put(func(tx *bolt.Tx) error {
		for _, name := range append(buckets(), bucketSums, bucketBallast) {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	}, 0)
	if err != nil {
		return nil, errors.Join(err, b.discard())
	}
	return b, nil
}

// put runs a change of so many bytes, and commits when there are enough.
func (b *builder) put(change func(*bolt.Tx) error, bytes int) (err error) {
	if b.tx == nil {
		if b.tx, err = b.db.Begin(true); err != nil {
			return err
		}
	}
	if err := change(b.tx); err != nil {
		return err
	}
	b.entries, b.bytes = b.entries+1, b.bytes+bytes
	if b.entries >= builderEntries || b.bytes >= builderBytes {
		return b.commit()
	}
	return nil
}

func (b *builder) commit() error {
	tx := b.tx
	b.tx, b.entries, b.bytes = nil, 0, 0
	if tx == nil {
		return nil
	}
	return tx.Commit()
}

// record adds a record with the next number of its log.
func (b *builder) record(id protocol.LogID, r protocol.Record) error {
	s := b.position.of(id)
	r.Number = s.Next
	encoded, err := protocol.EncodeRecord(r)
	if err != nil {
		return err
	}
	after := s.Last.Next(encoded)
	err = b.put(func(tx *bolt.Tx) error { return putRecord(tx, id, r.Number, after, encoded) }, len(encoded))
	if err != nil {
		return err
	}
	s.Next, s.Last, s.Bytes = r.Number+1, after, s.Bytes+recordCost(len(encoded))
	if r.Kind == protocol.KindRounds && inAlarm(r.Body) {
		b.position.Alarms.add(encoded)
	}
	return nil
}

// entry adds an entry as it is stored.
func (b *builder) entry(bucketName string, key, stored []byte) error {
	if bucketName == bucketState {
		b.sums[hashOf(key)] = hashOf(stored)
	}
	return b.put(func(tx *bolt.Tx) error { return bucket(tx, bucketName).Put(key, stored) }, len(key)+len(stored))
}

// finish makes the file durable and gives it open. When that fails the file is removed.
func (b *builder) finish() (*database, error) {
	b.position.Incarnation, b.position.Boot = b.life.Incarnation, b.life.Boot
	err := guard(func() error {
		err := b.put(func(tx *bolt.Tx) error {
			added := [2]bool{b.position.Events.Next > b.position.Events.First, b.position.Readings.Next > b.position.Readings.First}
			var err error
			b.position.Digest, err = putDirectory(tx, b.sums)
			return errors.Join(err, putBallast(tx, b.maxBytes), putLife(tx, b.life), putPosition(tx, &b.position, added))
		}, builderBytes)
		if err != nil {
			return err
		}
		b.db.NoSync = false
		return b.db.Sync()
	})
	if err != nil {
		return nil, errors.Join(err, b.discard())
	}
	return b.db, nil
}

// discard gives up the file.
func (b *builder) discard() error {
	return errors.Join(guard(func() error {
		if b.tx != nil {
			_ = rollback(b.tx)
		}
		return b.db.Close()
	}), os.Remove(b.path))
}
