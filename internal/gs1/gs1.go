// Package gs1 reads and writes what is in Meguri's barcodes: GS1 element strings (GS1 General Specifications, section 7.8).
package gs1

import (
	"errors"
	"fmt"
	"strings"
)

// AI is an application identifier, the number that says what an element means.
type AI string

// Application identifiers that Meguri's labels carry. 91 to 99 are a company's own, and these are Meguri's uses of them.
const (
	SSCC           AI = "00"
	GTIN           AI = "01"
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

// maxScan is the length of the longest element string that a barcode may hold.
const maxScan = 200

// lengths gives the least and greatest number of characters of an element.
var lengths = map[AI]struct{ least, most int }{
	SSCC: {18, 18}, GTIN: {14, 14}, Serial: {1, 20}, GRAI: {14, 30},
	DatedContainer: {1, 90}, Address: {1, 90}, Slot: {1, 90}, Place: {1, 90}, Menu: {1, 90},
}

// Element is one value with its meaning.
type Element struct {
	AI    AI
	Value string
}

// ErrNotGS1 is wrapped by the errors of Parse.
var ErrNotGS1 = errors.New("not a GS1 barcode of ours")

// Parse reads an element string as a reader sends it, with or without an AIM symbology identifier in front ("]C1", "]d2",
// "]Q3", "]e0"). Check digits are checked.
func Parse(scan string) ([]Element, error) {
	if len(scan) > maxScan {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrNotGS1, len(scan), maxScan)
	}
	rest := scan
	if strings.HasPrefix(rest, "]") && len(rest) >= 3 {
		rest = rest[3:]
	}
	rest = strings.TrimPrefix(rest, separator)
	var elements []Element
	for rest != "" {
		var e Element
		var err error
		if e, rest, err = next(rest); err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	if len(elements) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrNotGS1)
	}
	return elements, nil
}

func next(text string) (e Element, rest string, err error) {
	for _, n := range []int{2, 4} {
		if len(text) < n {
			break
		}
		ai := AI(text[:n])
		length, ok := lengths[ai]
		if !ok {
			continue
		}
		value := text[n:]
		if length.least == length.most && len(value) > length.most {
			value, rest = value[:length.most], value[length.most:]
		} else {
			value, rest, _ = strings.Cut(value, separator)
		}
		rest = strings.TrimPrefix(rest, separator)
		if len(value) < length.least || len(value) > length.most {
			return e, "", fmt.Errorf("%w: (%s) has %d characters, want %d to %d", ErrNotGS1, ai, len(value), length.least, length.most)
		}
		return Element{ai, value}, rest, check(ai, value)
	}
	return e, "", fmt.Errorf("%w: %.10q starts with no application identifier in use", ErrNotGS1, text)
}

func check(ai AI, value string) error {
	for _, c := range []byte(value) {
		if c < '!' || c > 'z' { // GS1's character set 82 lies in this range
			return fmt.Errorf("%w: (%s) holds character %q", ErrNotGS1, ai, c)
		}
	}
	digits := map[AI]int{SSCC: 18, GTIN: 14, GRAI: 14}[ai]
	if digits == 0 {
		return nil
	}
	if err := CheckKey(value[:digits]); err != nil {
		return fmt.Errorf("%w: (%s) %w", ErrNotGS1, ai, err)
	}
	return nil
}

// Format writes an element string with FNC1 where Parse needs it; the symbology's leading FNC1 is the printer's business.
func Format(elements ...Element) string {
	var b strings.Builder
	for i, e := range elements {
		b.WriteString(string(e.AI) + e.Value)
		if l := lengths[e.AI]; i < len(elements)-1 && l.least != l.most {
			b.WriteString(separator)
		}
	}
	return b.String()
}

// One gives the value of a barcode that holds a single element, such as a label of ours.
func One(scan string) (Element, error) {
	elements, err := Parse(scan)
	if err != nil {
		return Element{}, err
	}
	return elements[0], nil
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
