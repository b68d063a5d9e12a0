package gs1

import (
	"fmt"
	"strings"
)

// MaxCode is the length in bytes of the longest code that is looked at: more than any barcode holds.
const MaxCode = 8191

// SyntaxError is what is wrong with a code. It wraps ErrNotGS1.
type SyntaxError struct {
	At     int    // byte of the code, from 0, where the rule is broken; the length of the code where something is missing
	Rule   string // in a word or two: check digit, required element, separator, …
	AI     AI     // of the element, "" where it is about no element
	Detail string // what is there and what is wanted
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("position %d: %s", e.At+1, e.Reason())
}

// Reason is the error without its position, for those who count positions differently.
func (e *SyntaxError) Reason() string {
	if e.AI == "" {
		return e.Rule + ": " + e.Detail
	}
	return fmt.Sprintf("%s: (%s) %s", e.Rule, e.AI, e.Detail)
}

// Is makes every SyntaxError an ErrNotGS1.
func (e *SyntaxError) Is(target error) bool { return target == ErrNotGS1 }

func wrong(at int, rule, format string, args ...any) *SyntaxError {
	return &SyntaxError{At: at, Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

// Message is what one code says.
type Message struct {
	Elements []Element

	// Linear is how many of the elements the linear part of a composite symbol holds; the others are in its 2D part. 0 means
	// that the symbol has no parts.
	Linear int
}

// field is an element with where it stands.
type field struct {
	Element
	entry   *entry
	at      int    // byte of the code where its identifier begins
	valueAt int    // and where its value does
	escape  escape // how the value is written in the code
	inPath  bool   // of a Digital Link
}

// escape is how characters of a value are written that would mean something else.
type escape uint8

const (
	plain     escape = iota
	backslash        // \( in the bracketed form
	percented        // %28 in a Digital Link
)

// message is a Message on the way to being believed.
type message struct {
	fields []field
	linear int
}

func (m message) public() Message {
	out := Message{Elements: make([]Element, len(m.fields)), Linear: m.linear}
	for i, f := range m.fields {
		out.Elements[i] = f.Element
	}
	return out
}

// add checks a value and appends its element. raw is the value as the code has it.
func (m *message) add(f field, raw string) *SyntaxError {
	if at, rule, detail := f.entry.check(f.Value); rule != "" {
		if len(f.Value) > f.entry.most && f.escape == plain {
			detail += "; is a separator (FNC1) missing?"
		}
		return &SyntaxError{At: f.valueAt + origin(raw, at, f.escape), Rule: rule, AI: f.AI, Detail: detail}
	}
	m.fields = append(m.fields, f)
	return nil
}

// origin says where in the escaped text the character stands that has this place in the plain one.
func origin(raw string, at int, how escape) int {
	if how == plain {
		return at
	}
	i := 0
	for range at {
		switch {
		case how == backslash && strings.HasPrefix(raw[min(i, len(raw)):], `\(`):
			i += 2
		case how == percented && escaped(raw[min(i, len(raw)):]):
			i += 3
		default:
			i++
		}
	}
	return min(i, len(raw))
}

func escaped(text string) bool {
	if text == "" || text[0] != '%' {
		return false
	}
	_, ok := hexByte(text[1:])
	return ok
}

// Read reads a code in any of the three forms: scan data with its symbology identifier in front, which begins with ], a bracketed
// element string, which begins with (, or a Digital Link, which begins with http. The errors are of type *SyntaxError.
func Read(code string) (Message, error) {
	m, err := read(code)
	if err == nil {
		err = m.relations()
	}
	if err != nil {
		return Message{}, err
	}
	return m.public(), nil
}

func read(code string) (message, *SyntaxError) {
	switch {
	case len(code) > MaxCode:
		return message{}, wrong(MaxCode, "length", "%d bytes, at most %d are read", len(code), MaxCode)
	case code == "":
		return message{}, wrong(0, "empty", "there is no code")
	case code[0] == ']':
		return readScan(code)
	case code[0] == '(':
		return readBracketed(code)
	case isLink(code):
		return readLink(code, 0)
	}
	return message{}, wrong(0, "symbology identifier",
		"a code begins with one (]C1, ]d2, ]Q3, …), with ( or with https://; this begins with %q", character(code, 0))
}

// Bracketed is the canonical bracketed form: identifiers in brackets, values behind them, ( in a value as \(, and | between the
// parts of a composite symbol.
func (m Message) Bracketed() string {
	var b strings.Builder
	for i, e := range m.Elements {
		if i > 0 && i == m.Linear {
			b.WriteByte('|')
		}
		b.WriteString("(" + string(e.AI) + ")" + strings.ReplaceAll(e.Value, "(", `\(`))
	}
	return b.String()
}
