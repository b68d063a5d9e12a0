package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/bearer"
	"meguri/hub/people"
)

// outOfScope is a token that is not for what it is used for.
type outOfScope struct{ scope people.Scope }

func (e *outOfScope) Error() string {
	if e.scope == "" {
		return "not allowed: this is for persons who have signed in, and not for tokens"
	}
	return "not allowed: the token has not the scope " + e.scope
}

// limited is a caller who sends more than they may.
type limited struct{ left bearer.Left }

func (e *limited) Error() string {
	return fmt.Sprintf("more than %d requests a minute: try again in %d s", e.left.PerMinute, wholeSeconds(e.left.Wait.Seconds()))
}

func wholeSeconds(s float64) int { return max(1, int(math.Ceil(s-1e-6))) }

// byToken finds out whom a token of a program lets in, and counts the request.
func (a *API) byToken(c echo.Context, token string) error {
	if a.Tokens == nil {
		return &bearer.InvalidError{Why: "no tokens of programs are taken here"}
	}
	now := a.RealNow()
	who, err := a.Tokens.Check(c.Request().Context(), token, now)
	if err != nil {
		return err
	}
	c.Set(personKey, who.Person)
	c.Set(scopesKey, who.Scopes)
	if c.Get(countedKey) != nil { // a request that runs on is counted once
		return nil
	}
	c.Set(countedKey, true)
	left := a.limits.Take(who.Bucket, who.PerMinute, now)
	h := c.Response().Header()
	h.Set("RateLimit-Policy", fmt.Sprintf(`"client";q=%d;w=60`, left.PerMinute))
	h.Set("RateLimit", fmt.Sprintf(`"client";r=%d;t=%d`, left.Requests, int(math.Ceil(left.Full.Seconds()-1e-6))))
	if !left.OK {
		return &limited{left}
	}
	return nil
}

const (
	scopesKey  = "scopes"
	countedKey = "counted"
)

// tokenProblem says what an error of tokens means to who asked, if it is one, and how its answer names it (RFC 6750, 3.1).
func tokenProblem(err error) (p Problem, challenge string, ok bool) {
	var wrong *bearer.InvalidError
	var scope *outOfScope
	var many *limited
	switch {
	case errors.As(err, &wrong):
		return Problem{Status: http.StatusUnauthorized, Detail: err.Error()},
			fmt.Sprintf(`, error="invalid_token", error_description=%q`, ascii(err.Error())), true
	case errors.As(err, &scope):
		challenge = `, error="insufficient_scope"`
		if scope.scope != "" {
			challenge += fmt.Sprintf(`, scope=%q`, scope.scope)
		}
		return Problem{Status: http.StatusForbidden, Detail: err.Error()}, challenge, true
	case errors.As(err, &many):
		return Problem{Status: http.StatusTooManyRequests, Detail: err.Error()}, "", true
	}
	return p, "", false
}

// ascii is what may stand in an error_description (RFC 6750, 3).
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, text)
}

// challenge writes how to do better into the header of an answer.
func (a *API) challenge(c echo.Context, err error, status int) {
	h := c.Response().Header()
	_, more, of := tokenProblem(err)
	if more == "" && status == http.StatusUnauthorized && strings.HasPrefix(c.Request().Header.Get("Authorization"), "Bearer ") {
		more = `, error="invalid_token"`
	}
	if status == http.StatusUnauthorized || of && more != "" {
		h.Set("WWW-Authenticate", `Bearer realm="meguri"`+more)
	}
	if many := new(limited); errors.As(err, &many) {
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(many.left.Wait.Seconds())))
	}
}

// oauthError is an error of the token endpoint (RFC 6749, 5.2).
type oauthError struct {
	Error string `json:"error"`
	What  string `json:"error_description,omitempty"`
}

