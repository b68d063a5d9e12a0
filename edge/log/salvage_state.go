package log

import (
	"bytes"
	"hash/crc64"
)

// writeState writes the values of local state that the directory proves to be the last ones.
func (r *rescue) writeState() (err error) {
	r.eachState(func(head element, pieces []element) error {
		if err != nil {
			return err
		}
		for _, p := range pieces {
			if err = r.out.entry(bucketPieces, p.key, p.value); err != nil {
				return err
			}
		}
		if err = r.out.entry(bucketState, head.key, head.value); err != nil {
			return err
		}
		size, _, _ := cutHead(head.value)
		r.out.position.State += stateCost(string(head.key), size)
		return nil
	})
	return err
}

// eachState visits what is stored under each key that can be kept, with its pieces, and gives how many there are. Both trees
// are searched: a page that one of them lacks may be in the other.
func (r *rescue) eachState(visit func(head element, pieces []element) error) (kept int) {
	done := map[uint64]bool{}
	for _, t := range r.trees {
		_ = t.entries(bucketState, func(e element) error {
			k := hashOf(e.key)
			sum, ok := r.sums[k]
			if _, whole := unseal(bucketState, e.key, e.value); !ok || !whole || done[k] || sum != hashOf(e.value) {
				return nil
			}
			pieces, ok := r.pieces(e)
			if !ok {
				return nil
			}
			done[k] = true
			return visit(e, pieces)
		})
	}
	return len(done)
}

// pieces gives those of a large value.
func (r *rescue) pieces(head element) (pieces []element, ok bool) {
	size, sum, cut := cutHead(head.value)
	if !cut {
		return nil, true
	}
	for _, t := range r.trees {
		pieces = pieces[:0]
		var have int
		var crc uint64
		for n := 0; have < size; n++ {
			k := pieceKey(string(head.key), n)
			stored, err := t.get(bucketPieces, k)
			piece, whole := unseal(bucketPieces, k, stored)
			if err != nil || !whole || len(piece) == 0 {
				break
			}
			have, crc = have+len(piece), crc64.Update(crc, pieceTable(), piece)
			pieces = append(pieces, element{key: bytes.Clone(k), value: stored})
		}
		if have == size && (sum == nil || *sum == crc) {
			return pieces, true
		}
	}
	return nil, false
}
