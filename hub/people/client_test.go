package people_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

func cafe() people.Client {
	return people.Client{ID: "cafe", Role: people.System, Scopes: []people.Scope{"orders:write", "orders:read", "orders:write"}, PerMinute: 60}
}

func TestAClientIsRegisteredAndShowsItsSecret(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		storetest.Import(t, s, storetest.Network(t))
		svc := people.New(s.People())
		secret, err := svc.AddClient(t.Context(), people.Console, cafe(), start)
		require.NoError(t, err)
		got, err := svc.Authenticate(t.Context(), "cafe", secret, "192.0.2.1", start)
		require.NoError(t, err)
		require.Equal(t, []people.Scope{"orders:read", "orders:write"}, got.Scopes)
		require.Equal(t, start, got.Added)
		_, err = svc.AddClient(t.Context(), people.Console, cafe(), start)
		require.ErrorIs(t, err, people.ErrClientTaken)
		for id, wrong := range map[string]string{"cafe": secret + "x", "other": secret, "": ""} {
			_, err = svc.Authenticate(t.Context(), id, wrong, "192.0.2.1", start)
			require.ErrorIs(t, err, people.ErrClient)
		}
		secretsEnd(t, svc, secret)
		acts := actsOf(t, s, "client:cafe")
		require.ElementsMatch(t, []string{"client.revoke", "client.rotate", "client.rotate", "client.add"}, acts)
		require.NotContains(t, strings.Join(acts, " "), secret)
	})
}

func secretsEnd(t *testing.T, svc *people.Service, first string) {
	t.Helper()
	works := func(secret string, at time.Time) bool {
		_, err := svc.Authenticate(t.Context(), "cafe", secret, "192.0.2.1", at)
		return err == nil
	}
	second, err := svc.RotateClient(t.Context(), people.Console, "cafe", time.Hour, start)
	require.NoError(t, err)
	require.True(t, works(first, start.Add(59*time.Minute)) && works(second, start.Add(59*time.Minute)))
	require.False(t, works(first, start.Add(time.Hour)))
	third, err := svc.RotateClient(t.Context(), people.Console, "cafe", 24*time.Hour, start.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, works(first, start.Add(2*time.Minute)), "of former ones only the newest is good")
	require.True(t, works(second, start.Add(2*time.Minute)) && works(third, start.Add(2*time.Minute)))
	require.NoError(t, svc.RevokeClient(t.Context(), people.Console, "cafe", start.Add(3*time.Minute)))
	require.False(t, works(second, start.Add(3*time.Minute)) || works(third, start.Add(3*time.Minute)))
	require.ErrorIs(t, svc.RevokeClient(t.Context(), people.Console, "cafe", start), people.ErrNoClient)
	_, err = svc.RotateClient(t.Context(), people.Console, "cafe", 0, start)
	require.ErrorIs(t, err, people.ErrNoClient)
	_, err = svc.AddClient(t.Context(), people.Console, cafe(), start)
	require.ErrorIs(t, err, people.ErrClientTaken, "what it did stays under its name")
	all, err := svc.Clients(t.Context())
	require.NoError(t, err)
	require.Equal(t, start.Add(3*time.Minute), all[0].Revoked)
}

// actsOf are what was done to something, the newest first.
func actsOf(t *testing.T, s *store.Store, subject string) (all []string) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		acts, err := tx.Acts(t.Context(), subject, 10)
		for _, a := range acts {
			all = append(all, a.Act)
		}
		return err
	}))
	return all
}

func TestAWrongClientIsRefusedWithTheField(t *testing.T) {
	svc, _ := open(t)
	for name, c := range map[string]struct {
		change      func(*people.Client)
		field, want string
	}{
		"name":              {func(c *people.Client) { c.ID = "Cafe 1" }, "name", "a-z"},
		"role":              {func(c *people.Client) { c.Role = people.Admin }, "role", "system"},
		"a shop's, of none": {func(c *people.Client) { c.Role = people.Shop }, "place", "shop"},
		"no such shop":      {func(c *people.Client) { c.Role, c.Place, c.Scopes = people.Shop, "none", []string{"dispatch:read"} }, "place", "none"},
		"place":             {func(c *people.Client) { c.Place = "shop-1" }, "place", "none for system"},
		"no scope":          {func(c *people.Client) { c.Scopes = nil }, "scope", "at least one"},
		"unknown scope":     {func(c *people.Client) { c.Scopes = []string{"orders"} }, "scope", `"orders" is none`},
		"scope of others":   {func(c *people.Client) { c.Scopes = []string{"limits:write"} }, "scope", "opens nothing"},
		"rate":              {func(c *people.Client) { c.PerMinute = 0 }, "rate", "requests a minute"},
	} {
		t.Run(name, func(t *testing.T) {
			client := cafe()
			c.change(&client)
			_, err := svc.AddClient(t.Context(), people.Console, client, start)
			var wrong *people.FieldError
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, c.field, wrong.Field)
			require.Contains(t, wrong.Want, c.want)
		})
	}
}
