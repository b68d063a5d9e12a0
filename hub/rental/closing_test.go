package rental_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

func TestWhenOrdersClose(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 4)
		for rule, test := range map[string]func(*world){
			"an order closes when its last piece has come back, and not before":    closesWithTheLast,
			"what the customer buys closes when it is paid":                        closesWhenPaid,
			"what is declared lost closes with its charge, and may come back":      closesWhenLost,
			"a piece that is not in its bag keeps its order open until it is lost": closesWhenNotInItsBag,
			"what was lost in the house leaves its order, and nobody is charged":   lostInTheHouse,
			"a piece that stands for a closed order after all opens it again":      reopens,
			"an order is cancelled only while it is open, and then nothing of it":  cancels,
		} {
			t.Run(rule, func(t *testing.T) { tried(t, s, func(w *world) { w.t = t; test(w) }) })
		}
	})
}

func (w *world) order(id string) (string, store.Progress) {
	w.t.Helper()
	o, err := w.tx.RentalOrder(w.ctx, id)
	require.NoError(w.t, err)
	p, err := w.tx.RentalProgress(w.ctx, id)
	require.NoError(w.t, err)
	return o.State, p[id]
}

func closesWithTheLast(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	w.scan("s-1", 100, pieces[0], protocol.StepUnpack) // alone, without its bag
	state, p := w.order("o-0")
	require.Equal(w.t, "returned", state)
	require.Equal(w.t, store.Progress{Open: 1, Returned: 1}, p, "partly returned")
	w.scan("s-1", 200, pieces[1], protocol.StepUnpack)
	state, p = w.order("o-0")
	require.Equal(w.t, "closed", state)
	require.Equal(w.t, store.Progress{Returned: 2}, p)
	o, err := w.tx.RentalOrder(w.ctx, "o-0")
	require.NoError(w.t, err)
	require.Equal(w.t, at(100), o.Returned)
	require.Equal(w.t, at(200), o.Closed)
}

func closesWhenPaid(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	require.NoError(w.t, w.keeper.Sell(w.ctx, w.tx, pieces[0], nil, "lead-1", at(90)))
	w.scan("s-1", 200, pieces[1], protocol.StepUnpack)
	state, p := w.order("o-0")
	require.Equal(w.t, "returned", state, "nothing is out, and money is open")
	require.Equal(w.t, store.Progress{Returned: 1, Sold: 1}, p)
	open, err := w.tx.OpenRentalCharges(w.ctx, 10)
	require.NoError(w.t, err)
	require.Len(w.t, open, 1)
	require.EqualValues(w.t, 24000, open[0].Yen, "what the garment costs")
	require.NoError(w.t, w.keeper.SettleCharge(w.ctx, w.tx, "o-0", pieces[0], "lead-1", "by card", at(300)))
	state, _ = w.order("o-0")
	require.Equal(w.t, "closed", state)
	require.ErrorIs(w.t, w.keeper.SettleCharge(w.ctx, w.tx, "o-0", pieces[0], "lead-1", "again", at(301)), store.ErrNotFound)

	free := int64(0)
	both := w.out("o-1", "bag-1", 400)
	for _, p := range both {
		require.NoError(w.t, w.keeper.Sell(w.ctx, w.tx, p, &free, "lead-1", at(410)))
	}
	state, _ = w.order("o-1")
	require.Equal(w.t, "closed", state, "nothing comes back, and nothing is owed")
}

