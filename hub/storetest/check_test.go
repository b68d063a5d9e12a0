package storetest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/check"
	"meguri/hub/order"
	"meguri/hub/store"
)

// The clean day that is corrupted below. At loc-1 in route-1: C-…-0001 (shop-b, cold) with o-1, C-…-0002 (shop-a, cold) with o-1
// and o-3, C-…-0003 (shop-a, dry) with o-1. At loc-2 in route-2: C-…-0004 (shop-a, cold) with o-2. Of slots, shippers and
// addresses there are some more, so that a repair finds something.
var roomier = []string{
	bulk.SlotsFile, "loc-2-f1-s1,", "loc-1-f1-s3,loc-1-f1,1000\nloc-1-f1-s4,loc-1-f1,1000\nloc-1-f1-s5,loc-1-f1,1000\nloc-1-f2-s2,loc-1-f2,1000\nloc-2-f1-s1,",
	bulk.AddressesFile, "spot-2-1,spot-2,spot-2-f1", "spot-1-4,spot-1,spot-1-f1\nspot-1-5,spot-1,spot-1-f1\nspot-2-1,spot-2,spot-2-f1\nspot-2-2,spot-2,spot-2-f1",
	bulk.ShippersFile, "cold,2,", "cold,3,",
	bulk.ShippersFile, "box-2-cold,vehicle-2,cold,1,09520001000034", "box-1-more,vehicle-1,cold,2,09520001000041\nbox-2-cold,vehicle-2,cold,2,09520001000034",
	bulk.FridgesFile, "loc-2-f1,loc-2", "loc-1-f3,loc-1,freezer,-25,-15\nloc-2-f1,loc-2",
	bulk.SlotsFile, "loc-2-f1-s1,", "loc-1-f3-s1,loc-1-f3,1000\nloc-2-f1-s1,",
}

const (
	coldB = "C-20261201-0001"
	coldA = "C-20261201-0002"
	dryA  = "C-20261201-0003"
	there = "C-20261201-0004"
	run1  = "route-1@2026-12-01"
	run2  = "route-2@2026-12-01"
)

// cleanDay is a database with the day, without a fault, after replacing more in its files.
func cleanDay(t *testing.T, empty func() string, more ...string) (*store.Store, string) {
	s, url := fresh(t, empty, append(slices.Clone(roomier), more...)...)
	service := order.NewService(s.Orders())
	elsewhere := request("o-2", "a-cold", 1)
	elsewhere.LocationID = "loc-2"
	for _, r := range []order.Request{request("o-1", "b-cold", 1, "a-cold", 1, "a-dry", 1), elsewhere, request("o-3", "a-rare", 2)} {
		require.Equal(t, order.Accepted, place(t, service, r).State)
	}
	return s, url
}

// worldTables are those that a corruption may touch.
var worldTables = []string{"dated_containers", "order_items", "order_lines", "orders", "runs", "run_stops", "run_calls", "run_shippers",
	"deliveries", "delivery_dates", "products", "shops", "slots", "fridges", "shippers", "collection_addresses", "routes",
	"category_fridge_kinds", "out_of_service", "product_limits", "findings", "alarms", "alarm_history", "work_items", "dated_container_history",
	"order_item_history", "sheet_versions", "sheet_confirmations", "do_not_load", "grants"}

