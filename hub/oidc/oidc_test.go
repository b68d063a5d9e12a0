package oidc_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"meguri/hub/oidc"
	"meguri/hub/oidc/oidctest"
	"meguri/hub/people"
)

// client is a hub's side of an issuer, on a clock of its own.
type client struct {
	*oidc.Client
	issuer *oidctest.Issuer
	later  time.Duration
}

func start(t *testing.T) *client {
	t.Helper()
	c := &client{issuer: oidctest.Start(t)}
	roles, err := oidc.ReadRoles(strings.NewReader("group,role,place\nmeguri-quality,quality\nmeguri-shop,shop,shop-1\n"))
	require.NoError(t, err)
	c.Client, err = oidc.New(oidc.Config{Issuer: c.issuer.URL, Client: oidctest.Client, Secret: oidctest.Secret, Name: "Acme", Roles: roles,
		Back: "http://localhost:1/login/company/back", GroupsClaim: "groups", SecondClaim: "amr", SecondValues: []string{"mfa"},
		Now: func() time.Time { return time.Now().Add(c.later) }})
	require.NoError(t, err)
	return c
}

// asked is what the issuer sends the browser back with.
func asked(t *testing.T, c *client) (keep []byte, query url.Values) {
	t.Helper()
	to, keep, err := c.Begin(t.Context(), false)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), "GET", to, nil)
	require.NoError(t, err)
	w, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Equal(t, http.StatusFound, w.StatusCode)
	back, err := w.Location()
	require.NoError(t, err)
	require.NotContains(t, to, oidctest.Secret)
	return keep, back.Query()
}

func signIn(t *testing.T, c *client) (people.Company, error) {
	t.Helper()
	keep, query := asked(t, c)
	return c.End(t.Context(), keep, query)
}

func inMain(role people.Role, place string) people.Post {
	return people.Post{Business: people.Business{ID: people.MainBusiness}, Role: role, Place: place}
}

// In each business the first row counts of the groups that have a role there.
func TestGroupsHaveARoleInEachBusiness(t *testing.T) {
	roles, err := oidc.ReadRoles(strings.NewReader("group,role,place,business\nstaff,support\nstaff,warehouse,w-9,boutique\nlead,admin,,boutique\nlead,quality,,\n"))
	require.NoError(t, err)
	require.Equal(t, []string{people.MainBusiness, "boutique"}, roles.Businesses())
	boutique := func(role people.Role, place string) people.Post {
		return people.Post{Business: people.Business{ID: "boutique"}, Role: role, Place: place}
	}
	require.Equal(t, []people.Post{inMain(people.Support, ""), boutique(people.Warehouse, "w-9")}, roles.Of([]string{"lead", "staff"}))
	require.Equal(t, []people.Post{boutique(people.Admin, ""), inMain(people.Quality, "")}, roles.Of([]string{"lead"}))
	require.Empty(t, roles.Of([]string{"other"}))
}

func TestSomebodyIsWhoTheIssuerSaysInTheRoleOfTheirGroup(t *testing.T) {
	c := start(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	c.issuer.Next(map[string]any{"sub": "u-7", "name": "Aoki", "groups": []string{"all", "meguri-shop", "meguri-quality"}, "amr": []string{"pwd", "mfa"},
		"auth_time": at.Unix()})
	who, err := signIn(t, c)
	require.NoError(t, err)
	require.NotEmpty(t, who.State)
	who.State = ""
	require.Equal(t, people.Company{Issuer: c.issuer.URL, Subject: "u-7", Name: "Aoki", Posts: []people.Post{inMain(people.Quality, "")},
		Of: []string{people.MainBusiness}, Both: true, Shown: at}, who,
		"the first row of the file counts, not the first group")
	c.issuer.Next(map[string]any{"preferred_username": "aoki", "groups": "meguri-shop", "amr": []string{"pwd"}})
	who, err = signIn(t, c)
	require.NoError(t, err)
	require.Equal(t, "aoki", who.Name)
	require.Equal(t, []people.Post{inMain(people.Shop, "shop-1")}, who.Posts)
	require.False(t, who.Both)
	require.Zero(t, who.Shown)
	c.issuer.Next(map[string]any{"groups": []any{"other", 7, nil}})
	who, err = signIn(t, c)
	require.NoError(t, err)
	require.Empty(t, who.Posts)
}

func TestATokenThatIsNotRightInAllLetsNobodyIn(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"another sign-in's nonce": {"nonce": "other"},
		"no nonce":                {"nonce": ""},
		"for another client":      {"aud": "other"},
		"for several clients":     {"aud": []string{oidctest.Client, "other"}},
		"made for another client": {"azp": "other"},
		"of another issuer":       {"iss": "https://other.example"},
		"expired":                 {"exp": time.Now().Add(-time.Minute).Unix()},
		"nobody":                  {"sub": ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			c.issuer.Next(claims)
			_, err := signIn(t, c)
			require.ErrorIs(t, err, people.ErrCompany)
			c.issuer.Next(nil)
			_, err = signIn(t, c)
			require.NoError(t, err, "and then goes on")
		})
	}
}

