package app

import (
	"encoding/json"
	"fmt"
	"io"
)

// None is what is found of a kind of which this machine has nothing. That is wrong only where a kit names one.
const None = "none"

// PrintFindings prints findings as lines for people or as JSON, and returns an error that counts those that are wrong.
func PrintFindings(w io.Writer, all []Finding, asJSON bool) error {
	wrong := 0
	for _, f := range all {
		if f.Wrong != "" {
			wrong++
		}
	}
	if err := printAll(w, all, asJSON); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d things are wrong", wrong, len(all))
	}
	return nil
}

func printAll(w io.Writer, all []Finding, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if all == nil {
			all = []Finding{}
		}
		return e.Encode(all)
	}
	for _, f := range all {
		if err := f.print(w); err != nil {
			return err
		}
	}
	return nil
}

func (f Finding) print(w io.Writer) error {
	mark, text := "ok   ", f.What
	if f.Found != "" {
		text += "\n      " + f.Found
	}
	switch {
	case f.Wrong != "":
		mark = "WRONG"
		text += "\n      wrong: " + f.Wrong
	case f.Found == None:
		mark = "-    "
	}
	if f.Do != "" {
		text += "\n      do: " + f.Do
	}
	_, err := fmt.Fprintf(w, "%s %s\n", mark, text)
	return err
}
