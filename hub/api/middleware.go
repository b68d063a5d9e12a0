package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

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
func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // a login link must not travel on
		h.Set("Cache-Control", "no-store")
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
	cookieName = "meguri_session"
	personKey  = "person"
	tokenKey   = "token"
)

// authorised finds out who asks and lets them do what the table of rights allows.
func (a *API) authorised(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		route := c.Request().Method + " " + c.Path()
		param := func(name string) string {
			if v := Param(c, name); v != "" {
				return v
			}
			return c.QueryParam(name)
		}
		if a.rights.Judge(route, nil, param) == people.ForPublic {
			return next(c)
		}
		who, err := a.identify(c)
		if err != nil {
			return err
		}
		switch a.rights.Judge(route, &who, param) {
		case people.Allowed:
			return next(c)
		case people.NotOwn:
			return fmt.Errorf("%w: %s may see only their own, %s", errForbidden, who.Role, who.Place)
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
}

// identify gives the person whose session token the request carries. A bearer token goes before a cookie.
func (a *API) identify(c echo.Context) (people.Person, error) {
	token, bearer := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
	if !bearer {
		if cookie, err := c.Cookie(cookieName); err == nil {
			token = cookie.Value
		}
	}
	if token == "" {
		return people.Person{}, people.ErrNoSession
	}
	who, err := a.People.Session(c.Request().Context(), token, a.RealNow())
	if err != nil {
		return people.Person{}, err
	}
	c.Set(personKey, who)
	c.Set(tokenKey, token)
	return who, nil
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
func (a *API) StillIn(c echo.Context) bool {
	_, err := a.identify(c)
	return err == nil
}

// SignIn exchanges a login code for a session that the browser keeps in a cookie.
func (a *API) SignIn(c echo.Context, code string) (people.Person, error) {
	who, token, ends, err := a.People.Login(c.Request().Context(), code, a.RealNow())
	if err != nil {
		return who, err
	}
	c.SetCookie(&http.Cookie{Name: cookieName, Value: token, Path: "/", Expires: ends, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: a.TLS || c.Request().TLS != nil})
	return who, nil
}

// SignOut ends the session of the request.
func (a *API) SignOut(c echo.Context) error {
	token, _ := c.Get(tokenKey).(string)
	c.SetCookie(&http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: a.TLS || c.Request().TLS != nil})
	return a.People.SignOut(c.Request().Context(), Who(c).ID, token, a.RealNow())
}

// Errors that belong to no service.
var (
	errForbidden   = errors.New("not allowed")
	errUnavailable = errors.New("not available now")
)
