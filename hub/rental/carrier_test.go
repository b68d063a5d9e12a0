package rental_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// A carrier knows a bag by its label or waybill, and nothing of orders: what is in the bag goes with it.
func TestACarrierSpeaksOfABag(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 4)
		for rule, test := range map[string]func(w *world, pieces []string){
			"by its SSCC, and by its waybill": func(w *world, pieces []string) {
				w.carrier(21, "bag-0", protocol.StepDeliver)
				require.Equal(w.t, "on_rent", w.custody(pieces[0]))
				require.Equal(w.t, "on_rent", w.custody(pieces[1]))
				w.carrier(22, "W1", protocol.StepSendBack)
				require.Equal(w.t, "in_transit_back", w.custody(pieces[0]))
			},
			"a piece of another order that was packed with them is where they are": func(w *world, pieces []string) {
				w.allocate("o-1")
				other, packed := w.lines("o-1")[0], w.source("s-3", 8)
				w.scan("s-4", 6, other, protocol.StepPick, order("o-1"))
				w.carrier(21, "bag-0", protocol.StepDeliver)
				w.late(packed, other, protocol.StepPack, order("o-1"), inBag("bag-0"))
				require.Equal(w.t, "on_rent", w.custody(other), "its packing was heard of later")
			},
			"what is said again, or out of turn, changes nothing": func(w *world, pieces []string) {
				w.carrier(21, "bag-0", protocol.StepDeliver)
				w.carrier(22, "bag-0", protocol.StepSendBack)
				events := w.item(pieces[0]).Events
				w.carrier(23, "bag-0", protocol.StepDeliver)
				w.carrier(24, "bag-0", protocol.StepSendBack)
				require.Equal(w.t, events, w.item(pieces[0]).Events)
				require.Empty(w.t, w.work())
			},
			"not when the bag is back, nor of one that nobody knows": func(w *world, pieces []string) {
				w.bag("s-2", 25, "bag-0", protocol.StepReceive)
				require.ErrorAs(w.t, w.keeper.Carried(w.ctx, w.tx, "W1", protocol.StepDeliver, "carrier", at(26)), new(*rental.Refusal))
				require.ErrorIs(w.t, w.keeper.Carried(w.ctx, w.tx, "W2", protocol.StepDeliver, "carrier", at(26)), store.ErrNotFound)
				require.Equal(w.t, "return_received", w.custody(pieces[0]))
			},
			"its waybill says nothing of a bag that is packed again": func(w *world, pieces []string) {
				w.carrier(21, "bag-0", protocol.StepDeliver)
				w.bag("s-2", 25, "bag-0", protocol.StepReceive)
				w.allocate("o-1")
				other := w.lines("o-1")[0]
				w.scan("s-1", 26, other, protocol.StepPick, order("o-1"))
				w.scan("s-1", 27, other, protocol.StepPack, order("o-1"), inBag("bag-0"))
				require.ErrorAs(w.t, w.keeper.Carried(w.ctx, w.tx, "W1", protocol.StepDeliver, "carrier", at(28)), new(*rental.Refusal))
				require.Equal(w.t, "packed", w.custody(other))
			},
			"what is on its way back was delivered": func(w *world, pieces []string) {
				w.carrier(21, "bag-0", protocol.StepSendBack)
				w.carrier(22, "bag-0", protocol.StepDeliver)
				require.Equal(w.t, "in_transit_back", w.custody(pieces[0]))
				require.Empty(w.t, w.work())
			},
			"after a scanner whose clock is ahead, and by a hub whose clock went back": func(w *world, pieces []string) {
				w.bag("s-2", 90, "bag-0", protocol.StepShip)
				w.carrier(21, "bag-0", protocol.StepDeliver)
				require.Equal(w.t, "on_rent", w.custody(pieces[0]))
				w.carrier(11, "bag-0", protocol.StepSendBack)
				require.Equal(w.t, "in_transit_back", w.custody(pieces[0]))
				require.Empty(w.t, w.work())
			},
			"a bag that is used again is delivered again": func(w *world, pieces []string) {
				w.carrier(21, "bag-0", protocol.StepDeliver)
				w.bag("s-2", 25, "bag-0", protocol.StepReceive)
				w.allocate("o-1")
				other := w.lines("o-1")[0]
				w.scan("s-1", 26, other, protocol.StepPick, order("o-1"))
				w.scan("s-1", 27, other, protocol.StepPack, order("o-1"), inBag("bag-0"))
				w.bag("s-1", 28, "bag-0", protocol.StepShip)
				w.carrier(29, "bag-0", protocol.StepDeliver)
				require.Equal(w.t, "on_rent", w.custody(other))
			},
		} {
			t.Run(rule, func(t *testing.T) {
				tried(t, s, func(w *world) {
					w.t = t
					w.allocate("o-0")
					pieces := w.lines("o-0")
					for n, p := range pieces {
						w.scan("s-1", 1+float64(n), p, protocol.StepPick, order("o-0"))
						w.scan("s-1", 4+float64(n), p, protocol.StepPack, order("o-0"), inBag("bag-0"))
					}
					w.bag("s-1", 10, "bag-0", protocol.StepShip, func(b *protocol.BagScanned) { b.Order, b.Waybill = "o-0", "W1" })
					test(w, pieces)
				})
			})
		}
	})
}

func (w *world) carrier(minutes float64, bag string, step protocol.Step) {
	w.t.Helper()
	require.NoError(w.t, w.keeper.Carried(w.ctx, w.tx, bag, step, "carrier", at(minutes)))
}

// TestABagOfWhichNobodyKnowsWhatIsInItIsWork: found by 100,000 simulated pieces. One was packed alone and not scanned by somebody without a
// network, and its bag left: the hub knew of a bag and of a piece in a tote, and told nobody.
func TestABagOfWhichNobodyKnowsWhatIsInItIsWork(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 4)
		for rule, test := range map[string]func(w *world, piece string){
			"until it is back":      func(w *world, _ string) { w.bag("s-1", 20, "bag-0", protocol.StepReceive) },
			"until it has not left": func(w *world, _ string) { w.bag("s-1", 20, "bag-0", protocol.StepVoidShip) },
			"until a packing is heard": func(w *world, p string) {
				w.late(w.source("s-2", 5), p, protocol.StepPack, order("o-0"), inBag("bag-0"))
			},
		} {
			t.Run(rule, func(t *testing.T) {
				tried(t, s, func(w *world) {
					w.t = t
					w.allocate("o-0")
					pieces := w.lines("o-0")
					w.scan("s-1", 1, pieces[0], protocol.StepPick, order("o-0"))
					w.scan("s-1", 2, pieces[1], protocol.StepPick, order("o-0"))
					w.bag("s-1", 10, "bag-0", protocol.StepShip)
					require.Equal(t, []string{"rental_rule bag-0"}, w.work())
					test(w, pieces[0])
					require.NotContains(t, w.work(), "rental_rule bag-0")
				})
			})
		}
	})
}
