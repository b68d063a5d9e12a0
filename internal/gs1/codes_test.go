package gs1

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const codeTable = `
# barcode   meaning    how     what
*           container  prefix  BOX-
]C0,]A0     shelf      match   ^SHELF-([0-9A-Z-]+)$
]E0         weighed    gtin    02
]I1         case       gtin    *
]Q1,]d1     order      prefix  https://example.jp/o/
*           badge      match   ^[0-9]{5}$
`

func TestCodesThatAreNotGS1sMeanWhatTheTableSays(t *testing.T) {
	codes, err := ReadCodes(strings.NewReader(codeTable))
	require.NoError(t, err)
	for code, want := range map[string]Meaning{
		"BOX-17":                               {"container", "17", 3},
		"]C0BOX-17":                            {"container", "17", 3},
		"]A0SHELF-A-1":                         {"shelf", "A-1", 4},
		"]E0" + "2" + "12345678901"[:11] + "9": {},
		"]E02123456789012":                     {},
		"]E0" + "212345678901" + string(CheckDigit("212345678901")): {"weighed", "0212345678901" + string(CheckDigit("212345678901")), 5},
		"]E0" + shop:                        {}, // another EAN: it is what GS1 says
		"]I1" + tea:                         {"case", tea, 6},
		"]Q1https://example.jp/o/77":        {"order", "77", 7},
		"]Q1https://example.jp/o/01/" + tea: {}, // a Digital Link is GS1's
		"]C1BOX-17":                         {}, // GS1-128 is GS1's, right or wrong
		"]d2BOX-17":                         {},
		"12345":                             {"badge", "12345", 8},
		"]Q3SHELF-A-1":                      {},
		"SHELF-A-1":                         {}, // only in those barcodes
		"":                                  {},
	} {
		got, ok := codes.Find(code)
		require.Equal(t, want != Meaning{}, ok, "%q", code)
		if ok {
			require.Equal(t, want, got, "%q", code)
		}
	}
	_, ok := (*Codes)(nil).Find("BOX-17")
	require.False(t, ok)
}

func TestAnOwnCodeMayStandForAnElement(t *testing.T) {
	codes, err := ReadCodes(strings.NewReader("* 92 prefix SHELF-\n* 8003 prefix BOX-\n]E0 01 gtin 02\n* badge prefix P-\n"))
	require.NoError(t, err)
	for scan, want := range map[string]string{
		"SHELF-a1":               "92a1",
		"]A0SHELF-a1":            "92a1",
		"BOX-09520123456788SH01": "800309520123456788SH01",
		"BOX-09520123456789SH01": "BOX-09520123456789SH01", // its check digit is wrong
		"P-17":                   "P-17",                   // a meaning, and no element
		"93slot":                 "93slot",
		"]d292a1":                "]d292a1",
	} {
		require.Equal(t, want, codes.Translate(scan))
	}
	e, err := One(codes.Translate("]A0SHELF-a1"))
	require.NoError(t, err)
	require.Equal(t, Element{Address, "a1"}, e)
	require.Equal(t, "SHELF-a1", (*Codes)(nil).Translate("SHELF-a1"))
}

func TestAWrongTableIsRefusedByLine(t *testing.T) {
	for table, want := range map[string]string{
		"* a prefix":         "line 1: 3 words",
		"\n* a b c":          `line 2: how is "b"`,
		"# x\nE0 a prefix x": `line 2: barcode "E0"`,
		"* a match (":        "line 1: expression",
		"]E0 a gtin 2x":      `line 1: "2x"`,
		"]E0,E4 a prefix x":  "line 1: barcode",
		strings.Repeat("* a prefix x\n", maxCodes+1): "line 1001: more than 1000 codes",
	} {
		_, err := ReadCodes(strings.NewReader(table))
		require.ErrorContains(t, err, want)
	}
}

