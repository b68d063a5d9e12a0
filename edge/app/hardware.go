package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/onewire"

	"meguri/edge/device/ads1115"
	"meguri/edge/device/contact"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/keypad"
	"meguri/edge/device/matrix"
	"meguri/edge/device/reader"
	"meguri/edge/device/sht4x"
	"meguri/edge/device/strike"
	"meguri/edge/device/thermistor"
	"meguri/edge/phrase"
	"meguri/internal/clock"
)

const (
	strikePulse = 500 * time.Millisecond
	debounce    = 20 * time.Millisecond
)

// hardware is the drivers of everything that a kit names.
type hardware struct {
	ctx      context.Context // of the agent: waits of drivers end with it
	board    Board
	clock    clock.Clock
	logger   *slog.Logger
	probes   []*probe
	locks    map[string]*lock // by position
	mains    map[string]*contact.Dev
	displays map[string]*display // by position; "" is the station's hand-in terminal
	handIn   *reader.Dev
	scanner  *reader.Dev
	driver   *reader.Dev
	goods    *reader.Dev      // the warehouse's
	lines    map[string]*line // by name of the stream
	halted   sync.Once
	language phrase.Language
}

type lock struct {
	strike *strike.Dev
	door   *contact.Dev
	bolt   *contact.Dev
	key    *contact.Dev // nil where the kit has none
	keypad *keypad.Dev
}

// openHardware opens what a kit names: buses and pins have to be there, streams may come and go. When something cannot be
// opened, nothing stays open.
func openHardware(ctx context.Context, k Kit, d Deps) (_ *hardware, err error) {
	h := &hardware{ctx: ctx, board: d.Board, clock: d.Clock, logger: d.Logger, locks: map[string]*lock{},
		mains: map[string]*contact.Dev{}, displays: map[string]*display{}, lines: map[string]*line{}, language: k.Language}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.halt())
		}
	}()
	for _, l := range k.Locks { // first: a relay must rest
		if err := h.openLock(l); err != nil {
			return nil, fmt.Errorf("lock %s: %w", l.Position, err)
		}
	}
	for _, f := range k.Fridges {
		if err := h.openFridge(f); err != nil {
			return nil, fmt.Errorf("fridge %s: %w", f.Position, err)
		}
	}
	if k.Shipper != nil {
		if err := h.openProbes(k.Shipper.Position, k.Shipper.Probes, true); err != nil {
			return nil, fmt.Errorf("shipper %s: %w", k.Shipper.Position, err)
		}
		h.openDisplay(k.Shipper.Position, k.Shipper.Display)
	}
	if k.HandIn != nil {
		h.handIn = h.terminal("", *k.HandIn)
	}
	if k.Scanner != nil {
		h.scanner = h.terminal(k.Scanner.Position, *k.Scanner)
	}
	if k.Driver != nil {
		h.driver = h.terminal(k.Driver.Position, *k.Driver)
	}
	if k.Warehouse != nil {
		h.goods = h.terminal(k.Warehouse.Position, *k.Warehouse)
	}
	return h, nil
}

// sleep is what drivers wait with. The agent's end cuts it short: a strike then rests at once, and what a probe says is no
// longer asked for.
func (h *hardware) sleep(d time.Duration) { _ = h.clock.Sleep(h.ctx, d) }

func (h *hardware) openFridge(f Fridge) error {
	if f.Mains != "" {
		pin, err := h.board.Pin(f.Mains)
		if err != nil {
			return err
		}
		if h.mains[f.Position], err = contact.New(pin, h.clock.Real(debounce)); err != nil {
			return err
		}
	}
	return h.openProbes(f.Position, f.Probes, false)
}

func (h *hardware) openProbes(position string, probes []Probe, box bool) error {
	for _, p := range probes {
		read, err := h.openProbe(p)
		if err != nil {
			return fmt.Errorf("probe %s: %w", p.Name, err)
		}
		h.probes = append(h.probes, &probe{sensor: sensorName(position, p.Name), read: read, traits: p.traits(box)})
	}
	return nil
}

func (h *hardware) openProbe(p Probe) (func() (int64, error), error) {
	switch p.Chip {
	case chipDS18B20:
		address, err := p.oneWireAddress()
		if err != nil {
			return nil, err
		}
		bus, err := h.board.OneWire(p.Bus)
		if err != nil {
			return nil, err
		}
		return ds18b20.New(bus, address, h.sleep).MilliC, nil
	case chipADS1115:
		return h.openThermistor(p)
	case chipSHT4x:
		bus, err := h.board.I2C(p.Bus)
		if err != nil {
			return nil, err
		}
		return sht4x.New(bus, uint16(p.Address), h.sleep).MilliC, nil
	}
	return nil, fmt.Errorf("chip %q is unknown", p.Chip)
}

