package web_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

// theirs is what a request of a route names of another business: the thing of its path, then its query with what the header Reason says behind #, and for acts the body, as JSON or
// as a form. A route that acts, or has a thing in its path, and stands neither here nor in ownAffairs fails the test.
var theirs = map[string]struct{ id, query, body string }{
	"POST /v1/orders":                     {body: `{"order_id":"o-b","delivery_date":"2026-12-01","location_id":"loc-001","customer_id":"m","lines":[{"product_id":"prod-001","quantity":1}]}`},
	"GET /v1/orders/:id":                  {id: "order-0001"},
	"POST /v1/orders/:id/confirm":         {id: "order-0001"},
	"POST /v1/orders/:id/cancel":          {id: "order-0001", body: `{}`},
	"PUT /v1/orders/:id/lines":            {id: "order-0001", body: `{"lines":[{"product_id":"prod-001","quantity":1}]}`},
	"POST /v1/orders/:id/refunds":         {id: "order-0001", body: `{"refund_id":"r-9"}`},
	"POST /v1/orders/:id/risk":            {id: "order-0001", body: `{"reason":"r"}`},
	"GET /v1/deliveries":                  {query: "date=2026-12-01"},
	"GET /v1/capacity":                    {query: "date=2026-12-01"},
	"GET /v1/packing":                     {query: "date=2026-12-01&shop=shop-1"},
	"GET /v1/sheets":                      {query: "date=2026-12-01&route=route-01"},
	"GET /v1/outages":                     {query: "date=2026-12-01"},
	"POST /v1/outages":                    {body: `{"delivery_date":"2026-12-01","kind":"location","id":"loc-001","reason":"r","apply":true}`},
	"DELETE /v1/outages":                  {query: "date=2026-12-01&kind=location&id=loc-001#r"},
	"POST /v1/calloffs":                   {body: `{"delivery_date":"2026-12-01","location_id":"loc-001","reason":"r","apply":true}`},
	"PUT /v1/products/:id/limit":          {id: "prod-001", body: `{"delivery_date":"2026-12-01","limit":1,"reason":"r","apply":true}`},
	"POST /v1/exceptions":                 {body: `{"kind":"keep_back","container_id":"CONTAINER","reason":"r","apply":true}`},
	"GET /v1/sheets/:id/versions":         {id: "route-01@2026-12-01"},
	"POST /v1/sheets/:id/confirm":         {id: "route-01@2026-12-01", body: `{"version":1}`},
	"GET /v1/history":                     {query: "date=2026-12-01&location=loc-001"},
	"GET /v1/devices/:id":                 {id: "station-loc-001"},
	"GET /v1/devices/:id/completeness":    {id: "station-loc-001", query: "from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z"},
	"POST /v1/devices/:id/commands":       {id: "station-loc-001", body: `{"kind":"identify"}`},
	"GET /v1/devices/:id/commissioning":   {id: "station-new"},
	"POST /v1/devices/:id/commissioning":  {id: "station-new", body: `{"do":"begin","step":"probe","fridge_id":"loc-003-fridge-1"}`},
	"POST /v1/devices/:id/stolen":         {id: "station-loc-001", body: `{"reason":"r"}`},
	"GET /v1/fridges/:id/openings":        {id: "loc-001-fridge-1"},
	"POST /v1/fridges/:id/openings":       {id: "loc-001-fridge-1", body: `{"reason":"r"}`},
	"POST /v1/openings/:id/confirm":       {id: "opening-1", body: `{"number":"1","at_door":"a"}`},
	"GET /v1/readings":                    {query: "sensor=loc-001-fridge-1/air&from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z"},
	"GET /v1/readings/chart":              {query: "sensor=loc-001-fridge-1/air&from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z"},
	"GET /v1/readings/csv":                {query: "sensor=loc-001-fridge-1/air&from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z"},
	"GET /v1/containers/:id/report":       {id: "CONTAINER"},
	"GET /v1/containers/:id/coldchain":    {id: "CONTAINER"},
	"GET /v1/events":                      {query: "device=station-loc-001"},
	"GET /v1/alarms/:id":                  {id: "alarm-1"},
	"POST /v1/alarms/:id/acknowledge":     {id: "alarm-1", body: `{"revision":1}`},
	"POST /v1/alarms/:id/confirm":         {id: "alarm-1", body: `{"revision":1}`},
	"POST /v1/alarms/:id/shelve":          {id: "alarm-1", body: `{"minutes":10,"reason":"r"}`},
	"POST /v1/alarms/:id/unshelve":        {id: "alarm-1"},
	"POST /v1/alarms/:id/reset":           {id: "alarm-1"},
	"POST /v1/maintenance":                {body: `{"position":"loc-001-fridge-1","reason":"r","minutes":10}`},
	"DELETE /v1/maintenance":              {query: "position=loc-001-fridge-1"},
	"POST /v1/work-items/:id/close":       {id: "WORK"},
	"POST /v1/customers":                  {body: `{"customer_id":"member-0001","name":"N"}`},
	"POST /v1/customers/search":           {body: `{"phone":"+819012345678","reason":"r"}`},
	"GET /v1/customers/:id":               {id: "member-0001", query: "#r"},
	"PUT /v1/customers/:id":               {id: "member-0001", body: `{"name":"N","reason":"r"}`},
	"GET /v1/customers/:id/looks":         {id: "member-0001"},
	"GET /v1/customers/:id/export":        {id: "member-0001", query: "#r"},
	"POST /v1/customers/:id/erasure":      {id: "member-0001", body: `{"ordered_by":"person","reason":"r"}`},
	"GET /v1/exposures":                   {query: "from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z"},
	"GET /v1/rental/items/:id":            {id: apitest.Dress},
	"GET /v1/rental/today":                {query: "until=2026-12-09"},
	"GET /v1/rental/orders/:id":           {id: "r-2"},
	"POST /v1/rental/orders":              {body: `{"order_id":"r-b","customer_id":"m","warehouse_id":"w-1","ship_date":"2026-12-09","lines":[{"gtin":"9520001000010"}]}`},
	"POST /v1/rental/orders/:id/allocate": {id: "r-2", body: `{}`},
	"POST /v1/rental/orders/:id/release":  {id: "r-2", body: `{"item_id":"` + apitest.Coat + `","reason":"r"}`},
	"POST /v1/rental/orders/:id/deliver":  {id: "r-2"},
	"POST /v1/rental/bags/:id/carrier":    {id: "095200010000000017", body: `{"event":"delivered"}`},
	"POST /v1/rental/orders/:id/end":      {id: "r-2", body: `{"do":"cancel","reason":"r"}`},
	"POST /v1/rental/items/:id/end":       {id: apitest.Coat, body: `{"do":"retire","reason":"r"}`},
	"POST /v1/rental/batches":             {body: `{"do":"close","batch_id":"b-7"}`},
	"POST /v1/rental/repairs":             {body: `{"do":"open","repair_id":"p-9","item_id":"` + apitest.Dress + `","what":"button"}`},
	"POST /v1/quality/holds":              {body: `{"scope":"location","id":"loc-001","reason":"r"}`},
	"POST /v1/quality/decisions":          {body: `{"scope":"location","id":"loc-001","decision":"released","reason":"r"}`},
	"POST /v1/probings":                   {body: `{"position":"loc-001-fridge-1","milli_c":4000}`},
	"GET /v1/summary":                     {query: "date=2026-12-01"},
	"GET /locations/:id":                  {id: "loc-001"},
	"GET /locations/:id/live":             {id: "loc-001"},
	"GET /locations/:id/chart.json":       {id: "loc-001"},
	"GET /readings":                       {query: "sensor=loc-001-fridge-1/air"},
	"GET /devices/:id":                    {id: "station-loc-001"},
	"GET /devices/:id/commissioning":      {id: "station-new"},
	"POST /devices/:id/commissioning":     {id: "station-new", body: "do=begin&step=probe&fridge=loc-003-fridge-1"},
	"POST /devices/:id/stolen":            {id: "station-loc-001", body: "reason=r"},
	"GET /packing":                        {query: "shop=shop-1"},
	"GET /sheet":                          {query: "route=route-01"},
	"POST /sheet/:id/confirm":             {id: "route-01@2026-12-01", body: "version=1"},
	"GET /orders/:id":                     {id: "order-0001"},
	"GET /audit":                          {query: "of=order-0001&from=2020-01-01T00:00"},
	"POST /orders/:id/risk":               {id: "order-0001", body: "reason=r"},
	"GET /doors/:id":                      {id: "loc-001-fridge-1"},
	"POST /doors/:id":                     {id: "loc-001-fridge-1", body: "do=ask&reason=r"},
	"POST /outages":                       {body: "date=2026-12-01&kind=location&id=loc-001&do=end&apply=yes&reason=r"},
	"GET /exceptions":                     {query: "container=CONTAINER"},
	"POST /exceptions":                    {body: "do=keep_back&container=CONTAINER&reason=r&apply=1"},
	"GET /history":                        {query: "location=loc-001&date=2026-12-01"},
	"POST /quality":                       {body: "do=held&scope=location&id=loc-001&reason=r"},
	"POST /work-items/:id/close":          {id: "WORK"},
	"POST /check/:id/repair":              {id: "finding-1", body: "repair=x"},
	"GET /alarms/:id":                     {id: "alarm-1"},
	"POST /alarms/:id/acknowledge":        {id: "alarm-1", body: "revision=1"},
	"POST /alarms/:id/confirm":            {id: "alarm-1", body: "revision=1"},
	"POST /alarms/:id/shelve":             {id: "alarm-1", body: "minutes=10&reason=r"},
	"POST /alarms/:id/unshelve":           {id: "alarm-1"},
	"POST /alarms/:id/reset":              {id: "alarm-1"},
	"POST /maintenance":                   {body: "do=begin&position=loc-001-fridge-1&reason=r&hours=1"},
	"POST /people/:id/link":               {id: "PERSON"},
	"POST /people/:id/remove":             {id: "PERSON"},
	"POST /people/:id/role":               {id: "PERSON", body: "role=support"},
	"POST /people/:id/reset":              {id: "PERSON"},
	"POST /people/colleagues":             {body: "colleague=PERSON&role=support"},
	"POST /people":                        {body: "name=N&role=shop&place=shop-1"},
	"GET /customers":                      {query: "id=member-0001"},
	"POST /customers":                     {body: "id=member-0001&reason=r"},
	"GET /rental/orders/:id":              {id: "r-2"},
	"POST /rental/orders/:id":             {id: "r-2", body: "do=cancel&reason=r"},
	"GET /rental/items/:id":               {id: apitest.Dress},
	"POST /rental/items/:id":              {id: apitest.Coat, body: "do=retire&reason=r"},
	"POST /rental/cleaning":               {body: "do=close&id=b-7"},
	"POST /rental/repairs":                {body: "do=open&id=p-9&item=" + url.QueryEscape(apitest.Dress) + "&what=button"},
}

