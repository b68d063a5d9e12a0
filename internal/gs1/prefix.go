package gs1

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Prefixes knows how long company prefixes are. The digits of a key do not say where its prefix ends; GS1 publishes it, and a
// company knows its own.
type Prefixes struct {
	// Length is that of every prefix not in the list, 6 to 12 digits; 0 when it is not known.
	Length int
	list   map[string]int // by leading digits
}

// A company prefix has 4 to 12 digits; URNs hold those of 6 to 12 (EPC Tag Data Standard, section 6.3).
const (
	leastURNPrefix = 6
	mostURNPrefix  = 12
)

// Add says that company prefixes that begin with these digits have this length.
func (p *Prefixes) Add(leading string, length int) error {
	if !allDigits(leading) || len(leading) > mostURNPrefix {
		return fmt.Errorf("%q: want up to %d leading digits of company prefixes", leading, mostURNPrefix)
	}
	if length < leastURNPrefix || length > mostURNPrefix || length < len(leading) {
		return fmt.Errorf("%s: a company prefix of %d digits, want %d to %d and no fewer than the leading ones", leading, length,
			leastURNPrefix, mostURNPrefix)
	}
	if p.list == nil {
		p.list = map[string]int{}
	}
	p.list[leading] = length
	return nil
}

// ReadPrefixes reads lines of leading digits and the length of the company prefixes that begin with them, as in "4912345 7".
// Empty lines and those with # in front are left out.
func ReadPrefixes(r io.Reader) (*Prefixes, error) {
	p := &Prefixes{}
	s := bufio.NewScanner(r)
	for number := 1; s.Scan(); number++ {
		words := strings.Fields(s.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 {
			return nil, fmt.Errorf("line %d: %d words, want leading digits and the prefix's length", number, len(words))
		}
		length, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no length", number, words[1])
		}
		if err := p.Add(words[0], length); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return p, s.Err()
}

// of gives the length of the company prefix that a text begins with: by the longest leading digits in the list, else Length.
func (p *Prefixes) of(text string) (int, error) {
	for size := min(len(text), mostURNPrefix); size > 0; size-- {
		if length, ok := p.list[text[:size]]; ok {
			return length, nil
		}
	}
	if p.Length < leastURNPrefix || p.Length > mostURNPrefix {
		return 0, fmt.Errorf("how long the company prefix at the start of %s is, is not known: say its length, %d to %d digits",
			text[:min(len(text), mostURNPrefix)], leastURNPrefix, mostURNPrefix)
	}
	return p.Length, nil
}
