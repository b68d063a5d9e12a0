package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/passkey"
	"meguri/hub/people"
)

// keyring is a browser's tab with an authenticator of its own.
type keyring struct {
	t    *testing.T
	tab  context.Context
	at   string // the hub
	auth webauthn.AuthenticatorID
}

// withPasskeys starts a hub that takes passkeys, and a browser on a telephone with a fingerprint reader.
func withPasskeys(t *testing.T) (*apitest.Hub, *keyring, func() []string) {
	t.Helper()
	h := open(t)
	h.Day(t)
	tab, complaints := browser(t)
	at := strings.Replace(serve(t, h), "127.0.0.1", "localhost", 1)
	keys, err := passkey.New(at)
	require.NoError(t, err)
	h.People.Keys = keys
	k := &keyring{t: t, tab: tab, at: at}
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844)))
	_, err = chromedp.Call(tab, webauthn.Enable, webauthn.EnableParams{})
	require.NoError(t, err)
	added, err := chromedp.Call(tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true,
		HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	require.NoError(t, err)
	k.auth = added.AuthenticatorID
	return h, k, complaints
}

func (k *keyring) open(path string) {
	k.t.Helper()
	require.NoError(k.t, chromedp.Do(k.tab, chromedp.Navigate(k.at+path)))
}

func (k *keyring) click(css string) {
	k.t.Helper()
	appears(k.t, k.tab, `document.querySelector(`+quoted(css)+`) !== null`)
	require.NoError(k.t, chromedp.Do(k.tab, chromedp.Click(chromedp.CSS(css))))
}

func quoted(s string) string { return "`" + s + "`" }

func (k *keyring) fill(css, text string) {
	k.t.Helper()
	require.NoError(k.t, chromedp.Do(k.tab, chromedp.SendKeys(chromedp.CSS(css), text)))
}

