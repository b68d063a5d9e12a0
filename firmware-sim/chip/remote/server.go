package remote

import (
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"meguri/firmware-sim/chip"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
)

const (
	// patience is how long a new client waits for the board of the one before, which may just have been killed. In the
	// machine's own time.
	patience = 5 * time.Second
	// clientsMost is how many connections may stand at once; all but one of them wait.
	clientsMost = 8
)

// Serve lends h to one client after the other that connects to l, until ctx ends, whose error it returns, or l fails. It
// closes l and all connections.
func Serve(ctx context.Context, l net.Listener, h *chip.Hardware) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	room := make(chan struct{}, clientsMost)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("lend hardware at %s: %w", l.Addr(), err)
		}
		select {
		case room <- struct{}{}:
			clients.Go(func() {
				defer func() { <-room }()
				serve(ctx, conn, h)
			})
		default:
			_ = conn.Close()
		}
	}
}

// serve lends h to one client until either side ends.
func serve(ctx context.Context, conn net.Conn, h *chip.Hardware) {
	ctx, cancel := context.WithCancel(ctx)
	s := &session{buses: map[string]onewire.Bus{}, i2cs: map[string]i2c.Bus{}, pins: map[string]gpio.PinIO{}, streams: map[string]io.ReadWriteCloser{}}
	defer s.calls.Wait()
	defer cancel() // closes the board, so that calls which wait return
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	opening, stop := context.WithTimeout(ctx, patience)
	s.board, s.refused = h.Open(opening)
	stop()
	if s.board != nil {
		context.AfterFunc(ctx, func() { _ = s.board.Close() })
		go func() {
			<-s.board.Done() // a power cut takes the client's connection too
			cancel()
		}()
	}
	s.loop(conn)
}

// session is what one client has opened.
type session struct {
	board   *chip.Board
	refused error // why there is none
	calls   sync.WaitGroup

	mu      sync.Mutex
	buses   map[string]onewire.Bus
	i2cs    map[string]i2c.Bus
	pins    map[string]gpio.PinIO
	streams map[string]io.ReadWriteCloser

	sending sync.Mutex
}

// loop answers requests until the connection ends.
func (s *session) loop(conn net.Conn) {
	in, out := gob.NewDecoder(conn), gob.NewEncoder(conn)
	room := make(chan struct{}, callsMost)
	for {
		var q request
		if err := in.Decode(&q); err != nil {
			return
		}
		room <- struct{}{}
		s.calls.Go(func() {
			defer func() { <-room }()
			r := reply{ID: q.ID}
			if err := s.answer(q, &r); err != nil {
				r.Err, r.Class = err.Error(), classOf(err)
			}
			s.sending.Lock()
			defer s.sending.Unlock()
			_ = out.Encode(r) // if the client is gone, so is the next request
		})
	}
}

func (s *session) answer(q request, r *reply) error {
	switch {
	case s.refused != nil:
		return s.refused
	case q.Read < 0 || q.Read > bytesMost || len(q.W) > bytesMost:
		return fmt.Errorf("%d bytes to write and %d to read: want 0 to %d", len(q.W), q.Read, bytesMost)
	case q.Op >= openOneWire && q.Op <= openStream:
		return s.open(q)
	case q.Op >= oneWireTx && q.Op <= i2cTx:
		return s.bus(q, r)
	case q.Op >= pinIn && q.Op <= pinOut:
		return s.pin(q, r)
	}
	return s.stream(q, r)
}

func (s *session) open(q request) error {
	switch q.Op {
	case openOneWire:
		return keep(s, s.buses, q.Name, s.board.OneWire)
	case openI2C:
		return keep(s, s.i2cs, q.Name, s.board.I2C)
	case openPin:
		return keep(s, s.pins, q.Name, s.board.Pin)
	}
	return keep(s, s.streams, q.Name, s.board.Stream)
}

func keep[T any](s *session, m map[string]T, name string, open func(string) (T, error)) error {
	x, err := open(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m[name] = x
	return nil
}

func opened[T any](s *session, m map[string]T, name string) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := m[name]
	if !ok {
		return x, fmt.Errorf("%q is not open", name)
	}
	return x, nil
}

func (s *session) bus(q request, r *reply) error {
	r.R = make([]byte, q.Read)
	if q.Op == i2cTx {
		b, err := opened(s, s.i2cs, q.Name)
		if err != nil {
			return err
		}
		return b.Tx(q.Addr, q.W, r.R)
	}
	b, err := opened(s, s.buses, q.Name)
	if err != nil {
		return err
	}
	if q.Op == oneWireTx {
		return b.Tx(q.W, r.R, onewire.Pullup(q.Flag))
	}
	r.Found, err = b.Search(q.Flag)
	return err
}

func (s *session) pin(q request, r *reply) error {
	p, err := opened(s, s.pins, q.Name)
	if err != nil {
		return err
	}
	switch q.Op {
	case pinIn:
		return p.In(q.Pull, q.Edge)
	case pinHalt:
		return p.Halt()
	case pinOut:
		return p.Out(gpio.Level(q.Flag))
	case pinWait:
		r.Edge = p.WaitForEdge(q.Timeout)
	}
	r.Level = bool(p.Read())
	return nil
}

func (s *session) stream(q request, r *reply) error {
	x, err := opened(s, s.streams, q.Name)
	if err != nil {
		return err
	}
	switch q.Op {
	case streamRead:
		r.R = make([]byte, q.Read)
		n, err := x.Read(r.R)
		r.R = r.R[:n]
		return err
	case streamWrite:
		_, err = x.Write(q.W)
		return err
	case streamClose:
		return x.Close()
	}
	return fmt.Errorf("operation %d is unknown", q.Op)
}
