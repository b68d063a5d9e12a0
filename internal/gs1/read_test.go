package gs1

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reading is a code with what it reads as, or the place (from 0) and rule of its error.
type reading struct {
	code string
	want string // bracketed
	at   int
	rule string
}

func requireReadings(t *testing.T, all []reading) {
	t.Helper()
	for _, r := range all {
		m, err := Read(r.code)
		if r.rule == "" {
			require.NoError(t, err, "%q", r.code)
			require.Equal(t, r.want, m.Bracketed(), "%q", r.code)
			continue
		}
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, "%q", r.code)
		require.Equal(t, r.rule, syntax.Rule, "%q: %v", r.code, err)
		require.Equal(t, r.at, syntax.At, "%q: %v", r.code, err)
		require.ErrorIs(t, err, ErrNotGS1)
	}
}

const (
	tea  = "09520123456788" // a GTIN
	pall = "395201234567891236"
	shop = "9520123456788" // a GLN
)

func TestElementStringsAreReadByTheirSymbology(t *testing.T) {
	requireReadings(t, []reading{
		{code: "]C101" + tea, want: "(01)" + tea},
		{code: "]e001" + tea, want: "(01)" + tea},
		{code: "]d201" + tea, want: "(01)" + tea},
		{code: "]Q301" + tea, want: "(01)" + tea},
		{code: "]J101" + tea, want: "(01)" + tea},
		{code: "]E0" + shop, want: "(01)0" + shop},
		{code: "]E495201238", want: "(01)00000095201238"},
		{code: "]E3" + shop + "12", want: "(01)0" + shop},
		{code: "]E3" + shop + "12345", want: "(01)0" + shop},
		{code: "]I1" + tea, want: "(01)" + tea},
		{code: "]I019520123456785", want: "(01)19520123456785"},
		{code: "]C001" + tea, at: 0, rule: "symbology identifier"},
		{code: "]e101" + tea, at: 0, rule: "symbology identifier"},
		{code: "]d101" + tea, at: 0, rule: "symbology identifier"},
		{code: "]Q101" + tea, at: 0, rule: "symbology identifier"},
		{code: "]E112", at: 0, rule: "symbology identifier"},
		{code: "]", at: 1, rule: "symbology identifier"},
		{code: "]d", at: 2, rule: "symbology identifier"},
		{code: "]d2", at: 3, rule: "empty"},
		{code: "01" + tea, at: 0, rule: "symbology identifier"},
		{code: "", at: 0, rule: "empty"},
		{code: "]E0" + shop + "1", at: 16, rule: "length"},
		{code: "]E0952012345678", at: 15, rule: "length"},
		{code: "]E09520123456789", at: 15, rule: "check digit"},
		{code: "]E09520A23456788", at: 7, rule: "character set"},
		{code: "]E3" + shop, at: 16, rule: "length"},
		{code: "]E3" + shop + "1A", at: 17, rule: "character set"},
		{code: "]E4" + shop, at: 11, rule: "length"},
		{code: "]I1" + shop, at: 16, rule: "length"},
		{code: "(01)" + strings.Repeat("0", MaxCode), at: MaxCode, rule: "length"},
	})
}

