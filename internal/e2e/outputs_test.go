package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"meguri/hub/door"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

// allowed is where somebody's name or a code may stand, and why. Nothing else may have any.
var allowed = []struct {
	kind, name string // name is the beginning
	of         []whose
	why        string
}{
	{"database", "grants.pin", []whose{codes}, "the hub tells customers and drivers their numbers; kept for days (retention: codes)"},
	{"database", "passes.pin", []whose{codes}, "likewise, of passes"},
	{"backup", "", []whose{codes}, "all of the database, for whoever keeps the backups"},

	{"api", "GET /v1/orders/:id", []whose{codes}, "the app shows its customer the number"},
	{"api", "GET /v1/sheets as", []whose{codes}, "the driver's own number"},
	{"page", "GET /sheet as driver", []whose{codes}, "the driver's own number, on the driver's phone"},
	{"api", "GET /v1/customers/:id as", []whose{customers}, "the register's own answer, to who has given a reason"},
	{"api", "GET /v1/customers/:id/export as", []whose{customers, workers}, "likewise, with what the person's account is called"},
	{"api", "GET /v1/me", []whose{workers}, "one's own name"},
	{"api", "GET /v1/fridges/:id/openings", []whose{visitors}, "who opens a door from afar sees for whom it was"},
	{"page", "", []whose{workers}, "colleagues see who did what"},
	{"page", "GET /doors/:id", []whose{visitors}, "who opens a door from afar sees for whom it was"},
}

func mayStand(l leak) bool {
	for _, a := range allowed {
		if a.kind == l.kind && strings.HasPrefix(l.name, a.name) && slices.Contains(a.of, l.of) {
			return true
		}
	}
	return false
}

// collector gives the outputs of a kind.
type collector func(roles []people.Role) []output

func (d *aDay) collectors() map[string]collector {
	return map[string]collector{
		"log": func([]people.Role) []output {
			return append(d.files("log", d.data, "hub.log", "demo.log"), output{"log", "what the demo says", []byte(d.said)})
		},
		"mqtt":     func([]people.Role) []output { return d.tap.packets() },
		"database": func([]people.Role) []output { return d.rows() },
		"display":  func([]people.Role) []output { return d.files("display", filepath.Dir(d.displays), "displays") },
		"page":     func(r []people.Role) []output { return d.answers("page", r) },
		"api":      func(r []people.Role) []output { return d.answers("api", r) },
		"print":    func(r []people.Role) []output { return d.prints(len(r) > 1) },
		"label":    func(r []people.Role) []output { return d.labels(len(r) > 1) },
		"mail": func([]people.Role) []output {
			d.mu.Lock()
			defer d.mu.Unlock()
			return slices.Clone(d.mails)
		},
		"export": func(r []people.Role) []output { return d.exports(len(r) > 1) },
		"webhook": func([]people.Role) []output {
			d.mu.Lock()
			defer d.mu.Unlock()
			return slices.Clone(d.hooks)
		},
		"backup": func([]people.Role) []output { return d.backup() },
	}
}

func (d *aDay) files(kind, dir string, names ...string) (all []output) {
	d.t.Helper()
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(dir, n))
		require.NoError(d.t, err)
		all = append(all, output{kind, n, data})
	}
	return all
}

