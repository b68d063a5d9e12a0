package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"meguri/protocol"
)

// lockTimeout bounds how long a second opener waits for the file's lock; bbolt's default is for ever.
const lockTimeout = time.Second

// database is an open bbolt file and the descriptor under it.
type database struct {
	*bolt.DB
	file *os.File
}

// openDatabase opens or makes a bbolt file of at most maxBytes. Its errors wrap ErrInUse or ErrDamaged where that is why.
func openDatabase(path string, maxBytes int64) (*database, error) {
	var file *os.File
	o := &bolt.Options{
		Timeout: lockTimeout,
		// With the whole file mapped from the start a growing file never waits for readers.
		InitialMmapSize: int(maxBytes),
		MaxSize:         int(maxBytes),
		FreelistType:    bolt.FreelistMapType,
		NoStatistics:    true,
		OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, perm)
			file = f
			return f, err
		},
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxBytes {
		o.MaxSize = int(info.Size()) // the bound was lowered: no growth, but what is there is used
	}
	var db *bolt.DB
	err := guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, o)
		return err
	})
	if err == nil {
		db.AllocSize = int(maxBytes / 64) // how far the file grows at once
		return &database{DB: db, file: file}, nil
	}
	if p := (*panicError)(nil); errors.As(err, &p) && file != nil {
		_ = unlock(file)
	}
	var fromSystem syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrInUse
	case errors.As(err, &fromSystem):
		return nil, err
	}
	return nil, fmt.Errorf("%w: not a log: %w", ErrDamaged, err)
}

// abandon gives back the lock of a database in which bbolt has panicked. Its own Close might wait for ever.
func (d *database) abandon() error { return unlock(d.file) }

// unlock closes a file that bbolt left open. Its memory map stays, and would keep the lock.
func unlock(file *os.File) error {
	return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
}

// guard runs f, which uses bbolt, and turns its panics and the faults of its memory map into errors: a zeroed page or a
// truncated file makes bbolt do either.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p}
		}
	}()
	return f()
}

// panicError is a panic inside bbolt; after it the database must not be used.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("%s: %v", ErrDamaged, e.value) }

func (e *panicError) Unwrap() error { return ErrDamaged }

// bucket gives a bucket that every log has; when it is missing the file is damaged and the panic becomes an error in guard.
func bucket(tx *bolt.Tx, name string) *bolt.Bucket {
	b := tx.Bucket([]byte(name))
	if b == nil {
		panic("bucket " + name + " is missing")
	}
	return b
}

func getMeta(tx *bolt.Tx, key string, into any) error {
	content, ok := unseal(bucketMeta, []byte(key), bucket(tx, bucketMeta).Get([]byte(key)))
	if !ok {
		return fmt.Errorf("%w: meta %q", ErrDamaged, key)
	}
	if err := protocol.DecodeBody(content, into); err != nil {
		return fmt.Errorf("%w: meta %q: %w", ErrDamaged, key, err)
	}
	return nil
}

func putMeta(tx *bolt.Tx, key string, value any) error {
	content, err := protocol.EncodeBody(value)
	if err != nil {
		return err
	}
	return bucket(tx, bucketMeta).Put([]byte(key), seal(bucketMeta, []byte(key), content))
}

// makeFile makes an empty log at path in one step: a power cut leaves either no file or a whole one.
func makeFile(path string, maxBytes int64) error {
	half := path + ".new"
	db, err := openDatabase(half, maxBytes)
	if errors.Is(err, ErrDamaged) {
		// The power went while it was made.
		if err = os.Remove(half); err == nil || errors.Is(err, fs.ErrNotExist) {
			db, err = openDatabase(half, maxBytes)
		}
	}
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return initialise(tx, life{Version: formatVersion, Incarnation: protocol.NewIncarnation()})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return moveFile(half, path)
}

func initialise(tx *bolt.Tx, l life) error {
	for _, name := range []string{bucketMeta, bucketEvents, bucketReadings, bucketState, bucketPieces,
		bucketAside} {
		if err := tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
			return err
		}
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	if err := putMeta(tx, keyLife, l); err != nil {
		return err
	}
	return putMeta(tx, keyPosition, emptyPosition())
}

// moveFile renames durably.
func moveFile(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// asFull makes ErrFull of the errors that mean it.
func asFull(err error) error {
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		// bbolt keeps only the text of some.
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}