func closesWhenLost(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	yen := int64(10_000)
	require.NoError(w.t, w.keeper.Lose(w.ctx, w.tx, pieces[0], &yen, "lead-1", "stolen", at(90)))
	require.Equal(w.t, "missing", w.custody(pieces[0]))
	require.Empty(w.t, w.work(), "somebody has decided")
	w.scan("s-1", 200, pieces[1], protocol.StepUnpack)
	state, p := w.order("o-0")
	require.Equal(w.t, "returned", state)
	require.Equal(w.t, store.Progress{Returned: 1, Lost: 1}, p)
	require.NoError(w.t, w.keeper.SettleCharge(w.ctx, w.tx, "o-0", pieces[0], "lead-1", "insurance", at(300)))
	state, _ = w.order("o-0")
	require.Equal(w.t, "closed", state)
	w.scan("s-1", 400, pieces[0], protocol.StepReceive)
	require.Equal(w.t, "return_received", w.custody(pieces[0]))
	require.Equal(w.t, []string{"rental_charge " + pieces[0]}, w.work(), "somebody gives the money back")
	ends, err := w.tx.RentalEnds(w.ctx, "o-0")
	require.NoError(w.t, err)
	require.Equal(w.t, []string{"declared_lost", "returned"}, []string{ends[0].How, ends[1].How})
}

func closesWhenNotInItsBag(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	w.bag("s-1", 100, "bag-0", protocol.StepReceive, func(b *protocol.BagScanned) { b.Order = "o-0" })
	w.scan("s-1", 101, pieces[0], protocol.StepUnpack, inBag("bag-0"))
	w.bag("s-1", 102, "bag-0", protocol.StepUnpack)
	state, _ := w.order("o-0")
	require.Equal(w.t, "returned", state, "nobody has seen the other one")
	none := int64(0)
	require.NoError(w.t, w.keeper.Lose(w.ctx, w.tx, pieces[1], &none, "lead-1", "kept", at(200)))
	state, p := w.order("o-0")
	require.Equal(w.t, "closed", state)
	require.Equal(w.t, store.Progress{Returned: 1, Lost: 1}, p)
	require.Empty(w.t, w.work())
}

func lostInTheHouse(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	var refused *rental.Refusal
	require.ErrorAs(w.t, w.keeper.Lose(w.ctx, w.tx, p, nil, "lead-1", "gone", at(1)), &refused, "it is on its shelf")
	w.scan("s-1", 2, p, protocol.StepPick, order("o-0"))
	w.scan("s-1", 3, p, protocol.StepMiss)
	require.NoError(w.t, w.keeper.Lose(w.ctx, w.tx, p, nil, "lead-1", "gone", at(5)))
	require.Equal(w.t, "", w.lines("o-0")[0], "the line is open for another piece")
	open, err := w.tx.OpenRentalCharges(w.ctx, 10)
	require.NoError(w.t, err)
	require.Empty(w.t, open)
	state, _ := w.order("o-0")
	require.Equal(w.t, "open", state)
}

func reopens(w *world) {
	pieces := w.out("o-0", "bag-0", 20)
	w.scan("s-1", 100, pieces[0], protocol.StepUnpack)
	received := w.source("s-2", 99) // by a clock that is wrong: before the customer had it
	received.At = at(10)
	w.late(received, pieces[1], protocol.StepUnpack)
	state, before := w.order("o-0")
	received.At = at(120)
	require.NoError(w.t, w.keeper.Redate(w.ctx, w.tx, received))
	after, p := w.order("o-0")
	require.Equal(w.t, "closed", after, "%s %+v before", state, before)
	require.Equal(w.t, 0, p.Open)
	received.At = at(10)
	require.NoError(w.t, w.keeper.Redate(w.ctx, w.tx, received))
	again, p := w.order("o-0")
	require.Equal(w.t, again == "closed", p.Open == 0, "%s %+v", again, p)
}

func cancels(w *world) {
	w.allocate("o-0")
	p := w.lines("o-0")[0]
	require.NoError(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "o-0", "lead-1", "wish", at(1)))
	state, _ := w.order("o-0")
	require.Equal(w.t, "cancelled", state)
	i := w.item(p)
	require.True(w.t, i.Available(at(2)))
	w.out("o-1", "bag-1", 50)
	var refused *rental.Refusal
	require.ErrorAs(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "o-1", "lead-1", "wish", at(60)), &refused)
	require.Contains(w.t, refused.Error(), "only an open order is cancelled, and this one is shipped")
	require.ErrorIs(w.t, w.keeper.CancelOrder(w.ctx, w.tx, "o-9", "lead-1", "wish", at(60)), store.ErrNotFound)
}
