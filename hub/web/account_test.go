package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
)

const secretWord = "correct horse battery"

// invited adds a person by an administrator's link, as a page makes it, and gives their session.
func invited(t *testing.T, h *apitest.Hub, role people.Role) (people.Person, string) {
	t.Helper()
	p, code, err := h.People.Add(t.Context(), "p-admin", people.Person{Name: "Aoki <b>", Role: role}, h.RealNow())
	require.NoError(t, err)
	w := post(h, "/login", "", url.Values{"code": {code}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	return p, cookie(t, w).Value
}

func TestANewDispatcherEnrolsByThePagesAndSignsInWithBothFactors(t *testing.T) {
	h := open(t)
	h.Day(t)
	_, token := invited(t, h, people.Dispatcher)
	w := get(h, "/", token)
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/account", w.Header().Get("Location"), "one factor is for enrolling the other")
	require.Equal(t, "/account", post(h, "/outages", token, nil).Header().Get("Location"))
	r := httptest.NewRequest("GET", "/v1/orders/order-0001", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	api := h.Serve(r)
	require.Equal(t, http.StatusForbidden, api.Code)
	require.Contains(t, api.Body.String(), "urn:meguri:second-factor")
	body := get(h, "/account?lang=en", token).Body.String()
	require.Contains(t, body, "Enrol an authenticator or a passkey to go on")
	require.NotContains(t, body, `class="tabs"`, "no pages that would not open")

	w = post(h, "/account/password?lang=en", token, url.Values{"login": {"Aoki"}, "password": {"short"}})
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), "12 to 128 characters")
	w = post(h, "/account/password", token, url.Values{"login": {"Aoki"}, "password": {secretWord}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	w = post(h, "/account/totp", token, url.Values{"do": {"begin"}})
	require.Equal(t, http.StatusForbidden, w.Code, "there is something to show now")
	require.Equal(t, http.StatusSeeOther, post(h, "/account/confirm", token, url.Values{"confirm_password": {secretWord}}).Code)

	w = post(h, "/account/totp", token, url.Values{"do": {"begin"}})
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `<svg class="qr"`)
	key := regexp.MustCompile(`id="totp-key">([A-Z2-7]+)<`).FindStringSubmatch(w.Body.String())
	require.NotNil(t, key)
	require.NotContains(t, get(h, "/account", token).Body.String(), key[1], "it is shown once")
	require.Equal(t, http.StatusForbidden, post(h, "/account/totp", token, url.Values{"do": {"confirm"}, "code": {"000000"}}).Code)
	w = post(h, "/account/totp", token, url.Values{"do": {"confirm"}, "code": {totp(t, key[1], h.RealNow())}})
	require.Equal(t, 200, w.Code)
	codes := regexp.MustCompile(`<li><code>([a-z2-7-]+)</code>`).FindAllStringSubmatch(w.Body.String(), -1)
	require.Len(t, codes, 10)
	require.Equal(t, http.StatusSeeOther, get(h, "/", token).Code, "the cookie of the half session is nobody's")
	require.Equal(t, 200, get(h, "/", cookie(t, w).Value).Code)

	h.Later(time.Hour)
	w = post(h, "/login", "", url.Values{"login": {"aoki"}, "password": {secretWord}})
	require.Equal(t, "/account", w.Header().Get("Location"))
	next := cookie(t, w).Value
	require.Contains(t, get(h, "/account?lang=en", next).Body.String(), "One more step")
	require.NotContains(t, get(h, "/account?lang=en", next).Body.String(), "New password")
	require.Equal(t, http.StatusForbidden, post(h, "/account/confirm", next, url.Values{"confirm_code": {"000000"}}).Code)
	w = post(h, "/account/confirm", next, url.Values{"confirm_code": {codes[0][1]}, "then": {"home"}})
	require.Equal(t, "/", w.Header().Get("Location"))
	require.Equal(t, "/login", get(h, "/", next).Header().Get("Location"), "who had the cookie before has no whole session")
	next = cookie(t, w).Value
	require.Equal(t, 200, get(h, "/", next).Code)
	require.Equal(t, http.StatusForbidden, post(h, "/account/confirm", next, url.Values{"confirm_code": {codes[0][1]}}).Code, "once")
}

// totp plays an authenticator (RFC 6238), apart from the hub's own code.
func totp(t *testing.T, key string, at time.Time) string {
	t.Helper()
	code, err := people.AuthenticatorCode(key, at)
	require.NoError(t, err)
	return code
}

func TestWhoLogsInWithAWrongPasswordIsToldNoMoreThanThat(t *testing.T) {
	h := open(t)
	_, token := invited(t, h, people.Support)
	require.Equal(t, http.StatusSeeOther, post(h, "/account/password", token, url.Values{"login": {"aoki"}, "password": {secretWord}}).Code)
	wrong := func(login string) string {
		w := post(h, "/login?lang=en", "", url.Values{"login": {login}, "password": {"wrong password"}})
		require.Equal(t, http.StatusForbidden, w.Code)
		return strings.ReplaceAll(w.Body.String(), login, "")
	}
	require.Equal(t, wrong("aoki"), wrong("nobody"))
	for range 20 {
		post(h, "/login", "", url.Values{"login": {"aoki"}, "password": {"wrong password"}})
	}
	w := post(h, "/login?lang=en", "", url.Values{"login": {"aoki"}, "password": {secretWord}})
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Contains(t, w.Body.String(), "Too many attempts")
	require.Equal(t, http.StatusTooManyRequests, h.Do("POST", "/v1/login", "", `{"login":"aoki","password":"x"}`).Code)
	require.NotEmpty(t, h.Do("POST", "/v1/login", "", `{"login":"aoki","password":"x"}`).Header().Get("Retry-After"))
}

func TestSessionsAreListedAndEndedOnThePage(t *testing.T) {
	h := open(t)
	_, first := invited(t, h, people.Support)
	require.Equal(t, http.StatusSeeOther, post(h, "/account/password", first, url.Values{"login": {"aoki"}, "password": {secretWord}}).Code)
	w := post(h, "/login", "", url.Values{"login": {"aoki"}, "password": {secretWord}})
	second := cookie(t, w).Value
	id := regexp.MustCompile(`name="session" value="(\w+)"`).FindStringSubmatch(get(h, "/account", first).Body.String())
	require.NotNil(t, id)
	require.Equal(t, http.StatusSeeOther, post(h, "/account/sessions", first, url.Values{"session": {id[1]}}).Code)
	require.Equal(t, "/login", get(h, "/me", second).Header().Get("Location"))
	require.Equal(t, http.StatusSeeOther, post(h, "/account/sessions", first, url.Values{"session": {id[1]}}).Code, "twice is no error")
	third := cookie(t, post(h, "/login", "", url.Values{"login": {"aoki"}, "password": {secretWord}})).Value
	body := get(h, "/account?lang=en", first).Body.String()
	require.Contains(t, body, "when nobody uses it for 24 h", "how long sessions last")
	require.Contains(t, body, "7 d after it began")
	require.Equal(t, "/account", post(h, "/account/sessions", first, url.Values{"others": {"yes"}}).Header().Get("Location"))
	require.Equal(t, "/login", get(h, "/me", third).Header().Get("Location"))
	require.Equal(t, 200, get(h, "/account", first).Code, "all but this one")
	w = post(h, "/account/sessions", first, nil)
	require.Equal(t, "/login", w.Header().Get("Location"))
	require.Negative(t, cookie(t, w).MaxAge)
	require.Equal(t, "/login", get(h, "/me", first).Header().Get("Location"))
}

func TestARoleIsChangedAndAPersonResetOnThePage(t *testing.T) {
	h := open(t)
	admin := h.Token(t, people.Admin)
	p, token := invited(t, h, people.Support)
	require.Equal(t, http.StatusSeeOther, post(h, "/people/"+p.ID+"/role", admin, url.Values{"role": {"driver"}, "place": {"route-01"}}).Code)
	require.Equal(t, "/login", get(h, "/me", token).Header().Get("Location"), "out at once")
	require.Equal(t, http.StatusUnprocessableEntity, post(h, "/people/"+p.ID+"/role", admin, url.Values{"role": {"driver"}, "place": {"nowhere"}}).Code)
	for role, place := range map[string]string{"quality": "route-01", "warehouse": "no-warehouse"} { // none goes with the one, and that is none
		w := post(h, "/people/"+p.ID+"/role", admin, url.Values{"role": {role}, "place": {place}})
		require.Equal(t, http.StatusUnprocessableEntity, w.Code)
		require.Contains(t, w.Body.String(), "Place: ")
		require.Equal(t, http.StatusUnprocessableEntity, post(h, "/people", admin, url.Values{"name": {"N"}, "role": {role}, "place": {place}}).Code)
	}
	require.Equal(t, http.StatusNotFound, post(h, "/people/none/role", admin, url.Values{"role": {"support"}}).Code)
	w := post(h, "/people/"+p.ID+"/reset", admin, nil)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "/login?code=")
}

func TestALinkThatIsShownLeadsWhereThePersonAskedFrom(t *testing.T) {
	h := open(t)
	admin := h.Token(t, people.Admin)
	r := httptest.NewRequest("POST", "/people", strings.NewReader(url.Values{"name": {"Ito"}, "role": {"support"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Proto", "javascript") // of nobody that is believed
	require.Contains(t, ask(h, r, admin).Body.String(), "http://example.com/login?code=")
}

// A session of an administrator that somebody has taken makes no account, link or role: the page asks for the person and keeps the form.
func TestAStolenSessionOfAnAdministratorMakesNoAccount(t *testing.T) {
	h := open(t)
	admin := h.Token(t, people.Admin)
	require.Equal(t, http.StatusSeeOther, post(h, "/account/password", admin, url.Values{"login": {"admin"}, "password": {secretWord}}).Code)
	p, _ := invited(t, h, people.Support)
	h.Later(people.ConfirmFor)
	form := url.Values{"name": {"Mallory"}, "role": {"admin"}}
	w := post(h, "/people?lang=en", admin, form)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Body.String(), `name="name" value="Mallory"`)
	for _, path := range []string{"link", "role", "remove", "reset"} {
		require.Equal(t, http.StatusForbidden, post(h, "/people/"+p.ID+"/"+path, admin, url.Values{"role": {"admin"}}).Code, path)
	}
	require.NotContains(t, get(h, "/people", admin).Body.String(), "Mallory")
	form.Set("confirm_password", secretWord)
	w = post(h, "/people", admin, form)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "/login?code=")
}

// signed is an act that has to be signed: how it is done, and what it is kept as.
type signed struct {
	role         people.Role
	path         string
	form         url.Values // of a page
	body         string     // of the API
	subject, act string
}

// heldBy is how a page names the hold on a container.
func heldBy(t *testing.T, h *apitest.Hub, container string) string {
	t.Helper()
	body := h.Do("GET", "/v1/quality/holds", h.Token(t, people.Quality), "").Body.String()
	m := regexp.MustCompile(`"hold_id":"([^"]+)","revision":(\d+),"container_id":"` + container + `"`).FindStringSubmatch(body)
	require.NotNil(t, m, body)
	return m[1] + "#" + m[2]
}

func TestWhatIsSignedAsksForThePersonAndIsKeptWithHow(t *testing.T) {
	h := open(t)
	h.Day(t)
	quality := h.Token(t, people.Quality)
	for _, id := range []string{"C-20261201-0001", "C-20261201-0002"} {
		require.Equal(t, 200, h.Do("POST", "/v1/quality/holds", quality, `{"scope":"container","id":"`+id+`","reason":"smells"}`).Code)
	}
	for route, c := range map[string]signed{
		"POST /quality": {people.Quality, "/quality", url.Values{"do": {"released"}, "scope": {"container"}, "id": {"C-20261201-0001"},
			"reason": {"<looked> & \"tasted\""}, "hold": {heldBy(t, h, "C-20261201-0001")}}, "", "C-20261201-0001", "quality.released"},
		"POST /v1/quality/decisions": {people.Quality, "/v1/quality/decisions", nil,
			`{"scope":"container","id":"C-20261201-0002","decision":"released","reason":"looked at it"}`, "C-20261201-0002", "quality.released"},
		"POST /doors/:id": {people.Dispatcher, "/doors/loc-001-fridge-1", url.Values{"do": {"ask"}, "reason": {"the keypad is broken"}}, "",
			"loc-001-fridge-1", "door.ask"},
		"POST /v1/fridges/:id/openings": {people.Dispatcher, "/v1/fridges/loc-002-fridge-1/openings", nil, `{"reason":"the keypad is broken"}`,
			"loc-002-fridge-1", "door.ask"},
	} {
		t.Run(route, func(t *testing.T) {
			_, code, err := h.People.AddWhole(t.Context(), people.Person{Name: "Signer", Role: c.role}, h.RealNow())
			require.NoError(t, err)
			token := cookie(t, post(h, "/login", "", url.Values{"code": {code}})).Value
			login := "signer-" + strings.ToLower(c.subject)
			require.Equal(t, http.StatusSeeOther, post(h, "/account/password", token, url.Values{"login": {login}, "password": {secretWord}}).Code)
			h.Later(people.ConfirmFor)
			do := func(more url.Values) *httptest.ResponseRecorder {
				if c.body != "" {
					return h.Do("POST", c.path, token, c.body)
				}
				form := url.Values{}
				for _, v := range []url.Values{c.form, more} {
					for name, values := range v {
						form[name] = values
					}
				}
				return post(h, c.path+"?lang=en", token, form)
			}
			w := do(nil)
			require.Equal(t, http.StatusForbidden, w.Code, "five minutes are over")
			require.Empty(t, signatures(t, h, c.subject, c.act))
			if c.body != "" {
				require.Contains(t, w.Body.String(), api.TypeConfirm)
				require.Equal(t, http.StatusForbidden, h.Do("POST", "/v1/me/confirm", token, `{"password":"wrong password"}`).Code)
				require.Equal(t, http.StatusForbidden, do(nil).Code)
				require.Equal(t, http.StatusNoContent, h.Do("POST", "/v1/me/confirm", token, `{"password":"`+secretWord+`"}`).Code)
				require.Less(t, do(nil).Code, 300)
			} else {
				require.Contains(t, w.Body.String(), "signed with your name")
				for name, values := range c.form { // nothing of the form is lost meanwhile
					require.Contains(t, w.Body.String(), `name="`+name+`" value="`+htmlText(values[0])+`"`)
				}
				w = do(url.Values{"confirm_password": {"wrong password"}})
				require.Equal(t, http.StatusForbidden, w.Code)
				require.NotContains(t, w.Body.String(), "wrong password")
				require.Equal(t, http.StatusSeeOther, do(url.Values{"confirm_password": {secretWord}}).Code)
			}
			require.Equal(t, []string{"password " + h.RealNow().Format(time.RFC3339)}, signatures(t, h, c.subject, c.act))
		})
	}
}

func htmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(s)
}

// signatures are how the acts of a kind about a subject are signed.
func signatures(t *testing.T, h *apitest.Hub, subject, act string) (all []string) {
	t.Helper()
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
		acts, err := tx.Acts(t.Context(), subject, 100)
		for _, a := range acts {
			if a.Act == act {
				all = append(all, a.Signed)
			}
		}
		return err
	}))
	return all
}

