package capacity

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// parcels are units of one size that have to go somewhere.
type parcels struct {
	size
	n int
}

// bin is a container that is being packed: what room it has left.
type bin struct {
	class *class
	room  load
}

// budget bounds a search by the nodes it may look at, never by time: the same question always gets the same answer.
type budget struct{ nodes int }

func (b *budget) spend() bool {
	b.nodes--
	return b.nodes >= 0
}

func (b *budget) spent() bool { return b.nodes < 0 }

// packing is a search for a way to put all parcels into bins. It goes through the sizes, the largest first, and for each through
// the bins, most units first, so that its first try is first-fit decreasing.
type packing struct {
	parcels []parcels
	bins    []bin
	left    []load // of parcels[i:], in all
	put     [][]int
	budget  *budget

	failed map[string]struct{} // states from which there is no way
	key    []byte
	sums   []bitset // volumes that units of parcels[i:] can fill, once the search has turned out to be hard
	unit   int64    // of the volumes in sums, ml
	widest int64    // room of the largest bin at first, ml
	begun  int
}

// Bounds of what a hard search may remember.
const (
	maxFailed    = 1 << 15
	maxSumBits   = 1 << 17
	hardAfter    = 64 // nodes
	rememberFrom = 2  // sizes left: at the last one remembering costs more than trying
)

// pack says how many units of each size go into each bin, or nil when no way exists or the budget is spent.
func pack(all []parcels, bins []bin, b *budget) [][]int {
	p := &packing{parcels: all, bins: slices.Clone(bins), budget: b, begun: b.nodes, left: make([]load, len(all)+1)}
	for i := len(all) - 1; i >= 0; i-- {
		p.left[i] = p.left[i+1].plus(all[i].times(all[i].n))
	}
	for _, b := range bins {
		p.widest = max(p.widest, b.room.ml)
	}
	if !p.roomFor(0) {
		return nil
	}
	p.put = make([][]int, len(all))
	counts := make([]int, len(all)*len(bins))
	for i := range p.put {
		p.put[i] = counts[i*len(bins) : (i+1)*len(bins)]
	}
	if !p.size(0) {
		return nil
	}
	return p.put
}

// size places all units of the sizes from i on.
func (p *packing) size(i int) bool {
	if i == len(p.parcels) {
		return true
	}
	if !p.budget.spend() || !p.roomFor(i) {
		return false
	}
	hard := p.begun-p.budget.nodes > hardAfter && len(p.parcels)-i >= rememberFrom
	var key string
	if hard {
		key = p.state(i)
		if _, known := p.failed[key]; known {
			return false
		}
	}
	if p.bin(i, 0, p.parcels[i].n) {
		return true
	}
	if hard && !p.budget.spent() && len(p.failed) < maxFailed {
		if p.failed == nil {
			p.failed = map[string]struct{}{}
		}
		p.failed[key] = struct{}{}
	}
	return false
}

// bin places n units of size i into the bins from j on, then the sizes after it.
func (p *packing) bin(i, j, n int) bool {
	if n == 0 {
		for k := j; k < len(p.bins); k++ {
			p.put[i][k] = 0
		}
		return p.size(i + 1)
	}
	if j == len(p.bins) || !p.budget.spend() {
		return false
	}
	s, b := p.parcels[i].size, &p.bins[j]
	most := p.most(i, j, n)
	for x := most; x >= 0; x-- {
		p.put[i][j] = x
		b.room = b.room.minus(s.times(x))
		done := p.bin(i, j+1, n-x)
		b.room = b.room.plus(s.times(x))
		if done {
			return true
		}
		if p.budget.spent() {
			return false
		}
	}
	p.put[i][j] = 0
	return false
}

