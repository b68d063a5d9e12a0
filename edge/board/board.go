// Package board opens the real buses, pins and lines of the machine that the agent runs on. It is the only package that does;
// everybody else is handed what it opened, because periph's registries are shared by the whole process.
//
// Names are those of periph and of Linux:
//
//	1-Wire  OneWire1                          bus master 1 (w1-gpio overlay, w1_netlink); the empty name is the first
//	I2C     /dev/i2c-1, I2C1, 1               the empty name is the first
//	pin     GPIO17, 17                        as the board names its lines
//	stream  serial:/dev/ttyUSB0?baud=9600     baud (9600), bits (8), parity (none, odd, even), stop (1, 2)
//	        evdev:/dev/input/event3           a USB keyboard, keypad or barcode reader; what it types comes as text
package board

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"meguri/edge/device"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/onewire"
	"periph.io/x/conn/v3/onewire/onewirereg"
	"periph.io/x/host/v3"
)

// Board is the hardware of this machine. It opens a bus once, however often it is asked for.
type Board struct {
	mu       sync.Mutex
	closed   bool
	oneWires map[string]onewire.BusCloser
	i2cs     map[string]i2c.BusCloser
	pins     map[string]gpio.PinIO
	streams  map[string]io.Closer // by kind and path
	why      string               // what periph's drivers said when they did not find their hardware
}

// ErrClosed is returned by a board that has been closed.
var ErrClosed = errors.New("board is closed")

// Open loads periph's drivers for this machine. A driver without hardware is no error; what was missing is said when somebody
// asks for it.
func Open() (*Board, error) {
	state, err := host.Init()
	if err != nil {
		return nil, fmt.Errorf("open board: %w", err)
	}
	var why []string
	for _, f := range append(state.Skipped, state.Failed...) {
		why = append(why, f.String())
	}
	slices.Sort(why)
	return &Board{oneWires: map[string]onewire.BusCloser{}, i2cs: map[string]i2c.BusCloser{}, pins: map[string]gpio.PinIO{},
		streams: map[string]io.Closer{}, why: strings.Join(why, "; ")}, nil
}

// OneWire opens a 1-Wire bus.
func (b *Board) OneWire(name string) (onewire.Bus, error) {
	bus, err := open(b, b.oneWires, name, onewirereg.Open)
	if err != nil {
		var have []string
		for _, r := range onewirereg.All() {
			have = append(have, append([]string{r.Name}, r.Aliases...)...)
		}
		return nil, b.explain(oneWires, name, have, err)
	}
	return bus, nil
}

// I2C opens an I2C bus.
func (b *Board) I2C(name string) (i2c.Bus, error) {
	bus, err := open(b, b.i2cs, name, i2creg.Open)
	if err != nil {
		var have []string
		for _, r := range i2creg.All() {
			have = append(have, append([]string{r.Name}, r.Aliases...)...)
		}
		return nil, b.explain(i2cs, name, have, err)
	}
	return bus, nil
}

// open opens a bus, or returns the one that is open already.
func open[T any](b *Board, all map[string]T, name string, do func(string) (T, error)) (T, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bus, ok := all[name]
	if ok || b.closed {
		if b.closed {
			return bus, ErrClosed
		}
		return bus, nil
	}
	bus, err := do(name)
	if err != nil {
		return bus, err
	}
	all[name] = bus
	return bus, nil
}

// Pin returns a pin. Nothing is done to it yet.
func (b *Board) Pin(name string) (gpio.PinIO, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("pin %q: %w", name, ErrClosed)
	}
	p := gpioreg.ByName(name)
	if p == nil {
		var have []string
		for _, p := range gpioreg.All() {
			have = append(have, p.Name())
		}
		return nil, b.explain(pins, name, have, errors.New("there is none of that name"))
	}
	b.pins[name] = p
	return p, nil
}

// CheckStream says what is wrong with the name of a stream, whether or not there is such a device.
func CheckStream(name string) (err error) {
	switch kind, rest, _ := strings.Cut(name, ":"); kind {
	case "serial":
		_, _, err = parseSerial(rest)
	case "evdev":
		if !filepath.IsAbs(rest) {
			err = fmt.Errorf("input device %q: want a whole path such as /dev/input/event3", rest)
		}
	default:
		err = errors.New("want serial:/dev/ttyUSB0?baud=9600 or evdev:/dev/input/event3")
	}
	if err != nil {
		return fmt.Errorf("stream %q: %w", name, err)
	}
	return nil
}

// Stream opens a serial line or an input device; see the package's comment. Each can be open once.
func (b *Board) Stream(name string) (io.ReadWriteCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("stream %q: %w", name, ErrClosed)
	}
	if err := CheckStream(name); err != nil {
		return nil, err
	}
	kind, rest, _ := strings.Cut(name, ":")
	key, _, _ := strings.Cut(name, "?")
	if b.streams[key] != nil { // the kernel refuses this too, but not to root
		return nil, fmt.Errorf("stream %q: is open already", name)
	}
	var s io.ReadWriteCloser
	var err error
	if kind == "serial" {
		s, err = openSerial(rest)
	} else {
		s, err = openEvdev(rest)
	}
	if err != nil {
		return nil, explainStream(kind, strings.TrimPrefix(key, kind+":"), fmt.Errorf("stream %q: %w", name, err))
	}
	l := &line{ReadWriteCloser: s, board: b, key: key}
	b.streams[key] = l
	return l, nil
}

// line is a stream that can be opened again when it has been closed.
type line struct {
	io.ReadWriteCloser
	board *Board
	key   string
}

func (l *line) Close() error {
	l.board.mu.Lock()
	if l.board.streams[l.key] == l {
		delete(l.board.streams, l.key)
	}
	l.board.mu.Unlock()
	return l.ReadWriteCloser.Close()
}

// Close halts the pins and closes all that was opened. Outputs keep their level: drivers bring them to rest before.
func (b *Board) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	streams := slices.Collect(maps.Values(b.streams)) // their Close takes the lock
	b.mu.Unlock()
	var errs []error
	for _, s := range streams {
		errs = append(errs, s.Close())
	}
	for _, p := range b.pins {
		errs = append(errs, p.Halt())
	}
	for _, o := range b.oneWires {
		errs = append(errs, o.Close())
	}
	for _, i := range b.i2cs {
		errs = append(errs, i.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close board: %w", err)
	}
	return nil
}

// forProgrammers is what periph says when there is no bus.
const forProgrammers = "; did you forget to call Init()?"

// explain says what was looked for, what there is, what the drivers of that kind said at the start, and what to do about it.
func (b *Board) explain(k kind, name string, have []string, err error) error {
	slices.Sort(have)
	there := "there is none at all"
	if len(have) > 0 {
		there = "there are " + strings.Join(slices.Compact(have), ", ")
	}
	var why string
	for w := range strings.SplitSeq(b.why, "; ") {
		if len(have) == 0 && strings.Contains(w, k.driver) {
			why += "; " + w
		}
	}
	if text := err.Error(); strings.Contains(text, forProgrammers) {
		err = errors.New(strings.ReplaceAll(text, forProgrammers, ""))
	}
	do := k.enable
	if d := k.denied(); len(d) > 0 && (len(have) == 0 || isDenied(err)) {
		do = d[0].Do
	} else if len(have) > 0 {
		do = ""
	}
	return &device.Advised{Err: fmt.Errorf("%s %q: %w; %s%s", k.name, name, err, there, why), Do: do}
}
