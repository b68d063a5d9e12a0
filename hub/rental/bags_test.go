package rental_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// What a reader of the code found in November 2026: bags that moved pieces which were in them no more, notices of returns that were none,
// work that never arose again.
func TestWhatAReaderFoundOfTheRound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 4)
		for rule, test := range map[string]func(*world){
			"a bag does not move a piece that came back in another one":               leftItsBag,
			"a piece whose unpacking is heard after its bag was shipped stayed here":  unpackedBefore,
			"a late unpacking does not undo a later packing":                          packedAgain,
			"a refused packing puts nothing into a bag, nor another order on it":      refusedPack,
			"a piece that was taken for nobody and put back is free":                  takenAndPutBack,
			"a shipping that is heard after the return is one, and nothing is short":  shippedHeardLate,
			"what somebody was told to take is taken, also from another order":        takenOnAnOldView,
			"a bag that is empty before it was received misses what was packed":       emptiedFirst,
			"what a customer has bought need not come out of its bag":                 bought,
			"mould of a piece that was retired since does not stop its scanner":       mouldOfRetired,
			"mould that is heard late quarantines at its own time":                    mouldLate,
			"a scan of a piece that never left tells nobody of a return":              neverLeft,
			"a late scan from before the last return is no return":                    lateIsNoReturn,
			"an outgoing bag at the dock is work, and no return":                      outgoingReceived,
			"a piece that is missing again is work again":                             missingAgain,
			"a piece that is picked for a cancelled order is work":                    pickedForCancelled,
			"a promise reaches the scanners, and so does its end":                     promisesReachScanners,
			"a ship scan that is undone opens its order again":                        voided,
			"a stylist's choice is left for its line":                                 chosenLine,
			"two repairers, and neither makes the final inspection":                   twoRepairers,
			"a piece of another warehouse is work, and who serves none has no word":   elsewhere,
			"only an open order is cancelled, and only what is in a bag is excepted":  nothingDone,
			"what the packing of a redated record was moves with it":                  redatedPack,
			"a doubt that turns into a rule has one work item, which says what it is": kindOfWork,
			"a piece that was scanned, then imported with a shelf, can be promised":   importedAfterScan,
		} {
			t.Run(rule, func(t *testing.T) { tried(t, s, func(w *world) { w.t = t; test(w) }) })
		}
	})
}

func (w *world) orderState(id string) string {
	w.t.Helper()
	o, err := w.tx.RentalOrder(w.ctx, id)
	require.NoError(w.t, err)
	return o.State
}

// notices gives the orders whose return the outside world is told of.
func (w *world) notices() (orders []string) {
	w.t.Helper()
	all, err := w.tx.DueReturnNotices(w.ctx, at(100_000), 100)
	require.NoError(w.t, err)
	for _, n := range all {
		orders = append(orders, n.Order)
	}
	return orders
}

// inside gives what is in a bag and has neither come out nor been declared.
func (w *world) inside(bag string) (pieces []string) {
	w.t.Helper()
	all, err := w.tx.BagContents(w.ctx, bag)
	require.NoError(w.t, err)
	for _, c := range all {
		if !c.Packed.IsZero() && c.Unpacked.IsZero() && c.Exception == "" {
			pieces = append(pieces, c.Item)
		}
	}
	return pieces
}

// cleaned takes a piece that has come back through the house, onto a shelf.
func (w *world) cleaned(p string, minutes float64) {
	w.t.Helper()
	w.scan("s-1", minutes, p, protocol.StepInspectReturn)
	w.scan("s-1", minutes+1, p, protocol.StepClean)
	w.scan("s-1", minutes+2, p, protocol.StepCleaned)
	w.scan("s-1", minutes+3, p, protocol.StepInspectFinal, passed, by("op-2"))
	w.scan("s-1", minutes+4, p, protocol.StepPutAway, place("A-1"))
	require.Equal(w.t, "shelved", w.custody(p))
}

