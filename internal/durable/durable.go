// Package durable writes files that are there, whole, after a power cut: what is written is synced before it gets its name, and
// the name is synced, too. A file without that may be empty after a crash although everybody has seen it complete.
package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Replace writes a file whole or not at all, in the place of one that may be there. Who reads meanwhile sees the old one.
func Replace(name string, mode os.FileMode, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".new-*")
	if err != nil {
		return err
	}
	// CreateTemp gives 0600, and a process's mask would take bits away from a mode given at opening.
	if err = errors.Join(write(f), f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncName(name)
}

// Create writes a new file. One that is there is left alone, and the error is os.ErrExist; of one that cannot be written whole
// nothing stays.
func Create(name string, mode os.FileMode, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: %w, and is not written over", name, os.ErrExist)
	}
	if err != nil {
		return err
	}
	if err = errors.Join(write(f), f.Sync(), f.Close(), SyncName(name)); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// Bytes is the write of Replace and Create for what is in memory.
func Bytes[T []byte | string](content T) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write([]byte(content))
		return err
	}
}

// Copy writes a new file with the content of another one.
func Copy(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	return Create(to, mode, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// Rename gives a file that is synced another name in the same directory.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncName(to)
}

// Sync makes the content of a file durable that something else has written.
func Sync(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncName makes durable which file has a name, or that none has it: its directory.
func SyncName(name string) error {
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
