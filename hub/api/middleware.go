package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	tokens "meguri/hub/bearer"
	"meguri/hub/people"
)

// logged is the outermost: it turns errors into answers, catches what panics, and logs each request once. It never logs a
// query, which may hold a login code, nor a header.
func (a *API) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := caught(next, c)
		if err != nil {
			c.Error(err)
		}
		status := c.Response().Status
		attrs := []any{"method", c.Request().Method, "route", c.Path(), "status", status, "took", time.Since(start)}
		if p, ok := person(c); ok {
			attrs = append(attrs, "person", p.ID)
		}
		if err != nil && status >= http.StatusInternalServerError {
			a.Logger.Error("request failed", append(attrs, "error", err)...)
		} else {
			a.Logger.Debug("request", attrs...)
		}
		return nil
	}
}

func caught(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		r := recover()
		if r == http.ErrAbortHandler {
			panic(r) // net/http's own way to cut a connection
		}
		if r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return next(c)
}

// headers tell browsers what a page of ours never needs. Scripts and styles come from files of ours only.
func (a *API) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // a login link must not travel on
		h.Set("Cache-Control", "no-store")
		if a.Secure(c) { // RFC 6797, 7.2: never over a connection that anybody could have changed
			h.Set(echo.HeaderStrictTransportSecurity, "max-age=31536000")
		}
		return next(c)
	}
}

// bounded bounds how long a request may take and how much it may send.
func (a *API) bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxBody)
		if Streams(c.Path()) {
			return next(c)
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}

// Streams says whether a route's answer goes on until the reader leaves, or as long as there is more.
func Streams(route string) bool {
	return route == "/live" || strings.HasSuffix(route, "/live") || route == "/v1/readings/csv"
}

// sameOrigin refuses posts that another site's page makes a browser send.
func (a *API) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := protection.Check(c.Request()); err != nil {
			return fmt.Errorf("%w: %w", errForbidden, err)
		}
		return next(c)
	}
}

// Param is a path parameter. Echo leaves it escaped when the path holds an escaped character, such as a slash in an id.
func Param(c echo.Context, name string) string {
	v := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return v
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

const (
	cookieName  = "meguri_session"
	deviceName  = "meguri_device"
	personKey   = "person"
	sessionKey  = "session"
	tokenKey    = "token"
	deviceKeeps = 365 * 24 * 60 * 60 // seconds
)

// authorised finds out who asks and lets them do what the table of rights allows.
func (a *API) authorised(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		route := c.Request().Method + " " + c.Path()
		call := people.Call{Param: paramOf(c), Field: func(name string) string { return bodyField(c, name) }}
		if a.rights.Judge(route, nil, call) == people.ForPublic {
			return next(c)
		}
		if err := a.identify(c); err != nil {
			return err
		}
		who := a.Caller(c)
		bound, err := a.enterBounds(c)
		if err != nil {
			return err
		}
		var failed error
		if bound {
			call.Elsewhere = a.elsewhere(c, &failed)
		}
		verdict := a.rights.Judge(route, &who, call)
		if failed != nil {
			return failed
		}
		if verdict == people.Unsigned || verdict == people.Allowed {
			given, err := a.proofOfForm(c)
			if err != nil {
				return err
			}
			if given {
				who = a.Caller(c)
				verdict = a.rights.Judge(route, &who, call)
			}
		}
		if verdict == people.Allowed && a.rights[route].Sign.Needs(call.Field) {
			session := sessionOf(c)
			signed := people.Signature{By: session.ConfirmedBy, At: session.Confirmed}
			c.SetRequest(c.Request().WithContext(people.WithSignature(c.Request().Context(), signed)))
		}
		if verdict == people.OutOfScope {
			return &outOfScope{a.rights[route].Scope}
		}
		return obey(c, next, who, verdict)
	}
}

// obey does what the verdict says.
func obey(c echo.Context, next echo.HandlerFunc, who people.Caller, verdict people.Verdict) error {
	switch verdict {
	case people.Allowed:
		return next(c)
	case people.NotOwn:
		return fmt.Errorf("%w: %s may see only their own, %s", errForbidden, who.Role, who.Place)
	case people.Owes:
		return people.ErrSecond
	case people.Unsigned:
		return people.ErrConfirm
	case people.Elsewhere:
		return echo.ErrNotFound
	}
	if c.Path() == "" {
		return echo.ErrNotFound
	}
	if allow, ok := c.Get(echo.ContextKeyHeaderAllow).(string); ok {
		c.Response().Header().Set(echo.HeaderAllow, allow)
		return echo.ErrMethodNotAllowed
	}
	return fmt.Errorf("%w: not with the role %s", errForbidden, who.Role)
}

