package bearer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/bearer/bearertest"
	"meguri/hub/people"
)

var now = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// trusting is a checker that trusts an issuer for customers.
func trusting(t *testing.T, i *bearertest.Issuer, change ...func(*bearer.Issuer)) *bearer.Checker {
	t.Helper()
	with := i.Config(people.Customer, "orders:read", "orders:write")
	for _, c := range change {
		c(&with)
	}
	k, err := bearer.New(bearer.Config{Issuers: []bearer.Issuer{with}, Keys: &bearer.Keys{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}})
	require.NoError(t, err)
	return k
}

func TestAGoodTokenLetsItsCustomerInForWhatTheIssuerMayGive(t *testing.T) {
	i := bearertest.New(t)
	got, err := trusting(t, i).Check(t.Context(), i.Token(t, "member-0001", "orders:read payments:write other", now), now)
	require.NoError(t, err)
	require.Equal(t, people.Person{ID: "app:member-0001", Name: "app", Role: people.Customer, Place: "member-0001",
		Business: people.MainBusiness}, got.Person)
	require.Equal(t, []people.Scope{"orders:read"}, got.Scopes, "not what the issuer may not give, and not what nobody knows")
	require.Equal(t, "app:member-0001", got.Bucket)

	programs := trusting(t, i, func(c *bearer.Issuer) { c.Role = people.System })
	got, err = programs.Check(t.Context(), i.Token(t, "accounting", "orders:read", now), now)
	require.NoError(t, err)
	require.Equal(t, people.Person{ID: "app:accounting", Name: "app", Role: people.System, Business: people.MainBusiness}, got.Person)
}

func TestAnIssuersTokenIsForOneOfItsBusinesses(t *testing.T) {
	i := bearertest.New(t)
	for _, c := range []struct {
		may         []string
		says, gives string // gives is empty where it lets nobody in
	}{
		{[]string{"second"}, "", "second"}, {[]string{"second"}, "second", "second"}, {[]string{"second"}, "main", ""},
		{[]string{"main", "second"}, "second", "second"}, {[]string{"main", "second"}, "", ""}, {[]string{"main", "second"}, "third", ""},
	} {
		k := trusting(t, i, func(to *bearer.Issuer) { to.Businesses = c.may })
		claims := i.Claims("member-0001", "orders:read", now)
		if c.says != "" {
			claims["business"] = c.says
		}
		who, err := k.Check(t.Context(), i.Sign(t, claims, nil), now)
		require.Equal(t, c.gives != "", err == nil, "%v %q: %v", c.may, c.says, err)
		require.Equal(t, c.gives, who.Business)
	}
}

