package audit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrBroken is wrapped by whatever says that a trail is not as it was written.
var ErrBroken = errors.New("the audit trail is broken")

// Place is where an entry stands.
type Place struct {
	Chain  string
	Number uint64
}

// String is "entry 7 of chain c-…".
func (p Place) String() string { return fmt.Sprintf("entry %d of chain %s", p.Number, p.Chain) }

// Verifier checks a trail: first its heads, in order, then its entries, each chain for itself and in order. The first error is the first
// thing that is broken; after it a Verifier is of no use.
type Verifier struct {
	// Signature says whether the hub's key has signed a head; nil where only the chains are to be checked.
	Signature func(Head) error
	// Known are heads that have to be among those of the trail.
	Known []Known

	heads   []Head
	tips    map[Place]seen
	last    map[string]uint64 // the furthest that heads have seen of each chain
	chain   string
	number  uint64
	hash    Hash
	chains  int
	entries uint64
	older   uint64
}

// seen is what a head says of an entry.
type seen struct {
	head uint64
	hash Hash
}

// Head takes the next head.
func (v *Verifier) Head(h Head) error {
	var before Head
	if len(v.heads) > 0 {
		before = v.heads[len(v.heads)-1]
	} else {
		v.tips, v.last = map[Place]seen{}, map[string]uint64{}
	}
	if h.Number != before.Number+1 {
		return fmt.Errorf("%w: head %d comes after head %d", ErrBroken, h.Number, before.Number)
	}
	if h.Digest(before.Hash) != h.Hash {
		return fmt.Errorf("%w: head %d was changed, or one before it", ErrBroken, h.Number)
	}
	if v.Signature != nil {
		if err := v.Signature(h); err != nil {
			return fmt.Errorf("%w: head %d: %w", ErrBroken, h.Number, err)
		}
	}
	for _, t := range h.Tips {
		v.tips[Place{t.Chain, t.Number}] = seen{h.Number, t.Hash}
		v.last[t.Chain] = max(v.last[t.Chain], t.Number)
	}
	h.Tips = nil
	v.heads = append(v.heads, h)
	return nil
}

// Entry takes the next entry. Those without a chain are older than the trail, and only counted.
func (v *Verifier) Entry(e Entry) error {
	if e.Chain == "" {
		v.older++
		return nil
	}
	if e.Chain != v.chain {
		if err := v.leave(e.Chain); err != nil {
			return err
		}
	}
	switch next := v.number + 1; {
	case e.Number > next:
		return fmt.Errorf("%w: %v is missing", ErrBroken, Place{e.Chain, next})
	case e.Number < next:
		return fmt.Errorf("%w: %v comes after entry %d: it was inserted, or the order was changed", ErrBroken, e.Place(), v.number)
	}
	if e.Digest(v.hash) != e.Hash {
		return fmt.Errorf("%w: %v (%s, %s of %s by %s) was changed", ErrBroken, e.Place(), e.ID, e.Act, e.Subject, e.Person)
	}
	if said, has := v.tips[e.Place()]; has && said.hash != e.Hash {
		return fmt.Errorf("%w: %v is not what head %d has signed: it or one before it was changed, and the chain made anew", ErrBroken, e.Place(), said.head)
	}
	v.number, v.hash = e.Number, e.Hash
	v.entries++
	return nil
}

// leave ends a chain and begins the next one, which must come after it.
func (v *Verifier) leave(next string) error {
	if err := v.whole(); err != nil {
		return err
	}
	if next != "" && cmp.Compare(next, v.chain) < 0 {
		return fmt.Errorf("%w: chain %s comes after chain %s: the order was changed", ErrBroken, next, v.chain)
	}
	v.chain, v.number, v.hash = next, 0, Hash{}
	v.chains++
	return nil
}

// whole says whether the chain that ends here is as long as heads have seen it.
func (v *Verifier) whole() error {
	if last := v.last[v.chain]; last > v.number {
		p := Place{v.chain, v.number + 1}
		return fmt.Errorf("%w: %v is missing, and all behind it: the tail was cut off (a head has signed entry %d)", ErrBroken, p, last)
	}
	delete(v.last, v.chain)
	return nil
}

// Result is what a trail that is whole consists of.
type Result struct {
	Entries, Older uint64
	Chains, Heads  int
	Covered        Head // the newest head; zero without one. What came after it is chained and not yet signed
}

// End says whether all is there that the heads have signed, and all heads that are known.
func (v *Verifier) End() (Result, error) {
	if err := v.known(); err != nil {
		return Result{}, err
	}
	if err := v.whole(); err != nil {
		return Result{}, err
	}
	if len(v.last) > 0 {
		var gone []string
		for chain := range v.last {
			gone = append(gone, chain)
		}
		slices.Sort(gone)
		return Result{}, fmt.Errorf("%w: %v is missing, and the whole chain", ErrBroken, Place{gone[0], 1})
	}
	r := Result{Entries: v.entries, Older: v.older, Chains: v.chains, Heads: len(v.heads)}
	if len(v.heads) == 0 {
		return r, nil
	}
	r.Covered = v.heads[len(v.heads)-1]
	if r.Covered.Older != v.older {
		return Result{}, fmt.Errorf("%w: %d acts are older than the trail, and %d when head %d was signed", ErrBroken, v.older, r.Covered.Older,
			r.Covered.Number)
	}
	return r, nil
}
