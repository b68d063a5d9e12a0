package protocol

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	tokenKey    = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, here"))
	tokenPublic = []byte(tokenKey.Public().(ed25519.PublicKey))
)

func someToken() Token {
	return Token{Lock: "loc-1-f1", Issued: someTime + 7, Signed: someTime/1000*1000 + 5000, Grant: Grant{ID: "order-o-1@loc-1-f1", Holder: HolderCustomer, Order: "o-1",
		From: someTime / 1000 * 1000, Until: someTime/1000*1000 + 3_600_000, Containers: []string{"c-1", "c-2"}, Elsewhere: []string{"loc-1-f2"}}}
}

func TestATokenSaysWhatWasSigned(t *testing.T) {
	courier := Token{Lock: "f", Grant: Grant{ID: "run@f", Holder: HolderCourier, Uses: 10, Until: 1000}}
	for _, want := range []Token{someToken(), courier} {
		text, err := SignToken(want, tokenKey)
		require.NoError(t, err)
		require.True(t, IsToken(text))
		require.Less(t, len(text), 600, "it has to be a QR code that a reader can read")
		got, err := OpenToken(text, [][]byte{[]byte("of another kind"), tokenPublic})
		require.NoError(t, err)
		require.Equal(t, want, got)
		got, err = OpenToken(strings.ToLower(text), [][]byte{tokenPublic})
		require.NoError(t, err, "a reader that types small letters")
		require.Equal(t, want, got)
	}
}

func TestATokenThatWasChangedOrSignedByOthersIsNone(t *testing.T) {
	text, err := SignToken(someToken(), tokenKey)
	require.NoError(t, err)
	other := ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes"))
	_, err = OpenToken(text, [][]byte{other.Public().(ed25519.PublicKey)})
	require.ErrorIs(t, err, ErrUnknownKey)
	_, err = OpenToken(text, nil)
	require.ErrorIs(t, err, ErrUnknownKey)
	keys := [][]byte{tokenPublic}
	signed, err := base32Text.DecodeString(strings.TrimPrefix(text, tokenPrefix))
	require.NoError(t, err)
	for i := range signed {
		for bit := range 8 {
			signed[i] ^= 1 << bit
			got, err := OpenToken(tokenPrefix+base32Text.EncodeToString(signed), keys)
			require.Error(t, err, "byte %d, bit %d: %v", i, bit, got)
			signed[i] ^= 1 << bit
		}
	}
	for _, bad := range []string{"", "MEGURI1:", "MEGURI1:!", text[:len(text)-8], text + "AAAAAAAA", tokenPrefix + strings.Repeat("A", MaxToken)} {
		_, err := OpenToken(bad, keys)
		require.ErrorIs(t, err, ErrMalformed, bad)
	}
}

func FuzzOpenToken(f *testing.F) {
	text, err := SignToken(someToken(), tokenKey)
	require.NoError(f, err)
	f.Add(strings.TrimPrefix(text, tokenPrefix))
	f.Add("2KCEMAABIBAA")
	f.Fuzz(func(t *testing.T, body string) {
		if got, err := OpenToken(tokenPrefix+body, [][]byte{tokenPublic}); err == nil {
			require.Equal(t, someToken(), got, "nobody has signed anything else")
		}
	})
}
