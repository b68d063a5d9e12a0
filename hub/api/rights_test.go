package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

// target is a path that a route matches, with the caller's own place where the route asks for one.
func target(route string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	path = strings.ReplaceAll(path, ":id", "none")
	path = strings.TrimSuffix(path, "*")
	switch {
	case strings.HasSuffix(path, "/packing"):
		path += "?date=2026-12-01&shop=shop-1"
	case strings.HasSuffix(path, "/sheets"), strings.HasSuffix(path, "/sheet"):
		path += "?date=2026-12-01&route=route-01"
	}
	return method, path
}

func TestEveryRouteAgainstEveryRole(t *testing.T) {
	h := apitest.Open(t)
	for _, right := range people.Rights() {
		if right.Public || !strings.HasPrefix(strings.SplitN(right.Route, " ", 2)[1], "/v1/") {
			continue // pages are tested where they are made
		}
		method, path := target(right.Route)
		require.Equal(t, http.StatusUnauthorized, h.Do(method, path, "", "").Code, "nobody: %s", right.Route)
		require.Equal(t, http.StatusUnauthorized, h.Do(method, path, "made-up", "").Code, "somebody: %s", right.Route)
		for _, role := range people.Roles() {
			code := h.Do(method, path, h.Token(t, role), "").Code
			if slices.Contains(right.Roles, role) {
				require.NotEqual(t, http.StatusForbidden, code, "%s %s", role, right.Route)
			} else {
				require.Equal(t, http.StatusForbidden, code, "%s %s", role, right.Route)
			}
			require.NotEqual(t, http.StatusUnauthorized, code, "%s %s", role, right.Route)
			require.Less(t, code, 500, "%s %s", role, right.Route)
		}
	}
}

func TestNothingButThePublicAnswersWithoutASession(t *testing.T) {
	h := apitest.Open(t)
	table := people.NewTable(people.Rights())
	for _, r := range h.Echo.Routes() {
		route := r.Method + " " + r.Path
		right, known := table[route]
		require.True(t, known, "%s is registered and not in the table of rights", route)
		method, path := target(route)
		code := h.Do(method, path, "", "").Code
		require.Equal(t, right.Public, code != http.StatusUnauthorized, "%s answers %d", route, code)
	}
	for _, path := range []string{"/nothing", "/v1/nothing", "/v1", "/healthz/", "/healthz/../v1/orders", "//v1/orders/x"} {
		require.Equal(t, http.StatusUnauthorized, h.Do("GET", path, "", "").Code, path)
	}
}

func TestWhoMaySeeOnlyTheirOwnIsHeldToIt(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	shop, driver := h.Token(t, people.Shop), h.Token(t, people.Driver)
	require.Equal(t, 200, h.Do("GET", "/v1/packing?date=2026-12-01&shop=shop-1", shop, "").Code)
	require.Equal(t, 403, h.Do("GET", "/v1/packing?date=2026-12-01&shop=shop-2", shop, "").Code)
	require.Equal(t, 403, h.Do("GET", "/v1/packing?date=2026-12-01", shop, "").Code)
	require.Equal(t, 403, h.Do("GET", "/v1/packing?date=2026-12-01&shop=shop-1&shop=shop-2", driver, "").Code)
	require.Equal(t, 200, h.Do("GET", "/v1/sheets?date=2026-12-01&route=route-01", driver, "").Code)
	require.Equal(t, 403, h.Do("GET", "/v1/sheets?date=2026-12-01&route=route-02", driver, "").Code)
	require.Equal(t, 400, h.Do("GET", "/v1/packing?date=2026-12-01&shop=shop-1&shop=shop-2", shop, "").Code, "asked for two")
}
