package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/order"
)

// The orders of the test below open C-…-0001 (shop-b, cold) in slot 1 and C-…-0002 (shop-a, cold) in slot 2 of loc-1, both in
// box-1-cold of route-1, C-…-0003 (shop-a, dry) on the shelf, and C-…-0004 (shop-a, cold) at loc-2.
const (
	shopB = "C-20261201-0001"
	shopA = "C-20261201-0002"
	dry   = "C-20261201-0003"
)

// Whatever a program does wrong, these rows cannot be.
func TestSchemaRefusesWhatThePhysicalWorldRefuses(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, url := fresh(t, empty, bulk.SlotsFile, "loc-2-f1-s1,", "loc-1-f2-s2,loc-1-f2,1000\nloc-2-f1-s1,",
			bulk.AddressesFile, "spot-2-1,", "spot-1-4,spot-1,spot-1-f1\nspot-2-1,", bulk.ShippersFile, "cold,1,", "cold,2,")
		service := order.NewService(s.Orders())
		place(t, service, request("o-1", "b-cold", 1, "a-cold", 1, "a-dry", 1))
		other := request("o-2", "a-cold", 1)
		other.LocationID = "loc-2"
		require.Equal(t, order.Accepted, place(t, service, other).State)
		db := raw(t, url)
		container := func(set, id string) string { return "UPDATE dated_containers SET " + set + " WHERE id = '" + id + "'" }
		for rule, statement := range map[string]string{
			"shipper whose run calls neither at the spot nor at the location": container(
				"run_id = 'route-2@2026-12-01', shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", shopB),
			"shipper whose run calls at the spot but not at the location": container(
				"run_id = 'route-2@2026-12-01', shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", shopA),
			"run that delivers before it collects": `INSERT INTO run_calls (run_id, collection_spot_id, location_id, collect_sequence,
				collect_kind, deliver_sequence, deliver_kind) VALUES ('route-2@2026-12-01', 'spot-2', 'loc-2', 1, 'collect', 2, 'deliver')`,
			"shipper that is not aboard the run":        container("shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", shopB),
			"shipper of another category":               container("shipper_id = 'box-1-dry', shipper_place = 2", shopB),
			"shipper of another date's run":             container("run_id = 'route-1@2026-12-02'", shopB),
			"more containers than a shipper holds":      container("shipper_place = 3", shopB),
			"a shipper that holds more than it does":    container("shipper_capacity = 3, shipper_place = 3", shopB),
			"two containers in one place of a shipper":  container("shipper_place = 2", shopB),
			"a shipper in two runs of a date":           "INSERT INTO run_shippers VALUES ('route-2@2026-12-01', '2026-12-01', 'box-1-dry', 'dry', 2)",
			"two shops in one dated container":          "UPDATE order_items SET dated_container_id = '" + shopB + "' WHERE product_id = 'a-cold'",
			"two categories in one dated container":     "UPDATE order_items SET dated_container_id = '" + shopA + "' WHERE product_id = 'a-dry'",
			"an item that is not its product's shop's":  "UPDATE order_items SET shop_id = 'shop-b', dated_container_id = '" + shopB + "' WHERE product_id = 'a-cold'",
			"one address twice on a date":               container("address_id = 'spot-1-1'", dry),
			"an address of another spot":                container("address_id = 'spot-1-4'", shopB),
			"one slot twice on a date":                  container("slot_id = 'loc-1-f1-s1'", shopA),
			"a slot of another location":                container("slot_id = 'loc-2-f1-s2'", shopB),
			"over the slot's volume":                    container("used_ml = 1001", shopB),
			"a larger container than the slot's":        container("capacity_ml = 2000", shopB),
			"a fridge kind that is not the category's":  container("slot_id = 'loc-1-f2-s2', fridge_id = 'loc-1-f2', fridge_kind = 'shelf'", shopB),
			"a fridge kind that the fridge is not of":   container("fridge_kind = 'refrigerated'", dry),
			"a shop that does not hand in at the spot":  container("shop_id = 'shop-a'", shopB),
			"one box in two dated containers of a date": "UPDATE dated_containers SET grai = '095200010000101'",
			"one unit in two containers":                "INSERT INTO order_items SELECT * FROM order_items",
			"an order where nothing is delivered":       "UPDATE orders SET delivery_date = '2026-12-02', location_id = 'loc-2' WHERE id = 'o-2'",
			"no units of a product":                     "UPDATE order_lines SET quantity = 0",
		} {
			t.Run(rule, func(t *testing.T) {
				_, err := db.ExecContext(t.Context(), statement)
				require.Error(t, err)
				require.Regexp(t, constraint(rule), err.Error(), "refused for what it means, not for how it is written")
			})
		}
		t.Run("and what is right stays possible", func(t *testing.T) {
			_, err := db.ExecContext(t.Context(), container("address_id = 'spot-1-4'", shopA))
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), container("used_ml = 1000, grai = '095200010000101'", shopA))
			require.NoError(t, err)
		})
	})
}

// constraint is the kind of constraint that holds a rule.
func constraint(rule string) string {
	switch rule {
	case "two containers in one place of a shipper", "a shipper in two runs of a date", "one address twice on a date",
		"one slot twice on a date", "one box in two dated containers of a date", "one unit in two containers":
		return "(?i)unique constraint"
	case "more containers than a shipper holds", "over the slot's volume", "no units of a product":
		return "(?i)check constraint"
	}
	return "(?i)foreign key constraint"
}