func TestASeparatorEndsWhatHasNoPredefinedLength(t *testing.T) {
	requireReadings(t, []reading{
		{code: "]d201" + tea + "10AB\x1d17261231", want: "(01)" + tea + "(10)AB(17)261231"},
		{code: "]d201" + tea + "1726123110AB", want: "(01)" + tea + "(17)261231(10)AB"},
		{code: "]d201" + tea + "\x1d10AB\x1d", want: "(01)" + tea + "(10)AB"},           // needless behind 14 digits, and at the end
		{code: "]d201" + tea + "422392\x1d10AB", want: "(01)" + tea + "(422)392(10)AB"}, // of fixed length, but not of predefined
		{code: "]d201" + tea + "42239210AB", at: 25, rule: "length"},
		{code: "]d2\x1d01" + tea, at: 3, rule: "separator"}, // FNC1 in front is not transmitted
		{code: "]d201" + tea + "10AB\x1d\x1d17261231", at: 24, rule: "separator"},
		{code: "]d201" + tea[:13] + "\x1d10AB", at: 18, rule: "length"},
		{code: "]d201" + tea[:13], at: 18, rule: "length"},
		{code: "]d201" + tea + "10", at: 21, rule: "length"},
		{code: "]d201" + tea + "10\x1d17261231", at: 21, rule: "length"},
		{code: "]d201" + tea + "10123456789012345678901", at: 41, rule: "length"},
		{code: "]d201" + tea + "04AB", at: 19, rule: "application identifier"},
		{code: "]d201" + tea + "3", at: 19, rule: "application identifier"},
		{code: "]d201" + tea + "310", at: 19, rule: "application identifier"},
		{code: "]d201" + tea + "3106000001", at: 19, rule: "application identifier"},
		{code: "]d2ABC", at: 3, rule: "application identifier"},
		{code: "]d201" + tea + "1726123X", at: 26, rule: "character set"},
		{code: "]d28003" + "09520123456788" + "A\x1d", want: "(8003)09520123456788A"},
	})
}

func TestACompositeSymbolHasTwoParts(t *testing.T) {
	requireReadings(t, []reading{
		{code: "]E0" + shop + "|]e010AB\x1d17261231", want: "(01)0" + shop + "|(10)AB(17)261231"},
		{code: "]E495201238|]e010AB", want: "(01)00000095201238|(10)AB"},
		{code: "(01)" + tea + "|(10)AB", want: "(01)" + tea + "|(10)AB"},
		{code: "]E0" + shop + "|]e0", at: 20, rule: "empty"},
		{code: "]E0" + shop + "|]e01", at: 20, rule: "application identifier"},
		{code: "]E0" + shop + "|]d210AB", at: 16, rule: "length"},
		{code: "]e001" + tea + "|]e010AB", at: 19, rule: "application identifier"}, // it is sent as one string
		{code: "(01)" + tea + "|", at: 19, rule: "empty"},
		{code: "(01)" + tea + "|(10)A|(17)261231", at: 24, rule: "character set"},
		{code: "(01)" + tea + "|(10)", at: 23, rule: "length"},
	})
}

func TestTheBracketedFormIsRead(t *testing.T) {
	requireReadings(t, []reading{
		{code: "(01)" + tea + "(10)AB(17)261231", want: "(01)" + tea + "(10)AB(17)261231"},
		{code: `(01)` + tea + `(21)A\(1)B(10)C`, want: `(01)` + tea + `(21)A\(1)B(10)C`},
		{code: `(01)` + tea + `(21)\((10)C`, want: `(01)` + tea + `(21)\((10)C`},
		{code: "(01)" + tea + "(21)A)B", want: "(01)" + tea + "(21)A)B"},
		{code: "(91)ABC", want: "(91)ABC"},
		{code: "(01)" + tea + "(10)", at: 22, rule: "length"},
		{code: "(01)", at: 4, rule: "length"},
		{code: "(01", at: 0, rule: "brackets"},
		{code: "(", at: 0, rule: "brackets"},
		{code: "()", at: 1, rule: "application identifier"},
		{code: "(1)A", at: 1, rule: "application identifier"},
		{code: "(011)A", at: 1, rule: "application identifier"},
		{code: "(A)1", at: 1, rule: "application identifier"},
		{code: "(01)" + tea + "X", at: 18, rule: "length"},
		{code: "(01)" + tea + `(21)\(\(\(^`, at: 28, rule: "character set"},
		{code: "(01)" + tea + `(21)A\B`, at: 23, rule: "character set"},
		{code: "(01)" + tea + "(21)A\x1d(10)B", at: 23, rule: "character set"},
		{code: " (01)" + tea, at: 0, rule: "symbology identifier"},
		{code: "(01)" + tea + "(21)A ", at: 23, rule: "character set"},
	})
}

