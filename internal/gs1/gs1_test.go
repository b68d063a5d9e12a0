package gs1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// milk is a product code, and labelLike one whose EAN-13 looks like a label of a slot: both with good check digits.
const (
	milk      = "4912345678904"
	labelLike = "9312345678907"
)

func TestParseReadsElements(t *testing.T) {
	for scan, want := range map[string][]Element{
		"8003095200010000102":                 {{GRAI, "095200010000102"}},
		"]d28003095200010000102":              {{GRAI, "095200010000102"}},
		"]C1\x1d8003095200010000102":          {{GRAI, "095200010000102"}},
		"]e00109520001000010":                 {{GTIN, "09520001000010"}},
		"]Q393loc-001-fridge-1-slot-1":        {{Slot, "loc-001-fridge-1-slot-1"}},
		"0109520001000010" + "21AB-1":         {{GTIN, "09520001000010"}, {Serial, "AB-1"}},
		"21AB-1\x1d0109520001000010":          {{Serial, "AB-1"}, {GTIN, "09520001000010"}},
		"93loc-001-fridge-1-slot-1":           {{Slot, "loc-001-fridge-1-slot-1"}},
		"91C-20261201-0001\x1d95short":        {{DatedContainer, "C-20261201-0001"}, {Menu, "short"}},
		"00095200010000000015"[:20] + "":      nil,
		"":                                    nil,
		"]d2":                                 nil,
		"]":                                   nil,
		"hello":                               nil,
		"0109520001000011":                    nil, // check digit
		"010952000100001":                     nil, // short
		"8003095200010000101234567890123456X": nil, // long
		"93a b":                               nil,
		"21AB-1":                              nil, // of what?
	} {
		requireParsed(t, scan, want)
	}
}

func requireParsed(t *testing.T, scan string, want []Element) {
	t.Helper()
	got, err := Parse(scan)
	if want == nil {
		require.ErrorIs(t, err, ErrNotGS1, "%q", scan)
		require.Nil(t, got)
		return
	}
	require.NoError(t, err, "%q", scan)
	require.Equal(t, want, got, "%q", scan)
}

func TestAProductMayCarryItsLotAndDates(t *testing.T) {
	gtin := Element{GTIN, "04912345678904"}
	for scan, want := range map[string][]Element{
		"]d20104912345678904" + "17261231" + "10L-7":               {gtin, {Expires, "261231"}, {Lot, "L-7"}},
		"]C110L-7\x1d0104912345678904" + "15261200":                {{Lot, "L-7"}, gtin, {BestBefore, "261200"}},
		"0104912345678904" + "11261130" + "13261201" + "21S1":      {gtin, {Produced, "261130"}, {Packed, "261201"}, {Serial, "S1"}},
		"]d20104912345678904" + "17261331":                         nil, // month 13
		"]d20104912345678904" + "17261232":                         nil, // day 32
		"]d20104912345678904" + "1726123":                          nil, // short
		"]d20104912345678904" + "17261x31":                         nil,
		"]d20104912345678904" + "10" + "123456789012345678901":     nil, // a lot of 21 characters
		"]d20104912345678904" + "3103001250":                       {gtin, {"3103", "001250"}},
		"]d217261231":                                              nil, // of what?
		"]d20104912345678904" + "\x1d\x1d17261231":                 nil,
		"]d20104912345678904\x1d17261231" + "10A" + "\x1d" + "21B": {gtin, {Expires, "261231"}, {Lot, "A"}, {Serial, "B"}},
	} {
		requireParsed(t, scan, want)
	}
}

// An EAN-13 has no application identifiers: its first digits mean nothing. Only the reader knows which barcode it was.
func TestTheSymbologyDecidesWhatDigitsMean(t *testing.T) {
	for scan, want := range map[string][]Element{
		"]E0" + milk:                   {{GTIN, "0" + milk}},
		"]E0" + labelLike:              {{GTIN, "0" + labelLike}},
		"]E3" + milk + "12":            {{GTIN, "0" + milk}},
		"]E449123456"[:3] + "49123456": {{GTIN, "00000049123456"}},
		"]E0036000291452":              {{GTIN, "00036000291452"}}, // UPC-A
		"]d2" + labelLike:              {{Slot, "12345678907"}},
		labelLike:                      {{Slot, "12345678907"}}, // a reader that does not say: our label comes first
		milk:                           {{GTIN, "0" + milk}},    // and what is none may be a product
		"36000291452":                  nil,
		"]E004252614":                  {{GTIN, "00042100005264"}}, // UPC-E without its zeros
		"04252614":                     {{GTIN, "00042100005264"}},
		"]E404252614":                  nil, // as EAN-8 its check digit is wrong
		"]Q1https://example.jp/01/04912345678904/10/L-7?x=1": {{GTIN, "0" + milk}, {Lot, "L-7"}}, // a Digital Link on a product
		"]Q1https://example.jp/menu":                         nil,
		"]I104912345678904":                                  {{GTIN, "0" + milk}}, // a case
		"]E04912345678905":                                   nil,                  // check digit
		"]E049123":                                           nil,
		"]E3":                                                nil,
		"]E212345":                                           nil, // the supplement alone
		"]Q193loc-001-fridge-1-1":                            nil, // a plain QR code is somebody else's
		"]C093loc-001-fridge-1-1":                            nil, // and so is a plain Code 128
		"]A0" + milk:                                         nil,
	} {
		requireParsed(t, scan, want)
	}
}

func TestOneGivesWhatTheBarcodeIsOn(t *testing.T) {
	e, err := One("]d210L-7\x1d0104912345678904" + "15261200")
	require.NoError(t, err)
	require.Equal(t, Element{GTIN, "04912345678904"}, e)
	_, err = One("91C-1\x1d93S-1")
	require.ErrorIs(t, err, ErrNotGS1)
	require.ErrorContains(t, err, "(91) and (93)")
	_, err = One("10L-7")
	require.ErrorIs(t, err, ErrNotGS1)
}

// The example of GS1 General Specifications, figure 7.9.1-1.
func TestCheckDigit(t *testing.T) {
	require.Equal(t, byte('9'), CheckDigit("37610425002123456"))
	require.NoError(t, CheckKey("9520001000010"))
	require.ErrorContains(t, CheckKey("9520001000011"), "want 0")
	require.ErrorContains(t, CheckKey("95x"), "digits only")
	require.Error(t, CheckKey(""))
}

func FuzzParse(f *testing.F) {
	f.Add("8003095200010000102")
	f.Add("]C1\x1d21AB\x1d0109520001000010")
	f.Add("]E04912345678904")
	f.Add("0104912345678904" + "17261231" + "10L-7")
	f.Fuzz(func(t *testing.T, scan string) {
		elements, err := Parse(scan)
		if err != nil {
			require.ErrorIs(t, err, ErrNotGS1)
			return
		}
		again, err := Parse(Format(elements...))
		require.NoError(t, err)
		require.Equal(t, elements, again)
	})
}