func leftItsBag(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	a := pieces[0]
	w.scan("s-1", 100, a, protocol.StepUnpack, inBag("bag-x"))
	require.Equal(w.t, pieces[1:], w.inside("bag-0"))
	w.cleaned(a, 101)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-1", a, at(9000), "lead-1", at(110)))
	w.scan("s-1", 111, a, protocol.StepPick, order("o-1"))
	w.scan("s-1", 112, a, protocol.StepPack, order("o-1"), inBag("bag-1"))
	w.bag("s-1", 113, "bag-1", protocol.StepShip)
	_, err := w.keeper.Deliver(w.ctx, w.tx, "o-1", "carrier", at(120))
	require.NoError(w.t, err)
	w.bag("s-1", 200, "bag-0", protocol.StepReceive)
	require.Equal(w.t, "on_rent", w.custody(a), "it is with another customer")
	require.Equal(w.t, "shipped", w.orderState("o-1"))
	require.Equal(w.t, "return_received", w.custody(pieces[1]))
	require.Equal(w.t, []string{"o-0"}, w.notices())
}

func unpackedBefore(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	out := w.source("s-2", 5)
	w.bag("s-1", 20, "bag-0", protocol.StepShip)
	require.Equal(w.t, "in_transit_out", w.custody(p))
	w.late(out, p, protocol.StepUnpack, inBag("bag-0"))
	require.Equal(w.t, "unpacked", w.custody(p))
	require.Equal(w.t, []string{"rental_rule bag-0", "rental_short o-0"}, w.work(), "its coat was not picked when the bag left, with nothing in it")
	require.Empty(w.t, w.inside("bag-0"))
}

func packedAgain(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	out := w.source("s-2", 5)
	w.scan("s-1", 10, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	w.bag("s-1", 20, "bag-0", protocol.StepShip)
	w.late(out, p, protocol.StepUnpack, inBag("bag-0"))
	require.Equal(w.t, "in_transit_out", w.custody(p))
	require.Equal(w.t, []string{p}, w.inside("bag-0"))
}

func refusedPack(w *world) {
	w.allocate("o-0")
	w.allocate("o-1")
	mine, other := w.lines("o-0")[0], w.lines("o-1")[0]
	w.scan("s-1", 1, mine, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, other, protocol.StepPick, order("o-1"))
	w.scan("s-1", 3, mine, protocol.StepPack, order("o-0"), inBag("bag-0"))
	w.scan("s-1", 4, other, protocol.StepPack, order("o-0"), inBag("bag-0"), refused)
	require.Equal(w.t, []string{mine}, w.inside("bag-0"))
	w.bag("s-1", 5, "bag-0", protocol.StepShip)
	require.Equal(w.t, []string{"in_transit_out", "picked"}, []string{w.custody(mine), w.custody(other)})
	bag, _, err := w.tx.RentalBag(w.ctx, "bag-0")
	require.NoError(w.t, err)
	require.Equal(w.t, "o-0", bag.Order)
}

// A scanner without a network has told somebody that a piece is right which the hub has promised to another order meanwhile.
func takenOnAnOldView(w *world) {
	w.allocate("o-0")
	w.allocate("o-1")
	other := w.lines("o-1")[0]
	w.scan("s-1", 1, other, protocol.StepPick, order("o-0"))
	require.Equal(w.t, []string{"picked", "o-0"}, []string{w.custody(other), w.item(other).Commitment.Order})
	require.Contains(w.t, w.work(), "rental_promise "+other)
	require.Contains(w.t, w.work(), "rental_promise o-1", "both orders are told to a person")
	require.Empty(w.t, w.lines("o-1")[0], "its line is open again")
	w.scan("s-1", 2, other, protocol.StepPack, order("o-2"), inBag("bag-2"))
	require.Equal(w.t, []string{"packed", "o-2"}, []string{w.custody(other), w.item(other).Order}, "it is where somebody put it")
	require.Equal(w.t, []string{other}, w.inside("bag-2"))
	w.allocate("o-1")
	require.NotContains(w.t, w.work(), "rental_promise o-1", "another piece stands for its line")
}

// A piece that was taken for an order which does not want it is free as soon as it is put back.
func takenAndPutBack(w *world) {
	w.allocate("o-1")
	other := w.lines("o-1")[0]
	require.NoError(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "o-0", "lead-1", "wish", at(0.5)))
	w.scan("s-1", 1, other, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, other, protocol.StepPutAway, place("A-0"))
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-1", other, at(9000), "lead-1", at(3)))
}

