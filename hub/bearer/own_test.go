package bearer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/bearer/bearertest"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

const hubURL = "https://hub.example"

// own is a hub with one client.
func own(t *testing.T, s *store.Store) (*bearer.Own, people.Client) {
	t.Helper()
	svc := people.New(s.People())
	var err error
	svc.Vault, err = people.NewVault(make([]byte, people.VaultKey))
	require.NoError(t, err)
	_, err = svc.AddClient(t.Context(), people.Console, people.Client{ID: "cafe", Role: people.System, Scopes: []people.Scope{"orders:write", "orders:read"},
		PerMinute: 60}, now)
	if err != nil {
		require.ErrorIs(t, err, people.ErrClientTaken)
	}
	c, err := svc.LivingClient(t.Context(), "cafe")
	require.NoError(t, err)
	return &bearer.Own{URL: hubURL, Store: s, People: svc}, c
}

func checkerOf(t *testing.T, o *bearer.Own) *bearer.Checker {
	t.Helper()
	k, err := bearer.New(bearer.Config{Own: o})
	require.NoError(t, err)
	return k
}

func issue(t *testing.T, o *bearer.Own, c people.Client, scope string, at time.Time) string {
	t.Helper()
	token, _, err := o.Issue(t.Context(), c, scope, at)
	require.NoError(t, err)
	return token
}

func TestAClientsTokenIsAsRFC9068SaysAndOthersCanCheckItByTheSet(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		o, c := own(t, storetest.Open(t, empty()))
		token, granted, err := o.Issue(t.Context(), c, "", now)
		require.NoError(t, err)
		require.Equal(t, "orders:read orders:write", granted)
		set, err := o.Set(t.Context(), now)
		require.NoError(t, err)
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		require.Equal(t, "at+jwt", parsed.Headers[0].ExtraHeaders[jose.HeaderType])
		claims := map[string]any{}
		require.NoError(t, parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0], &claims))
		require.NotEmpty(t, claims["jti"])
		delete(claims, "jti")
		require.Equal(t, map[string]any{"iss": hubURL, "aud": hubURL, "sub": "cafe", "client_id": "cafe", "scope": "orders:read orders:write",
			"iat": float64(now.Unix()), "exp": float64(now.Add(bearer.TokenLife).Unix())}, claims)
		for _, k := range set.Keys {
			require.True(t, k.IsPublic())
		}

		who, err := checkerOf(t, o).Check(t.Context(), token, now.Add(bearer.TokenLife))
		require.NoError(t, err)
		require.Equal(t, "client:cafe", who.ID)
		require.Equal(t, people.System, who.Role)
		require.Equal(t, 60, who.PerMinute)
		_, err = checkerOf(t, o).Check(t.Context(), token, now.Add(bearer.TokenLife+time.Minute))
		require.ErrorContains(t, err, "expired")
	})
}

func TestAClientGetsWhatItAsksForAndNoMoreThanItMayHave(t *testing.T) {
	o, c := own(t, storetest.Open(t, storetest.SQLite(t)))
	who, err := checkerOf(t, o).Check(t.Context(), issue(t, o, c, "orders:read", now), now)
	require.NoError(t, err)
	require.Equal(t, []people.Scope{"orders:read"}, who.Scopes)
	_, _, err = o.Issue(t.Context(), c, "orders:read payments:write", now)
	require.ErrorAs(t, err, new(*bearer.ScopeError))
}

func TestARevokedClientsTokensEndAtOnce(t *testing.T) {
	o, c := own(t, storetest.Open(t, storetest.SQLite(t)))
	token := issue(t, o, c, "", now)
	require.NoError(t, o.People.RevokeClient(t.Context(), people.Console, "cafe", now))
	_, err := checkerOf(t, o).Check(t.Context(), token, now)
	require.ErrorContains(t, err, "revoked")
}

func TestTokensOfOneHubAreNotTakenAtAnother(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	o, c := own(t, s)
	other := &bearer.Own{URL: "https://other.example", Store: s, People: o.People}
	_, err := checkerOf(t, o).Check(t.Context(), issue(t, other, c, "", now), now)
	require.ErrorContains(t, err, "issuer")
}

func TestAnotherIssuerCannotSpeakForTheHub(t *testing.T) {
	o, _ := own(t, storetest.Open(t, storetest.SQLite(t)))
	i := bearertest.New(t)
	claims := i.Claims("cafe", "orders:write", now)
	claims["iss"], claims["aud"], claims["client_id"] = hubURL, hubURL, "cafe"
	k, err := bearer.New(bearer.Config{Own: o, Issuers: []bearer.Issuer{i.Config(people.System, "orders:write")}, Keys: &bearer.Keys{Dir: t.TempDir()}})
	require.NoError(t, err)
	_, err = k.Check(t.Context(), i.Sign(t, claims, nil), now)
	require.ErrorContains(t, err, "EdDSA")
	called := i.Config(people.System, "orders:write")
	called.URL = hubURL
	_, err = bearer.New(bearer.Config{Own: o, Issuers: []bearer.Issuer{called}})
	require.ErrorContains(t, err, "is this hub")
}

