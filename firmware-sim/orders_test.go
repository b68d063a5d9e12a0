package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/hubclient"
)

const ordersHead = "order_id,delivery_date,location_id,customer_id,product_id,quantity\n"

func ordersFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "orders.csv")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestLinesOfAnOrderBecomeOneOrderOfTheFirstDate(t *testing.T) {
	date, orders, err := readOrders(ordersFile(t, ordersHead+"o-1,2026-12-01,l,c,p-1,2\no-1,2026-12-01,l,c,p-2,1\n"+
		"o-2,2026-12-02,l,c,p-1,1\no-3,2026-12-01,l,d,p-1,1\n"), "")
	require.NoError(t, err)
	require.Equal(t, "2026-12-01", date)
	require.Len(t, orders, 2)
	require.Equal(t, hubclient.OrderRequest{OrderID: "o-1", DeliveryDate: "2026-12-01", LocationID: "l", CustomerID: "c",
		Lines: []hubclient.OrderLine{{ProductID: "p-1", Quantity: 2}, {ProductID: "p-2", Quantity: 1}}}, orders[0])
}

func TestABadOrdersFileSaysWhatWasExpected(t *testing.T) {
	for name, c := range map[string]struct{ text, date, want string }{
		"empty":             {"", "", "EOF"},
		"missing column":    {"order_id,delivery_date\no-1,2026-12-01\n", "", `column "location_id" is missing`},
		"short row":         {ordersHead + "o-1,2026-12-01\n", "", "line 2"},
		"no number":         {ordersHead + "o-1,2026-12-01,l,c,p-1,two\n", "", `line 2: quantity "two": want a number from 1`},
		"nothing asked for": {ordersHead + "o-1,2026-12-01,l,c,p-1,0\n", "", "want a number from 1"},
		"another date":      {ordersHead + "o-1,2026-12-01,l,c,p-1,1\n", "2026-12-24", `no order for "2026-12-24"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readOrders(ordersFile(t, c.text), c.date)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, _, err := readOrders(filepath.Join(t.TempDir(), "none.csv"), "")
	require.ErrorIs(t, err, os.ErrNotExist)
}
