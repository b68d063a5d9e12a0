package gs1

import (
	"fmt"
	"strings"
)

// rule is what has to hold for a component beside its characters and length. check gives where in the component it does not, and
// what was expected; "" where it holds. The rules are those of the General Specifications, under the names of what they are about;
// in comments, what the Syntax Dictionary calls them.
type rule struct {
	name  string
	check func(text string) (at int, detail string)
}

var (
	checkDigit   = rule{"check digit", keyDigit}              // csum
	checkPair    = rule{"check characters", pair}             // csumalpha
	prefixFirst  = rule{"company prefix", prefixAt(0)}        // gcppos1, once key
	prefixSecond = rule{"company prefix", prefixAt(1)}        // gcppos2, once keyoff1
	country      = rule{"country", countryNumber}             // iso3166
	country999   = rule{"country", countryNumberOr999}        // iso3166999
	country2     = rule{"country", countryLetters}            // iso3166alpha2
	currency     = rule{"currency", currencyNumber}           // iso4217
	sex          = rule{"sex", oneOf("0129", "0, 1, 2 or 9")} // iso5218
	winding      = rule{"winding direction", oneOf("019", "0, 1 or 9")}
	yesNo        = rule{"yes or no", oneOf("01", "0 or 1")}
	importer     = rule{"importer index", importerIndex}     // importeridx
	medium       = rule{"media type", mediaType}             // mediatype
	packaging    = rule{"package type", packageType}         // packagetype
	percent      = rule{"percent encoding", percentEncoding} // pcenc
	pieceOfAll   = rule{"piece of total", pieceOfTotal}      // pieceoftotal
	positionOf   = rule{"position in sequence", position}    // posinseqslash
	latitude     = rule{"latitude", within("1800000000")}
	longitude    = rule{"longitude", within("3600000000")}
	bankAccount  = rule{"IBAN", iban}
	zero         = rule{"zero", only("0")}
	minus        = rule{"hyphen", only("-")}
	notZero      = rule{"not zero", nonZero}          // nonzero
	noZeroFirst  = rule{"no zero first", noFirstZero} // nozeroprefix
	notOnlyDigit = rule{"not only digits", nonDigit}  // hasnondigit
)

func keyDigit(text string) (int, string) {
	for i := range len(text) {
		if !digit(text[i]) {
			return i, fmt.Sprintf("holds %q, want digits", text[i:i+1])
		}
	}
	if text == "" {
		return 0, "is empty, want digits"
	}
	last := len(text) - 1
	if want := CheckDigit(text[:last]); text[last] != want {
		return last, fmt.Sprintf("ends in %c, want %c", text[last], want)
	}
	return 0, ""
}

func pair(text string) (int, string) {
	if len(text) < 2 {
		return 0, "is too short for check characters"
	}
	body, last := text[:len(text)-2], text[len(text)-2:]
	want, err := CheckPair(body)
	if err != nil {
		return 0, err.Error()
	}
	if last != want {
		return len(body), fmt.Sprintf("ends in %s, want %s", last, want)
	}
	return 0, ""
}

// leastPrefix is the length of the shortest company prefix. Which prefixes are given out is not known here.
const leastPrefix = 4

func prefixAt(start int) func(string) (int, string) {
	return func(text string) (int, string) {
		if len(text) < start+leastPrefix {
			return len(text), fmt.Sprintf("is too short to begin with a company prefix of %d digits", leastPrefix)
		}
		for i := start; i < start+leastPrefix; i++ {
			if !digit(text[i]) {
				return i, fmt.Sprintf("has %q in the company prefix, want a digit", text[i:i+1])
			}
		}
		return 0, ""
	}
}

func oneOf(chars, want string) func(string) (int, string) {
	return func(text string) (int, string) {
		if len(text) != 1 || !strings.Contains(chars, text) {
			return 0, fmt.Sprintf("has %q, want %s", text, want)
		}
		return 0, ""
	}
}

func only(char string) func(string) (int, string) {
	return func(text string) (int, string) {
		if text == "" || strings.Trim(text, char) != "" {
			return 0, fmt.Sprintf("has %q, want %s", text, char)
		}
		return 0, ""
	}
}

// within takes numbers of ten digits, which compare as their text does.
func within(most string) func(string) (int, string) {
	return func(text string) (int, string) {
		if len(text) != len(most) || text > most {
			return 0, fmt.Sprintf("has %s, want at most %s", text, most)
		}
		return 0, ""
	}
}

func nonZero(text string) (int, string) {
	if strings.Trim(text, "0") == "" {
		return 0, "is zero"
	}
	return 0, ""
}

func noFirstZero(text string) (int, string) {
	if strings.HasPrefix(text, "0") {
		return 0, "begins with 0"
	}
	return 0, ""
}

func nonDigit(text string) (int, string) {
	if strings.Trim(text, "0123456789") == "" {
		return 0, "has digits only, want at least one other character"
	}
	return 0, ""
}

func importerIndex(text string) (int, string) {
	if len(text) != 1 || members[text[0]]&set64 == 0 {
		return 0, fmt.Sprintf("has %q, want a letter, a digit, - or _", text)
	}
	return 0, ""
}

// mediaType takes the codes given out (01 to 10) and those for local use (80 to 99).
func mediaType(text string) (int, string) {
	if len(text) == 2 && ((text >= "01" && text <= "10") || text >= "80") {
		return 0, ""
	}
	return 0, fmt.Sprintf("has %s, want 01 to 10 or 80 to 99", text)
}

func percentEncoding(text string) (int, string) {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		if _, ok := hexByte(text[i+1:]); !ok {
			return i, fmt.Sprintf("has %q, want two hexadecimal digits after %%", text[i:min(len(text), i+3)])
		}
		i += 2
	}
	return 0, ""
}

// hexByte reads two hexadecimal digits.
func hexByte(text string) (b byte, ok bool) {
	if len(text) < 2 {
		return 0, false
	}
	for _, c := range []byte(text[:2]) {
		v := strings.IndexByte("0123456789abcdef", c|0x20)
		if v < 0 || (c < '0') {
			return 0, false
		}
		b = b<<4 | byte(v)
	}
	return b, true
}

// pieceOfTotal takes the number of a piece and how many there are, each half of the text.
func pieceOfTotal(text string) (int, string) {
	half := len(text) / 2
	piece, total := text[:half], text[half:]
	switch {
	case half == 0 || len(text)%2 != 0:
		return 0, fmt.Sprintf("has %d digits, want as many for the piece as for the total", len(text))
	case strings.Trim(piece, "0") == "":
		return 0, "is piece 0"
	case strings.Trim(total, "0") == "":
		return half, "has a total of 0"
	case piece > total:
		return 0, fmt.Sprintf("is piece %s of %s", piece, total)
	}
	return 0, ""
}

// position takes the place in a sequence and its end, as in 2/3.
func position(text string) (int, string) {
	place, end, ok := strings.Cut(text, "/")
	switch {
	case !ok || place == "" || end == "" || strings.Trim(place+end, "0123456789") != "":
		return 0, fmt.Sprintf("has %q, want a number, / and a number", text)
	case place[0] == '0':
		return 0, "begins with 0"
	case end[0] == '0':
		return len(place) + 1, "has an end that begins with 0"
	case len(place) > len(end) || (len(place) == len(end) && place > end):
		return 0, fmt.Sprintf("is %s of %s", place, end)
	}
	return 0, ""
}
