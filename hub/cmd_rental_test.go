package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	dressPiece = "(01)09520001000010(21)P1"
	coatPiece  = "(01)09520001000027(21)P1"
)

func rentalFiles(t *testing.T) string {
	return write(t, map[string]string{
		"warehouses.csv":        "id,gln,name\nw-1,9520001000058,Koto\n",
		"warehouse_shelves.csv": "id,warehouse_id,walk\nA-1,w-1,1\n",
		"operators.csv":         "badge,warehouse_id,pin\nop-1,w-1,2468\n",
		"garments.csv":          "gtin,name,size,colour,price_yen\n9520001000010,Dress,M,navy,24000\n9520001000027,Coat,L,grey,60000\n",
		"rental_items.csv":      "item,warehouse_id,shelf_id,grade\n" + dressPiece + ",w-1,A-1,A\nhttps://id.gs1.org/01/09520001000027/21/P1,w-1,,\nrubbish,w-1,,\n",
		"rental_orders.csv":     "order_id,customer_id,warehouse_id,ship_date,gtin\no-1,c-1,w-1,2026-12-02,9520001000010\no-1,c-1,w-1,2026-12-02,9520001000027\n",
	})
}

func TestAWarehouseFromTheCommandLine(t *testing.T) {
	dir := rentalFiles(t)
	g, out := globals(t)
	outcomes := filepath.Join(t.TempDir(), "out.csv")
	err := (&ImportCmd{Dir: dir, Outcomes: outcomes}).Run(g)
	require.ErrorContains(t, err, "1 row of "+dir+" refused; the other rows were taken")
	require.Contains(t, out.String(), "8 new, 0 changed, 0 as before, 1 refused")
	require.Contains(t, out.String(), `refused: rental_items.csv, row 4, column item: "rubbish": want a serialised GTIN`)
	text, err := os.ReadFile(outcomes)
	require.NoError(t, err)
	require.Contains(t, string(text), "rental_items.csv,3,"+coatPiece+",new,")
	out.Reset()
	require.Error(t, (&ImportCmd{Dir: dir}).Run(g))
	require.Contains(t, out.String(), "0 new, 0 changed, 8 as before, 1 refused")

	run := func(c interface{ Run(*Globals) error }) string {
		t.Helper()
		out.Reset()
		require.NoError(t, c.Run(g))
		return out.String()
	}
	require.Contains(t, run(&RentalTodayCmd{Until: "2026-12-02"}), "1 order, 0 ready; to allocate 2, to find 0, to pick 0, to pack 0")
	said := run(&RentalAllocateCmd{Order: "o-1", Days: 3})
	require.Contains(t, said, "1  09520001000010  "+dressPiece)
	require.Contains(t, said, "2  09520001000027  no piece of the garment is available")
	err = (&RentalAllocateCmd{Order: "o-1", Item: coatPiece, Days: 3}).Run(g)
	require.ErrorContains(t, err, "allocate of "+coatPiece+": the piece is on no shelf; it is registered; legal next: inspect_in")
	require.Contains(t, run(&RentalTodayCmd{Until: "2026-12-02"}), "to allocate 1, to find 0, to pick 1, to pack 0")
	require.Contains(t, run(&RentalOrderCmd{Order: "o-1"}), dressPiece+"  shelved A-1")
	require.Contains(t, run(&RentalOrdersCmd{State: "open"}), "0001")
	life := run(&RentalItemCmd{Item: "https://id.gs1.org/01/09520001000010/21/P1"})
	for _, word := range []string{"Dress, M, navy", "shelved since", "register", "put_away at A-1", "allocate order o-1", "the hub (console)"} {
		require.Contains(t, life, word)
	}
	require.ErrorContains(t, (&RentalSellCmd{Item: dressPiece}).Run(g), "the piece is not where this step begins")
	run(&RentalReleaseCmd{Order: "o-1", Item: dressPiece, Reason: "customer's wish"})
	run(&RentalRetireCmd{Item: dressPiece, Reason: "worn"})
	require.Contains(t, run(&RentalStagesCmd{Days: 30}), "retired")
	run(&RentalBatchOpenCmd{ID: "b-1", Warehouse: "w-1", Vendor: "Laundry", Days: 2})
	require.ErrorContains(t, (&RentalBatchOpenCmd{ID: "b-1", Warehouse: "w-1"}).Run(g), "there is one of this name already")
	require.Contains(t, run(&RentalBatchListCmd{}), "Laundry")
	require.ErrorContains(t, (&RentalBatchSendCmd{ID: "b-1"}).Run(g), "send of batch b-1: no piece is in it")
	run(&RentalBatchCloseCmd{ID: "b-1"})
	require.Empty(t, strings.TrimSpace(run(&RentalBatchListCmd{})))
	run(&RentalRepairOpenCmd{ID: "r-1", Item: coatPiece, What: "button"})
	run(&RentalRepairCloseCmd{ID: "r-1", Cost: 800})
	require.Contains(t, run(&RentalRepairListCmd{All: true}), "¥800")
	run(&RentalCancelCmd{Order: "o-1", Reason: "customer's wish"})
	require.Contains(t, run(&RentalOrdersCmd{State: "cancelled"}), "o-1")
	require.ErrorContains(t, (&RentalLoseCmd{Item: coatPiece, Reason: "fire"}).Run(g), "lose of "+coatPiece+": it is in the house")
	require.ErrorContains(t, (&RentalSettleCmd{Order: "o-1", Item: coatPiece, Note: "card"}).Run(g), "open charge of order o-1")
	require.Empty(t, run(&RentalChargesCmd{}))
	require.Empty(t, run(&RentalBagsCmd{State: "all"}))
}

func TestTheSampleWarehouse(t *testing.T) {
	g, out := globals(t)
	require.NoError(t, (&ImportCmd{Dir: "../deploy/sample-rental"}).Run(g))
	require.Contains(t, out.String(), "0 refused")
	require.NoError(t, (&RentalAllocateCmd{Order: "rent-001", Days: 3}).Run(g))
	out.Reset()
	require.NoError(t, (&RentalTodayCmd{Until: "2026-12-02"}).Run(g))
	require.Contains(t, out.String(), "2 orders, 0 ready; to allocate 1, to find 0, to pick 2, to pack 0")
}
