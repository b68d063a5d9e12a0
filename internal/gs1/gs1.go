// Package gs1 reads and writes what is in barcodes: GS1 element strings with their symbology identifiers, the bracketed form for
// people, Digital Links, URNs of the EPC Tag Data Standard, and codes that are not GS1's. DESIGN.md says by which rules.
package gs1

import (
	"errors"
	"fmt"
	"strings"
)

// AI is an application identifier, the number that says what an element means.
type AI string

// Application identifiers that Meguri's labels and the products of shops carry. 91 to 99 are a company's own, and these are
// Meguri's uses of them.
const (
	SSCC           AI = "00"
	GTIN           AI = "01"
	Lot            AI = "10"
	Produced       AI = "11" // dates are YYMMDD; day 00 is the end of the month
	Packed         AI = "13"
	BestBefore     AI = "15"
	Expires        AI = "17"
	Serial         AI = "21"
	GLNExtension   AI = "254"
	GLN            AI = "414" // of a place
	Party          AI = "417" // GLN of an organisation
	GRAI           AI = "8003"
	GIAI           AI = "8004"
	DatedContainer AI = "91" // on packing lists
	Address        AI = "92" // at a collection fridge's shelf
	Slot           AI = "93" // at a station fridge's slot
	Place          AI = "94" // at the door of a location, collection spot or depot
	Menu           AI = "95" // on a menu card: a step or an answer
	Badge          AI = "96" // of a person in a warehouse
	Batch          AI = "97" // a cleaning batch, or a repair work order
	Tote           AI = "98" // a numbered box that an order is picked into
)

// separator is FNC1 as readers transmit it; it ends an element of variable length.
const separator = "\x1d"

// maxScan is the length of the longest scan that a device looks at: more than a label on a product or box holds.
const maxScan = 400

// Element is one value with its meaning.
type Element struct {
	AI    AI
	Value string
}

// ErrNotGS1 is wrapped by the errors of Parse, One and Read.
var ErrNotGS1 = errors.New("not a GS1 barcode of ours")

// names says whether an element tells what the barcode is on; the others say more about that.
func (ai AI) names() bool {
	switch ai {
	case SSCC, GTIN, GRAI, DatedContainer, Address, Slot, Place, Menu, Badge, Batch, Tote:
		return true
	}
	return false
}

// Parse reads a scan as a reader sends it, with or without an AIM symbology identifier in front. With one, it decides what the
// text is; without one, element strings are tried first, then the digits of a bare GTIN. Every element is checked, and one at
// least has to say what the barcode is on. It takes what Read does and more: at a fridge nobody can reprint a label, so a
// separator in front, an EAN with or without its leading zeros and elements that lack a companion are no reason to refuse.
func Parse(scan string) ([]Element, error) {
	if len(scan) > maxScan {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrNotGS1, len(scan), maxScan)
	}
	m, err := parse(scan)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotGS1, err)
	}
	for _, f := range m.fields {
		if f.AI.names() {
			return m.public().Elements, nil
		}
	}
	return nil, fmt.Errorf("%w: (%s) alone does not say of what", ErrNotGS1, m.fields[0].AI)
}

func parse(scan string) (m message, err *SyntaxError) {
	if !strings.HasPrefix(scan, "]") {
		if err = m.readElements(strings.TrimPrefix(scan, separator), 0); err != nil || !m.names() {
			var bare message
			if bare.bareGTIN(scan, 0) == nil {
				return bare, nil
			}
			if long, err := ExpandUPCE(scan); err == nil && bare.bareGTIN(long, 0) == nil {
				return bare, nil
			}
		}
		return m, err
	}
	switch identifier, rest := scan[:min(3, len(scan))], scan[min(3, len(scan)):]; carrierOf(identifier) {
	case elementCarrier:
		return m, m.readElements(strings.TrimPrefix(rest, separator), 3)
	case ean13Carrier:
		if long, err := ExpandUPCE(rest); err == nil { // some readers leave the zeros out here
			rest = long
		}
		return m, m.bareGTIN(rest, 3)
	case ean8Carrier:
		return m, m.bareGTIN(rest, 3)
	case supplementedEAN: // of 2 or 5 digits
		return m, m.bareGTIN(rest[:min(13, len(rest))], 3)
	}
	return readScan(scan)
}

func (m message) names() bool {
	for _, f := range m.fields {
		if f.AI.names() {
			return true
		}
	}
	return false
}

// bareGTIN reads the digits of a GTIN without an application identifier, with or without the zeros that fill it up.
func (m *message) bareGTIN(text string, base int) *SyntaxError {
	switch len(text) {
	case 8, 12, 13, 14:
		return m.readGTIN(text, len(text))
	}
	return wrong(base, "length", "a GTIN of %d digits, want 8, 12, 13 or 14", len(text))
}

// One gives the element that says what a barcode is on: a label of ours, a box, a product with or without its lot and dates.
func One(scan string) (Element, error) {
	elements, err := Parse(scan)
	if err != nil {
		return Element{}, err
	}
	var one Element
	for _, e := range elements {
		switch {
		case !e.AI.names():
		case one.AI != "":
			return Element{}, fmt.Errorf("%w: (%s) and (%s) in one barcode", ErrNotGS1, one.AI, e.AI)
		default:
			one = e
		}
	}
	return one, nil
}

// Format writes an element string with FNC1 where a reader needs it; the symbology's leading FNC1 is the printer's business.
// What is in the elements is not checked: see Check.
func Format(elements ...Element) string {
	var b strings.Builder
	for i, e := range elements {
		b.WriteString(string(e.AI) + e.Value)
		if known := known.entries[e.AI]; i < len(elements)-1 && (known == nil || !known.predefined) {
			b.WriteString(separator)
		}
	}
	return b.String()
}

// Check says what is wrong with elements that are to be written, of which kind is said at SyntaxError. Its At counts the bytes
// of their bracketed form.
func Check(elements ...Element) error {
	_, err := Read(Message{Elements: elements}.Bracketed())
	return err
}
