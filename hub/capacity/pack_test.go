package capacity

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// packable finds out by going through all subsets whether units go into bins: subsets that the first bins hold, bin after bin.
func packable(units []size, bins []bin) bool {
	all := 1<<len(units) - 1
	holds := func(set int, b bin) bool {
		var sum load
		for i, u := range units {
			if set&(1<<i) != 0 {
				sum = sum.plus(u.load)
			}
		}
		return sum.within(b.room)
	}
	done := map[int]bool{0: true} // maximal sets are not needed: any set that the bins so far hold
	for _, b := range bins {
		next := map[int]bool{}
		for set := range done {
			rest := all &^ set
			for sub := rest; ; sub = (sub - 1) & rest {
				if !next[set|sub] && holds(sub, b) {
					next[set|sub] = true
				}
				if sub == 0 {
					break
				}
			}
		}
		done = next
	}
	return done[all]
}

// Whether the search finds its first way at once, or has to remember where there is none and to reckon what volumes can be filled.
func TestPackingFindsAWayIfThereIsOne(t *testing.T) {
	hard, possible := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		var units []size
		total := int64(0)
		for range 5 + r.IntN(7) {
			u := size{load: load{ml: 10 * (10 + r.Int64N(40)), g: r.Int64N(3)}}
			total += u.ml
			units = append(units, u)
		}
		n := int64(2 + r.IntN(3))
		var bins []bin
		for i := range n {
			room := total/n + 10*r.Int64N(8) // nearly full
			bins = append(bins, bin{&class{index: int(i), room: load{room, unlimited, unlimited}}, load{room, 2 + r.Int64N(8), unlimited}})
			if i > 0 && r.IntN(2) == 0 {
				bins[i] = bins[i-1] // alike
			}
		}
		b := budget{1_000_000}
		var items []*item
		for _, u := range units {
			items = append(items, &item{product: &product{size: u}})
		}
		all := parcelsOf(items)
		put := pack(all, bins, &b)
		require.False(t, b.spent())
		require.Equal(t, packable(units, bins), put != nil, "seed %d", seed)
		if 1_000_000-b.nodes > hardAfter {
			hard++
		}
		if put == nil {
			continue
		}
		possible++
		for j, bin := range bins {
			var sum load
			for i := range all {
				sum = sum.plus(all[i].times(put[i][j]))
			}
			require.True(t, sum.within(bin.room), "seed %d, bin %d", seed, j)
		}
		for i := range all {
			n := 0
			for j := range bins {
				n += put[i][j]
			}
			require.Equal(t, all[i].n, n, "seed %d: all units of a size are somewhere", seed)
		}
	}
	require.Greater(t, hard, 20, "some cases have to be hard")
	require.Greater(t, possible, 100)
	require.Less(t, possible, 390)
}

func TestASearchThatIsTooLongFindsNothing(t *testing.T) {
	k := &class{room: load{1000, unlimited, unlimited}}
	all := []parcels{{size{load: load{ml: 501}}, 3}}
	b := budget{0}
	require.Nil(t, pack(all, []bin{{k, k.room}, {k, k.room}, {k, k.room}}, &b))
	require.True(t, b.spent())
}

func TestSumsOfVolumes(t *testing.T) {
	b := newBitset(200)
	b.set(0)
	for _, by := range []int64{3, 64, 70} {
		b.orShifted(by)
	}
	var sums []int64
	for n := range int64(201) {
		if b.below(n) == n {
			sums = append(sums, n)
		}
	}
	require.Equal(t, []int64{0, 3, 64, 67, 70, 73, 134, 137}, sums)
	require.Equal(t, int64(73), b.below(133))
	require.Equal(t, int64(137), b.below(1000))
	require.Equal(t, int64(0), b.below(-1))
	require.False(t, slices.Clone(b).orShifted(1000))
}
