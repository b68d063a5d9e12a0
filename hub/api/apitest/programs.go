package apitest

import (
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/bearer/bearertest"
	"meguri/hub/people"
)

// URL is what the hub calls itself in tokens.
const URL = "https://hub.example"

// Client registers a program and gives its secret.
func (h *Hub) Client(tb testing.TB, c people.Client) string {
	tb.Helper()
	if c.Role == "" {
		c.Role = people.System
	}
	if c.PerMinute == 0 {
		c.PerMinute = people.MaxPerMinute
	}
	secret, err := h.People.AddClient(tb.Context(), people.Console, c, h.RealNow())
	require.NoError(tb, err)
	return secret
}

// AskToken asks for a client's token with a form.
func (h *Hub) AskToken(id, secret, scope string) *httptest.ResponseRecorder {
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope != "" {
		form.Set("scope", scope)
	}
	r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	return h.Serve(r)
}

// Trust makes the hub take the tokens of an issuer.
func (h *Hub) Trust(tb testing.TB, i bearer.Issuer) {
	tb.Helper()
	k, err := bearer.New(bearer.Config{Own: h.API.Tokens.Own, Issuers: []bearer.Issuer{i},
		Keys: &bearer.Keys{Dir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler)}})
	require.NoError(tb, err)
	h.API.Tokens = k
}

// App makes the hub trust an issuer for customers, with every scope that opens something to them.
func (h *Hub) App(tb testing.TB) *bearertest.Issuer {
	tb.Helper()
	i := bearertest.New(tb)
	var scopes []people.Scope
	for _, s := range people.Scopes() {
		if people.Opens(s, people.Customer) {
			scopes = append(scopes, s)
		}
	}
	h.Trust(tb, i.Config(people.Customer, scopes...))
	return i
}