// see keeps a picture of the page where MEGURI_SCREENSHOTS says, and looks that nothing is wider than the telephone.
func (k *keyring) see(name string) {
	k.t.Helper()
	wide, err := chromedp.Run(k.tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
	require.NoError(k.t, err)
	require.False(k.t, wide, "no sideways scrolling on a phone")
	if dir := os.Getenv("MEGURI_SCREENSHOTS"); dir != "" {
		png, err := chromedp.Run(k.tab, chromedp.FullScreenshot(100))
		require.NoError(k.t, err)
		require.NoError(k.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
	}
}

// ask is what the page's script does up to the answer, here for a program to keep.
func (k *keyring) ask(options string) string {
	k.t.Helper()
	answer, err := chromedp.Run(k.tab, chromedp.Evaluate[string](`fetch(`+quoted(options)+`).then(r => r.json()).then(o =>
		navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o)})).then(c => JSON.stringify(c))`, chromedp.EvalAwaitPromise))
	require.NoError(k.t, err)
	return answer
}

// give sends an answer from the page, and gives the status that it came to.
func (k *keyring) give(path, field, answer string) int {
	k.t.Helper()
	status, err := chromedp.Run(k.tab, chromedp.Evaluate[int](`fetch(`+quoted(path)+`, {method: "POST", body: new URLSearchParams({`+field+`: `+
		quoted(strings.ReplaceAll(answer, `\`, `\\`))+`})}).then(r => r.status)`, chromedp.EvalAwaitPromise))
	require.NoError(k.t, err)
	return status
}

// enrol lets a new dispatcher in by an administrator's link, who adds a passkey: their first and only.
func (k *keyring) enrol(h *apitest.Hub) people.Person {
	k.t.Helper()
	p, code, err := h.People.Add(k.t.Context(), "p-admin", people.Person{Name: "Aoki", Role: people.Dispatcher}, h.RealNow())
	require.NoError(k.t, err)
	k.open("/login?lang=en&code=" + code)
	k.click(".gate button")
	appears(k.t, k.tab, `location.pathname === "/account" && document.getElementById("must") !== null`)
	k.see("account-new")
	k.fill(`#add-passkey input[name="name"]`, "telephone")
	k.click("#add-passkey button")
	appears(k.t, k.tab, `document.querySelector("#passkeys .persons li b")?.textContent === "telephone" && document.querySelector(".tabs") !== null`)
	k.see("account-passkey")
	return p
}

func (k *keyring) login() {
	k.t.Helper()
	k.open("/login?lang=en")
	k.click("#by-passkey button")
	appears(k.t, k.tab, `location.pathname === "/"`)
}

func TestInABrowserAPasskeyIsEnrolledLogsInAndSigns(t *testing.T) {
	h, k, complaints := withPasskeys(t)
	p := k.enrol(h)
	_, linked := invited(t, h, people.Dispatcher) // of somebody else: the passkey lets in its own person only
	require.NotEmpty(t, linked)
	k.click(`form[action="/account/sessions"] button.danger`)
	appears(t, k.tab, `location.pathname === "/login"`)
	k.see("login-passkey")
	k.login()

	h.Later(people.ConfirmFor)
	k.open("/doors/loc-001-fridge-1")
	k.fill(`form:has(input[value="ask"]) [name="reason"]`, "the keypad is broken")
	k.click(`form:has(input[value="ask"]) button`)
	appears(t, k.tab, `document.querySelector("#by-passkey:not([hidden])") !== null`)
	k.see("confirm-passkey")
	require.Empty(t, signatures(t, h, "loc-001-fridge-1", "door.ask"))
	k.click("#by-passkey button")
	appears(t, k.tab, `location.pathname.startsWith("/doors/") && document.getElementById("by-passkey") === null`)
	signed := signatures(t, h, "loc-001-fridge-1", "door.ask")
	require.Len(t, signed, 1)
	require.True(t, strings.HasPrefix(signed[0], "passkey "), signed[0])

	k.open("/account?lang=ja")
	k.see("account-passkey-ja")
	all, err := h.People.Passkeys(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Positive(t, all[0].Count)
	require.NotZero(t, all[0].Used)
	for _, said := range complaints() {
		asks := strings.Contains(said, "status of 403") // the page that asks again
		require.False(t, !asks && strings.Contains(said, "rror") || strings.Contains(said, "Refused"), "the page complains: %s", said)
	}
}

func TestInABrowserAnAnswerOfAPasskeyIsGoodOnceAndHereOnly(t *testing.T) {
	h, k, _ := withPasskeys(t)
	p := k.enrol(h)
	answer := k.ask("/account/passkey?to=confirm")
	require.Equal(t, http.StatusForbidden, k.give("/login", "passkey", answer), "a challenge for signing lets nobody in")
	require.Equal(t, 200, k.give("/account/confirm", "confirm_passkey", answer))
	require.Equal(t, http.StatusForbidden, k.give("/account/confirm", "confirm_passkey", answer), "twice")

	k.open("/login")
	answer = k.ask("/login/passkey")
	form := url.Values{"passkey": {answer}}
	require.Equal(t, http.StatusForbidden, post(h, "/login", "", form).Code, "from another browser")
	require.Equal(t, 200, k.give("/login", "passkey", answer))
	require.Equal(t, http.StatusForbidden, k.give("/login", "passkey", answer), "twice")
	answer = k.ask("/login/passkey")
	h.Later(people.ConfirmFor)
	require.Equal(t, http.StatusForbidden, k.give("/login", "passkey", answer), "too late")

	// Another program on the same machine: the browser shows it the passkey, for localhost is localhost, and says from where it was asked.
	other := httptest.NewServer(h.Echo)
	defer other.Close()
	require.NoError(t, chromedp.Do(k.tab, chromedp.Navigate(strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/login?lang=en")))
	require.Contains(t, text(t, k.tab, "#passkeys-at"), k.at)
	require.Equal(t, http.StatusForbidden, k.give("/login", "passkey", k.ask("/login/passkey")), "for another origin")

	// A browser in which nobody was recognized has no answer.
	k.open("/login?lang=en")
	_, err := chromedp.Call(k.tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: k.auth})
	require.NoError(t, err)
	k.click("#by-passkey button")
	appears(t, k.tab, `document.querySelector("#by-passkey [data-failed]:not([hidden])") !== null`)
	k.see("login-failed")
	_, err = chromedp.Call(k.tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: k.auth, IsUserVerified: true})
	require.NoError(t, err)
	k.copied(h, p)
}

type addCredential struct {
	AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
	Credential      oldCredential            `json:"credential"`
}

type oldCredential struct {
	CredentialID         []byte `json:"credentialId"`
	IsResidentCredential bool   `json:"isResidentCredential"`
	RpID                 string `json:"rpId"`
	PrivateKey           []byte `json:"privateKey"`
	UserHandle           []byte `json:"userHandle"`
	SignCount            int    `json:"signCount"`
}

// copied puts a copy of the passkey, of before its uses, in its place: it is refused, and that is noted.
func (k *keyring) copied(h *apitest.Hub, p people.Person) {
	k.t.Helper()
	had, err := chromedp.Call(k.tab, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: k.auth})
	require.NoError(k.t, err)
	require.Len(k.t, had.Credentials, 1)
	c := had.Credentials[0]
	_, err = chromedp.Call(k.tab, webauthn.RemoveCredential, webauthn.RemoveCredentialParams{AuthenticatorID: k.auth, CredentialID: c.CredentialID})
	require.NoError(k.t, err)
	// Not webauthn.AddCredential, which says something of CMTG, whatever that is: this authenticator has none.
	add := cdp.Command[addCredential, cdp.Empty]{Method: webauthn.CommandAddCredential}
	_, err = chromedp.Call(k.tab, add, addCredential{k.auth, oldCredential{c.CredentialID, true, c.RpID, c.PrivateKey, c.UserHandle, 1}})
	require.NoError(k.t, err)
	k.open("/login?lang=en")
	k.click("#by-passkey button")
	appears(k.t, k.tab, `document.getElementById("wrong")?.textContent.includes("looks like a copy")`)
	require.Len(k.t, signatures(k.t, h, p.ID, "person.passkey.copied"), 1)
}

func TestInABrowserAPasskeyThatWasRemovedLetsNobodyIn(t *testing.T) {
	h, k, _ := withPasskeys(t)
	p := k.enrol(h)
	k.click(`form:has(input[value="remove"]) button`)
	appears(t, k.tab, `document.getElementById("wrong")?.textContent.includes("all that lets you in")`)
	k.fill(`#password input[name="login"]`, "aoki")
	k.fill(`#password input[name="password"]`, secretWord)
	k.click("#password button")
	appears(t, k.tab, `document.getElementById("wrong") === null && document.getElementById("password").textContent.includes("aoki")`)
	// A password alone is half a session beside a passkey, which owes the passkey.
	w := post(h, "/login", "", url.Values{"login": {"aoki"}, "password": {secretWord}})
	require.Equal(t, "/account", w.Header().Get("Location"))
	half := cookie(t, w).Value
	require.Contains(t, get(h, "/account?lang=en", half).Body.String(), "One more step")
	require.NotContains(t, get(h, "/account?lang=en", half).Body.String(), `value="remove"`)
	all, err := h.People.Passkeys(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, "/account", post(h, "/account/passkeys", half, url.Values{"do": {"remove"}, "id": {all[0].ID}}).Header().Get("Location"))

	k.click(`#passkeys details summary`)
	require.NoError(t, chromedp.Do(k.tab, chromedp.SetValue(chromedp.CSS(`#passkeys details input[name="name"]`), "telephone of work")))
	k.click(`#passkeys details button`)
	appears(t, k.tab, `document.querySelector("#passkeys .persons li b").textContent === "telephone of work"`)
	k.click(`form:has(input[value="remove"]) button`)
	appears(t, k.tab, `document.querySelector("#passkeys .persons li") === null`)
	require.Equal(t, "/login", get(h, "/account", half).Header().Get("Location"), "its other sessions have ended")
	k.open("/login?lang=en")
	k.click("#by-passkey button")
	appears(t, k.tab, `document.getElementById("wrong")?.textContent.includes("was not taken")`)
}
