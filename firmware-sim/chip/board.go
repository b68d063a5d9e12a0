package chip

import (
	"fmt"
	"io"
	"sync"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
)

// Board is one agent's session on the hardware.
type Board struct {
	h    *Hardware
	done chan struct{}

	mu   sync.Mutex
	pins map[string]*pinHandle
}

// ClockBattery says whether the battery of the board's clock is low, as a PCF8523 does.
func (b *Board) ClockBattery() (low bool, err error) {
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	if b.h.dead {
		return false, fmt.Errorf("clock: %w", ErrNoPower)
	}
	return b.h.battery, nil
}

// OneWire opens a 1-Wire bus. It is an onewire.BusSearcher too.
func (b *Board) OneWire(name string) (onewire.Bus, error) {
	o, err := find(b, "1-Wire bus", b.h.oneWires, name)
	if err != nil {
		return nil, err
	}
	return &oneWireHandle{bus: o, board: b}, nil
}

// I2C opens an I2C bus.
func (b *Board) I2C(name string) (i2c.Bus, error) {
	i, err := find(b, "I2C bus", b.h.i2cs, name)
	if err != nil {
		return nil, err
	}
	return &i2cHandle{bus: i, board: b}, nil
}

// Pin returns a pin. All who ask for it share it.
func (b *Board) Pin(name string) (gpio.PinIO, error) {
	p, err := find(b, "pin", b.h.pins, name)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pins == nil { // closed meanwhile
		return nil, fmt.Errorf("pin %q: %w", name, ErrClosed)
	}
	if b.pins[name] == nil {
		b.pins[name] = &pinHandle{pin: p, board: b, halt: make(chan struct{})}
	}
	return b.pins[name], nil
}

// Stream opens a byte stream. It can be open once at a time.
func (b *Board) Stream(name string) (io.ReadWriteCloser, error) {
	s, err := find(b, "stream", b.h.streams, name)
	if err != nil {
		return nil, err
	}
	return s.open(b)
}

// Close ends the session: everything that was opened through the board fails from now on with ErrClosed, waits and reads
// return, and outputs go back to being inputs, as the kernel does when a process dies. Closing again does nothing.
func (b *Board) Close() error {
	b.h.mu.Lock()
	if b.h.board != b {
		b.h.mu.Unlock()
		return nil
	}
	close(b.done)
	b.h.board = nil
	released, streams := b.h.released, values(b.h.streams)
	b.h.mu.Unlock()

	b.mu.Lock()
	pins := b.pins
	b.pins = nil
	b.mu.Unlock()
	for _, p := range pins {
		p.pin.setOutput(nil)
	}
	for _, s := range streams {
		s.closeOf(b)
	}
	close(released)
	return nil
}

// Done is closed when the board is.
func (b *Board) Done() <-chan struct{} { return b.done }

func (b *Board) closed() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}