// ownAffairs are what somebody does with their own account, which belongs to no business.
var ownAffairs = []string{"POST /v1/logout", "POST /logout", "/v1/me", "/account", "/businesses"}

// fixtureTexts are what the things of the fixture are called.
var fixtureTexts = regexp.MustCompile(`loc-00\d|shop-[1-4]\b|prod-00\d|route-0\d|vehicle-0\d|spot-\d|order-00\d\d|member-\d|scanner-\d|driver-\d|alarm-\d|` +
	`\bw-1\b|\br-[12]\b|\bb-7\b|9520|station-new|depot-1|ステーション|Harbour Gate|Butcher|Dairy|Bakery|kabocha|salmon|Wrap dress|Wool coat|Koto|Test of theirs|op-[12]\b`)

// placeholder shows people the form of an id.
var placeholder = regexp.MustCompile(`placeholder="[^"]*"`)

// twoBusinesses gives the fixture to one business, and somebody of the other who has no thing of their own.
func twoBusinesses(t *testing.T, database, owner string) (h *apitest.Hub, visitor func(people.Role) string) {
	t.Helper()
	h = openAt(t, database)
	h.Day(t)
	h.Warehouse(t)
	h.Replace(t, "station-loc-003", "station-new")
	ctx := t.Context()
	require.NoError(t, h.People.AddBusiness(ctx, people.Console, people.Business{ID: "second", Name: "Second"}, h.RealNow()))
	other := map[string]string{people.MainBusiness: "second", "second": people.MainBusiness}[owner]
	_, _, err := h.People.Add(people.InBusiness(ctx, owner), people.Console, people.Person{Name: "Test of theirs", Role: people.Support}, h.RealNow())
	require.NoError(t, err)
	raw := rawOf(t, database)
	giveAll(t, raw, owner)
	for _, sql := range []string{
		`INSERT INTO commands (id, device_id, counter, kind, target, plan_at_least, deadline, asked_by, asked_at, outcome, reason)
			VALUES ('command-1', 'station-loc-001', 1, 1, 'loc-001-fridge-1', 0, 0, 'p', 0, 'done', '')`,
		`INSERT INTO door_openings (id, fridge_id, device_id, reason, asked_by, asked_at, until, number, state, show_command)
			VALUES ('opening-1', 'loc-001-fridge-1', 'station-loc-001', 'r', 'p', 0, 4102444800000, '1', 'asked', 'command-1')`,
		`INSERT INTO findings (id, kind, severity, delivery_date, subject, detail, first_seen, last_seen)
			VALUES ('finding-1', 'k', 1, '2026-12-01', 'order-0001', '{}', 0, 0)`,
		`INSERT INTO contacts (id, kind, sealed, revision, entered_at, changed_at, business_id) VALUES ('member-0001', 'customer', 'x', 1, 0, 0, '` + owner + `')`,
	} {
		_, err := raw.Exec(sql)
		require.NoError(t, err)
	}
	return h, func(role people.Role) string {
		place := map[people.Role]string{people.Shop: "own", people.Driver: "own", people.Customer: "member-own"}[role]
		p := people.Person{ID: people.NewID("p"), Name: "Visitor", Role: role, Place: place, Added: h.RealNow(), AddedBy: "t", Business: other}
		require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error { return tx.AddPerson(ctx, p) }))
		code, err := h.People.LinkWhole(ctx, p.ID, h.RealNow())
		require.NoError(t, err)
		in, err := h.People.Login(ctx, code, people.From{}, h.RealNow())
		require.NoError(t, err)
		return in.Token
	}
}

