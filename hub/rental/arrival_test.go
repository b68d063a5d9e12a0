package rental_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// said is one record of a device: of a piece, or of a bag.
type said struct {
	src  rental.Source
	item *protocol.ItemScanned
	bag  *protocol.BagScanned
}

func (s said) String() string {
	if s.item != nil {
		return fmt.Sprintf("%s/%d %s step %s of %s order %q bag %q", s.src.Device, s.src.Number, s.src.At.Format("15:04:05"), rental.StepName(s.item.Step), s.item.Item,
			s.item.Order, s.item.Bag)
	}
	return fmt.Sprintf("%s/%d %s step %s of bag %s", s.src.Device, s.src.Number, s.src.At.Format("15:04:05"), rental.StepName(s.bag.Step), s.bag.Bag)
}

// story draws what three devices record of two pieces and two bags, a minute or more apart.
func story(r *rapid.T) (all []said) {
	pieces := []string{piece(dress, 0), piece(dress, 1)}
	steps := []protocol.Step{protocol.StepPick, protocol.StepPick, protocol.StepPack, protocol.StepPack, protocol.StepPack, protocol.StepUnpack, protocol.StepUnpack,
		protocol.StepInspectReturn, protocol.StepCount, protocol.StepPutAway}
	moves := []protocol.Step{protocol.StepShip, protocol.StepShip, protocol.StepReceive, protocol.StepReceive, protocol.StepVoidShip}
	numbers := map[string]uint64{}
	for n := range rapid.IntRange(2, 12).Draw(r, "records") {
		device := rapid.SampledFrom([]string{"s-1", "s-2", "s-3"}).Draw(r, "device")
		numbers[device]++
		src := rental.Source{Device: store.DeviceLife(device, "1"), Number: numbers[device], Warehouse: "w-1", At: at(float64(2 * n)),
			Within: time.Second, Recorded: at(600)}
		bag := rapid.SampledFrom([]string{"bag-0", "bag-1"}).Draw(r, "bag")
		if rapid.IntRange(0, 2).Draw(r, "of a bag") == 0 {
			all = append(all, said{src: src, bag: &protocol.BagScanned{Bag: bag, Step: rapid.SampledFrom(moves).Draw(r, "move"), Verdict: 1}})
			continue
		}
		b := protocol.ItemScanned{Item: rapid.SampledFrom(pieces).Draw(r, "piece"), Step: rapid.SampledFrom(steps).Draw(r, "step"), Verdict: 1, Operator: "op-1"}
		switch b.Step {
		case protocol.StepPick:
			b.Order = map[string]string{pieces[0]: "o-0", pieces[1]: "o-1"}[b.Item] // swaps are acts of the hub, on what it knew then
		case protocol.StepPack, protocol.StepUnpack:
			b.Bag = bag
		}
		all = append(all, said{src: src, item: &b})
	}
	return all
}

// heard plays records in an order of arrival, and says what the hub makes of them.
func heard(t *testing.T, s *store.Store, all []said) (made []string) {
	t.Helper()
	err := s.Change(t.Context(), func(tx *store.Tx) error {
		k := &rental.Keeper{}
		for _, x := range all {
			err := tx.Savepoint(t.Context(), func() error {
				if x.item != nil {
					return k.Item(t.Context(), tx, x.src, *x.item)
				}
				return k.Bag(t.Context(), tx, x.src, *x.bag)
			})
			if err != nil {
				return err
			}
		}
		for _, p := range []string{piece(dress, 0), piece(dress, 1)} {
			i, err := tx.RentalItem(t.Context(), p)
			if err != nil {
				return err
			}
			i.Events, i.Inspected, i.Returned = 0, 0, 0 // a record by bag that found it elsewhere may be in one history and not in the other
			made = append(made, fmt.Sprintf("%s is %s of %q in bag %q at %q, promised %+v, dirty %t", p, rental.CustodyName(i.Custody), i.Order, i.Bag, i.Place,
				i.Commitment.Order, i.Dirty))
		}
		for _, bag := range []string{"bag-0", "bag-1"} {
			contents, err := tx.BagContents(t.Context(), bag)
			if err != nil {
				return err
			}
			for _, c := range contents {
				if !c.Packed.IsZero() && c.Unpacked.IsZero() && c.Exception == "" {
					made = append(made, "in "+bag+": "+c.Item)
				}
			}
		}
		work, err := tx.Work(t.Context(), false, 100)
		for _, w := range work {
			// What an order was taken for on an older view stays: a bag of it was shipped by what was known.
			if (w.Kind == rental.WorkRule || w.Kind == rental.WorkPickedTwice) && !strings.HasPrefix(w.ID, "rental_unshipped") {
				made = append(made, "work: "+w.ID)
			}
		}
		return cmp.Or(err, errUndo)
	})
	require.ErrorIs(t, err, errUndo)
	slices.Sort(made)
	return made
}

// TestWhatBagsDoIsTheSameInWhateverOrderDevicesAreHeard: pieces, bags and what people have to look at.
func TestWhatBagsDoIsTheSameInWhateverOrderDevicesAreHeard(t *testing.T) {
	s := open(t, storetest.SQLite(t), 2)
	rapid.Check(t, func(r *rapid.T) {
		all := story(r)
		inOrder := heard(t, s, all)
		var late []said
		for waiting := slices.Clone(all); len(waiting) > 0; { // each device's next one may be heard next
			n := rapid.IntRange(0, len(waiting)-1).Draw(r, "heard")
			n = slices.IndexFunc(waiting, func(x said) bool { return x.src.Device == waiting[n].src.Device })
			late = append(late, waiting[n])
			waiting = slices.Delete(waiting, n, n+1)
		}
		if other := heard(t, s, late); !slices.Equal(inOrder, other) {
			r.Fatalf("%v\nin order: %q\nheard as %v: %q", all, inOrder, late, other)
		}
	})
}
