package order

import (
	"context"
	"time"
)

// gathering is a batch that waits for company.
type gathering struct {
	expected int           // tasks
	enough   chan struct{} // closed when so many wait; nil when nobody waits for that
}

// gather waits a moment for those who were answered just now, as far as they come back at once: a commit costs as much as some
// dozens of orders, so that one must not start with three when a hundred are about to arrive. Whoever is alone does not wait.
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
