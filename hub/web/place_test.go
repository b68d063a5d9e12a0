package web_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/storetest"
)

// otherDress is a piece of the second warehouse, of a model that the first one has, too.
const otherDress = "(01)09520001000010(21)K1"

// ofWarehouse is what a request names of the first warehouse, on routes that name other things in theirs.
var ofWarehouse = map[string]struct{ id, query, body string }{
	"GET /v1/devices/:id":              {id: "scanner-w-1"},
	"GET /v1/devices/:id/completeness": {id: "scanner-w-1", query: "from=2026-12-01T00:00:00Z&to=2026-12-01T09:00:00Z"},
	"GET /v1/events":                   {query: "device=scanner-w-1"},
	"GET /v1/alarms/:id":               {id: "alarm-w"},
	"POST /v1/work-items/:id/close":    {id: "work-w"},
	"GET /devices/:id":                 {id: "scanner-w-1"},
	"GET /alarms/:id":                  {id: "alarm-w"},
	"POST /work-items/:id/close":       {id: "work-w"},
}

// warehouseTexts are what the things of the first warehouse are called.
var warehouseTexts = regexp.MustCompile(`\bw-1\b|\br-[12]\b|\b[bf]-7\b|\bop-[12]\b|\bA-[12]\b|scanner-w-1|alarm-w\b|work-w\b|Koto|Shiro Laundry|095200010000000017|` +
	strings.Join([]string{regexp.QuoteMeta(apitest.Dress), regexp.QuoteMeta(apitest.Coat), regexp.QuoteMeta(apitest.Shirt), regexp.QuoteMeta(apitest.Torn)}, "|"))

// twoWarehouses has the fixture's warehouse beside another one in a business, and gives the tokens of who leads the first, the second, and all.
func twoWarehouses(t *testing.T, database, business string) (h *apitest.Hub, raw *sql.DB, first, second, both string) {
	t.Helper()
	h = openAt(t, database)
	h.Day(t)
	h.Warehouse(t)
	ctx := t.Context()
	k := &rental.Keeper{}
	done, err := k.Import(ctx, h.Store, bulk.ReadRental(fstest.MapFS{
		bulk.WarehousesFile:   {Data: []byte("id,gln,name\nw-2,9520001000065,Shiba\n")},
		bulk.ShelvesFile:      {Data: []byte("id,warehouse_id,walk\nB-1,w-2,1\n")},
		bulk.GarmentsFile:     {Data: []byte("gtin,name,size,colour\n9520001000010,Wrap dress,M,navy\n")},
		bulk.RentalItemsFile:  {Data: []byte("item,warehouse_id,shelf_id,grade\n" + otherDress + ",w-2,B-1,A\n")},
		bulk.OperatorsFile:    {Data: []byte("badge,warehouse_id,pin\nop-9,w-2,\n")},
		bulk.RentalOrdersFile: {Data: []byte("order_id,customer_id,warehouse_id,ship_date,gtin\nr-9,member-9,w-2,2026-11-28,9520001000010\n")},
	}), "p-test", h.Clock.Now())
	require.NoError(t, err)
	require.Zero(t, done.Refuse)
	raw = rawOf(t, database)
	for _, sql := range []string{
		`INSERT INTO devices (id, role, place, added_by, added_at) VALUES ('scanner-w-1', 'scanner', 'w-1', 't', 0)`,
		`INSERT INTO work_items (id, kind, subject, detail, opened_at, closed_by) VALUES ('work-w', 'k', 'r-2', 'look at ` + apitest.Coat + `', 0, '')`,
		`INSERT INTO alarms (id, kind, subject, detail, raised_at) VALUES ('alarm-w', 'k', 'scanner-w-1', 'd', 0)`,
	} {
		_, err := raw.Exec(sql)
		require.NoError(t, err, sql)
	}
	if business != people.MainBusiness {
		require.NoError(t, h.People.AddBusiness(ctx, people.Console, people.Business{ID: business, Name: "Second"}, h.RealNow()))
		giveAll(t, raw, business)
	}
	lead := func(place string) string {
		_, code, err := h.People.AddWhole(people.InBusiness(ctx, business), people.Person{Name: "Lead", Role: people.Warehouse, Place: place}, h.RealNow())
		require.NoError(t, err)
		in, err := h.People.Login(ctx, code, people.From{}, h.RealNow())
		require.NoError(t, err)
		return in.Token
	}
	return h, raw, lead("w-1"), lead("w-2"), lead("")
}

// Who leads one warehouse names what another one has, on every route that they may use: it is not there, nothing of it is shown, and nothing
// is changed. Who leads it, or all, gets it.
func TestNoRouteLeadsIntoAnotherWarehouse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) { noWayIntoWarehouse(t, empty(), people.MainBusiness) })
	t.Run("of the second business", func(t *testing.T) { noWayIntoWarehouse(t, storetest.SQLite(t), "second") })
}