// with is a good set of claims with one that differs; nil takes it out.
func with(i *bearertest.Issuer, name string, value any) map[string]any {
	c := i.Claims("member-0001", "orders:read", now)
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

func TestATokenThatIsWrongInOneThingLetsNobodyIn(t *testing.T) {
	i, other := bearertest.New(t), bearertest.New(t)
	k := trusting(t, i, func(c *bearer.Issuer) { c.Clients = []string{"phone"} })
	good := i.Token(t, "member-0001", "orders:read", now)
	_, err := k.Check(t.Context(), good, now)
	require.NoError(t, err)
	parts := strings.Split(good, ".")
	text := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	es, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	usual := i.Claims("member-0001", "orders:read", now)
	sec := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, c := range map[string]struct{ token, why string }{
		"no JWT":                          {"a.b.c", "no JWT"},
		"no signature (alg none)":         {text(`{"alg":"none","kid":"key-1","typ":"at+jwt"}`) + "." + parts[1] + ".", "no JWT"},
		"alg none in another case":        {text(`{"alg":"nOnE","kid":"key-1","typ":"at+jwt"}`) + "." + parts[1] + "." + parts[2], "no JWT"},
		"a shared secret":                 {shared(t, i, usual, nil), "no JWT"},
		"the public key as shared secret": {shared(t, i, usual, publicPEM(t, i)), "no JWT"},
		"an algorithm that is not its own": {bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: rs}, "key-1", usual, nil),
			"signed by RS256: want ES256"},
		"another's key":                    {bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: es}, "key-1", usual, nil), "signature"},
		"a key that came with it":          {embedded(t, es, usual), "signature"},
		"other claims under its signature": {parts[0] + "." + text(claimText(t, with(i, "sub", "member-0002"))) + "." + parts[2], "signature"},
		"an unknown kid":                   {bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: i.Newest().Key}, "key-9", usual, nil), "kid"},
		"no kid":                           {bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: i.Newest().Key}, "", usual, nil), "kid"},
		"crit":                             {i.Sign(t, usual, map[jose.HeaderKey]any{"crit": []string{"exp"}}), "crit"},
		"crit of what the library knows":   {i.Sign(t, usual, map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true}), "crit"},
		"another typ":                      {i.Sign(t, usual, map[jose.HeaderKey]any{jose.HeaderType: "logout+jwt"}), "typ"},
		"another audience":                 {i.Sign(t, with(i, "aud", "https://other.example"), nil), "aud"},
		"no audience":                      {i.Sign(t, with(i, "aud", nil), nil), "aud"},
		"another issuer":                   {other.Token(t, "member-0001", "orders:read", now), "issuer"},
		"another issuer's, in its name":    {other.Sign(t, usual, nil), "signature"},
		"no issuer":                        {i.Sign(t, with(i, "iss", nil), nil), "issuer"},
		"expired":                          {i.Sign(t, with(i, "exp", sec(-31*time.Second)), nil), "expired"},
		"never ends":                       {i.Sign(t, with(i, "exp", nil), nil), "exp"},
		"not yet":                          {i.Sign(t, with(i, "nbf", sec(31*time.Second)), nil), "not valid yet"},
		"issued later":                     {i.Sign(t, with(i, "iat", sec(31*time.Second)), nil), "not valid yet"},
		"no subject":                       {i.Sign(t, with(i, "sub", nil), nil), "sub"},
		"a subject of control characters":  {i.Sign(t, with(i, "sub", "a\nb"), nil), "sub"},
		"a long subject":                   {i.Sign(t, with(i, "sub", strings.Repeat("m", 91)), nil), "sub"},
		"another client":                   {i.Sign(t, with(i, "client_id", "watch"), nil), "client"},
		"too long":                         {i.Sign(t, with(i, "more", strings.Repeat("m", 8<<10)), nil), "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Check(t.Context(), c.token, now)
			var wrong *bearer.InvalidError
			require.ErrorAs(t, err, &wrong)
			require.Contains(t, wrong.Why, c.why)
		})
	}
	for name, claims := range map[string]map[string]any{
		"expired just now":    with(i, "exp", sec(-29*time.Second)),
		"good in a moment":    with(i, "nbf", sec(29*time.Second)),
		"of several audience": with(i, "aud", []string{"https://other.example", bearertest.Audience}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Check(t.Context(), i.Sign(t, claims, nil), now)
			require.NoError(t, err)
		})
	}
	azp := maps.Clone(with(i, "client_id", nil))
	azp["azp"] = "phone"
	_, err = k.Check(t.Context(), i.Sign(t, azp, nil), now)
	require.NoError(t, err, "an issuer that has azp and no client_id")
}

// shared signs with a secret, by default one of the attacker's own.
func shared(t *testing.T, i *bearertest.Issuer, claims map[string]any, secret []byte) string {
	t.Helper()
	if secret == nil {
		secret = make([]byte, 32)
	}
	return bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: secret}, i.Newest().KeyID, claims, nil)
}

// publicPEM is the issuer's public key as everybody can write it down.
func publicPEM(t *testing.T, i *bearertest.Issuer) []byte {
	t.Helper()
	newest := i.Newest()
	der, err := x509.MarshalPKIXPublicKey(newest.Public().Key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// embedded brings the key that it was signed with along in its header.
func embedded(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	return bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: key}, "key-1", claims,
		map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: key.Public()}})
}

func claimText(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	require.NoError(t, err)
	return string(text)
}

func FuzzATokenOfAStrangerLetsNobodyIn(f *testing.F) {
	i := bearertest.New(f)
	keys := &bearer.Keys{Dir: f.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	k, err := bearer.New(bearer.Config{Issuers: []bearer.Issuer{i.Config(people.Customer, "orders:read")}, Keys: keys})
	require.NoError(f, err)
	good := i.Token(f, "member-0001", "orders:read", now)
	f.Add(good[:len(good)-1])
	f.Add("..")
	f.Add(`{"payload":"e30","signatures":[{},{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if text == good {
			return
		}
		who, err := k.Check(t.Context(), text, now)
		if err == nil && who.Place != "member-0001" {
			t.Fatalf("%q lets in %v", text, who)
		}
	})
}
