// Package label draws labels with GS1 barcodes, as ZPL for label printers and as PDF for sheets. DESIGN.md says how and why.
package label

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"meguri/internal/gs1"
)

// Kind is what a label is stuck to.
type Kind string

// The kinds of labels.
const (
	Item      Kind = "item"      // a piece: GTIN and serial number
	Shelf     Kind = "shelf"     // a place: GLN with or without extension, or our own address, slot or place
	Bag       Kind = "bag"       // a logistic unit: SSCC
	Container Kind = "container" // a returnable asset: GRAI with serial number
	Shipper   Kind = "shipper"   // likewise
	Badge     Kind = "badge"     // of a person in a warehouse: our own number
)

// form says what a kind's barcode has to hold and how it is drawn.
type form struct {
	one    []gs1.AI // of these exactly one
	too    gs1.AI   // and this, if it is not ""
	linear bool     // GS1-128, which scanners of carriers read; the others are GS1 DataMatrix
}

var forms = map[Kind]form{
	Item:      {one: []gs1.AI{gs1.GTIN}, too: gs1.Serial},
	Shelf:     {one: []gs1.AI{gs1.GLN, gs1.Address, gs1.Slot, gs1.Place}},
	Bag:       {one: []gs1.AI{gs1.SSCC}, linear: true},
	Container: {one: []gs1.AI{gs1.GRAI}},
	Shipper:   {one: []gs1.AI{gs1.GRAI}},
	Badge:     {one: []gs1.AI{gs1.Badge}},
}

// graiKind is the length of a GRAI that names a kind of asset and no single one.
const graiKind = 14

// Bounds of the words on a label.
const (
	maxLines = 6
	maxRunes = 80 // of a line
)

// Label is one label: what its barcode says and what people read.
type Label struct {
	Kind    Kind
	Message gs1.Message
	Lines   []string
}

// New makes a label from a code in any form that gs1.Read takes. Errors say what the kind's barcode has to hold, which rule of GS1
// the code breaks, or which character of the words cannot be printed.
func New(kind Kind, code string, lines ...string) (Label, error) {
	f, ok := forms[kind]
	if !ok {
		return Label{}, fmt.Errorf("kind %q: want item, shelf, bag, container, shipper or badge", kind)
	}
	m, err := gs1.Read(code)
	if err != nil {
		return Label{}, fmt.Errorf("code %.100q: %w", code, err)
	}
	if err := f.check(m); err != nil {
		return Label{}, fmt.Errorf("%s label with %s: %w", kind, m.Bracketed(), err)
	}
	if len(lines) > maxLines {
		return Label{}, fmt.Errorf("%d lines of words, at most %d", len(lines), maxLines)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > maxRunes {
			return Label{}, fmt.Errorf("%.30q…: more than %d characters in a line", line, maxRunes)
		}
		if err := printable(line); err != nil {
			return Label{}, fmt.Errorf("%q: %w", line, err)
		}
	}
	return Label{Kind: kind, Message: m, Lines: lines}, nil
}

func (f form) check(m gs1.Message) error {
	has := map[gs1.AI]string{}
	for _, e := range m.Elements {
		has[e.AI] = e.Value
	}
	found := 0
	for _, ai := range f.one {
		if _, ok := has[ai]; ok {
			found++
		}
	}
	if found != 1 {
		return fmt.Errorf("want one of %s", strings.Trim(fmt.Sprint(f.one), "[]"))
	}
	if _, ok := has[f.too]; !ok && f.too != "" {
		return fmt.Errorf("want (%s) as well", f.too)
	}
	if grai, ok := has[gs1.GRAI]; ok && len(grai) == graiKind {
		return errors.New("the GRAI has no serial number: all of its kind would have the same label")
	}
	return nil
}

// readable are the lines that say for people what the barcode does, an element a line (General Specifications, section 4.15).
func (l Label) readable() []string {
	lines := make([]string, len(l.Message.Elements))
	for i, e := range l.Message.Elements {
		lines[i] = "(" + string(e.AI) + ") " + e.Value
	}
	return lines
}
