package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"periph.io/x/conn/v3/onewire"

	"meguri/edge/device"
	"meguri/edge/device/contact"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/keypad"
	"meguri/edge/device/reader"
	"meguri/edge/device/sht4x"
	"meguri/edge/device/strike"
	"meguri/edge/device/textline"
	"meguri/edge/phrase"
	"meguri/internal/clock"
	"meguri/protocol"
)

const (
	strikePulse = 500 * time.Millisecond
	debounce    = 20 * time.Millisecond
)

// hardware is the drivers of everything that a kit names.
type hardware struct {
	clock    clock.Clock
	probes   []probe
	locks    map[string]*lock // by position
	mains    map[string]*contact.Dev
	displays map[string]*textline.Dev // by position; "" is the station's hand-in terminal
	handIn   *reader.Dev
	scanner  *reader.Dev
	driver   *reader.Dev
	streams  []io.Closer
	halted   sync.Once
	language phrase.Language
}

type probe struct {
	sensor string // POSITION/NAME
	read   func() (milliC int64, err error)
}

type lock struct {
	strike *strike.Dev
	door   *contact.Dev
	bolt   *contact.Dev
	keypad *keypad.Dev
}

// openHardware opens what a kit names. When something cannot be opened, nothing stays open.
func openHardware(k Kit, b Board, c clock.Clock) (_ *hardware, err error) {
	h := &hardware{clock: c, locks: map[string]*lock{}, mains: map[string]*contact.Dev{}, displays: map[string]*textline.Dev{},
		language: k.Language}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.halt())
		}
	}()
	for _, f := range k.Fridges {
		if err := h.openFridge(f, b); err != nil {
			return nil, fmt.Errorf("fridge %s: %w", f.Position, err)
		}
	}
	for _, l := range k.Locks {
		if err := h.openLock(l, b); err != nil {
			return nil, fmt.Errorf("lock %s: %w", l.Position, err)
		}
	}
	if k.Shipper != nil {
		if err := h.openProbes(k.Shipper.Position, k.Shipper.Probes, b); err != nil {
			return nil, fmt.Errorf("shipper %s: %w", k.Shipper.Position, err)
		}
	}
	if h.handIn, err = h.openTerminal("", k.HandIn, b); err != nil {
		return nil, fmt.Errorf("hand-in: %w", err)
	}
	if h.scanner, err = h.openTerminal(position(k.Scanner), k.Scanner, b); err != nil {
		return nil, fmt.Errorf("scanner: %w", err)
	}
	if h.driver, err = h.openTerminal(position(k.Driver), k.Driver, b); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	return h, nil
}

func position(t *Terminal) string {
	if t == nil {
		return ""
	}
	return t.Position
}

func (h *hardware) sleep(d time.Duration) { _ = h.clock.Sleep(context.Background(), d) } // the longest is a conversion, 750 ms

func (h *hardware) openFridge(f Fridge, b Board) error {
	if f.Mains != "" {
		pin, err := b.Pin(f.Mains)
		if err != nil {
			return err
		}
		if h.mains[f.Position], err = contact.New(pin, h.clock.Real(debounce)); err != nil {
			return err
		}
	}
	return h.openProbes(f.Position, f.Probes, b)
}

func (h *hardware) openProbes(position string, probes []Probe, b Board) error {
	for _, p := range probes {
		read, err := h.openProbe(p, b)
		if err != nil {
			return fmt.Errorf("probe %s: %w", p.Name, err)
		}
		h.probes = append(h.probes, probe{sensor: position + "/" + p.Name, read: read})
	}
	return nil
}

func (h *hardware) openProbe(p Probe, b Board) (func() (int64, error), error) {
	switch p.Chip {
	case chipDS18B20:
		bus, err := b.OneWire(p.Bus)
		if err != nil {
			return nil, err
		}
		return ds18b20.New(bus, onewire.Address(p.Address), h.sleep).MilliC, nil
	case chipSHT4x:
		bus, err := b.I2C(p.Bus)
		if err != nil {
			return nil, err
		}
		return sht4x.New(bus, uint16(p.Address), h.sleep).MilliC, nil
	}
	return nil, fmt.Errorf("chip %q is unknown", p.Chip)
}

func (h *hardware) openLock(l Lock, b Board) error {
	relay, err := b.Pin(l.Relay)
	if err != nil {
		return err
	}
	open := &lock{}
	if open.strike, err = strike.New(relay, strikePulse, h.sleep); err != nil {
		return err
	}
	h.locks[l.Position] = open
	for pin, into := range map[string]**contact.Dev{l.Door: &open.door, l.Bolt: &open.bolt} {
		p, err := b.Pin(pin)
		if err != nil {
			return err
		}
		if *into, err = contact.New(p, h.clock.Real(debounce)); err != nil {
			return err
		}
	}
	keys, err := b.Stream(l.Keypad)
	if err != nil {
		return err
	}
	h.streams = append(h.streams, keys)
	open.keypad = keypad.New(keys, h.clock.Now)
	return h.openDisplay(l.Position, l.Display, b)
}

