package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Known is a head that was seen before and is kept apart from the trail: with it the newest heads cannot be cut off together with their
// entries, nor a trail be made anew.
type Known struct {
	Number uint64
	Hash   Hash
}

// String is "7:" and the hash, as ParseKnown reads it.
func (k Known) String() string { return fmt.Sprintf("%d:%s", k.Number, k.Hash) }

// ParseKnown reads NUMBER:HASH, as the hub's log and hub audit verify tell a head.
func ParseKnown(text string) (k Known, err error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	if k.Number, err = strconv.ParseUint(number, 10, 64); err == nil {
		err = k.Hash.UnmarshalText([]byte(hash))
	}
	if !ok || err != nil || k.Number == 0 {
		return Known{}, fmt.Errorf("head %.100q: want NUMBER:HASH, with 64 hexadecimal digits", text)
	}
	return k, nil
}

// MarkFile is where a hub keeps the newest head that it has signed, beside the keys of its authority.
const MarkFile = "audit.head"

// Mark keeps a head as the newest one that was signed, in dir.
func Mark(dir string, k Known) error {
	name := filepath.Join(dir, MarkFile)
	f, err := os.CreateTemp(dir, MarkFile+".*") // readable by its owner alone
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

// Marked gives the head that Mark has kept in dir; ok is false where none is.
func Marked(dir string) (k Known, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, MarkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return k, false, nil
	}
	if err == nil {
		k, err = ParseKnown(string(text))
	}
	if err != nil {
		return k, false, fmt.Errorf("%s: %w", MarkFile, err)
	}
	return k, true, nil
}

// Unmark forgets the head that Mark has kept: after an older backup was put in the trail's place it is not there any more.
func Unmark(dir string) error {
	if err := os.Remove(filepath.Join(dir, MarkFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// known says whether the heads that were seen before are among those of the trail.
func (v *Verifier) known() error {
	for _, k := range v.Known {
		switch {
		case k.Number > uint64(len(v.heads)):
			return fmt.Errorf("%w: head %d, which was seen before, is missing; the newest is %d: the tail was cut off, or this is an older backup", ErrBroken,
				k.Number, len(v.heads))
		case v.heads[k.Number-1].Hash != k.Hash:
			return fmt.Errorf("%w: head %d is not the one that was seen before: the trail was made anew", ErrBroken, k.Number)
		}
	}
	return nil
}
