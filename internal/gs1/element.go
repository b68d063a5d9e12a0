package gs1

import "strings"

// readElements reads an element string (General Specifications, section 7.8.6): identifiers and values one behind the other, a
// separator where a value has no predefined length and something follows. A separator behind one of predefined length, or at the
// end, is needless and no error. base is where the text begins in the code.
func (m *message) readElements(text string, base int) *SyntaxError {
	if text == "" {
		return wrong(base, "empty", "there are no elements")
	}
	for i := 0; i < len(text); {
		e := known.at(text[i:])
		if e == nil {
			return noIdentifier(text, i, base)
		}
		start := i + len(e.ai)
		end, next := e.end(text, start)
		f := field{Element: Element{e.ai, text[start:end]}, entry: e, at: base + i, valueAt: base + start}
		if err := m.add(f, f.Value); err != nil {
			return err
		}
		i = next
	}
	return nil
}

// end says where a value ends and where the next identifier begins.
func (e *entry) end(text string, start int) (end, next int) {
	end = len(text)
	if i := strings.IndexByte(text[start:], separator[0]); i >= 0 {
		end = start + i
	}
	if e.predefined {
		end = min(end, start+e.most)
	}
	if end < len(text) && text[end] == separator[0] {
		return end, end + 1
	}
	return end, end
}

func noIdentifier(text string, i, base int) *SyntaxError {
	rest := text[i:min(len(text), i+4)]
	if rest[0] == separator[0] {
		return wrong(base+i, "separator", "there is a separator (FNC1) where an application identifier begins")
	}
	return wrong(base+i, "application identifier", "none begins with %q", rest)
}

// readBracketed reads the form for people: each identifier in brackets before its value. An opening bracket within a value is
// written \(, a closing one as it is. The parts of a composite symbol are divided by |, which no value may hold.
func readBracketed(code string) (m message, err *SyntaxError) {
	linear, rest, composite := strings.Cut(code, "|")
	if err := m.bracketed(linear, 0); err != nil || !composite {
		return m, err
	}
	m.linear = len(m.fields)
	return m, m.bracketed(rest, len(linear)+1)
}

func (m *message) bracketed(text string, base int) *SyntaxError {
	if text == "" {
		return wrong(base, "empty", "there are no elements")
	}
	for i := 0; i < len(text); {
		if text[i] != '(' { // only at the start: values end where a bracket opens
			return wrong(base+i, "brackets", "has %q where ( begins an application identifier", text[i:i+1])
		}
		size := strings.IndexByte(text[i:], ')')
		if size < 0 {
			return wrong(base+i, "brackets", "this ( has no )")
		}
		ai := AI(text[i+1 : i+size])
		e := known.entries[ai]
		if e == nil {
			return wrong(base+i+1, "application identifier", "there is none %q", shortened(string(ai)))
		}
		start := i + size + 1
		raw := text[start : start+valueSize(text[start:])]
		value := strings.ReplaceAll(raw, `\(`, "(")
		f := field{Element: Element{ai, value}, entry: e, at: base + i, valueAt: base + start, escape: backslash}
		if err := m.add(f, raw); err != nil {
			return err
		}
		i = start + len(raw)
	}
	return nil
}

// valueSize is how far a value goes: to the next ( that is not escaped.
func valueSize(text string) int {
	for i := range len(text) {
		if text[i] == '(' && (i == 0 || text[i-1] != '\\') {
			return i
		}
	}
	return len(text)
}

// shortened keeps errors short, whatever was scanned.
func shortened(text string) string {
	if len(text) > 20 {
		return text[:20] + "…"
	}
	return text
}
