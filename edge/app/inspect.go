package app

import (
	"errors"
	"fmt"
	"io"
	"os"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// ErrNotWhole is what Show ends with when a file holds values that are not what was written.
var ErrNotWhole = errors.New("not all of it is what was written")

// Show writes what an agent's file says of itself. It changes nothing.
func Show(w io.Writer, file string) error {
	if info, err := os.Stat(file); err == nil && info.Size() == 0 { // of which the database says nothing that helps
		return fmt.Errorf("%s: the file is empty", file)
	}
	var m protocol.Manifest
	var c commandState
	s, err := edgelog.Inspect(file, func(tx *edgelog.Tx) error {
		return ignoreDamaged(errors.Join(get(tx, keyManifest, &m), get(tx, keyCommand, &c)))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "file         %s, %d bytes\n", file, s.Bytes)
	fmt.Fprintf(w, "incarnation  %s\n", s.Incarnation)
	if s.Parent != nil {
		fmt.Fprintf(w, "goes on from %s at event %d and reading %d\n", s.Parent.Incarnation, s.Parent.Events, s.Parent.Readings)
	}
	fmt.Fprintf(w, "boots        %d\n", s.Boot)
	for _, p := range s.Logs {
		if p.First == p.Next {
			fmt.Fprintf(w, "%-12s none held, next is %d\n", p.Log, p.Next)
		} else {
			fmt.Fprintf(w, "%-12s %d held, %d to %d\n", p.Log, p.Next-p.First, p.First, p.Next-1)
		}
	}
	switch {
	case m.Plan == 0:
		fmt.Fprintln(w, "plan         none")
	case m.Incarnation != s.Incarnation:
		fmt.Fprintf(w, "plan         %d, made for an earlier incarnation: not honoured\n", m.Plan)
	default:
		fmt.Fprintf(w, "plan         %d, %d parts\n", m.Plan, len(m.Parts))
	}
	fmt.Fprintf(w, "commands     %d is the newest\n", c.Counter)
	for _, b := range s.Broken {
		fmt.Fprintf(w, "set aside    %s\n", b)
	}
	if len(s.Damaged) == 0 {
		_, err = fmt.Fprintln(w, "damage       none")
		return err
	}
	for _, d := range s.Damaged {
		fmt.Fprintf(w, "damaged      %s\n", d)
	}
	return fmt.Errorf("%s: %w: %d values", file, ErrNotWhole, len(s.Damaged)+s.MoreDamaged)
}

// ignoreDamaged leaves out what the summary names.
func ignoreDamaged(err error) error {
	if errors.Is(err, edgelog.ErrDamaged) || errors.Is(err, protocol.ErrMalformed) {
		return nil
	}
	return err
}
