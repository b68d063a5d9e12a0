package chip

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// I2C is an I2C bus.
type I2C struct {
	name string
	now  func() time.Time

	mu    sync.Mutex
	chips map[uint16]i2cChip
	fault error
	hung  chan struct{} // closed when the clock is let go; nil while it is free
}

// i2cChip is what answers at an address. The bus calls it, and holds its mutex.
type i2cChip interface {
	tx(w, r []byte, now time.Time) (acknowledged bool) // written w, then read r; either may be empty
	reset()                                            // power-up
}

// add puts a chip at an address.
func (i *I2C) add(addr uint16, c i2cChip) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.chips[addr] = c
}

// SetFault makes every transaction fail with err, as a bus that hangs; nil ends that.
func (i *I2C) SetFault(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault = err
}

// SetHung has a chip hold the clock, so that transactions neither succeed nor fail until it lets go or the board is closed.
func (i *I2C) SetHung(hung bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case hung && i.hung == nil:
		i.hung = make(chan struct{})
	case !hung && i.hung != nil:
		close(i.hung)
		i.hung = nil
	}
}

func (i *I2C) held() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hung
}

func (i *I2C) powerUp() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range i.chips {
		c.reset()
	}
}

// tx addresses a chip for writing w, then for reading r; either may be empty.
func (i *I2C) tx(addr uint16, w, r []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fault != nil {
		return fmt.Errorf("I2C bus %s: %w", i.name, i.fault)
	}
	c := i.chips[addr]
	if c == nil || !c.tx(w, r, i.now()) {
		return fmt.Errorf("I2C bus %s: no acknowledge from %#02x", i.name, addr)
	}
	return nil
}

// i2cHandle is a bus as an agent sees it.
type i2cHandle struct {
	bus   *I2C
	board *Board
}

var _ i2c.Bus = (*i2cHandle)(nil)

func (h *i2cHandle) String() string { return h.bus.name }

func (h *i2cHandle) Tx(addr uint16, w, r []byte) error {
	if held := h.bus.held(); held != nil {
		select {
		case <-held:
		case <-h.board.done:
		}
	}
	if h.board.closed() {
		return fmt.Errorf("I2C bus %s: %w", h.bus.name, ErrClosed)
	}
	return h.bus.tx(addr, w, r)
}

func (h *i2cHandle) SetSpeed(physic.Frequency) error { return nil }