func (h *hardware) openThermistor(p Probe) (func() (int64, error), error) {
	bus, err := h.board.I2C(p.Bus)
	if err != nil {
		return nil, err
	}
	parameters, err := p.Thermistor.parameters()
	if err != nil {
		return nil, err
	}
	// Probes are read one after another, so that several drivers of one converter do not meet.
	d, err := thermistor.New(ads1115.New(bus, uint16(p.Address), h.sleep), parameters)
	if err != nil {
		return nil, err
	}
	return d.MilliC, nil
}

// oneWireAddress is the ROM code of a 1-Wire probe, as Linux names it or as a number.
func (p Probe) oneWireAddress() (onewire.Address, error) {
	if p.ROM == "" {
		return onewire.Address(p.Address), nil
	}
	return ds18b20.ParseAddress(p.ROM)
}

func (h *hardware) openLock(l Lock) error {
	relay, err := h.board.Pin(l.Relay)
	if err != nil {
		return err
	}
	open := &lock{}
	if open.strike, err = strike.New(relay, strikePulse, h.sleep); err != nil {
		return err
	}
	h.locks[l.Position] = open
	for pin, into := range map[string]**contact.Dev{l.Door: &open.door, l.Bolt: &open.bolt, l.Key: &open.key} {
		if pin == "" {
			continue
		}
		p, err := h.board.Pin(pin)
		if err != nil {
			return err
		}
		if *into, err = contact.New(p, h.clock.Real(debounce)); err != nil {
			return err
		}
	}
	if open.keypad, err = h.openKeypad(l); err != nil {
		return err
	}
	h.openDisplay(l.Position, l.Display)
	return nil
}

func (h *hardware) openKeypad(l Lock) (*keypad.Dev, error) {
	if l.Matrix == nil {
		return keypad.New(h.line(l.Keypad), h.clock.Now), nil
	}
	m, err := h.openMatrix(*l.Matrix)
	if err != nil {
		return nil, err
	}
	return keypad.New(m, h.clock.Now), nil
}

func (h *hardware) openMatrix(m Matrix) (*matrix.Dev, error) {
	open := func(names []string) (pins []gpio.PinIO, err error) {
		for _, name := range names {
			p, err := h.board.Pin(name)
			if err != nil {
				return nil, err
			}
			pins = append(pins, p)
		}
		return pins, nil
	}
	rows, err := open(m.Rows)
	if err != nil {
		return nil, err
	}
	columns, err := open(m.Columns)
	if err != nil {
		return nil, err
	}
	return matrix.New(rows, columns, m.Keys, nil)
}

func (h *hardware) terminal(position string, t Terminal) *reader.Dev {
	h.openDisplay(position, t.Display)
	if t.Framing == framingSSI {
		return reader.NewSSI(h.line(t.Reader), nil)
	}
	return reader.New(h.line(t.Reader))
}

func (h *hardware) openDisplay(position, stream string) {
	if stream != "" {
		h.displays[position] = newDisplay(h.line(stream))
	}
}

// line is the one line of a stream's name.
func (h *hardware) line(name string) *line {
	l := h.lines[name]
	if l == nil {
		l = &line{name: name, open: func(name string) (io.ReadWriteCloser, error) { return h.board.Stream(name) }}
		h.lines[name] = l
	}
	return l
}

// closing bounds how long lines may take to close. A serial line whose read hangs in the kernel cannot be closed; it ends with
// the process.
const closing = time.Second

// halt makes every lock safe and closes the lines, once; readers waiting on them end.
func (h *hardware) halt() (err error) {
	h.halted.Do(func() {
		for _, l := range h.locks {
			err = errors.Join(err, l.strike.Halt())
		}
		closed := make(chan struct{}, len(h.lines))
		for _, l := range h.lines {
			go func() {
				_ = l.Close() // never fails
				closed <- struct{}{}
			}()
		}
		late := time.NewTimer(closing)
		defer late.Stop()
		for range h.lines {
			select {
			case <-closed:
			case <-late.C:
				return
			}
		}
	})
	return err
}

func (h *hardware) fire(position string) error {
	l, ok := h.locks[position]
	if !ok {
		return fmt.Errorf("no lock at %s", position)
	}
	return l.strike.Fire()
}

// show tells a person something.
func (h *hardware) show(position string, p phrase.Phrase, refused bool) {
	if d := h.displays[position]; d != nil {
		d.show(shown{text: p.In(h.language), refused: refused})
	}
}

// code shows a code for another device's reader.
func (h *hardware) code(position, text string) {
	if d := h.displays[position]; d != nil {
		d.show(shown{text: text, code: true})
	}
}

// tell tells a person what a scan has come to and what to do next, with a sound of so many beeps.
func (h *hardware) tell(position string, beeps int, line, next phrase.Phrase) {
	d := h.displays[position]
	if d == nil {
		return
	}
	text := line.In(h.language)
	if more := next.In(h.language); more != text {
		text += " " + more
	}
	d.show(shown{text: text, beeps: beeps})
}

func (h *hardware) identify() {
	for _, d := range h.displays {
		d.show(shown{beep: true})
	}
}
