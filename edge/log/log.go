package log

import (
	"errors"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"meguri/internal/durable"
	"meguri/protocol"
)

// Options bound a log. The zero value is a file of at most 64 MiB.
type Options struct {
	// MaxBytes bounds the file, 1 MiB or more; 0 is 64 MiB. Records and local state get half of it.
	MaxBytes int64
	// EventReserve is how many bytes only events may use; 0 is an eighth of MaxBytes, a quarter of it is the most.
	EventReserve int64
	// MaxReadings is how many records the readings log keeps; 0 for no such limit.
	MaxReadings int
	// MaxAge is how old readings may get, by the wall time of the newest one; 0 for no such limit.
	MaxAge time.Duration
	// Commit wraps every commit of the file; nil: none. A simulation charges time, fails or cuts the power there.
	Commit func(commit func() error) error
	// Salvage reads what can be read of a broken file into a new log; nil: in this process. The agent gives one that runs a
	// child process, which calls Salvage.
	Salvage func(from, into string) error
}

// Log is a device's storage. Its methods may be called from any goroutine, but not from inside a function given to Update
// or View.
type Log struct {
	path     string
	options  Options
	maxBytes int64
	room     room
	appended chan struct{}
	salvaged *protocol.Salvaged

	turn      chan struct{} // held by who commits: one transaction that writes at a time
	queueMu   sync.Mutex
	queue     []*request
	lastGroup int // how many the last commit took

	mu     sync.RWMutex // held to read while db is used, to write while it is replaced
	db     *database
	life   life
	closed bool

	stateMu  sync.Mutex
	position position // as last committed
	failed   error    // db is not to be used before it was opened again, or, after a panic, at all
}

// Close closes the file. A second call does nothing.
func (l *Log) Close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.closeDatabase(l.failure())
}

// closeDatabase closes the file after the error why, nil for none.
func (l *Log) closeDatabase(why error) error {
	if p := (*panicError)(nil); errors.As(why, &p) {
		return l.db.abandon()
	}
	if l.db == nil {
		return nil
	}
	return guard(l.db.Close)
}

// Salvaged is what this Open had to salvage, nil normally: the first record of its events.
func (l *Log) Salvaged() *protocol.Salvaged { return l.salvaged }

// Path is the file's path.
func (l *Log) Path() string { return l.path }

// Incarnation is this life of the storage. Renew changes it.
func (l *Log) Incarnation() protocol.Incarnation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.life.Incarnation
}

// Boot counts how often the log was opened within its incarnation, from 1. Renew goes on counting, so that records from
// before it keep a boot of their own.
func (l *Log) Boot() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.life.Boot
}

// Parent is the incarnation that this one was forked from by Renew, or nil.
func (l *Log) Parent() *protocol.Parent {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.life.Parent
}

// Appended is signalled after each commit that added records. It holds one signal.
func (l *Log) Appended() <-chan struct{} { return l.appended }

// View runs fn in a transaction that may only read.
func (l *Log) View(fn func(*Tx) error) error {
	return l.read(func(btx *bolt.Tx) error {
		return fn(&Tx{bolt: btx, life: l.life, room: l.room, position: l.committed()})
	})
}

// read runs fn in a bbolt transaction that may only read.
func (l *Log) read(fn func(*bolt.Tx) error) error {
	if err := l.acquire(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	var btx *bolt.Tx
	err := guard(func() (err error) {
		btx, err = l.db.Begin(false)
		return err
	})
	if err != nil {
		return l.fail(err)
	}
	defer func() { l.note(guard(func() error { return rollback(btx) })) }()
	return l.note(fn(btx))
}

// rollback ends a transaction; one that was committed has ended already.
func rollback(tx *bolt.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, bolterrors.ErrTxClosed) {
		return err
	}
	return nil
}

// acquire takes mu to read, with a database that can be used. After a failed write the file is opened and read again first,
// since what a failed sync left behind is unknown.
func (l *Log) acquire() error {
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return ErrClosed
	}
	if l.failure() == nil {
		return nil
	}
	l.mu.RUnlock()
	if err := l.reopen(); err != nil {
		return err
	}
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

func (l *Log) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := l.failure()
	if p := (*panicError)(nil); l.closed || why == nil || errors.As(why, &p) {
		return why
	}
	if err := l.closeDatabase(nil); err != nil && !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("edge log %s: close after %w: %w", l.path, why, err)
	}
	if err := errors.Join(l.use(), durable.SyncName(l.path)); err != nil {
		return fmt.Errorf("edge log %s: open again after %w: %w", l.path, why, err)
	}
	l.stateMu.Lock()
	l.failed = nil
	l.stateMu.Unlock()
	return nil
}

// fail notes that the database cannot be used as it is. After a panic the next Open does not trust the file either.
func (l *Log) fail(err error) error {
	if p := (*panicError)(nil); errors.As(err, &p) {
		suspect(l.path, err)
	}
	l.stateMu.Lock()
	defer l.stateMu.Unlock()
	l.failed = err
	return err
}

// note notes err if it is a panic of bbolt.
func (l *Log) note(err error) error {
	if p := (*panicError)(nil); errors.As(err, &p) {
		return l.fail(err)
	}
	return err
}

func (l *Log) failure() error {
	l.stateMu.Lock()
	defer l.stateMu.Unlock()
	return l.failed
}

// committed is the position of the last commit.
func (l *Log) committed() position {
	l.stateMu.Lock()
	defer l.stateMu.Unlock()
	return l.position
}
