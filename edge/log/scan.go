package log

import (
	"encoding/binary"
	"hash/crc32"

	"meguri/protocol"
)

// scan goes through all pages of a broken file, whatever the tree says, and takes what its checksum proves.
type scan struct {
	*file
	live, free pageSet // pages of the two newest trees; those that are said to be free, nil when that cannot be read

	lives     []life
	positions []position // the newest ones

	events, readings window
}

// maxPositions is how many of the newest positions are kept, to prove records by.
const maxPositions = 64

// Bounds of what an entry may be.
const (
	maxScannedKey   = maxKey + 8
	maxScannedValue = protocol.MaxRecord + 4096
)

func newScan(f *file, newest, older *meta) *scan {
	s := &scan{file: f, live: newPageSet(uint64(f.size/f.pageSize) + 1)}
	for i, m := range []*meta{newest, older} {
		if m == nil {
			continue
		}
		t, _ := f.openTree(*m, true)
		for w := range t.used {
			if w < len(s.live) {
				s.live[w] |= t.used[w]
			}
		}
		if i == 0 {
			s.free, _, _ = t.freePages()
		}
	}
	return s
}

// pages gives every page to visit, and those inside values, as they are.
func (s *scan) pages(visit func(id uint64, p *page)) {
	data := make([]byte, s.pageSize)
	for id := uint64(2); int64(id)*s.pageSize < s.size; id++ {
		p := page{at: int64(id) * s.pageSize, data: data}
		n, _ := s.ReadAt(data, p.at)
		if p.data = data[:n]; n < pageHeader {
			continue
		}
		p.flags, p.count = flagLeaf, int(binary.NativeEndian.Uint16(data[10:]))
		visit(id, &p)
		for i := range p.entries() {
			if e, ok := s.entry(&p, i); ok && e.flags&flagBucket != 0 {
				if inside, ok := inlinePage(e.value, e.at); ok {
					visit(id, &inside)
				}
			}
		}
	}
}

// entries is how many entries a page may have: what its header says, or up to where the first one's content begins.
func (p *page) entries() int {
	n := p.count
	if len(p.data) >= pageHeader+elementHeader {
		n = max(n, int(binary.NativeEndian.Uint32(p.data[pageHeader+4:]))/elementHeader)
	}
	return min(n, (len(p.data)-pageHeader)/elementHeader)
}

// entry gives an entry of a leaf, whose content may lie on the pages behind it.
func (s *scan) entry(p *page, i int) (element, bool) {
	if e, ok := p.element(i); ok {
		return e, len(e.key) <= maxScannedKey && len(e.value) <= maxScannedValue
	}
	h, order := p.data[pageHeader+i*elementHeader:], binary.NativeEndian
	at := p.at + pageHeader + int64(i)*elementHeader + int64(order.Uint32(h[4:]))
	key, value := order.Uint32(h[8:]), order.Uint32(h[12:])
	if key == 0 || key > maxScannedKey || value > maxScannedValue {
		return element{}, false
	}
	b := make([]byte, key+value)
	if s.read(b, at) != nil {
		return element{}, false
	}
	return element{flags: order.Uint32(h), key: b[:key], value: b[key:], at: at + int64(key)}, true
}

// about collects what the file says of itself: all versions of it, since the newest may be lost.
func (s *scan) about() {
	s.pages(func(_ uint64, p *page) {
		for i := range p.entries() {
			e, ok := s.entry(p, i)
			if !ok {
				continue
			}
			switch string(e.key) {
			case keyLife:
				var l life
				if decodeSealed(bucketMeta, e, &l) {
					s.addLife(l)
				}
			case keyPosition:
				s.addPosition(bucketMeta, e)
			case tailKey:
				s.addPosition(bucketEvents, e)
				s.addPosition(bucketReadings, e)
			}
		}
	})
}

func decodeSealed(name string, e element, into any) bool {
	content, ok := unseal(name, e.key, e.value)
	return ok && protocol.DecodeBody(content, into) == nil
}

func (s *scan) addLife(l life) {
	if n := len(s.lives); n == 0 || l.Boot > s.lives[0].Boot || l.Version > s.lives[0].Version {
		s.lives = []life{l}
	}
}

// addPosition keeps the newest positions, the newest first.
func (s *scan) addPosition(name string, e element) {
	var p position
	if !decodeSealed(name, e, &p) || p.Events.First > p.Events.Next || p.Readings.First > p.Readings.Next {
		return
	}
	at := 0
	for at < len(s.positions) && s.positions[at].newer(p) {
		at++
	}
	if at < len(s.positions) && s.positions[at] == p {
		return
	}
	s.positions = append(s.positions[:at], append([]position{p}, s.positions[at:]...)...)
	s.positions = s.positions[:min(len(s.positions), maxPositions)]
}

