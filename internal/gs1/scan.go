package gs1

import (
	"strings"
)

// carrier is what a barcode with a symbology identifier holds (General Specifications, section 7.7; ISO/IEC 15424).
type carrier uint8

const (
	otherCarrier    carrier = iota
	elementCarrier          // an element string
	linkCarrier             // plain text, which may be a Digital Link
	ean13Carrier            // 13 digits: EAN-13, and UPC-A and UPC-E filled up with zeros in front
	ean8Carrier             // 8 digits
	supplementedEAN         // 13 digits and those of the supplement
	itfCarrier              // 14 digits
)

func carrierOf(identifier string) carrier {
	switch identifier {
	case "]C1", "]e0", "]d2", "]Q3", "]J1":
		return elementCarrier
	case "]d1", "]Q1", "]J0":
		return linkCarrier
	case "]E0":
		return ean13Carrier
	case "]E3":
		return supplementedEAN
	case "]E4":
		return ean8Carrier
	case "]I0", "]I1":
		return itfCarrier
	}
	return otherCarrier
}

// compositePart divides an EAN or UPC from the 2D part of a composite symbol, which is a message of its own.
const compositePart = "|]e0"

func readScan(code string) (m message, err *SyntaxError) {
	if len(code) < 3 {
		return m, wrong(len(code), "symbology identifier", "ends after %q, want ] with a letter and a digit", code)
	}
	data := code[3:]
	switch carrierOf(code[:3]) {
	case elementCarrier:
		return m, m.readElements(data, 3)
	case linkCarrier:
		if isLink(data) {
			return readLink(code, 3)
		}
		return m, wrong(0, "symbology identifier", "%s is for plain text, and this is no Digital Link", code[:3])
	case ean13Carrier:
		return m, m.readEAN(data, 13)
	case ean8Carrier:
		return m, m.readEAN(data, 8)
	case supplementedEAN:
		if len(data) != 13+2 && len(data) != 13+5 {
			return m, wrong(len(code), "length", "%d digits, want 13 and a supplement of 2 or 5", len(data))
		}
		if i := strings.IndexFunc(data, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			return m, wrong(3+i, "character set", "holds %q, want digits", data[i:i+1])
		}
		return m, m.readGTIN(data[:13], 13)
	case itfCarrier:
		return m, m.readGTIN(data, 14)
	}
	return m, wrong(0, "symbology identifier", "%q is of no barcode with GS1 data", code[:3])
}

func (m *message) readEAN(data string, size int) *SyntaxError {
	primary, part, composite := data, "", false
	if len(data) > size && strings.HasPrefix(data[size:], compositePart) {
		primary, part, composite = data[:size], data[size+len(compositePart):], true
	}
	if err := m.readGTIN(primary, size); err != nil || !composite {
		return err
	}
	m.linear = 1
	return m.readElements(part, 3+size+len(compositePart))
}

// readGTIN reads the digits that stand alone in a barcode, as element (01).
func (m *message) readGTIN(data string, size int) *SyntaxError {
	if len(data) != size {
		return wrong(3+min(len(data), size), "length", "%d digits, want %d", len(data), size)
	}
	if at, detail := keyDigit(data); detail != "" {
		rule := checkDigit.name
		if !allDigits(data) {
			rule = "character set"
		}
		return wrong(3+at, rule, "%s", detail)
	}
	e := known.entries[GTIN]
	f := field{Element: Element{GTIN, GTIN14(data)}, entry: e, at: 3, valueAt: 3}
	m.fields = append(m.fields, f)
	return nil
}
