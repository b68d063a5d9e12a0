// Package erased keeps a list of who was erased beside the hub's keys, outside of the database: a backup of before, put back by whatever
// means, is brought up to it before anybody works with it.
package erased

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"meguri/hub/register"
)

// File is the name of the list in the hub's directory of keys: an erasure as JSON a line. It holds pseudonyms and no names.
const File = "erased.jsonl"

// Note adds an erasure to the list in dir, and has it on the disk when it returns.
func Note(dir string, e register.Erasure) (err error) {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("list of erased persons: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// The line's own newline goes before it, too: after a write that was cut off the next line still begins anew.
	if _, err = f.Write(append(append([]byte("\n"), text...), '\n')); err != nil {
		return fmt.Errorf("list of erased persons: %w", err)
	}
	return f.Sync()
}

// List reads the list in dir; without a file it is empty. A line that was cut off when the power went stands for an erasure that was
// not carried out, and is passed over.
func List(dir string) (all []register.Erasure, err error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list of erased persons: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var e register.Erasure
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.ID != "" {
			all = append(all, e)
		}
	}
	return all, nil
}