func TestAKeyThatTheIssuerDoesNotTellOfSignsNothingAndARotatedOneDoes(t *testing.T) {
	c := start(t)
	_, err := signIn(t, c)
	require.NoError(t, err)
	c.issuer.Rotate(false)
	_, err = signIn(t, c)
	require.ErrorIs(t, err, people.ErrCompany)
	c.issuer.Rotate(true)
	_, err = signIn(t, c)
	require.NoError(t, err)
}

func TestWhatThisBrowserDidNotBeginIsRefused(t *testing.T) {
	c := start(t)
	keep, query := asked(t, c)
	other, _ := asked(t, c)
	_, err := c.End(t.Context(), other, query)
	require.ErrorIs(t, err, people.ErrState, "another state")
	_, err = c.End(t.Context(), []byte("{}"), url.Values{})
	require.ErrorIs(t, err, people.ErrState)
	_, err = c.End(t.Context(), nil, query)
	require.ErrorIs(t, err, people.ErrState)
	query.Set("iss", "https://other.example")
	_, err = c.End(t.Context(), keep, query)
	require.ErrorIs(t, err, people.ErrCompany, "another issuer's answer")
	query.Del("iss")
	query.Set("error", "access_denied")
	_, err = c.End(t.Context(), keep, query)
	require.ErrorIs(t, err, people.ErrCompany)
	require.ErrorContains(t, err, "access_denied")
	query.Set("error_description", "Aoki Hanako is not in the directory")
	_, err = c.End(t.Context(), keep, query)
	require.NotContains(t, err.Error(), "Aoki", "it goes into the log")
	query.Set("error", "Aoki Hanako")
	_, err = c.End(t.Context(), keep, query)
	require.NotContains(t, err.Error(), "Aoki")
	query.Del("error")
	c.later = people.CompanyFor
	_, err = c.End(t.Context(), keep, query)
	require.ErrorIs(t, err, people.ErrState, "too late")
	c.later = 0
	_, err = c.End(t.Context(), keep, query)
	require.NoError(t, err)
	_, err = c.End(t.Context(), keep, query)
	require.ErrorIs(t, err, people.ErrCompany, "a code is good once")
}

func TestACodeIsGoodOnlyWithTheVerifierOfItsSignIn(t *testing.T) {
	c := start(t)
	_, stolen := asked(t, c)
	keep, query := asked(t, c)
	query.Set("code", stolen.Get("code"))
	_, err := c.End(t.Context(), keep, query)
	require.ErrorIs(t, err, people.ErrCompany)
}

func TestAnIssuerThatIsDownIsAskedAgain(t *testing.T) {
	c := start(t)
	c.issuer.Down(true)
	_, _, err := c.Begin(t.Context(), false)
	require.ErrorIs(t, err, people.ErrCompanyDown)
	c.issuer.Down(false)
	_, _, err = c.Begin(t.Context(), false)
	require.ErrorIs(t, err, people.ErrCompanyDown, "not at once: a thousand who press the button are one question")
	c.later = 5 * time.Second
	keep, query := asked(t, c)
	c.issuer.Down(true)
	_, err = c.End(t.Context(), keep, query)
	require.ErrorIs(t, err, people.ErrCompanyDown)
	c.issuer.Down(false)
	_, err = c.End(t.Context(), keep, query)
	require.NoError(t, err, "the code was not spent")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = start(t).Begin(gone, false)
	require.NoError(t, err, "who gives up fails nobody else")
}

func TestAWrongRowOfTheRolesIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "want group,role,place,business",
		"group,role,business\na,admin,b\n": "row 1",
		"group,role,place,business\na,admin,,b c\n":             `row 2: business "b c": want the id`,
		"group,role,place,business\na,admin,,b\na,quality,,b\n": `row 3: group "a" stands above already for the business b`,
		"group,role,place\na,quality,shop-1\n":                  "row 2: place: want nothing: the role quality",
		"group;role\n":                                          "row 1",
		"group,role,place\n":                                    "at least one row",
		"group,role\na,admin\nb,boss\n":                         "row 3: role: want one of admin",
		"group,role\n,admin\n":                                  "row 2: group",
		"group,role\na\n":                                       "row 2: 1 fields",
		"group,role\na,driver\n":                                "row 2: place",
		"group,role\na,admin\na,quality\n":                      `row 3: group "a" stands above`,
		"group,role,place\na,admin\n\"b,quality\n":              "line 3",
	} {
		_, err := oidc.ReadRoles(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzReadRoles(f *testing.F) {
	f.Add("group,role,place\na,admin\n")
	f.Add("\ufeffgroup,role\n\"a,b\",shop,x\n")
	f.Fuzz(func(t *testing.T, text string) {
		roles, err := oidc.ReadRoles(strings.NewReader(text))
		if err == nil {
			posts := roles.Of([]string{roles[0].Group})
			require.Equal(t, roles[0].Role, posts[0].Role)
			require.Contains(t, roles.Businesses(), posts[0].Business.ID)
		}
	})
}

func TestAnIssuerIsReachedOverTLS(t *testing.T) {
	for issuer, ok := range map[string]bool{"https://login.example": true, "https://login.example/realms/a": true, "http://127.0.0.1:1": true,
		"http://localhost:1": true, "http://login.example": false, "login.example": false, "https://a:b@login.example": false, "https://x?y": false} {
		require.Equal(t, ok, oidc.CheckIssuer(issuer) == nil, issuer)
	}
}

// An issuer of which a test says the discovery document, and what its token endpoint answers.
func strange(t *testing.T, document func(own string) map[string]any, token http.HandlerFunc) *oidc.Client {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		assert.NoError(t, json.NewEncoder(w).Encode(document(s.URL)))
	})
	mux.HandleFunc("/token", token)
	c, err := oidc.New(oidc.Config{Issuer: s.URL, Client: oidctest.Client, Secret: oidctest.Secret, Back: "http://localhost:1/back"})
	require.NoError(t, err)
	return c
}

func document(own string) map[string]any {
	return map[string]any{"issuer": own, "authorization_endpoint": own + "/authorize", "token_endpoint": own + "/token", "jwks_uri": own + "/keys"}
}

func TestNoEndpointInTheClear(t *testing.T) {
	for _, which := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		c := strange(t, func(own string) map[string]any {
			d := document(own)
			d[which] = "http://idp.example/x"
			return d
		}, silent)
		_, _, err := c.Begin(t.Context(), false)
		require.ErrorIs(t, err, people.ErrCompanyDown)
		require.ErrorContains(t, err, which)
	}
}

func silent(http.ResponseWriter, *http.Request) {}

func TestTheCodeAndTheSecretGoToTheTokenEndpointAlone(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	c := strange(t, document, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	to, keep, err := c.Begin(t.Context(), false)
	require.NoError(t, err)
	u, err := url.Parse(to)
	require.NoError(t, err)
	_, err = c.End(t.Context(), keep, url.Values{"state": {u.Query().Get("state")}, "code": {"c"}})
	require.ErrorIs(t, err, people.ErrCompany)
	require.Zero(t, elsewhere.Load())
}
