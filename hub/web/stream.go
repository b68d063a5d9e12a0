package web

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/people"
)

// Bounds of event streams, on the machine's clock.
const (
	maxStreams  = 64
	leastPause  = time.Second            // between two updates of a stream
	heartbeat   = 15 * time.Second       // what only the clock changes is looked at so often, too
	writeTime   = 10 * time.Second       // a reader that takes longer is gone
	snapshotAge = 500 * time.Millisecond // a part of a page that is younger is not made again
	maxSnaps    = 64
)

type maker func(context.Context) ([]byte, error)

// stream sends what make makes as server-sent events (HTML Living Standard, section 9.2): at once, and whenever the feed says
// that something changed, but not more often than once a second. Streams are bounded; without one a page is as good as its
// last reload. Readers of the same page in the same language share what was made for it, under key.
func (w *Web) stream(c echo.Context, key string, make maker) error {
	select {
	case w.streams <- struct{}{}:
		defer func() { <-w.streams }()
	default:
		return echo.NewHTTPError(http.StatusServiceUnavailable)
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	key = people.BusinessOf(ctx) + "\x00" + people.WarehouseOf(ctx) + "\x00" + key // each who sees something else has their own
	changed := w.Feed.Subscribe(ctx)
	if changed == nil {
		return echo.NewHTTPError(http.StatusServiceUnavailable)
	}
	page, err := w.snapshots.get(ctx, key, make) // while an error can still be answered as one
	if err != nil {
		return err
	}
	out := openEvents(c)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if err := out.page(page); err != nil {
			return nil // the reader has gone
		}
		pause := time.NewTimer(leastPause)
		beaten, ok := next(ctx, changed, pause.C, beat.C)
		pause.Stop()
		if !ok {
			return nil
		}
		if beaten && !w.StillIn(c) {
			_ = out.send("bye", nil)
			return nil
		}
		if page, err = w.snapshots.get(ctx, key, make); err != nil {
			return nil // the page's script comes again
		}
	}
}

// next waits for the next update: a change, once the pause is over, or a beat. It is false when ctx has ended.
func next(ctx context.Context, changed <-chan struct{}, pause, beat <-chan time.Time) (beaten, ok bool) {
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false, false
		case <-changed:
			changed, due = nil, pause
		case <-due:
			return false, true
		case <-beat:
			return true, true
		}
	}
}

// events writes one stream.
type events struct {
	c    echo.Context
	rc   *http.ResponseController
	last []byte
}

func openEvents(c echo.Context) *events {
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // a proxy in front shall pass on what comes
	c.Response().WriteHeader(http.StatusOK)
	rc := http.NewResponseController(c.Response())
	_ = rc.SetReadDeadline(time.Time{}) // the request has been read; a server without deadlines has none to lift
	return &events{c: c, rc: rc}
}

// page sends a page's live part, or when it is as before only a sign of life.
func (e *events) page(html []byte) error {
	if bytes.Equal(html, e.last) {
		return e.write([]byte(": still here\n\n"))
	}
	e.last = html
	return e.send("page", html)
}

func (e *events) send(name string, body []byte) error {
	var b bytes.Buffer
	b.WriteString("retry: 3000\nevent: " + name + "\n")
	for line := range bytes.Lines(body) {
		b.WriteString("data: ")
		b.Write(bytes.TrimRight(line, "\r\n"))
		b.WriteByte('\n')
	}
	if len(body) == 0 {
		b.WriteString("data:\n")
	}
	b.WriteByte('\n')
	return e.write(b.Bytes())
}

func (e *events) write(b []byte) error {
	_ = e.rc.SetWriteDeadline(time.Now().Add(writeTime)) // as above
	if _, err := e.c.Response().Write(b); err != nil {
		return err
	}
	return e.rc.Flush()
}

// snapshots keeps what was just made, so that many readers cost as much as one.
type snapshots struct {
	mu  sync.Mutex
	all map[string]*snapshot
}

type snapshot struct {
	mu   sync.Mutex
	made time.Time
	body []byte
}

func (s *snapshots) get(ctx context.Context, key string, make maker) ([]byte, error) {
	one := s.entry(key)
	one.mu.Lock()
	defer one.mu.Unlock()
	if time.Since(one.made) < snapshotAge {
		return one.body, nil
	}
	body, err := make(ctx)
	if err != nil {
		return nil, err
	}
	one.body, one.made = body, time.Now()
	return body, nil
}

func (s *snapshots) entry(key string) *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil || len(s.all) >= maxSnaps {
		s.all = map[string]*snapshot{}
	}
	if s.all[key] == nil {
		s.all[key] = &snapshot{}
	}
	return s.all[key]
}
