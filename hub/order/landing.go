package order

import "time"

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

// gather waits for those who were answered just now, as far as they come back at once: a commit costs as much as some dozens of
// orders, so that one must not start with three when a hundred are about to arrive. It waits an eighth of what a commit takes, and at
// most a millisecond.
func (o *owner) gather() {
	const step, few = 50 * time.Microsecond, 8
	expected := int(o.answered.Swap(0))
	for patience := min(o.took/8, time.Millisecond); expected > few && patience > 0 && o.length() < expected; patience -= step {
		time.Sleep(step)
	}
}

func (o *owner) length() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
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
		o.answered.Store(int64(len(jobs)))
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
