package gs1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseReadsElements(t *testing.T) {
	for scan, want := range map[string][]Element{
		"8003095200010000102":                 {{GRAI, "095200010000102"}},
		"]d28003095200010000102":              {{GRAI, "095200010000102"}},
		"]C1\x1d8003095200010000102":          {{GRAI, "095200010000102"}},
		"0109520001000010" + "21AB-1":         {{GTIN, "09520001000010"}, {Serial, "AB-1"}},
		"21AB-1\x1d0109520001000010":          {{Serial, "AB-1"}, {GTIN, "09520001000010"}},
		"93loc-001-fridge-1-slot-1":           {{Slot, "loc-001-fridge-1-slot-1"}},
		"91C-20261201-0001\x1d95short":        {{DatedContainer, "C-20261201-0001"}, {Menu, "short"}},
		"00095200010000000015"[:20] + "":      nil,
		"":                                    nil,
		"]d2":                                 nil,
		"hello":                               nil,
		"0109520001000011":                    nil, // check digit
		"010952000100001":                     nil, // short
		"8003095200010000101234567890123456X": nil, // long
		"93a b":                               nil,
	} {
		got, err := Parse(scan)
		if want == nil {
			require.ErrorIs(t, err, ErrNotGS1, "%q", scan)
			continue
		}
		require.NoError(t, err, "%q", scan)
		require.Equal(t, want, got, "%q", scan)
	}
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
	f.Fuzz(func(t *testing.T, scan string) {
		elements, err := Parse(scan)
		if err != nil {
			return
		}
		again, err := Parse(Format(elements...))
		require.NoError(t, err)
		require.Equal(t, elements, again)
	})
}
