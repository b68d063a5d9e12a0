package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/people"
)

func TestProgramsAreRegisteredListedRotatedAndRevoked(t *testing.T) {
	g, out := globals(t)
	require.NoError(t, (&ClientAddCmd{Name: "cafe", Scope: []string{"orders:read", "orders:write"}, Role: "system", Rate: 60}).Run(g))
	id, secret, ok := strings.Cut(strings.TrimSpace(out.String()), "\nclient_secret ")
	require.True(t, ok)
	require.Equal(t, "client_id cafe", id)
	require.Len(t, secret, 43)
	require.ErrorContains(t, (&ClientAddCmd{Name: "cafe", Scope: []string{"orders:rd"}, Role: "system", Rate: 60}).Run(g), `and "orders:rd" is none`)

	out.Reset()
	require.NoError(t, (&ClientListCmd{}).Run(g))
	require.Regexp(t, `(?m)^cafe +system +- +60 +\S+ +- +orders:read orders:write$`, out.String())
	require.NotContains(t, out.String(), secret)
	out.Reset()
	require.NoError(t, (&ClientRotateCmd{Name: "cafe", Keep: time.Hour}).Run(g))
	require.NotContains(t, out.String(), secret)
	require.Error(t, (&ClientRotateCmd{Keep: -1}).Validate())
	require.NoError(t, (&ClientRevokeCmd{Name: "cafe"}).Run(g))
	require.ErrorIs(t, (&ClientRevokeCmd{Name: "cafe"}).Run(g), people.ErrNoClient)

	out.Reset()
	require.NoError(t, (&ClientScopesCmd{}).Run(g))
	require.Regexp(t, `(?m)^orders:write +POST /v1/orders +customer system$`, out.String())
	require.ErrorContains(t, (&ClientDropKeyCmd{ID: "none"}).Run(g), "hub client keys lists them")
}

func TestKeysOfAccessTokensAreListedAndDropped(t *testing.T) {
	g, out := globals(t)
	require.NoError(t, (&ClientAddCmd{Name: "cafe", Scope: []string{"orders:read"}, Role: "system", Rate: 60}).Run(g))
	s, err := g.OpenStore()
	require.NoError(t, err)
	svc := people.New(s.People())
	svc.Vault, err = people.NewVault(make([]byte, people.VaultKey))
	require.NoError(t, err)
	client, err := svc.LivingClient(t.Context(), "cafe")
	require.NoError(t, err)
	_, _, err = (&bearer.Own{URL: "https://hub.example", Store: s, People: svc}).Issue(t.Context(), client, "", time.Now())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	out.Reset()
	require.NoError(t, (&ClientKeysCmd{}).Run(g))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	require.NoError(t, (&ClientDropKeyCmd{ID: strings.Fields(lines[1])[0]}).Run(g))
	out.Reset()
	require.NoError(t, (&ClientKeysCmd{}).Run(g))
	require.NotContains(t, out.String(), strings.Fields(lines[1])[0])
}

func TestAFileOfIssuersIsCheckedBeforeTheHubStarts(t *testing.T) {
	g, out := globals(t)
	file := filepath.Join(t.TempDir(), "issuers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("issuers:\n  - {name: app, issuer: 'https://id.example', audience: hub, keys: 'https://id.example/k',\n"+
		"     algorithms: [ES256], role: customer, scopes: ['orders:read']}\n"), 0o600))
	require.NoError(t, (&ClientCheckCmd{File: file}).Run(g))
	require.Equal(t, "app: https://id.example for customer may orders:read, 120 requests a minute each; its keys are kept for 72h0m0s\n", out.String())
	p, err := (&ProgramFlags{PublicURL: "https://hub.example/", Issuers: file}).config()
	require.NoError(t, err)
	require.Equal(t, "https://hub.example", p.URL)
	require.Len(t, p.Issuers, 1)
	require.NoError(t, os.WriteFile(file, []byte("issuers:\n  - {name: app, issuer: 'http://id.example'}\n"), 0o600))
	_, err = (&ProgramFlags{Issuers: file}).config()
	require.ErrorContains(t, err, file+`: line 2, issuer 1: issuer "http://id.example": want https://HOST`)
	_, err = (&ProgramFlags{PublicURL: "hub.example"}).config()
	require.ErrorContains(t, err, "--public-url")
}