// most is how many units of size i may go into bin j. Of bins that were alike before this size the first one gets the most: the
// other ways are the same with names exchanged.
func (p *packing) most(i, j, n int) int {
	s, b := p.parcels[i].size, p.bins[j]
	if !b.class.takes(s) {
		return 0
	}
	for k := j - 1; k >= 0; k-- {
		if was := p.bins[k].room.plus(s.times(p.put[i][k])); p.bins[k].class == b.class && was == b.room {
			n = min(n, p.put[i][k])
			break
		}
	}
	n = fitting(n, s.ml, b.room.ml)
	n = fitting(n, s.g, b.room.g)
	return fitting(n, s.mm2, b.room.mm2)
}

func fitting(n int, each, room int64) int {
	if each <= 0 {
		return n
	}
	return int(min(int64(n), max(0, room/each)))
}

// roomFor is a bound: whether the bins have room for the sizes from i on, if goods were water, and in a hard search if each bin
// were filled as far as units can fill it.
func (p *packing) roomFor(i int) bool {
	var room load
	hard := p.begun-p.budget.nodes > hardAfter
	if hard && p.sums == nil {
		p.reckonSums()
	}
	for _, b := range p.bins {
		if hard && p.unit > 0 {
			b.room.ml = p.sums[i].below(b.room.ml/p.unit) * p.unit
		}
		room = room.plus(b.room)
	}
	return p.left[i].within(room)
}

// reckonSums finds the volumes that units of the sizes from i on can fill, for all i.
func (p *packing) reckonSums() {
	p.sums = make([]bitset, len(p.parcels)+1)
	unit := int64(0)
	for _, s := range p.parcels {
		unit = gcd(unit, s.ml)
	}
	if unit == 0 || p.widest/unit >= maxSumBits {
		return // then volumes are bounded as if goods were water
	}
	p.unit = unit
	p.sums[len(p.parcels)] = newBitset(p.widest / unit)
	p.sums[len(p.parcels)].set(0)
	for i := len(p.parcels) - 1; i >= 0; i-- {
		p.sums[i] = slices.Clone(p.sums[i+1])
		for range p.parcels[i].n {
			if !p.sums[i].orShifted(p.parcels[i].ml / unit) {
				break // another unit adds no new sum
			}
		}
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// state names what the way on depends on: the size that is next and the rooms left, whatever bins have them.
func (p *packing) state(i int) string {
	const each = 32
	p.key = append(p.key[:0], byte(i), byte(i>>8))
	rooms := make([][each]byte, len(p.bins))
	for j, b := range p.bins {
		binary.BigEndian.PutUint64(rooms[j][:], uint64(b.class.index))
		binary.BigEndian.PutUint64(rooms[j][8:], uint64(b.room.ml))
		binary.BigEndian.PutUint64(rooms[j][16:], uint64(b.room.g))
		binary.BigEndian.PutUint64(rooms[j][24:], uint64(b.room.mm2))
	}
	slices.SortFunc(rooms, func(a, b [each]byte) int { return slices.Compare(a[:], b[:]) })
	for _, r := range rooms {
		p.key = append(p.key, r[:]...)
	}
	return string(p.key)
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(most int64) bitset { return make(bitset, most/64+1) }

func (b bitset) set(n int64) { b[n/64] |= 1 << (n % 64) }

// below is the largest number of the set that is not above n; 0 is always in it.
func (b bitset) below(n int64) int64 {
	if n < 0 {
		return 0
	}
	w := min(n/64, int64(len(b))-1)
	word := b[w]
	if w == n/64 {
		word &= ^uint64(0) >> (63 - n%64)
	}
	for word == 0 && w > 0 {
		w--
		word = b[w]
	}
	return max(0, w*64+int64(bits.Len64(word))-1)
}

// orShifted adds each number plus by, as far as there is room, and says whether any was new.
func (b bitset) orShifted(by int64) bool {
	words, shift := int(by/64), uint(by%64)
	changed := false
	for w := len(b) - 1; w >= words; w-- {
		add := b[w-words] << shift
		if shift > 0 && w > words {
			add |= b[w-words-1] >> (64 - shift)
		}
		changed = changed || add&^b[w] != 0
		b[w] |= add
	}
	return changed
}