// giveAll gives all that there is to a business.
func giveAll(t *testing.T, raw *sql.DB, business string) {
	t.Helper()
	for _, table := range []string{"collection_spots", "depots", "locations", "shops", "routes", "shippers", "warehouses", "contacts", "clients"} {
		_, err := raw.Exec("UPDATE "+table+" SET business_id = $1", business)
		require.NoError(t, err)
	}
}

// Who has one business notices nothing of others: what they see is what they would on a hub of their own.
func TestWhatAPersonSeesIsTheSameBesideOtherBusinesses(t *testing.T) {
	database := storetest.SQLite(t)
	h := openAt(t, database)
	h.Day(t)
	h.Warehouse(t)
	h.Replace(t, "station-loc-003", "station-new")
	raw := rawOf(t, database)
	named := strings.NewReplacer("CONTAINER", one(t, raw, "SELECT MIN(id) FROM dated_containers"))
	token := h.Token(t, people.Admin)
	see := func() map[string]string {
		seen := map[string]string{}
		for _, right := range people.Rights() {
			method, path, _ := strings.Cut(right.Route, " ")
			if right.Public || method != "GET" || !slices.Contains(right.Roles, people.Admin) || strings.HasSuffix(path, "/live") ||
				path == "/businesses" || strings.HasSuffix(path, "/report") { // a PDF with the time in it
				continue
			}
			names := theirs[right.Route]
			path = strings.ReplaceAll(path, ":id", url.PathEscape(named.Replace(names.id)))
			if names.query != "" {
				path += "?" + named.Replace(names.query)
			}
			w := asVisitor(t, h, method, path, token, "")
			seen[right.Route] = moving.ReplaceAllString(fmt.Sprint(w.Code, " ", w.Body.String()), "")
		}
		return seen
	}
	alone := see()
	require.NoError(t, h.People.AddBusiness(t.Context(), people.Console, people.Business{ID: "second", Name: "Second"}, h.RealNow()))
	same := func(now map[string]string, except ...string) {
		t.Helper()
		for route, want := range alone {
			if !slices.Contains(except, route) {
				assert.Equal(t, want, now[route], route)
			}
		}
	}
	same(see())
	giveAll(t, raw, "second")
	for _, table := range []string{"persons", "sessions"} {
		_, err := raw.Exec("UPDATE " + table + " SET business_id = 'second'")
		require.NoError(t, err)
	}
	h.Later(2 * time.Second) // what is remembered of sessions
	same(see())
}

