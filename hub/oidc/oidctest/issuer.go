// Package oidctest is a small company's login that only tests start: real HTTP on loopback, real keys. It lets in whoever asks, as whom the
// test says, and can be told what to do wrong.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Client and Secret are those of the hub.
const (
	Client = "meguri"
	Secret = "the client's secret"
)

// Issuer is a company's login.
type Issuer struct {
	URL string

	tb    testing.TB
	mu    sync.Mutex
	keys  []jose.JSONWebKey // the last one signs
	codes map[string]url.Values
	down  bool
	who   map[string]any
	last  string // code
}

// Start starts one.
func Start(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, codes: map[string]url.Values{}}
	i.Rotate(true)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.jwks)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Down makes it answer nothing, or again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Next says the claims of who comes next; they go over what is right.
func (i *Issuer) Next(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.who = maps.Clone(claims)
}

// Last is the last code that it gave.
func (i *Issuer) Last() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

// Rotate signs with a new key, which it tells of if known.
func (i *Issuer) Rotate(known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(i.tb, err)
	i.keys = append(i.keys, jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: "ES256", Use: map[bool]string{true: "sig", false: "secret"}[known]})
}

func say(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked has gone
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	say(w, map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}})
}

func (i *Issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		if k.Use == "sig" {
			set.Keys = append(set.Keys, k.Public())
		}
	}
	say(w, set)
}

// authorize asks nobody anything and sends the browser back with a code.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != Client || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" {
		http.Error(w, "not as it should be", http.StatusBadRequest)
		return
	}
	i.last = rand.Text()
	i.codes[i.last] = q
	back := q.Get("redirect_uri") + "?" + url.Values{"code": {i.last}, "state": {q.Get("state")}, "iss": {i.URL}}.Encode()
	http.Redirect(w, r, back, http.StatusFound)
}

// token gives an id token for a code, once, to whom has the verifier of its challenge.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	asked, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	client, secret, _ := r.BasicAuth()
	secret, err := url.QueryUnescape(secret)
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || err != nil || client != Client || secret != Secret || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") ||
		r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		say(w, map[string]string{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": i.URL, "sub": "u-1", "aud": Client, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nonce": asked.Get("nonce")}
	maps.Copy(claims, i.who)
	body, err := json.Marshal(claims)
	require.NoError(i.tb, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.keys[len(i.keys)-1]}, nil)
	require.NoError(i.tb, err)
	signed, err := signer.Sign(body)
	require.NoError(i.tb, err)
	raw, err := signed.CompactSerialize()
	require.NoError(i.tb, err)
	say(w, map[string]any{"access_token": "unused", "token_type": "Bearer", "id_token": raw})
}
