package bearer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/people"
)

const file = `issuers:
  - name: app
    issuer: https://id.example
    audience: https://hub.example
    keys: https://id.example/jwks.json
    algorithms: [ES256, RS256]
    role: customer
    clients: [phone]
    scopes: [orders:read, orders:write]
    requests_per_minute: 60
    keep_hours: 24
`

func TestIssuersAreReadFromAFile(t *testing.T) {
	all, err := bearer.ParseIssuers([]byte(file))
	require.NoError(t, err)
	require.Equal(t, []bearer.Issuer{{Name: "app", URL: "https://id.example", Audience: "https://hub.example", KeysURL: "https://id.example/jwks.json",
		Algorithms: []jose.SignatureAlgorithm{"ES256", "RS256"}, Role: people.Customer, Clients: []string{"phone"},
		Scopes: []people.Scope{"orders:read", "orders:write"}, PerMinute: 60, Keep: 24 * time.Hour,
		Businesses: []string{people.MainBusiness}}}, all)
}

func TestAWrongFileNamesTheLineAndTheField(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"no file of issuers": {file, "[]", "want a list under issuers"},
		"none":               {file, "issuers: []", "issuers: want 1 to 50"},
		"misspelt":           {"audience", "audiense", `line 4: no such field "audiense"`},
		"at the top":         {"issuers:", "issuer:", "field issuer not found"},
		"name":               {"name: app", "name: client", "line 2, issuer 1: name \"client\""},
		"plain HTTP":         {"keys: https", "keys: http", "keys \"http://id.example/jwks.json\": want"},
		"issuer":             {"issuer: https://id.example", "issuer: id", "issuer \"id\": want https"},
		"audience":           {"audience: https://hub.example", "audience: ''", "audience: want"},
		"shared secrets":     {"ES256", "HS256", "algorithms: \"HS256\" is not one of EdDSA"},
		"none as algorithm":  {"ES256", "none", "algorithms: \"none\""},
		"no algorithm":       {"[ES256, RS256]", "[]", "algorithms: want"},
		"role":               {"role: customer", "role: admin", "role \"admin\": want customer"},
		"scope":              {"orders:read", "orders:rad", "scopes: \"orders:rad\""},
		"scope of others":    {"orders:read", "payments:write", "scopes: \"payments:write\" is no scope that opens something to the role customer"},
		"no scope":           {"[orders:read, orders:write]", "[]", "scopes: want"},
		"rate":               {"60", "-1", "requests_per_minute: want 1 to"},
		"kept for ever":      {"keep_hours: 24", "keep_hours: 7200", "keep_hours: want 1 to 720"},
		"no number":          {"keep_hours: 24", "keep_hours: long", "line 11"},
		"businesses":         {"keep_hours: 24", "businesses: ['A b']", "businesses: \"A b\": want ids"},
		"twice":              {file, file + strings.TrimPrefix(file, "issuers:\n"), "line 12, issuer 2: another one"},
		"huge":               {file, strings.Repeat("#", 256<<10+1), "want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(file, c.old, c.new, 1)
			require.NotEqual(t, file, text)
			_, err := bearer.ParseIssuers([]byte(text))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestKeysComeOverTLSOrFromThisMachine(t *testing.T) {
	for address, safe := range map[string]bool{"https://id.example/keys": true, "http://127.0.0.1:9/keys": true, "http://localhost/": true,
		"http://[::1]:8/": true, "http://id.example/keys": false, "http://127.0.0.1.example/": false, "ftp://localhost/": false, "https://": false,
		"https://a:b@id.example/": false, "": false} {
		require.Equal(t, safe, bearer.Safe(address), address)
	}
}
