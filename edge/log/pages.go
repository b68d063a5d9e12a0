package log

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// What bbolt's file looks like, as of its version 2 (internal/common/page.go, meta.go and bucket.go there). It is read here
// without bbolt and without a memory map: bbolt trusts its pages, and a fault in mapped memory can end the process.
const (
	pageHeader    = 16 // number of the page 8, flags 2, count of elements 2, pages that follow as part of it 4
	elementHeader = 16 // leaf: flags 4, position 4, size of key 4, of value 4; branch: position 4, size of key 4, page 8
	bucketHeader  = 16 // page of the root 8, sequence 8

	flagBranch = 0x01
	flagLeaf   = 0x02
	flagFree   = 0x10

	flagBucket = 0x01 // of a leaf's element

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64 // behind the page's header

	maxDepth = 16        // of a tree; each level has at least twice as many pages as the one above
	maxGroup = 512 << 10 // bytes of a page with those that follow as part of it; ours have less than a quarter
)

// file is a bbolt file that is only read.
type file struct {
	io.ReaderAt
	size     int64
	pageSize int64
}

// meta is one of the two pages that each say what the tree's root is. Commits write them in turn.
type meta struct {
	root, freelist uint64 // pages
	end            uint64 // behind the last page in use
	tx             uint64
}

// metas gives the two meta pages. A damaged one is nil; then the error says so.
func (f *file) metas() (newest, older *meta, err error) {
	sizes := []int64{4096, 1 << 10, 2 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10}
	var a, b *meta
	if a, f.pageSize = f.meta(0, 0); a == nil {
		for _, size := range sizes {
			if b, f.pageSize = f.meta(size, 1); b != nil && f.pageSize == size {
				break
			}
			b = nil
		}
	} else {
		var size int64
		if b, size = f.meta(f.pageSize, 1); size != f.pageSize {
			b = nil
		}
	}
	switch {
	case a == nil && b == nil:
		f.pageSize = sizes[0]
		return nil, nil, fmt.Errorf("%w: not a log: both meta pages", ErrDamaged)
	case a == nil:
		return b, nil, fmt.Errorf("%w: meta page 0", ErrDamaged)
	case b == nil:
		return a, nil, fmt.Errorf("%w: meta page 1", ErrDamaged)
	}
	if b.tx > a.tx {
		a, b = b, a
	}
	if a.tx != b.tx+1 {
		return a, b, fmt.Errorf("%w: meta pages of transactions %d and %d: want neighbours", ErrDamaged, b.tx, a.tx)
	}
	return a, b, nil
}

// meta reads a meta page, of an even transaction or an odd one, and gives the size of pages that it tells.
func (f *file) meta(at int64, odd uint64) (*meta, int64) {
	var b [pageHeader + metaSize]byte
	if n, err := f.ReadAt(b[:], at); n < len(b) && err != nil {
		return nil, 0
	}
	m, order := b[pageHeader:], binary.NativeEndian
	sum := fnv.New64a()
	_, _ = sum.Write(m[:metaSize-8])
	size := int64(order.Uint32(m[8:]))
	if order.Uint32(m) != metaMagic || order.Uint32(m[4:]) != metaVersion || order.Uint64(m[56:]) != sum.Sum64() ||
		size < 1<<10 || size > 64<<10 || size&(size-1) != 0 {
		return nil, 0
	}
	found := &meta{root: order.Uint64(m[16:]), freelist: order.Uint64(m[32:]), end: order.Uint64(m[40:]), tx: order.Uint64(m[48:])}
	if found.tx%2 != odd || found.end > 1<<40 {
		return nil, 0
	}
	return found, size
}

// page is a page with those that follow as part of it. An inline bucket's is part of a value.
type page struct {
	at    int64 // in the file
	data  []byte
	flags uint16
	count int
}

