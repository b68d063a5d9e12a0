// Package gs1 reads and writes what is in Meguri's barcodes: GS1 element strings and bare GTINs (GS1 General Specifications,
// sections 5 and 7.8).
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
	GRAI           AI = "8003"
	DatedContainer AI = "91" // on packing lists
	Address        AI = "92" // at a collection fridge's shelf
	Slot           AI = "93" // at a station fridge's slot
	Place          AI = "94" // at the door of a location, collection spot or depot
	Menu           AI = "95" // on a menu card: a step or an answer
)

// separator is FNC1 as readers transmit it; it ends an element of variable length.
const separator = "\x1d"

// maxScan is the length of the longest scan that is looked at: more than any element string that a barcode may hold.
const maxScan = 200

// form says what an element looks like.
type form struct {
	least, most int // characters
	digits      int // that are a key with its check digit
	date        bool
	names       bool // it says what the barcode is on; the others say more about that
}

var forms = map[AI]form{
	SSCC: {least: 18, most: 18, digits: 18, names: true}, GTIN: {least: 14, most: 14, digits: 14, names: true},
	GRAI: {least: 14, most: 30, digits: 14, names: true},
	Lot:  {least: 1, most: 20}, Serial: {least: 1, most: 20},
	Produced: {least: 6, most: 6, date: true}, Packed: {least: 6, most: 6, date: true},
	BestBefore: {least: 6, most: 6, date: true}, Expires: {least: 6, most: 6, date: true},
	DatedContainer: {least: 1, most: 90, names: true}, Address: {least: 1, most: 90, names: true},
	Slot: {least: 1, most: 90, names: true}, Place: {least: 1, most: 90, names: true}, Menu: {least: 1, most: 90, names: true},
}

// Element is one value with its meaning.
type Element struct {
	AI    AI
	Value string
}

// ErrNotGS1 is wrapped by the errors of Parse and One.
var ErrNotGS1 = errors.New("not a GS1 barcode of ours")

// Parse reads a scan as a reader sends it, with or without an AIM symbology identifier in front. With one, it decides: GS1-128,
// GS1 DataMatrix, GS1 QR and GS1 DataBar ("]C1", "]d2", "]Q3", "]e0") hold element strings, EAN and UPC ("]E0", "]E3", "]E4") a
// bare GTIN, and anything else is none of ours. Without one, element strings are tried first. Check digits are checked, and one
// element at least has to say what the barcode is on.
func Parse(scan string) ([]Element, error) {
	if len(scan) > maxScan {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrNotGS1, len(scan), maxScan)
	}
	if !strings.HasPrefix(scan, "]") {
		elements, err := elementString(scan)
		if err != nil {
			if bare, bareErr := bareGTIN(scan); bareErr == nil {
				return bare, nil
			}
		}
		return elements, err
	}
	symbology, rest := scan[:min(3, len(scan))], scan[min(3, len(scan)):]
	switch symbology {
	case "]C1", "]d2", "]Q3", "]e0":
		return elementString(rest)
	case "]E0", "]E4":
		return bareGTIN(rest)
	case "]E3": // with a supplement of 2 or 5 digits
		return bareGTIN(rest[:min(13, len(rest))])
	}
	return nil, fmt.Errorf("%w: symbology %q carries no GS1 data", ErrNotGS1, symbology)
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
		case !forms[e.AI].names:
		case one.AI != "":
			return Element{}, fmt.Errorf("%w: (%s) and (%s) in one barcode", ErrNotGS1, one.AI, e.AI)
		default:
			one = e
		}
	}
	return one, nil
}

func elementString(text string) ([]Element, error) {
	text = strings.TrimPrefix(text, separator)
	var elements []Element
	names := false
	for text != "" {
		var e Element
		var err error
		if e, text, err = next(text); err != nil {
			return nil, err
		}
		names = names || forms[e.AI].names
		elements = append(elements, e)
	}
	switch {
	case len(elements) == 0:
		return nil, fmt.Errorf("%w: empty", ErrNotGS1)
	case !names:
		return nil, fmt.Errorf("%w: (%s) alone does not say of what", ErrNotGS1, elements[0].AI)
	}
	return elements, nil
}