// lawless takes the keys and checks off the tables, so that anything can stand in them, and keeps copies of all rows. restore
// puts those back.
func lawless(t *testing.T, url string) (exec func(string), restore func()) {
	t.Helper()
	db := raw(t, url)
	exec = func(statement string) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	if strings.HasPrefix(url, "sqlite:") {
		db.SetMaxOpenConns(1)
		exec("PRAGMA foreign_keys = OFF")
		exec("PRAGMA legacy_alter_table = ON")
		for _, table := range worldTables {
			if slices.Contains([]string{"findings", "alarms", "alarm_history", "work_items"}, table) {
				continue // written with ON CONFLICT, and never corrupted
			}
			exec("CREATE TABLE bare AS SELECT * FROM " + table)
			exec("DROP TABLE " + table)
			exec("ALTER TABLE bare RENAME TO " + table)
		}
	} else {
		for _, c := range constraints(t, db) {
			exec(c)
		}
	}
	for _, table := range worldTables {
		exec("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table)
	}
	return exec, func() {
		for _, table := range worldTables {
			exec("DELETE FROM " + table)
			exec("INSERT INTO " + table + " SELECT * FROM kept_" + table)
		}
	}
}

// constraints gives the statements that drop PostgreSQL's keys and checks, but for the primary keys.
func constraints(t *testing.T, db *sql.DB) (all []string) {
	rows, err := db.QueryContext(t.Context(), `SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT "' || conname || '" CASCADE'
		FROM pg_constraint WHERE contype IN ('f', 'c', 'u') AND connamespace = 'public'::regnamespace ORDER BY contype DESC`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		all = append(all, strings.Replace(s, "DROP CONSTRAINT", "DROP CONSTRAINT IF EXISTS", 1))
	}
	require.NoError(t, rows.Err())
	return append(all, "ALTER TABLE orders ALTER COLUMN delivery_date DROP NOT NULL")
}

// corruption is a way to break the clean day, and exactly what the checker has to say of it: "kind subject", with the rows that
// it names and the orders affected.
type corruption struct {
	rule       string
	statements []string
	want       []string
	rows       []string // of the first finding, "table key"
	orders     []string // affected by the first finding
	left       []string // what is still there after all proposed repairs; nothing when all is well then
}

func container(set, id string) string {
	return "UPDATE dated_containers SET " + set + " WHERE id = '" + id + "'"
}

func corruptions() []corruption {
	c := func(id string) string { return "dated_containers " + id }
	i := func(key string) string { return "order_items " + key }
	o := func(id string) string { return "orders " + id }
	return []corruption{
		{"shipper whose run calls at the spot and not at the location",
			[]string{container("run_id = '"+run2+"', shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", coldA)},
			[]string{"run_misses " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"shipper whose run calls neither at the spot nor at the location",
			[]string{container("run_id = '"+run2+"', shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", coldB)},
			[]string{"run_misses " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"run that delivers before it collects",
			[]string{"UPDATE run_stops SET sequence = 9 WHERE run_id = '" + run2 + "' AND kind = 'collect'"},
			[]string{"run_misses " + there}, []string{c(there)}, []string{"o-2"}, []string{"run_misses " + there}},
		{"run that is gone", []string{"DELETE FROM runs WHERE id = '" + run2 + "'"},
			[]string{"run_gone " + there}, []string{c(there)}, []string{"o-2"}, []string{"run_gone " + there}},
		{"run that a container names and that never was", []string{container("run_id = 'route-9@2026-12-01'", coldB)},
			[]string{"run_gone " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"route version gone", []string{"DELETE FROM routes WHERE id = 'route-2'"},
			[]string{"route_gone " + there}, []string{c(there)}, []string{"o-2"}, []string{"route_gone " + there}},
		{"shipper that is not aboard", []string{container("shipper_id = 'box-2-cold', shipper_capacity = 2", coldB)},
			[]string{"not_aboard " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"shipper that is gone", []string{"DELETE FROM shippers WHERE id = 'box-2-cold'"},
			[]string{"not_aboard " + there}, []string{c(there)}, []string{"o-2"}, []string{"not_aboard " + there}},
		{"shipper of another category", []string{container("shipper_id = 'box-1-dry', shipper_place = 2, shipper_capacity = 2", coldB)},
			[]string{"shipper_category " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"shipper that rides in two runs",
			[]string{"INSERT INTO run_shippers VALUES ('" + run2 + "', '2026-12-01', 'box-1-dry', 'dry', 2)"},
			[]string{"shipper_twice box-1-dry"}, nil, nil, []string{"shipper_twice box-1-dry"}},
		{"over shipper capacity", []string{container("shipper_place = 4", coldB)},
			[]string{"over_shipper " + run1 + "/box-1-cold"}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"shipper place used twice", []string{container("shipper_place = 1", coldA)},
			[]string{"place_twice " + run1 + "/box-1-cold/1"}, []string{c(coldB), c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"slot of another location", []string{container("slot_id = 'loc-2-f1-s2', fridge_id = 'loc-2-f1'", coldB)},
			[]string{"slot_gone " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"slot that is gone", []string{"DELETE FROM slots WHERE id = 'loc-1-f1-s1'"},
			[]string{"slot_gone " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"slot used twice", []string{container("slot_id = 'loc-1-f1-s1'", coldA)},
			[]string{"slot_twice loc-1-f1-s1"}, []string{c(coldB), c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"slot of a fridge kind that the category may not stand in",
			[]string{container("slot_id = 'loc-1-f3-s1', fridge_id = 'loc-1-f3', fridge_kind = 'freezer'", coldA)},
			[]string{"fridge_kind " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"a category that may not stand there any more", []string{"DELETE FROM category_fridge_kinds WHERE category = 'cold'"},
			[]string{"fridge_kind " + coldA, "fridge_kind " + coldB, "fridge_kind " + there}, []string{c(coldA)}, []string{"o-1", "o-3"},
			[]string{"fridge_kind " + coldA, "fridge_kind " + coldB, "fridge_kind " + there}},
		{"address of another spot", []string{container("address_id = 'spot-1-5'", coldB)},
			[]string{"address_spot " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"address that is gone", []string{"DELETE FROM collection_addresses WHERE id = 'spot-2-1'"},
			[]string{"address_spot " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"address used twice", []string{container("address_id = (SELECT d.address_id FROM dated_containers d WHERE d.id = '"+coldA+"')", dryA)},
			[]string{"address_twice spot-1-1"}, []string{c(coldA), c(dryA)}, []string{"o-1"}, nil},
		{"container that is collected where its shop does not hand in", []string{container("collection_spot_id = 'spot-1', address_id = 'spot-1-5'", coldB)},
			[]string{"shop_spot " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"one box in two containers", []string{container("grai = 'g-1'", coldA), container("grai = 'g-1'", coldB)},
			[]string{"box_twice g-1"}, []string{c(coldB), c(coldA)}, []string{"o-1", "o-3"}, []string{"box_twice g-1"}},
		{"over volume", []string{"UPDATE products SET volume_ml = 900 WHERE id = 'a-cold'",
			"UPDATE dated_containers SET used_ml = used_ml + 500 WHERE id IN ('" + coldA + "', '" + there + "')"},
			[]string{"over_volume " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"over the part of the volume that may be filled", []string{"UPDATE slots SET fill_percent = 50 WHERE id = 'loc-1-f1-s2'"},
			[]string{"over_volume " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"over weight", []string{"UPDATE products SET weight_g = 700 WHERE id = 'a-cold'", "UPDATE products SET weight_g = 200 WHERE id = 'a-rare'",
			"UPDATE slots SET max_weight_g = 1000 WHERE id = 'loc-1-f1-s2'"},
			[]string{"over_weight " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"a unit that is larger than its container", []string{"UPDATE products SET length_mm = 300, width_mm = 200, height_mm = 50 WHERE id = 'a-rare'",
			"UPDATE slots SET length_mm = 250, width_mm = 250, height_mm = 250 WHERE id = 'loc-1-f1-s2'"},
			[]string{"does_not_fit " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"more that nothing may stand on than there is floor",
			[]string{"UPDATE products SET length_mm = 200, width_mm = 200, height_mm = 50, no_stacking = TRUE WHERE id = 'a-rare'",
				"UPDATE slots SET length_mm = 250, width_mm = 250, height_mm = 250 WHERE id = 'loc-1-f1-s2'"},
			[]string{"over_floor " + coldA}, []string{c(coldA)}, []string{"o-1", "o-3"}, nil},
		{"two shops in a container", []string{"UPDATE order_items SET dated_container_id = '" + coldA + "' WHERE product_id = 'b-cold'",
			container("used_ml = used_ml + 400", coldA), "DELETE FROM dated_containers WHERE id = '" + coldB + "'"},
			[]string{"two_shops " + coldA + "/shop-b"}, []string{i("o-1/1/1")}, []string{"o-1"}, nil},
		{"wrong temperature category", []string{"UPDATE order_items SET dated_container_id = '" + coldA + "' WHERE product_id = 'a-dry'",
			container("used_ml = used_ml + 400", coldA), "DELETE FROM dated_containers WHERE id = '" + dryA + "'"},
			[]string{"item_category " + coldA + "/dry"}, []string{i("o-1/3/1")}, []string{"o-1"}, nil},
		{"container that goes to another location than its order",
			[]string{"UPDATE order_items SET dated_container_id = '" + coldA + "' WHERE order_id = 'o-2'", container("used_ml = used_ml + 400", coldA),
				"DELETE FROM dated_containers WHERE id = '" + there + "'"},
			[]string{"wrong_location o-2/" + coldA}, []string{c(coldA), i("o-2/1/1")}, []string{"o-2"}, nil},
		{"container of a wrong date", []string{container("delivery_date = '2026-12-02'", dryA)},
			[]string{"wrong_date " + dryA}, []string{c(dryA)}, []string{"o-1"}, nil},
		{"container of a date that is over", []string{container("delivery_date = '2020-01-01'", dryA)},
			[]string{"wrong_date " + dryA}, []string{c(dryA)}, []string{"o-1"}, nil},
		{"item of a wrong date", []string{"UPDATE order_items SET delivery_date = '2026-12-02' WHERE product_id = 'a-dry'"},
			[]string{"wrong_date o-1/3/1"}, []string{i("o-1/3/1")}, []string{"o-1"}, nil},
		{"order of a wrong date", []string{"UPDATE orders SET delivery_date = '2026-12-02' WHERE id = 'o-3'"},
			[]string{"wrong_date o-3"}, []string{o("o-3")}, []string{"o-3"}, []string{"wrong_date o-3"}},
		{"a location where nothing is delivered", []string{"DELETE FROM deliveries WHERE location_id = 'loc-2'"},
			[]string{"no_delivery " + there, "no_delivery o-2"}, []string{c(there)}, []string{"o-2"},
			[]string{"no_delivery " + there, "no_delivery o-2"}},
		{"an item without a container", []string{"DELETE FROM dated_containers WHERE id = '" + dryA + "'"},
			[]string{"container_gone " + dryA}, []string{i("o-1/3/1")}, []string{"o-1"}, nil},
		{"a product that is gone", []string{"DELETE FROM products WHERE id = 'b-cold'"},
			[]string{"product_gone b-cold"}, []string{i("o-1/1/1")}, []string{"o-1"}, []string{"product_gone b-cold"}},
		{"a missing part of an assignment", []string{"DELETE FROM order_items WHERE product_id = 'a-rare' AND unit = 2", container("used_ml = used_ml - 100", coldA)},
			[]string{"missing_part o-3"}, []string{o("o-3")}, []string{"o-3"}, nil},
		{"an order that lacks its whole assignment", []string{"DELETE FROM order_items WHERE order_id = 'o-2'", "DELETE FROM dated_containers WHERE id = '" + there + "'"},
			[]string{"missing_part o-2"}, []string{o("o-2")}, []string{"o-2"}, nil},
		{"an order without lines", []string{"DELETE FROM order_lines WHERE order_id = 'o-2'", "DELETE FROM order_items WHERE order_id = 'o-2'",
			"DELETE FROM dated_containers WHERE id = '" + there + "'"},
			[]string{"missing_part o-2"}, []string{o("o-2")}, []string{"o-2"}, []string{"missing_part o-2"}},
		{"units that were withdrawn and still hold", []string{"UPDATE order_lines SET withdrawn = 1 WHERE order_id = 'o-3'"},
			[]string{"too_many o-3"}, []string{o("o-3"), i("o-3/1/2")}, []string{"o-3"}, nil},
		{"units of another product than the line's", []string{"UPDATE order_lines SET product_id = 'a-cold' WHERE order_id = 'o-3'"},
			[]string{"wrong_product o-3"}, []string{i("o-3/1/1"), i("o-3/1/2")}, []string{"o-3"}, nil},
		{"an assignment without an order", []string{"DELETE FROM orders WHERE id = 'o-3'", "DELETE FROM order_lines WHERE order_id = 'o-3'"},
			[]string{"no_order o-3"}, []string{i("o-3/1/1"), i("o-3/1/2")}, []string{"o-3"}, nil},
		{"an assignment without an order line", []string{"DELETE FROM order_lines WHERE order_id = 'o-1' AND line = 3"},
			[]string{"no_order o-1/3"}, []string{i("o-1/3/1")}, []string{"o-1"}, nil},
		{"a cancelled order that still holds", []string{"UPDATE orders SET state = 'cancelled' WHERE id = 'o-3'"},
			[]string{"still_holds o-3"}, []string{o("o-3")}, []string{"o-3"}, nil},
		{"an expired order that still holds", []string{"UPDATE orders SET state = 'expired' WHERE id = 'o-3'"},
			[]string{"still_holds o-3"}, []string{o("o-3")}, []string{"o-3"}, nil},
		{"an order that was called off and still holds", []string{"UPDATE orders SET state = 'called_off' WHERE id = 'o-2'"},
			[]string{"still_holds o-2"}, []string{o("o-2")}, []string{"o-2"}, nil},
		{"a refused order that holds", []string{"UPDATE orders SET state = 'refused', refused_limit = 'container' WHERE id = 'o-2'"},
			[]string{"still_holds o-2"}, []string{o("o-2")}, []string{"o-2"}, nil},
		{"a hold past its deadline", []string{fmt.Sprintf("UPDATE orders SET state = 'held', hold_until = %d WHERE id = 'o-3'", before.Add(-time.Minute).UnixMilli())},
			[]string{"hold_overdue o-3"}, []string{o("o-3")}, []string{"o-3"}, nil},
		{"a hold later than cutoff", []string{fmt.Sprintf("UPDATE orders SET state = 'held', hold_until = %d WHERE id = 'o-3'", before.Add(24*time.Hour).UnixMilli())},
			[]string{"hold_after_cutoff o-3"}, []string{o("o-3")}, []string{"o-3"}, nil},
		{"a frozen date with a held order", []string{fmt.Sprintf("UPDATE orders SET state = 'held', hold_until = %d WHERE id = 'o-3'", before.Add(time.Minute).UnixMilli()),
			"UPDATE delivery_dates SET frozen_at = 1 WHERE delivery_date = '2026-12-01'"},
			[]string{"frozen_hold o-3"}, []string{o("o-3")}, []string{"o-3"}, nil},
		{"over the sales limit", []string{"UPDATE products SET sales_limit_per_day = 1 WHERE id = 'a-cold'"},
			[]string{"over_sales a-cold"}, []string{"products a-cold"}, []string{"o-2"}, []string{"over_sales a-cold"}},
		{"sold over the date's own limit after that was set",
			[]string{fmt.Sprintf("INSERT INTO product_limits VALUES ('a-cold', '2026-12-01', 1, 'person-1', %d)", before.Add(-time.Second).UnixMilli())},
			[]string{"over_sales a-cold"}, []string{"products a-cold", "product_limits a-cold/2026-12-01"}, []string{"o-2"}, []string{"over_sales a-cold"}},
		{"a limit that was lowered below what was sold",
			[]string{fmt.Sprintf("INSERT INTO product_limits VALUES ('a-cold', '2026-12-01', 1, 'person-1', %d)", before.Add(time.Second).UnixMilli())},
			[]string{"limit_lowered a-cold"}, []string{"products a-cold", "product_limits a-cold/2026-12-01"}, nil, []string{"limit_lowered a-cold"}},
		{"a sum that is not its items'", []string{container("used_ml = 500", coldB)},
			[]string{"used_differs " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"an empty container that holds places", []string{"DELETE FROM order_items WHERE order_id = 'o-2'", "DELETE FROM order_lines WHERE order_id = 'o-2'",
			"DELETE FROM orders WHERE id = 'o-2'", container("used_ml = 0", there)},
			[]string{"empty_container " + there}, []string{c(there)}, nil, nil},
		{"a copy of a slot's capacity that is not the slot's", []string{container("capacity_ml = 2000", coldB)},
			[]string{"stale_copy " + coldB + "/capacity"}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"a copy of a product's shop that is not the product's", []string{"UPDATE order_items SET shop_id = 'shop-a' WHERE product_id = 'b-cold'"},
			[]string{"stale_copy o-1/1/1"}, []string{i("o-1/1/1")}, []string{"o-1"}, nil},
		{"a slot out of service", []string{outOf("slot", "loc-1-f1-s1")},
			[]string{"out_of_service " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"a fridge out of service", []string{outOf("fridge", "loc-2-f1")},
			[]string{"out_of_service " + there}, []string{c(there)}, []string{"o-2"}, []string{"out_of_service " + there}},
		{"an address out of service", []string{outOf("address", "spot-2-1")},
			[]string{"out_of_service " + coldB}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"a shipper out of service", []string{outOf("shipper", "box-1-cold")},
			[]string{"out_of_service " + coldB, "out_of_service " + coldA}, []string{c(coldB)}, []string{"o-1"}, nil},
		{"a run out of service", []string{outOf("run", run2)},
			[]string{"out_of_service " + there}, []string{c(there)}, []string{"o-2"}, []string{"out_of_service " + there}},
		{"a location out of service", []string{outOf("location", "loc-2")},
			[]string{"out_of_service " + there}, []string{c(there)}, []string{"o-2"}, []string{"out_of_service " + there}},
	}
}

func outOf(kind, id string) string {
	return "INSERT INTO out_of_service VALUES ('" + kind + "', '" + id + "', '2026-12-01', 'broken', 'person-1', 1)"
}

func found(r check.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, string(f.Kind)+" "+f.Subject)
	}
	return all
}

func lookAt(t *testing.T, s *store.Store) check.Report {
	t.Helper()
	r, err := check.NewService(s.Checks()).Look(t.Context(), before)
	require.NoError(t, err)
	return r
}

func TestTheCheckerFindsEachCorruptionExactlyAndItsRepairsMakeTheDayWhole(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, url := cleanDay(t, empty)
		r := lookAt(t, s)
		require.Empty(t, found(r), "a clean day")
		require.Equal(t, check.Count{Dates: 2, Containers: 4, Orders: 3, Items: 6}, r.Count)
		exec, restore := lawless(t, url)
		kinds := map[check.Kind]bool{}
		for _, c := range corruptions() {
			t.Run(c.rule, func(t *testing.T) {
				restore()
				for _, statement := range c.statements {
					exec(statement)
				}
				r := lookAt(t, s)
				require.ElementsMatch(t, c.want, found(r))
				for _, f := range r.Findings {
					kinds[f.Kind] = true
				}
				first := r.Findings[slices.IndexFunc(r.Findings, func(f check.Finding) bool { return string(f.Kind)+" "+f.Subject == c.want[0] })]
				if c.rows != nil {
					var rows []string
					for _, row := range first.Rows {
						rows = append(rows, row.Table+" "+row.Key)
					}
					require.ElementsMatch(t, c.rows, rows)
				}
				require.ElementsMatch(t, c.orders, first.Orders)
				require.NotContains(t, first.Text(), "%!", "each text has its arguments")
				require.False(t, first.Departs.IsZero() && first.Kind != check.RunGone, "it says when the run departs")
				repairAll(t, s)
				require.ElementsMatch(t, c.left, found(lookAt(t, s)))
			})
		}
		require.Len(t, kinds, len(check.Kinds()), "every kind is found by some corruption")
	})
}

// repairAll applies what is proposed until nothing is.
func repairAll(t *testing.T, s *store.Store) {
	t.Helper()
	service := check.NewService(s.Checks())
	for range 10 {
		r := lookAt(t, s)
		i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.Repair.ID != "" })
		if i < 0 {
			return
		}
		require.NotEmpty(t, r.Findings[i].Repair.Differences())
		_, err := service.Apply(t.Context(), r.Findings[i].Dates(), r.Findings[i].Repair.ID, "person-1", before)
		require.NoError(t, err, "%s: %v", r.Findings[i].Text(), r.Findings[i].Repair.Differences())
	}
	require.Fail(t, "repairs without end")
}