// A dock scanner without a network is heard after what it sent has come back.
func shippedHeardLate(w *world) {
	w.allocate("o-0")
	pieces := w.lines("o-0")
	for n, p := range pieces {
		w.scan("s-1", 1+float64(n), p, protocol.StepPick, order("o-0"))
		w.scan("s-1", 4+float64(n), p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	}
	ship := w.source("s-2", 10)
	for n, p := range pieces {
		w.scan("s-3", 100+float64(n), p, protocol.StepUnpack, inBag("bag-0"))
	}
	require.NoError(w.t, w.keeper.Bag(w.ctx, w.tx, ship, protocol.BagScanned{Bag: "bag-0", Step: protocol.StepShip, Order: "o-0", Verdict: 1}))
	require.Equal(w.t, []string{"o-0"}, w.notices(), "the customer's next styling begins")
	require.NotContains(w.t, w.work(), "rental_short o-0")
}

func emptiedFirst(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	received := w.source("s-2", 100) // the dock's scanner has no network
	w.scan("s-1", 110, pieces[0], protocol.StepUnpack, inBag("bag-0"))
	w.bag("s-1", 111, "bag-0", protocol.StepUnpack)
	require.Equal(w.t, []string{"rental_bag_missing " + pieces[1]}, w.work())
	require.NoError(w.t, w.keeper.Bag(w.ctx, w.tx, received, protocol.BagScanned{Bag: "bag-0", Step: protocol.StepReceive, Verdict: 1}))
	require.Equal(w.t, []string{"rental_bag_missing " + pieces[1]}, w.work())
	w.scan("s-1", 120, pieces[1], protocol.StepUnpack, inBag("bag-0"))
	require.Empty(w.t, w.work(), "it was in a corner of the table")
}

func bought(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	require.NoError(w.t, w.keeper.Step(w.ctx, w.tx, pieces[0], protocol.StepSell, "shop", "", at(50)))
	require.Equal(w.t, pieces[1:], w.inside("bag-0"))
	w.bag("s-1", 100, "bag-0", protocol.StepReceive)
	w.scan("s-1", 110, pieces[1], protocol.StepUnpack, inBag("bag-0"))
	w.bag("s-1", 111, "bag-0", protocol.StepUnpack)
	require.Equal(w.t, "sold", w.custody(pieces[0]))
	require.Empty(w.t, w.work())
	all, err := w.tx.BagContents(w.ctx, "bag-0")
	require.NoError(w.t, err)
	for _, c := range all { // what was packed came out, or somebody has said why not
		require.False(w.t, c.Open(), c.Item)
	}
}

func mouldOfRetired(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	p := pieces[0]
	w.bag("s-1", 100, "bag-0", protocol.StepReceive)
	w.scan("s-1", 101, p, protocol.StepUnpack, inBag("bag-0"))
	seen := w.source("s-2", 105)
	require.NoError(w.t, w.keeper.Step(w.ctx, w.tx, p, protocol.StepRetire, "lead-1", "mould", at(110)))
	w.late(seen, p, protocol.StepInspectReturn, damaged("mould"))
	require.Equal(w.t, "retired", w.custody(p))
	require.Contains(w.t, w.work(), "rental_mould "+p)
}

func mouldLate(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	p := pieces[0]
	w.bag("s-1", 100, "bag-0", protocol.StepReceive)
	w.scan("s-1", 101, p, protocol.StepUnpack, inBag("bag-0"))
	seen := w.source("s-2", 101.5)
	w.cleaned(p, 102)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-1", p, at(9000), "lead-1", at(110)))
	w.scan("s-1", 111, p, protocol.StepPick, order("o-1"))
	w.scan("s-1", 112, p, protocol.StepPack, order("o-1"), inBag("bag-1"))
	w.bag("s-1", 113, "bag-1", protocol.StepShip)
	require.Equal(w.t, []string{"o-0"}, w.notices())
	w.late(seen, p, protocol.StepInspectReturn, damaged("mould"))
	require.Contains(w.t, w.work(), "rental_mould "+p)
	require.Equal(w.t, []string{"o-0"}, w.notices(), "the other customer has not sent anything back")
	require.Equal(w.t, "shipped", w.orderState("o-1"))
}

func neverLeft(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, p, protocol.StepUnpack)
	require.Equal(w.t, "quarantined", w.custody(p))
	require.Empty(w.t, w.notices())
	require.Equal(w.t, "open", w.orderState("o-0"))
}

