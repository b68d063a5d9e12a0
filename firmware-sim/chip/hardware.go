// Package chip simulates, at register level, what stands at the wires of an edge agent: a 1-Wire bus with DS18B20 probes, an
// I2C bus with SHT4x sensors and ADS1115 converters, pins, and byte streams to keypads, readers and displays. The real drivers run on top of it and
// cannot tell the difference.
//
// Hardware is what is soldered together and lives on while agents come and go. An agent works on it through a Board, as a
// process works on the devices that it has opened: closing the board is the end of the process, and CutPower is a power cut.
// The other side, the wires that lead to doors, probes and people, is for the world: the methods of Pin, Stream, OneWire, I2C,
// DS18B20, SHT4x and ADS1115.
//
// All of it is safe for concurrent use, and nothing here has a goroutine of its own. In a synctest bubble, make the Hardware
// in the bubble too: waits on channels from outside stop its clock.
package chip

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Errors of a board.
var (
	ErrClosed  = errors.New("board is closed")
	ErrNoPower = errors.New("board has no power")
	ErrBusy    = errors.New("in use by another agent")
)

// Hardware is the circuit of one agent.
type Hardware struct {
	now func() time.Time

	mu       sync.Mutex
	oneWires map[string]*OneWire
	i2cs     map[string]*I2C
	pins     map[string]*Pin
	streams  map[string]*Stream
	battery  bool // of the clock: low
	dead     bool // power is cut
	board    *Board
	released chan struct{} // closed when the board that is open now closes

	watch atomic.Pointer[func(stream, line string)]
}

// New returns an empty circuit under power. now is what the chips take conversion times from; time.Now when nil.
func New(now func() time.Time) *Hardware {
	if now == nil {
		now = time.Now
	}
	return &Hardware{now: now, oneWires: map[string]*OneWire{}, i2cs: map[string]*I2C{}, pins: map[string]*Pin{}, streams: map[string]*Stream{}}
}

// SetClockBatteryLow makes the battery of the board's clock low, or good again.
func (h *Hardware) SetClockBatteryLow(low bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.battery = low
}

// OneWire is the 1-Wire bus of that name; it is made at first use, and so with I2C, Pin and Stream.
func (h *Hardware) OneWire(name string) *OneWire {
	return made(h, h.oneWires, name, func() *OneWire { return &OneWire{name: name, now: h.now} })
}

// I2C is the I2C bus of that name.
func (h *Hardware) I2C(name string) *I2C {
	return made(h, h.i2cs, name, func() *I2C { return &I2C{name: name, now: h.now, chips: map[uint16]i2cChip{}} })
}

// Pin is the pin of that name.
func (h *Hardware) Pin(name string) *Pin {
	return made(h, h.pins, name, func() *Pin {
		return &Pin{name: name, number: len(h.pins), moved: make(chan struct{}), pull: gpio.Float}
	})
}

// Stream is the byte stream of that name.
func (h *Hardware) Stream(name string) *Stream {
	return made(h, h.streams, name, func() *Stream {
		return &Stream{name: name, typed: make(chan struct{}), shown: make(chan struct{}), watch: &h.watch}
	})
}

// WatchDisplays has fn called with every line that a display shows from now on, in the display's order. It must not wait.
func (h *Hardware) WatchDisplays(fn func(stream, line string)) { h.watch.Store(&fn) }

func made[T any](h *Hardware, all map[string]*T, name string, build func() *T) *T {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := all[name]
	if x == nil {
		x = build()
		all[name] = x
	}
	return x
}

// Open starts an agent's session. Only one is open at a time: Open waits for the one before to close until ctx ends, then it
// returns ErrBusy. Without power it returns ErrNoPower at once.
func (h *Hardware) Open(ctx context.Context) (*Board, error) {
	for {
		b, released, err := h.tryOpen()
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-released:
		case <-ctx.Done():
			return nil, fmt.Errorf("open board: %w: %w", ErrBusy, ctx.Err())
		}
	}
}

func (h *Hardware) tryOpen() (*Board, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.dead:
		return nil, nil, fmt.Errorf("open board: %w", ErrNoPower)
	case h.board != nil:
		return nil, h.released, nil
	}
	h.released = make(chan struct{})
	h.board = &Board{h: h, done: make(chan struct{}), pins: map[string]*pinHandle{}}
	return h.board, nil, nil
}

// CutPower takes the supply of board and chips away: the open board is closed, and chips, keypads and displays forget.
func (h *Hardware) CutPower() {
	h.mu.Lock()
	h.dead = true
	b := h.board
	h.mu.Unlock()
	if b != nil {
		_ = b.Close()
	}
	h.mu.Lock()
	oneWires, i2cs, streams := values(h.oneWires), values(h.i2cs), values(h.streams)
	h.mu.Unlock()
	for _, o := range oneWires {
		o.powerUp()
	}
	for _, i := range i2cs {
		i.powerUp()
	}
	for _, s := range streams {
		s.powerUp()
	}
}

// RestorePower gives the supply back; an agent can be opened again.
func (h *Hardware) RestorePower() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead = false
}

// Powered says whether the supply is there.
func (h *Hardware) Powered() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.dead
}

func values[T any](m map[string]*T) []*T { return slices.Collect(maps.Values(m)) }

// find returns what an agent asks for, or says what there is.
func find[T any](b *Board, kind string, all map[string]*T, name string) (*T, error) {
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	select {
	case <-b.done:
		return nil, fmt.Errorf("%s %q: %w", kind, name, ErrClosed)
	default:
	}
	x := all[name]
	if x == nil {
		names := slices.Sorted(maps.Keys(all))
		return nil, fmt.Errorf("%s %q: there is none; there are: %s", kind, name, strings.Join(names, ", "))
	}
	return x, nil
}
