package protocol

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A replacement for what is no UTF-8 takes three bytes, so the bound holds for what is kept and not for what was scanned.
func TestARefusedScanKeepsAtMost200BytesOfAnything(t *testing.T) {
	for name, scan := range map[string]string{
		"text":                     strings.Repeat("x", 1000),
		"every other byte invalid": strings.Repeat("a\xff", 500),
		"invalid":                  strings.Repeat("\xff", 1000),
		"three bytes a rune":       strings.Repeat("巡", 300),
		"four bytes a rune":        "ab" + strings.Repeat("🍎", 300),
	} {
		s := NewScanRefused("load", scan, scan)
		for _, text := range []string{s.Scan, s.Reason} {
			require.LessOrEqual(t, len(text), 200, name)
			require.True(t, utf8.ValidString(text), name)
			require.NotEmpty(t, text, name)
		}
	}
	require.Equal(t, "巡り", NewScanRefused("", "巡り", "").Scan, "what is short stays whole")
	require.Equal(t, strings.Repeat("巡", 66), NewScanRefused("", strings.Repeat("巡", 70), "").Scan, "cut between runes")
}

// A token that is scanned at another reader opens its door all the same: it must not be read out of a record.
func TestARefusedScanKeepsNoToken(t *testing.T) {
	text, err := SignToken(someToken(), tokenKey)
	require.NoError(t, err)
	for _, scan := range []string{text, strings.ToLower(text)} {
		require.Equal(t, ScanRefused{Step: "packing", Scan: "a token", Reason: "no box"}, NewScanRefused("packing", scan, "no box"))
	}
}
