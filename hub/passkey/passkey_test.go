package passkey

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
)

func TestTheAddressIsWhatWasSaidOrLocalhostOrNone(t *testing.T) {
	for _, c := range []struct {
		said, listens string
		tls           bool
		want          string
	}{
		{"https://hub.example", "127.0.0.1:8080", false, "https://hub.example"},
		{"", "127.0.0.1:8080", false, "http://localhost:8080"},
		{"", "[::1]:8443", true, "https://localhost:8443"},
		{"", "0.0.0.0:8080", false, ""},
		{"", "192.0.2.7:443", true, ""},
	} {
		got, err := Address(c.said, c.listens, c.tls)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
	for said, want := range map[string]string{"hub.example": "want https://HOST", "http://hub.example": "localhost only", "https://hub.example/": "nothing behind",
		"https://Hub.example": "small letters", "https://192.0.2.7": "host name", "https://hub.example:443": "without :443", "ftp://hub.example": "want https://HOST"} {
		_, err := Address(said, "127.0.0.1:1", false)
		require.ErrorContains(t, err, want, said)
	}
}

func TestAPasskeyIsAskedForWithTheUserVerified(t *testing.T) {
	k, err := New("http://localhost:8080")
	require.NoError(t, err)
	challenge := []byte(strings.Repeat("c", 56))
	have := []people.Passkey{{ID: base64.RawURLEncoding.EncodeToString([]byte("one")), Transports: "internal hybrid"}}
	made, err := k.CreateOptions(challenge, people.Person{ID: "p-1", Name: "Aoki"}, have)
	require.NoError(t, err)
	asked, err := k.GetOptions(challenge, have)
	require.NoError(t, err)
	for _, options := range [][]byte{made, asked} {
		require.Contains(t, string(options), base64.RawURLEncoding.EncodeToString(challenge))
		require.Contains(t, string(options), `"userVerification":"required"`)
		require.Contains(t, string(options), have[0].ID)
	}
	require.Contains(t, string(made), `"residentKey":"required"`)
	require.Contains(t, string(made), `"attestation":"none"`)
	_, err = k.GetOptions(challenge, []people.Passkey{{ID: "?"}})
	require.Error(t, err)
}

func FuzzAnswered(f *testing.F) {
	k, err := New("http://localhost:8080")
	require.NoError(f, err)
	data := base64.RawURLEncoding.EncodeToString([]byte(`{"type":"webauthn.get","challenge":"Y2hhbGxlbmdl","origin":"http://localhost:8080"}`))
	f.Add(`{"id":"b25l","rawId":"b25l","type":"public-key","response":{"clientDataJSON":"` + data + `","authenticatorData":"","signature":"","userHandle":"cC0x"}}`)
	f.Add(`{"id":"b25l","response":{"attestationObject":"oA","clientDataJSON":"` + data + `"}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, answer string) {
		says, err := k.Answered(answer)
		if err != nil {
			require.ErrorIs(t, err, people.ErrPasskey)
			return
		}
		require.True(t, json.Valid([]byte(answer)))
		_, _, err = k.Check(answer, says.Challenge, people.Passkey{ID: "b25l", Person: "p-1", PublicKey: []byte{0xa0}})
		require.ErrorIs(t, err, people.ErrPasskey)
		_, err = k.Created(answer, says.Challenge)
		require.ErrorIs(t, err, people.ErrPasskey)
	})
}
