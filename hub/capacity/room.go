package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// unlimited stands for a limit that nobody has set. Sums of several cannot overflow.
const unlimited = int64(1) << 48

// load is what counts against a container's limits.
type load struct {
	ml  int64 // volume
	g   int64 // weight
	mm2 int64 // ground covered by goods on which nothing may stand
}

func (a load) plus(b load) load  { return load{a.ml + b.ml, a.g + b.g, a.mm2 + b.mm2} }
func (a load) minus(b load) load { return load{a.ml - b.ml, a.g - b.g, a.mm2 - b.mm2} }
func (a load) times(n int) load  { return load{a.ml * int64(n), a.g * int64(n), a.mm2 * int64(n)} }

func (a load) within(b load) bool { return a.ml <= b.ml && a.g <= b.g && a.mm2 <= b.mm2 }

// String leaves out what is not limited.
func (a load) String() string {
	text := fmt.Sprintf("%d ml", a.ml)
	if a.g != 0 && a.g < unlimited {
		text += fmt.Sprintf(", %d g", a.g)
	}
	if a.mm2 != 0 && a.mm2 < unlimited {
		text += fmt.Sprintf(", %d mm² of ground", a.mm2)
	}
	return text
}

// size is all that matters of a product when it is packed. Units of one size can change places.
type size struct {
	load
	long, middle, short int64 // edges, the longest first; of upright goods height is short. 0 when not known
	upright             bool
}

func sizeOf(p Product) size {
	s := size{load: load{ml: p.VolumeML, g: p.WeightG}, upright: p.NoStacking}
	if p.LengthMM <= 0 || p.WidthMM <= 0 || p.HeightMM <= 0 {
		return s
	}
	edges := []int64{p.LengthMM, p.WidthMM, p.HeightMM}
	slices.SortFunc(edges, func(a, b int64) int { return cmp.Compare(b, a) })
	if p.NoStacking {
		edges = []int64{max(p.LengthMM, p.WidthMM), min(p.LengthMM, p.WidthMM), p.HeightMM}
		s.mm2 = p.LengthMM * p.WidthMM
	}
	s.long, s.middle, s.short = edges[0], edges[1], edges[2]
	return s
}

// before orders sizes for packing: what is hard to place first.
func (s size) before(o size) int {
	return cmp.Or(cmp.Compare(o.ml, s.ml), cmp.Compare(o.mm2, s.mm2), cmp.Compare(o.g, s.g), cmp.Compare(o.long, s.long),
		cmp.Compare(o.middle, s.middle), cmp.Compare(o.short, s.short))
}

// class is the slots of a location that are alike for numbering: the same categories may stand there, in a container with the
// same limits.
type class struct {
	index      int             // in its location
	categories map[string]bool // shared by all slots of the kind
	room       load
	inner      [3]int64 // longest and shortest edge of the ground, height; 0 when not known
	slots      []*slot  // in the network's order
}

// takes says whether one unit goes into an empty container of the class.
func (c *class) takes(s size) bool {
	if !s.within(c.room) {
		return false
	}
	ground := [2]int64{c.inner[0], c.inner[1]}
	if ground[1] == 0 || c.inner[2] == 0 || s.short == 0 {
		return true // somebody has not measured: then measures limit nothing
	}
	if s.upright {
		return s.long <= ground[0] && s.middle <= ground[1] && s.short <= c.inner[2]
	}
	edges := []int64{ground[0], ground[1], c.inner[2]}
	slices.SortFunc(edges, func(a, b int64) int { return cmp.Compare(b, a) })
	return s.long <= edges[0] && s.middle <= edges[1] && s.short <= edges[2]
}

// roomOf is what a slot's container holds at most.
func roomOf(s Slot) load {
	room := load{s.CapacityML, unlimited, unlimited}
	if s.FillPercent > 0 {
		room.ml = s.CapacityML * s.FillPercent / 100
	}
	if s.MaxWeightG > 0 {
		room.g = s.MaxWeightG
	}
	if s.LengthMM > 0 && s.WidthMM > 0 {
		room.mm2 = s.LengthMM * s.WidthMM
	}
	return room
}

// classKey is what slots of one class have in common.
type classKey struct {
	categories string
	room       load
	inner      [3]int64
}

func keyOf(s Slot, categories map[string]bool) classKey {
	var names []string
	for c := range categories {
		names = append(names, c)
	}
	slices.Sort(names)
	return classKey{strings.Join(names, "|"), roomOf(s),
		[3]int64{max(s.LengthMM, s.WidthMM), min(s.LengthMM, s.WidthMM), s.HeightMM}}
}
