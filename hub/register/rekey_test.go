package register_test

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/store"
)

// signed is the client cafe, with a first token of the hub, and the key that has signed it as it stands in the database.
func signed(t *testing.T, s *store.Store) (c people.Client, key store.SigningKey) {
	t.Helper()
	ctx := t.Context()
	svc := people.New(s.People())
	svc.Vault = vault(t, 1)
	_, err := svc.AddClient(ctx, people.Console, people.Client{ID: "cafe", Role: people.System, Scopes: []people.Scope{"orders:read"}, PerMinute: 60}, now)
	require.NoError(t, err)
	c, err = svc.LivingClient(ctx, "cafe")
	require.NoError(t, err)
	_, _, err = (&bearer.Own{URL: "https://hub.example", Store: s, People: svc}).Issue(ctx, c, "", now)
	require.NoError(t, err)
	require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.SigningKeys(ctx, now)
		require.Len(t, all, 1)
		key = all[0]
		sealed, bad := tx.HasSealed(ctx)
		require.NoError(t, bad)
		require.True(t, sealed, "a hub with such a key wants its vault's")
		return err
	}))
	return c, key
}

// forged is a token by a key that somebody has opened with the vault's old key.
func forged(t *testing.T, key store.SigningKey, at time.Time) string {
	t.Helper()
	seed, err := vault(t, 1).Open(key.Sealed, "signing key "+key.ID)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: ed25519.NewKeyFromSeed(seed)}, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", key.ID))
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(map[string]any{"iss": "https://hub.example", "aud": "https://hub.example", "sub": "cafe", "client_id": "cafe",
		"scope": "orders:read", "exp": at.Add(time.Hour).Unix()}).Serialize()
	require.NoError(t, err)
	return token
}

func TestAKeyOfTokensEndsWithTheVaultsKeyThatOpensIt(t *testing.T) {
	for how, end := range map[string]func(context.Context, *store.Store) error{
		"hub person rekey": func(ctx context.Context, s *store.Store) error {
			_, _, err := (&register.Service{Store: s.Register(), Vault: vault(t, 2, 1)}).Rewrap(ctx, now)
			return err
		},
		"the key was put back by hand": func(context.Context, *store.Store) error { return nil },
	} {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, s *store.Store, _ *register.Service) {
				ctx := t.Context()
				c, stolen := signed(t, s)
				require.NoError(t, end(ctx, s))
				persons := people.New(s.People())
				persons.Vault = vault(t, 2)
				o := &bearer.Own{URL: "https://hub.example", Store: s, People: persons}
				k, err := bearer.New(bearer.Config{Own: o})
				require.NoError(t, err)
				token, _, err := o.Issue(ctx, c, "", now.Add(time.Second))
				require.NoError(t, err)
				_, err = k.Check(ctx, token, now.Add(time.Second))
				require.NoError(t, err, "a new one signs at once")
				later := now.Add(time.Second + bearer.TokenLife + 2*bearer.Leeway)
				_, err = k.Check(ctx, forged(t, stolen, later), later)
				require.ErrorContains(t, err, "not any more")
				set, err := o.Set(ctx, later)
				require.NoError(t, err)
				require.Len(t, set.Keys, 1)
			})
		})
	}
}
