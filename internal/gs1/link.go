package gs1

import (
	"fmt"
	"slices"
	"strings"
)

// Digital Links, by the GS1 Digital Link Standard: URI Syntax, release 1.6. Names instead of numbers (/gtin/) and GTINs of fewer than 14
// digits, which releases before 1.3 allowed, are errors as they are there.

var schemes = []string{"https://", "HTTPS://", "http://", "HTTP://"}

// isLink says whether a text is meant as a web address.
func isLink(text string) bool {
	return slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(text, s) })
}

// Characters of RFC 3986: those a URI may have, and those of them that no name of a host has.
const (
	uriMarks  = "-._~:/?#[]@!$&'()*+,;=%"
	hostLacks = "_~?#@!$&'()*+,;=%"
)

// readLink reads the Digital Link that begins at this byte of the code: what stands in its path from the last key on, and the
// numbers among the parameters of its query. What is before the key and all other parameters is anybody's.
func readLink(code string, start int) (m message, err *SyntaxError) {
	for i := start; i < len(code); i++ {
		c := code[i]
		if members[c]&(set64|digits) == 0 && strings.IndexByte(uriMarks, c) < 0 {
			return m, wrong(i, "URI", "holds %q, which no URI may", character(code, i))
		}
	}
	host := strings.Index(code[start:], "://") + start + len("://")
	slash := strings.IndexByte(code[host:], '/')
	if i := strings.IndexAny(code[host:max(host, host+slash)], hostLacks); i >= 0 {
		return m, wrong(host+i, "URI", "has %q in the name of the host", code[host+i:host+i+1])
	}
	if slash < 1 {
		return m, wrong(host, "URI", "has no host with a path behind it")
	}
	end := len(code)
	if i := strings.IndexByte(code[host:], '#'); i >= 0 { // a fragment is for the browser
		end = host + i
	}
	query := end
	if i := strings.IndexByte(code[host:end], '?'); i >= 0 {
		query = host + i
	}
	if err := m.readPath(code[:query], host+slash); err != nil {
		return m, err
	}
	if query < end {
		if err := m.readQuery(code[:end], query+1); err != nil {
			return m, err
		}
	}
	return m, m.linkRules()
}

// segment is a piece of the path between slashes.
type segment struct {
	at   int
	text string
}

// readPath finds the last key in the path, from the end, and reads the pairs from there on.
func (m *message) readPath(code string, slash int) *SyntaxError {
	var segments []segment
	for at := slash + 1; at <= len(code); {
		text, _, _ := strings.Cut(code[at:], "/")
		segments = append(segments, segment{at, text})
		at += len(text) + 1
	}
	i := len(segments) - 2
	for ; i >= 0; i -= 2 {
		e := known.entries[AI(segments[i].text)]
		if e == nil {
			i = -1
		} else if e.key {
			break
		}
	}
	if i < 0 {
		return noKey(segments, len(code))
	}
	for ; i < len(segments); i += 2 {
		if err := m.addLinked(segments[i], segments[i+1], false); err != nil {
			return err
		}
	}
	return nil
}

// noKey says why there is none, as well as can be told.
func noKey(segments []segment, end int) *SyntaxError {
	last := segments[len(segments)-1]
	if n := len(segments); n > 1 && last.text == "" {
		last = segments[n-2]
	}
	for i := len(segments) - 1; i > 0; i-- {
		if e := known.entries[AI(segments[i-1].text)]; e != nil && e.key {
			return wrong(segments[len(segments)-1].at, "Digital Link key",
				"after the key (%s) the path is not in pairs of application identifier and value", e.ai)
		}
	}
	if _, detail := set64.check(last.text); detail == "" && len(last.text) >= 10 && !allDigits(last.text) {
		return wrong(last.at, "Digital Link key", "there is none in the path; compressed Digital Links are not read")
	}
	return wrong(min(last.at, end), "Digital Link key", "there is none in the path: want /01/GTIN or another key of GS1")
}

