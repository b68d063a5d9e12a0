package log

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// pageSet is a set of pages.
type pageSet []uint64

func newPageSet(end uint64) pageSet { return make(pageSet, (end+63)/64) }

func (s pageSet) has(id uint64) bool { return id/64 < uint64(len(s)) && s[id/64]>>(id%64)&1 == 1 }

// add gives false when the page is in it already, or cannot be.
func (s pageSet) add(id uint64) bool {
	if id/64 >= uint64(len(s)) || s.has(id) {
		return false
	}
	s[id/64] |= 1 << (id % 64)
	return true
}

// before gives the last page of the set before id.
func (s pageSet) before(id uint64) (uint64, bool) {
	for w := int(id / 64); w >= 0; w-- {
		word := s[w]
		if uint64(w) == id/64 {
			word &= 1<<(id%64) - 1
		}
		if word != 0 {
			return uint64(w)*64 + 63 - uint64(bits.LeadingZeros64(word)), true
		}
	}
	return 0, false
}

// tree is what a meta page names: a bucket of buckets. Walking it reads the pages of branches, and notes those of leaves.
type tree struct {
	*file
	meta    meta
	used    pageSet // pages that begin a branch or a leaf
	buckets map[string]subtree
	lenient bool // go around what is damaged
}

// subtree is one bucket: a tree of pages, or one page inside the root's.
type subtree struct {
	root   uint64
	inline page
}

// leaf is a page of entries, and the bounds that its branch gives for their keys.
type leaf struct {
	id        uint64
	low, high []byte
}

// openTree reads the root of the tree and the branches of all buckets. A lenient one gives what it can of it.
func (f *file) openTree(m meta, lenient bool) (*tree, error) {
	t := &tree{file: f, meta: m, used: newPageSet(min(m.end, uint64(f.size/f.pageSize)+1)), buckets: map[string]subtree{}, lenient: lenient}
	err := t.leaves(subtree{root: m.root}, t.use, func(l leaf) error {
		if err := t.use(l.id); err != nil {
			return err
		}
		return t.each(l, func(e element) error {
			if err := t.openBucket(e); !lenient {
				return err
			}
			return nil
		})
	})
	return t, err
}

func (t *tree) openBucket(e element) error {
	if e.flags&flagBucket == 0 || len(e.value) < bucketHeader {
		return fmt.Errorf("%w: %.20q among the buckets", ErrDamaged, e.key)
	}
	name := string(e.key)
	s := subtree{root: binary.NativeEndian.Uint64(e.value)}
	if s.root == 0 {
		var ok bool
		if s.inline, ok = inlinePage(bytes.Clone(e.value), e.at); !ok {
			return fmt.Errorf("%w: bucket %.20q has no page", ErrDamaged, name)
		}
		t.buckets[name] = s
		return nil
	}
	t.buckets[name] = s // also if part of it cannot be read
	return t.leaves(s, t.use, func(l leaf) error { return t.use(l.id) })
}

// use notes a page that is part of the tree: each is once.
func (t *tree) use(id uint64) error {
	if id < 2 || id >= t.meta.end || !t.used.add(id) {
		return fmt.Errorf("%w: page %d is in use twice, or is none of %d", ErrDamaged, id, t.meta.end)
	}
	return nil
}

// leaves visits the leaves of a subtree in the order of their keys, and before them the branches on the way; on may be nil.
// Leaves are not read, but the first to find out how deep they are: all are equally deep.
func (t *tree) leaves(s subtree, on func(branch uint64) error, visit func(leaf) error) error {
	if s.root == 0 {
		return nil
	}
	depth, err := t.depth(s.root)
	if err != nil {
		return err
	}
	return t.walk(leaf{id: s.root}, depth, on, visit)
}

// depth follows the first page of each level down to a leaf.
func (t *tree) depth(id uint64) (int, error) {
	for depth := range maxDepth {
		p, err := t.readPage(id)
		if err != nil {
			return 0, err
		}
		if p.flags == flagLeaf {
			return depth, nil
		}
		first, ok := p.element(0)
		if p.flags != flagBranch || p.count == 0 || !ok {
			return 0, fmt.Errorf("%w: page %d is no branch", ErrDamaged, id)
		}
		id = first.page
	}
	return 0, fmt.Errorf("%w: a tree of more than %d levels", ErrDamaged, maxDepth)
}

