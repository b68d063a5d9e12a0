package log

import (
	"errors"
	"fmt"

	"meguri/protocol"
)

var (
	// ErrFull is returned when a record of the events log or a piece of local state has no room, or the disk is full.
	// Nothing of the transaction was written: whatever it was to record must not be done.
	ErrFull = errors.New("storage is full")

	// ErrInUse is returned by Open when another process, or another Log of this one, has the file open.
	ErrInUse = errors.New("in use by another process")

	// ErrDamaged is wrapped by every error about bytes that are not what was written.
	ErrDamaged = errors.New("damaged")

	// ErrClosed is returned by everything that is called after Close.
	ErrClosed = errors.New("log is closed")

	// errNewer is an error about a file that a newer program made. Nothing of it is touched.
	errNewer = errors.New("made by a newer program")

	errReadOnly = errors.New("transaction may only read")
)

// DamagedError names one stored value whose checksum does not fit: a record (Log and Number) or local state (Key).
type DamagedError struct {
	Log    protocol.LogID
	Number uint64
	Key    string
}

func (e *DamagedError) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("local state %q is damaged", e.Key)
	}
	return fmt.Sprintf("record %d of %s is damaged", e.Number, e.Log)
}

// Unwrap makes errors.Is(err, ErrDamaged) true.
func (e *DamagedError) Unwrap() error { return ErrDamaged }
