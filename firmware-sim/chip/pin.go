package chip

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Pin is a wire between the board and the world. The board may drive it; else the world may; else the board's pull resistor
// decides, and without one it is low.
type Pin struct {
	name   string
	number int

	order sync.Mutex // a change and its listeners; taken before mu
	mu    sync.Mutex
	out   *gpio.Level // driven by the board
	ext   *gpio.Level // driven by the world
	short *gpio.Level // shorted to the supply or to ground: stronger than either
	pull  gpio.Pull
	level gpio.Level
	rises uint64
	falls uint64
	moved chan struct{} // closed at the next change

	chatter bool

	hear []func(gpio.Level)
}

// Name is the pin's name on the board.
func (p *Pin) Name() string { return p.name }

// Drive puts a level on the wire from outside.
func (p *Pin) Drive(l gpio.Level) { p.change(func() { p.ext = &l }) }

// Release takes the outside's level off the wire, as an open switch does.
func (p *Pin) Release() { p.change(func() { p.ext = nil }) }

// Switch is a contact between the wire and ground: closed pulls it low, open leaves it to the pull-up.
func (p *Pin) Switch(closed bool) {
	if closed {
		p.Drive(gpio.Low)
		return
	}
	p.Release()
}

// Short shorts the wire to the supply (high) or to ground (low), whoever drives it.
func (p *Pin) Short(l gpio.Level) { p.change(func() { p.short = &l }) }

// Unshort ends that.
func (p *Pin) Unshort() { p.change(func() { p.short = nil }) }

// SetChatter makes a loose contact of it, whose level turns over each time the board reads it, or ends that.
func (p *Pin) SetChatter(chatter bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chatter = chatter
}

// look is the board reading the level.
func (p *Pin) look() gpio.Level {
	p.mu.Lock()
	chatter, turned := p.chatter, !p.level
	p.mu.Unlock()
	if chatter {
		p.change(func() { p.ext = &turned })
	}
	return p.Level()
}

// Level is what a meter would show.
func (p *Pin) Level() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

// OnChange has fn called with each new level, one call at a time, by whoever changed it. fn may change other pins, but not
// this one.
func (p *Pin) OnChange(fn func(gpio.Level)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hear = append(p.hear, fn)
}

func (p *Pin) setOutput(l *gpio.Level) {
	p.change(func() {
		if l == nil && p.out != nil { // no longer ours: the kernel leaves the line floating
			p.pull = gpio.Float
		}
		p.out = l
	})
}

func (p *Pin) setInput(pull gpio.Pull) {
	p.change(func() {
		p.out = nil
		if pull != gpio.PullNoChange {
			p.pull = pull
		}
	})
}

func (p *Pin) change(do func()) {
	p.order.Lock()
	defer p.order.Unlock()
	p.mu.Lock()
	do()
	l := gpio.Level(p.pull == gpio.PullUp)
	switch {
	case p.short != nil:
		l = *p.short
	case p.out != nil:
		l = *p.out
	case p.ext != nil:
		l = *p.ext
	}
	if l == p.level {
		p.mu.Unlock()
		return
	}
	p.level = l
	if l {
		p.rises++
	} else {
		p.falls++
	}
	close(p.moved)
	p.moved = make(chan struct{})
	hear := p.hear
	p.mu.Unlock()
	for _, fn := range hear {
		fn(l)
	}
}

// edges counts the edges of a kind so far, and returns what is closed at the next change.
func (p *Pin) edges(kind gpio.Edge) (uint64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch kind {
	case gpio.RisingEdge:
		return p.rises, p.moved
	case gpio.FallingEdge:
		return p.falls, p.moved
	case gpio.BothEdges:
		return p.rises + p.falls, p.moved
	}
	return 0, p.moved
}

// pinHandle is a pin as an agent sees it. After the board's end it stays as it was last read, so that an agent that has lost
// its power sees nothing that did not happen.
type pinHandle struct {
	pin   *Pin
	board *Board

	mu   sync.Mutex
	edge gpio.Edge
	seen uint64
	halt chan struct{} // closed to wake a wait
	last gpio.Level
}

var _ gpio.PinIO = (*pinHandle)(nil)

func (h *pinHandle) String() string         { return h.pin.name }
func (h *pinHandle) Name() string           { return h.pin.name }
func (h *pinHandle) Number() int            { return h.pin.number }
func (h *pinHandle) Function() string       { return "" }
func (h *pinHandle) DefaultPull() gpio.Pull { return gpio.Float }
func (h *pinHandle) errClosed(op string) error {
	return fmt.Errorf("pin %s: %s: %w", h.pin.name, op, ErrClosed)
}

// Halt wakes a wait.
func (h *pinHandle) Halt() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.halt)
	h.halt = make(chan struct{})
	return nil
}

func (h *pinHandle) Pull() gpio.Pull {
	h.pin.mu.Lock()
	defer h.pin.mu.Unlock()
	return h.pin.pull
}

func (h *pinHandle) In(pull gpio.Pull, edge gpio.Edge) error {
	if h.board.closed() {
		return h.errClosed("set up as an input")
	}
	h.pin.setInput(pull)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.edge = edge
	h.seen, _ = h.pin.edges(edge)
	close(h.halt)
	h.halt = make(chan struct{})
	return nil
}

func (h *pinHandle) Read() gpio.Level {
	l := h.pin.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.board.closed() {
		h.last = l
	}
	return h.last
}

func (h *pinHandle) WaitForEdge(timeout time.Duration) bool {
	var end <-chan time.Time
	if timeout >= 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		end = t.C
	}
	h.mu.Lock()
	halt := h.halt
	h.mu.Unlock()
	for {
		if h.board.closed() {
			return false
		}
		seen, moved := h.since()
		if seen {
			return true
		}
		select {
		case <-moved:
		case <-halt:
			return false
		case <-h.board.done:
			return false
		case <-end:
			return false
		}
	}
}

// since says whether there was an edge since the last time it said so.
func (h *pinHandle) since() (bool, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, moved := h.pin.edges(h.edge)
	if n == h.seen {
		return false, moved
	}
	h.seen = n
	return true, moved
}

func (h *pinHandle) Out(l gpio.Level) error {
	if h.board.closed() {
		return h.errClosed("put out " + l.String())
	}
	h.pin.setOutput(&l)
	if h.board.closed() { // closed in between: nobody may be left driving the pin
		h.pin.setOutput(nil)
		return h.errClosed("put out " + l.String())
	}
	return nil
}

func (h *pinHandle) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("pin " + h.pin.name + ": PWM is not simulated")
}
