package gs1

import (
	"fmt"
	"slices"
	"strings"
)

// relations checks what elements say about each other: excluded pairs, required elements, repeated elements, and that what a
// digital signature signs has a serial number (General Specifications, sections 4.13 and 4.14 and the notes to AI 8030).
func (m message) relations() *SyntaxError {
	first := map[AI]field{} // where each identifier occurs first
	for _, f := range m.fields {
		if was, ok := first[f.AI]; !ok {
			first[f.AI] = f
		} else if was.Value != f.Value {
			return &SyntaxError{At: f.at, Rule: "repeated element", AI: f.AI,
				Detail: fmt.Sprintf("is %q here and %q at position %d", f.Value, was.Value, was.at+1)}
		}
	}
	present := make([]field, 0, len(first))
	for _, f := range m.fields {
		if first[f.AI].at == f.at {
			present = append(present, f)
		}
	}
	for _, f := range present {
		if err := f.excluded(present); err != nil {
			return err
		}
	}
	for _, f := range present {
		if err := f.required(present); err != nil {
			return err
		}
	}
	return signed(present)
}

// excluded finds an element that must not be on an item together with this one. None excludes itself.
func (f field) excluded(present []field) *SyntaxError {
	for _, p := range f.entry.never {
		for _, other := range present {
			if other.AI != f.AI && p.has(other.AI) {
				return &SyntaxError{At: f.at, Rule: "excluded pair", AI: f.AI,
					Detail: fmt.Sprintf("must not stand with (%s)", other.AI)}
			}
		}
	}
	return nil
}

func (f field) required(present []field) *SyntaxError {
	for _, n := range f.entry.needs {
		if !slices.ContainsFunc(n.ways, func(way []pattern) bool { return all(way, present) }) {
			return &SyntaxError{At: f.at, Rule: "required element", AI: f.AI, Detail: "needs " + n.words()}
		}
	}
	return nil
}

func all(way []pattern, present []field) bool {
	for _, p := range way {
		if !slices.ContainsFunc(present, func(f field) bool { return p.has(f.AI) }) {
			return false
		}
	}
	return true
}

// words turns 01+21|8006 into (01) with (21), or (8006).
func (n need) words() string {
	text := "(" + strings.NewReplacer("+", ") with (", "|", "), (").Replace(n.text) + ")"
	if i := strings.LastIndex(text, ", "); i >= 0 {
		text = text[:i] + " or" + text[i+1:]
	}
	return text
}

// signed asks for the serial number of the keys that have an optional one.
func signed(present []field) *SyntaxError {
	if !slices.ContainsFunc(present, func(f field) bool { return f.AI == "8030" }) {
		return nil
	}
	for _, f := range present {
		if slices.Contains([]AI{"253", "255", GRAI}, f.AI) && len(f.Value) == f.entry.least {
			return &SyntaxError{At: f.valueAt + f.entry.least, Rule: "required element", AI: f.AI,
				Detail: "needs its serial number where (8030) signs"}
		}
	}
	return nil
}