func lateIsNoReturn(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	p := pieces[0]
	counted := w.source("s-2", 12) // of a scanner that is heard days later
	w.bag("s-1", 100, "bag-0", protocol.StepReceive)
	w.scan("s-1", 101, p, protocol.StepUnpack, inBag("bag-0"))
	w.cleaned(p, 102)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-1", p, at(9000), "lead-1", at(110)))
	w.scan("s-1", 111, p, protocol.StepPick, order("o-1"))
	w.scan("s-1", 112, p, protocol.StepPack, order("o-1"), inBag("bag-1"))
	w.bag("s-1", 113, "bag-1", protocol.StepShip)
	w.late(counted, p, protocol.StepCount, place("A-0"))
	require.Equal(w.t, "in_transit_out", w.custody(p))
	require.Equal(w.t, "shipped", w.orderState("o-1"))
	require.Equal(w.t, []string{"o-0"}, w.notices())
	require.Equal(w.t, 1, w.item(p).Turns)
}

func outgoingReceived(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	w.bag("s-1", 3, "bag-0", protocol.StepReceive)
	require.Empty(w.t, w.notices(), "the customer has never had it")
	require.Equal(w.t, "open", w.orderState("o-0"))
	require.Equal(w.t, []string{"rental_rule o-0"}, w.work())
}

func missingAgain(w *world) {
	p := piece(dress, 0)
	lost := func(minutes float64) {
		for n := range 2 {
			w.scan("s-1", minutes+float64(n), p, protocol.StepMiss)
		}
	}
	lost(1)
	require.Equal(w.t, []string{"rental_missing " + p}, w.work())
	require.NoError(w.t, w.tx.CloseWork(w.ctx, "rental_missing/"+p, "p-lead", at(5)))
	w.scan("s-1", 10, p, protocol.StepCount, place("A-0"))
	require.Empty(w.t, w.work())
	lost(20)
	require.Equal(w.t, []string{"rental_missing " + p}, w.work())
}

func pickedForCancelled(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	require.NoError(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "o-0", "lead-1", "changed their mind", at(10)))
	w.scan("s-1", 30, p, protocol.StepPick, order("o-0"))
	require.Equal(w.t, []string{"rental_promise " + p}, w.work())
	require.Equal(w.t, "", w.lines("o-0")[0])
	w.scan("s-1", 31, p, protocol.StepPutAway, place("A-0"))
	require.NoError(w.t, w.keeper.Release(w.ctx, w.tx, "o-0", p, "lead-1", "cancelled", at(40)))
	require.Empty(w.t, w.work(), "it lies on its shelf again")
}

func promisesReachScanners(w *world) {
	told := 0
	w.keeper.Changed = func(*store.Tx, string) { told++ }
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-0", piece(dress, 0), at(900), "lead-1", at(1)))
	require.Equal(w.t, 1, told)
	require.NoError(w.t, w.keeper.Release(w.ctx, w.tx, "o-0", piece(dress, 0), "lead-1", "no", at(2)))
	require.Equal(w.t, 2, told)
}

func voided(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	w.bag("s-1", 3, "bag-0", protocol.StepShip)
	require.Equal(w.t, "shipped", w.orderState("o-0"))
	w.bag("s-1", 4, "bag-0", protocol.StepVoidShip)
	require.Equal(w.t, "open", w.orderState("o-0"))
}

func chosenLine(w *world) {
	_, err := w.keeper.AddOrder(w.ctx, w.tx, bulk.RentalOrder{ID: "o-9", CustomerID: "c-9", WarehouseID: "w-1", ShipDate: "2026-12-02",
		Lines: []bulk.RentalLine{{GTIN: dress, ItemID: piece(dress, 3)}, {GTIN: dress}}}, "test", at(0))
	require.NoError(w.t, err)
	w.scan("s-1", 1, piece(dress, 3), protocol.StepQuarantine)
	all := w.allocate("o-9")
	require.Empty(w.t, all[0].Item)
	require.NotEmpty(w.t, all[1].Item)
	require.Equal(w.t, []string{"", all[1].Item}, w.lines("o-9"))
}

