package people

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each route against each scope, for a token of each role; with no scope, and with all others.
func TestEveryScopeAgainstEveryRoute(t *testing.T) {
	table := NewTable(Rights())
	for _, right := range Rights() {
		for _, role := range Roles() {
			judge := func(scopes ...Scope) Verdict {
				who := Caller{Person: Person{Role: role, Place: "mine"}, Whole: true, Token: true, Scopes: scopes}
				return table.Judge(right.Route, &who, call("mine", ""))
			}
			outside := OutOfScope
			switch {
			case right.Public:
				outside = ForPublic
			case !slices.Contains(right.Roles, role):
				outside = Refused
			}
			others := slices.DeleteFunc(Scopes(), func(s Scope) bool { return s == right.Scope })
			require.Equal(t, outside, judge(others...), "%s %s", role, right.Route)
			require.Equal(t, outside, judge(), "%s %s", role, right.Route)
			require.Equal(t, outside, judge(""), "%s %s", role, right.Route)
			for _, s := range Scopes() {
				want := outside
				if want == OutOfScope && s == right.Scope {
					want = Allowed
				}
				require.Equal(t, want, judge(s), "%s %s %s", s, role, right.Route)
			}
		}
	}
}

func TestTheScopesNameRoutesThatThereAreEachOnce(t *testing.T) {
	table, seen := NewTable(Rights()), map[string]bool{}
	for _, s := range scopes {
		require.Regexp(t, `^[a-z]+:(read|write)$`, s.scope)
		for _, route := range s.routes {
			require.Contains(t, table, route, "%s is in the scope %s and not in the table of rights", route, s.scope)
			require.False(t, seen[route], "%s stands in two scopes", route)
			require.Equal(t, strings.HasSuffix(s.scope, ":read"), strings.HasPrefix(route, "GET ") || strings.HasSuffix(route, "/search"), "%s in %s", route, s.scope)
			seen[route] = true
		}
	}
}

// What other systems may use has a scope, or they could not; only their own account has none.
func TestWhatOtherSystemsMayUseHasAScope(t *testing.T) {
	for _, right := range Rights() {
		if slices.Contains(right.Roles, System) && !own(right.Route) && right.Route != "GET /me" {
			require.NotEmpty(t, right.Scope, "%s: write it into a scope in rights_scopes.go, or take System out of its roles", right.Route)
		}
	}
}

// The decision in the form in which people argue about it: what a token of a customer's app may change.
func TestWhatACustomersAppMayChange(t *testing.T) {
	var got []string
	for _, right := range Rights() {
		if right.Act && right.Scope != "" && slices.Contains(right.Roles, Customer) {
			got = append(got, right.Route)
		}
	}
	require.Equal(t, []string{"POST /v1/orders", "POST /v1/orders/:id/cancel", "PUT /v1/orders/:id/lines"}, got)
}
