package gs1

import (
	"fmt"
	"slices"
	"strings"
)

// DefaultStem is where GS1's own resolver is.
const DefaultStem = "https://id.gs1.org"

// DigitalLink writes a message as a Digital Link: the first key among its elements and as many qualifiers as it takes in the path,
// the others in the query, those of predefined length first. stem is what goes before the path, "" for DefaultStem. The error is
// that there is no key, or an element that a Digital Link cannot hold.
func (m Message) DigitalLink(stem string) (string, error) {
	if stem == "" {
		stem = DefaultStem
	}
	i := slices.IndexFunc(m.Elements, func(e Element) bool { k := known.entries[e.AI]; return k != nil && k.key })
	if i < 0 {
		return "", fmt.Errorf("%s has no key that a Digital Link could begin with", m.Bracketed())
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(stem, "/"))
	path := m.path(m.Elements[i])
	written := map[AI]bool{}
	for _, e := range path {
		b.WriteString("/" + string(e.AI) + "/" + escapeURI(e.Value))
		written[e.AI] = true
	}
	mark := "?"
	for _, predefined := range []bool{true, false} {
		for _, e := range m.Elements {
			k := known.entries[e.AI]
			if written[e.AI] || (k != nil && k.predefined != predefined) {
				continue
			}
			if k == nil || !k.attribute {
				return "", fmt.Errorf("(%s) cannot stand in a Digital Link of (%s)", e.AI, path[0].AI)
			}
			b.WriteString(mark + string(e.AI) + "=" + escapeURI(e.Value))
			mark, written[e.AI] = "&", true
		}
	}
	return b.String(), nil
}

// path is the key with the longest row of qualifiers that the message has, of those that leave the fewest which can stand nowhere
// else.
func (m Message) path(key Element) []Element {
	best := []Element{key}
	least := m.stranded(best)
	for _, alternative := range known.entries[key.AI].alternatives {
		one := []Element{key}
		for _, ai := range alternative {
			if i := slices.IndexFunc(m.Elements, func(e Element) bool { return e.AI == ai }); i >= 0 {
				one = append(one, m.Elements[i])
			}
		}
		if left := m.stranded(one); left < least || (left == least && len(one) > len(best)) {
			best, least = one, left
		}
	}
	return best
}

// stranded counts the elements that are neither in the path nor allowed in the query.
func (m Message) stranded(path []Element) (count int) {
	for _, e := range m.Elements {
		if k := known.entries[e.AI]; !slices.Contains(path, e) && (k == nil || !k.attribute) {
			count++
		}
	}
	return count
}

// escapeURI writes with percent encoding what is not an unreserved character of RFC 3986.
func escapeURI(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if members[c]&(set64|digits) != 0 || c == '.' || c == '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
