// Package phrase holds the lines that devices show to people, in each language. Rules answer with a Phrase; the application
// turns it into text. What is recorded for the hub stays English.
package phrase

import (
	"fmt"
	"strconv"
	"strings"
)

// Language is a language of the displays, as a kit names it.
type Language string

// Languages. The zero value reads as English.
const (
	English  Language = "en"
	Japanese Language = "ja"
)

// Check says what is wrong with a language that somebody has written; empty is English.
func (l Language) Check() error {
	switch l {
	case "", English, Japanese:
		return nil
	}
	return fmt.Errorf("language %q: want %s or %s", string(l), English, Japanese)
}

// Phrase is a line in no language yet: its key, and what goes into its places {1}, {2} and so on.
type Phrase struct {
	Key  Key
	Args []string
}

// New makes a phrase.
func New(k Key, args ...string) Phrase { return Phrase{Key: k, Args: args} }

// In is the text of the phrase. A key that this version does not have gives its number, never an empty line.
func (p Phrase) In(l Language) string {
	if p.Key >= keys {
		return fmt.Sprintf("Line %d.", p.Key)
	}
	text := lines[p.Key].en
	if l == Japanese {
		text = lines[p.Key].ja
	}
	places := make([]string, 0, 2*len(p.Args))
	for i, a := range p.Args {
		places = append(places, "{"+strconv.Itoa(i+1)+"}", called(p.Key, a, l))
	}
	return strings.NewReplacer(places...).Replace(text)
}

// listed is how many names a line has room for.
const listed = 3

// List joins names for a line; of a long list it gives the first and how many there are besides.
func List(names []string) string {
	if len(names) <= listed {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:listed], ", ") + " +" + strconv.Itoa(len(names)-listed)
}
