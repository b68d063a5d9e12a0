package remote

import (
	"errors"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/onewire"
	"periph.io/x/conn/v3/physic"
)

type oneWire struct {
	b    *Board
	name string
}

func (o *oneWire) String() string { return o.name }

func (o *oneWire) Tx(w, r []byte, p onewire.Pullup) error {
	a, err := o.b.call(request{Op: oneWireTx, Name: o.name, W: w, Read: len(r), Flag: bool(p)})
	copy(r, a.R)
	return err
}

func (o *oneWire) Search(alarmOnly bool) ([]onewire.Address, error) {
	a, err := o.b.call(request{Op: oneWireSearch, Name: o.name, Flag: alarmOnly})
	return a.Found, err
}

type i2cBus struct {
	b    *Board
	name string
}

func (i *i2cBus) String() string { return i.name }

func (i *i2cBus) Tx(addr uint16, w, r []byte) error {
	a, err := i.b.call(request{Op: i2cTx, Name: i.name, Addr: addr, W: w, Read: len(r)})
	copy(r, a.R)
	return err
}

func (i *i2cBus) SetSpeed(physic.Frequency) error { return nil }

// pin stays as it was last read when the connection is lost, as chip's pins do.
type pin struct {
	b    *Board
	name string
	last atomic.Bool
}

func (p *pin) String() string         { return p.name }
func (p *pin) Name() string           { return p.name }
func (p *pin) Number() int            { return -1 }
func (p *pin) Function() string       { return "" }
func (p *pin) Pull() gpio.Pull        { return gpio.PullNoChange }
func (p *pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

func (p *pin) do(q request) error {
	q.Name = p.name
	_, err := p.b.call(q)
	return err
}

func (p *pin) Halt() error { return p.do(request{Op: pinHalt}) }

func (p *pin) In(pull gpio.Pull, edge gpio.Edge) error {
	return p.do(request{Op: pinIn, Pull: pull, Edge: edge})
}

func (p *pin) Out(l gpio.Level) error { return p.do(request{Op: pinOut, Flag: bool(l)}) }

func (p *pin) Read() gpio.Level {
	if a, err := p.b.call(request{Op: pinRead, Name: p.name}); err == nil {
		p.last.Store(a.Level)
	}
	return gpio.Level(p.last.Load())
}

func (p *pin) WaitForEdge(timeout time.Duration) bool {
	a, err := p.b.call(request{Op: pinWait, Name: p.name, Timeout: timeout})
	if err != nil {
		return false
	}
	p.last.Store(a.Level)
	return a.Edge
}

func (p *pin) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("pin " + p.name + ": PWM is not simulated")
}

type stream struct {
	b    *Board
	name string
}

func (s *stream) Read(p []byte) (int, error) {
	a, err := s.b.call(request{Op: streamRead, Name: s.name, Read: min(len(p), bytesMost)})
	return copy(p, a.R), err
}

func (s *stream) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		part := p[:min(len(p), bytesMost)]
		if _, err := s.b.call(request{Op: streamWrite, Name: s.name, W: part}); err != nil {
			return written, err
		}
		written += len(part)
		p = p[len(part):]
	}
	return written, nil
}

func (s *stream) Close() error {
	_, err := s.b.call(request{Op: streamClose, Name: s.name})
	return err
}
