// Package archtest holds the rules of who may import whom. They are what keeps rules in the middle and the outside world
// around them; each says its reason when it is broken.
package archtest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "meguri/"

// rules are packages of plain rules: they may import the standard library and the words of the protocol or GS1 where said.
var rules = map[string][]string{
	"hub/alarm":       nil,
	"hub/audit":       nil,
	"hub/block":       nil,
	"hub/capacity":    nil,
	"hub/coldchain":   nil,
	"hub/check":       nil, // not hub/capacity nor hub/order either: one mistake must not be in both who numbers and who checks
	"hub/order":       {"hub/capacity"},
	"hub/dispatch":    nil,
	"hub/fleet":       nil,
	"hub/payment":     nil,
	"hub/people":      nil,
	"hub/register":    {"hub/people"},
	"hub/retention":   nil,
	"internal/gs1":    nil,
	"internal/rental": {"protocol"},
	"edge/station":    {"protocol", "internal/gs1", "edge/phrase"},
	"edge/scanner":    {"protocol", "internal/gs1", "edge/phrase"},
	"edge/warehouse":  {"protocol", "internal/gs1", "internal/rental", "edge/phrase"},
	"edge/driver":     {"protocol", "internal/gs1", "edge/phrase"},
	"edge/monitor":    {"protocol"},
	"edge/shipper":    {"protocol"},
	"edge/phrase":     nil,
}

// forbidden are standard packages that rules do without.
var forbidden = []string{"database/sql", "net", "net/http", "os"}

// clocks are the functions of package time that look at or wait for the machine's clock.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath, Dir  string
	GoFiles, Imports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", module+"...").Output()
	require.NoError(t, err)
	var all []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func TestRulesImportNoOutsideWorld(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := rules[name]
		if !ok {
			continue
		}
		seen++
		for _, i := range p.Imports {
			ours := strings.TrimPrefix(i, module)
			switch {
			case strings.HasPrefix(i, module) && !slices.Contains(allowed, ours):
				t.Errorf("%s imports %s: rules import the standard library only, so that they can be read and tested alone", name, ours)
			case !strings.HasPrefix(i, module) && strings.Contains(i, "."):
				t.Errorf("%s imports %s: rules know no SQL, HTTP, MQTT, periph or codec", name, i)
			case slices.Contains(forbidden, i):
				t.Errorf("%s imports %s: rules touch no network, file or database", name, i)
			}
		}
	}
	require.Equal(t, len(rules), seen, "a package of rules is gone: take it out of this list")
}

func TestRulesTakeTheTimeAsAnArgument(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if _, ok := rules[name]; !ok {
			continue
		}
		for _, file := range p.GoFiles {
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(tree, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains(clocks, s.Sel.Name) {
					t.Errorf("%s: time.%s: rules take now as an argument, so that any moment can be tested", set.Position(n.Pos()), s.Sel.Name)
				}
				return true
			})
		}
	}
}

func TestHubEdgeAndSimulatorMeetOnlyWhereTheyMay(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, module)
			if !ours {
				continue
			}
			switch {
			case under(name, "hub") && under(to, "edge"), under(name, "edge") && under(to, "hub"):
				t.Errorf("%s imports %s: hub and edge meet in protocol only", name, to)
			case under(to, "firmware-sim") && !under(name, "firmware-sim") && !under(name, "internal/e2e"):
				t.Errorf("%s imports %s: nothing that runs in the field may know the simulator", name, to)
			case under(name, "firmware-sim") && under(to, "hub"):
				t.Errorf("%s imports %s: the simulator is the physical world; it meets the hub over HTTP and MQTT", name, to)
			case under(name, "firmware-sim") && under(to, "edge") && to != "edge/app":
				t.Errorf("%s imports %s: the simulator hands edge/app a board and sees no more of an agent", name, to)
			case name == "protocol":
				t.Errorf("protocol imports %s: it is what both sides share, and depends on its codec only", to)
			}
		}
	}
}

// doors are packages of libraries and of the machine, and which packages may use them. Every other one goes through these.
var doors = map[string][]string{
	"github.com/mochi-mqtt/":     {"hub/broker"},
	"github.com/eclipse/paho":    {"edge/link", "hub/link"},
	"go.etcd.io/bbolt":           {"edge/log"},
	"modernc.org/":               {"hub/store"},
	"github.com/jackc/":          {"hub/store"},
	"github.com/pressly/":        {"hub/store"},
	"database/sql":               {"hub/store"},
	"github.com/labstack/echo":   {"hub/api", "hub/web"},
	"github.com/fxamacker/":      {"protocol"},
	"github.com/go-webauthn/":    {"hub/passkey"},
	"github.com/coreos/":         {"hub/oidc"},
	"golang.org/x/oauth2":        {"hub/oidc"},
	"github.com/veraison/":       {"protocol"},
	"github.com/go-jose/":        {"hub/bearer"},
	"golang.org/x/time":          {"hub/bearer"},
	"periph.io/":                 {"edge/app", "edge/board", "edge/device"},
	"crypto/x509":                {"hub/pki", "hub/broker", "hub/report", "edge/app"}, // pki makes certificates; the others read them
	"github.com/go-pdf/":         {"hub/report", "hub/label"},
	"golang.org/x/crypto/argon2": {"hub/password", "protocol"}, // protocol: PINs in plans
	"os/exec":                    {"hub/backup", "edge"},       // PostgreSQL's own programs, and salvage
}

func TestWhatIsOutsideHasOneDoor(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if !under(name, "hub") && !under(name, "edge") && name != "protocol" || strings.HasSuffix(name, "test") {
			continue
		}
		for _, i := range p.Imports {
			for library, may := range doors {
				if !strings.HasPrefix(i, library) {
					continue
				}
				ok := slices.ContainsFunc(may, func(door string) bool { return name == door || door == "edge/device" && under(name, door) })
				if !ok {
					t.Errorf("%s imports %s: that is for %s", name, i, strings.Join(may, ", "))
				}
			}
		}
	}
}

// mayImport is what packages that others trust depend on, of ours: little, so that they can be read alone.
var mayImport = map[string][]string{
	"edge/log":      {"internal/durable", "protocol"},
	"edge/link":     {"edge/log", "internal/clock", "protocol"},
	"hub/pki":       {"internal/durable", "protocol"},
	"hub/broker":    {"hub/pki", "protocol"},
	"hub/admission": {"hub/broker", "hub/fleet", "hub/pki", "hub/store", "internal/clock"},
	"hub/backup":    {"hub/store", "internal/durable", "protocol"},
	"hub/link":      {"hub/fleet", "hub/store", "internal/clock", "protocol"},
	"hub/oidc":      {"hub/people"},
	"hub/passkey":   {"hub/people"},
	// Who says whose tokens are good.
	"hub/bearer": {"hub/people", "hub/store", "internal/durable"},
	// Who holds the key to the money.
	"hub/payment/intents": {"hub/payment"},
	"hub/payment/settle":  {"hub/order", "hub/payment", "internal/clock"},
}

func TestWhatIsTrustedDependsOnLittle(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, ok := mayImport[name]
		if !ok {
			continue
		}
		seen++
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, module); ours && !slices.Contains(may, to) {
				t.Errorf("%s imports %s: it may know %s only", name, to, strings.Join(may, ", "))
			}
		}
	}
	require.Equal(t, len(mayImport), seen, "a package is gone: take it out of this list")
}
