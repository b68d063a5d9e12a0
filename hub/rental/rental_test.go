package rental_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

func TestRental(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 4)
		for rule, test := range map[string]func(*world){
			"a piece goes round and may be let again only after its final inspection":  goesRound,
			"what two devices have picked is one's, and work for a person":             pickedTwice,
			"a late scan that explains a breach settles its work by itself":            heals,
			"a promise that was made on an older view becomes work":                    brokenPromise,
			"a piece that is packed late goes where its bag went":                      packedLate,
			"what was packed and does not come out of its bag is work, until it does":  missingFromBag,
			"an equivalent piece may be picked, and frees the one that was allocated":  swaps,
			"a piece that nobody has registered keeps its history until somebody does": registeredLate,
			"a piece that stands still is work, until it goes on":                      overdue,
			"mould is quarantined, and who was in the bag with it is named":            mould,
			"other things in a bag have each their way":                                finds,
			"what two counts do not find is missing, and found again":                  counted,
			"a refusal says the reason and what would be legal":                        refusals,
			"a promise that has run out is another's to have":                          expires,
			"scans whose order nobody knows are work":                                  doubts,
			"two scans that others lie between are in doubt, too":                      doubtsAcross,
			"what was scanned before a piece was registered counts once it is":         packedUnregistered,
			"an order that leaves with a line missing is work, until it has it":        leftShort,
			"a count goes by the device's proven time, not its clock":                  countedByWrongClock,
			"no two orders that lie side by side have one tote":                        totes,
			"a better time tells the history again":                                    redated,
			"a step that fails leaves nothing behind":                                  undone,
		} {
			t.Run(rule, func(t *testing.T) { tried(t, s, func(w *world) { w.t = t; test(w) }) })
		}
	})
}

func goesRound(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	require.Equal(w.t, "on_rent", w.custody(pieces[0]))
	require.Empty(w.t, w.work())
	w.bag("s-1", 100, "bag-0", protocol.StepReceive, func(b *protocol.BagScanned) { b.Order = "o-0" })
	require.Equal(w.t, "return_received", w.custody(pieces[0]), "the pieces come with their bag")
	o, err := w.tx.RentalOrder(w.ctx, "o-0")
	require.NoError(w.t, err)
	require.Equal(w.t, "returned", o.State)
	notices, err := w.tx.DueReturnNotices(w.ctx, at(200), 10)
	require.NoError(w.t, err)
	require.Len(w.t, notices, 1, "the next styling begins once an order")
	require.Equal(w.t, "c-0", notices[0].Customer)
	p := pieces[0]
	w.scan("s-1", 101, p, protocol.StepUnpack, inBag("bag-0"))
	w.scan("s-1", 102, p, protocol.StepInspectReturn)
	w.scan("s-1", 103, p, protocol.StepClean)
	w.scan("s-1", 104, p, protocol.StepCleaned)
	_, err = w.keeper.AllocateOrder(w.ctx, w.tx, "o-1", at(900), "lead-1", at(104))
	require.NoError(w.t, err)
	require.NotContains(w.t, w.lines("o-1"), p, "not inspected yet")
	w.scan("s-1", 105, p, protocol.StepInspectFinal, passed, by("op-2"))
	w.scan("s-1", 106, p, protocol.StepPutAway, place("A-1"))
	i := w.item(p)
	require.True(w.t, i.Available(at(107)))
	require.Equal(w.t, 1, i.Turns)
	require.Equal(w.t, at(106), i.Since)
	require.Empty(w.t, w.work())
}

func pickedTwice(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	w.scan("s-2", 2, p, protocol.StepPick, order("o-1"))
	require.Equal(w.t, "o-0", w.item(p).Order, "no overwrite")
	require.Equal(w.t, []string{"rental_picked_twice " + p}, w.work())
	history, err := w.tx.RentalHistory(w.ctx, p)
	require.NoError(w.t, err)
	picks := map[string]string{}
	for _, e := range history {
		if e.Step == protocol.StepPick {
			picks[e.Order] = e.Device
		}
	}
	require.Equal(w.t, map[string]string{"o-0": "s-1/1", "o-1": "s-2/1"}, picks, "both histories are there")
}

