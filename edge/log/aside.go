package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"meguri/internal/durable"
	"meguri/protocol"
)

// maxBroken is how many broken files of a log are kept. With so many the first ones are the more telling, and the disk is not
// to be filled with them.
const maxBroken = 5

// asideName is the name under which a broken file is kept, empty when there are enough.
func asideName(path string) string {
	for n := 1; n <= maxBroken; n++ {
		name := fmt.Sprint(path, brokenSuffix, n)
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
	return ""
}

// salvage puts what can be read of the broken file in its place. What can go wrong but a full disk ends in an empty log that
// says so, never in a device that does not start.
func (l *Log) salvage(why error) error {
	f, err := lockFile(l.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	into := l.path + salvagedSuffix
	if err := l.rescue(into); err != nil {
		if errors.Is(err, ErrFull) || errors.Is(err, errNewer) || errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: after %w", err, why)
		}
		if err := l.giveUp(into, fmt.Errorf("%w: %w", why, err)); err != nil {
			return asFull(err)
		}
	}
	// At any moment there is either the broken file in its place, or none and the new one whole: see settle.
	if name := asideName(l.path); name != "" {
		if err := os.Rename(l.path, name); err != nil {
			return err
		}
	}
	if err := os.Remove(l.path + suspectSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.Rename(into, l.path)
}

// rescue salvages in a child process, if Options say so, and else or when that fails in this one.
func (l *Log) rescue(into string) error {
	here := func(from, into string) error { return Salvage(from, into, l.options) }
	var all error
	for _, try := range []func(string, string) error{l.options.Salvage, here} {
		if try == nil {
			continue
		}
		err := try(l.path, into)
		if err == nil {
			err = verifyPath(into)
		}
		if err == nil {
			return nil
		}
		all = errors.Join(all, err)
	}
	return all
}

func verifyPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = verifyFile(f)
	return errors.Join(err, f.Close())
}

// giveUp makes an empty log that says why nothing could be salvaged.
func (l *Log) giveUp(into string, why error) error {
	b, err := newBuilder(into, l.maxBytes, life{Version: formatVersion, Incarnation: protocol.NewIncarnation()})
	if err != nil {
		return err
	}
	r := rescue{reason: why.Error(), kept: asideName(l.path)}
	if err := b.salvaged(protocol.Salvaged{Reason: "nothing could be read: " + r.text()}); err != nil {
		return errors.Join(err, b.discard())
	}
	db, err := b.finish()
	if err != nil {
		return err
	}
	return db.Close()
}

// readSalvaged gives what the first record of a log that was just salvaged says.
func (l *Log) readSalvaged() (*protocol.Salvaged, error) {
	batch, err := l.Read(protocol.Events, 1, 1, protocol.MaxRecord)
	if err != nil {
		return nil, err
	}
	if len(batch.Records) == 0 {
		return nil, fmt.Errorf("%w: a salvaged log without events", ErrDamaged)
	}
	r, err := protocol.DecodeRecord(batch.Records[0])
	if err != nil {
		return nil, err
	}
	var s protocol.Salvaged
	return &s, protocol.DecodeBody(r.Body, &s)
}
