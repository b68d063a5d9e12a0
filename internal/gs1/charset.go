package gs1

import (
	"fmt"
	"unicode/utf8"
)

// charset is a set of characters that a component may consist of (General Specifications, section 7.11).
type charset uint8

const (
	digits charset = 1 << iota
	set82          // letters, digits and 20 marks
	set39          // capital letters, digits, #, - and /
	set64          // of base64 for file names and URIs, perhaps with = at the end
)

// anySet has what some component may hold.
const anySet = digits | set82 | set39

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

var members = func() (m [256]charset) {
	for set, chars := range map[charset]string{
		digits: "0123456789",
		set82:  "0123456789" + letters + "abcdefghijklmnopqrstuvwxyz" + `!"%&'()*+,-./:;<=>?_`,
		set39:  "0123456789" + letters + "#-/",
		set64:  "0123456789" + letters + "abcdefghijklmnopqrstuvwxyz" + "-_",
	} {
		for _, c := range []byte(chars) {
			m[c] |= set
		}
	}
	return m
}()

func (s charset) String() string {
	return map[charset]string{
		digits: "digits", set82: "character set 82", set39: "character set 39", set64: "character set 64",
		anySet: "letters, digits and marks of GS1's sets",
	}[s]
}

// check gives the place of the first character that is not in the set, and says so.
func (s charset) check(text string) (at int, detail string) {
	size := len(text)
	if s == set64 {
		if size, detail = padded(text); detail != "" {
			return size, detail
		}
	}
	for i := range size {
		if members[text[i]]&s == 0 {
			return i, fmt.Sprintf("holds %q, want %s", character(text, i), s)
		}
	}
	return 0, ""
}

// character is the whole character that begins at this byte, or the byte where it is none of UTF-8.
func character(text string, at int) string {
	_, size := utf8.DecodeRuneInString(text[at:])
	return text[at : at+size]
}

// padded gives the length without the padding. The Syntax Dictionary's reference allows padding only where it makes the length a
// multiple of three; what else it could be, no document says.
func padded(text string) (size int, detail string) {
	size = len(text)
	for size > 0 && text[size-1] == '=' {
		size--
	}
	if pads := len(text) - size; pads > 2 || (pads > 0 && len(text)%3 != 0) {
		return size, fmt.Sprintf("ends in %d = of padding, want none, or one or two that fill up a group of three", pads)
	}
	return size, ""
}
