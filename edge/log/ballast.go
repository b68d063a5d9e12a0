package log

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

// Deleting needs free pages before it gives any back. On a disk that is full with the log's own records nobody else would ever
// make room, so each file holds a value of no use, to be given up first.
const (
	bucketBallast = "ballast"
	keyBallast    = "ballast"
	ballastBytes  = 96 << 10 // pages in a row that hold the few large records which bbolt keeps together
)

func ballastOf(maxBytes int64) []byte { return make([]byte, min(ballastBytes, maxBytes/16)) }

func putBallast(tx *bolt.Tx, maxBytes int64) error {
	return bucket(tx, bucketBallast).Put([]byte(keyBallast), ballastOf(maxBytes))
}

// giveUpBallast makes room for a transaction that deletes.
func (l *Log) giveUpBallast() error {
	return l.Update(Stamp{}, func(tx *Tx) error {
		return tx.change(func() error { return bucket(tx.bolt, bucketBallast).Delete([]byte(keyBallast)) })
	})
}

// takeBallast puts it back, if there is room now.
func (l *Log) takeBallast() error {
	held := false
	err := l.read(func(tx *bolt.Tx) error {
		return guard(func() error {
			held = bucket(tx, bucketBallast).Get([]byte(keyBallast)) != nil
			return nil
		})
	})
	if err != nil || held {
		return err
	}
	err = l.Update(Stamp{}, func(tx *Tx) error {
		return tx.change(func() error { return putBallast(tx.bolt, l.maxBytes) })
	})
	if errors.Is(err, ErrFull) {
		return nil
	}
	return err
}
