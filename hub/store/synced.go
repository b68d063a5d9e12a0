package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"meguri/internal/durable"
)

// ErrNotSynced says that the disk failed to take what was committed. Whether it is durable is not known, and asking the system again
// would not tell: it may have dropped the pages. So nothing more is stored until the database is opened anew.
var ErrNotSynced = errors.New("what was committed could not be synced to the disk: restart the hub")

// synced makes SQLite's transactions durable side by side with the ones that follow. SQLite itself would sync its log inside each
// commit, while nobody else can write. Here a commit only writes to the log, and whoever made it waits until a sync that began
// later has ended; one sync serves all who wait. A power cut takes the last transactions, whole, from the end: those of which
// nobody has heard yet. Before SQLite copies the log into the database it syncs it by itself, and afterwards the database.
type synced struct {
	path string // of the log
	sync func() error

	mu      sync.Mutex
	ended   *sync.Cond // a sync has ended
	file    *os.File
	applied uint64 // transactions
	safe    uint64 // of them
	running bool
	failed  error
}

func newSynced(database string) *synced {
	s := &synced{path: database + "-wal"}
	s.ended, s.sync = sync.NewCond(&s.mu), s.syncFile
	return s
}

// apply notes that a transaction was committed, and gives its number.
func (s *synced) apply() uint64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied++
	return s.applied
}

// seen is the number of the newest transaction that somebody may have read.
func (s *synced) seen() uint64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}

// wait returns when the transactions up to a number are durable.
func (s *synced) wait(number uint64) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.safe < number && s.failed == nil {
		if s.running {
			s.ended.Wait()
			continue
		}
		s.running = true
		upTo := s.applied
		s.mu.Unlock()
		err := s.sync()
		s.mu.Lock()
		s.running = false
		if err != nil {
			s.failed = fmt.Errorf("%w: %w", ErrNotSynced, err)
		} else {
			s.safe = upTo
		}
		s.ended.Broadcast()
	}
	if s.safe >= number {
		return nil
	}
	return s.failed
}

// failure is ErrNotSynced once a sync has failed.
func (s *synced) failure() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// syncFile syncs the log; only one at a time is at work here. SQLite removes the log when its last connection ends, and makes
// another one, with the same name.
func (s *synced) syncFile() error {
	now, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // all of it was synced into the database
	}
	if err != nil {
		return err
	}
	if s.file != nil {
		if opened, err := s.file.Stat(); err == nil && os.SameFile(opened, now) {
			return s.file.Sync()
		}
		_ = s.file.Close() // nothing was written through it
	}
	if s.file, err = os.OpenFile(s.path, os.O_RDWR, 0); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	return durable.SyncName(s.path)
}

func (s *synced) close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running {
		s.ended.Wait()
	}
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
