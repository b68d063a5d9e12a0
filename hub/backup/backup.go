// Package backup makes copies of the hub's data while it runs, checks them, and puts them back. What a copy has is safe to
// delete on devices; see DESIGN.md.
package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"meguri/hub/store"
	"meguri/internal/durable"
)

// sums is behind the name of a file with a backup's hash, as sha256sum writes it.
const sums = ".sha256"

// chunk is how many positions one transaction stores: devices are not to wait for longer than that takes.
const chunk = 1000

// Target is the database that is backed up.
type Target struct {
	Store *store.Store
	URL   string // sqlite:FILE or postgres://…
	Now   func() time.Time
}

// Take makes a backup in a new file: it is complete, checked and on the disk, under its name, or not there at all. Only after
// that the database notes what is in it. When just that fails the file is good all the same, and the error says so.
func Take(ctx context.Context, t Target, file string) (store.BackupRow, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return store.BackupRow{}, err
	}
	row, err := take(ctx, t, file)
	if err != nil {
		return row, fmt.Errorf("backup to %s: %w", file, err)
	}
	return row, nil
}

func take(ctx context.Context, t Target, file string) (row store.BackupRow, err error) {
	for _, name := range []string{file, file + sums} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return row, errors.Join(err, fmt.Errorf("%s is there already, and is not written over", name))
		}
	}
	row = store.BackupRow{ID: rand.Text(), File: file, Began: t.Now()}
	made := file + store.Partial
	release, err := reserve(made)
	if err != nil {
		return row, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(made) // when it is there still
		}
		err = errors.Join(err, release())
	}()
	positions, err := copyOf(t.URL).make(ctx, t, made)
	if err != nil {
		return row, err
	}
	if err := finish(made, file, &row); err != nil {
		return row, err
	}
	row.Finished = t.Now()
	if err := note(ctx, t.Store, row, positions); err != nil {
		return row, fmt.Errorf("the file is complete, but what is in it could not be noted, so that it makes nothing safe to delete: %w", err)
	}
	return row, nil
}

// reserve makes the empty file that a copy is written to, for its owner only and for one backup at a time. What a process that
// was killed has left in it is gone. release follows when the file has its name, or was removed.
func reserve(made string) (release func() error, err error) {
	f, err := os.OpenFile(made, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = stillNamed(f, made)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("another backup writes %s", made)
	}
	if err == nil {
		err = errors.Join(f.Chmod(0o600), f.Truncate(0))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// stillNamed says whether a file that was opened by a name has it: another backup may have given it its own meanwhile.
func stillNamed(f *os.File, name string) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(name)
	if err == nil && !os.SameFile(opened, named) {
		err = fs.ErrNotExist
	}
	return err
}

// engine is how one kind of database is copied.
type engine interface {
	// make writes a copy to an empty file, checks it, and gives the positions that are in it.
	make(ctx context.Context, t Target, file string) ([]store.LogPosition, error)
	// restore puts a checked copy in the place of an empty database, or with overwrite of one that is set aside.
	restore(ctx context.Context, url, file string, overwrite bool, now time.Time) (aside string, err error)
	// check says what is wrong with a file, before anything is touched.
	check(ctx context.Context, file string) error
	// sealedWith names the keys that names and contacts in a copy are sealed with.
	sealedWith(ctx context.Context, file string) ([]string, error)
}

func copyOf(url string) engine {
	if strings.HasPrefix(url, "sqlite:") {
		return sqliteCopy{}
	}
	return postgresCopy{}
}

// finish makes a file durable, hashes it, and gives it its name.
func finish(made, file string, row *store.BackupRow) error {
	f, err := os.OpenFile(made, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	h := sha256.New()
	row.Bytes, err = io.Copy(h, f)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	row.SHA256 = hex.EncodeToString(h.Sum(nil))
	sum := fmt.Sprintf("%s  %s\n", row.SHA256, filepath.Base(file))
	if err := durable.Create(file+sums, 0o600, durable.Bytes(sum)); err != nil {
		return err
	}
	if err := os.Rename(made, file); err != nil {
		return errors.Join(err, os.Remove(file+sums))
	}
	return durable.SyncName(file)
}

// note stores what a backup has. The backup itself comes last: until then nobody goes by it.
func note(ctx context.Context, s *store.Store, row store.BackupRow, positions []store.LogPosition) error {
	for len(positions) > 0 {
		n := min(chunk, len(positions))
		err := s.Change(ctx, func(tx *store.Tx) error { return tx.SaveSafePositions(ctx, positions[:n]) })
		if err != nil {
			return err
		}
		positions = positions[n:]
	}
	return s.Change(ctx, func(tx *store.Tx) error { return tx.AddBackup(ctx, row) })
}

// checkSum compares a file with the hash beside it. One without is taken as it is: somebody may have copied only the file.
func checkSum(file string) error {
	text, err := os.ReadFile(file + sums)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	want, _, _ := strings.Cut(string(text), " ")
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != strings.TrimSpace(want) {
		return fmt.Errorf("%s: %w: its SHA-256 is %s, %s says %s", file, store.ErrNotABackup, got, filepath.Base(file)+sums, want)
	}
	return nil
}

// Kinds of file, by how they begin.
var (
	sqliteMagic   = []byte("SQLite format 3\x00")
	postgresMagic = []byte("PGDMP")
)

// checkMagic says when a file is not of the kind that is wanted.
func checkMagic(file string, want []byte) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, len(sqliteMagic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, want):
		return nil
	case bytes.HasPrefix(head, sqliteMagic):
		return fmt.Errorf("%s: a backup of a SQLite database, and the database is PostgreSQL", file)
	case bytes.HasPrefix(head, postgresMagic):
		return fmt.Errorf("%s: a backup of a PostgreSQL database, and the database is SQLite", file)
	}
	return fmt.Errorf("%s: %w", file, store.ErrNotABackup)
}
