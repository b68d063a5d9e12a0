// Package live tells pages that something has changed, without saying what: they read it again.
package live

import (
	"context"
	"sync"
)

// maxSubscribers bounds a feed; each costs a map entry and a channel of one.
const maxSubscribers = 256

// Feed tells its subscribers that something changed. Use New.
type Feed struct {
	mu          sync.Mutex
	subscribers map[chan struct{}]struct{}
}

// New makes a feed without subscribers.
func New() *Feed { return &Feed{subscribers: map[chan struct{}]struct{}{}} }

// Changed signals every subscriber. It never waits: a subscriber that has not taken the last signal gets one for both. Call
// it after a commit. A nil feed has no subscribers.
func (f *Feed) Changed() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.subscribers {
		select {
		case c <- struct{}{}:
		default: // it will read what we changed when it takes the signal that waits for it
		}
	}
}

// Subscribe gives a channel that has a signal when something has changed since the last was taken, until ctx ends. It is
// nil, which never signals, when the feed has as many subscribers as it may.
func (f *Feed) Subscribe(ctx context.Context) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.subscribers) >= maxSubscribers {
		return nil
	}
	c := make(chan struct{}, 1)
	f.subscribers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, c)
	})
	return c
}