// paramOf gives the values of path and query parameters.
func paramOf(c echo.Context) func(string) string {
	return func(name string) string {
		if v := Param(c, name); v != "" {
			return v
		}
		return c.QueryParam(name)
	}
}

// bodyField is the text of a field of the body, a form's or JSON's; the body stays to be read. Empty where there is none,
// or none that can be read for sure: a use by such a body is judged as the gravest.
func bodyField(c echo.Context, name string) string {
	r := c.Request()
	if !ofAPI(c) {
		return c.FormValue(name)
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	var fields map[string]json.RawMessage
	var text string
	if err != nil || json.Unmarshal(body, &fields) != nil || json.Unmarshal(fields[name], &text) != nil {
		return ""
	}
	return text
}

// ofAPI says whether a route is for programs, with bodies of JSON.
func ofAPI(c echo.Context) bool { return strings.HasPrefix(c.Path(), "/v1/") }

// ProofPassword, ProofCode and ProofPasskey are the fields of any form with which a person confirms that it is they.
const (
	ProofPassword = "confirm_password"
	ProofCode     = "confirm_code"
	ProofPasskey  = "confirm_passkey"
)

// proofOfForm takes the proof that came with a form, and says whether there was one. A wrong one wraps people.ErrConfirm, so that it
// is asked for again.
func (a *API) proofOfForm(c echo.Context) (given bool, err error) {
	if c.Request().Method != http.MethodPost || ofAPI(c) {
		return false, nil
	}
	proof := people.Proof{Password: c.FormValue(ProofPassword), Code: c.FormValue(ProofCode), Passkey: c.FormValue(ProofPasskey)}
	if proof == (people.Proof{}) {
		return false, nil
	}
	if err := a.Confirm(c, proof); err != nil {
		return false, fmt.Errorf("%w: %w", people.ErrConfirm, err)
	}
	return true, nil
}

// Confirm takes the proof of who asks that it is they.
func (a *API) Confirm(c echo.Context, proof people.Proof) error {
	goesOn, err := a.People.Confirm(c.Request().Context(), Token(c), proof, a.RealNow())
	if err != nil {
		return err
	}
	return a.GoOn(c, goesOn)
}

// GoOn has the session of who asks go on with a token, which a service has given, and the browser keep it.
func (a *API) GoOn(c echo.Context, token string) error {
	if token != Token(c) && byCookie(c) {
		c.SetCookie(a.cookie(c, cookieName, token, sessionOf(c).Expires))
	}
	c.Set(tokenKey, token)
	return a.identify(c)
}

// byCookie says whether the session of a request came in a cookie. A proxy may leave a header of its own, which is no session.
func byCookie(c echo.Context) bool {
	return !strings.HasPrefix(c.Request().Header.Get("Authorization"), bearerScheme)
}

const bearerScheme = "Bearer "

// identify finds the person whose session token the request carries, or the program whose. A bearer token goes before a cookie.
func (a *API) identify(c echo.Context) error {
	token, bearer := strings.CutPrefix(c.Request().Header.Get("Authorization"), bearerScheme)
	if !bearer {
		if cookie, err := c.Cookie(a.cookieNamed(c, cookieName)); err == nil {
			token = cookie.Value
		}
	}
	if since := Token(c); since != "" { // it may go on with another one
		token = since
	}
	switch {
	case token == "":
		return people.ErrNoSession
	case bearer && tokens.Is(token):
		return a.byToken(c, token)
	}
	who, session, err := a.People.Session(c.Request().Context(), token, a.RealNow())
	if err != nil {
		return err
	}
	c.Set(personKey, who)
	c.Set(sessionKey, session)
	c.Set(tokenKey, token)
	return nil
}

// Caller is who asks, and how sure it is that it is they; only for routes that are not public.
func (a *API) Caller(c echo.Context) people.Caller {
	if scopes, ok := c.Get(scopesKey).([]people.Scope); ok {
		return people.Caller{Person: Who(c), Whole: true, Token: true, Scopes: scopes}
	}
	session := sessionOf(c)
	return people.Caller{Person: Who(c), Whole: session.Whole, Fresh: session.Fresh(a.RealNow())}
}

// Token is the secret of the session of who asks.
func Token(c echo.Context) string {
	token, _ := c.Get(tokenKey).(string)
	return token
}

// SessionID names the session of who asks.
func SessionID(c echo.Context) string { return sessionOf(c).ID() }

// Again looks anew at the session of who asks, after a service has changed it.
func (a *API) Again(c echo.Context) error { return a.identify(c) }

func sessionOf(c echo.Context) people.Session {
	s, _ := c.Get(sessionKey).(people.Session)
	return s
}

func person(c echo.Context) (people.Person, bool) {
	p, ok := c.Get(personKey).(people.Person)
	return p, ok
}

// Who is the person who asks; only for routes that are not public.
func Who(c echo.Context) people.Person {
	p, _ := person(c)
	return p
}

// StillIn says whether the session of a request that runs on is still good.
func (a *API) StillIn(c echo.Context) bool { return a.identify(c) == nil }

// Credentials are what somebody logs in with: a code of a one-time link, a login name and a password, or what a passkey has answered.
type Credentials struct {
	Code, Login, Password string
	Passkey               string
	Device                string // the mark of a program that keeps no cookies
}

// SignIn exchanges credentials for a session that the browser keeps in a cookie.
func (a *API) SignIn(c echo.Context, with Credentials) (people.In, error) {
	in, err := a.enter(c, with)
	if err != nil {
		return in, err
	}
	a.keep(c, in)
	return in, nil
}

// keep gives the browser the cookies of a login.
func (a *API) keep(c echo.Context, in people.In) {
	c.SetCookie(a.cookie(c, cookieName, in.Token, in.Session.Expires))
	if in.Device != "" { // lets nobody in, and is worth nothing elsewhere
		c.SetCookie(a.cookie(c, deviceName, in.Device, a.RealNow().Add(deviceKeeps*time.Second)))
	}
}

func (a *API) enter(c echo.Context, with Credentials) (people.In, error) {
	from := a.from(c)
	if with.Device != "" {
		from.Device = with.Device
	}
	switch {
	case with.Code != "":
		return a.People.Login(c.Request().Context(), with.Code, from, a.RealNow())
	case with.Passkey != "":
		return a.People.PasskeyLogin(c.Request().Context(), with.Passkey, a.browserOf(c), from, a.RealNow())
	}
	return a.People.PasswordLogin(c.Request().Context(), with.Login, with.Password, from, a.RealNow())
}

// from is where a request to log in comes from.
func (a *API) from(c echo.Context) people.From {
	from := people.From{Address: c.RealIP(), Agent: c.Request().UserAgent()}
	if cookie, err := c.Cookie(a.cookieNamed(c, deviceName)); err == nil {
		from.Device = cookie.Value
	}
	return from
}

// cookieNamed is the name of a cookie. Over TLS it has the prefix by which browsers take it from this very host alone, and set over
// TLS: neither another site of the domain nor whoever is on the line without TLS can put one of theirs in its place.
func (a *API) cookieNamed(c echo.Context, name string) string {
	if a.Secure(c) {
		return "__Host-" + name
	}
	return name
}

func (a *API) cookie(c echo.Context, name, value string, until time.Time) *http.Cookie {
	return &http.Cookie{Name: a.cookieNamed(c, name), Value: value, Path: "/", Expires: until, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: a.Secure(c)}
}

// SignOut ends the session of the request.
func (a *API) SignOut(c echo.Context) error {
	a.dropCookie(c)
	return a.People.SignOut(c.Request().Context(), Who(c).ID, Token(c), a.RealNow())
}

// SignOutEverywhere ends all sessions of who asks.
func (a *API) SignOutEverywhere(c echo.Context) error {
	a.dropCookie(c)
	return a.People.SignOutEverywhere(c.Request().Context(), Who(c).ID, a.RealNow())
}

func (a *API) dropCookie(c echo.Context) {
	gone := a.cookie(c, cookieName, "", time.Time{})
	gone.MaxAge = -1
	c.SetCookie(gone)
}

// Errors that belong to no service.
var (
	errForbidden   = errors.New("not allowed")
	errUnavailable = errors.New("not available now")
)
