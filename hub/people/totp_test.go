package people

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCodesAreThoseOfTheRFC(t *testing.T) {
	secret := []byte("12345678901234567890")
	for seconds, want := range map[int64]string{ // RFC 6238, appendix B, SHA-1
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		require.Equal(t, want, totpCode(secret, stepAt(time.Unix(seconds, 0)), 8), seconds)
		require.Equal(t, want[2:], totpCode(secret, stepAt(time.Unix(seconds, 0)), 6), seconds)
	}
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} { // RFC 4226, appendix D
		require.Equal(t, want, totpCode(secret, int64(step), 6))
	}
}

func TestACodeIsGoodForItsStepAndOneOnEachSide(t *testing.T) {
	secret := newTOTPSecret()
	at := time.Unix(1_800_000_000, 0)
	code := totpCode(secret, stepAt(at), 6)
	for _, off := range []time.Duration{0, -totpStep, totpStep} {
		require.Equal(t, stepAt(at), totpMatch(secret, code, at.Add(off)), off)
	}
	for _, off := range []time.Duration{-2 * totpStep, 2 * totpStep} {
		require.Zero(t, totpMatch(secret, code, at.Add(off)), off)
	}
	for _, wrong := range []string{"", "12345", code + "0", strings.Repeat("9", 1000)} {
		require.Zero(t, totpMatch(secret, wrong, at))
	}
}

func TestAnAuthenticatorIsToldWhoseItIs(t *testing.T) {
	u, err := url.Parse(totpURI([]byte("12345678901234567890"), "青木 & Co"))
	require.NoError(t, err)
	require.Equal(t, "otpauth://totp/Meguri:青木 & Co", u.Scheme+"://"+u.Host+u.Path)
	require.Equal(t, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", u.Query().Get("secret"))
	require.Equal(t, "Meguri", u.Query().Get("issuer"))
}

func TestRecoveryCodesAreDifferentAndTypedAsPeopleType(t *testing.T) {
	codes, hashes := drawRecovery()
	seen := map[string]bool{}
	for i, code := range codes {
		require.Regexp(t, `^[a-z2-7]{4}(-[a-z2-7]{4}){3}$`, code)
		require.Equal(t, hashes[i], hashToken(normalCode(" "+strings.ToUpper(code)+" ")))
		seen[code] = true
	}
	require.Len(t, seen, recoveryCodes)
}

func TestWhatIsSealedOpensOnlyWithTheKeyAndForWhomItWas(t *testing.T) {
	v, err := NewVault(make([]byte, VaultKey))
	require.NoError(t, err)
	other, err := NewVault([]byte(strings.Repeat("k", VaultKey)))
	require.NoError(t, err)
	sealed := v.Seal([]byte("secret"), "p-1")
	require.NotContains(t, string(sealed), "secret")
	require.NotEqual(t, sealed, v.Seal([]byte("secret"), "p-1"))
	got, err := v.Open(sealed, "p-1")
	require.NoError(t, err)
	require.Equal(t, "secret", string(got))
	altered := append([]byte{}, sealed...)
	altered[len(altered)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another key":    func() ([]byte, error) { return other.Open(sealed, "p-1") },
		"another person": func() ([]byte, error) { return v.Open(sealed, "p-2") },
		"altered":        func() ([]byte, error) { return v.Open(altered, "p-1") },
		"cut short":      func() ([]byte, error) { return v.Open(sealed[:5], "p-1") },
		"nothing":        func() ([]byte, error) { return v.Open(nil, "p-1") },
	} {
		_, err := open()
		require.ErrorIs(t, err, ErrSealed, name)
	}
	_, err = NewVault([]byte("short"))
	require.ErrorContains(t, err, "want 32")
}

func TestABrowserIsKnownOnlyAtTheAccountItWasIn(t *testing.T) {
	v, err := NewVault(make([]byte, VaultKey))
	require.NoError(t, err)
	mark := v.mark("aoki")
	require.NotEmpty(t, v.marked(mark, "aoki"))
	for _, wrong := range []string{"", "x", ".", mark + "x", "d-made-up." + strings.Split(mark, ".")[1], strings.Repeat("x", 300) + "." + "y"} {
		require.Empty(t, v.marked(wrong, "aoki"), wrong)
	}
	require.Empty(t, v.marked(mark, "baba"))
}
