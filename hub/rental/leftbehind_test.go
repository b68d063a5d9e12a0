package rental_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/storetest"
	"meguri/protocol"
)

// TestAPieceThatAnOrderLeftWithoutIsWork: found by 100,000 simulated pieces, of which one was packed and not scanned. Its order was shipped,
// and nobody was told that the piece was said to be in its tote.
func TestAPieceThatAnOrderLeftWithoutIsWork(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 4)
		for rule, test := range map[string]func(w *world, sent, left string){
			"it is work when the bag leaves": func(w *world, sent, left string) {
				w.bag("s-2", 10, "bag-0", protocol.StepShip)
				require.Equal(w.t, []string{"rental_rule " + left}, w.work())
				w.scan("s-1", 20, left, protocol.StepPutAway, place("A-0"))
				require.Empty(w.t, w.work(), "it was in the tote")
			},
			"it was in the bag, and comes back in it": func(w *world, sent, left string) {
				w.bag("s-2", 10, "bag-0", protocol.StepShip)
				w.bag("s-2", 100, "bag-0", protocol.StepReceive)
				w.scan("s-2", 101, left, protocol.StepUnpack, inBag("bag-0"))
				all, err := w.tx.Work(w.ctx, false, 100)
				require.NoError(w.t, err)
				for _, v := range all {
					require.NotEqual(w.t, "rental_left_behind/"+left+"/o-0", v.ID, "nobody looks for it in a tote")
				}
			},
			"its packing is heard later": func(w *world, sent, left string) {
				packed := w.source("s-3", 5)
				w.bag("s-2", 10, "bag-0", protocol.StepShip)
				require.NotEmpty(w.t, w.work())
				w.late(packed, left, protocol.StepPack, order("o-0"), inBag("bag-0"))
				require.Empty(w.t, w.work())
				require.Equal(w.t, "in_transit_out", w.custody(left))
			},
			"the order has not left after all": func(w *world, sent, left string) {
				w.bag("s-2", 10, "bag-0", protocol.StepShip)
				w.bag("s-2", 11, "bag-0", protocol.StepVoidShip)
				require.Empty(w.t, w.work())
			},
		} {
			t.Run(rule, func(t *testing.T) {
				tried(t, s, func(w *world) {
					w.t = t
					w.allocate("o-0")
					pieces := w.lines("o-0")
					for n, p := range pieces {
						w.scan("s-1", 1+float64(n), p, protocol.StepPick, order("o-0"))
					}
					w.scan("s-1", 4, pieces[0], protocol.StepPack, order("o-0"), inBag("bag-0"))
					test(w, pieces[0], pieces[1])
				})
			})
		}
		t.Run("what left with its order was put away again before the packing was heard", func(t *testing.T) {
			tried(t, s, func(w *world) {
				w.t = t
				w.allocate("o-0")
				pieces := w.lines("o-0")
				for n, p := range pieces {
					w.scan("s-1", 1+float64(n), p, protocol.StepPick, order("o-0"))
				}
				packed := w.source("s-3", 5) // its scanner refused the piece, and it was laid aside
				w.bag("s-2", 10, "bag-0", protocol.StepShip)
				w.scan("s-1", 60, pieces[0], protocol.StepPutAway, place("A-0"))
				w.late(packed, pieces[0], protocol.StepPack, inBag("bag-0"))
				require.Equal(t, "shipped", w.orderState("o-0"))
				require.Contains(t, w.work(), "rental_rule "+pieces[1], "a bag of its order has left, and it is said to be in the tote")
			})
		})
		t.Run("its picking is heard after its order has left", func(t *testing.T) {
			tried(t, s, func(w *world) {
				w.t = t
				w.allocate("o-0")
				pieces := w.lines("o-0")
				w.scan("s-1", 1, pieces[0], protocol.StepPick, order("o-0"))
				w.scan("s-1", 4, pieces[0], protocol.StepPack, order("o-0"), inBag("bag-0"))
				picked := w.source("s-3", 2)
				w.bag("s-1", 10, "bag-0", protocol.StepShip)
				require.Equal(t, []string{"rental_short o-0"}, w.work(), "as far as is known it was not picked")
				w.late(picked, pieces[1], protocol.StepPick, order("o-0"))
				require.ElementsMatch(t, []string{"rental_short o-0", "rental_rule " + pieces[1]}, w.work(), "it was picked, and has not left")
			})
		})
	})
}
