package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"meguri/edge/link"
	edgelog "meguri/edge/log"
	"meguri/internal/plural"
	"meguri/internal/version"
)

// exportCommand reads a board's storage for the hub, when the board cannot deliver it any more.
type exportCommand struct {
	File string `help:"The agent's file, DEVICE.db." required:"" type:"existingfile" placeholder:"FILE"`
}

// Run writes to standard output, and what that is to standard error.
func (c *exportCommand) Run() error { return export(c.File, os.Stdout, os.Stderr) }

// leastBytes is the least limit on the size of the copy.
const leastBytes = 64 << 20

// export writes a hello and all records that a file holds, as a CBOR sequence of messages. It reads a copy: opening counts a boot
// and mends what is broken, and the file is evidence.
func export(file string, out, said io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "meguri-export-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := filepath.Join(dir, filepath.Base(file))
	if err := copyUnused(file, log); err != nil {
		return fmt.Errorf("export %s: %w", file, err)
	}
	info, err := os.Stat(log)
	if err != nil {
		return err
	}
	l, err := edgelog.Open(log, edgelog.Options{MaxBytes: max(leastBytes, 2*info.Size())}) // with room to mend
	if err != nil {
		return fmt.Errorf("export %s: %w", file, err)
	}
	err = errors.Join(link.Export(l, version.Text(), out), summary(l, said))
	if err = errors.Join(err, l.Close()); err != nil {
		return fmt.Errorf("export %s: %w", file, err)
	}
	return nil
}

// summary says what was found in a log.
func summary(l *edgelog.Log, out io.Writer) error {
	positions, err := l.Positions()
	if err != nil {
		return err
	}
	for _, p := range positions {
		fmt.Fprintf(out, "%s of %s\n", plural.Of(p.Next-p.First, "record"), p.Log)
	}
	if s := l.Salvaged(); s != nil {
		fmt.Fprintf(out, "the file is broken, this is what could be read: %s\n", s.Reason)
	}
	return nil
}

// copyUnused copies a file that no agent has open.
func copyUnused(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	if err := syscall.Flock(int(in.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return edgelog.ErrInUse
		}
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
