package log

import (
	"errors"
	"fmt"
	"runtime"

	bolt "go.etcd.io/bbolt"

	"meguri/protocol"
)

// maxGroupSize bounds how many transactions are committed as one.
const maxGroupSize = 256

var errAbandoned = errors.New("a transaction that was committed together with this one ended its goroutine")

// request is a transaction that waits to be committed.
type request struct {
	stamp Stamp
	fn    func(*Tx) error

	done     chan struct{} // closed when what follows holds
	err      error
	panicked any // what fn panicked with
}

// Update runs fn in a transaction and commits what it recorded and changed, durably, before it returns nil. When fn or
// one of its changes fails nothing is written. Any other error but ErrFull comes from the storage, and whether the
// transaction was written is then only known when the file is read again.
//
// Calls from several goroutines are committed as one group, for the price of one; each is still written whole or not at all.
// When one of them fails the others are run again, so fn may run more than once, also on another goroutine: it must give the
// same each time.
func (l *Log) Update(s Stamp, fn func(*Tx) error) error {
	r := &request{stamp: s, fn: fn, done: make(chan struct{})}
	l.queueMu.Lock()
	l.queue = append(l.queue, r)
	l.queueMu.Unlock()
	select {
	case <-r.done:
	case l.turn <- struct{}{}:
		l.lead(r)
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

// lead commits groups until its own transaction is done. Whoever still waits then takes the next turn.
func (l *Log) lead(own *request) {
	defer func() { <-l.turn }()
	for {
		select {
		case <-own.done:
			return
		default:
		}
		l.commitGroup(l.gather())
	}
}

// gather takes the transactions that wait. Those who were released by the last commit are about to come again, so it gives
// them the processor first.
func (l *Log) gather() []*request {
	for before := -1; ; {
		runtime.Gosched()
		l.queueMu.Lock()
		n := min(len(l.queue), maxGroupSize)
		if n == before || n == maxGroupSize || n == 1 && before == -1 && l.lastGroup < 2 {
			taken := l.queue[:n:n]
			l.queue = l.queue[n:]
			l.lastGroup = n
			l.queueMu.Unlock()
			return taken
		}
		before = n
		l.queueMu.Unlock()
	}
}

// group is the state of transactions that are committed together.
type group struct {
	log       *Log
	bolt      *bolt.Tx
	position  position
	appended  [2]bool
	changed   bool
	directory directory // of local state, once that changes
}

// commitGroup runs transactions and commits them. Those that fail are told so at once; the others are run again without them.
func (l *Log) commitGroup(all []*request) {
	finished := false
	finish := func(err error) {
		finished = true
		for _, r := range all {
			r.err = err
			close(r.done)
		}
	}
	defer func() {
		if !finished { // a function of the group has left its goroutine
			finish(errAbandoned)
		}
	}()
	if err := l.acquire(); err != nil {
		finish(err)
		return
	}
	defer l.mu.RUnlock()
	for {
		failed, err := l.try(all)
		if failed < 0 {
			finish(err)
			return
		}
		r := all[failed]
		rest := append(append([]*request(nil), all[:failed]...), all[failed+1:]...)
		all = rest
		close(r.done)
		if len(all) == 0 {
			finished = true
			return
		}
	}
}

// try runs transactions in one of bbolt's and commits it. When one of them fails nothing is written, and its index is given
// with its error in it.
func (l *Log) try(all []*request) (failed int, err error) {
	if err := l.failure(); err != nil {
		return -1, err
	}
	g := &group{log: l, position: l.committed()}
	err = guard(func() (err error) {
		g.bolt, err = l.db.Begin(true)
		return err
	})
	if err != nil {
		return -1, l.fail(err)
	}
	defer func() { l.note(guard(func() error { return rollback(g.bolt) })) }()
	for i, r := range all {
		r.err, r.panicked = nil, nil
		if g.run(r); r.err != nil || r.panicked != nil {
			l.note(r.err)
			return i, nil
		}
	}
	if !g.changed {
		return -1, nil
	}
	return -1, l.commit(g)
}

// run runs one transaction of the group.
func (g *group) run(r *request) {
	tx := &Tx{bolt: g.bolt, life: g.log.life, room: g.log.room, stamp: r.stamp, group: g, position: g.position}
	defer func() { r.panicked = recover() }()
	r.err = r.fn(tx)
	if tx.failed != nil {
		r.err = tx.failed
	}
	g.position, g.changed = tx.position, g.changed || tx.changed
	for i, appended := range tx.appended {
		g.appended[i] = g.appended[i] || appended
	}
}

// commit writes the group's changes and makes its position known.
func (l *Log) commit(g *group) error {
	if err := guard(g.finish); err != nil {
		return l.note(err)
	}
	committed := false
	err := l.wrap(func() error {
		err := guard(g.bolt.Commit)
		committed = err == nil
		return err
	})
	if err == nil && !committed {
		err = errors.New("the commit was left out")
	}
	if err != nil {
		return l.fail(asFull(l.asDamaged(err)))
	}
	l.stateMu.Lock()
	l.position = g.position
	l.stateMu.Unlock()
	if g.appended != [2]bool{} {
		l.signal()
	}
	return nil
}

// finish writes what the group's transactions change together.
func (g *group) finish() (err error) {
	if g.directory != nil {
		if g.position.Digest, err = putDirectory(g.bolt, g.directory); err != nil {
			return err
		}
	}
	return putPosition(g.bolt, &g.position, g.appended)
}

// wrap runs a commit inside Options.Commit.
func (l *Log) wrap(commit func() error) error {
	if l.options.Commit == nil {
		return commit()
	}
	return l.options.Commit(commit)
}

func (l *Log) signal() {
	select {
	case l.appended <- struct{}{}:
	default:
	}
}

// txNumber is what the position keeps of a transaction's number: what an int of 32 bits holds of it.
func txNumber(n uint64) uint64 { return uint64(uint32(n)) }

// putPosition writes the position as of this transaction, and its copies behind the records that were added.
func putPosition(tx *bolt.Tx, p *position, appended [2]bool) error {
	p.Tx = txNumber(uint64(tx.ID()))
	content, err := protocol.EncodeBody(*p)
	if err != nil {
		return fmt.Errorf("position: %w", err)
	}
	key := []byte(keyPosition)
	if err := bucket(tx, bucketMeta).Put(key, seal(bucketMeta, key, content)); err != nil {
		return err
	}
	key = []byte(tailKey)
	for i, name := range []string{bucketEvents, bucketReadings} {
		if !appended[i] {
			continue
		}
		b := bucket(tx, name)
		b.FillPercent = recordsFill
		if err := b.Put(key, seal(name, key, content)); err != nil {
			return err
		}
	}
	return nil
}