func TestDigitalLinksAreRead(t *testing.T) {
	requireReadings(t, []reading{
		{code: "https://id.gs1.org/01/" + tea, want: "(01)" + tea},
		{code: "HTTP://EXAMPLE.JP:8080/01/" + tea, want: "(01)" + tea},
		{code: "https://example.jp/shop/01/" + tea + "/22/V/10/L/21/S", want: "(01)" + tea + "(22)V(10)L(21)S"},
		{code: "https://example.jp/01/" + tea + "/235/T?10=L", want: "(01)" + tea + "(235)T(10)L"},
		{code: "https://example.jp/01/" + tea + "/21/A%2FB%28?17=261231&x=1&&flag&lang=ja#01", want: `(01)` + tea + `(21)A/B\((17)261231`},
		{code: "]Q1https://example.jp/00/" + pall, want: "(00)" + pall},
		{code: "]d1http://example.jp/414/" + shop + "/254/A", want: "(414)" + shop + "(254)A"},
		{code: "]J0https://example.jp/8004/9520A", want: "(8004)9520A"},
		{code: "https://example.jp/01/" + tea + "/01/" + tea, want: "(01)" + tea}, // the last key counts, what is before is a stem
		{code: "https://example.jp/01/" + tea + "?", want: "(01)" + tea},
		{code: "https://example.jp/01/" + tea + "/21/50%zz", want: "(01)" + tea + "(21)50%zz"},
		{code: "https://example.jp/415/" + shop + "/8020/R", want: "(415)" + shop + "(8020)R"},
		{code: "Https://example.jp/01/" + tea, at: 0, rule: "symbology identifier"},
		{code: "ftp://example.jp/01/" + tea, at: 0, rule: "symbology identifier"},
		{code: "https:///01/" + tea, at: 8, rule: "URI"},
		{code: "https://example.jp", at: 8, rule: "URI"},
		{code: "https://", at: 8, rule: "URI"},
		{code: "https://ex_ample.jp/01/" + tea, at: 10, rule: "URI"},
		{code: "https://example.jp/01/" + tea + "/21/A B", at: 41, rule: "URI"},
		{code: "https://example.jp/01/" + tea + "/21/日", at: 40, rule: "URI"},
		{code: "https://example.jp/01/" + tea + "/21/A%00", at: 41, rule: "URI"},
		{code: "https://example.jp/01/" + tea + "/21/%41%5E", at: 43, rule: "character set"},
		{code: "https://example.jp/", at: 19, rule: "Digital Link key"},
		{code: "https://example.jp/gtin/" + tea, at: 24, rule: "Digital Link key"}, // names instead of numbers are gone
		{code: "https://example.jp/10/L", at: 22, rule: "Digital Link key"},
		{code: "https://example.jp/01/" + tea + "/", at: 37, rule: "Digital Link key"},
		{code: "https://example.jp/01/" + tea + "/10", at: 37, rule: "Digital Link key"},
		{code: "https://example.jp/01/" + tea + "/10/", at: 40, rule: "length"},
		{code: "https://example.jp/DBHKVAdpQgqrAQ", at: 19, rule: "Digital Link key"},
		{code: "https://example.jp/01/" + shop, at: 35, rule: "length"}, // and so are 13 digits
		{code: "https://example.jp/01/09520123456789", at: 35, rule: "check digit"},
		{code: "https://example.jp/01/" + tea + "/21/S/10/L", at: 42, rule: "key and qualifiers"},
		{code: "https://example.jp/01/" + tea + "/22/V/235/T", at: 42, rule: "key and qualifiers"},
		{code: "https://example.jp/01/" + tea + "/17/261231", at: 37, rule: "key and qualifiers"},
		{code: "https://example.jp/00/" + pall + "/10/L", at: 41, rule: "key and qualifiers"},
		{code: "https://example.jp/01/" + tea + "?10=L", at: 37, rule: "attribute"}, // it belongs in the path
		{code: "https://example.jp/01/" + tea + "?21=S", at: 37, rule: "attribute"},
		{code: "https://example.jp/00/" + pall + "?8020=S", at: 41, rule: "attribute"},
		{code: "https://example.jp/01/" + tea + "?17=261231&17=261231", at: 47, rule: "repeated element"},
		{code: "https://example.jp/01/" + tea + "?17=", at: 40, rule: "length"},
		{code: "https://example.jp/01/" + tea + "?x=1&=1", at: 41, rule: "URI"},
		{code: "https://example.jp/01/" + tea + "?999=1", at: 37, rule: "application identifier"},
		{code: "https://example.jp/01/" + tea + "?240=A+B", at: 42, rule: "character set"},
		{code: "https://example.jp/01/" + tea + "?37=5", at: 19, rule: "excluded pair"},
	})
	_, err := Read("https://example.jp/DBHKVAdpQgqrAQ")
	require.ErrorContains(t, err, "compressed")
}

