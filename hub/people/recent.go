package people

import (
	"sync"
	"time"
)

const (
	// rememberFor is how long a session is taken for what it was without asking the store: another hub, or the console, may end it
	// meanwhile. What this service ends is over at once.
	rememberFor = time.Second
	maxRecent   = 10_000
)

// recent remembers sessions that were used just now: in a flash sale programs ask a thousand times a second with one of them.
type recent struct {
	mu    sync.Mutex
	round int // of forgetting: what was read before is not remembered after
	of    map[string]use
}

type use struct {
	who     Person
	session Session
	at      time.Time
}

func (r *recent) get(hash string, now time.Time) (was use, ok bool, round int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u, ok := r.of[hash]
	ago := now.Sub(u.at)
	ok = ok && ago >= 0 && ago < rememberFor && u.session.lives(now) && now.Sub(u.session.Seen) < seenStep
	return u, ok, r.round
}

func (r *recent) put(round int, u use) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if round != r.round {
		return
	}
	if r.of == nil || len(r.of) >= maxRecent {
		r.of = map[string]use{}
	}
	r.of[u.session.Hash] = u
}

// forget is to be called when the end of a session is stored.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.round, r.of = r.round+1, nil
}