// readPage reads a page whose header must be right.
func (f *file) readPage(id uint64) (page, error) {
	p := page{at: int64(id) * f.pageSize, data: make([]byte, f.pageSize)}
	overflow, err := f.readHeader(&p, id)
	if err != nil {
		return page{}, err
	}
	size := f.pageSize * (1 + overflow)
	if p.flags == flagFree {
		return p, nil // read piece by piece
	}
	if size > maxGroup {
		return page{}, fmt.Errorf("%w: page %d: %d pages in one", ErrDamaged, id, 1+overflow)
	}
	if overflow > 0 {
		p.data = make([]byte, size)
	}
	if err := f.read(p.data, p.at); err != nil {
		return page{}, fmt.Errorf("%w: page %d: %w", ErrDamaged, id, err)
	}
	return p, nil
}

// readHeader fills in what a page's header says, and gives how many pages follow as part of it.
func (f *file) readHeader(p *page, id uint64) (overflow int64, err error) {
	var h [pageHeader]byte
	if err := f.read(h[:], p.at); err != nil {
		return 0, fmt.Errorf("%w: page %d: %w", ErrDamaged, id, err)
	}
	order := binary.NativeEndian
	p.flags, p.count = order.Uint16(h[8:]), int(order.Uint16(h[10:]))
	if got := order.Uint64(h[:]); got != id {
		return 0, fmt.Errorf("%w: page %d: it says that it is page %d", ErrDamaged, id, got)
	}
	if p.flags != flagBranch && p.flags != flagLeaf && p.flags != flagFree {
		return 0, fmt.Errorf("%w: page %d: its kind is %#x", ErrDamaged, id, p.flags)
	}
	return int64(order.Uint32(h[12:])), nil
}

// read fills b or fails.
func (f *file) read(b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// inlinePage gives the page inside the value of a bucket that is small.
func inlinePage(value []byte, at int64) (page, bool) {
	if len(value) < bucketHeader+pageHeader {
		return page{}, false
	}
	p := page{at: at + bucketHeader, data: value[bucketHeader:]}
	p.flags, p.count = binary.NativeEndian.Uint16(p.data[8:]), int(binary.NativeEndian.Uint16(p.data[10:]))
	return p, p.flags == flagLeaf
}

// element is one entry of a leaf or branch page. Its bytes are those of the page.
type element struct {
	flags      uint32
	key, value []byte
	page       uint64 // of a branch
	at         int64  // of a leaf's value in the file
}

// element gives an entry of a page, and false when it does not lie within it.
func (p *page) element(i int) (element, bool) {
	head := pageHeader + i*elementHeader
	if i < 0 || head+elementHeader > len(p.data) {
		return element{}, false
	}
	h, order := p.data[head:], binary.NativeEndian
	var e element
	var pos, key, value uint64
	if p.flags == flagBranch {
		pos, key, e.page = uint64(order.Uint32(h)), uint64(order.Uint32(h[4:])), order.Uint64(h[8:])
	} else {
		e.flags = order.Uint32(h)
		pos, key, value = uint64(order.Uint32(h[4:])), uint64(order.Uint32(h[8:])), uint64(order.Uint32(h[12:]))
	}
	begin := uint64(head) + pos
	if key == 0 || begin < uint64(head) || begin+key+value > uint64(len(p.data)) {
		return element{}, false
	}
	e.key, e.value = p.data[begin:begin+key], p.data[begin+key:begin+key+value]
	e.at = p.at + int64(begin+key)
	return e, true
}

// elements gives all entries of a page. They must lie within it, with keys that rise, from low up to but not with high; an
// empty one is no bound.
func (p *page) elements(low, high []byte) ([]element, error) {
	all := make([]element, 0, min(p.count, len(p.data)/elementHeader))
	for i := range p.count {
		e, ok := p.element(i)
		if !ok {
			return nil, fmt.Errorf("%w: page %d: entry %d of %d lies outside", ErrDamaged, p.number(), i, p.count)
		}
		rises := i == 0 && bytes.Compare(low, e.key) <= 0 || i > 0 && bytes.Compare(all[i-1].key, e.key) < 0
		if !rises || len(high) > 0 && bytes.Compare(e.key, high) >= 0 {
			return nil, fmt.Errorf("%w: page %d: the key of entry %d of %d is out of order", ErrDamaged, p.number(), i, p.count)
		}
		all = append(all, e)
	}
	return all, nil
}

// number is what the page says of itself.
func (p *page) number() uint64 { return binary.NativeEndian.Uint64(p.data) }
