package alarm

import "strings"

// Text is a text in the languages of the screens.
type Text struct{ EN, JA string }

// In gives the text in a language, "ja" or another.
func (t Text) In(lang string) string {
	if lang == "ja" {
		return t.JA
	}
	return t.EN
}

// Said is a text as one string, which is how it is stored: what is the same in both languages (what a person typed, what was stored
// before) as it is, else English, the sign that sets units apart, and Japanese.
type Said string

// Between stands between the two languages of what is stored: "unit separator", which no text has.
const Between = "\x1f"

// Say makes one string of a text.
func Say(t Text) Said {
	if t.JA == t.EN {
		return Said(t.EN)
	}
	return Said(t.EN + Between + t.JA)
}

// Text gives it in each language.
func (s Said) Text() Text {
	en, ja, two := strings.Cut(string(s), Between)
	if !two {
		ja = en
	}
	return Text{en, ja}
}

// String is English: for terminals, and where nobody knows who reads it.
func (s Said) String() string { return s.Text().EN }

// In gives it in a language, "ja" or another.
func (s Said) In(lang string) string { return s.Text().In(lang) }
