package gs1

import (
	"fmt"
	"strings"
)

// entry is what the specifications say of one application identifier. The rows are in table.go.
type entry struct {
	ai    AI
	title string
	parts []part

	// predefined elements end after their length without a separator (General Specifications, figure 7.8.5-2).
	predefined bool

	// attribute elements may stand in the query of a Digital Link (its standard's section 4.10).
	attribute bool

	// key elements begin the path of a Digital Link; after one come elements of one of the alternatives, in their order.
	key          bool
	alternatives [][]AI

	// needs are the elements that have to be on the item as well: of each need one way, with all of its patterns.
	needs []need

	// never are elements that must not be on the same item.
	never []pattern

	least, most int // characters of the whole value
}

// part is one component of a value.
type part struct {
	set         charset
	least, most int // characters
	optional    bool
	rules       []rule
}

// pattern names application identifiers by their first digits and their length: 31nn is 3100 to 3199.
type pattern struct {
	digits string
	length int
}

func (p pattern) has(ai AI) bool {
	return len(ai) == p.length && strings.HasPrefix(string(ai), p.digits)
}

// need is satisfied when all patterns of one of its ways are.
type need struct {
	ways [][]pattern
	text string // as the table has it
}

// The parts of table.go: n is numeric, x of character set 82, y of 39 and z of 64; upTo makes the length the longest that is
// allowed, perhaps lets a component be missing.
func n(size int, rules ...rule) part { return part{set: digits, least: size, most: size, rules: rules} }
func x(size int, rules ...rule) part { return part{set: set82, least: size, most: size, rules: rules} }
func y(size int, rules ...rule) part { return part{set: set39, least: size, most: size, rules: rules} }
func z(size int, rules ...rule) part { return part{set: set64, least: size, most: size, rules: rules} }

func upTo(p part) part    { p.least = 1; return p }
func perhaps(p part) part { p.optional = true; return p }

func is(parts ...part) []part { return parts }

// row is how table.go writes an entry.
type row struct {
	ai      AI
	last    byte // for a range: the last digit of its last identifier, the first is that of ai
	title   string
	is      []part
	fixed   bool   // predefined length
	inQuery bool   // may be an attribute of a Digital Link
	key     string // qualifiers after a key, alternatives divided by |; "-" for none
	needs   string // "01+21|8006 416": (01 with 21, or 8006) and 416
	never   string // "01 31nn"
}

func (r row) entries() []*entry {
	var all []*entry
	first := r.ai[len(r.ai)-1]
	for d := first; d <= max(first, r.last); d++ {
		e := &entry{ai: r.ai[:len(r.ai)-1] + AI(d), title: r.title, parts: r.is, predefined: r.fixed, attribute: r.inQuery}
		for _, p := range r.is {
			if !p.optional {
				e.least += p.least
			}
			e.most += p.most
		}
		e.key, e.alternatives = alternatives(r.key)
		e.needs, e.never = needs(r.needs), patterns(r.never)
		all = append(all, e)
	}
	return all
}

func alternatives(text string) (key bool, all [][]AI) {
	if text == "" || text == "-" {
		return text != "", nil
	}
	for _, alternative := range strings.Split(text, "|") {
		var ais []AI
		for _, ai := range strings.Fields(alternative) {
			ais = append(ais, AI(ai))
		}
		all = append(all, ais)
	}
	return true, all
}

func needs(text string) []need {
	var all []need
	for _, one := range strings.Fields(text) {
		n := need{text: one}
		for _, way := range strings.Split(one, "|") {
			n.ways = append(n.ways, patterns(strings.ReplaceAll(way, "+", " ")))
		}
		all = append(all, n)
	}
	return all
}

func patterns(text string) []pattern {
	var all []pattern
	for _, p := range strings.Fields(text) {
		all = append(all, pattern{strings.TrimRight(p, "n"), len(p)})
	}
	return all
}

// catalogue finds entries. All identifiers that share their first two digits have the same length, which is how a reader knows
// where the value begins (General Specifications, section 7.8).
type catalogue struct {
	entries map[AI]*entry
	length  [100]int8 // of the identifiers that begin with these two digits; 0 where there are none
}

var known = catalogueOf(table)

func catalogueOf(rows []row) *catalogue {
	c := &catalogue{entries: make(map[AI]*entry, 600)}
	for _, r := range rows {
		for _, e := range r.entries() {
			c.entries[e.ai] = e
			c.length[int(e.ai[0]-'0')*10+int(e.ai[1]-'0')] = int8(len(e.ai))
		}
	}
	return c
}

// at finds the entry whose identifier text begins with, nil for none.
func (c *catalogue) at(text string) *entry {
	if len(text) < 2 || !digit(text[0]) || !digit(text[1]) {
		return nil
	}
	size := int(c.length[int(text[0]-'0')*10+int(text[1]-'0')])
	if size == 0 || len(text) < size {
		return nil
	}
	return c.entries[AI(text[:size])]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// Title is the short name that stands on labels for an identifier, "" for one that is not in the General Specifications.
func (ai AI) Title() string {
	if e := known.entries[ai]; e != nil {
		return e.title
	}
	return ""
}

// check says what is wrong with a value: where in it, which rule and what. A rule of "" is none broken.
func (e *entry) check(value string) (at int, name, detail string) {
	if at, name, detail = e.checkLength(value); detail != "" {
		return at, name, detail
	}
	for _, p := range e.parts {
		size := min(len(value)-at, p.most)
		if size == 0 && p.optional {
			continue
		}
		component := value[at : at+size]
		if i, detail := p.set.check(component); detail != "" {
			return at + i, "character set", detail
		}
		if size < p.least {
			return at + size, "length", fmt.Sprintf("has %q where %d characters belong together", component, p.least)
		}
		for _, r := range p.rules {
			if i, detail := r.check(component); detail != "" {
				return at + i, r.name, detail
			}
		}
		at += size
	}
	return 0, "", ""
}

// checkLength looks at the whole value. Where a character that GS1 does not have stands in one of the wrong length, it is the
// reason.
func (e *entry) checkLength(value string) (at int, name, detail string) {
	if len(value) >= max(1, e.least) && len(value) <= e.most {
		return 0, "", ""
	}
	if value == "" {
		return 0, "length", "is empty"
	}
	if at, detail = anySet.check(value); detail != "" {
		return at, "character set", detail
	}
	if len(value) < e.least {
		return len(value), "length", fmt.Sprintf("ends after %d characters, want %s", len(value), e.lengths())
	}
	return e.most, "length", fmt.Sprintf("goes on after %d characters, want %s", e.most, e.lengths())
}

func (e *entry) lengths() string {
	if e.least == e.most {
		return fmt.Sprint(e.most)
	}
	return fmt.Sprintf("%d to %d", max(1, e.least), e.most)
}