func (m *message) readQuery(code string, at int) *SyntaxError {
	for at < len(code) {
		parameter, _, _ := strings.Cut(code[at:], "&")
		name, value, ok := strings.Cut(parameter, "=")
		if ok && name == "" {
			return wrong(at, "URI", "has a parameter without a name")
		}
		if ok && allDigits(name) {
			if known.entries[AI(name)] == nil {
				return wrong(at, "application identifier", "there is none %q, and other parameters are not numbers", shortened(name))
			}
			if err := m.addLinked(segment{at, name}, segment{at + len(name) + 1, value}, true); err != nil {
				return err
			}
		}
		at += len(parameter) + 1
	}
	return nil
}

func (m *message) addLinked(ai, raw segment, query bool) *SyntaxError {
	e := known.entries[AI(ai.text)]
	if e == nil {
		return wrong(ai.at, "application identifier", "there is none %q", shortened(ai.text))
	}
	value, null := unescape(raw.text, query)
	if null >= 0 {
		return &SyntaxError{At: raw.at + null, Rule: "URI", AI: e.ai, Detail: "holds the character 0"}
	}
	f := field{Element: Element{e.ai, value}, entry: e, at: ai.at, valueAt: raw.at, escape: percented, inPath: !query}
	return m.add(f, raw.text)
}

// unescape undoes percent encoding, and in a query the + for a blank. A % with no two hexadecimal digits behind it stays, as in
// GS1's reference: it is a character that values may have. null is where the character 0 is written, or -1.
func unescape(text string, query bool) (plain string, null int) {
	if !strings.ContainsAny(text, "%+") {
		return text, -1
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch v, ok := hexByte(text[i+1:]); {
		case c == '%' && ok && v == 0:
			return "", i
		case c == '%' && ok:
			b.WriteByte(v)
			i += 2
		case c == '+' && query:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), -1
}

// linkRules are what a Digital Link adds: no element twice, qualifiers that belong to the key in their order, and in the query only
// attributes.
func (m message) linkRules() *SyntaxError {
	at := map[AI]int{}
	var path []AI
	for i, f := range m.fields {
		if was, ok := at[f.AI]; ok {
			return &SyntaxError{At: f.at, Rule: "repeated element", AI: f.AI,
				Detail: fmt.Sprintf("stands at position %d too", m.fields[was].at+1)}
		}
		at[f.AI] = i
		if f.inPath {
			path = append(path, f.AI)
		}
	}
	key := m.fields[0].entry
	if i := key.misplaced(path[1:]); i >= 0 {
		f := m.fields[i+1]
		return &SyntaxError{At: f.at, Rule: "key and qualifiers", AI: f.AI, Detail: "cannot stand here after (" +
			string(key.ai) + "): " + key.qualifiers()}
	}
	for _, f := range m.fields[len(path):] {
		switch {
		case !f.entry.attribute:
			return &SyntaxError{At: f.at, Rule: "attribute", AI: f.AI, Detail: "cannot be a parameter of a Digital Link"}
		case key.takes(path[1:], f.AI):
			return &SyntaxError{At: f.at, Rule: "attribute", AI: f.AI, Detail: "qualifies (" + string(key.ai) + "): it belongs in the path"}
		}
	}
	return nil
}

// misplaced gives the first qualifier that no alternative of the key has there, or -1.
func (e *entry) misplaced(qualifiers []AI) int {
	for size := 1; size <= len(qualifiers); size++ {
		if !slices.ContainsFunc(e.alternatives, func(a []AI) bool { return inOrder(a, qualifiers[:size]) }) {
			return size - 1
		}
	}
	return -1
}

// takes says whether the key would have this one in the path among these.
func (e *entry) takes(qualifiers []AI, ai AI) bool {
	return slices.ContainsFunc(e.alternatives, func(a []AI) bool { return slices.Contains(a, ai) && inOrder(a, qualifiers) })
}

// inOrder says whether some occur in all in the same order.
func inOrder(all, some []AI) bool {
	for _, ai := range all {
		if len(some) > 0 && some[0] == ai {
			some = some[1:]
		}
	}
	return len(some) == 0
}

func (e *entry) qualifiers() string {
	if len(e.alternatives) == 0 {
		return "it takes no qualifiers"
	}
	var all []string
	for _, alternative := range e.alternatives {
		var one []string
		for _, ai := range alternative {
			one = append(one, "("+string(ai)+")")
		}
		all = append(all, strings.Join(one, " "))
	}
	return "it takes, in this order, " + strings.Join(all, " or ")
}
