package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/oidc"
	"meguri/hub/oidc/oidctest"
	"meguri/hub/people"
)

// withCompany starts a hub with a company's login, and gives a browser that has no session.
func withCompany(t *testing.T) (h *apitest.Hub, issuer *oidctest.Issuer, at string, browser *http.Client) {
	t.Helper()
	h = open(t)
	issuer, at = oidctest.Start(t), serve(t, h)
	roles, err := oidc.ReadRoles(strings.NewReader("group,role,place,business\nm-support,support\nm-dispatch,dispatcher\n" +
		"m-driver,driver,route-01\nm-lost,shop,nowhere\nb-lead,warehouse,,boutique\nc-none,support,,none\n"))
	require.NoError(t, err)
	h.API.Company, err = oidc.New(oidc.Config{Issuer: issuer.URL, Client: oidctest.Client, Secret: oidctest.Secret, Name: "Acme <ID>", Roles: roles,
		Back: at + "/login/company/back", GroupsClaim: "groups", SecondClaim: "amr", SecondValues: []string{"mfa"}, Now: h.RealNow})
	require.NoError(t, err)
	return h, issuer, at, newBrowser(t)
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar}
}

// visit goes where a link leads, and says where that was and what stands there.
func visit(t *testing.T, browser *http.Client, address string) (path string, status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/html")
	w, err := browser.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	return w.Request.URL.Path, w.StatusCode, string(text)
}

func groups(of ...string) map[string]any { return map[string]any{"name": "Aoki", "groups": of} }

func TestTheCompanysLoginMakesAPersonWhoseRoleFollowsTheirGroups(t *testing.T) {
	h, issuer, at, browser := withCompany(t)
	_, _, body := visit(t, browser, at+"/login?lang=en")
	require.Contains(t, body, "Sign in with Acme &lt;ID&gt;")
	issuer.Next(groups("m-support"))
	path, status, _ := visit(t, browser, at+"/login/company")
	require.Equal(t, 200, status)
	require.Equal(t, "/", path)
	all, err := h.People.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, people.Support, all[0].Role)
	require.Equal(t, "Aoki", all[0].Name)

	// Another role ends the sessions by the old one, in every browser.
	second := newBrowser(t)
	issuer.Next(groups("m-driver", "other"))
	path, _, _ = visit(t, second, at+"/login/company")
	require.Equal(t, "/sheet", path)
	path, _, _ = visit(t, browser, at+"/me")
	require.Equal(t, "/login", path)
	again, err := h.People.List(t.Context())
	require.NoError(t, err)
	require.Len(t, again, 1, "the same person")
	require.Equal(t, people.Driver, again[0].Role)

	// Without a group there is no way in, and none goes on.
	issuer.Next(groups("other"))
	_, status, body = visit(t, browser, at+"/login/company?lang=en")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "None of your groups")
	path, _, _ = visit(t, second, at+"/me")
	require.Equal(t, "/login", path)
	issuer.Next(groups("m-lost"))
	_, status, body = visit(t, browser, at+"/login/company?lang=en")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "nowhere")

	// Who was removed here does not come back by the company's login.
	require.NoError(t, h.People.Remove(t.Context(), people.Console, all[0].ID, h.RealNow()))
	issuer.Next(groups("m-support"))
	_, status, body = visit(t, browser, at+"/login/company")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "You were removed here")
}

// A group may have a role in another business than the first.
func TestTheCompanysGroupsHaveRolesInSeveralBusinesses(t *testing.T) {
	h, issuer, at, browser := withCompany(t)
	require.NoError(t, h.People.AddBusiness(t.Context(), people.Console, people.Business{ID: "boutique", Name: "Boutique Mori"}, h.RealNow()))
	issuer.Next(groups("m-support", "b-lead"))
	_, status, _ := visit(t, browser, at+"/login/company?lang=en")
	require.Equal(t, 200, status)
	_, _, body := visit(t, browser, at+"/businesses?lang=en")
	require.Contains(t, body, "Boutique Mori")
	w, err := browser.PostForm(at+"/businesses", url.Values{"business": {"boutique"}})
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	_, status, _ = visit(t, browser, at+"/rental/cleaning")
	require.Equal(t, 200, status)
	_, status, _ = visit(t, browser, at+"/payments")
	require.Equal(t, http.StatusForbidden, status, "that is support's, in the other business")

	issuer.Next(groups("b-lead"))
	_, _, _ = visit(t, browser, at+"/login/company")
	_, status, _ = visit(t, browser, at+"/payments")
	require.Equal(t, http.StatusForbidden, status, "support no longer")
	issuer.Next(groups("c-none"))
	_, status, body = visit(t, newBrowser(t), at+"/login/company?lang=en")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "business")
}

func TestWhoShowedTheCompanyTwoFactorsOwesNoneHere(t *testing.T) {
	h, issuer, at, browser := withCompany(t)
	h.Day(t)
	issuer.Next(groups("m-dispatch"))
	path, _, body := visit(t, browser, at+"/login/company?lang=en")
	require.Equal(t, "/account", path)
	require.Contains(t, body, "Your role needs a second factor")
	with := groups("m-dispatch")
	with["amr"], with["auth_time"] = []string{"pwd", "mfa"}, h.RealNow().Add(-time.Hour).Unix()
	issuer.Next(with)
	path, _, _ = visit(t, browser, at+"/login/company")
	require.Equal(t, "/", path)
	door := func() *http.Response {
		w, err := browser.PostForm(at+"/doors/loc-001-fridge-1", url.Values{"do": {"ask"}, "reason": {"the keypad is broken"}})
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		return w
	}
	require.Equal(t, http.StatusForbidden, door().StatusCode, "the company remembered them for an hour: that signs nothing")
	with["auth_time"] = h.RealNow().Unix()
	issuer.Next(with)
	_, status, _ := visit(t, browser, at+"/login/company?again=1")
	require.Equal(t, 200, status)
	require.Equal(t, 200, door().StatusCode)
	signed := signatures(t, h, "loc-001-fridge-1", "door.ask")
	require.Len(t, signed, 1)
	require.True(t, strings.HasPrefix(signed[0], "company login "), signed[0])
}

func TestAnIssuerThatIsDownStopsNoOtherWayIn(t *testing.T) {
	h, issuer, at, browser := withCompany(t)
	issuer.Down(true)
	_, status, body := visit(t, browser, at+"/login/company?lang=en")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "does not answer")
	require.Contains(t, body, `id="by-password"`)
	require.Equal(t, http.StatusSeeOther, post(h, "/login", "", url.Values{"code": {h.Code(t, people.Admin)}}).Code)
	_, status, _ = visit(t, browser, at+"/login/company/back?code=x&state=y")
	require.Equal(t, http.StatusForbidden, status, "nobody began")
}
