// Package matrix reads a matrix keypad, whose keys each join a row and a column, on pins. It types a byte a key, as a keypad on a
// serial encoder does: read it with package keypad.
package matrix

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
)

const (
	most = 8 // rows and columns
	// pause is how often the keys are looked at; a finger stays on a key for 50 ms and more. Two looks in a row must agree, so that
	// a contact may bounce for 10 ms.
	pause = 10 * time.Millisecond
	// settle is what a column's pull-up (50 kΩ inside common boards) needs to lift a cable of 500 pF, four times over.
	settle = 100 * time.Microsecond
)

// ErrClosed is returned by reads of a keypad that was closed.
var ErrClosed = errors.New("matrix keypad is closed")

// Dev is one keypad. Reads are for one goroutine; Close may come from any.
type Dev struct {
	rows    []gpio.PinIO
	columns []gpio.PinIO
	keys    []string
	sleep   func(time.Duration)
	closed  atomic.Bool

	ready bool   // all rows are driven low, all columns are inputs
	last  uint64 // keys of the look before
	held  uint64 // keys that count as down
}

// New returns the keypad whose keys stand as the strings say, one for each row, a byte a column. Columns get pull-ups. A row
// is driven low while it is looked at and is an input else, so that two keys never short two outputs. sleep waits in the machine's
// own time; time.Sleep when nil. The pins are not touched before the first read.
func New(rows, columns []gpio.PinIO, keys []string, sleep func(time.Duration)) (*Dev, error) {
	if len(rows) == 0 || len(rows) > most || len(columns) == 0 || len(columns) > most {
		return nil, fmt.Errorf("matrix keypad: %d rows and %d columns: want 1 to %d of each", len(rows), len(columns), most)
	}
	if err := CheckKeys(len(rows), len(columns), keys); err != nil {
		return nil, fmt.Errorf("matrix keypad: %w", err)
	}
	if sleep == nil {
		sleep = time.Sleep
	}
	return &Dev{rows: rows, columns: columns, keys: keys, sleep: sleep}, nil
}

// CheckKeys says whether keys fit rows and columns: printable ASCII, each once.
func CheckKeys(rows, columns int, keys []string) error {
	if len(keys) != rows {
		return fmt.Errorf("keys of %d rows: want %d", len(keys), rows)
	}
	seen := map[byte]bool{}
	for i, row := range keys {
		if len(row) != columns {
			return fmt.Errorf("row %d has the keys %q: want %d", i, row, columns)
		}
		for _, key := range []byte(row) {
			if key <= ' ' || key > '~' || seen[key] {
				return fmt.Errorf("row %d: key %q is there twice, or nobody can print it", i, key)
			}
			seen[key] = true
		}
	}
	return nil
}

// String names the first pins.
func (d *Dev) String() string { return "matrix keypad at " + d.rows[0].Name() }

// Halt ends reads and lets go of the rows.
func (d *Dev) Halt() error { return d.Close() }

// Close ends reads, which let go of the rows.
func (d *Dev) Close() error {
	d.closed.Store(true)
	return nil
}

// Read waits for the next key and types it. A key counts when it alone is down: of several at once, three may look like four.
func (d *Dev) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if d.closed.Load() {
			return 0, errors.Join(ErrClosed, d.rest())
		}
		now, err := d.look()
		if err != nil {
			d.ready = false // whatever state the pins are in
			return 0, fmt.Errorf("%s: %w", d, err)
		}
		key, ok := d.took(now)
		d.sleep(pause)
		if ok {
			p[0] = key
			return 1, nil
		}
	}
}

// Down says which keys are down now, and lets go of the rows.
func (d *Dev) Down() (keys string, err error) {
	down, err := d.look()
	for n := range most * len(d.rows) {
		if down>>n&1 != 0 {
			keys += string(d.keys[n/most][n%most])
		}
	}
	d.ready = false
	return keys, errors.Join(err, d.rest())
}

// took takes a look and says which key was pressed, if one was.
func (d *Dev) took(now uint64) (key byte, ok bool) {
	settled := now == d.last
	d.last = now
	if !settled || now == d.held {
		return 0, false
	}
	ok = d.held == 0 && bits.OnesCount64(now) == 1
	d.held = now
	if !ok {
		return 0, false
	}
	n := bits.TrailingZeros64(now)
	return d.keys[n/most][n%most], true
}

// look says which keys are down. While none is, all rows are low, and one reading of the columns tells.
func (d *Dev) look() (uint64, error) {
	if !d.ready {
		if err := d.allLow(); err != nil {
			return 0, err
		}
	}
	if d.columnsLow() == 0 {
		return 0, nil
	}
	var down uint64
	d.ready = false
	for i := range d.rows {
		if err := d.only(i); err != nil {
			return 0, err
		}
		d.sleep(settle)
		down |= d.columnsLow() << (i * most)
	}
	return down, d.allLow()
}

func (d *Dev) columnsLow() (low uint64) {
	for i, c := range d.columns {
		if c.Read() == gpio.Low {
			low |= 1 << i
		}
	}
	return low
}

// only drives one row.
func (d *Dev) only(row int) error {
	for i, r := range d.rows {
		if i != row {
			if err := r.In(gpio.PullNoChange, gpio.NoEdge); err != nil {
				return fmt.Errorf("let go of row %d: %w", i, err)
			}
		}
	}
	if err := d.rows[row].Out(gpio.Low); err != nil {
		return fmt.Errorf("drive row %d: %w", row, err)
	}
	return nil
}

func (d *Dev) allLow() error {
	for i, c := range d.columns {
		if err := c.In(gpio.PullUp, gpio.NoEdge); err != nil {
			return fmt.Errorf("set column %d up with a pull-up: %w", i, err)
		}
	}
	for i, r := range d.rows {
		if err := r.Out(gpio.Low); err != nil {
			return fmt.Errorf("drive row %d: %w", i, err)
		}
	}
	d.sleep(settle)
	d.ready = true
	return nil
}

func (d *Dev) rest() (err error) {
	for _, r := range d.rows {
		err = errors.Join(err, r.In(gpio.PullNoChange, gpio.NoEdge))
	}
	return err
}