// Who keeps the set for KeyLead, as is said of it, checks every token at any time of a year in which keys rotate.
func TestNoValidTokenFailsWhileKeysRotate(t *testing.T) {
	o, c := own(t, storetest.Open(t, storetest.SQLite(t)))
	k := checkerOf(t, o)
	const step = 50 * time.Minute
	var kept jose.JSONWebKeySet
	seen := map[string]bool{}
	for at, n := now, 0; at.Before(now.Add(62 * 24 * time.Hour)); at, n = at.Add(step), n+1 {
		token := issue(t, o, c, "", at)
		if n == 0 {
			kept, _ = o.Set(t.Context(), at) // the first is made when the first token is
		}
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		seen[parsed.Headers[0].KeyID] = true
		require.Len(t, kept.Key(parsed.Headers[0].KeyID), 1, "known since %s", step)
		_, err = k.Check(t.Context(), token, at.Add(bearer.TokenLife))
		require.NoError(t, err)
		kept, err = o.Set(t.Context(), at)
		require.NoError(t, err)
		require.LessOrEqual(t, len(kept.Keys), 2)
	}
	require.Len(t, seen, 3)
}

func TestADroppedKeysTokensEndAndAnotherTakesItsPlace(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	o, c := own(t, s)
	k := checkerOf(t, o)
	token := issue(t, o, c, "", now)
	set, err := o.Set(t.Context(), now)
	require.NoError(t, err)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		was, err := tx.EndSigningKey(t.Context(), set.Keys[0].KeyID, now)
		require.True(t, was)
		return err
	}))
	_, err = k.Check(t.Context(), token, now)
	require.ErrorContains(t, err, "kid")
	_, err = k.Check(t.Context(), issue(t, o, c, "", now), now)
	require.NoError(t, err)
}

func TestAHubWithoutTheKeyOfSecretsGivesNoTokensAndOneWithAnotherMakesItsOwn(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	o, c := own(t, s)
	token := issue(t, o, c, "", now)
	without := people.New(s.People())
	_, _, err := (&bearer.Own{URL: hubURL, Store: s, People: without}).Issue(t.Context(), c, "", now)
	require.ErrorIs(t, err, people.ErrNoKey)
	without.Vault, err = people.NewVault([]byte(strings.Repeat("k", people.VaultKey)))
	require.NoError(t, err)
	second := &bearer.Own{URL: hubURL, Store: s, People: without}
	theirs := issue(t, second, c, "", now)
	for _, k := range []*bearer.Checker{checkerOf(t, o), checkerOf(t, second)} {
		for _, text := range []string{token, theirs} {
			_, err := k.Check(t.Context(), text, now)
			require.NoError(t, err, "each takes what the other has signed")
		}
	}
	keys, err := o.Set(t.Context(), now)
	require.NoError(t, err)
	issue(t, second, c, "", now)
	issue(t, o, c, "", now)
	again, err := o.Set(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, keys, again, "neither makes another")
}

func TestATokenIsForTheBusinessOfItsClient(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	o, first := own(t, s)
	require.NoError(t, o.People.AddBusiness(t.Context(), people.Console, people.Business{ID: "second", Name: "Second"}, now))
	second := people.InBusiness(t.Context(), "second")
	c := people.Client{ID: "boutique", Role: people.System, Scopes: []people.Scope{"orders:read"}, PerMinute: 60}
	_, err := o.People.AddClient(people.InBusiness(t.Context(), "third"), people.Console, c, now)
	require.ErrorIs(t, err, people.ErrNoBusiness)
	_, err = o.People.AddClient(second, people.Console, c, now)
	require.NoError(t, err)
	other, err := o.People.LivingClient(t.Context(), "boutique")
	require.NoError(t, err)
	for _, c := range []people.Client{first, other} {
		who, err := checkerOf(t, o).Check(t.Context(), issue(t, o, c, "", now), now)
		require.NoError(t, err)
		require.Equal(t, c.Business, who.Business)
	}
	require.Equal(t, []string{people.MainBusiness, "second"}, []string{first.Business, other.Business})
	parsed, err := jwt.ParseSigned(issue(t, o, other, "", now), []jose.SignatureAlgorithm{jose.EdDSA})
	require.NoError(t, err)
	claims := map[string]any{}
	require.NoError(t, parsed.UnsafeClaimsWithoutVerification(&claims))
	require.Equal(t, "second", claims["business"])
}
