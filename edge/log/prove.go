package log

import (
	"meguri/protocol"
)

// prove keeps those of a window's records that were committed, from the last to the first: a record is proved by the running
// hash of the one after it, or by a position that ends with it. One that nothing proves, because what comes after is lost,
// counts if its page is not free and nothing else claims its number.
func (s *scan) prove(w *window, end uint64) {
	var next protocol.Hash // running hash after the next record
	var record []byte      // the next record, nil when it is lost
	for i := len(w.found) - 1; i >= 0; i-- {
		number := w.low + uint64(i)
		if number >= end || w.found[i] == 0 {
			w.found[i], record = 0, nil
			continue
		}
		claims := append([]found{w.found[i]}, w.other[number]...)
		w.found[i] = 0
		var after protocol.Hash
		for _, c := range claims {
			a, r, ok := s.load(w.id, number, c)
			proved := ok && (record != nil && a.Next(record) == next || s.ends(w.id, number, a))
			if proved || ok && len(claims) == 1 && c.trust() != onFree {
				w.found[i], after = c, a
				record, next = r, after
				break
			}
		}
		if w.found[i] == 0 {
			record = nil
		}
	}
}

// ends says whether some position ends with this record.
func (s *scan) ends(id protocol.LogID, number uint64, after protocol.Hash) bool {
	for i := range s.positions {
		if p := s.positions[i].of(id); p.Next == number+1 && p.Last == after {
			return true
		}
	}
	return false
}
