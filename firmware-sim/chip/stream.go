package chip

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Errors of a stream, as its people see them.
var (
	ErrNobody   = errors.New("nobody has the stream open, the bytes are lost")
	ErrOverflow = errors.New("stream is full, the rest of the bytes is lost")
)

const (
	typedMost = 4096 // bytes that wait for the agent, as in a kernel's tty
	shownMost = 256  // lines that wait for people; the oldest go first
	lineMost  = 4096
)

// Stream is a serial line in both directions: from a keypad or reader to the agent, and from the agent to a display.
type Stream struct {
	name  string
	watch *atomic.Pointer[func(stream, line string)] // of the hardware

	mu    sync.Mutex
	user  *streamHandle
	in    []byte
	typed chan struct{} // closed when bytes come or the user goes
	part  []byte
	lines []string
	last  string
	beeps uint64
	shown chan struct{} // closed at the next line

	unplugged bool
	lose      int // each so many-th byte that is typed is lost; 0 for none
	count     int // of bytes typed
}

// Type sends text to the agent, as keys that are pressed or a code that is read. Enter is part of the text: "1234#". With
// ErrNobody all of it is lost, with ErrOverflow the end.
func (s *Stream) Type(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user == nil {
		return fmt.Errorf("stream %s: %w", s.name, ErrNobody)
	}
	text = s.arrives(text)
	room := min(typedMost-len(s.in), len(text))
	s.in = append(s.in, text[:room]...)
	close(s.typed)
	s.typed = make(chan struct{})
	if room < len(text) {
		return fmt.Errorf("stream %s: %w", s.name, ErrOverflow)
	}
	return nil
}

// SetUnplugged pulls the device out, so that the agent's reads and writes fail, or puts it back.
func (s *Stream) SetUnplugged(unplugged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unplugged = unplugged; unplugged && s.user != nil {
		s.drop()
	}
}

// SetHalfRead makes the board lose each n-th byte that is typed, as a keypad with a worn key or a line at the wrong speed; 0
// ends that.
func (s *Stream) SetHalfRead(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose, s.count = n, 0
}

// arrives is what is left of typed text.
func (s *Stream) arrives(text string) string {
	if s.lose <= 0 {
		return text
	}
	var kept []byte
	for _, b := range []byte(text) {
		if s.count++; s.count%s.lose != 0 {
			kept = append(kept, b)
		}
	}
	return string(kept)
}

// Scan sends a code as a barcode reader does: with CR behind it.
func (s *Stream) Scan(code string) error { return s.Type(code + "\r") }

// Lines takes the lines that were shown and not taken yet, the oldest first.
func (s *Stream) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines
	s.lines = nil
	return l
}

// ReadLine takes the next line, and waits for it until ctx ends.
func (s *Stream) ReadLine(ctx context.Context) (string, error) {
	for {
		s.mu.Lock()
		if len(s.lines) > 0 {
			l := s.lines[0]
			s.lines = s.lines[1:]
			s.mu.Unlock()
			return l, nil
		}
		shown := s.shown
		s.mu.Unlock()
		select {
		case <-shown:
		case <-ctx.Done():
			return "", fmt.Errorf("stream %s: read a line: %w", s.name, ctx.Err())
		}
	}
}

// Last is the line that the display shows now.
func (s *Stream) Last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Beeps is how often it has beeped.
func (s *Stream) Beeps() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beeps
}

func (s *Stream) powerUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in, s.part, s.last = nil, nil, ""
}

func (s *Stream) open(b *Board) (*streamHandle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.unplugged:
		return nil, fmt.Errorf("stream %q: no such device", s.name)
	case s.user != nil:
		return nil, fmt.Errorf("stream %q: %w", s.name, ErrBusy)
	}
	if b.closed() {
		return nil, fmt.Errorf("stream %q: %w", s.name, ErrClosed)
	}
	s.user = &streamHandle{s: s, board: b}
	s.in, s.part = nil, nil
	return s.user, nil
}

func (s *Stream) closeOf(b *Board) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user != nil && s.user.board == b {
		s.drop()
	}
}

func (s *Stream) drop() {
	s.user, s.in = nil, nil
	close(s.typed)
	s.typed = make(chan struct{})
}

func (s *Stream) show(p []byte) {
	for _, c := range p {
		switch {
		case c == '\a':
			s.beeps++
		case c == '\r':
		case c == '\n':
			s.last = string(s.part)
			s.part = s.part[:0]
			if len(s.lines) == shownMost {
				s.lines = s.lines[1:]
			}
			s.lines = append(s.lines, s.last)
			if told := s.watch.Load(); told != nil {
				(*told)(s.name, s.last)
			}
			close(s.shown)
			s.shown = make(chan struct{})
		case len(s.part) < lineMost:
			s.part = append(s.part, c)
		}
	}
}

// streamHandle is a stream as an agent sees it.
type streamHandle struct {
	s     *Stream
	board *Board
}

// Read waits for bytes from the people, or ErrClosed.
func (h *streamHandle) Read(p []byte) (int, error) {
	for {
		h.s.mu.Lock()
		if h.s.user != h {
			h.s.mu.Unlock()
			return 0, fmt.Errorf("stream %s: read: %w", h.s.name, ErrClosed)
		}
		if len(h.s.in) > 0 || len(p) == 0 {
			n := copy(p, h.s.in)
			h.s.in = append(h.s.in[:0], h.s.in[n:]...)
			h.s.mu.Unlock()
			return n, nil
		}
		typed := h.s.typed
		h.s.mu.Unlock()
		<-typed
	}
}

// Write shows bytes to the people.
func (h *streamHandle) Write(p []byte) (int, error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	if h.s.user != h {
		return 0, fmt.Errorf("stream %s: write: %w", h.s.name, ErrClosed)
	}
	h.s.show(p)
	return len(p), nil
}

// Close gives the stream back. A read that waits returns ErrClosed.
func (h *streamHandle) Close() error {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	if h.s.user == h {
		h.s.drop()
	}
	return nil
}
