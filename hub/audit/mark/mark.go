// Package mark keeps the newest signed head of the audit trail in a file beside the keys that sign it, apart from the database.
package mark

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"meguri/hub/audit"
)

// File is where a hub keeps the newest head that it has signed, beside the keys of its authority.
const File = "audit.head"

// Keep keeps a head as the newest one that was signed, in dir.
func Keep(dir string, k audit.Known) error {
	name := filepath.Join(dir, File)
	f, err := os.CreateTemp(dir, File+".*") // readable by its owner alone
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, k)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Kept gives the head that Keep has kept in dir; ok is false where none is.
func Kept(dir string) (k audit.Known, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return k, false, nil
	}
	if err == nil {
		k, err = audit.ParseKnown(string(text))
	}
	if err != nil {
		return k, false, fmt.Errorf("%s: %w", File, err)
	}
	return k, true, nil
}

// Forget forgets the head that Keep has kept: after an older backup was put in the trail's place it is not there any more.
func Forget(dir string) error {
	if err := os.Remove(filepath.Join(dir, File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
