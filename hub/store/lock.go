package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInUse is a SQLite database that another hub runs on.
var ErrInUse = errors.New("another hub runs on this database")

// Exclusive takes a SQLite database for one hub, at once or not at all, until release is called or the process ends: two would
// each decide as if they were alone. Commands do not need it. Several hubs may run on one PostgreSQL; there it does nothing.
func Exclusive(url string) (release func() error, err error) {
	file, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return func() error { return nil }, nil
	}
	if file, err = filepath.Abs(file); err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	f, err := os.OpenFile(file+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the message
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w (process %s): stop that one first", file, ErrInUse, strings.TrimSpace(string(holder)))
		}
		return nil, errors.Join(err, f.Close())
	}
	// The file stays: to remove it would let a third one lock another file of the same name.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid()) // only for the message
	}
	return f.Close, nil
}
