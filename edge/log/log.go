package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"meguri/protocol"
)

// Options bound a log. The zero value is a file of at most 64 MiB.
type Options struct {
	// MaxBytes bounds the file, 1 MiB or more; 0 is 64 MiB. Records and local state get half of it.
	MaxBytes int64
	// EventReserve is how many bytes only events may use; 0 is an eighth of MaxBytes, a quarter of it is the most.
	EventReserve int64
}

// Log is a device's storage. Its methods may be called from any goroutine, but not from inside a function given to Update
// or View.
type Log struct {
	path     string
	maxBytes int64
	room     room
	appended chan struct{}

	mu     sync.RWMutex // held to read while db is used, to write while it is replaced
	db     *database
	life   life
	closed bool

	writing sync.Mutex // one transaction that writes at a time

	stateMu  sync.Mutex
	position position // as last committed
	failed   error    // db is not to be used before it was opened again, or, after a panic, at all
}

// Open opens the log in the file at path, or makes one, and counts a boot. A file that is open already is ErrInUse, in
// about a second; one that is not a log, or whose pages are damaged, is ErrDamaged and stays as it is.
func Open(path string, o Options) (*Log, error) {
	l, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("edge log %s: %w", path, err)
	}
	return l, nil
}

func open(path string, o Options) (*Log, error) {
	r, err := newRoom(o)
	if err != nil {
		return nil, err
	}
	l := &Log{path: path, maxBytes: o.MaxBytes, room: r, appended: make(chan struct{}, 1)}
	if l.maxBytes == 0 {
		l.maxBytes = defaultMaxBytes
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = makeFile(path, l.maxBytes)
	case err == nil && info.Size() == 0:
		err = fmt.Errorf("%w: the file is empty", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	if l.db, err = openDatabase(path, l.maxBytes); err != nil {
		return nil, err
	}
	if err := l.boot(); err != nil {
		return nil, errors.Join(asFull(err), l.closeDatabase(err))
	}
	return l, nil
}

// boot reads the whole file once, and counts a boot.
func (l *Log) boot() error {
	return guard(func() error {
		if err := l.load(); err != nil {
			return err
		}
		l.life.Boot++
		return l.db.Update(func(tx *bolt.Tx) error { return putMeta(tx, keyLife, l.life) })
	})
}

// load reads what the file says of itself, and touches every page that records and state are on.
func (l *Log) load() error {
	return l.db.View(func(tx *bolt.Tx) error {
		if err := getMeta(tx, keyLife, &l.life); err != nil {
			return err
		}
		if l.life.Version != formatVersion {
			return fmt.Errorf("format %d of the file: this program knows %d", l.life.Version, formatVersion)
		}
		var p position
		if err := getMeta(tx, keyPosition, &p); err != nil {
			return err
		}
		l.stateMu.Lock()
		l.position = p
		l.stateMu.Unlock()
		for _, name := range []string{bucketEvents, bucketReadings, bucketState, bucketPieces, bucketAside} {
			_ = bucket(tx, name).ForEach(func(_, _ []byte) error { return nil })
		}
		return nil
	})
}

// Close closes the file. A second call does nothing.
func (l *Log) Close() error {
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
	return guard(l.db.Close)
}

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

// Update runs fn in a transaction and commits what it recorded and changed, durably, before it returns nil. When fn or
// one of its changes fails nothing is written. Any other error but ErrFull comes from the storage, and whether the
// transaction was written is then only known when the file is read again.
func (l *Log) Update(s Stamp, fn func(*Tx) error) error {
	if err := l.acquire(); err != nil {
		return err
	}
	defer l.mu.RUnlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.failure(); err != nil {
		return err
	}
	var btx *bolt.Tx
	err := guard(func() (err error) {
		btx, err = l.db.Begin(true)
		return err
	})
	if err != nil {
		return l.fail(err)
	}
	defer func() { l.note(guard(func() error { return rollback(btx) })) }()
	tx := &Tx{bolt: btx, life: l.life, room: l.room, stamp: s, position: l.committed()}
	err = fn(tx)
	if tx.failed != nil {
		err = tx.failed
	}
	if err != nil {
		return l.note(err)
	}
	return l.commit(tx)
}

// commit writes a transaction and makes its position known.
func (l *Log) commit(tx *Tx) error {
	if err := tx.finish(); err != nil {
		return l.note(err)
	}
	if err := guard(tx.bolt.Commit); err != nil {
		return l.fail(asFull(err))
	}
	l.stateMu.Lock()
	l.position = tx.position
	l.stateMu.Unlock()
	if tx.appended {
		select {
		case l.appended <- struct{}{}:
		default:
		}
	}
	return nil
}

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
	if err := guard(l.db.Close); err != nil && !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("edge log %s: close after %w: %w", l.path, why, err)
	}
	db, err := openDatabase(l.path, l.maxBytes)
	if err != nil {
		return fmt.Errorf("edge log %s: open again after %w: %w", l.path, why, err)
	}
	l.db = db
	if err := guard(l.load); err != nil {
		return l.note(fmt.Errorf("edge log %s: read again after %w: %w", l.path, why, err))
	}
	l.stateMu.Lock()
	l.failed = nil
	l.stateMu.Unlock()
	return nil
}

// fail notes that the database cannot be used as it is.
func (l *Log) fail(err error) error {
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