// newer says which of two positions of one incarnation came later. Version 1 did not number them, but nothing in them ever
// goes back.
func (p position) newer(q position) bool {
	if p.Tx != q.Tx {
		return p.Tx > q.Tx
	}
	return p.Events.Next+p.Readings.Next+p.Events.First+p.Readings.First > q.Events.Next+q.Readings.Next+q.Events.First+q.Readings.First
}

// windowSize is how many records are looked for at once: 2 MiB for each log.
const windowSize = 1 << 18

// window says where the records of some consecutive numbers of a log are.
type window struct {
	id    protocol.LogID
	low   uint64
	found []found // by number-low; one more than asked for, to prove the last by
	other map[uint64][]found

	least, most uint64 // numbers seen at all, also outside; 0 for none
	beyond      uint64 // the least that was seen behind the window; 0 for none
	proved      bool
}

// found is where a record is: 40 bits of its entry's place in the file, 2 of how far the page can be trusted, 22 of a checksum
// of the record. 0 is none.
type found uint64

// How far a page can be trusted.
const (
	onLive  = 1 // part of one of the two newest trees
	onOther = 2 // perhaps in use
	onFree  = 3 // not in use: what stands there may never have been committed
)

func (f found) at() int64   { return int64(f >> 24) }
func (f found) trust() int  { return int(f >> 22 & 3) }
func (f found) sum() uint64 { return uint64(f & (1<<22 - 1)) }

func (s *scan) trust(id uint64) int {
	switch {
	case s.live.has(id):
		return onLive
	case s.free != nil && s.free.has(id):
		return onFree
	}
	return onOther
}

// records looks for records of both logs, from numbers on, up to but not with others.
func (s *scan) records(low, end [2]uint64) {
	s.events, s.readings = newWindow(protocol.Events, low[0], end[0]), newWindow(protocol.Readings, low[1], end[1])
	s.pages(func(id uint64, p *page) {
		for i := range p.entries() {
			e, ok := s.entry(p, i)
			if !ok || len(e.key) != 8 || string(e.key) == tailKey {
				continue
			}
			for _, w := range []*window{&s.events, &s.readings} {
				w.add(e, p.at+pageHeader+int64(i)*elementHeader, s.trust(id))
			}
		}
	})
}

func newWindow(id protocol.LogID, low, end uint64) window {
	size := min(windowSize, max(low, end)-low) + 1
	return window{id: id, low: low, found: make([]found, size), other: map[uint64][]found{}}
}

func (w *window) add(e element, at int64, trust int) {
	number := binary.BigEndian.Uint64(e.key)
	_, record, ok := unsealRecord(bucketOf(w.id), e.key, e.value)
	if !ok {
		return
	}
	if w.least == 0 || number < w.least {
		w.least = number
	}
	w.most = max(w.most, number)
	if number >= w.low+windowSize && (w.beyond == 0 || number < w.beyond) {
		w.beyond = number
	}
	if number < w.low || number-w.low >= uint64(len(w.found)) {
		return
	}
	sum := uint64(crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli))) & (1<<22 - 1)
	f := found(uint64(at)<<24 | uint64(trust)<<22 | sum)
	old := &w.found[number-w.low]
	switch {
	case *old == 0:
		*old = f
	case old.sum() != sum:
		w.contest(number, f)
	case trust < old.trust():
		*old = f
	}
}

// contest keeps another record with the same number: one of them was never committed.
func (w *window) contest(number uint64, f found) {
	const most, each = 4096, 4
	others := w.other[number]
	for i := range others {
		if others[i].sum() == f.sum() {
			if f.trust() < others[i].trust() {
				others[i] = f
			}
			return
		}
	}
	if len(others) < each && (others != nil || len(w.other) < most) {
		w.other[number] = append(others, f)
	}
}

// load reads the record that was found at a place.
func (s *scan) load(id protocol.LogID, number uint64, f found) (after protocol.Hash, record []byte, ok bool) {
	if f == 0 {
		return after, nil, false
	}
	at := f.at()
	h := make([]byte, elementHeader)
	if s.read(h, at) != nil {
		return after, nil, false
	}
	order := binary.NativeEndian
	key, value := order.Uint32(h[8:]), order.Uint32(h[12:])
	if key != 8 || value > maxScannedValue {
		return after, nil, false
	}
	b := make([]byte, key+value)
	if s.read(b, at+int64(order.Uint32(h[4:]))) != nil {
		return after, nil, false
	}
	return unsealRecord(bucketOf(id), numberKey(number), b[key:])
}
