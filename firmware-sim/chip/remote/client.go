package remote

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
)

// Board is lent hardware, with the methods of chip.Board.
type Board struct {
	conn net.Conn
	done chan struct{} // closed when no more replies come

	sending sync.Mutex
	out     *gob.Encoder

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan reply // nil when the connection has ended
}

// Dial connects to hardware that is lent at a Unix socket. That it is in use, or without power, shows when something is
// opened.
func Dial(ctx context.Context, path string) (*Board, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("borrow hardware: %w", err)
	}
	b := &Board{conn: conn, done: make(chan struct{}), out: gob.NewEncoder(conn), waiting: map[uint64]chan reply{}}
	go b.receive()
	return b, nil
}

// Close ends the session. All waits and reads return.
func (b *Board) Close() error {
	err := b.conn.Close()
	<-b.done
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("give hardware back: %w", err)
	}
	return nil
}

// Done is closed when the connection has ended, by Close or by the other side.
func (b *Board) Done() <-chan struct{} { return b.done }

// receive hands replies to those who wait for them.
func (b *Board) receive() {
	defer close(b.done)
	in := gob.NewDecoder(b.conn)
	for {
		var r reply
		if err := in.Decode(&r); err != nil {
			break
		}
		b.mu.Lock()
		ch := b.waiting[r.ID]
		delete(b.waiting, r.ID)
		b.mu.Unlock()
		if ch != nil {
			ch <- r // has room
		}
	}
	_ = b.conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = nil
}

func (b *Board) call(q request) (reply, error) {
	ch := make(chan reply, 1)
	b.mu.Lock()
	if b.waiting == nil || len(b.waiting) >= callsMost {
		err := errClosed
		if b.waiting != nil {
			err = errTooMany
		}
		b.mu.Unlock()
		return reply{}, fmt.Errorf("lent %s: %w", q.Name, err)
	}
	b.last++
	q.ID = b.last
	b.waiting[q.ID] = ch
	b.mu.Unlock()

	b.sending.Lock()
	err := b.out.Encode(q)
	b.sending.Unlock()
	if err != nil {
		_ = b.conn.Close() // half a request may be out
		return reply{}, fmt.Errorf("lent %s: %w: %w", q.Name, errClosed, err)
	}
	select {
	case r := <-ch:
		return answered(q, r)
	case <-b.done:
	}
	select {
	case r := <-ch: // came just before the end
		return answered(q, r)
	default:
		return reply{}, fmt.Errorf("lent %s: %w", q.Name, errClosed)
	}
}

func answered(q request, r reply) (reply, error) {
	if r.Class != 0 {
		return r, &busError{fmt.Sprintf("lent %s: %s", q.Name, r.Err), r.Class}
	}
	if r.Err != "" {
		return r, fmt.Errorf("lent %s: %s", q.Name, r.Err)
	}
	return r, nil
}

// OneWire opens a 1-Wire bus.
func (b *Board) OneWire(name string) (onewire.Bus, error) {
	if _, err := b.call(request{Op: openOneWire, Name: name}); err != nil {
		return nil, err
	}
	return &oneWire{b, name}, nil
}

// I2C opens an I2C bus.
func (b *Board) I2C(name string) (i2c.Bus, error) {
	if _, err := b.call(request{Op: openI2C, Name: name}); err != nil {
		return nil, err
	}
	return &i2cBus{b, name}, nil
}

// Pin returns a pin.
func (b *Board) Pin(name string) (gpio.PinIO, error) {
	if _, err := b.call(request{Op: openPin, Name: name}); err != nil {
		return nil, err
	}
	return &pin{b: b, name: name}, nil
}

// Stream opens a byte stream. It can be open once at a time.
func (b *Board) Stream(name string) (io.ReadWriteCloser, error) {
	if _, err := b.call(request{Op: openStream, Name: name}); err != nil {
		return nil, err
	}
	return &stream{b, name}, nil
}

var _ gpio.PinIO = (*pin)(nil)
