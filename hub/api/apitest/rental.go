package apitest

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/protocol"
)

// Pieces of the warehouse: one that has come back with a damage, and one that is promised.
const (
	Dress = "(01)09520001000010(21)P1"
	Coat  = "(01)09520001000027(21)P1"
	Shirt = "(01)09520001000010(21)P2"
	Torn  = "(01)09520001000027(21)P2"
)

// Warehouse adds a rental warehouse: an order that has gone out and come back, one that is to be shipped, and a scan against the rules.
func (h *Hub) Warehouse(tb testing.TB) {
	tb.Helper()
	files := fstest.MapFS{
		bulk.WarehousesFile: {Data: []byte("id,gln,name\nw-1,9520001000058,Koto\n")},
		bulk.ShelvesFile:    {Data: []byte("id,warehouse_id,walk\nA-1,w-1,1\nA-2,w-1,2\n")},
		bulk.GarmentsFile:   {Data: []byte("gtin,name,size,colour\n9520001000010,Wrap dress,M,navy\n9520001000027,Wool coat,L,grey\n")},
		bulk.RentalItemsFile: {Data: []byte("item,warehouse_id,shelf_id,grade\n" + Dress + ",w-1,A-1,A\n" + Coat + ",w-1,A-2,B\n" +
			Shirt + ",w-1,,A\n" + Torn + ",w-1,,B\n")},
		bulk.OperatorsFile: {Data: []byte("badge,warehouse_id,pin\nop-1,w-1,\nop-2,w-1,\n")},
		bulk.RentalOrdersFile: {Data: []byte("order_id,customer_id,warehouse_id,ship_date,gtin\nr-1,member-1,w-1,2026-11-28,9520001000010\n" +
			"r-2,member-2,w-1,2026-12-02,9520001000027\nr-2,member-2,w-1,2026-12-02,9520001000010\n")},
	}
	k := &rental.Keeper{}
	begin := h.Clock.Now().Add(-72 * time.Hour)
	done, err := k.Import(tb.Context(), h.Store, bulk.ReadRental(files), "p-test", begin)
	require.NoError(tb, err)
	require.Zero(tb, done.Refuse)
	require.NoError(tb, h.Store.Change(tb.Context(), func(tx *store.Tx) error { return round(tb, k, tx, begin) }))
}

// round is what happens in the warehouse.
func round(tb testing.TB, k *rental.Keeper, tx *store.Tx, begin time.Time) error {
	number, ctx := uint64(0), tb.Context()
	source := func(hour int) rental.Source {
		number++
		at := begin.Add(time.Duration(hour) * time.Hour)
		return rental.Source{Device: store.DeviceLife("scanner-w-1", "1"), Number: number, Warehouse: "w-1", At: at, Within: time.Second, Recorded: at}
	}
	for _, order := range []string{"r-1", "r-2"} {
		if _, err := k.AllocateOrder(ctx, tx, order, begin.Add(240*time.Hour), "p-test", begin.Add(time.Hour)); err != nil {
			return err
		}
	}
	for n, scan := range []protocol.ItemScanned{
		{Step: protocol.StepPick, Order: "r-1", Place: "A-1"}, {Step: protocol.StepPack, Order: "r-1", Bag: "095200010000000017"},
		{Step: protocol.StepShip}, {Step: protocol.StepDeliver}, {Step: protocol.StepReceive, Bag: "095200010000000017", Place: "dock"},
		{Step: protocol.StepUnpack, Bag: "095200010000000017"},
		{Step: protocol.StepInspectReturn, Grade: protocol.GradeB, Damages: []protocol.Damage{{Kind: "button", Place: "left sleeve"}}},
		{Step: protocol.StepPutAway, Place: "A-1"},
	} {
		scan.Item, scan.Operator, scan.Verdict = Dress, "op-1", protocol.VerdictAccept
		if err := k.Item(ctx, tx, source(2+4*n), scan); err != nil {
			return err
		}
	}
	return care(tb, k, tx, begin, source)
}

// care is two pieces that need it: one is at a vendor's and should be back, one is being repaired.
func care(tb testing.TB, k *rental.Keeper, tx *store.Tx, begin time.Time, source func(hour int) rental.Source) error {
	ctx := tb.Context()
	for n, scan := range []protocol.ItemScanned{
		{Item: Shirt, Step: protocol.StepInspectIn}, {Item: Shirt, Step: protocol.StepClean, Batch: "b-7"},
		{Item: Torn, Step: protocol.StepInspectIn, Damages: []protocol.Damage{{Kind: "tear"}}}, {Item: Torn, Step: protocol.StepRepair, Batch: "f-7"},
	} {
		scan.Operator, scan.Verdict = "op-1", protocol.VerdictAccept
		if err := k.Item(ctx, tx, source(40+n), scan); err != nil {
			return err
		}
	}
	if err := k.OpenBatch(ctx, tx, store.CleaningBatch{ID: "b-7", Warehouse: "w-1", Vendor: "Shiro Laundry", Made: begin, Due: begin.Add(time.Hour), By: "p-test"}); err != nil {
		return err
	}
	if err := k.SendBatch(ctx, tx, "b-7", begin.Add(60*time.Hour), begin.Add(44*time.Hour)); err != nil {
		return err
	}
	return k.OpenRepair(ctx, tx, store.RepairOrder{ID: "f-7", Item: Torn, What: "left sleeve", Made: begin, By: "p-test"})
}
