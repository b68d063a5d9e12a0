package protocol

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func someStatement() Statement {
	return Statement{Shipper: "vehicle-01-precooled-1", Boot: 17, From: someTime / 1000 * 1000, Until: someTime/1000*1000 + 4*3_600_000, Readings: 236,
		MinMilliC: 1_250, MaxMilliC: 9_375, Gaps: []Stretch{{Ago: 9_000, Seconds: 240}},
		High: 8_000, Outside: []Stretch{{Ago: 7_260, Seconds: 420, MilliC: 9_375}, {Ago: 600, Seconds: 60, MilliC: 8_125}}}
}

var shipperKeys = map[string][]byte{"vehicle-01-precooled-1": tokenPublic}

// fullStatement is the longest that there is.
func fullStatement() Statement {
	s := someStatement()
	stretches := func(milliC int64) (all []Stretch) {
		for i := range MaxStretches {
			all = append(all, Stretch{Ago: uint32(14_000 - 1_000*i), Seconds: 600, MilliC: milliC})
		}
		return all
	}
	s.Gaps = stretches(0)
	s.Outside = stretches(-12_345)
	return s
}

// One that says that all was well has to be read from a small display, and the longest still by any reader.
func TestAStatementFitsAQRCode(t *testing.T) {
	quiet := someStatement()
	quiet.Gaps, quiet.Outside = nil, nil
	for name, c := range map[string]struct {
		s    Statement
		most int
	}{"when all was well": {quiet, 290}, "with a few stretches": {someStatement(), 330}, "with all that it may name": {fullStatement(), 700}} {
		text, err := SignStatement(c.s, tokenKey)
		require.NoError(t, err)
		t.Logf("%s: %d characters, %d bytes", name, len(text), (len(text)-len(statementPrefix))*5/8)
		require.LessOrEqual(t, len(text), c.most, name)
	}
}

func TestAStatementSaysWhatItsShipperSigned(t *testing.T) {
	for _, want := range []Statement{someStatement(), fullStatement()} {
		text, err := SignStatement(want, tokenKey)
		require.NoError(t, err)
		require.True(t, IsStatement(text))
		require.False(t, IsToken(text))
		for _, read := range []string{text, strings.ToLower(text)} { // a reader that types small letters
			got, err := OpenStatement(read, shipperKeys)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

func TestAStatementThatWasChangedOrSignedByOthersIsNone(t *testing.T) {
	text, err := SignStatement(someStatement(), tokenKey)
	require.NoError(t, err)
	other := ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes")).Public().(ed25519.PublicKey)
	for _, keys := range []map[string][]byte{nil, {"vehicle-01-precooled-1": other}, {"another": tokenPublic}} {
		_, err = OpenStatement(text, keys)
		require.ErrorIs(t, err, ErrUnknownKey)
	}
	signed, err := base32Text.DecodeString(strings.TrimPrefix(text, statementPrefix))
	require.NoError(t, err)
	for i := range signed {
		signed[i] ^= 4
		_, err := OpenStatement(statementPrefix+base32Text.EncodeToString(signed), shipperKeys)
		require.Error(t, err, "byte %d", i)
		signed[i] ^= 4
	}
	for _, bad := range []string{"", "MEGURIS1:", "MEGURIS1:!", text[:len(text)-8], statementPrefix + strings.Repeat("A", MaxStatement)} {
		_, err := OpenStatement(bad, shipperKeys)
		require.ErrorIs(t, err, ErrMalformed, bad)
	}
}

// The key of a shipper says nothing about doors, and a hub's key nothing about temperatures.
func TestATokenIsNoStatementAndAStatementNoToken(t *testing.T) {
	token, err := SignToken(someToken(), tokenKey)
	require.NoError(t, err)
	_, err = OpenStatement(statementPrefix+strings.TrimPrefix(token, tokenPrefix), shipperKeys)
	require.Error(t, err)
	statement, err := SignStatement(someStatement(), tokenKey)
	require.NoError(t, err)
	_, err = OpenToken(tokenPrefix+strings.TrimPrefix(statement, statementPrefix), [][]byte{tokenPublic})
	require.ErrorIs(t, err, ErrSignature)
}

func TestAStatementThatNoShipperMakesIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Statement){
		"without a shipper":                 func(s *Statement) { s.Shipper = "" },
		"that ends before it begins":        func(s *Statement) { s.Until = s.From - 1 },
		"over a month":                      func(s *Statement) { s.From -= 30 * 86_400_000 },
		"of no time":                        func(s *Statement) { s.From = 0 },
		"with a stretch before its time":    func(s *Statement) { s.Gaps[0].Ago = 20_000 },
		"with one that ends after it":       func(s *Statement) { s.Gaps[0].Seconds = 9_001 },
		"with two that overlap":             func(s *Statement) { s.Outside[1].Ago = 7_000 },
		"with more stretches than it may":   func(s *Statement) { s.Gaps = make([]Stretch, MaxStretches+1) },
		"with a name that fills the screen": func(s *Statement) { s.Shipper = strings.Repeat("x", 65) },
	} {
		s := someStatement()
		spoil(&s)
		_, err := SignStatement(s, tokenKey)
		require.ErrorIs(t, err, ErrMalformed, name)
		signed, err := sign1(s, []byte(statementDomain), tokenKey)
		require.NoError(t, err)
		_, err = OpenStatement(statementPrefix+base32Text.EncodeToString(signed), map[string][]byte{s.Shipper: tokenPublic})
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

func TestTheTextOfAStatementIsFrozen(t *testing.T) {
	text, err := SignStatement(someStatement(), tokenKey)
	require.NoError(t, err)
	require.Equal(t, "MEGURIS1:2KCE3IQBE4CERDH235RD6NACWKQFQZNLAF3HMZLINFRWYZJNGAYS24DSMVRW633MMVSC2MICCEBRWAAAAGRC5ZVQAACBWAAAAGRC7"+
		"QTKAACRR3AGDECOEBYZESPQQAAJDEPUACUCUMARSHC4AIMQDJADDESJ7IYBDEBFQAQYHQBRSH55BOA2EAIZEMUAEGHQLBAMNZVQZEIXN72TMHP"+
		"OZTSRCCJPIAZUU4RVRBKCYF6C6MCKTFKGVUXRR354GUL6L57C7RGMLFASOOUJUFBBFGG3B5UILGRIG2MUXEWRAI", text, "these are on displays and in stations; new fields are new keys")
}

// FuzzOpenStatement holds: no text makes the reader panic, and nobody but the shipper can have made one that is taken.
func FuzzOpenStatement(f *testing.F) {
	text, err := SignStatement(someStatement(), tokenKey)
	require.NoError(f, err)
	f.Add(strings.TrimPrefix(text, statementPrefix))
	f.Add("2KCEMAABIBAA")
	f.Fuzz(func(t *testing.T, body string) {
		if got, err := OpenStatement(statementPrefix+body, shipperKeys); err == nil {
			require.Equal(t, someStatement(), got, "nobody has signed anything else")
		}
	})
}
