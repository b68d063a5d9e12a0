package gs1

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Codes is a table of what barcodes mean that are not GS1's element strings: own labels, EAN, ITF-14, QR with a web address. It is
// read from lines of four words, of which the first that fits a code counts:
//
//	# barcode  meaning    how     what
//	*          container  prefix  BOX-
//	]C0,]A0    shelf      match   ^SHELF-([0-9A-Z-]+)$
//	]E0        weighed    gtin    02
//	]Q1        order      prefix  https://example.jp/o/
//
// The first word is the symbology identifiers that the code may have, or * for any and none. How is prefix (the value is what is
// behind it), match (a regular expression; the value is its first group, or all that it matched) or gtin (a number of 8, 12,
// 13 or 14 digits with its check digit that, filled up to 14, begins with these digits, or * for any; the value has 14 digits).
type Codes struct {
	rows []codeRow
}

type codeRow struct {
	line     int
	carriers []string // nil for any
	meaning  string
	value    func(text string) (string, bool)
}

// Meaning is what a table says of a code.
type Meaning struct {
	Name  string
	Value string
	Line  int // of the table
}

// Element is the element that a code stands for where the meaning is an application identifier, as 92 is for the address of a
// shelf, and the value is one that this may have.
func (m Meaning) Element() (e Element, ok bool) {
	k := known.entries[AI(m.Name)]
	if k == nil {
		return Element{}, false
	}
	if _, rule, _ := k.check(m.Value); rule != "" {
		return Element{}, false
	}
	return Element{k.ai, m.Value}, true
}

// Translate turns a scan that stands for an element by the table into an element string, as Parse and One read it, and leaves
// every other as it is.
func (c *Codes) Translate(scan string) string {
	if m, ok := c.Find(scan); ok {
		if e, ok := m.Element(); ok {
			return Format(e)
		}
	}
	return scan
}

// maxCodes bounds the table: a scan walks through it.
const maxCodes = 1000

// ReadCodes reads a table. Errors name the line.
func ReadCodes(r io.Reader) (*Codes, error) {
	c := &Codes{}
	s := bufio.NewScanner(r)
	for number := 1; s.Scan(); number++ {
		words := strings.Fields(s.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(c.rows) == maxCodes {
			return nil, fmt.Errorf("line %d: more than %d codes", number, maxCodes)
		}
		row, err := readCode(words)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		row.line = number
		c.rows = append(c.rows, row)
	}
	return c, s.Err()
}

func readCode(words []string) (row codeRow, err error) {
	if len(words) != 4 {
		return row, fmt.Errorf("%d words, want barcode, meaning, how (prefix, match or gtin) and what", len(words))
	}
	row.meaning = words[1]
	if words[0] != "*" {
		row.carriers = strings.Split(words[0], ",")
	}
	for _, carrier := range row.carriers {
		if len(carrier) != 3 || carrier[0] != ']' {
			return row, fmt.Errorf("barcode %q: want symbology identifiers like ]E0 with a comma between them, or *", words[0])
		}
	}
	row.value, err = valueOf(words[2], words[3])
	return row, err
}

func valueOf(how, what string) (func(string) (string, bool), error) {
	switch how {
	case "prefix":
		return func(text string) (string, bool) { return strings.CutPrefix(text, what) }, nil
	case "match":
		expression, err := regexp.Compile(what)
		if err != nil {
			return nil, fmt.Errorf("expression %q: %w", what, err)
		}
		return func(text string) (string, bool) { return matched(expression, text) }, nil
	case "gtin":
		leading := strings.TrimPrefix(what, "*")
		if leading != "" && !allDigits(leading) {
			return nil, fmt.Errorf("%q: want the leading digits of a GTIN of 14, or *", what)
		}
		return func(text string) (string, bool) {
			var m message
			if m.bareGTIN(text, 0) != nil {
				return "", false
			}
			return m.fields[0].Value, strings.HasPrefix(m.fields[0].Value, leading)
		}, nil
	}
	return nil, fmt.Errorf("how is %q, want prefix, match or gtin", how)
}

func matched(expression *regexp.Regexp, text string) (string, bool) {
	m := expression.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return m[min(1, len(m)-1)], true
}

// Find says what a code means by the table. Element strings and Digital Links that are right are GS1's and never in it.
func (c *Codes) Find(code string) (Meaning, bool) {
	if c == nil || len(code) > MaxCode {
		return Meaning{}, false
	}
	identifier, text := "", code
	if strings.HasPrefix(code, "]") && len(code) >= 3 {
		identifier, text = code[:3], code[3:]
	}
	switch carrierOf(identifier) {
	case elementCarrier:
		return Meaning{}, false
	case linkCarrier, otherCarrier:
		if _, err := Read(code); err == nil {
			return Meaning{}, false
		}
	}
	for _, row := range c.rows {
		if !row.fits(identifier) {
			continue
		}
		if value, ok := row.value(text); ok {
			return Meaning{row.meaning, value, row.line}, true
		}
	}
	return Meaning{}, false
}

func (r codeRow) fits(identifier string) bool {
	return r.carriers == nil || slices.Contains(r.carriers, identifier)
}
