package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
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

// Who administers two businesses gives somebody of the one a role in the other, on the page of that other, and signs it.
func TestAnAdministratorGivesSomebodyARoleInAnotherBusinessOfTheirs(t *testing.T) {
	h := open(t)
	h.Day(t)
	ctx := t.Context()
	add := func(business, name string, role people.Role) people.Person {
		p, _, err := h.People.Add(people.InBusiness(ctx, business), people.Console, people.Person{Name: name, Role: role}, h.RealNow())
		require.NoError(t, err)
		return p
	}
	for _, id := range []string{"boutique", "cafe"} {
		require.NoError(t, h.People.AddBusiness(ctx, people.Console, people.Business{ID: id, Name: "The " + id}, h.RealNow()))
	}
	boss, aoki, mori, sato := add("main", "Boss", people.Admin), add("main", "Aoki", people.Support), add("boutique", "Mori", people.Support), add("cafe", "Sato", people.Support)
	require.NoError(t, h.People.GivePost(ctx, people.Console, boss.ID, "boutique", people.Admin, "", h.RealNow()))
	require.NoError(t, h.People.GivePost(ctx, people.Console, boss.ID, "cafe", people.Support, "", h.RealNow()))
	code, err := h.People.LinkWhole(ctx, boss.ID, h.RealNow())
	require.NoError(t, err)
	token := cookie(t, post(h, "/login", "", url.Values{"code": {code}})).Value
	require.Equal(t, http.StatusSeeOther, post(h, "/businesses", token, url.Values{"business": {"boutique"}}).Code)
	page := get(h, "/people", token).Body.String()
	require.Contains(t, page, `<option value="`+aoki.ID+`">Aoki · main`)
	require.NotContains(t, page, "Sato", "of a business that they do not administer")
	require.NotContains(t, page, `value="`+mori.ID+`"`, "who is here already")

	give := func(who, role, place string) int {
		return post(h, "/people/colleagues", token, url.Values{"colleague": {who}, "role": {role}, "place": {place}}).Code
	}
	for _, who := range []string{sato.ID, mori.ID, "p-nobody", ""} {
		require.Equal(t, http.StatusNotFound, give(who, "support", ""), who)
	}
	require.Equal(t, http.StatusNotFound, give(aoki.ID, "shop", "shop-1"), "a shop of the other business is not there")
	require.Equal(t, http.StatusUnprocessableEntity, give(aoki.ID, "shop", "no-shop"))
	require.Equal(t, http.StatusSeeOther, give(aoki.ID, "warehouse", ""))
	posts, err := h.People.Posts(ctx, aoki.ID)
	require.NoError(t, err)
	require.Len(t, posts, 2)
	require.Equal(t, people.Warehouse, posts[1].Role)
	var acts []people.Act
	require.NoError(t, h.Store.Read(ctx, func(tx *store.Tx) (err error) {
		acts, err = tx.Acts(ctx, aoki.ID, 10)
		return err
	}))
	acts = slices.DeleteFunc(acts, func(a people.Act) bool { return a.Act != "person.role" })
	require.Len(t, acts, 1)
	require.Equal(t, boss.ID, acts[0].Person)
	require.Equal(t, "boutique: none -> warehouse", acts[0].Detail)
	require.Contains(t, acts[0].Signed, string(people.ByConsole))
	require.NotContains(t, get(h, "/people", token).Body.String(), `<option value="`+aoki.ID, "they are here now")

	h.Later(people.ConfirmFor)
	require.Equal(t, http.StatusForbidden, give(aoki.ID, "support", ""), "it is to be signed")
	one := h.Token(t, people.Admin)
	require.NotContains(t, get(h, "/people", one).Body.String(), "colleagues")
	require.Equal(t, http.StatusNotFound, post(h, "/people/colleagues", one, url.Values{"colleague": {mori.ID}, "role": {"support"}}).Code)
}

func TestInABrowserAnAdministratorGivesAColleagueARoleOnAPhone(t *testing.T) {
	h := open(t)
	h.Day(t)
	ctx := t.Context()
	require.NoError(t, h.People.AddBusiness(ctx, people.Console, people.Business{ID: "boutique", Name: "Boutique Mori"}, h.RealNow()))
	boss, _, err := h.People.Add(people.InBusiness(ctx, "boutique"), people.Console, people.Person{Name: "Boss", Role: people.Admin}, h.RealNow())
	require.NoError(t, err)
	require.NoError(t, h.People.GivePost(ctx, people.Console, boss.ID, people.MainBusiness, people.Admin, "", h.RealNow()))
	aoki, _, err := h.People.Add(ctx, people.Console, people.Person{Name: "Aoki with a name that is a good deal longer than most names are", Role: people.Support}, h.RealNow())
	require.NoError(t, err)
	code, err := h.People.LinkWhole(ctx, boss.ID, h.RealNow())
	require.NoError(t, err)
	tab, _ := browser(t)
	address := serve(t, h)
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844), chromedp.Navigate(address+"/login?lang=ja&code="+code),
		chromedp.Click(chromedp.CSS(".gate button"))))
	appears(t, tab, `location.pathname === "/businesses"`)
	require.NoError(t, chromedp.Do(tab, chromedp.Click(chromedp.CSS(`form:has(input[value="boutique"]) button`))))
	appears(t, tab, `location.pathname !== "/businesses"`)
	for _, lang := range []string{"en", "ja"} {
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate(address+"/people?lang="+lang)))
		appears(t, tab, `document.documentElement.lang === "`+lang+`" && document.documentElement.scrollWidth <= innerWidth`)
	}
	form := "#colleagues "
	require.NoError(t, chromedp.Do(tab, chromedp.SetValue(chromedp.CSS(form+`select[name="role"]`), "quality"), chromedp.Click(chromedp.CSS(form+"button"))))
	appears(t, tab, `location.pathname === "/people" && document.getElementById("colleagues") === null`)
	require.Contains(t, text(t, tab, ".persons"), "品質")
	posts, err := h.People.Posts(ctx, aoki.ID)
	require.NoError(t, err)
	require.Len(t, posts, 2)
}