func heals(w *world) {
	p := piece(dress, 50)
	w.scan("s-1", 0, p, protocol.StepRegister)
	inspected := w.source("s-1", 1) // its network is cut
	w.scan("s-2", 5, p, protocol.StepPutAway, place("A-1"))
	require.Equal(w.t, "quarantined", w.custody(p))
	require.Equal(w.t, []string{"rental_rule " + p}, w.work())
	w.late(inspected, p, protocol.StepInspectIn, passed)
	require.Equal(w.t, "shelved", w.custody(p))
	require.Empty(w.t, w.work())
	all, err := w.tx.Work(w.ctx, true, 10)
	require.NoError(w.t, err)
	require.Contains(w.t, all[0].Detail, "settled by itself: it is explained by what was heard later: inspect_in by s-1 (op-1)")
	require.Zero(w.t, w.item(p).Breaches)
}

func brokenPromise(w *world) {
	p := piece(dress, 0)
	quarantined := w.source("s-1", 1)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-0", p, at(900), "lead-1", at(5)))
	require.Equal(w.t, p, w.lines("o-0")[0])
	w.late(quarantined, p, protocol.StepQuarantine, func(b *protocol.ItemScanned) { b.Reason = "smell" })
	require.Equal(w.t, "quarantined", w.custody(p))
	require.Equal(w.t, "", w.lines("o-0")[0], "the line is open again")
	require.Equal(w.t, []string{"rental_promise " + p}, w.work())
}

