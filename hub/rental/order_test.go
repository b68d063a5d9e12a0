package rental_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	rules "meguri/internal/rental"
	"meguri/protocol"
)

// told is one scan of a device, and when it happened.
type told struct {
	src  rental.Source
	body protocol.ItemScanned
}

func scans(r *rapid.T, p string) (all []told) {
	numbers := map[string]uint64{}
	steps := []protocol.Step{protocol.StepPick, protocol.StepPack, protocol.StepUnpack, protocol.StepShip, protocol.StepReceive, protocol.StepPutAway,
		protocol.StepInspectReturn, protocol.StepClean, protocol.StepCleaned, protocol.StepInspectFinal, protocol.StepCount, protocol.StepQuarantine,
		protocol.StepDeliver, protocol.StepMiss}
	minutes := 0.0
	for range rapid.IntRange(2, 14).Draw(r, "scans") {
		device := rapid.SampledFrom([]string{"s-1", "s-2", "s-3"}).Draw(r, "device")
		numbers[device]++
		minutes += rapid.SampledFrom([]float64{0.01, 1, 5}).Draw(r, "later")
		all = append(all, told{rental.Source{Device: store.DeviceLife(device, "1"), Number: numbers[device], Warehouse: "w-1", At: at(minutes),
			Within: time.Second, Recorded: at(minutes + 30)}, protocol.ItemScanned{Item: p, Step: rapid.SampledFrom(steps).Draw(r, "step"), Verdict: 1,
			Conformant: rapid.Bool().Draw(r, "conformant"), Order: rapid.SampledFrom([]string{"", "o-0", "o-1"}).Draw(r, "order"),
			Bag:      rapid.SampledFrom([]string{"", "bag-0"}).Draw(r, "bag"),
			Operator: rapid.SampledFrom([]string{"op-1", "op-2"}).Draw(r, "operator")}})
	}
	return all
}

// In whatever order the devices are heard, a piece is as its whole history says, and what is broken in it is what is work.
func TestWhoIsHeardFirstDoesNotMatter(t *testing.T) {
	s := open(t, storetest.SQLite(t), 2)
	p := piece(dress, 0)
	rapid.Check(t, func(r *rapid.T) {
		all := scans(r, p)
		err := s.Change(t.Context(), func(tx *store.Tx) error {
			k := &rental.Keeper{}
			if _, err := k.AllocateOrder(t.Context(), tx, "o-0", at(900), "test", at(-60)); err != nil {
				return err
			}
			atFirst := turned(t, tx, p)
			waiting := slices.Clone(all)
			for len(waiting) > 0 { // each device's next one may be heard next
				n := rapid.IntRange(0, len(waiting)-1).Draw(r, "heard")
				n = slices.IndexFunc(waiting, func(x told) bool { return x.src.Device == waiting[n].src.Device })
				if err := tx.Savepoint(t.Context(), func() error { return k.Item(t.Context(), tx, waiting[n].src, waiting[n].body) }); err != nil {
					return err
				}
				waiting = slices.Delete(waiting, n, n+1)
			}
			require.Equal(r, turned(t, tx, p), atFirst, "what the round did on each day is what the history says, beyond what it said before")
			return agrees(r, t, tx, p)
		})
		require.ErrorIs(r, err, errUndo)
	})
}

// agrees compares what is stored of a piece with its history.
func agrees(r *rapid.T, t *testing.T, tx *store.Tx, p string) error {
	history, err := tx.RentalHistory(t.Context(), p)
	require.NoError(r, err)
	events := make([]rules.Event, len(history))
	broken := 0
	for n, e := range history {
		events[n] = e.Event
		if e.Breach != "" {
			broken++
		}
	}
	story := rules.Fold(events)
	item, err := tx.RentalItem(t.Context(), p)
	require.NoError(r, err)
	require.Equal(r, story.Item, item.Item)
	require.Equal(r, broken, item.Breaches)
	lines, err := tx.CommitmentsOf(t.Context(), p)
	require.NoError(r, err)
	live := 0
	for _, c := range lines {
		if c.Ended.IsZero() {
			live++
			require.Equal(r, story.Item.Commitment.Order, c.Order)
		}
	}
	require.LessOrEqual(r, live, 1)
	return errUndo
}

// turned is what the days say of the round without what a piece's own history says: what other pieces did.
func turned(t *testing.T, tx *store.Tx, p string) map[protocol.Custody][3]int {
	days, err := tx.StageTurns(t.Context(), "", at(-1e6))
	require.NoError(t, err)
	rest := map[protocol.Custody][3]int{}
	for _, d := range days {
		rest[d.Custody] = [3]int{d.Entered, d.GoneOn, d.Damaged}
	}
	life, err := rental.LifeOf(t.Context(), tx, p)
	require.NoError(t, err)
	item, since, last := rules.Item{}, time.Time{}, time.Time{}
	for _, m := range life.Events {
		before := item
		item, _ = rules.Apply(item, m.Event)
		if last = later(last, m.At); item.Custody == before.Custody {
			continue
		}
		into, from := rest[item.Custody], rest[before.Custody]
		into[0]--
		if len(item.Damages) > 0 {
			into[2]--
		}
		rest[item.Custody] = into
		if before.Custody != 0 && last.Sub(since) >= time.Second {
			from[1]--
			rest[before.Custody] = from
		}
		since = last
	}
	maps.DeleteFunc(rest, func(_ protocol.Custody, n [3]int) bool { return n == [3]int{} })
	return rest
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