// Every page that has to be signed asks for it, whoever the role is; the uses that have not do not.
func TestEverySignedRouteOfTheTableRefusesAStaleSession(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Replace(t, "station-loc-003", "station-new")
	rights := slices.DeleteFunc(people.Rights(), func(r people.Right) bool { return r.Sign == nil })
	require.NotEmpty(t, rights)
	tokens := map[people.Role]string{}
	for _, role := range people.Roles() {
		tokens[role] = h.Token(t, role)
	}
	h.Later(people.ConfirmFor)
	for _, right := range rights {
		method, path := page(right.Route)
		for _, role := range right.Roles {
			form, body := url.Values{}, "{}"
			if right.Sign.Field != "" {
				form.Set(right.Sign.Field, right.Sign.Values[0])
				body = `{"` + right.Sign.Field + `":"` + right.Sign.Values[0] + `"}`
			}
			if strings.HasPrefix(path, "/v1/") {
				w := h.Do(method, path, tokens[role], body)
				require.Equal(t, http.StatusForbidden, w.Code, "%s %s", role, right.Route)
				require.Contains(t, w.Body.String(), api.TypeConfirm)
				continue
			}
			w := post(h, path+"?lang=en", tokens[role], form)
			require.Equal(t, http.StatusForbidden, w.Code, "%s %s", role, right.Route)
			require.Contains(t, w.Body.String(), "Confirm that it is you")
		}
	}
}
