package link

import "sync"

// backlog is which devices have records that are still to be dated again: those of which more was known at once than one
// transaction changes. It is lost with the process; the records then stay as uncertain as they say until the device is told the
// time again. At most one entry a device's incarnation.
type backlog struct {
	mu   sync.Mutex
	todo map[string]redating
}

func newBacklog() *backlog { return &backlog{todo: map[string]redating{}} }

func (b *backlog) get(key string) (redating, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.todo[key]
	return r, ok
}

func (b *backlog) set(key string, r redating, left bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left {
		b.todo[key] = r
	} else {
		delete(b.todo, key)
	}
}
