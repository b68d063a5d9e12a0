// Package bearertest is an issuer of tokens on loopback, which only tests start.
package bearertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/people"
)

// Audience is what the issuer calls the hub.
const Audience = "https://hub.example"

// Issuer signs tokens and serves the keys.
type Issuer struct {
	URL string

	mu      sync.Mutex
	keys    []jose.JSONWebKey // private, the newest last
	answer  func(w http.ResponseWriter)
	fetches int
}

// New starts an issuer with one key, until the test ends.
func New(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		i.fetches++
		answer, set := i.answer, i.set()
		i.mu.Unlock()
		if answer != nil {
			answer(w)
			return
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	tb.Cleanup(server.Close)
	i.URL = server.URL
	i.Rotate(tb)
	return i
}

// Config is the issuer as a hub trusts it, for a role.
func (i *Issuer) Config(role people.Role, scopes ...people.Scope) bearer.Issuer {
	return bearer.Issuer{Name: "app", URL: i.URL, Audience: Audience, KeysURL: i.URL + "/keys", Algorithms: []jose.SignatureAlgorithm{jose.ES256},
		Role: role, Scopes: scopes, PerMinute: 10_000, Keep: 72 * time.Hour}
}

// set is the public half of the keys.
func (i *Issuer) set() (set jose.JSONWebKeySet) {
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	return set
}

// Rotate makes a key that signs from now on and gives its id; the former ones stay in the set.
func (i *Issuer) Rotate(tb testing.TB) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	id := fmt.Sprintf("key-%d", len(i.keys)+1)
	i.keys = append(i.keys, jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"})
	return id
}

// Forget takes all keys but the newest out of the set.
func (i *Issuer) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// Answer makes the issuer answer otherwise than with its keys; nil for as before.
func (i *Issuer) Answer(with func(w http.ResponseWriter)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = with
}

// Down is an Answer of an issuer that is out of order.
func Down(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }

// Fetches is how often the keys were asked for.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Newest is the key that signs, with its private half.
func (i *Issuer) Newest() jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// Claims are those of a good token at a time.
func (i *Issuer) Claims(subject, scope string, now time.Time) map[string]any {
	return map[string]any{"iss": i.URL, "aud": Audience, "sub": subject, "scope": scope, "client_id": "phone",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// Token is a good token of the newest key.
func (i *Issuer) Token(tb testing.TB, subject, scope string, now time.Time) string {
	tb.Helper()
	return i.Sign(tb, i.Claims(subject, scope, now), nil)
}

// Sign signs claims with the newest key, and headers besides the usual ones.
func (i *Issuer) Sign(tb testing.TB, claims map[string]any, headers map[jose.HeaderKey]any) string {
	tb.Helper()
	key := i.Newest()
	return SignWith(tb, jose.SigningKey{Algorithm: jose.ES256, Key: key.Key}, key.KeyID, claims, headers)
}

// SignWith signs claims with any key.
func SignWith(tb testing.TB, key jose.SigningKey, kid string, claims map[string]any, headers map[jose.HeaderKey]any) string {
	tb.Helper()
	with := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", kid)
	for name, value := range headers {
		with = with.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(key, with)
	require.NoError(tb, err)
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(tb, err)
	return text
}