// moving is what changes from look to look.
var moving = regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d+)?|"mean_wait_ms":\d+|\bx[12]?="[0-9.]+%"|"(from|until)":\d+|(?s:<svg class="spark".*?</svg>)`)

func rawOf(t *testing.T, database string) *sql.DB {
	t.Helper()
	driver, source := "sqlite", strings.TrimPrefix(database, "sqlite:")
	if strings.HasPrefix(database, "postgres") {
		driver, source = "pgx", database
	}
	raw, err := sql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	return raw
}

// The same list of routes as the matrix of rights: whoever is in one business names what belongs to another, on every route and with every
// role that may use it. It is refused or not there, nothing of it is shown, and nothing is changed.
func TestNoRouteLeadsIntoAnotherBusiness(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		owners := []string{people.MainBusiness, "second"}
		if strings.HasSuffix(t.Name(), "/postgres") { // half a minute for each on a busy machine
			owners = owners[:1]
		}
		for _, owner := range owners {
			t.Run("of "+owner, func(t *testing.T) { noWayInto(t, empty(), owner) })
		}
	})
}

// blanks finds where a body names something.
var blanks = regexp.MustCompile(`("(?:[a-z]+_)?id":"|"position":"|\b(?:id|position|container|order|slot|item|fridge|location)=)`)

func noWayInto(t *testing.T, database, owner string) {
	h, visitor := twoBusinesses(t, database, owner)
	raw := rawOf(t, database)
	named := strings.NewReplacer("CONTAINER", one(t, raw, "SELECT MIN(id) FROM dated_containers"), "WORK", one(t, raw, "SELECT MIN(id) FROM work_items"),
		"PERSON", one(t, raw, "SELECT id FROM persons WHERE role = 'support'"))
	tokens := map[people.Role]string{}
	for _, role := range people.Roles() {
		tokens[role] = visitor(role)
	}
	before := digest(t, raw)
	for _, right := range people.Rights() {
		if right.Public || slices.ContainsFunc(ownAffairs, func(own string) bool { return strings.Contains(right.Route, own) }) {
			continue
		}
		names, known := theirs[right.Route]
		spaced := names
		spaced.id, spaced.body = " "+names.id, blanks.ReplaceAllString(names.body, "$1 ")
		require.True(t, known || !right.Act && !strings.Contains(right.Route, ":id"), "%s: say in theirs what of another business it could name", right.Route)
		method, path, _ := strings.Cut(right.Route, " ")
		path = strings.ReplaceAll(path, ":id", url.PathEscape(named.Replace(names.id)))
		if names.query != "" {
			path += "?" + named.Replace(names.query)
		}
		roles := right.Roles
		if owner != people.MainBusiness || strings.HasSuffix(right.Route, "/live") { // the other way round one of them is enough
			roles = roles[:1]
		}
		for _, role := range roles {
			w := asVisitor(t, h, method, path, tokens[role], named.Replace(names.body))
			where := fmt.Sprintf("%s %s as %s: %d", method, path, role, w.Code)
			assert.Less(t, w.Code, 500, "%s %s", where, w.Body)
			if names.id != "" {
				assert.Contains(t, []int{http.StatusNotFound, http.StatusForbidden}, w.Code, where)
			}
			if right.Act {
				assert.GreaterOrEqual(t, w.Code, 300, where)
			}
			shown := placeholder.ReplaceAllString(w.Body.String(), "")
			for _, said := range []string{path, names.body, named.Replace(names.query), names.id} { // what it said itself may come back
				for _, word := range fixtureTexts.FindAllString(said, -1) {
					shown = strings.ReplaceAll(shown, word, "")
				}
			}
			assert.Empty(t, fixtureTexts.FindString(shown), "%s shows it: %.400s", where, shown)
			if right.Act && spaced != names { // blanks around a name are no way in
				path := method + " " + path
				if names.id != "" {
					path = strings.Replace(path, url.PathEscape(named.Replace(names.id)), url.PathEscape(named.Replace(spaced.id)), 1)
				}
				w := asVisitor(t, h, method, strings.TrimPrefix(path, method+" "), tokens[role], named.Replace(spaced.body))
				assert.Less(t, w.Code, 500, "%s with blanks: %s", where, w.Body)
			}
		}
		if !right.Act {
			continue
		}
		now := digest(t, raw)
		assert.True(t, before == now, "%s changed something", right.Route)
		before = now
	}
}

func one(t *testing.T, raw *sql.DB, query string) (text string) {
	t.Helper()
	require.NoError(t, raw.QueryRow(query).Scan(&text))
	return text
}

func asVisitor(t *testing.T, h *apitest.Hub, method, path, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	path, reason, _ := strings.Cut(path, "#")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if reason != "" {
		r.Header.Set("Reason", reason)
	}
	switch {
	case strings.HasPrefix(path, "/v1/"):
		r.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			require.True(t, json.Valid([]byte(body)), body)
			r.Header.Set("Content-Type", "application/json")
		}
		return h.Serve(r)
	case strings.HasSuffix(path, "/live"): // what it begins with is enough
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r.AddCookie(&http.Cookie{Name: "meguri_session", Value: token})
		w := httptest.NewRecorder()
		h.Echo.ServeHTTP(begun{w, cancel}, r.WithContext(ctx))
		return w
	case method == "POST":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return ask(h, r, token)
}

// begun is an answer that its reader leaves as soon as it has begun.
type begun struct {
	*httptest.ResponseRecorder
	leave func()
}

func (b begun) Write(text []byte) (int, error) {
	defer b.leave()
	return b.ResponseRecorder.Write(text)
}

// digest is what there is in the tables that requests of the test could change, in an order that is not that of the engine.
func digest(t *testing.T, raw *sql.DB) string {
	t.Helper()
	var all []string
	for _, table := range []string{"orders", "order_lines", "order_items", "dated_containers", "out_of_service", "product_limits", "do_not_load",
		"quality_holds", "probings", "alarms", "maintenance", "work_items", "commands", "door_openings", "commissioning_checks", "devices",
		"rental_items", "rental_orders", "cleaning_batches", "repair_orders", "contacts", "looks", "erasures", "findings", "refunds",
		"sheet_confirmations", "run_stops", "grants", "delivery_dates", "person_roles"} {
		rows, err := raw.Query("SELECT * FROM " + table)
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = &sql.NullString{}
			}
			require.NoError(t, rows.Scan(cells...))
			row := table
			for _, c := range cells {
				row += "|" + c.(*sql.NullString).String
			}
			all = append(all, row)
		}
		require.NoError(t, rows.Err())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// field is one field of a JSON object, as it stands there.
func field(t *testing.T, body []byte, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &all))
	return string(all[name])
}