func next(text string) (e Element, rest string, err error) {
	for _, n := range []int{2, 4} {
		if len(text) < n {
			break
		}
		ai := AI(text[:n])
		f, ok := forms[ai]
		if !ok {
			continue
		}
		value := text[n:]
		if f.least == f.most && len(value) > f.most {
			value, rest = value[:f.most], value[f.most:]
		} else {
			value, rest, _ = strings.Cut(value, separator)
		}
		rest = strings.TrimPrefix(rest, separator)
		if len(value) < f.least || len(value) > f.most {
			return e, "", fmt.Errorf("%w: (%s) has %d characters, want %d to %d", ErrNotGS1, ai, len(value), f.least, f.most)
		}
		return Element{ai, value}, rest, f.check(ai, value)
	}
	return e, "", fmt.Errorf("%w: %.10q starts with no application identifier in use", ErrNotGS1, text)
}

func (f form) check(ai AI, value string) error {
	for _, c := range []byte(value) {
		if c < '!' || c > 'z' { // GS1's character set 82 lies in this range
			return fmt.Errorf("%w: (%s) holds character %q", ErrNotGS1, ai, c)
		}
	}
	if f.date && !isDate(value) {
		return fmt.Errorf("%w: (%s) %q is no date, want YYMMDD", ErrNotGS1, ai, value)
	}
	if f.digits == 0 {
		return nil
	}
	if err := CheckKey(value[:f.digits]); err != nil {
		return fmt.Errorf("%w: (%s) %w", ErrNotGS1, ai, err)
	}
	return nil
}

// isDate says whether six characters are YYMMDD, with a month that exists and a day that some month has.
func isDate(value string) bool {
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return value[2:4] >= "01" && value[2:4] <= "12" && value[4:] <= "31"
}

// bareGTIN reads the digits of a GTIN without an application identifier, as EAN, UPC and ITF-14 carry it.
func bareGTIN(text string) ([]Element, error) {
	switch len(text) {
	case 8, 12, 13, 14:
	default:
		return nil, fmt.Errorf("%w: a GTIN of %d digits, want 8, 12, 13 or 14", ErrNotGS1, len(text))
	}
	if err := CheckKey(text); err != nil {
		return nil, fmt.Errorf("%w: GTIN %w", ErrNotGS1, err)
	}
	return []Element{{GTIN, GTIN14(text)}}, nil
}

// Format writes an element string with FNC1 where Parse needs it; the symbology's leading FNC1 is the printer's business.
func Format(elements ...Element) string {
	var b strings.Builder
	for i, e := range elements {
		b.WriteString(string(e.AI) + e.Value)
		if f := forms[e.AI]; i < len(elements)-1 && f.least != f.most {
			b.WriteString(separator)
		}
	}
	return b.String()
}

// CheckKey says what is wrong with the digits of a GTIN, GLN, GRAI (without serial) or SSCC: the last one has to be the
// check digit (GS1 General Specifications, section 7.9.1).
func CheckKey(digits string) error {
	if digits == "" {
		return errors.New("empty: want digits")
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return fmt.Errorf("%q: want digits only", digits)
		}
	}
	body, last := digits[:len(digits)-1], digits[len(digits)-1]
	if want := CheckDigit(body); last != want {
		return fmt.Errorf("%q: check digit %c, want %c", digits, last, want)
	}
	return nil
}

// CheckDigit is the digit that completes a key: weights 3 and 1 from the right.
func CheckDigit(body string) byte {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// GTIN14 writes a GTIN of 8, 12, 13 or 14 digits with 14, as barcodes carry it.
func GTIN14(gtin string) string {
	return strings.Repeat("0", max(0, 14-len(gtin))) + gtin
}
