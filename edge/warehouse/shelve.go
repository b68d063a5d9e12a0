package warehouse

import (
	"slices"
	"strconv"

	"meguri/edge/phrase"
	"meguri/internal/rental"
	"meguri/protocol"
)

func number(n int) string { return strconv.Itoa(n) }

// putAway takes pieces in hand and then the shelf that all of them were put on.
func (t *turn) putAway(c code) Verdict {
	if c.kind == shelf {
		return t.onShelf(c)
	}
	item, v, ok := t.pieceOf(c)
	switch {
	case !ok:
		return v
	case slices.Contains(t.s.Pending, item):
		return t.warn(phrase.PieceAgain, name(item))
	case len(t.s.Pending) >= maxPending:
		return t.nothing(c, "too many pieces in hand", phrase.HandsFull, number(len(t.s.Pending)))
	}
	if rule, bad := t.mayNot(item); bad { // said before it is on the shelf: it is laid aside, and the scan of the shelf does not take it along
		t.records = append(t.records, protocol.NewScanRefused(scanStep, c.scan, string(rule)))
		return t.hold(rule, name(item))
	}
	t.s.Pending = append(slices.Clip(t.s.Pending), item)
	return t.accept(phrase.PieceRight, name(item))
}

// mayNot says whether the rules are against putting a piece on a shelf.
func (t *turn) mayNot(item string) (rental.Rule, bool) {
	v := t.b.view(item)
	if v.unknown {
		return "", false
	}
	_, breach := rental.Apply(v.piece(), rental.Event{Step: protocol.StepPutAway, At: t.now})
	if breach.Verdict() != protocol.VerdictRefuse {
		return "", false
	}
	return breach.Rule, true
}

func (t *turn) onShelf(c code) Verdict {
	if len(t.s.Pending) == 0 {
		return t.nothing(c, "a shelf without a piece", phrase.PieceBeforeShelf)
	}
	pieces := t.s.Pending
	t.s.Pending = nil
	worst := t.accept(phrase.OnShelf, number(len(pieces)), c.value)
	for n, item := range pieces {
		odd := rental.Rule("")
		switch room, known := t.b.room(c.value); {
		case !known:
			odd = NoShelf
		case room >= 0 && n >= room:
			odd = FullShelf
		}
		v := t.did(protocol.ItemScanned{Item: item, Step: protocol.StepPutAway, Place: c.value}, phrase.New(phrase.PieceRight, name(item)),
			odd, c.value)
		if v.Is > worst.Is {
			worst = v
		}
	}
	return worst
}

// room is how many more pieces a shelf takes, negative for any number. Without a list of shelves every shelf is one.
func (b *Book) room(place string) (more int, known bool) {
	if len(b.Plan.Shelves) == 0 {
		return -1, true
	}
	at := b.walk[place]
	if at == 0 {
		return -1, false
	}
	s := b.Plan.Shelves[at-1]
	if s.Room == 0 {
		return -1, true
	}
	return max(0, int(s.Room)-b.onShelf(place)), true
}

// shelfFor is where a piece should go: of the shelves with room for so many, the one with most pieces of its garment, else the one
// nearest to such a shelf, else the first. Without a list it is where most of its like are.
func (b *Book) shelfFor(item string, inHand int) (string, bool) {
	like := b.like(gtinOf(item))
	home, most := "", uint32(0)
	for place, n := range like {
		more, known := b.room(place)
		better := n > most || n == most && (home == "" || b.walk[place] < b.walk[home] || b.walk[place] == b.walk[home] && place < home)
		if known && (more < 0 || more >= inHand) && better {
			home, most = place, n
		}
	}
	if home != "" {
		return home, true
	}
	near := 0
	for place := range like {
		if at := b.walk[place]; at > 0 && (near == 0 || at < near) {
			near = at
		}
	}
	return b.nearest(max(near, 1), inHand)
}

// nearest is the shelf with room whose place in the walk is nearest to at.
func (b *Book) nearest(at, inHand int) (string, bool) {
	for far := range b.Plan.Shelves {
		for _, n := range []int{at + far, at - far} {
			if n < 1 || n > len(b.Plan.Shelves) {
				continue
			}
			place := b.Plan.Shelves[n-1].Place
			if more, _ := b.room(place); more < 0 || more >= inHand {
				return place, true
			}
		}
	}
	return "", false
}