func (t *tree) walk(l leaf, depth int, on func(uint64) error, visit func(leaf) error) error {
	if depth == 0 {
		return visit(l)
	}
	err := t.walkBranch(l, depth, on, visit)
	if t.lenient {
		return nil
	}
	return err
}

func (t *tree) walkBranch(l leaf, depth int, on func(uint64) error, visit func(leaf) error) error {
	if on != nil {
		if err := on(l.id); err != nil {
			return err
		}
	}
	p, err := t.readPage(l.id)
	if err != nil {
		return err
	}
	if p.flags != flagBranch || p.count == 0 {
		return fmt.Errorf("%w: page %d is no branch", ErrDamaged, l.id)
	}
	all, err := p.elements(l.low, l.high)
	if err != nil {
		return err
	}
	for i, e := range all {
		child := leaf{id: e.page, low: e.key, high: l.high}
		if i+1 < len(all) {
			child.high = all[i+1].key
		}
		if err := t.walk(child, depth-1, on, visit); err != nil && !t.lenient {
			return err
		}
	}
	return nil
}

// each gives the entries of a leaf to visit. What they hold is valid until visit returns.
func (t *tree) each(l leaf, visit func(element) error) error {
	p, err := t.readPage(l.id)
	if err != nil {
		return err
	}
	if p.flags != flagLeaf {
		return fmt.Errorf("%w: page %d is no leaf", ErrDamaged, l.id)
	}
	return eachOf(&p, l, visit)
}

func eachOf(p *page, l leaf, visit func(element) error) error {
	all, err := p.elements(l.low, l.high)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// plain is an error for an entry that says it is a bucket, where there are none.
func (e element) plain() error {
	if e.flags != 0 {
		return fmt.Errorf("%w: entry %.40q has the flags %#x", ErrDamaged, e.key, e.flags)
	}
	return nil
}

// entries gives all entries of a bucket to visit.
func (t *tree) entries(name string, visitPlain func(element) error) error {
	visit := func(e element) error {
		if err := e.plain(); err != nil {
			return err
		}
		return visitPlain(e)
	}
	s, ok := t.buckets[name]
	if !ok {
		return fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
	}
	if s.root == 0 {
		return eachOf(&s.inline, leaf{}, visit)
	}
	return t.leaves(s, nil, func(l leaf) error { return t.each(l, visit) })
}

// get gives the entry with a key, nil when there is none.
func (t *tree) get(name string, key []byte) (value []byte, err error) {
	find := func(e element) error {
		if err := e.plain(); err != nil {
			return err
		}
		if bytes.Equal(e.key, key) {
			value = bytes.Clone(e.value)
		}
		return nil
	}
	s, ok := t.buckets[name]
	if !ok {
		return nil, fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
	}
	if s.root == 0 {
		err = eachOf(&s.inline, leaf{}, find)
		return value, err
	}
	depth, err := t.depth(s.root)
	if err != nil {
		return nil, err
	}
	l := leaf{id: s.root}
	for ; depth > 0; depth-- {
		if l, err = t.descend(l, key); err != nil {
			return nil, err
		}
	}
	err = t.each(l, find)
	return value, err
}

// descend gives the child of a branch that a key belongs to.
func (t *tree) descend(l leaf, key []byte) (leaf, error) {
	p, err := t.readPage(l.id)
	if err != nil {
		return l, err
	}
	all, err := p.elements(l.low, l.high)
	if err != nil {
		return l, err
	}
	if p.flags != flagBranch || len(all) == 0 {
		return l, fmt.Errorf("%w: page %d is no branch", ErrDamaged, l.id)
	}
	at := 0
	for at+1 < len(all) && bytes.Compare(all[at+1].key, key) <= 0 {
		at++
	}
	child := leaf{id: all[at].page, low: all[at].key, high: l.high}
	if at+1 < len(all) {
		child.high = all[at+1].key
	}
	return child, nil
}
