package log

import (
	"errors"
	"fmt"
	"os"
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

// lockFile opens the file at path, or makes one, for this program alone. The error is ErrInUse when another has it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockTimeout); ; time.Sleep(lockTimeout / 20) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || !time.Now().Before(end) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	return nil, errors.Join(err, f.Close())
}

// openDatabase opens a locked file with bbolt, at most maxBytes of it. The file is closed when it fails, with an error that
// wraps ErrDamaged where that is why.
func openDatabase(file *os.File, maxBytes int64) (*database, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	o := &bolt.Options{
		Timeout: lockTimeout,
		// With the whole file mapped from the start a growing file never waits for readers.
		InitialMmapSize: int(maxBytes),
		MaxSize:         int(max(maxBytes, info.Size())), // after the bound was lowered: no growth, but what is there is used
		FreelistType:    bolt.FreelistArrayType,          // the first that fits: the file stays short, and the same acts make the same file
		NoStatistics:    true,
		OpenFile:        func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	}
	var db *bolt.DB
	err = guard(func() (err error) {
		db, err = bolt.Open(file.Name(), 0o600, o)
		return err
	})
	if err == nil {
		db.AllocSize = int(maxBytes / 64) // how far the file grows at once
		return &database{DB: db, file: file}, nil
	}
	if p := (*panicError)(nil); errors.As(err, &p) {
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
		if errors.Is(err, bolterrors.ErrIncompatibleValue) { // no value is a bucket, but for a flipped bit
			err = &panicError{value: err}
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

func putLife(tx *bolt.Tx, l life) error {
	content, err := protocol.EncodeBody(l)
	if err != nil {
		return err
	}
	return bucket(tx, bucketMeta).Put([]byte(keyLife), seal(bucketMeta, []byte(keyLife), content))
}

// asFull makes ErrFull of the errors that mean it.
func asFull(err error) error {
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	// bbolt keeps only the text of some.
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}
