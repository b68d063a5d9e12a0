package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/device/reader"
	"meguri/internal/gs1"
)

// An own code becomes the element that the table says, whatever barcode carries it; a device without a table passes all on.
func TestAnOwnCodeIsReadAsWhatItStandsFor(t *testing.T) {
	codes, err := gs1.ReadCodes(strings.NewReader("* 92 prefix SHELF-\n"))
	require.NoError(t, err)
	with, without := &agent{cfg: Config{Codes: codes}}, &agent{}
	for _, s := range []reader.Scan{{Text: "SHELF-a1"}, {Text: "SHELF-a1", Symbology: "A0"}} {
		e, err := gs1.One(with.scanText(s))
		require.NoError(t, err)
		require.Equal(t, gs1.Element{AI: gs1.Address, Value: "a1"}, e)
	}
	require.Equal(t, "]A0SHELF-a1", without.scanText(reader.Scan{Text: "SHELF-a1", Symbology: "A0"}))
	require.Equal(t, "]d293s", with.scanText(reader.Scan{Text: "93s", Symbology: "d2"}))
}
