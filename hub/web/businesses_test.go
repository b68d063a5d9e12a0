package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

// both gives a person with a role in each of two businesses, the first of which has the fixture, and a code to log in with.
func both(t *testing.T, h *apitest.Hub) (person people.Person, code string) {
	t.Helper()
	ctx := t.Context()
	person, _, err := h.People.Add(ctx, people.Console, people.Person{Name: "Aoki", Role: people.Dispatcher}, h.RealNow())
	require.NoError(t, err)
	require.NoError(t, h.People.AddBusiness(ctx, people.Console, people.Business{ID: "boutique", Name: "Boutique 森 & Co."}, h.RealNow()))
	require.NoError(t, h.People.RenameBusiness(ctx, people.Console, people.MainBusiness, "Fresh food", h.RealNow()))
	require.NoError(t, h.People.GivePost(ctx, people.Console, person.ID, "boutique", people.Warehouse, "", h.RealNow()))
	code, err = h.People.LinkWhole(ctx, person.ID, h.RealNow())
	require.NoError(t, err)
	return person, code
}

func TestWhoWorksForSeveralBusinessesChoosesOneAndCanSwitch(t *testing.T) {
	h := open(t)
	h.Day(t)
	_, code := both(t, h)
	w := post(h, "/login", "", url.Values{"code": {code}})
	require.Equal(t, "/businesses", w.Header().Get("Location"))
	token := cookie(t, w).Value
	page := get(h, "/businesses", token).Body.String()
	require.Contains(t, page, "Boutique 森 &amp; Co.")
	require.Contains(t, page, "Fresh food")

	require.Contains(t, get(h, "/", token).Body.String(), "Harbour Gate")
	w = post(h, "/businesses", token, url.Values{"business": {"boutique"}})
	require.Equal(t, "/", w.Header().Get("Location"))
	page = get(h, "/", token).Body.String()
	require.NotContains(t, page, "Harbour Gate")
	require.Contains(t, page, `href="/businesses"`)
	require.Equal(t, http.StatusForbidden, get(h, "/outages", token).Code, "the dispatcher of one business is none in the other")
	require.Equal(t, http.StatusNotFound, post(h, "/businesses", token, url.Values{"business": {"none"}}).Code)

	require.Equal(t, http.StatusNotFound, h.Do("POST", "/v1/me/business", token, `{"business_id":"none"}`).Code)
	require.Equal(t, http.StatusNoContent, h.Do("POST", "/v1/me/business", token, `{"business_id":"main"}`).Code)
	require.Equal(t, http.StatusOK, get(h, "/outages", token).Code)
	require.JSONEq(t, `[{"business_id":"main","name":"Fresh food","role":"dispatcher","place":""},
		{"business_id":"boutique","name":"Boutique 森 & Co.","role":"warehouse","place":""}]`, field(t, h.Do("GET", "/v1/me", token, "").Body.Bytes(), "businesses"))
}

func TestWhoWorksForOneBusinessHearsOfNone(t *testing.T) {
	h := open(t)
	h.Day(t)
	_, _ = both(t, h)
	w := post(h, "/login", "", url.Values{"code": {h.Code(t, people.Support)}})
	require.Equal(t, "/", w.Header().Get("Location"))
	token := cookie(t, w).Value
	require.NotContains(t, get(h, "/", token).Body.String(), "/businesses")
	require.NotContains(t, h.Do("GET", "/v1/me", token, "").Body.String(), "business")
	require.Equal(t, http.StatusNotFound, post(h, "/businesses", token, url.Values{"business": {"boutique"}}).Code)
}

// An administrator of one business has no hold of the account of who works for another, too.
func TestAnAdministratorEndsWhatSomebodyIsInTheirBusinessOnly(t *testing.T) {
	h := open(t)
	person, _ := both(t, h)
	admin := h.Token(t, people.Admin)
	require.Equal(t, http.StatusConflict, post(h, "/people/"+person.ID+"/link", admin, nil).Code)
	require.Equal(t, http.StatusConflict, post(h, "/people/"+person.ID+"/reset", admin, nil).Code)
	require.Equal(t, http.StatusSeeOther, post(h, "/people/"+person.ID+"/remove", admin, nil).Code)
	posts, err := h.People.Posts(t.Context(), person.ID)
	require.NoError(t, err)
	require.Len(t, posts, 1)
	require.Equal(t, "boutique", posts[0].Business.ID)
	require.Equal(t, http.StatusNotFound, post(h, "/people/"+person.ID+"/remove", admin, nil).Code)
}