func (h *hardware) openTerminal(position string, t *Terminal, b Board) (*reader.Dev, error) {
	if t == nil {
		return nil, nil
	}
	s, err := b.Stream(t.Reader)
	if err != nil {
		return nil, err
	}
	h.streams = append(h.streams, s)
	return reader.New(s), h.openDisplay(position, t.Display, b)
}

func (h *hardware) openDisplay(position, stream string, b Board) error {
	if stream == "" {
		return nil
	}
	s, err := b.Stream(stream)
	if err != nil {
		return err
	}
	h.streams = append(h.streams, s)
	h.displays[position] = textline.New(s)
	return nil
}

// halt makes every lock safe and closes the lines, once; readers waiting on them end.
func (h *hardware) halt() (err error) {
	h.halted.Do(func() {
		for _, l := range h.locks {
			err = errors.Join(err, l.strike.Halt())
		}
		for _, s := range h.streams {
			err = errors.Join(err, s.Close())
		}
	})
	return err
}

// watch starts what turns the hardware into inputs of the agent.
func (h *hardware) watch(ctx context.Context, g *errgroup.Group, a *agent) {
	// Reads of a serial line do not end with the context: closing the line ends them.
	g.Go(func() error {
		<-ctx.Done()
		return h.halt()
	})
	for position, l := range h.locks {
		g.Go(func() error {
			return l.watch(ctx, func(closed bool) { a.do(func() { a.doorMoved(position, closed) }) })
		})
		g.Go(func() error {
			return l.keypad.Run(ctx, func(code string) { a.do(func() { a.codeEntered(position, code) }) })
		})
	}
	for position, m := range h.mains {
		g.Go(func() error { return m.Watch(ctx, func(on bool) { a.do(func() { a.mainsChanged(position, on) }) }) })
	}
	for _, r := range []struct {
		dev   *reader.Dev
		input func(scan string)
	}{{h.handIn, a.scannedAtStation}, {h.scanner, a.scannedInShop}, {h.driver, a.scannedByDriver}} {
		if r.dev != nil {
			g.Go(func() error {
				return r.dev.Run(ctx, func(s reader.Scan) { a.do(func() { r.input(s.Text) }) })
			})
		}
	}
	if len(h.probes) > 0 {
		g.Go(func() error { return h.sample(ctx, a) })
	}
}

// watch tells when the door opens, and when it is shut and the bolt is out again.
func (l *lock) watch(ctx context.Context, moved func(closed bool)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return l.door.Watch(ctx, func(shut bool) {
			if !shut || l.bolt.Closed() {
				moved(shut)
			}
		})
	})
	g.Go(func() error {
		return l.bolt.Watch(ctx, func(out bool) {
			if out && l.door.Closed() {
				moved(true)
			}
		})
	})
	return g.Wait()
}

// sample reads all probes, one round every so often as the plan says.
func (h *hardware) sample(ctx context.Context, a *agent) error {
	for {
		samples := make([]protocol.Sample, 0, len(h.probes))
		for _, p := range h.probes {
			milliC, err := p.read()
			s := protocol.Sample{Sensor: p.sensor, MilliC: milliC, Fault: faultOf(err)}
			if err != nil {
				s.MilliC = 0
			}
			samples = append(samples, s)
		}
		a.do(func() { a.sampled(samples) })
		if err := h.clock.Sleep(ctx, time.Duration(a.sampleEvery.Load())*time.Millisecond); err != nil {
			return err
		}
	}
}

func faultOf(err error) protocol.SensorFault {
	switch {
	case err == nil:
		return protocol.SensorOK
	case errors.Is(err, device.ErrCRC):
		return protocol.SensorCRC
	case errors.Is(err, device.ErrPowerOn):
		return protocol.SensorPowerOn
	case errors.Is(err, device.ErrOutOfRange):
		return protocol.SensorOutOfRange
	}
	return protocol.SensorMissing
}

func (h *hardware) fire(position string) error {
	l, ok := h.locks[position]
	if !ok {
		return fmt.Errorf("no lock at %s", position)
	}
	return l.strike.Fire()
}

// show writes a line for a person. A display that fails must not stop a door.
func (h *hardware) show(position string, p phrase.Phrase, refused bool) {
	if d := h.displays[position]; d != nil {
		if refused {
			_ = d.Refuse(p.In(h.language))
		} else {
			_ = d.Show(p.In(h.language))
		}
	}
}

func (h *hardware) identify() {
	for _, d := range h.displays {
		_ = d.Beep()
	}
}
