package app

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// line is a stream of the board. It is opened when it is first used, and again after it has failed, for a reader or display may
// be unplugged and come back. Those that share it, a reader with a display in it, hold the same line.
type line struct {
	name string
	open func(name string) (io.ReadWriteCloser, error)

	mu    sync.Mutex
	now   *opened // nil while it is not open
	ended bool
}

// opened is a stream from its opening to its failure.
type opened struct {
	io.ReadWriteCloser
	writers int
	failed  bool
	closed  bool
}

var errEnded = errors.New("the agent is stopping")

// Read reads from the stream, opened if need be. A stream that has failed is closed.
func (l *line) Read(p []byte) (int, error) {
	s, err := l.use(0)
	if err != nil {
		return 0, err
	}
	n, err := s.Read(p)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.ErrNoProgress // a driver that does not block would have us run in circles
	}
	if err != nil {
		l.fail(s)
		return n, fmt.Errorf("%s: %w", l.name, err)
	}
	return n, nil
}

// Write writes all of p.
func (l *line) Write(p []byte) (int, error) {
	s, err := l.use(1)
	if err != nil {
		return 0, err
	}
	defer l.wrote(s)
	for done := 0; done < len(p); {
		n, err := s.Write(p[done:])
		if n == 0 && err == nil {
			err = io.ErrShortWrite
		}
		if done += n; err != nil {
			l.fail(s)
			return done, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return len(p), nil
}

// Close ends the line for good; reads that wait return.
func (l *line) Close() error {
	l.mu.Lock()
	l.ended = true
	s := l.now
	l.mu.Unlock()
	if s != nil {
		l.fail(s)
	}
	return nil
}

func (l *line) use(writers int) (*opened, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, errEnded
	}
	if l.now == nil {
		s, err := l.open(l.name)
		if err != nil {
			return nil, err
		}
		l.now = &opened{ReadWriteCloser: s}
	}
	l.now.writers += writers
	return l.now, nil
}

func (l *line) wrote(s *opened) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.writers--
	s.closeUnused()
}

func (l *line) fail(s *opened) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == s {
		l.now = nil
	}
	s.failed = true
	s.closeUnused()
}

// closeUnused closes a stream that has failed as soon as nobody writes to it: its descriptor must not become another file's,
// such as the log's, under a writer's hands.
func (s *opened) closeUnused() {
	if s.failed && s.writers == 0 && !s.closed {
		s.closed = true
		_ = s.Close() // it is of no use any more
	}
}