func TestElementsAskForAndExcludeEachOther(t *testing.T) {
	requireReadings(t, []reading{
		{code: "(10)AB", at: 0, rule: "required element"},
		{code: "(02)" + tea, at: 0, rule: "required element"},
		{code: "(00)" + pall + "(02)" + tea + "(37)5", want: "(00)" + pall + "(02)" + tea + "(37)5"},
		{code: "(02)" + tea + "(37)5", at: 18, rule: "required element"}, // 37 is of a logistic unit
		{code: "(00)" + pall + "(37)5", at: 22, rule: "required element"},
		{code: "(01)" + tea + "(02)" + tea + "(37)5(00)" + pall, at: 0, rule: "excluded pair"},
		{code: "(01)" + tea + "(01)09520123456771", at: 18, rule: "repeated element"},
		{code: "(01)" + tea + "(01)" + tea, want: "(01)" + tea + "(01)" + tea},
		{code: "(01)" + tea + "(3100)000001(3101)000001", at: 18, rule: "excluded pair"},
		{code: "(01)" + tea + "(3100)000001(3100)000001", want: "(01)" + tea + "(3100)000001(3100)000001"},
		{code: "(01)" + tea + "(250)A", at: 18, rule: "required element"},
		{code: "(01)" + tea + "(21)S(250)A", want: "(01)" + tea + "(21)S(250)A"},
		{code: "(01)" + tea + "(8040)123456789012345", at: 18, rule: "required element"},
		{code: "(01)" + tea + "(3922)99", at: 18, rule: "required element"},
		{code: "(01)" + tea + "(3103)001250(3922)99", want: "(01)" + tea + "(3103)001250(3922)99"},
		{code: "(415)" + shop, at: 0, rule: "required element"},
		{code: "(8017)952012345678912345(8018)952012345678912345", at: 0, rule: "excluded pair"},
		{code: "(8003)09520123456788(8030)AB", at: 20, rule: "required element"},
		{code: "(8003)09520123456788S(8030)AB", want: "(8003)09520123456788S(8030)AB"},
		{code: "(253)" + shop + "(8030)AB", at: 18, rule: "required element"},
		{code: "(01)" + tea + "(8030)AB", at: 18, rule: "required element"},
		{code: "(01)" + tea + "(21)S(8030)AB", want: "(01)" + tea + "(21)S(8030)AB"},
		{code: "(8006)095201234567880102(01)" + tea, at: 0, rule: "excluded pair"},
	})
	_, err := Read("(8030)AB")
	require.ErrorContains(t, err, "needs (00), (01) with (21), (03) with (21), (253)")
	require.ErrorContains(t, err, " or (8018)")
}

func TestErrorsSayWhereAndWhy(t *testing.T) {
	_, err := Read("]d201" + tea[:13] + "9")
	require.EqualError(t, err, "position 19: check digit: (01) ends in 9, want 8")
	_, err = Read("]C101" + tea + "10AB0123456789012345617261231")
	require.EqualError(t, err, "position 42: length: (10) goes on after 20 characters, want 1 to 20; is a separator (FNC1) missing?")
}
