package gs1

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const chars82 = set82InOrder

func text(set string, most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte(set)), 1, most).Draw(t, "characters"))
	})
}

func key(size int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		body := string(rapid.SliceOfN(rapid.SampledFrom([]byte("0123456789")), size-1, size-1).Draw(t, "digits"))
		return body + string(CheckDigit(body))
	})
}

// item draws the elements of a trade item with what may accompany it, in any order.
func item() *rapid.Generator[[]Element] {
	more := []*rapid.Generator[Element]{
		element(Lot, text(chars82, 20)), element(Serial, text(chars82, 20)), element("22", text(chars82, 20)),
		element(Expires, rapid.SampledFrom([]string{"261231", "260200", "240229"})), element("3103", key(6)),
		element("240", text(chars82, 30)), element("422", rapid.SampledFrom([]string{"392", "840"})), element("90", text(chars82, 30)),
		element("7007", rapid.SampledFrom([]string{"260101", "260101260201"})), element("99", text(chars82, 90)),
	}
	return rapid.Custom(func(t *rapid.T) []Element {
		all := []Element{element(GTIN, key(14)).Draw(t, "GTIN")}
		for _, g := range more {
			if rapid.Bool().Draw(t, "too") {
				all = append(all, g.Draw(t, "element"))
			}
		}
		return rapid.Permutation(all).Draw(t, "order")
	})
}

func element(ai AI, value *rapid.Generator[string]) *rapid.Generator[Element] {
	return rapid.Map(value, func(v string) Element { return Element{ai, v} })
}

func TestAllFormsSayTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{Elements: item().Draw(t, "item")}
		for _, code := range []string{m.Bracketed(), "]d2" + Format(m.Elements...), "]C1" + Format(m.Elements...) + separator} {
			again, err := Read(code)
			require.NoError(t, err, code)
			require.Equal(t, m, again, code)
		}
		link, err := m.DigitalLink("https://example.jp/shop/")
		require.NoError(t, err)
		again, err := Read("]Q1" + link)
		require.NoError(t, err, link)
		require.ElementsMatch(t, m.Elements, again.Elements, link)
		once, err := again.DigitalLink("https://example.jp/shop")
		require.NoError(t, err)
		require.Equal(t, link, once)
	})
}

// Whatever is done to a code: no panic, and an error lies within it.
func TestABrokenCodeIsRefusedWhereItIsBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{Elements: item().Draw(t, "item")}
		link, err := m.DigitalLink("")
		require.NoError(t, err)
		code := rapid.SampledFrom([]string{m.Bracketed(), "]d2" + Format(m.Elements...), link}).Draw(t, "code")
		at := rapid.IntRange(0, len(code)).Draw(t, "at")
		bad := code[:at] + rapid.SampledFrom([]string{"^", "\x00", "é", "{", "\xff"}).Draw(t, "bad") + code[at:]
		_, err = Read(bad)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, bad)
		require.LessOrEqual(t, syntax.At, at, bad)
	})
}

func TestURNsAndElementsSayTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefixes := &Prefixes{Length: rapid.IntRange(6, 12).Draw(t, "prefix length")}
		serial := text(chars82, 16)
		e := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) []Element {
				return []Element{{GTIN, key(14).Draw(t, "GTIN")}, {Serial, text(chars82, 20).Draw(t, "serial")}}
			}),
			rapid.Custom(func(t *rapid.T) []Element {
				return []Element{{GTIN, key(14).Draw(t, "GTIN")}, {Lot, text(chars82, 20).Draw(t, "lot")}}
			}),
			rapid.Custom(func(t *rapid.T) []Element { return []Element{{GTIN, key(14).Draw(t, "GTIN")}} }),
			rapid.Custom(func(t *rapid.T) []Element { return []Element{{SSCC, key(18).Draw(t, "SSCC")}} }),
			rapid.Custom(func(t *rapid.T) []Element { return []Element{{GLN, key(13).Draw(t, "GLN")}} }),
			rapid.Custom(func(t *rapid.T) []Element {
				extension := text(chars82, 20).Filter(func(v string) bool { return v != "0" }) // 0 says that there is none
				return []Element{{GLN, key(13).Draw(t, "GLN")}, {GLNExtension, extension.Draw(t, "extension")}}
			}),
			rapid.Custom(func(t *rapid.T) []Element { return []Element{{Party, key(13).Draw(t, "GLN")}} }),
			rapid.Custom(func(t *rapid.T) []Element { return []Element{{GRAI, "0" + key(13).Draw(t, "GRAI")}} }),
			rapid.Custom(func(t *rapid.T) []Element {
				return []Element{{GRAI, "0" + key(13).Draw(t, "GRAI") + serial.Draw(t, "serial")}}
			}),
			rapid.Custom(func(t *rapid.T) []Element {
				return []Element{{GIAI, key(12).Draw(t, "prefix") + serial.Draw(t, "serial")}}
			}),
		).Draw(t, "elements")
		urn, err := Message{Elements: e}.URN(prefixes)
		require.NoError(t, err)
		again, err := ReadURN(urn)
		require.NoError(t, err, urn)
		require.Equal(t, e, again.Elements, urn)
	})
}

