package broker

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds on what one device can write into the log.
const (
	linesAtOnce = 8
	linesWindow = 10 * time.Second
)

// lines tells in the log what devices do that they may not: the first few of each device one by one, further ones of the
// same ten seconds by kind and number. All peers without a certificate of ours are one device, "".
type lines struct {
	logger *slog.Logger
	mu     sync.Mutex
	by     map[string]*deeds // of devices that did something lately
	closed bool
}

type deeds struct {
	told  int
	more  map[string]int // by kind, of which there are few
	timer *time.Timer
}

// say tells one deed of a kind.
func (l *lines) say(device, what string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.by[device]
	if d == nil && !l.closed {
		d = &deeds{more: map[string]int{}}
		d.timer = time.AfterFunc(linesWindow, func() { l.sum(device) })
		l.by[device] = d
	}
	if d != nil && d.told >= linesAtOnce {
		d.more[what]++
		return
	}
	if d != nil {
		d.told++
	}
	l.logger.Warn("MQTT broker: denied", append([]any{"device", device, "what", what, "times", 1}, args...)...)
}

// sum tells what was not told one by one.
func (l *lines) sum(device string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.by[device]
	if d == nil {
		return
	}
	d.timer.Stop()
	delete(l.by, device)
	for _, what := range slices.Sorted(maps.Keys(d.more)) {
		l.logger.Warn("MQTT broker: denied again", "device", device, "what", what, "times", d.more[what])
	}
}

func (l *lines) close() {
	l.mu.Lock()
	l.closed = true
	devices := slices.Collect(maps.Keys(l.by))
	l.mu.Unlock()
	for _, device := range devices {
		l.sum(device)
	}
}
