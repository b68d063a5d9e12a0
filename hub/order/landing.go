package order

import (
	"context"
	"time"
)

// maxLanding bounds the batches that are not durable yet while the next one is decided and stored: the disk syncs one, and with
// more the others would only be smaller.
const maxLanding = 2

// landing is a batch on its way to being durable.
type landing struct {
	ended chan struct{}
	err   error // once it has ended
}

// awaitRoom waits until one batch more may be on its way.
func (o *owner) awaitRoom() {
	if oldest := o.landings[0]; oldest != nil {
		<-oldest.ended
	}
}

// gathering is a batch that waits for company.
type gathering struct {
	expected int           // tasks
	enough   chan struct{} // closed when so many wait; nil when nobody waits for that
}

// gather waits a moment for those who were answered just now, as far as they come back at once: a commit costs as much as some
// dozens of orders, so that one must not start with three when a hundred are about to arrive.
func (o *owner) gather() {
	const patience, few = time.Millisecond, 8
	o.mu.Lock()
	if o.expected <= few || len(o.waiting) >= o.expected {
		o.expected = 0
		o.mu.Unlock()
		return
	}
	enough := make(chan struct{})
	o.enough = enough
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-enough:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expected, o.enough = 0, nil
}

// arrived tells a batch that waits when there are enough. The caller holds the lock.
func (o *owner) arrived() {
	if o.enough != nil && len(o.waiting) >= o.expected {
		close(o.enough)
		o.enough = nil
	}
}

// expect notes that those who are answered now may come back, beside those who wait.
func (o *owner) expect(answered int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expected = len(o.waiting) + answered
}

// land answers jobs when what was decided for them is durable; stored tells. Those for which nothing was decided hear what is in the
// memory, so they wait for the batches that it was built from.
func (o *owner) land(jobs []*job, decisions []Decision, stored <-chan error) {
	before, l := o.builtOn, &landing{ended: make(chan struct{})}
	copy(o.landings[:], o.landings[1:])
	o.landings[maxLanding-1], o.builtOn = l, l
	end := func() {
		defer close(l.ended)
		if before != nil {
			<-before.ended
			l.err = before.err
		}
		if stored != nil {
			l.err = <-stored // it is durable only with what came before
		}
		if l.err != nil {
			o.lost.Store(true)
		} else {
			o.service.committed(decisions)
		}
		o.expect(len(jobs))
		answer(jobs, l.err)
	}
	if len(stored) > 0 && (before == nil || before.has()) {
		end() // now, so that those who are answered can be in the next batch
		return
	}
	go end()
}

func (l *landing) has() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}
