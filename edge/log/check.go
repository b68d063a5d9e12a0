package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"meguri/protocol"
)

// verified is what a check has found a file to hold.
type verified struct {
	life     life
	position position
	mend     []mended
}

// mended is an entry that is damaged on a page of the last transaction, as the transaction before had left it.
type mended struct {
	bucket      string
	key, stored []byte
}

// maxMended bounds what is mended; a file with more of it is salvaged.
const maxMended = 1000

// verify checks a file without changing it: that the newest transaction is on it whole, that no page is in use twice or free
// while in use, that local state is what was written last, and that each log begins and ends where it should. The other
// records are checked as they are read. It reads the pages of branches, those that the last transaction wrote, and those of
// local state, whatever the number of records.
//
// Errors wrap ErrDamaged, or errNewer for a file of a newer program.
func verify(r io.ReaderAt, size int64) (*verified, error) {
	f := &file{ReaderAt: r, size: size}
	newest, older, err := f.metas()
	if err != nil {
		return nil, err
	}
	if have := uint64(size / f.pageSize); newest.end > have {
		return nil, fmt.Errorf("%w: %d pages are in use, and the file holds %d", ErrDamaged, newest.end, have)
	}
	t, err := f.openTree(*newest, false)
	if newer := t.newer(); newer != nil {
		return nil, newer // what else looks wrong may be its way
	}
	if err != nil {
		return nil, err
	}
	if err := t.checkFree(); err != nil {
		return nil, err
	}
	v := &verified{}
	if err := t.checkMeta(v); err != nil {
		return nil, err
	}
	sums, err := t.checkState(v)
	if err != nil {
		return nil, err
	}
	if err := t.checkLast(*older, v, sums); err != nil {
		return nil, err
	}
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		if err := t.checkEnds(id, v.position.of(id)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// newer says so when a newer program made the file.
func (t *tree) newer() error {
	var l life
	if err := t.metaValue(keyLife, &l); err == nil && l.Version > formatVersion {
		return fmt.Errorf("%w: format %d of the file, this program knows %d", errNewer, l.Version, formatVersion)
	}
	return nil
}

func (t *tree) metaValue(key string, into any) error {
	stored, err := t.get(bucketMeta, []byte(key))
	if err != nil {
		return err
	}
	content, ok := unseal(bucketMeta, []byte(key), stored)
	if !ok {
		return fmt.Errorf("%w: meta %q", ErrDamaged, key)
	}
	if err := protocol.DecodeBody(content, into); err != nil {
		return fmt.Errorf("%w: meta %q: %w", ErrDamaged, key, err)
	}
	return nil
}

func (t *tree) checkMeta(v *verified) error {
	for _, name := range buckets() {
		if _, ok := t.buckets[name]; !ok {
			return fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
		}
	}
	if err := errors.Join(t.metaValue(keyLife, &v.life), t.metaValue(keyPosition, &v.position)); err != nil {
		return err
	}
	if _, ok := t.buckets[bucketBallast]; !ok && v.life.Version >= 2 { // bucketSums is checked with the state
		return fmt.Errorf("%w: bucket %q is missing", ErrDamaged, bucketBallast)
	}
	if v.life.Version >= 2 && v.position.Tx != txNumber(t.meta.tx) {
		return fmt.Errorf("%w: position of transaction %d in transaction %d", ErrDamaged, v.position.Tx, t.meta.tx)
	}
	return nil
}

// checkFree reads the list of free pages, and that none of them is in use.
func (t *tree) checkFree() error {
	free, pages, err := t.freePages()
	if err != nil {
		return err
	}
	for id := t.meta.freelist; id < t.meta.freelist+pages; id++ {
		if !t.used.add(id) || free.has(id) {
			return fmt.Errorf("%w: page %d of the list of free pages is in use", ErrDamaged, id)
		}
	}
	for id := uint64(2); id < t.meta.end; id++ {
		if !free.has(id) || free.has(id-1) {
			continue
		}
		// A free page behind one in use, that may be part of a larger one.
		before, ok := t.used.before(id)
		if !ok || before >= t.meta.freelist && before < t.meta.freelist+pages {
			continue
		}
		p := page{at: int64(before) * t.pageSize}
		overflow, err := t.readHeader(&p, before)
		if err != nil {
			return err
		}
		if before+uint64(overflow) >= id {
			return fmt.Errorf("%w: page %d is free, and part of page %d", ErrDamaged, id, before)
		}
	}
	return nil
}

// freePages reads the list of free pages, and gives how many pages it takes itself.
func (t *tree) freePages() (free pageSet, pages uint64, err error) {
	p := page{at: int64(t.meta.freelist) * t.pageSize}
	overflow, err := t.readHeader(&p, t.meta.freelist)
	if err != nil {
		return nil, 0, err
	}
	pages = uint64(overflow) + 1
	if p.flags != flagFree || t.meta.freelist+pages > t.meta.end {
		return nil, 0, fmt.Errorf("%w: page %d is no list of free pages", ErrDamaged, t.meta.freelist)
	}
	list := io.NewSectionReader(t, p.at+pageHeader, int64(pages)*t.pageSize-pageHeader)
	buffer := make([]byte, 4096)
	count := uint64(p.count)
	if p.count == 0xFFFF {
		if _, err := io.ReadFull(list, buffer[:8]); err != nil {
			return nil, 0, fmt.Errorf("%w: list of free pages: %w", ErrDamaged, err)
		}
		count = binary.NativeEndian.Uint64(buffer)
	}
	if count*8 > pages*uint64(t.pageSize) || count > t.meta.end {
		return nil, 0, fmt.Errorf("%w: %d free pages in a list of %d pages", ErrDamaged, count, pages)
	}
	free = newPageSet(t.meta.end)
	for last := uint64(1); count > 0; {
		n := min(count, uint64(len(buffer)/8))
		if _, err := io.ReadFull(list, buffer[:8*n]); err != nil {
			return nil, 0, fmt.Errorf("%w: list of free pages: %w", ErrDamaged, err)
		}
		for i := range n {
			id := binary.NativeEndian.Uint64(buffer[8*i:])
			if id <= last || id >= t.meta.end || t.used.has(id) || !free.add(id) {
				return nil, 0, fmt.Errorf("%w: page %d in the list of free pages", ErrDamaged, id)
			}
			last = id
		}
		count -= n
	}
	return free, pages, nil
}

// checkLast checks the leaves that are not part of the tree before: those which the last transaction wrote. What else could
// tell that one of them never came to the disk? An entry that is damaged there and whole in the tree before can be mended. One
// that is damaged there, too, is left to whoever reads it; a record that the last transaction added is not, since of its
// records either all count or none.
func (t *tree) checkLast(older meta, v *verified, sums directory) error {
	before, _ := t.openTree(older, true) // what the power stopped may have written over it
	var held position
	if before.metaValue(keyPosition, &held) != nil {
		held = emptyPosition()
	}
	for _, name := range []string{bucketEvents, bucketReadings, bucketState, bucketPieces, bucketAside} {
		check := func(e element) error {
			if err := e.plain(); err != nil || name == bucketAside { // what is damaged stands there
				return err
			}
			if _, ok := unseal(name, e.key, e.value); ok {
				return nil
			}
			return v.damaged(before, name, e, &held, sums)
		}
		s := t.buckets[name]
		if s.root == 0 {
			if err := eachOf(&s.inline, leaf{}, check); err != nil {
				return err
			}
			continue
		}
		err := t.leaves(s, nil, func(l leaf) error {
			if before.used.has(l.id) {
				return nil
			}
			return t.each(l, check)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// damaged says what becomes of a damaged entry on a page of the last transaction.
func (v *verified) damaged(before *tree, name string, e element, held *position, sums directory) error {
	old, err := before.get(name, e.key)
	_, whole := unseal(name, e.key, old)
	records := name == bucketEvents || name == bucketReadings
	switch {
	case string(e.key) == tailKey || records && len(e.key) != 8 || len(v.mend) >= maxMended:
		return fmt.Errorf("%w: entry %x of %s", ErrDamaged, e.key, name)
	case err == nil && whole && (name != bucketState || sums[hashOf(e.key)] == hashOf(old)):
		v.mend = append(v.mend, mended{bucket: name, key: bytes.Clone(e.key), stored: old})
	case name == bucketEvents && binary.BigEndian.Uint64(e.key) >= held.Events.Next,
		name == bucketReadings && binary.BigEndian.Uint64(e.key) >= held.Readings.Next:
		return fmt.Errorf("%w: record %d of %s", ErrDamaged, binary.BigEndian.Uint64(e.key), name)
	}
	return nil
}

// checkEnds checks that the first record of a log is there, and that the last one is that of the position.
func (t *tree) checkEnds(id protocol.LogID, s *span) error {
	if s.First > s.Next {
		return fmt.Errorf("%w: %s %d up to %d", ErrDamaged, id, s.First, s.Next)
	}
	if s.First == s.Next {
		return nil
	}
	name := bucketOf(id)
	first, err := t.get(name, numberKey(s.First))
	if err != nil {
		return err
	}
	key := numberKey(s.Next - 1)
	last, err := t.get(name, key)
	if err != nil {
		return err
	}
	after, _, ok := unsealRecord(name, key, last)
	if first == nil || !ok || after != s.Last {
		return fmt.Errorf("%w: %s do not begin with %d and end with %d", ErrDamaged, id, s.First, s.Next-1)
	}
	return nil
}

// checkState compares local state with its directory, which it gives. A value that is damaged is left to whoever reads it; one
// that is another than was written last means that the tree is not the last one. In a file of version 1 it gives none.
func (t *tree) checkState(v *verified) (directory, error) {
	if v.life.Version < 2 {
		return directory{}, nil
	}
	sums, err := t.directory()
	if err != nil {
		return nil, err
	}
	if hashOf(sums.encode()) != v.position.Digest {
		return nil, fmt.Errorf("%w: the directory of local state is not the one that was written last", ErrDamaged)
	}
	found := 0
	err = t.entries(bucketState, func(e element) error {
		sum, ok := sums[hashOf(e.key)]
		if _, whole := unseal(bucketState, e.key, e.value); whole && sum != hashOf(e.value) || !ok {
			return fmt.Errorf("%w: local state %.40q is not what was written last", ErrDamaged, e.key)
		}
		found++
		return nil
	})
	if err == nil && found < len(sums) {
		err = fmt.Errorf("%w: %d of %d values of local state are missing", ErrDamaged, len(sums)-found, len(sums))
	}
	return sums, err
}

// directory reads that of local state.
func (t *tree) directory() (directory, error) {
	stored, err := t.get(bucketSums, []byte(keySums))
	if err != nil {
		return nil, err
	}
	content, ok := unseal(bucketSums, []byte(keySums), stored)
	if !ok {
		return nil, fmt.Errorf("%w: directory of local state", ErrDamaged)
	}
	return decodeDirectory(content), nil
}
