package bearer

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v3"

	"meguri/hub/people"
)

// Issuer is another party whose tokens are trusted, for what stands here. It holds no secret.
type Issuer struct {
	Name       string // of its persons here: "app" makes app:member-0001
	URL        string // its iss
	Audience   string // an aud of tokens that are for this hub
	KeysURL    string // where its JWK set is
	Algorithms []jose.SignatureAlgorithm
	Role       people.Role    // Customer: sub is the customer's pseudonym; or System
	Clients    []string       // programs whose tokens are taken (client_id, or azp); any when empty
	Scopes     []people.Scope // the most that its tokens are good for
	PerMinute  int            // requests of each subject
	Keep       time.Duration  // how long its keys are used while it cannot be reached
	// Businesses are those that its tokens may be for: a token says which in its claim business, and need not where there is one only.
	Businesses []string
}

// asymmetric are all algorithms that an issuer may be configured with. None with a shared secret: who can check could sign.
var asymmetric = []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512,
	jose.RS256, jose.RS384, jose.RS512}

func algorithmList(all []jose.SignatureAlgorithm) string {
	var names []string
	for _, a := range all {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// Limits and defaults of the file of issuers.
const (
	maxIssuers       = 50
	maxIssuersFile   = 256 << 10
	defaultPerMinute = 120
	defaultKeep      = 72 * time.Hour
	longestKeep      = 30 * 24 * time.Hour
)

// row is an issuer as the file has it.
type row struct {
	line       int
	Name       string   `yaml:"name"`
	Issuer     string   `yaml:"issuer"`
	Audience   string   `yaml:"audience"`
	Keys       string   `yaml:"keys"`
	Algorithms []string `yaml:"algorithms"`
	Role       string   `yaml:"role"`
	Clients    []string `yaml:"clients"`
	Scopes     []string `yaml:"scopes"`
	PerMinute  int      `yaml:"requests_per_minute"`
	KeepHours  int      `yaml:"keep_hours"`
	Businesses []string `yaml:"businesses"`
}

// UnmarshalYAML notes the line, and refuses a field that is misspelt, which yaml does only for who asks at the top.
func (r *row) UnmarshalYAML(n *yaml.Node) error {
	type plain row
	known := []string{"name", "issuer", "audience", "keys", "algorithms", "role", "clients", "scopes", "requests_per_minute", "keep_hours", "businesses"}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(known, key.Value) {
			return fmt.Errorf("line %d: no such field %q: want one of %s", key.Line, key.Value, strings.Join(known, ", "))
		}
	}
	r.line = n.Line
	return n.Decode((*plain)(r))
}

// ReadIssuers reads a file of issuers. An error names the line, the field and what was expected.
func ReadIssuers(file string) ([]Issuer, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxIssuersFile+1))
	if err != nil {
		return nil, err
	}
	all, err := ParseIssuers(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// ParseIssuers reads the text of a file of issuers.
func ParseIssuers(text []byte) ([]Issuer, error) {
	if len(text) > maxIssuersFile {
		return nil, fmt.Errorf("want at most %d bytes", maxIssuersFile)
	}
	var in struct {
		Issuers []row `yaml:"issuers"`
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("want a list under issuers: %w", err)
	}
	if len(in.Issuers) == 0 || len(in.Issuers) > maxIssuers {
		return nil, fmt.Errorf("issuers: want 1 to %d", maxIssuers)
	}
	var all []Issuer
	for n, r := range in.Issuers {
		i, err := r.issuer()
		if err != nil {
			return nil, fmt.Errorf("line %d, issuer %d: %w", r.line, n+1, err)
		}
		if slices.ContainsFunc(all, func(o Issuer) bool { return o.Name == i.Name || o.URL == i.URL }) {
			return nil, fmt.Errorf("line %d, issuer %d: another one has its name or its issuer", r.line, n+1)
		}
		all = append(all, i)
	}
	return all, nil
}

// name of an issuer. "client" and "p-…" are persons of the hub itself.
var issuerName = regexp.MustCompile(`^[a-z][a-z0-9]{0,19}$`)

func (r row) issuer() (i Issuer, err error) {
	i = Issuer{Name: r.Name, URL: r.Issuer, Audience: r.Audience, KeysURL: r.Keys, Role: people.Role(r.Role), Clients: r.Clients,
		Scopes: r.Scopes, PerMinute: r.PerMinute, Keep: time.Duration(r.KeepHours) * time.Hour,
		Businesses: r.Businesses}
	if i.PerMinute == 0 {
		i.PerMinute = defaultPerMinute
	}
	if i.Keep == 0 {
		i.Keep = defaultKeep
	}
	if len(i.Businesses) == 0 {
		i.Businesses = []string{people.MainBusiness}
	}
	for _, a := range r.Algorithms {
		i.Algorithms = append(i.Algorithms, jose.SignatureAlgorithm(a))
	}
	switch {
	case !issuerName.MatchString(i.Name) || i.Name == "client":
		return i, fmt.Errorf("name %q: want 1 to 20 of a-z and 0-9, a letter first, and not client", i.Name)
	case !Safe(i.URL):
		return i, fmt.Errorf("issuer %q: want https://HOST (http only on loopback)", i.URL)
	case i.Audience == "" || len(i.Audience) > 300:
		return i, fmt.Errorf("audience: want what aud names this hub by, 1 to 300 bytes")
	case !Safe(i.KeysURL):
		return i, fmt.Errorf("keys %q: want the address of the JWK set, https://HOST/PATH (http only on loopback)", i.KeysURL)
	case i.Role != people.Customer && i.Role != people.System:
		return i, fmt.Errorf("role %q: want customer (sub is the customer's pseudonym) or system", i.Role)
	case i.PerMinute < 1 || i.PerMinute > people.MaxPerMinute:
		return i, fmt.Errorf("requests_per_minute: want 1 to %d", people.MaxPerMinute)
	case i.Keep < time.Hour || i.Keep > longestKeep:
		return i, fmt.Errorf("keep_hours: want 1 to %d", int(longestKeep.Hours()))
	case len(i.Algorithms) == 0:
		return i, fmt.Errorf("algorithms: want at least one of %s", algorithmList(asymmetric))
	case len(i.Scopes) == 0:
		return i, fmt.Errorf("scopes: want at least one of %s", strings.Join(people.Scopes(), ", "))
	}
	return i, i.checkLists()
}

func (i Issuer) checkLists() error {
	for _, a := range i.Algorithms {
		if !slices.Contains(asymmetric, a) {
			return fmt.Errorf("algorithms: %q is not one of %s", a, algorithmList(asymmetric))
		}
	}
	for _, b := range i.Businesses {
		if !people.IsBusinessID(b) {
			return fmt.Errorf("businesses: %q: want ids as hub business list shows them", b)
		}
	}
	for _, s := range i.Scopes {
		if !slices.Contains(people.Scopes(), s) || !people.Opens(s, i.Role) {
			return fmt.Errorf("scopes: %q is no scope that opens something to the role %s", s, i.Role)
		}
	}
	return nil
}

// Safe says whether an address is one of which nobody on the way can change the answer: HTTPS, or on this machine.
func Safe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
