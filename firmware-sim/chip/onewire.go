package chip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"periph.io/x/conn/v3/onewire"
)

// ROM commands, as in the DS18B20's data sheet.
const (
	romSearch      = 0xF0
	romAlarmSearch = 0xEC
	romRead        = 0x33
	romMatch       = 0x55
	romSkip        = 0xCC
)

// OneWire is a 1-Wire bus. Chips that answer at once are ANDed bit by bit, as on the wire.
type OneWire struct {
	name string
	now  func() time.Time

	mu     sync.Mutex
	probes []*DS18B20
	short  bool
	fault  error
	search []*DS18B20 // still in the running
	bit    int
}

// Add puts a DS18B20 with a serial number of 48 bits on the bus. milliC is the temperature of its sleeve in thousandths of a
// degree; it is asked once for each conversion, and must not use the bus.
func (o *OneWire) Add(serial uint64, milliC func() int64) *DS18B20 {
	d := newDS18B20(o, serial, milliC)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.probes = append(o.probes, d)
	return d
}

// SetShort shorts the data line to ground, or ends that.
func (o *OneWire) SetShort(short bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.short = short
}

// SetFault makes every transaction fail with err, as a bus master that is gone; nil ends that.
func (o *OneWire) SetFault(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault = err
}

func (o *OneWire) powerUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range o.probes {
		d.reset()
	}
}

// tx is a reset pulse, the bytes w, and len(r) bytes read.
func (o *OneWire) tx(w, r []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.search = nil
	on, err := o.presence()
	if err != nil {
		return err
	}
	for _, d := range on {
		d.settle(o.now())
	}
	for i := range r {
		r[i] = 0xFF
	}
	if len(w) == 0 {
		return nil
	}
	command := w[1:]
	switch w[0] {
	case romSkip:
	case romMatch:
		if len(w) < 9 {
			return nil // nobody feels meant
		}
		a := onewire.Address(binary.LittleEndian.Uint64(w[1:9]))
		on = slices.DeleteFunc(on, func(d *DS18B20) bool { return d.address != a })
		command = w[9:]
	case romRead:
		for _, d := range on {
			var rom [8]byte
			binary.LittleEndian.PutUint64(rom[:], uint64(d.address))
			and(r, rom[:])
		}
		return nil
	case romSearch, romAlarmSearch:
		o.search, o.bit = on, 0
		if w[0] == romAlarmSearch {
			o.search = slices.DeleteFunc(on, func(d *DS18B20) bool { return !d.alarmed() })
		}
		return nil
	default:
		return nil
	}
	for _, d := range on {
		d.function(command, r, o.now())
	}
	return nil
}

// presence is the answer to a reset pulse.
func (o *OneWire) presence() ([]*DS18B20, error) {
	switch {
	case o.fault != nil:
		return nil, fmt.Errorf("1-Wire bus %s: %w", o.name, o.fault)
	case o.short:
		return nil, shorted("1-Wire bus " + o.name + ": data line is shorted")
	}
	on := slices.DeleteFunc(slices.Clone(o.probes), func(d *DS18B20) bool { return d.missing })
	if len(on) == 0 {
		return nil, noDevices("1-Wire bus " + o.name + ": no presence pulse")
	}
	return on, nil
}

// triplet is one step of a search: all that are in the running send their bit and its complement, and those with the other
// bit than the one taken drop out.
func (o *OneWire) triplet(direction byte) (onewire.TripletResult, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bit > 63 {
		return onewire.TripletResult{}, errors.New("1-Wire bus " + o.name + ": no search is under way")
	}
	t := onewire.TripletResult{Taken: direction}
	for _, d := range o.search {
		if d.address>>o.bit&1 == 0 {
			t.GotZero = true
		} else {
			t.GotOne = true
		}
	}
	if t.GotZero != t.GotOne {
		t.Taken = 0
		if t.GotOne {
			t.Taken = 1
		}
	}
	o.search = slices.DeleteFunc(o.search, func(d *DS18B20) bool { return byte(d.address>>o.bit&1) != t.Taken })
	o.bit++
	return t, nil
}

func and(r, with []byte) {
	for i := range min(len(r), len(with)) {
		r[i] &= with[i]
	}
}

type noDevices string

func (e noDevices) Error() string { return string(e) }

// NoDevices makes it an onewire.NoDevicesError.
func (e noDevices) NoDevices() bool { return true }

type shorted string

func (e shorted) Error() string { return string(e) }

// IsShorted makes it an onewire.ShortedBusError.
func (e shorted) IsShorted() bool { return true }

// BusError makes it an onewire.BusError.
func (e shorted) BusError() bool { return true }

// oneWireHandle is a bus as an agent sees it.
type oneWireHandle struct {
	bus       *OneWire
	board     *Board
	searching sync.Mutex
}

var _ onewire.BusSearcher = (*oneWireHandle)(nil)

func (h *oneWireHandle) String() string { return h.bus.name }

func (h *oneWireHandle) Tx(w, r []byte, _ onewire.Pullup) error {
	if h.board.closed() {
		return fmt.Errorf("1-Wire bus %s: %w", h.bus.name, ErrClosed)
	}
	return h.bus.tx(w, r)
}

func (h *oneWireHandle) SearchTriplet(direction byte) (onewire.TripletResult, error) {
	if h.board.closed() {
		return onewire.TripletResult{}, fmt.Errorf("1-Wire bus %s: %w", h.bus.name, ErrClosed)
	}
	return h.bus.triplet(direction)
}

// Search finds the chips on the bus; a bus with none is an onewire.NoDevicesError, and with no alarm an empty list.
func (h *oneWireHandle) Search(alarmOnly bool) ([]onewire.Address, error) {
	h.searching.Lock()
	defer h.searching.Unlock()
	if alarmOnly && !h.bus.anyAlarm() {
		return nil, nil
	}
	return onewire.Search(h, alarmOnly)
}

func (o *OneWire) anyAlarm() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.probes, func(d *DS18B20) bool {
		d.settle(o.now())
		return !d.missing && d.alarmed()
	})
}
