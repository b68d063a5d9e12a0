package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"meguri/protocol"
)

// Summary is what a log says of itself, for a technician.
type Summary struct {
	Bytes       int64 // of the file
	Incarnation protocol.Incarnation
	Boot        uint64 // how often it was opened
	Parent      *protocol.Parent
	Logs        []protocol.Position
	Damaged     []string // values that are not what was written, at most maxNamed of them
	MoreDamaged int      // how many are not named
	Broken      []string // files beside it that were set aside
}

// maxNamed bounds what a Summary names.
const maxNamed = 20

// Inspect reads the log in the file at path and changes nothing; look may read its local state. A file that is open elsewhere
// is ErrInUse, in about a second; one that cannot be read as a log is ErrDamaged.
func Inspect(path string, look func(*Tx) error) (s Summary, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("edge log: %w", err)
	}
	s.Bytes = info.Size()
	if s.Broken, err = filepath.Glob(path + ".broken-*"); err != nil {
		return s, fmt.Errorf("edge log %s: %w", path, err)
	}
	var db *bolt.DB
	err = guard(func() (err error) {
		db, err = bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: lockTimeout, PreLoadFreelist: false})
		return err
	})
	var denied *fs.PathError
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return s, fmt.Errorf("edge log %s: %w", path, ErrInUse)
	case errors.As(err, &denied):
		return s, fmt.Errorf("edge log: %w", err)
	case err != nil:
		return s, fmt.Errorf("edge log %s: %w: not a log: %w", path, ErrDamaged, err)
	}
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			if err := s.read(tx); err != nil {
				return err
			}
			return look(&Tx{bolt: tx})
		})
	})
	if err != nil {
		return s, fmt.Errorf("edge log %s: %w", path, err) // after a panic bbolt's own Close might wait for ever
	}
	if err := verifyPath(path); errors.Is(err, ErrDamaged) {
		s.damaged(err.Error())
	}
	return s, db.Close()
}

func (s *Summary) read(tx *bolt.Tx) error {
	var l life
	var p position
	if err := errors.Join(getMeta(tx, keyLife, &l), getMeta(tx, keyPosition, &p)); err != nil {
		return err
	}
	s.Incarnation, s.Boot, s.Parent = l.Incarnation, l.Boot, l.Parent
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		held := p.of(id)
		s.Logs = append(s.Logs, protocol.Position{Log: id, First: held.First, Next: held.Next, Before: held.Before})
		values, after := bucket(tx, bucketOf(id)), held.Before
		for n := held.First; n < held.Next; n++ {
			key := numberKey(n)
			stored, record, ok := unsealRecord(bucketOf(id), key, values.Get(key))
			if !ok || after.Next(record) != stored {
				s.damaged(fmt.Sprintf("record %d of %s", n, id))
			}
			after = stored
		}
	}
	return bucket(tx, bucketState).ForEach(func(k, v []byte) error {
		if _, ok := getState(tx, string(k), v); !ok {
			s.damaged(fmt.Sprintf("local state %q", k))
		}
		return nil
	})
}

func (s *Summary) damaged(what string) {
	if len(s.Damaged) < maxNamed {
		s.Damaged = append(s.Damaged, what)
	} else {
		s.MoreDamaged++
	}
}