func twoRepairers(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	p := pieces[0]
	w.bag("s-1", 100, "bag-0", protocol.StepReceive)
	w.scan("s-1", 101, p, protocol.StepUnpack, inBag("bag-0"))
	w.scan("s-1", 102, p, protocol.StepInspectReturn, damaged("tear"))
	w.scan("s-1", 103, p, protocol.StepClean)
	w.scan("s-1", 104, p, protocol.StepCleaned)
	for n, badge := range []string{"ann", "bob"} {
		w.scan("s-1", 105+float64(2*n), p, protocol.StepRepair, by(badge))
		w.scan("s-1", 106+float64(2*n), p, protocol.StepRepaired, by(badge))
	}
	for n, badge := range []string{"ann", "bob"} {
		w.scan("s-1", 110+float64(n), p, protocol.StepInspectFinal, passed, by(badge))
		require.False(w.t, w.item(p).Fit(), "%s has repaired it", badge)
	}
	w.scan("s-1", 120, p, protocol.StepInspectFinal, passed, by("cyd"))
	require.True(w.t, w.item(p).Fit())
}

func elsewhere(w *world) {
	p := piece(dress, 0)
	src := w.source("shop-scanner", 1)
	src.Warehouse = "shop-1"
	err := w.keeper.Item(w.ctx, w.tx, src, protocol.ItemScanned{Item: p, Step: protocol.StepQuarantine, Verdict: 1})
	require.ErrorIs(w.t, err, rental.ErrNoWarehouse)
}

func nothingDone(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	require.ErrorAs(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "o-0", "lead-1", "no", at(30)), new(*rental.Refusal))
	require.ErrorIs(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "nobody", "lead-1", "no", at(30)), store.ErrNotFound)
	err := w.keeper.Except(w.ctx, w.tx, store.BagEvent{Bag: "bag-7", Recorded: at(30)}, pieces[0], "kept")
	require.ErrorIs(w.t, err, store.ErrNotFound)
	require.NoError(w.t, w.keeper.Except(w.ctx, w.tx, store.BagEvent{Bag: "bag-0", Recorded: at(30)}, pieces[0], "kept"))
	require.Equal(w.t, pieces[1:], w.inside("bag-0"))
}

func redatedPack(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-2", 1, p, protocol.StepPick, order("o-0"))
	packed := w.source("s-1", 600) // its clock is wrong
	w.late(packed, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	w.bag("s-2", 60, "bag-0", protocol.StepShip)
	require.Equal(w.t, "packed", w.custody(p))
	packed.At = at(10)
	require.NoError(w.t, w.keeper.Redate(w.ctx, w.tx, packed))
	require.Equal(w.t, "in_transit_out", w.custody(p))
}

func kindOfWork(w *world) {
	p := piece(dress, 0)
	require.NoError(w.t, w.tx.AgainWork(w.ctx, "x", rental.WorkRule, p, "one thing", at(1)))
	require.NoError(w.t, w.tx.AgainWork(w.ctx, "x", rental.WorkDoubt, p, "another", at(2)))
	require.Equal(w.t, []string{"rental_doubt " + p}, w.work())
}

func importedAfterScan(w *world) {
	p := piece(dress, 77)
	w.scan("s-1", 1, p, protocol.StepCount, place("A-0"))
	err := rental.Intake(&w.keeper, w.ctx, w.tx, bulk.RentalItem{ID: p, GTIN: dress, WarehouseID: "w-1", Shelf: "A-0", Grade: 1}, true, "lead-1", at(10))
	require.NoError(w.t, err)
	require.Equal(w.t, "shelved", w.custody(p))
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-0", p, at(900), "lead-1", at(20)))
	require.NoError(w.t, w.keeper.Release(w.ctx, w.tx, "o-0", p, "lead-1", "no", at(30)))
}