func packedLate(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	w.scan("s-1", 1, p, protocol.StepPick, order("o-0"))
	packed := w.source("s-1", 2)
	w.bag("s-2", 10, "bag-0", protocol.StepShip, func(b *protocol.BagScanned) { b.Order = "o-0" })
	require.Equal(w.t, "picked", w.custody(p))
	w.late(packed, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	require.Equal(w.t, "in_transit_out", w.custody(p))
	require.Equal(w.t, []string{"rental_short o-0"}, w.work(), "its coat was not picked")
	w.scan("s-3", 3, p, protocol.StepPack, order("o-0"), inBag("bag-0")) // again, at another table: it leaves once all the same
	require.Equal(w.t, "in_transit_out", w.custody(p))
	history, err := w.tx.RentalHistory(w.ctx, p)
	require.NoError(w.t, err)
	shipped := slices.DeleteFunc(history, func(e store.RentalEvent) bool { return e.Step != protocol.StepShip })
	require.Len(w.t, shipped, 1)
}

func missingFromBag(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	w.bag("s-1", 100, "bag-0", protocol.StepReceive, func(b *protocol.BagScanned) { b.Order = "o-0" })
	w.scan("s-1", 101, pieces[0], protocol.StepUnpack, inBag("bag-0"))
	second := w.source("s-2", 101)
	w.bag("s-1", 102, "bag-0", protocol.StepUnpack)
	require.Equal(w.t, []string{"rental_bag_missing " + pieces[1]}, w.work())
	w.late(second, pieces[1], protocol.StepUnpack, inBag("bag-0"))
	require.Empty(w.t, w.work(), "another scanner had it")
}

func swaps(w *world) {
	w.allocate("o-0")
	was := w.lines("o-0")[0]
	other := piece(dress, 3)
	require.NotEqual(w.t, was, other)
	w.scan("s-1", 1, other, protocol.StepPick, order("o-0"))
	require.Equal(w.t, other, w.lines("o-0")[0])
	require.True(w.t, w.item(was).Available(at(2)), "it is free again")
	require.Empty(w.t, w.work())
	w.scan("s-1", 3, piece(coat, 3), protocol.StepPick, order("o-0")) // of the coat, too
	w.scan("s-1", 4, piece(coat, 2), protocol.StepPick, order("o-0"))
	require.Equal(w.t, []string{"rental_swap " + piece(coat, 2)}, w.work(), "nobody wants a third")
}

func registeredLate(w *world) {
	p := piece(dress, 99)
	w.scan("s-1", 5, p, protocol.StepInspectIn, passed)
	require.Equal(w.t, []string{"rental_unregistered " + p}, w.work())
	registered := w.source("s-2", 1)
	w.late(registered, p, protocol.StepRegister)
	require.Equal(w.t, "inspected_in", w.custody(p))
	require.Empty(w.t, w.work())
	foreign := "(01)09520001000034(21)X"
	w.scan("s-1", 6, foreign, protocol.StepUnpack)
	require.Equal(w.t, []string{"rental_foreign " + foreign}, w.work())
}

func mould(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	w.bag("s-1", 100, "bag-0", protocol.StepReceive)
	w.scan("s-1", 101, pieces[0], protocol.StepUnpack, inBag("bag-0"))
	w.scan("s-1", 102, pieces[0], protocol.StepInspectReturn, damaged("mould"))
	require.Equal(w.t, "quarantined", w.custody(pieces[0]))
	all, err := w.tx.Work(w.ctx, false, 10)
	require.NoError(w.t, err)
	require.Equal(w.t, rental.WorkMould, all[0].Kind)
	require.Contains(w.t, all[0].Detail, pieces[1])
}

func overdue(w *world) {
	p := w.out("o-0", "bag-0", 20)[0]
	w.bag("s-1", 100, "bag-0", protocol.StepReceive, func(b *protocol.BagScanned) { b.Order = "o-0" })
	w.scan("s-1", 101, p, protocol.StepUnpack, inBag("bag-0"))
	look := func(days int) int {
		now := at(102).AddDate(0, 0, days)
		any, err := rental.AnyOverdue(w.ctx, w.tx, now)
		require.NoError(w.t, err)
		n, err := w.keeper.Overdue(w.ctx, w.tx, now, 100)
		require.NoError(w.t, err)
		require.Equal(w.t, n > 0, any)
		return n
	}
	require.Zero(w.t, look(1))
	require.Equal(w.t, 2, look(3), "the piece on the table, and the one that is still in the bag")
	require.Zero(w.t, look(3), "once")
	require.Equal(w.t, []string{"rental_overdue " + p, "rental_overdue " + piece(coat, 0)}, w.work())
	w.scan("s-1", 4*24*60, p, protocol.StepInspectReturn)
	require.Equal(w.t, []string{"rental_overdue " + piece(coat, 0)}, w.work())
	require.Equal(w.t, 1, look(8), "it stands still again")
}

func finds(w *world) {
	w.bag("s-1", 1, "", protocol.StepReceive, func(b *protocol.BagScanned) { b.Alias = "X1" })
	w.scan("s-1", 1.5, piece(dress, 0), protocol.StepUnpack, func(b *protocol.ItemScanned) { b.Bag = "X1" })
	i, err := w.tx.RentalItem(w.ctx, piece(dress, 0))
	require.NoError(w.t, err)
	require.Equal(w.t, "nolabel/s-1/X1", i.Bag, "its pieces are in the bag by the name that the scanner gave it")
	w.bag("s-1", 2, "", protocol.StepUnpack, func(b *protocol.BagScanned) {
		b.Alias = "X1"
		b.Found = []protocol.BagFind{{Kind: "belongings", Note: "keys"}, {Kind: "foreign", Scan: "4901234567894"}, {Kind: "unlabelled"}}
	})
	require.Equal(w.t, []string{"rental_bag_unlabelled nolabel/s-1/X1", "rental_belongings nolabel/s-1/X1", "rental_foreign nolabel/s-1/X1", "rental_rule " + piece(dress, 0),
		"rental_unlabelled nolabel/s-1/X1"}, w.work())
}

func counted(w *world) {
	count := func(minutes float64) {
		src := w.source("s-1", minutes)
		require.NoError(w.t, w.keeper.Shelf(w.ctx, w.tx, src, protocol.ShelfCounted{Place: "A-0", Begun: at(minutes - 1).UnixMilli()}))
	}
	here, away := piece(dress, 0), piece(dress, 3)
	for _, minutes := range []float64{10, 20} {
		w.scan("s-1", minutes-0.5, here, protocol.StepCount, place("A-0"))
		count(minutes)
	}
	require.Equal(w.t, "shelved", w.custody(here))
	require.Equal(w.t, "missing", w.custody(away))
	require.Equal(w.t, []string{"rental_missing " + away}, w.work())
	w.scan("s-1", 30, away, protocol.StepCount, place("A-2"))
	require.Equal(w.t, "shelved", w.custody(away))
	require.Empty(w.t, w.work())
}

func refusals(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	err := w.keeper.Allocate(w.ctx, w.tx, "o-1", p, at(900), "lead-1", at(1))
	var refused *rental.Refusal
	require.ErrorAs(w.t, err, &refused)
	require.Equal(w.t, "o-0", refused.Order)
	require.Contains(w.t, err.Error(), "allocate of "+p+": the piece is promised to another order; it is shelved; legal next: ")
	require.Contains(w.t, err.Error(), "pick")
	require.ErrorAs(w.t, w.keeper.Step(w.ctx, w.tx, p, protocol.StepSell, "lead-1", "", at(1)), &refused)
	require.ErrorAs(w.t, w.keeper.Step(w.ctx, w.tx, p, protocol.StepRetire, "lead-1", "worn", at(1)), &refused, "nobody retires what is promised")
	require.ErrorIs(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-9", p, at(900), "lead-1", at(1)), store.ErrNotFound)
	require.NoError(w.t, w.keeper.Release(w.ctx, w.tx, "o-0", p, "lead-1", "customer's wish", at(2)))
	require.NoError(w.t, w.keeper.Step(w.ctx, w.tx, p, protocol.StepRetire, "lead-1", "worn", at(3)))
	require.ErrorAs(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-1", p, at(900), "lead-1", at(4)), &refused, "nothing that is retired is promised")
}

func expires(w *world) {
	p := piece(dress, 0)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-0", p, at(10), "lead-1", at(0)))
	n, err := w.keeper.Expire(w.ctx, w.tx, at(9), 100)
	require.NoError(w.t, err)
	require.Zero(w.t, n)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-1", p, at(30), "lead-1", at(11)), "also before anybody has swept it")
	require.Equal(w.t, "", w.lines("o-0")[0])
	n, err = w.keeper.Expire(w.ctx, w.tx, at(31), 100)
	require.NoError(w.t, err)
	require.Equal(w.t, 1, n)
	all, err := w.tx.CommitmentsOf(w.ctx, p)
	require.NoError(w.t, err)
	require.Equal(w.t, []string{"expired", "expired"}, []string{all[0].How, all[1].How})
}

func doubts(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	a, b := w.source("s-1", 1), w.source("s-2", 1.01)
	w.late(a, p, protocol.StepPick, order("o-0"))
	w.late(b, p, protocol.StepQuarantine)
	require.Contains(w.t, w.work(), "rental_promise "+p)
	item := w.item(p)
	require.Equal(w.t, "quarantined", rental.CustodyName(item.Custody))
	require.Positive(w.t, item.Breaches)
}

func doubtsAcross(w *world) {
	p := piece(dress, 0)
	unsure := w.source("s-2", 10)
	unsure.Within = 30 * time.Minute
	w.late(unsure, p, protocol.StepPick, order("o-0"))
	w.scan("s-3", 15, p, protocol.StepPick, order("o-0")) // sure, and after the device's own time
	w.scan("s-3", 20, p, protocol.StepPutAway, place("A-1"))
	history, err := w.tx.RentalHistory(w.ctx, p)
	require.NoError(w.t, err)
	require.Equal(w.t, rental.Doubt, history[len(history)-1].Breach, "it may have been picked after that")
	w.scan("s-3", 60, p, protocol.StepCount, place("A-1"))
	history, err = w.tx.RentalHistory(w.ctx, p)
	require.NoError(w.t, err)
	require.Empty(w.t, history[len(history)-1].Breach, "that was after all")
}

func packedUnregistered(w *world) {
	p := piece(dress, 88)
	w.scan("s-1", 1, p, protocol.StepInspectIn, passed)
	w.scan("s-1", 2, p, protocol.StepPutAway, place("A-0"))
	w.scan("s-1", 3, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 4, p, protocol.StepPack, order("o-0"), inBag("bag-0"))
	w.bag("s-2", 5, "bag-0", protocol.StepShip)
	w.scan("s-3", 30, p, protocol.StepRegister) // written down when it had left
	require.Equal(w.t, "in_transit_out", w.custody(p))
	require.Equal(w.t, at(5), w.item(p).Since.UTC())
	state, _ := w.order("o-0")
	require.Equal(w.t, "shipped", state)
	require.NotContains(w.t, w.work(), "rental_unregistered "+p)
}

func leftShort(w *world) {
	dressed, coated := piece(dress, 0), piece(coat, 0)
	require.NoError(w.t, w.keeper.Allocate(w.ctx, w.tx, "o-0", dressed, at(900), "lead-1", at(0)))
	w.scan("s-1", 1, dressed, protocol.StepPick, order("o-0"))
	w.scan("s-1", 2, dressed, protocol.StepPack, order("o-0"), inBag("bag-0"))
	require.Empty(w.t, w.work(), "it may still come")
	ship := w.source("s-1", 3)
	require.NoError(w.t, w.keeper.Bag(w.ctx, w.tx, ship, protocol.BagScanned{Bag: "bag-0", Step: protocol.StepShip, Verdict: 1}))
	require.Equal(w.t, []string{"rental_short o-0"}, w.work())
	w.scan("s-2", 4, coated, protocol.StepPick, order("o-0"))
	w.scan("s-2", 5, coated, protocol.StepPack, order("o-0"), inBag("bag-1"))
	require.Equal(w.t, []string{"rental_short o-0"}, w.work(), "packed is not sent")
	w.bag("s-2", 6, "bag-1", protocol.StepShip)
	require.Empty(w.t, w.work(), "it was sent after")
}

func countedByWrongClock(w *world) {
	p := piece(dress, 0)
	w.scan("s-1", 1, p, protocol.StepPutAway, place("A-0"))
	for _, minutes := range []float64{10, 20} { // a clock that is a day behind, and begins five minutes before it ends
		src := w.source("s-2", minutes)
		src.Clock = src.At.Add(-24 * time.Hour)
		begun := src.Clock.Add(-5 * time.Minute)
		require.NoError(w.t, w.keeper.Shelf(w.ctx, w.tx, src, protocol.ShelfCounted{Place: "A-0", Begun: begun.UnixMilli()}))
	}
	require.Equal(w.t, "missing", w.custody(p))
	q := piece(dress, 1)
	w.scan("s-1", 27, q, protocol.StepPutAway, place("A-1"))
	src := w.source("s-2", 30)
	src.Clock = src.At.Add(24 * time.Hour) // ahead: what was put there during the count is not missed
	require.NoError(w.t, w.keeper.Shelf(w.ctx, w.tx, src, protocol.ShelfCounted{Place: "A-1", Begun: src.Clock.Add(-5 * time.Minute).UnixMilli()}))
	require.Zero(w.t, w.item(q).Misses)
}

func totes(w *world) {
	add := func(id, date string) string {
		_, err := w.tx.AddRentalOrder(w.ctx, store.RentalOrder{ID: id, Customer: "c", Warehouse: "w-1", ShipDate: date, Made: at(0)},
			[]store.RentalLine{{GTIN: dress}})
		require.NoError(w.t, err)
		o, err := w.tx.RentalOrder(w.ctx, id)
		require.NoError(w.t, err)
		require.NoError(w.t, w.tx.NumberTote(w.ctx, o))
		o, err = w.tx.RentalOrder(w.ctx, id)
		require.NoError(w.t, err)
		return o.Tote
	}
	require.Equal(w.t, "0001", add("t-1", "2026-12-05"))
	require.Equal(w.t, "0002", add("t-2", "2026-12-06"), "the order of the day before still has its tote")
	require.NoError(w.t, w.tx.MoveRentalOrder(w.ctx, "t-1", "open", "shipped", at(1)))
	require.Equal(w.t, "0001", add("t-3", "2026-12-07"), "it is empty again")
	require.Equal(w.t, "0003", add("t-4", "2026-12-07"), "0002 is an open order's")
}

func redated(w *world) {
	p := piece(dress, 50)
	w.scan("s-1", 0, p, protocol.StepRegister)
	put := w.source("s-2", 1) // by a clock that did not know the time
	w.scan("s-1", 5, p, protocol.StepInspectIn, passed)
	w.late(put, p, protocol.StepPutAway, place("A-1"))
	require.NotEqual(w.t, "shelved", w.custody(p))
	put.At = at(6)
	require.NoError(w.t, w.keeper.Redate(w.ctx, w.tx, put))
	require.Equal(w.t, "shelved", w.custody(p))
	require.Empty(w.t, w.work())
}

func undone(w *world) {
	p := piece(dress, 0)
	before := w.item(p)
	err := w.tx.Savepoint(w.ctx, func() error {
		w.scan("s-1", 1, p, protocol.StepQuarantine)
		require.Equal(w.t, "quarantined", w.custody(p))
		require.NoError(w.t, w.tx.Flush(w.ctx))
		return errUndo
	})
	require.ErrorIs(w.t, err, errUndo)
	require.Equal(w.t, before, w.item(p))
	history, err := w.tx.RentalHistory(w.ctx, p)
	require.NoError(w.t, err)
	require.Len(w.t, history, 3)
}

// Twenty want the same piece at once, in transactions of their own.
func TestOnePieceIsPromisedToOneOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 20)
		p := piece(dress, 0)
		var won sync.Map
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				id := fmt.Sprintf("o-%d", n)
				err := s.Change(t.Context(), func(tx *store.Tx) error {
					return (&rental.Keeper{}).Allocate(t.Context(), tx, id, p, day.Add(time.Hour), "test", day)
				})
				if err == nil {
					won.Store(id, true)
				} else if !errors.As(err, new(*rental.Refusal)) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		winners := 0
		won.Range(func(any, any) bool { winners++; return true })
		require.Equal(t, 1, winners)
		err := s.Change(t.Context(), func(tx *store.Tx) error { // whatever a program does wrong
			if err := tx.AddCommitment(t.Context(), store.Commitment{Item: p, Order: "o-0", Line: 1, Made: day.Add(time.Second)}); err != nil {
				return err
			}
			return tx.AddCommitment(t.Context(), store.Commitment{Item: p, Order: "o-1", Line: 1, Made: day.Add(2 * time.Second)})
		})
		require.Error(t, err, "the schema holds one order a piece")
	})
}

func TestImportGivesEachRowItsOutcome(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 3)
		in := files(3)
		in[bulk.RentalItemsFile].Data = append(in[bulk.RentalItemsFile].Data, []byte(piece(dress, 7)+",w-1,,\nnothing,w-1,,\n"+
			piece(dress, 8)+",w-9,,\n(01)09520001000034(21)A,w-1,,\n"+piece(dress, 9)+",w-1,Z-9,A\n")...)
		done, err := (&rental.Keeper{}).Import(t.Context(), s, bulk.ReadRental(in), "test", day)
		require.NoError(t, err)
		require.Equal(t, []int{1, 0, 4}, []int{done.New, done.Changed, done.Refuse})
		var whys []string
		for _, o := range done.Outcomes {
			if o.Outcome == bulk.RowRefused {
				whys = append(whys, o.Why)
			}
		}
		require.Contains(t, whys[0], `rental_items.csv, row 9, column item: "nothing": want a serialised GTIN`)
		require.Contains(t, whys[1], "row 10: want a warehouse that was imported, not w-9")
		require.Contains(t, whys[2], "row 11: want a piece of a garment that was imported")
		require.Contains(t, whys[3], "row 12: want a shelf of w-1, not Z-9")
	})
}