func TestTheCatalogueIsWhole(t *testing.T) {
	require.Len(t, known.entries, 541)
	lengths := map[string]int{}
	for ai, e := range known.entries {
		require.Equal(t, ai, known.at(string(ai)+"0").ai)
		if was, ok := lengths[string(ai[:2])]; ok {
			require.Equal(t, was, len(ai), "(%s): identifiers that begin alike have one length", ai)
		}
		lengths[string(ai[:2])] = len(ai)
		require.Positive(t, e.most, "(%s)", ai)
		require.True(t, e.title != "" || ai == "8110" || ai == "8112", "(%s) has no title", ai)
		require.True(t, e.least == e.most || !e.predefined, "(%s)", ai)
		for i, p := range e.parts {
			require.True(t, p.least == p.most || i == len(e.parts)-1, "(%s): only the last component may vary", ai)
			require.True(t, i == 0 || !e.parts[i-1].optional || p.optional, "(%s): what follows an optional one is optional", ai)
		}
		for _, alternative := range e.alternatives {
			for _, q := range alternative {
				require.NotNil(t, known.entries[q], "(%s): qualifier %s", ai, q)
			}
		}
	}
	for ai, e := range known.entries {
		for _, p := range slices.Concat(e.never, needed(e)) {
			require.True(t, anyOf(p), "(%s) speaks of %s, which there is none of", ai, p.digits)
		}
	}
}

func needed(e *entry) (all []pattern) {
	for _, n := range e.needs {
		all = append(all, slices.Concat(n.ways...)...)
	}
	return all
}

func anyOf(p pattern) bool {
	for ai := range known.entries {
		if p.has(ai) {
			return true
		}
	}
	return false
}

// The first two digits say whether a length is predefined, also for readers that know no more than those (General Specifications,
// figure 7.8.5-2).
func TestPredefinedLengthsGoByTheFirstTwoDigits(t *testing.T) {
	predefined := map[string]int{"00": 20, "01": 16, "02": 16, "03": 16, "04": 18, "11": 8, "12": 8, "13": 8, "14": 8, "15": 8, "16": 8,
		"17": 8, "18": 8, "19": 8, "20": 4, "31": 10, "32": 10, "33": 10, "34": 10, "35": 10, "36": 10, "41": 16}
	for ai, e := range known.entries {
		size, ok := predefined[string(ai[:2])]
		require.Equal(t, ok, e.predefined, "(%s)", ai)
		if ok {
			require.Equal(t, size, len(ai)+e.most, "(%s)", ai)
		}
	}
}

// One table serves all goroutines.
func TestReadingIsSafeFromManySides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			go func() {
				for range 200 {
					m, err := Read("]d201" + tea + "10AB\x1d17261231")
					if err != nil || len(m.Elements) != 3 {
						t.Errorf("%v %v", m, err)
					}
				}
			}()
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"]d201" + tea + "10AB\x1d17261231", `(01)` + tea + `(21)A\(B`, "]E0" + shop + "|]e010AB",
		"https://example.jp/01/" + tea + "/21/A%2FB?17=261231", "(8110)0952012123456151110123", "]C100" + pall, "]I1" + tea,
		"]E3" + shop + "12", "(7007)260101260201", "(8008)2602282359", "https://a/01/%30"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		m, err := Read(code)
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.True(t, syntax.At >= 0 && syntax.At <= len(code), "%d of %d", syntax.At, len(code))
			require.True(t, utf8.ValidString(err.Error()), "%q", err)
			return
		}
		again, err := Read(m.Bracketed())
		require.NoError(t, err, m.Bracketed())
		require.Equal(t, m, again)
		if link, err := m.DigitalLink(""); err == nil {
			_, err = Read(link)
			require.NoError(t, err, link)
		}
	})
}

func FuzzReadURN(f *testing.F) {
	for _, seed := range []string{"urn:epc:id:sgtin:9520123.045678.A%2FB", "urn:epc:id:sgln:9520123.45678.0", "urn:epc:id:giai:9520123.A",
		"urn:epc:idpat:grai:9520123.45678.*", "urn:epc:class:lgtin:9520123.045678.L", "urn:epc:id:sscc:9520123.3456789123"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, urn string) {
		m, err := ReadURN(urn)
		if err != nil {
			return
		}
		prefix, _, _ := strings.Cut(urn[strings.LastIndexByte(urn[:strings.IndexByte(urn, '.')], ':')+1:], ".")
		again, err := m.URN(&Prefixes{Length: len(prefix)})
		require.NoError(t, err)
		require.True(t, strings.EqualFold(urn, again), "%s became %s", urn, again)
	})
}

func FuzzCodes(f *testing.F) {
	f.Add("* container prefix BOX-\n]Q1 x match ^(a+)$\n]E0 g gtin 02", "BOX-1")
	f.Fuzz(func(t *testing.T, table, code string) {
		codes, err := ReadCodes(strings.NewReader(table))
		if err != nil {
			return
		}
		if m, ok := codes.Find(code); ok {
			require.NotEmpty(t, m.Name)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for name, code := range map[string]string{
		"elements": "]d201" + tea + "10AB-1234\x1d1726123121SERIAL-0001", "bracketed": "(01)" + tea + "(10)AB-1234(17)261231(21)SERIAL-0001",
		"link": "https://id.gs1.org/01/" + tea + "/10/AB-1234/21/SERIAL-0001?17=261231",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(code); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(4*float64(b.N)/b.Elapsed().Seconds(), "elements/s")
		})
	}
}

func ExampleRead() {
	m, err := Read("]d20109520123456788" + "10L-7\x1d17261231")
	fmt.Println(m.Bracketed(), err)
	// Output: (01)09520123456788(10)L-7(17)261231 <nil>
}