func noWayIntoWarehouse(t *testing.T, database, business string) {
	h, raw, first, second, both := twoWarehouses(t, database, business)
	named := strings.NewReplacer("CONTAINER", one(t, raw, "SELECT MIN(id) FROM dated_containers"), "WORK", one(t, raw, "SELECT MIN(id) FROM work_items"))
	before := digest(t, raw)
	for _, right := range people.Rights() {
		method, path, _ := strings.Cut(right.Route, " ")
		if right.Public || !slices.Contains(right.Roles, people.Warehouse) || strings.HasSuffix(path, "/live") || strings.HasSuffix(path, "/report") ||
			slices.ContainsFunc(ownAffairs, func(own string) bool { return strings.Contains(right.Route, own) }) {
			continue
		}
		names, is := ofWarehouse[right.Route]
		if !is {
			names = theirs[right.Route]
		}
		is = is || strings.Contains(path, "/rental")
		if !is && strings.HasPrefix(database, "postgres") { // where each new statement is planned for long, what is no warehouse's is not asked again
			continue
		}
		path = strings.ReplaceAll(path, ":id", url.PathEscape(named.Replace(names.id)))
		queries := []string{named.Replace(names.query)}
		if slices.Contains([]string{"/v1/rental/stages", "/v1/rental/today", "/rental"}, path) {
			queries = append(queries, names.query+"&warehouse=w-1")
		}
		for _, query := range queries {
			w := asVisitor(t, h, method, path+"?"+query, second, named.Replace(names.body))
			where := fmt.Sprintf("%s %s?%s: %d", method, path, query, w.Code)
			assert.Less(t, w.Code, 500, "%s %s", where, w.Body)
			if is && (names.id != "" || names.body != "" || warehouseTexts.MatchString(query)) {
				assert.Equal(t, http.StatusNotFound, w.Code, where)
			}
			shown := placeholder.ReplaceAllString(w.Body.String(), "")
			for _, said := range []string{path, names.body, query, names.id} { // what it said itself may come back
				for _, word := range warehouseTexts.FindAllString(said, -1) {
					shown = strings.ReplaceAll(shown, word, "")
				}
			}
			assert.Empty(t, warehouseTexts.FindString(shown), "%s shows it: %.400s", where, shown)
			if method == "GET" {
				for _, token := range []string{first, both} {
					assert.Equal(t, http.StatusOK, asVisitor(t, h, method, path+"?"+query, token, "").Code, where)
				}
			}
		}
		if right.Act && is {
			now := digest(t, raw)
			assert.True(t, before == now, "%s changed something", right.Route)
		}
		before = digest(t, raw)
	}
	w := asVisitor(t, h, "POST", "/v1/rental/orders/r-2/release", first, `{"item_id":"`+apitest.Coat+`","reason":"torn"}`)
	assert.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
}

// What is theirs they see and change, and the models of which they have pieces.
func TestAWarehousesLeadWorksInTheirOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for _, business := range []string{people.MainBusiness, "second"} {
			h, _, _, second, _ := twoWarehouses(t, empty(), business)
			orders := asVisitor(t, h, "GET", "/v1/rental/orders", second, "").Body.String()
			require.Contains(t, orders, `"r-9"`)
			require.NotContains(t, orders, `"r-2"`)
			w := asVisitor(t, h, "POST", "/v1/rental/orders/r-9/allocate", second, `{}`)
			require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
			require.Contains(t, w.Body.String(), `"item_id":"`+otherDress+`"`)
			page := asVisitor(t, h, "GET", "/rental/items/"+url.PathEscape(otherDress), second, "")
			require.Equal(t, http.StatusOK, page.Code)
			require.Contains(t, page.Body.String(), "Wrap dress", "the other warehouse has pieces of it, too")
			require.Contains(t, asVisitor(t, h, "GET", "/rental", second, "").Body.String(), "r-9")
			require.Equal(t, http.StatusOK, asVisitor(t, h, "GET", "/locations/loc-001", second, "").Code, "what is no warehouse's is as it was")
		}
	})
}

// What was just made for the page of one is not shown to the other.
func TestLiveUpdatesAreOfTheLeadsOwnWarehouse(t *testing.T) {
	h, _, first, second, both := twoWarehouses(t, storetest.SQLite(t), people.MainBusiness)
	address := serve(t, h)
	for _, c := range []struct {
		token string
		sees  bool
	}{{both, true}, {second, false}, {first, true}} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", address+"/live", nil)
		require.NoError(t, err)
		r.AddCookie(&http.Cookie{Name: "meguri_session", Value: c.token})
		w, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, w.StatusCode)
		var event strings.Builder // the first one is the whole part as it is now
		for lines := bufio.NewScanner(w.Body); lines.Scan() && (lines.Text() != "" || event.Len() == 0); {
			event.WriteString(lines.Text())
		}
		require.NoError(t, w.Body.Close())
		require.Greater(t, event.Len(), 1000)
		require.Equal(t, c.sees, strings.Contains(event.String(), "scanner-w-1"))
	}
}

// A place that is no warehouse, as rows of before there was a rule may have, shows none.
func TestALeadOfAWarehouseThatIsNotThereSeesNone(t *testing.T) {
	h, raw, first, _, _ := twoWarehouses(t, storetest.SQLite(t), people.MainBusiness)
	for _, place := range []string{"the big hall", "w-1' OR '1' = '1"} {
		_, err := raw.Exec("UPDATE persons SET place = $1 WHERE place LIKE '%1%' OR place LIKE '%hall%'", place)
		require.NoError(t, err)
		h.Later(2 * time.Second) // what is remembered of sessions
		w := asVisitor(t, h, "GET", "/v1/rental/orders", first, "")
		require.Equal(t, http.StatusOK, w.Code)
		require.NotRegexp(t, `r-\d`, w.Body.String())
	}
}