func TestACompanyPrefixHasAKnownLength(t *testing.T) {
	p, err := ReadPrefixes(strings.NewReader("# ours\n9520123 7\n952 9\n\n4912345 12\n"))
	require.NoError(t, err)
	for elements, want := range map[Element]string{
		{GLN, "9520123456788"}:   "urn:epc:id:sgln:9520123.45678.0",
		{GLN, "9520999456784"}:   "urn:epc:id:sgln:952099945.678.0",
		{Party, "4912345678904"}: "urn:epc:id:pgln:491234567890.",
	} {
		got, err := Message{Elements: []Element{elements}}.URN(p)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = Message{Elements: []Element{{GLN, "4512345678906"}}}.URN(p)
	require.ErrorContains(t, err, "company prefix")
	require.ErrorContains(t, err, "451234567890")
	_, err = Message{Elements: []Element{{GIAI, "9520123"}}}.URN(p)
	require.ErrorContains(t, err, "nothing behind")
	_, err = Message{Elements: []Element{{"8010", "9520123A"}}}.URN(p)
	require.ErrorContains(t, err, "no key")
	for text, want := range map[string]string{"9520 5": "line 1: 9520", "\n9520 x": "line 2", "9520": "line 1: 1 words", "95a 7": "line 1",
		"95201234 7": "line 1: 95201234"} {
		_, err := ReadPrefixes(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

// The first of each kind is written as in the EPC Tag Data Standard's grammar; the others break one field of it each.
func TestURNsAreReadBothWays(t *testing.T) {
	for urn, want := range map[string]string{
		"urn:epc:id:sgtin:9520123.045678.S%2F1":                 "(01)09520123456788(21)S/1",
		"urn:epc:class:lgtin:9520123.045678.L":                  "(01)09520123456788(10)L",
		"urn:epc:idpat:sgtin:9520123.045678.*":                  "(01)09520123456788",
		"urn:epc:id:sscc:9520123.3456789123":                    "(00)395201234567891236",
		"urn:epc:id:sgln:9520123.45678.0":                       "(414)9520123456788",
		"urn:epc:id:sgln:9520123.45678.A.1":                     "(414)9520123456788(254)A.1",
		"urn:epc:id:pgln:9520123.45678":                         "(417)9520123456788",
		"urn:epc:id:grai:9520123.45678.A%22":                    `(8003)09520123456788A"`,
		"urn:epc:idpat:grai:9520123.45678.*":                    "(8003)09520123456788",
		"urn:epc:id:giai:9520123.A%3F":                          "(8004)9520123A?",
		"urn:epc:id:sgtin:952012345678.0.S":                     "(01)09520123456788(21)S",
		"urn:epc:id:sgtin:9520123.045678":                       "",
		"urn:epc:id:sgtin:9520123.45678.S":                      "",
		"urn:epc:id:sgtin:9520123.04567A.S":                     "",
		"urn:epc:id:sgtin:9520123.045678.":                      "",
		"urn:epc:id:sgtin:9520123.045678.S/1":                   "",
		"urn:epc:id:sgtin:9520123.045678.S%":                    "",
		"urn:epc:id:sgtin:9520123.045678.%5E":                   "",
		"urn:epc:id:sgtin:9520123.045678.123456789012345678901": "",
		"urn:epc:id:sgtin:95201.23045678.S":                     "",
		"urn:epc:id:sgtin:95A0123.045678.S":                     "",
		"urn:epc:idpat:sgtin:9520123.045678.7":                  "",
		"urn:epc:id:sscc:9520123.345678912":                     "",
		"urn:epc:id:gdti:9520123.45678.7":                       "",
		"urn:epc:id:giai:9520123.%00":                           "",
		"urn:jaid:x":                                            "",
		"":                                                      "",
	} {
		m, err := ReadURN(urn)
		if want == "" {
			require.Error(t, err, urn)
			continue
		}
		require.NoError(t, err, urn)
		require.Equal(t, want, m.Bracketed())
		prefix, _, _ := strings.Cut(urn[strings.LastIndexByte(urn[:strings.IndexByte(urn, '.')], ':')+1:], ".")
		again, err := m.URN(&Prefixes{Length: len(prefix)})
		require.NoError(t, err)
		require.Equal(t, urn, again)
	}
}

func TestADigitalLinkHoldsWhatItMay(t *testing.T) {
	for bracketed, want := range map[string]string{
		"(01)" + tea + "(235)T(10)L(17)261231(240)A B": "",
		"(01)" + tea + "(235)T(10)L(17)261231(240)A/B": "https://id.gs1.org/01/" + tea + "/235/T?17=261231&10=L&240=A%2FB",
		"(10)L(01)" + tea + "(21)S":                    "https://id.gs1.org/01/" + tea + "/10/L/21/S",
		"(00)" + pall + "(02)" + tea + "(37)5":         "https://id.gs1.org/00/" + pall + "?02=" + tea + "&37=5",
		"(400)A":                                       "",
		"(01)" + tea + "(22)V(235)T":                   "",
		"(01)" + tea + "(01)" + tea:                    "https://id.gs1.org/01/" + tea,
	} {
		m, err := Read(bracketed)
		if err == nil {
			var link string
			link, err = m.DigitalLink("")
			require.Equal(t, want, link)
		}
		require.Equal(t, want == "", err != nil, bracketed)
	}
}