// giveToken is the token endpoint for the grant client_credentials.
func (a *API) giveToken(c echo.Context) error {
	form, err := tokenForm(c)
	if err != nil {
		return c.JSON(http.StatusBadRequest, oauthError{"invalid_request", err.Error()})
	}
	id, secret, basic, ok := clientOf(c, form)
	if !ok {
		return c.JSON(http.StatusBadRequest, oauthError{"invalid_request", "want the client's id and secret once: as Basic, or as client_id and client_secret"})
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		if grant == "" {
			return c.JSON(http.StatusBadRequest, oauthError{"invalid_request", "want grant_type=client_credentials"})
		}
		return c.JSON(http.StatusBadRequest, oauthError{"unsupported_grant_type", "want client_credentials"})
	}
	if a.Tokens == nil || a.Tokens.Own == nil {
		return errUnavailable
	}
	client, err := a.People.Authenticate(c.Request().Context(), id, secret, c.RealIP(), a.RealNow())
	if errors.Is(err, people.ErrClient) {
		if basic {
			c.Response().Header().Set("WWW-Authenticate", `Basic realm="meguri", charset="UTF-8"`)
		}
		return c.JSON(http.StatusUnauthorized, oauthError{"invalid_client", err.Error()})
	}
	if err != nil {
		return err
	}
	return a.issue(c, client, form.Get("scope"))
}

func (a *API) issue(c echo.Context, client people.Client, scope string) error {
	left := a.limits.Take(client.Person().ID, client.PerMinute, a.RealNow())
	if !left.OK {
		return &limited{left}
	}
	token, granted, err := a.Tokens.Own.Issue(c.Request().Context(), client, scope, a.RealNow())
	if wrong := new(bearer.ScopeError); errors.As(err, &wrong) {
		return c.JSON(http.StatusBadRequest, oauthError{"invalid_scope", ascii(wrong.Error())})
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set("Pragma", "no-cache")
	return c.JSON(http.StatusOK, struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Scope   string `json:"scope"`
	}{token, "Bearer", int(bearer.TokenLife.Seconds()), granted})
}

// tokenForm is the body, in which nothing may stand twice. Secrets in an address would be in logs: none are taken from there.
func tokenForm(c echo.Context) (url.Values, error) {
	r := c.Request()
	if kind, _, _ := strings.Cut(r.Header.Get(echo.HeaderContentType), ";"); !strings.EqualFold(strings.TrimSpace(kind), echo.MIMEApplicationForm) {
		return nil, errors.New("want a body of " + echo.MIMEApplicationForm)
	}
	if err := r.ParseForm(); err != nil {
		return nil, errors.New("the body cannot be read")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, errors.New("given twice: " + ascii(name[:min(len(name), 60)]))
		}
	}
	return r.PostForm, nil
}

// clientOf is who asks for a token, by Basic or by the body; not ok for both, or neither.
func clientOf(c echo.Context, form url.Values) (id, secret string, basic, ok bool) {
	user, password, basic := c.Request().BasicAuth()
	inBody := form.Get("client_secret") != ""
	switch {
	case basic == inBody:
		return "", "", basic, false
	case !basic:
		return form.Get("client_id"), form.Get("client_secret"), false, form.Get("client_id") != ""
	}
	// They are form-encoded before they are Basic (RFC 6749, 2.3.1); a client's name and secret are the same either way.
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	if named := form.Get("client_id"); named != "" && named != id {
		return "", "", true, false
	}
	return id, secret, true, err1 == nil && err2 == nil
}

// metadata says how to get and check tokens (RFC 8414).
func (a *API) metadata(c echo.Context) error {
	if a.Tokens == nil || a.Tokens.Own == nil {
		return echo.ErrNotFound
	}
	at := a.Tokens.Own.URL
	return c.JSON(http.StatusOK, struct {
		Issuer    string         `json:"issuer"`
		Token     string         `json:"token_endpoint"`
		Keys      string         `json:"jwks_uri"`
		Grants    []string       `json:"grant_types_supported"`
		Responses []string       `json:"response_types_supported"`
		Methods   []string       `json:"token_endpoint_auth_methods_supported"`
		Scopes    []people.Scope `json:"scopes_supported"`
		Service   string         `json:"service_documentation"`
	}{at, at + "/oauth/token", at + "/.well-known/jwks.json", []string{"client_credentials"}, []string{},
		[]string{"client_secret_basic", "client_secret_post"}, people.Scopes(), at + "/openapi.json"})
}

// keySet is the public keys of the hub's tokens. Whoever keeps it for less than bearer.KeyLead has every key before it signs.
func (a *API) keySet(c echo.Context) error {
	if a.Tokens == nil || a.Tokens.Own == nil {
		return echo.ErrNotFound
	}
	set, err := a.Tokens.Own.Set(c.Request().Context(), a.RealNow())
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=600")
	return c.JSON(http.StatusOK, set)
}