// rows are all columns of all tables of the hub's database, by table and column.
func (d *aDay) rows() (all []output) {
	d.t.Helper()
	const tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name`
	for _, table := range d.texts(tables) {
		rows, err := d.raw.QueryContext(d.ctx, `SELECT * FROM "`+table+`"`)
		require.NoError(d.t, err)
		columns, err := rows.Columns()
		require.NoError(d.t, err)
		texts := make([][]byte, len(columns))
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			require.NoError(d.t, rows.Scan(into...))
			for i, v := range values {
				switch v := v.(type) {
				case []byte:
					texts[i] = append(append(texts[i], v...), '\n')
				case string:
					texts[i] = append(append(texts[i], v...), '\n')
				case int64:
					texts[i] = fmt.Appendln(texts[i], v)
				}
			}
		}
		require.NoError(d.t, rows.Err())
		for i, c := range columns {
			all = append(all, output{"database", table + "." + c, texts[i]})
		}
	}
	return all
}

// prints are what goes on paper; not whole, only the drivers' sheets.
func (d *aDay) prints(whole bool) (all []output) {
	keep := func(name string, data []byte) { all = append(all, output{"print", name, inflated(data)}) }
	for _, route := range d.texts(`SELECT id FROM routes ORDER BY id`) {
		keep("sheet "+route, d.hub("sheet", "--date", theDate, "--route", route))
	}
	if !whole {
		return all
	}
	for _, shop := range d.texts(`SELECT id FROM shops ORDER BY id`) {
		keep("packing "+shop, d.hub("packing", "--date", theDate, "--shop", shop))
	}
	for _, lang := range []string{"en", "ja"} { // the Japanese one is drawn
		file := filepath.Join(d.t.TempDir(), "report.pdf")
		keep("report", d.hub("report", d.one(`SELECT id FROM dated_containers ORDER BY id LIMIT 1`), "--lang", lang, "--out", file))
		for _, o := range d.files("print", filepath.Dir(file), "report.pdf") {
			keep("report.pdf "+lang, o.data)
		}
	}
	return all
}

// exports are files for other systems, for inspectors and for developers; not whole, only the audit trail.
func (d *aDay) exports(whole bool) (all []output) {
	dir := d.t.TempDir()
	d.hub("audit", "export", filepath.Join(dir, "trail.jsonl"))
	all = d.files("export", dir, "trail.jsonl")
	if !whole {
		return all
	}
	d.hub("staging", filepath.Join(dir, "staging"))
	all = append(all, d.files("export", dir, "staging/hub.db")...)
	all = append(all, output{"export", "ledger", d.hub("ledger", "--all", "--format", "csv")})
	return append(all, output{"export", "outcome of a second import", d.hub("customer", "import", filepath.Join(d.data, "customers.csv"))})
}

// backup is a backup as the text that PostgreSQL makes of it, since it is compressed.
func (d *aDay) backup() []output {
	file := filepath.Join(d.t.TempDir(), "backup")
	d.hub("backup", file)
	text, err := exec.CommandContext(d.ctx, "pg_restore", "--file=-", file).Output()
	require.NoError(d.t, err)
	return []output{{"backup", "backup", text}}
}

const theDate = "2026-12-01"

// answers are what everybody gets who may ask: each GET of the table of rights as each role that has it.
func (d *aDay) answers(kind string, roles []people.Role) (all []output) {
	d.t.Helper()
	places := map[people.Role]string{people.Shop: "shop-aoki", people.Driver: "route-1", people.Customer: d.contacts()[0].id}
	answered, ids := map[string]bool{}, d.ids()
	for _, role := range roles {
		token := d.session(role, places[role])
		for _, right := range people.Rights() {
			path, get := strings.CutPrefix(right.Route, "GET ")
			page := !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/.") && path != "/healthz" && !strings.HasPrefix(path, "/openapi")
			if !get || page != (kind == "page") || !right.Public && !slices.Contains(right.Roles, role) {
				continue
			}
			target := addressOf(path, ids)
			status, body := d.ask(http.MethodGet, target, token, nil)
			require.Less(d.t, status, 500, target)
			answered[right.Route] = answered[right.Route] || status == http.StatusOK
			all = append(all, output{kind, fmt.Sprintf("%s as %s (%d)", right.Route, role, status), inflated(body)})
		}
	}
	if len(roles) > 1 {
		var silent []string
		for _, route := range slices.Sorted(maps.Keys(answered)) {
			if !answered[route] {
				silent = append(silent, route)
			}
		}
		assert.Equal(d.t, unanswered[kind], silent, "routes that have no answer on this day")
	}
	return all
}

// unanswered are routes of which this day has nothing.
var unanswered = map[string][]string{
	"page": {"GET /account/passkey", "GET /devices/:id/commissioning", "GET /login/company", "GET /login/company/back", "GET /rental/items/:id", "GET /rental/orders/:id"},
	"api":  {"GET /v1/devices/:id/commissioning", "GET /v1/rental/items/:id", "GET /v1/rental/orders/:id", "GET /v1/rental/today"},
}

// ids are things of the day, by the beginning of the routes that ask for one.
func (d *aDay) ids() map[string]string {
	d.t.Helper()
	ids := map[string]string{
		"/v1/orders/": d.one(`SELECT id FROM orders WHERE customer_id = $1 AND state = 'picked_up' ORDER BY id LIMIT 1`, d.contacts()[0].id), "/locations/": "yanaka",
		"/v1/customers/": d.contacts()[0].id, "/devices/": "station-yanaka", "/v1/devices/": "station-yanaka",
		"/doors/": d.one(`SELECT id FROM fridges WHERE location_id = 'yanaka' ORDER BY id LIMIT 1`), "/v1/sheets/": "route-1@" + theDate,
		"/v1/containers/": d.one(`SELECT id FROM dated_containers ORDER BY id LIMIT 1`),
		"/alarms/":        d.one(`SELECT coalesce(max(id), 'none') FROM alarms`), "/v1/rental/": "none", "/rental/": "none",
	}
	ids["/orders/"], ids["/v1/fridges/"], ids["/v1/alarms/"], ids["/customers"] = ids["/v1/orders/"], ids["/doors/"], ids["/alarms/"], ids["/v1/customers/"]
	return ids
}

// addressOf is an address that a route matches, of the things of the day.
func addressOf(path string, ids map[string]string) string {
	span := url.Values{"from": {"2026-11-30T00:00:00Z"}, "to": {"2026-12-02T00:00:00Z"}}
	if before, _, ok := strings.Cut(path, ":id"); ok {
		for prefix, id := range ids {
			if strings.HasPrefix(before, prefix) {
				path = strings.Replace(path, ":id", url.PathEscape(id), 1)
			}
		}
	}
	q := url.Values{}
	switch {
	case strings.HasSuffix(path, "/packing"):
		q = url.Values{"date": {theDate}, "shop": {"shop-aoki"}}
	case strings.HasSuffix(path, "/sheets"), strings.HasSuffix(path, "/sheet"):
		q = url.Values{"date": {theDate}, "route": {"route-1"}}
	case path == "/customers":
		q = url.Values{"id": {ids["/customers"]}}
	case strings.Contains(path, "readings"):
		span.Set("sensor", "yanaka-fridge-1/air")
		q = span
	case path == "/v1/exposures", strings.HasSuffix(path, "/completeness"):
		q = span
	case strings.HasSuffix(path, "history"):
		q = url.Values{"date": {theDate}, "location": {"yanaka"}}
	case path == "/v1/events":
		q = url.Values{"device": {"station-yanaka"}}
	case path == "/v1/deliveries", path == "/v1/capacity", path == "/v1/outages", path == "/v1/summary", path == "/":
		q = url.Values{"date": {theDate}}
	}
	return strings.Replace(path, "*", "style.css", 1) + "?" + q.Encode()
}

// acts are what people do with the register and at doors on a day, right and wrong: the errors, too, must name nobody.
func (d *aDay) acts() (all []output) {
	d.t.Helper()
	c, support, reason := d.contacts()[1], d.session(people.Support, ""), "called about an order"
	post := func(method, path string, in any, want int) {
		status, body := d.ask(method, path, support, in)
		require.Equal(d.t, want, status, "%s %s: %s", method, path, body)
		if status >= 400 {
			all = append(all, output{"api", method + " " + path + " refused", body})
		}
	}
	post("POST", "/v1/customers/search", map[string]string{"phone": c.phone, "reason": reason}, 200)
	post("POST", "/v1/customers/search", map[string]string{"email": c.email, "reason": reason}, 200)
	post("POST", "/v1/customers/search", map[string]string{"phone": c.phone, "email": c.email, "reason": reason}, 422)
	post("POST", "/v1/customers", map[string]string{"customer_id": c.id, "name": c.name, "language": "ja"}, 409)
	post("POST", "/v1/customers", map[string]string{"name": c.name, "phone": c.phone + "x", "language": "ja"}, 422)
	post("POST", "/v1/customers", map[string]string{"customer_id": c.email, "name": c.name, "language": "ja"}, 422)
	post("PUT", "/v1/customers/"+c.id, map[string]string{"name": c.name, "phone": c.phone, "email": c.email + " " + c.address, "language": "ja", "reason": reason}, 422)
	post("PUT", "/v1/customers/"+c.id, map[string]string{"name": c.name, "phone": c.phone, "email": c.email, "address": c.address, "language": "ja", "reason": reason}, 204)
	post("POST", "/v1/orders", map[string]any{"order_id": c.phone, "customer_id": c.name}, 400)
	d.openDoor()
	d.hub("token", "staff", "--place", "yanaka", "--name", "Philippa Ravensmere", "--reason", "the lamp is broken")
	return all
}

// openDoor is a dispatcher who opens a door for somebody who stands there and reads out the number on its display. A minute of this day
// is over before a message has gone to the door and back, so that both happen at one time.
func (d *aDay) openDoor() {
	d.t.Helper()
	doors := door.Service{Store: d.store}
	act := door.Act{By: d.one(`SELECT id FROM persons WHERE role = 'dispatcher' ORDER BY id LIMIT 1`), Reason: "the keypad is broken", At: time.UnixMilli(d.heard())}
	o, err := doors.Ask(d.ctx, d.one(`SELECT id FROM fridges WHERE location_id = 'yanaka' ORDER BY id LIMIT 1`), act)
	require.NoError(d.t, err)
	_, err = doors.Confirm(d.ctx, o.ID, d.one(`SELECT number FROM door_openings WHERE id = $1`, o.ID), "Barnaby Hollowbrook", act)
	require.NoError(d.t, err)
}

// plant puts the name of nobody into every kind of output.
func (d *aDay) plant() {
	d.t.Helper()
	_, err := d.raw.ExecContext(d.ctx, `UPDATE locations SET name = $1 WHERE id = 'yanaka'`, leaked)
	require.NoError(d.t, err)
	require.NoError(d.t, d.store.Change(d.ctx, func(tx *store.Tx) error {
		return tx.RecordAct(d.ctx, people.NewAct(time.Now(), people.Console, "leak.plant", "yanaka", leaked))
	}))
	_, err = http.Post(d.hook, "text/plain", strings.NewReader(leaked))
	require.NoError(d.t, err)
	d.plantMail()
	d.words = append(d.words, leaked)
	secure, err := identityOf(d.data, "store-spot-1").TLS("store-spot-1")
	require.NoError(d.t, err)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tls://" + d.tap.listen.Addr().String()).SetClientID("store-spot-1").SetTLSConfig(secure).
		SetProtocolVersion(4).SetAutoReconnect(false))
	token := c.Connect()
	require.True(d.t, token.WaitTimeout(soon))
	require.NoError(d.t, token.Error())
	b, err := protocol.Batch{Log: protocol.Events, First: 1, Records: [][]byte{[]byte(leaked), make([]byte, 500)}}.Pack()
	require.NoError(d.t, err)
	payload, err := protocol.Encode(b)
	require.NoError(d.t, err)
	require.True(d.t, c.Publish(protocol.UpTopic("store-spot-1"), 1, false, payload).WaitTimeout(soon))
	c.Disconnect(0)
}

// plantFiles puts it into files that programs have written, once they have ended: they would write over it.
func (d *aDay) plantFiles() {
	d.t.Helper()
	for _, name := range []string{filepath.Join(d.data, "hub.log"), d.displays} {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(d.t, err)
		_, err = f.WriteString("welcome, " + leaked + "\n")
		require.NoError(d.t, err)
		require.NoError(d.t, f.Close())
	}
	edge, err := bolt.Open(filepath.Join(d.data, "edges", "store-spot-2.db"), 0o600, &bolt.Options{Timeout: time.Second})
	require.NoError(d.t, err)
	require.NoError(d.t, edge.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("leak"))
		if err != nil {
			return err
		}
		return b.Put([]byte("name"), []byte(leaked))
	}))
	require.NoError(d.t, edge.Close())
}

// edges are the agents' files; only once the agents have stopped is all in them.
func (d *aDay) edges() (all []output) {
	d.t.Helper()
	names, err := filepath.Glob(filepath.Join(d.data, "edges", "*.db"))
	require.NoError(d.t, err)
	for _, n := range names {
		all = append(all, d.files("edge file", filepath.Dir(n), filepath.Base(n))...)
	}
	return all
}

// Whoever orders, works or stands at a door has a name in this day, and whatever the programs put out is searched for each of them, and
// for each code that opens a door. Then a name is put into every kind of output, and has to be found there. It is also the day on
// PostgreSQL: one SQL text for both.
func TestADayOnPostgreSQLAddsUpAndNothingItPutsOutNamesAnybody(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	d := playDay(t, ctx, "--speed", "1000", "--seed", "5")
	require.Contains(t, d.said, "sums of hub and world agree")
	d.search()
}

// search searches all that the day has put out, plants a name everywhere, and searches again. It ends the day.
func (d *aDay) search() {
	t := d.t
	began := time.Now()
	outputs := d.acts()
	for _, kind := range slices.Sorted(maps.Keys(d.collectors())) {
		some := d.collectors()[kind](people.Roles())
		require.NotEmpty(t, some, kind)
		outputs = append(outputs, some...)
	}
	all := d.needles()
	d.plant()
	var again []output
	for _, collect := range d.collectors() {
		again = append(again, collect([]people.Role{people.Admin})...)
	}
	d.stop()
	outputs = append(outputs, d.edges()...)
	d.plantFiles()
	again = slices.Concat(again, d.edges(), d.collectors()["log"](nil), d.collectors()["display"](nil))
	d.judge(all, outputs, again)
	t.Logf("%d outputs searched for %d values; all of it took %s", len(outputs)+len(again), all.values, time.Since(began).Round(time.Second))
}

// judge wants nothing in outputs that may not be there, every allowed place used, and what was planted in each kind of again.
func (d *aDay) judge(all *needles, outputs, again []output) {
	t := d.t
	t.Helper()
	sizes, found, kinds := map[string]int{}, map[string]bool{}, map[string]bool{}
	wrong := map[leak]bool{}
	used := make([]bool, len(allowed))
	for _, o := range outputs {
		kinds[o.kind] = true
		sizes[o.kind] += len(o.data)
		for _, l := range all.find(o) {
			for i, a := range allowed {
				used[i] = used[i] || a.kind == l.kind && strings.HasPrefix(l.name, a.name) && slices.Contains(a.of, l.of)
			}
			if !mayStand(l) {
				wrong[l] = true
			}
		}
	}
	for l := range wrong {
		t.Errorf("%s", l)
	}
	for i, a := range allowed {
		if !used[i] {
			t.Errorf("%s %s may have %v, and never has: take it out of the list", a.kind, a.name, a.of)
		}
	}
	for _, o := range again {
		for _, l := range all.find(o) {
			found[l.kind] = found[l.kind] || l.of == planted
		}
	}
	for kind := range kinds {
		require.True(t, found[kind], "%s: a name that was put there is not found", kind)
	}
	t.Logf("bytes searched, by kind: %v", sizes)
}
